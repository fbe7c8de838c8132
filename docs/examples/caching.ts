import { Console, Effect, Layer } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const kmsKeyArn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// 1. A data key cache: the local one, limited to 10 data keys.
const cache = LocalCache.layer({ capacity: 10 })

// 2. A keyring over an AWS KMS key.
const keyring = KmsKeyring.layer({ generatorKeyId: kmsKeyArn })

// 3. A caching materials manager over both. The maximum age is required.
const cachingCmm = CachingCmm.layer({
  policy: { maxAge: "60 seconds", maxMessagesEncrypted: 10 }
})

// 4. Encrypting looks the same with and without a cache.
const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const receipts: Array<string> = []
  for (let message = 1; message <= 12; message++) {
    const { receipt } = yield* sdk.encrypt("My plaintext data", { encryptionContext: { purpose: "test" } })
    receipts.push(receipt._tag)
  }
  yield* Console.log(receipts.join(" "))
})

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(cachingCmm),
  Layer.provide([cache, keyring]),
  // A KMS inside this process, so that the example runs anywhere. On AWS: AwsKms.layer().
  Layer.provide(EmbeddedKms.layer({ keys: [{ arn: kmsKeyArn }] })),
  Layer.provide(NodePrimitives.layer)
)

await Effect.runPromise(Effect.provide(program, layer))

// Miss Hit Hit Hit Hit Hit Hit Hit Hit Hit Miss Hit
