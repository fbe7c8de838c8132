import { Console, Effect, Layer, Stream } from "effect"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const oldKey = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const newKey = "arn:aws:kms:eu-central-1:111122223333:key/9876abcd-12ab-34cd-56ef-1234567890ab"

// New messages are encrypted under the new key, by few data keys.
const layer = EncryptionSdk.layer().pipe(
  Layer.provide(CachingCmm.layer({ policy: { maxAge: "5 minutes", maxMessagesEncrypted: 100 } })),
  Layer.provide(LocalCache.layer({ capacity: 100 })),
  Layer.provide(KmsKeyring.layer({ generatorKeyId: newKey })),
  Layer.provideMerge(EmbeddedKms.layer({ keys: [{ arn: oldKey }, { arn: newKey }] })),
  Layer.provideMerge(NodePrimitives.layer)
)

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  // The old key only decrypts what is there.
  const sourceMaterialsManager = yield* DefaultCmm.make(yield* KmsKeyring.make({ generatorKeyId: oldKey }))
  const table = yield* Effect.forEach([1, 2, 3], (order) =>
    sdk.encrypt(`order ${order}`, {
      encryptionContext: { table: "orders" },
      materialsManager: sourceMaterialsManager
    }))

  for (const { message } of table) {
    const { isCurrent, reasons } = yield* sdk.isCurrent(message)
    if (isCurrent) continue
    const rewrapped = yield* sdk.rewrap(message, { sourceMaterialsManager })
    yield* Console.log(reasons.map(({ _tag }) => _tag), rewrapped.body, rewrapped.receipt._tag)
    yield* Console.log("current now:", (yield* sdk.isCurrent(rewrapped.message)).isCurrent)
  }

  // A stream, whose metadata come to a hook.
  const file = Stream.make(table[0]!.message)
  const chunks = yield* Stream.runCollect(sdk.rewrapStream(file, {
    sourceMaterialsManager,
    maxPlaintextLength: 1000,
    onHeader: ({ wrappingKeys }) =>
      Console.log(wrappingKeys.map(({ keyProviderInfo }) => keyProviderInfo.split("/")[1]))
  }))
  yield* Console.log(chunks.length > 0)
}).pipe(Effect.scoped)

await Effect.runPromise(Effect.provide(program, layer))

// [ 'WrappingKeys' ] Reencrypted Hit
// current now: true
// [ 'WrappingKeys' ] Reencrypted Hit
// current now: true
// [ 'WrappingKeys' ] Reencrypted Hit
// current now: true
// [ '9876abcd-12ab-34cd-56ef-1234567890ab' ]
// true
