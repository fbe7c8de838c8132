import { Clock, Effect, Schedule, Scope } from "effect"
import type { CryptographicMaterialsManager } from "effect-encryption-sdk"
import { CachePolicy, CachingCmm, type MaterialsCache } from "effect-encryption-sdk/caching"
import { Primitives } from "effect-encryption-sdk/crypto"
import * as Program from "../Program.ts"
import type { Observer } from "./observer.ts"

/** One of the two managers of a program. */
export const makeManager = Effect.fnUntraced(
  function*(
    program: Program.Program,
    manager: 0 | 1,
    materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager,
    viewOf: (manager: 0 | 1, cache: number) => MaterialsCache.MaterialsCache,
    { clock, listener }: Observer,
    primitives: Primitives.Primitives,
    scope: Scope.Scope
  ) {
    const spec = program.managers[manager]
    const thresholds = yield* CachePolicy.make({
      maxAge: `${spec.maxAge} millis`,
      maxMessagesEncrypted: spec.maxMessages,
      maxBytesEncrypted: spec.maxBytes
    })
    return yield* CachingCmm.make({
      policy: CachePolicy.tightest(thresholds, CachePolicy.rule(Program.rule(spec.rule))),
      partitionId: spec.partition,
      cache: viewOf(manager, 0),
      decryptCache: program.decryptCapacity === undefined ? undefined : viewOf(manager, 1),
      materialsManager,
      fetchDeadline: Program.fetchDeadline,
      refreshAhead: spec.refreshes
        ? {
          gracePeriod: Program.gracePeriod,
          budgetShare: Program.budgetShare,
          retry: Schedule.spaced(Program.retryDelay)
        }
        : undefined,
      onEvent: listener(manager)
    }).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provideService(Primitives.Primitives, primitives),
      Effect.provideService(Clock.Clock, clock)
    )
  },
  Effect.orDie
)
