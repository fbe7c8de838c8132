import { Console, Context, Effect, Layer } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CacheEntry, CachingCmm, MaterialsCache, MaterialsCacheError } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

/** A service elsewhere, which knows the tenants whose cached keys must not be used any more. */
class Revocations extends Context.Service<Revocations, {
  readonly isRevoked: (tenant: string | undefined) => Effect.Effect<boolean, Error>
}>()("example/Revocations") {}

/** Keeps entries in this process, and asks the service elsewhere before it returns one. */
const make = Effect.fnUntraced(function*(capacity: number) {
  const revocations = yield* Revocations
  const entries = new Map<string, CacheEntry.CacheEntry>()
  let closed = false

  // Each entry that leaves is evicted: that zeroes its data key, and tells managers and metrics the cause.
  const drop = (leaving: ReadonlyArray<CacheEntry.CacheEntry>, cause: CacheEntry.EvictionCause) =>
    Effect.suspend(() => {
      for (const entry of leaving) if (entries.get(entry.metadata.key) === entry) entries.delete(entry.metadata.key)
      return Effect.forEach(leaving, (entry) => CacheEntry.evict(entry, cause), { discard: true })
    })

  yield* Effect.addFinalizer(() => {
    closed = true
    return drop([...entries.values()], "scope")
  })

  return MaterialsCache.make({
    // With `false`, managers would not ask at all: caching is off.
    stores: capacity > 0,

    // There may be more than one response in flight. What a manager may not use (too old, spent, evicted, another key's)
    // it takes for a miss, whatever is answered here.
    get: Effect.fnUntraced(function*(key) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      const isRevoked = yield* revocations.isRevoked(entry.metadata.encryptionContext["tenant"]).pipe(
        Effect.mapError((cause) => new MaterialsCacheError({ operation: "get", cause }))
      )
      if (isRevoked) {
        yield* drop([entry], "deleted")
        return undefined
      }
      // The most recently used: a Map keeps the order of insertion.
      if (entries.get(key) === entry) {
        entries.delete(key)
        entries.set(key, entry)
      }
      return entry
    }),

    // Makes room first. An entry that was evicted while it was on its way here is not stored.
    put: (entry) =>
      Effect.suspend(() => {
        if (CacheEntry.isEvicted(entry)) return Effect.void
        if (closed) return drop([entry], "scope")
        const before = entries.get(entry.metadata.key)
        entries.delete(entry.metadata.key)
        const oldest = entries.size < capacity ? [] : [...entries.values()].slice(0, 1)
        entries.set(entry.metadata.key, entry)
        const replaced = before === undefined || before === entry ? [] : [before]
        return Effect.andThen(drop(replaced, "replaced"), drop(oldest, "capacity"))
      }),

    // This very entry, and no other that has taken its place.
    delete: (entry, cause) => drop([entry], cause),

    deleteWhere: (predicate, cause) =>
      Effect.suspend(() => {
        const leaving = [...entries.values()].filter(({ metadata }) => predicate(metadata))
        return Effect.as(drop(leaving, cause), leaving.length)
      }),

    clear: Effect.suspend(() => drop([...entries.values()], "cleared")),

    size: Effect.sync(() => entries.size)
  })
})

const cache = (capacity: number): Layer.Layer<MaterialsCache.MaterialsCache, never, Revocations> =>
  Layer.effect(MaterialsCache.MaterialsCache, make(capacity))

const kmsKeyArn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
let isRevoked: Effect.Effect<boolean, Error> = Effect.succeed(false)

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(CachingCmm.layer({
    policy: { maxAge: "5 minutes" },
    // How long the cache may take before it counts as a miss.
    cacheTimeout: "500 millis",
    onEvent: (event) => {
      if (event._tag === "CacheFault") console.log(`warning: ${event.operation} ${event.fault}`)
    }
  })),
  Layer.provide([cache(100), KmsKeyring.layer({ generatorKeyId: kmsKeyArn })]),
  Layer.provide(Layer.succeed(Revocations, { isRevoked: () => Effect.delay(isRevoked, "5 millis") })),
  Layer.provide(EmbeddedKms.layer({ keys: [{ arn: kmsKeyArn }] })),
  Layer.provide(NodePrimitives.layer)
)

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const encrypt = Effect.flatMap(
    sdk.encrypt("order 1", { encryptionContext: { tenant: "a" } }),
    ({ receipt }) => Console.log(receipt._tag)
  )
  yield* encrypt
  yield* encrypt
  isRevoked = Effect.succeed(true)
  yield* encrypt
  isRevoked = Effect.fail(new Error("the service is down"))
  yield* encrypt
  isRevoked = Effect.never
  yield* encrypt
})

await Effect.runPromise(Effect.provide(program, layer))

// Miss
// Hit
// Miss
// warning: get failed
// Miss
// warning: get timedOut
// Miss
