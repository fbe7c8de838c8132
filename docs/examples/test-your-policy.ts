import { Arbitrary, Console, Effect, Layer } from "effect"
import { AlgorithmSuite, EncryptionSdk } from "effect-encryption-sdk"
import { CachePolicy, CachingCmm, LocalCache, type MaterialsCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { Arbitraries, CachingCounts, FaultyCache, ScriptedKms } from "effect-encryption-sdk/testing"
import { TestClock } from "effect/testing"

const arn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// What is to be tested: 1,000 messages for each data key, of payments 10.
const policy = Effect.map(
  CachePolicy.make({ maxAge: "5 minutes", maxMessagesEncrypted: 1000 }),
  CachePolicy.tightest(
    CachePolicy.rule(({ encryptionContext }) =>
      encryptionContext["purpose"] === "payments" ? { maxMessagesEncrypted: 10 } : undefined
    )
  )
)

// What runs in production, but for the KMS, the clock and, for one of the tests, the cache.
const layer = <Script, E>(cache: Layer.Layer<MaterialsCache.MaterialsCache | Script, E>) =>
  EncryptionSdk.layer().pipe(
    Layer.provide(Layer.unwrap(Effect.map(policy, (policy) => CachingCmm.layer({ policy })))),
    Layer.provide(KmsKeyring.layer({ generatorKeyId: arn })),
    Layer.provideMerge(cache),
    Layer.provideMerge(ScriptedKms.layer({ keys: [{ arn }] })),
    Layer.provide(NodePrimitives.layerSynchronous),
    Layer.provideMerge(TestClock.layer())
  )

const algorithmSuite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
const encrypt = Effect.fnUntraced(function*(purpose: string, messages: number) {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const encryptOne = sdk.encrypt("a record", { encryptionContext: { purpose }, algorithmSuite })
  return yield* Effect.all(Array.from({ length: messages }, () => encryptOne), { concurrency: "unbounded" })
})

// The policy in ten lines: how many calls it allows, and not one more.
const calls = Effect.gen(function*() {
  yield* encrypt("orders", 3000)
  yield* ScriptedKms.assertCalls({ GenerateDataKey: 3 })
  yield* encrypt("payments", 95)
  yield* ScriptedKms.assertCalls({ GenerateDataKey: 3 + 10 })
  yield* TestClock.adjust("5 minutes")
  yield* encrypt("orders", 1)
  yield* ScriptedKms.assertCalls({ GenerateDataKey: 3 + 10 + 1 })
  yield* ScriptedKms.assertAllReleased
  yield* Console.log("3,096 encrypts, exactly 14 calls")
}).pipe(Effect.provide(layer(LocalCache.layer({ capacity: 100 }))))

// Whatever comes in, and whenever: no data key encrypts more than 10 payments.
const property = Arbitrary.checkEffect(
  Arbitraries.steps({ maxPause: "1 minute" }),
  (steps) =>
    Effect.gen(function*() {
      const sdk = yield* EncryptionSdk.EncryptionSdk
      const uses = new Map<string, number>()
      for (const { encryptionContext, length, pause } of steps) {
        yield* TestClock.adjust(pause)
        const { header } = yield* sdk.encrypt(new Uint8Array(length), {
          encryptionContext: { ...encryptionContext, purpose: "payments" },
          algorithmSuite
        })
        const dataKey = header.encryptedDataKeys[0]!.ciphertext.join()
        uses.set(dataKey, (uses.get(dataKey) ?? 0) + 1)
      }
      return Math.max(...uses.values()) <= 10
    }).pipe(Effect.provide(layer(LocalCache.layer({ capacity: 100 })))),
  { runs: 50, seed: "payments" }
).pipe(
  Effect.flatMap((result) =>
    Console.log(Arbitrary.formatCheckFailure(result) ?? "50 sequences of requests, all within")
  )
)

// A cache that fails costs calls, and nothing else.
const badCache = Effect.gen(function*() {
  const cache = yield* FaultyCache.FaultyCache
  yield* cache.when({ operation: "get", nth: 2 }, FaultyCache.fail)
  for (let message = 1; message <= 5; message++) yield* encrypt("orders", 1)
  yield* ScriptedKms.assertCalls({ GenerateDataKey: 2 })
  const { encrypt: counts, faults } = yield* CachingCounts.read
  yield* Console.log(`hits ${counts.requests.hit}, misses ${counts.requests.miss}, faults ${faults["get"]}`)
}).pipe(Effect.provide(layer(FaultyCache.layer())), CachingCounts.isolate)

await Effect.runPromise(Effect.all([calls, property, badCache]))

// 3,096 encrypts, exactly 14 calls
// 50 sequences of requests, all within
// hits 3, misses 2, faults 1
