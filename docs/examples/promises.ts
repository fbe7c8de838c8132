import { Layer, ManagedRuntime } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const kmsKeyArn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// One for the whole program: it holds the cache.
const runtime = ManagedRuntime.make(
  EncryptionSdk.layer().pipe(
    Layer.provide(CachingCmm.layer({ policy: { maxAge: "5 minutes" } })),
    Layer.provide([KmsKeyring.layer({ generatorKeyId: kmsKeyArn }), LocalCache.layer({ capacity: 100 })]),
    Layer.provide(EmbeddedKms.layer({ keys: [{ arn: kmsKeyArn }], latency: "20 millis" })),
    Layer.provide(NodePrimitives.layer)
  )
)

const encrypt = (record: string, tenant: string) =>
  runtime.runPromise(
    EncryptionSdk.EncryptionSdk.use((sdk) => sdk.encrypt(record, { encryptionContext: { tenant } }))
  )

const decrypt = async (message: Uint8Array, tenant: string): Promise<string> => {
  const { plaintext } = await runtime.runPromise(
    EncryptionSdk.EncryptionSdk.use((sdk) => sdk.decrypt(message, { expectedEncryptionContext: { tenant } }))
  )
  return new TextDecoder().decode(plaintext)
}

// A burst on a cold cache: the first call asks KMS, the others wait for its answer.
const encrypted = await Promise.all(["order 1", "order 2", "order 3"].map((order) => encrypt(order, "a")))
console.log(encrypted.map(({ receipt }) => receipt._tag))
console.log(await Promise.all(encrypted.map(({ message }) => decrypt(message, "a"))))

try {
  await decrypt(encrypted[0]!.message, "b")
} catch (error) {
  console.log(String(error))
}

// Zeroes the keys in the cache.
await runtime.dispose()

// [ 'Miss', 'Joined', 'Joined' ]
// [ 'order 1', 'order 2', 'order 3' ]
// DecryptError: decrypt: encryption context: key "tenant" is missing or has another value than expected
