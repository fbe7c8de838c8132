/** The caches of a run. Each manager gets its own view of them, which says who puts and deletes. */
import { Clock, Effect, Scope } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { CacheEntry, LocalCache, MaterialsCache } from "effect-encryption-sdk/caching"
import { Entry as InternalEntry } from "../../../../src/caching/internal/entry.ts"
import { keyNumber } from "../../../support/scriptedManager.ts"
import type * as Program from "../Program.ts"
import type * as ReferenceModel from "../ReferenceModel.ts"
import type { Observer } from "./observer.ts"
import { usageOf } from "./Run.ts"

export interface Caches {
  readonly viewOf: (manager: 0 | 1, cache: number) => MaterialsCache.MaterialsCache
  /** Clears a cache, whatever the partition. */
  readonly clear: (cache: number) => void
  /** What is there: by the number of the call, how much each key was used. */
  readonly entries: () => ReadonlyMap<number, ReferenceModel.Usage>
  readonly sizes: () => ReadonlyArray<number>
}

/** Effects that run before an entry is put into the local cache, and before one is deleted. */
export interface Delays {
  readonly beforePut: Effect.Effect<void>
  readonly beforeDelete: Effect.Effect<void>
}

export const makeCaches = Effect.fnUntraced(function*(
  program: Program.Program,
  observer: Observer,
  delays: Delays,
  scope: Scope.Scope
): Effect.fn.Return<Caches> {
  const handles: Array<CacheEntry.CacheEntry> = []
  const step = { within: false }
  const inOneStep = <A, E>(effect: Effect.Effect<A, E>): A => {
    step.within = true
    try {
      return Effect.runSync(effect)
    } finally {
      step.within = false
    }
  }
  const caches: Array<MaterialsCache.MaterialsCache> = []
  for (const [cache, capacity] of [program.capacity, program.decryptCapacity ?? 1].entries()) {
    caches.push(
      yield* LocalCache.make({
        capacity,
        sweepInterval: program.sweepInterval,
        onEviction: (event) => observer.observe({ _tag: "Evicted", cache, within: step.within, event })
      }).pipe(
        Effect.provideService(Scope.Scope, scope),
        Effect.provideService(Clock.Clock, observer.clock),
        Effect.orDie
      )
    )
  }
  return {
    viewOf: (manager, cache) => viewOf(observer, delays, inOneStep, handles, manager, cache, caches[cache]!),
    clear: (cache) => {
      inOneStep(caches[cache]!.clear)
      observer.observe({ _tag: "CacheCleared", cache })
    },
    entries: () =>
      new Map(handles.flatMap((handle) => {
        const call = callOf(handle)
        return call === undefined ? [] : [[call, usageOf(inOneStep(CacheEntry.usage(handle)))] as const]
      })),
    sizes: () => caches.map((cache) => inOneStep(cache.size))
  }
})

const viewOf = (
  { observe }: Observer,
  { beforeDelete, beforePut }: Delays,
  inOneStep: <A, E>(effect: Effect.Effect<A, E>) => A,
  handles: Array<CacheEntry.CacheEntry>,
  manager: 0 | 1,
  cache: number,
  real: MaterialsCache.MaterialsCache
): MaterialsCache.MaterialsCache =>
  MaterialsCache.make({
    stores: real.stores,
    get: real.get,
    getUnsafe: real.getUnsafe,
    put: (entry) =>
      Effect.andThen(
        beforePut,
        Effect.sync(() => {
          const call = callOf(entry)
          const usage = usageOf(inOneStep(CacheEntry.usage(entry)))
          handles.push(entry)
          inOneStep(real.put(entry))
          // An entry that was evicted on its way is not stored: the cache sees to that, and there is nothing to observe.
          if (call !== undefined) observe({ _tag: "Put", manager, call, usage })
        })
      ),
    delete: (entry, cause) => Effect.andThen(beforeDelete, real.delete(entry, cause)),
    deleteWhere: (predicate, cause) =>
      Effect.sync(() => {
        const count = inOneStep(real.deleteWhere(predicate, cause))
        observe({ _tag: "Deleted", manager, cache, count })
        return count
      }),
    clear: real.clear,
    size: real.size
  })

/** The number of the call that made an entry's key; undefined once it is evicted. */
const callOf = (entry: CacheEntry.CacheEntry): number | undefined => {
  const { plaintextDataKey } = (entry as InternalEntry).copyMaterials() ?? {}
  if (plaintextDataKey === undefined) return undefined
  const call = keyNumber({ materials: { plaintextDataKey } })
  DataKey.zero(plaintextDataKey)
  return call
}
