import { Console, Effect, Layer } from "effect"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { KmsMrkDiscoveryKeyring, KmsMrkKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const virginia = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provide(KmsMrkKeyring.layer({ generatorKeyId: virginia })),
  Layer.provideMerge(EmbeddedKms.layer({ keys: [{ arn: virginia, replicaRegions: ["eu-central-1"] }] })),
  Layer.provideMerge(NodePrimitives.layer)
)

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const { header, message } = yield* sdk.encrypt("order 1")
  yield* Console.log(new TextDecoder().decode(header.encryptedDataKeys[0]!.keyProviderInfo))

  // The Region is gone. A manager for this one call, over whatever replica there is in another.
  const kms = yield* EmbeddedKms.EmbeddedKms
  yield* kms.setKeyState(virginia, "Disabled")
  const reader = yield* KmsMrkDiscoveryKeyring.make({
    regions: ["us-east-1", "eu-central-1"],
    discoveryFilter: { partition: "aws", accountIds: ["111122223333"] }
  })
  const { plaintext } = yield* sdk.decrypt(message, { materialsManager: yield* DefaultCmm.make(reader) })
  yield* Console.log(new TextDecoder().decode(plaintext))
}).pipe(Effect.scoped)

await Effect.runPromise(Effect.provide(program, layer))

// arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab
// order 1
