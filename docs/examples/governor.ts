import { Clock, Console, Effect, Fiber, Layer, Metric, Random } from "effect"
import { AlgorithmSuite, DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { KmsGovernor, KmsGovernorMetrics } from "effect-encryption-sdk/kms/governor"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { TestClock } from "effect/testing"

const arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// In production: KmsGovernor.layer({ … }).pipe(Layer.provide(AwsKms.layer({ maxAttempts: 1 })))
const Kms = KmsGovernor.layer({ rate: 20, deadline: "5 seconds", circuit: {} }).pipe(
  Layer.provideMerge(ScriptedKms.layer({ keys: [{ arn }] }))
)

const services = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provide(KmsKeyring.layer({ generatorKeyId: arn })),
  Layer.provideMerge(Kms),
  Layer.provide(NodePrimitives.layer)
)

const region = "eu-central-1"
const operation = "GenerateDataKey"

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const kms = yield* ScriptedKms.ScriptedKms
  const encrypt = sdk.encrypt("hello", { algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY }).pipe(
    Effect.as("encrypted"),
    Effect.catchReason(
      "EncryptError",
      "KeyringError",
      ({ reason }) => Effect.succeed("code" in reason ? reason.code : reason._tag)
    )
  )
  /** Messages at once, and how many came to which end in how many seconds. */
  const burst = Effect.fnUntraced(function*(count: number) {
    const start = yield* Clock.currentTimeMillis
    const fibers = yield* Effect.forEach(
      Array.from({ length: count }),
      () => Effect.forkChild(Effect.zip(encrypt, Clock.currentTimeMillis))
    )
    yield* TestClock.adjust("10 seconds")
    const ends = yield* Fiber.joinAll(fibers)
    for (const [end, group] of Map.groupBy(ends, ([end]) => end)) {
      const last = Math.max(...group.map(([, at]) => at))
      yield* Console.log(
        `${count} at once: ${group.length} ${end}, the last after ${((last - start) / 1000).toFixed(2)} s`
      )
    }
  })

  yield* burst(40)
  yield* burst(150)

  yield* kms.when({ operation, times: 1 }, ScriptedKms.fail("Throttled"))
  yield* burst(1)
  const { value } = yield* Metric.value(KmsGovernorMetrics.rate({ region, quota: "symmetric" }))
  const { count } = yield* Metric.value(KmsGovernorMetrics.retries({ region, operation }))
  yield* Console.log(`after a throttle: ${count} retry, and ${value.toFixed(1)} calls per second`)
})

await Effect.runPromise(
  program.pipe(Random.withSeed("example"), Effect.provide(services), Effect.provide(TestClock.layer()))
)

// 40 at once: 40 encrypted, the last after 1.90 s
// 150 at once: 101 encrypted, the last after 4.95 s
// 150 at once: 49 GovernorRateExceeded, the last after 0.00 s
// 1 at once: 1 encrypted, the last after 0.02 s
// after a throttle: 1 retry, and 14.0 calls per second
