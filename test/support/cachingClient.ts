import { Effect } from "effect"
import { CryptographicMaterialsManager, DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, type CachingEvent, LocalCache, type MaterialsCache } from "effect-encryption-sdk/caching"
import { Primitives } from "effect-encryption-sdk/crypto"
import { recordingKeyring } from "./keyrings.ts"
import { TestPrimitives } from "./TestPrimitives.ts"

type Manager = CryptographicMaterialsManager.CryptographicMaterialsManager

interface Options extends Partial<CachingCmm.Options> {
  readonly primitives?: Primitives.Primitives
  /** Wraps the caching manager. */
  readonly wrap?: (cmm: Manager) => Manager
  readonly keyring?: ReturnType<typeof recordingKeyring>["keyring"]
  readonly cache?: MaterialsCache.MaterialsCache
}

/** A client over a caching manager, with the events of the manager. */
export const cachingClient = (options: Options = {}) => Effect.provide(make(options), TestPrimitives.layer)

const make = Effect.fnUntraced(function*({
  cache,
  keyring = recordingKeyring().keyring,
  onEvent,
  primitives = TestPrimitives.make,
  wrap = (cmm) => cmm,
  ...options
}: Options) {
  const events: Array<CachingEvent> = []
  const cmm = yield* CachingCmm.make({
    policy: { maxAge: "1 minute" },
    ...options,
    materialsManager: yield* DefaultCmm.make(keyring),
    cache: cache ?? (yield* LocalCache.make({ capacity: 100 })),
    onEvent: (event) => {
      events.push(event)
      onEvent?.(event)
    }
  }).pipe(Effect.provideService(Primitives.Primitives, primitives))
  const sdk = yield* EncryptionSdk.make().pipe(
    Effect.provideService(CryptographicMaterialsManager.CryptographicMaterialsManager, wrap(cmm)),
    Effect.provideService(Primitives.Primitives, primitives)
  )
  return { cmm, events, sdk }
})
