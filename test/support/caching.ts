import { type Duration, Effect } from "effect"
import type { CryptographicMaterialsManager } from "effect-encryption-sdk"
import { CachingCmm, LocalCache, MaterialsCache } from "effect-encryption-sdk/caching"
import type { CacheEntry, CachingEvent } from "effect-encryption-sdk/caching"
import { Primitives } from "effect-encryption-sdk/crypto"
import { TestClock } from "./TestClock.ts"
import { TestPrimitives } from "./TestPrimitives.ts"
import { type Script, scriptedManager } from "./scriptedManager.ts"

type Options = Partial<Parameters<typeof CachingCmm.make>[0]> & {
  readonly script?: Script
  readonly capacity?: number
  readonly sweepInterval?: LocalCache.Options["sweepInterval"]
  /** Draws what is random from here instead of the operating system. */
  readonly randomBytes?: Primitives.Primitives["randomBytes"] | undefined
}

const make = Effect.fnUntraced(function*({ capacity, script, sweepInterval, ...options }: Options) {
  const evictions: Array<CacheEntry.EvictionEvent> = []
  const events: Array<CachingEvent> = []
  const scripted = scriptedManager(script)
  const cache: MaterialsCache.MaterialsCache = options.cache ?? (yield* LocalCache.make({
    capacity: capacity ?? 100,
    sweepInterval,
    onEviction: (event) => evictions.push(event)
  }))
  const cmm = yield* CachingCmm.make({
    policy: { maxAge: "10 minutes" },
    materialsManager: scripted.manager,
    onEvent: (event) => events.push(event),
    ...options,
    cache
  })
  return {
    cmm,
    cache,
    calls: scripted.calls,
    count: scripted.count,
    underlying: scripted.manager,
    evictions,
    events,
    causes: () => evictions.map(({ cause }) => cause),
    /** The answer of one encrypt request; its copy of the key lives until the test's scope closes. */
    encrypt: (request: CryptographicMaterialsManager.EncryptionMaterialsRequest) => cmm.getEncryptionMaterials(request),
    decrypt: (request: CryptographicMaterialsManager.DecryptMaterialsRequest) => cmm.decryptMaterials(request)
  }
})

/** A caching manager over a scripted one, with everything that a test looks at. */
export const caching = ({ randomBytes, ...options }: Options = {}) =>
  Effect.flatMap(Primitives.Primitives, (primitives) =>
    Effect.provideService(make(options), Primitives.Primitives, {
      ...primitives,
      randomBytes: randomBytes ?? primitives.randomBytes
    })).pipe(Effect.provide(TestPrimitives.layer))

/**
 * A user's own cache in a Map, which evicts nothing by itself: slow where it is told so, with other operations where they are
 * given.
 */
export const mapCache = (
  latency: { readonly get?: Duration.Input; readonly put?: Duration.Input } = {},
  operations: Partial<Parameters<typeof MaterialsCache.make>[0]> = {}
) => {
  const entries = new Map<string, CacheEntry.CacheEntry>()
  const after = <A>(duration: Duration.Input | undefined, effect: Effect.Effect<A>): Effect.Effect<A> =>
    duration === undefined ? effect : Effect.delay(effect, duration)
  const cache = MaterialsCache.make({
    stores: true,
    get: (key) => after(latency.get, Effect.sync(() => entries.get(key))),
    put: (entry) => after(latency.put, Effect.sync(() => void entries.set(entry.metadata.key, entry))),
    delete: (entry) => Effect.sync(() => void entries.delete(entry.metadata.key)),
    deleteWhere: () => Effect.succeed(0),
    clear: Effect.void,
    size: Effect.sync(() => entries.size),
    ...operations
  })
  return { cache, entries }
}

/** Lets fibers run until they wait for time. */
export const settle = TestClock.adjust(0)

export type Caching = Effect.Success<ReturnType<typeof caching>>
