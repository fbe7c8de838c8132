import { Console, Effect, Layer } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { TestClock } from "effect/testing"

const kmsKeyArn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// What the program and its tests share: everything but KMS and time.
const encryption = EncryptionSdk.layer().pipe(
  Layer.provide(CachingCmm.layer({ policy: { maxAge: "5 minutes" } })),
  Layer.provide([KmsKeyring.layer({ generatorKeyId: kmsKeyArn }), LocalCache.layer({ capacity: 100 })])
)

export const production = encryption.pipe(
  Layer.provide(AwsKms.layer({ maxAttempts: 5 })),
  Layer.provide(NodePrimitives.layer)
)

const test = encryption.pipe(
  Layer.provideMerge(ScriptedKms.layer({ keys: [{ arn: kmsKeyArn }] })),
  Layer.provideMerge(TestClock.layer()),
  Layer.provide(NodePrimitives.layer)
)

const encryptOrder = EncryptionSdk.EncryptionSdk.use((sdk) =>
  sdk.encrypt("order 1", { encryptionContext: { tenant: "a" } })
)

await Effect.runPromise(
  Effect.gen(function*() {
    const kms = yield* ScriptedKms.ScriptedKms
    yield* encryptOrder
    yield* TestClock.adjust("299 seconds")
    yield* encryptOrder
    yield* Console.log(`younger than 5 minutes: ${yield* kms.count("GenerateDataKey")} call`)

    yield* TestClock.adjust("1 second")
    yield* kms.when({ operation: "GenerateDataKey" }, ScriptedKms.fail("Throttled"))
    const error = yield* Effect.flip(encryptOrder)
    yield* Console.log(`${error.message}; isRetryable: ${error.isRetryable}`)
    yield* Console.log(`data keys that KMS handed out and nobody has zeroed: ${yield* kms.unreleased}`)
  }).pipe(Effect.provide(test))
)

// younger than 5 minutes: 1 call
// encrypt: KmsKeyring.onEncrypt: arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab: Throttled (ThrottlingException: scripted), a retry may help; isRetryable: true
// data keys that KMS handed out and nobody has zeroed: 0
