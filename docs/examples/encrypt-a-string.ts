import { Console, Effect, Layer } from "effect"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const kmsKeyArn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const encryptionContext = { purpose: "test" }

  const { algorithmSuite, message } = yield* sdk.encrypt("My plaintext data", { encryptionContext })
  yield* Console.log(`${message.length} bytes, ${algorithmSuite.name}`)

  const { plaintext } = yield* sdk.decrypt(message, { expectedEncryptionContext: encryptionContext })
  yield* Console.log(new TextDecoder().decode(plaintext))
})

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provide(KmsKeyring.layer({ generatorKeyId: kmsKeyArn })),
  // A KMS inside this process, so that the example runs anywhere. On AWS: AwsKms.layer().
  Layer.provide(EmbeddedKms.layer({ keys: [{ arn: kmsKeyArn }] })),
  Layer.provide(NodePrimitives.layer)
)

await Effect.runPromise(Effect.provide(program, layer))

// 590 bytes, ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
// My plaintext data
