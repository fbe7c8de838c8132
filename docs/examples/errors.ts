import { Console, Effect, Layer } from "effect"
import { DefaultCmm, EncryptionSdk, KeyringError } from "effect-encryption-sdk"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const oregon = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const frankfurt = "arn:aws:kms:eu-central-1:111122223333:key/9876abcd-12ab-34cd-56ef-1234567890ab"

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  // An alias encrypts, and does not decrypt: messages name keys by their ARN.
  Layer.provide(KmsKeyring.layer({ generatorKeyId: "alias/orders", keyIds: [frankfurt] })),
  Layer.provideMerge(EmbeddedKms.layer({
    region: "us-west-2",
    keys: [{ arn: oregon, aliases: ["alias/orders"] }, { arn: frankfurt }]
  })),
  Layer.provide(NodePrimitives.layer)
)

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const kms = yield* EmbeddedKms.EmbeddedKms
  const { message } = yield* sdk.encrypt("order 1", { encryptionContext: { tenant: "a" } })

  // One reason, and a value in its place.
  yield* sdk.decrypt(message, { expectedEncryptionContext: { tenant: "b" } }).pipe(
    Effect.catchReason("DecryptError", "EncryptionContextMismatch", ({ key }) => Console.log(`not ours: ${key}`))
  )

  // A row for each encrypted data key at each keyring.
  yield* kms.setKeyState(frankfurt, "Disabled")
  yield* sdk.decrypt(message).pipe(
    Effect.catchReason(
      "DecryptError",
      "NoDataKeyUnwrapped",
      ({ encryptedDataKeys }) => Effect.forEach(encryptedDataKeys, (row) => Console.log(KeyringError.formatReport(row)))
    )
  )
  yield* kms.setKeyState(frankfurt, "Enabled")

  // Several reasons at once. Of a message that is not authentic, the name of the failed check is all that is told.
  const tampered = message.with(message.length - 1, message.at(-1)! ^ 1)
  const outcome = yield* sdk.decrypt(tampered).pipe(
    Effect.as("authentic"),
    Effect.catchReasons("DecryptError", {
      AuthenticationFailed: ({ check }) => Effect.succeed(`${check} check failed`),
      MalformedMessage: ({ field, offset }) => Effect.succeed(`${field} at byte ${offset} is malformed`)
    })
  )
  yield* Console.log(outcome)

  // Whatever it was.
  const error = yield* Effect.flip(sdk.encrypt("order 1", { frameLength: 0 }))
  yield* Console.log(`${error._tag}, ${error.reason._tag}, isRetryable ${error.isRetryable}: ${error.message}`)
})

await Effect.runPromise(Effect.provide(program, layer))

// not ours: tenant
//   #0 aws-kms arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab — KmsKeyring: skipped, its key ARN is not configured, and names are compared exactly: alias/orders is an alias, which encrypts but does not decrypt. If this is the key that is meant, configure its key ARN arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
//   #1 aws-kms arn:aws:kms:eu-central-1:111122223333:key/9876abcd-12ab-34cd-56ef-1234567890ab — KmsKeyring: attempted, KeyUnavailable (DisabledException: arn:aws:kms:eu-central-1:111122223333:key/9876abcd-12ab-34cd-56ef-1234567890ab is disabled.)
// signature check failed
// EncryptError, InvalidOption, isRetryable false: encrypt: frameLength: must be an integer from 1 to 4294967295
