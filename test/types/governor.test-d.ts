/** Types of the governor: it provides what it needs, and governs the calls that there are. */
import { Config, type Effect, type Layer, type Scope } from "effect"
import type { InvalidOption } from "effect-encryption-sdk"
import type { Kms } from "effect-encryption-sdk/kms"
import { KmsGovernor } from "effect-encryption-sdk/kms/governor"
import type { RateLimiterStore } from "effect/persistence/RateLimiter"
import { expectTypeOf } from "vitest"

declare const governor: KmsGovernor.KmsGovernor
declare const operations: Kms.Operations

expectTypeOf(KmsGovernor.layer({ rate: 1 })).toEqualTypeOf<Layer.Layer<Kms.Ports, InvalidOption, Kms.Ports>>()
expectTypeOf(KmsGovernor.layerShared({ rate: 1 })).toEqualTypeOf<
  Layer.Layer<Kms.Ports, InvalidOption, Kms.Ports | RateLimiterStore>
>()
expectTypeOf(KmsGovernor.layerConfig({ rate: Config.Number("RATE"), circuit: {} })).toEqualTypeOf<
  Layer.Layer<Kms.Ports, InvalidOption | Config.ConfigError, Kms.Ports>
>()
expectTypeOf(KmsGovernor.make({ rate: 1 })).toEqualTypeOf<
  Effect.Effect<KmsGovernor.KmsGovernor, InvalidOption, Scope.Scope>
>()
// @ts-expect-error: the rate has no default
KmsGovernor.layer({})
// @ts-expect-error: no quota has this name
KmsGovernor.layer({ rate: 1, rates: { CreateKey: 5 } })

const { decrypt } = operations
expectTypeOf(governor.govern({ decrypt })).toEqualTypeOf<Pick<Kms.Operations, "decrypt">>()
// @ts-expect-error: it is not among the calls that are governed
void governor.govern({ decrypt }).encrypt
