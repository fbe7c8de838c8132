/** Messages of others under shared secrets: one-shot and streamed, by every key agreement schema that opens them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import { AlgorithmSuite, DefaultCmm, EncryptionSdk, Keyring } from "effect-encryption-sdk"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawEcdhKeyring } from "effect-encryption-sdk/raw"
import { createHash } from "node:crypto"
import { fromBase64 } from "../support/bytes.ts"
import { policyFor } from "../support/client.ts"
import { keyAgreementLayer } from "../support/ecdh.ts"
import { readVectors, titleOf } from "../support/publishedVectors.ts"
import { collect } from "../support/streams.ts"

interface Vectors {
  readonly keys: Readonly<
    Record<string, {
      readonly "sender-material": string
      readonly "recipient-material": string
      readonly "sender-material-public-key": string
      readonly "recipient-material-public-key": string
    }>
  >
  readonly messages: ReadonlyArray<{
    readonly id: string
    readonly suite: string
    readonly keyDescription: {
      readonly schema: "discovery" | "static"
      readonly recipient: string
      readonly "ecc-curve": keyof typeof curveOf
    }
    readonly messageBase64: string
    readonly plaintext: { readonly sha256: string }
  }>
}

const vectors = readVectors("raw-ecdh.json") as Vectors | undefined

const curveOf = { "ecc-256": "P-256", "ecc-384": "P-384", "ecc-521": "P-521" } as const

/** The schemas under which a message opens. Either party of a static pair may read it. */
const schemasOf = (
  { recipient, schema }: Vectors["messages"][number]["keyDescription"]
): ReadonlyArray<RawEcdhKeyring.KeyAgreementSchema> => {
  const keys = vectors!.keys[recipient]!
  const discovery = {
    _tag: "PublicKeyDiscovery",
    recipientPrivateKey: Redacted.make(keys["recipient-material"])
  } as const
  return schema === "discovery" ? [discovery] : [
    discovery,
    {
      _tag: "RawPrivateKeyToStaticPublicKey",
      senderPrivateKey: Redacted.make(keys["sender-material"]),
      recipientPublicKey: fromBase64(keys["recipient-material-public-key"])
    },
    {
      _tag: "RawPrivateKeyToStaticPublicKey",
      senderPrivateKey: Redacted.make(keys["recipient-material"]),
      recipientPublicKey: fromBase64(keys["sender-material-public-key"])
    }
  ]
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

describe.skipIf(vectors === undefined)(titleOf("published messages under shared secrets", vectors), () => {
  it("there are 99, 33 on each curve, a third of them between two static key pairs", () => {
    const messages = vectors?.messages ?? []
    const count = (curve: string, schema: string) =>
      messages.filter(({ keyDescription: key }) => key["ecc-curve"] === curve && key.schema === schema).length
    assert.strictEqual(messages.length, 99)
    for (const curve of Object.keys(curveOf)) {
      assert.deepStrictEqual([count(curve, "discovery"), count(curve, "static")], [22, 11])
    }
  })

  for (const { id, keyDescription, messageBase64, plaintext, suite } of vectors?.messages ?? []) {
    const curve = curveOf[keyDescription["ecc-curve"]]
    it.effect(`${suite}, ${curve}, ${keyDescription.schema}, ${id}`, () =>
      Effect.gen(function*() {
        const bytes = fromBase64(messageBase64)
        for (const keyAgreement of schemasOf(keyDescription)) {
          const keyring = yield* RawEcdhKeyring.make({ curve, keyAgreement })
          const commitmentPolicy = policyFor(AlgorithmSuite.fromId(Number(suite))!)
          const sdk = yield* EncryptionSdk.make({ commitmentPolicy }).pipe(
            Effect.provide(Layer.provide(DefaultCmm.layer, Layer.succeed(Keyring.Keyring, keyring)))
          )
          assert.strictEqual(sha256((yield* sdk.decrypt(bytes)).plaintext), plaintext.sha256)
          assert.strictEqual(sha256(yield* collect(sdk.decryptStream(Stream.make(bytes)))), plaintext.sha256)
        }
      }).pipe(Effect.scoped, Effect.provide([NodePrimitives.layer, keyAgreementLayer])))
  }
})
