import { Console, Effect, Layer, Metric } from "effect"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import {
  BranchKeyAdmin,
  BranchKeyMetrics,
  BranchKeyStore,
  HierarchicalKeyring,
  MemoryBranchKeyStorage
} from "effect-encryption-sdk/hierarchical"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const keyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const options = { logicalKeyStoreName: "branch-keys", kmsConfiguration: { _tag: "SingleKey", keyArn } } as const

// A branch key for each tenant, for an hour at a time.
const keyring = HierarchicalKeyring.layer({
  branchKeyIdSupplier: ({ tenant }) => Effect.succeed(`tenant-${tenant}`),
  maxAge: "1 hour",
  refreshAhead: 0.8
})

const services = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provideMerge(keyring),
  Layer.provideMerge(Layer.merge(BranchKeyStore.layer(options), BranchKeyAdmin.layer(options))),
  Layer.provide(MemoryBranchKeyStorage.layer),
  Layer.provide(EmbeddedKms.layer({ keys: [{ arn: keyArn }] })),
  Layer.provide(NodePrimitives.layer)
)

const reads = (operation: "active" | "version") =>
  Metric.value(BranchKeyMetrics.fetches({ operation, trigger: "request", outcome: "succeeded" }))

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const admin = yield* BranchKeyAdmin.BranchKeyAdmin
  const { cache, warm } = yield* HierarchicalKeyring.HierarchicalKeyring

  // Once for each tenant, by an operator.
  for (const tenant of ["a", "b"]) {
    yield* admin.createKey({ branchKeyId: `tenant-${tenant}`, encryptionContext: { tenant } })
  }

  yield* warm(["tenant-a", "tenant-b"])
  const encrypt = (tenant: string) => sdk.encrypt("hello", { encryptionContext: { tenant } })
  const [message] = yield* Effect.forEach(Array.from({ length: 1000 }), () => encrypt("a"))
  yield* encrypt("b")
  yield* Console.log(`101 messages, ${(yield* reads("active")).count} calls of KMS`)

  // A rotation, which this process is notified of.
  yield* admin.versionKey("tenant-a")
  yield* cache.invalidate("tenant-a")
  const { encryptedDataKeys } = (yield* encrypt("a")).header
  const isNew = !versionOf(encryptedDataKeys).every((byte, i) =>
    byte === versionOf(message!.header.encryptedDataKeys)[i]
  )
  yield* Console.log(`after the rotation under another version: ${isNew}`)

  const { plaintext } = yield* sdk.decrypt(message!.message)
  yield* Console.log(`${new TextDecoder().decode(plaintext)}, under the version before it`)

  const error = yield* Effect.flip(sdk.encrypt("hello", { encryptionContext: { tenant: "c" } }))
  yield* Console.log(error.message)
})

/** Bytes of the branch key's version in an encrypted data key. */
const versionOf = ([edk]: ReadonlyArray<{ readonly ciphertext: Uint8Array }>) => edk!.ciphertext.subarray(28, 44)

await Effect.runPromise(Effect.provide(program, services))

// 101 messages, 2 calls of KMS
// after the rotation under another version: true
// hello, under the version before it
// encrypt: HierarchicalKeyring.onEncrypt: tenant-c: KeyNotFound (BranchKeyNotFound: there is no record of the type branch:ACTIVE)
