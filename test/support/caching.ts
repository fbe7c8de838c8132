import { Effect } from "effect"
import type { CryptographicMaterialsManager } from "effect-encryption-sdk"
import { CachingCmm, LocalCache, type MaterialsCache } from "effect-encryption-sdk/caching"
import type { CacheEntry, CachingEvent } from "effect-encryption-sdk/caching"
import { Primitives } from "effect-encryption-sdk/crypto"
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

export type Caching = Effect.Success<ReturnType<typeof caching>>
