import { Console, Effect, Layer } from "effect"
import { DefaultCmm, EncryptionSdk, ResilientMultiKeyring } from "effect-encryption-sdk"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const keyIds = ["us-east-1", "eu-central-1"].map((region) =>
  `arn:aws:kms:${region}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`
)
const keyrings = keyIds.map((generatorKeyId) => KmsKeyring.make({ generatorKeyId }))

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  // Each makes data keys if those before it cannot, and each wraps them. One is enough.
  Layer.provide(ResilientMultiKeyring.layer({ generators: keyrings, children: keyrings, minimumChildren: 1 })),
  Layer.provideMerge(EmbeddedKms.layer({ keys: keyIds.map((arn) => ({ arn })) })),
  Layer.provideMerge(NodePrimitives.layer)
)

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const whole = yield* sdk.encrypt("order 1")
  yield* Console.log(whole.header.encryptedDataKeys.length, whole.receipt.missingWrappings)

  const kms = yield* EmbeddedKms.EmbeddedKms
  yield* kms.setKeyState(keyIds[0]!, "Disabled")
  const { header, message, receipt } = yield* sdk.encrypt("order 2")
  yield* Console.log(header.encryptedDataKeys.length)
  for (const { code, member } of receipt.missingWrappings ?? []) yield* Console.log(`${member}: ${code}`)
  const { plaintext } = yield* sdk.decrypt(message)
  yield* Console.log(new TextDecoder().decode(plaintext))
})

await Effect.runPromise(Effect.provide(program, layer))

// 2 undefined
// 1
// generators[0]: DisabledException
// order 2
