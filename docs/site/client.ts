/**
 * The library at work: the client over a caching manager, a local cache and the embedded KMS, on WebCrypto, under a clock
 * that can be set forward.
 */
import { Clock, Duration, Effect, Exit, Layer, ManagedRuntime, Result, Scope } from "effect"
import { AlgorithmSuite, CryptographicMaterialsManager, DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { CacheEntry, CachingCmm, LocalCache, MaterialsCache } from "effect-encryption-sdk/caching"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { WebPrimitives } from "effect-encryption-sdk/web"

export interface Policy {
  readonly capacity: number
  /** In seconds. */
  readonly age: number
  readonly maxMessages: number
  readonly maxBytes: number
}

/** An entry of the cache, with what the page shows of it. */
export interface Shown {
  readonly entry: CacheEntry.CacheEntry
  readonly bornAt: number
  readonly policy: Policy
}

/** The entries that are in the cache now. */
export const entries = new Map<CacheEntry.EntryMetadata, Shown>()

export const tally = { messages: 0, calls: 0 }

let aheadMillis = 0

/** Sets the clock forward. It never goes back. */
export const setAhead = (seconds: number) => {
  aheadMillis += 1000 * seconds
}

export const now = () => performance.now() + aheadMillis

const clockAhead = (live: Clock.Clock): Clock.Clock => {
  const millis = () => live.currentTimeMillisUnsafe() + aheadMillis
  const nanos = () => live.currentTimeNanosUnsafe() + BigInt(aheadMillis) * 1_000_000n
  const monotonic = () => live.monotonicTimeNanosUnsafe() + BigInt(aheadMillis) * 1_000_000n
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: monotonic,
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep: (duration) => live.sleep(duration)
  }
}

const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

const countedKms = Layer.effect(
  Kms.Kms,
  Effect.map(Kms.Kms, (kms) => {
    const count = <A, E>(call: Effect.Effect<A, E>) => Effect.suspend(() => (tally.calls++, call))
    return {
      generateDataKey: (request) => count(kms.generateDataKey(request)),
      encrypt: (request) => count(kms.encrypt(request)),
      decrypt: (request) => count(kms.decrypt(request))
    }
  })
)

const runtime = ManagedRuntime.make(
  countedKms.pipe(
    Layer.provide(EmbeddedKms.layer({ keys: [{ arn }], latency: "80 millis" })),
    Layer.provideMerge(WebPrimitives.layer),
    Layer.provideMerge(Layer.effect(Clock.Clock, Effect.map(Clock.Clock, clockAhead)))
  )
)

/** A client over a new cache under this policy, which lives until the scope is closed. */
const make = Effect.fn(function*(policy: Policy, onEviction: (event: CacheEntry.EvictionEvent) => void) {
  const local = yield* LocalCache.make({
    capacity: policy.capacity,
    sweepInterval: "1 second",
    onEviction: (event) => {
      onEviction(event)
      entries.delete(event.metadata)
    }
  })
  const cache = MaterialsCache.make({
    ...local,
    put: (entry) =>
      Effect.tap(local.put(entry), () =>
        Effect.sync(() => {
          if (!CacheEntry.isEvicted(entry)) entries.set(entry.metadata, { entry, bornAt: now(), policy })
        }))
  })
  const manager = yield* CachingCmm.make({
    cache,
    materialsManager: yield* DefaultCmm.make(yield* KmsKeyring.make({ generatorKeyId: arn })),
    policy: {
      maxAge: Duration.seconds(policy.age),
      maxMessagesEncrypted: policy.maxMessages,
      maxBytesEncrypted: policy.maxBytes
    }
  })
  const sdk = yield* EncryptionSdk.make().pipe(
    Effect.provideService(CryptographicMaterialsManager.CryptographicMaterialsManager, manager)
  )
  return { manager, sdk }
})

type Client = Effect.Success<ReturnType<typeof make>>

let open: Client & { readonly scope: Scope.Closeable; readonly policy: Policy } | undefined

/** The policy of the cache that is in use, if there is one. */
export const policyInUse = (): Policy | undefined => open?.policy

/** Starts over with an empty cache. Closing the old one evicts its entries. */
export const restart = (policy: Policy, onEviction: (event: CacheEntry.EvictionEvent) => void) =>
  runtime.runPromise(Effect.gen(function*() {
    if (open !== undefined) yield* Scope.close(open.scope, Exit.void)
    const scope = yield* Scope.make()
    open = { ...(yield* Scope.provide(make(policy, onEviction), scope)), scope, policy }
  }))

export const encrypt = (text: string, tenant: string, isSigned: boolean) => {
  tally.messages++
  const algorithmSuite = isSigned
    ? AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
    : AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
  return runtime.runPromise(open!.sdk.encrypt(text, { algorithmSuite, encryptionContext: { tenant } }))
}

/** The plaintext with its receipt, or why there is none. */
export const decrypt = (message: Uint8Array) => {
  tally.messages++
  return runtime.runPromise(Effect.result(open!.sdk.decrypt(message)))
}

export const isRefused = Result.isFailure

/** Drops the keys of one tenant. */
export const forget = (tenant: string) =>
  runtime.runPromise(open!.manager.invalidate({ encryptionContext: { tenant } }))

/** How much an entry's key has been used. */
export const usageOf = (entry: CacheEntry.CacheEntry) => Effect.runSync(CacheEntry.usage(entry))
