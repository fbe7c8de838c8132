/** Types of the doubles for tests: they stand in at ports, and bring their own services. */
import { Effect, type Layer } from "effect"
import type { MaterialsCache } from "effect-encryption-sdk/caching"
import type { Primitives } from "effect-encryption-sdk/crypto"
import type { Kms } from "effect-encryption-sdk/kms"
import type { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { CachingCounts, FaultyCache, ScriptedKms, SeededRandom } from "effect-encryption-sdk/testing"
import { expectTypeOf } from "vitest"

declare const kms: ScriptedKms.ScriptedKms
declare const cache: FaultyCache.FaultyCache

expectTypeOf(ScriptedKms.layer()).toEqualTypeOf<
  Layer.Layer<Kms.Ports | ScriptedKms.ScriptedKms | EmbeddedKms.EmbeddedKms, never, Primitives.Primitives>
>()
expectTypeOf(FaultyCache.layer()).toEqualTypeOf<
  Layer.Layer<MaterialsCache.MaterialsCache | FaultyCache.FaultyCache>
>()
expectTypeOf(SeededRandom.layer("seed")).toEqualTypeOf<
  Layer.Layer<Primitives.Primitives, never, Primitives.Primitives>
>()
// @ts-expect-error: a seed is given
SeededRandom.layer()

// Assertions need the double, and die rather than fail.
expectTypeOf(ScriptedKms.assertCalls({ GenerateDataKey: 1 })).toEqualTypeOf<
  Effect.Effect<void, never, ScriptedKms.ScriptedKms>
>()
expectTypeOf(ScriptedKms.assertAllReleased).toEqualTypeOf<Effect.Effect<void, never, ScriptedKms.ScriptedKms>>()
// @ts-expect-error: no such operation of KMS
ScriptedKms.assertCalls({ CreateKey: 1 })
// @ts-expect-error: the program does not run without the double
void Effect.runPromise(ScriptedKms.assertAllReleased)

// Scripts.
expectTypeOf(kms.when({ operation: "Decrypt", nth: 1 }, ScriptedKms.fail("Throttled"))).toEqualTypeOf<
  Effect.Effect<void>
>()
// @ts-expect-error: no such failure
ScriptedKms.fail("ThrottlingException")
// @ts-expect-error: behaviours of a cache are none of KMS
kms.when({}, FaultyCache.stale)
expectTypeOf(cache.when({ operation: "get" }, FaultyCache.fail)).toEqualTypeOf<Effect.Effect<void>>()
// @ts-expect-error: no such operation of a cache
cache.when({ operation: "set" }, FaultyCache.fail)
expectTypeOf(kms.unreleased).toEqualTypeOf<Effect.Effect<number>>()

// Counts.
declare const needy: Effect.Effect<1, "failure", Kms.Kms>
expectTypeOf(CachingCounts.read).toEqualTypeOf<Effect.Effect<CachingCounts.CachingCounts>>()
expectTypeOf(CachingCounts.isolate(needy)).toEqualTypeOf<typeof needy>()
expectTypeOf<CachingCounts.CachingCounts["encrypt"]["requests"]>().toEqualTypeOf<
  { readonly hit: number; readonly joined: number; readonly miss: number; readonly bypassed: number }
>()
