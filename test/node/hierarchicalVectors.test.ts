/** Messages of others under a published branch key: one-shot and streamed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Stream } from "effect"
import { AlgorithmSuite, DefaultCmm, EncryptionSdk, Keyring } from "effect-encryption-sdk"
import { BranchKeyStore, HierarchicalKeyring } from "effect-encryption-sdk/hierarchical"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { createHash } from "node:crypto"
import { fromBase64 } from "../support/bytes.ts"
import { policyFor } from "../support/client.ts"
import { readVectors, titleOf } from "../support/publishedVectors.ts"
import { collect } from "../support/streams.ts"

interface Vectors {
  readonly messages: ReadonlyArray<{
    readonly id: string
    readonly suite: string
    readonly keyring: {
      readonly staticBranchKey: {
        readonly "key-id": string
        readonly branchKeyVersion: string
        readonly branchKey: string
      }
    }
    readonly messageBase64: string
    readonly reproducedEncryptionContext: Readonly<Record<string, string>>
    readonly plaintext: { readonly sha256: string }
  }>
}

const vectors = readVectors("hierarchical.json") as Vectors | undefined

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** A store of one branch key, as it was published: in the clear. */
const storeOf = (
  { branchKey, branchKeyVersion: version, "key-id": branchKeyId }:
    Vectors["messages"][number]["keyring"]["staticBranchKey"]
) =>
  BranchKeyStore.BranchKeyStore.of({
    info: {
      keyStoreId: "",
      keyStoreName: "",
      logicalKeyStoreName: "published",
      grantTokens: [],
      kmsConfiguration: { _tag: "Discovery" }
    },
    getActive: () => Effect.die("only decrypts"),
    getBeaconKey: () => Effect.die("only decrypts"),
    getVersion: () =>
      Effect.sync(() => ({ branchKeyId, version, encryptionContext: {}, key: Redacted.make(fromBase64(branchKey)) }))
  })

describe.skipIf(vectors === undefined)(titleOf("published messages under a branch key", vectors), () => {
  it("there are 15", () => assert.strictEqual(vectors?.messages.length, 15))

  for (
    const { id, keyring: { staticBranchKey }, messageBase64, plaintext, reproducedEncryptionContext, suite }
      of vectors?.messages ?? []
  ) {
    it.effect(`${suite}, ${id}`, () =>
      Effect.gen(function*() {
        const bytes = fromBase64(messageBase64)
        const keyring = yield* HierarchicalKeyring.make({ branchKeyId: staticBranchKey["key-id"], maxAge: "1 hour" })
          .pipe(
            Effect.provideService(BranchKeyStore.BranchKeyStore, storeOf(staticBranchKey))
          )
        const commitmentPolicy = policyFor(AlgorithmSuite.fromId(Number(suite))!)
        const sdk = yield* EncryptionSdk.make({ commitmentPolicy }).pipe(
          Effect.provide(Layer.provide(DefaultCmm.layer, Layer.succeed(Keyring.Keyring, keyring)))
        )
        const options = { expectedEncryptionContext: reproducedEncryptionContext }
        assert.strictEqual(sha256((yield* sdk.decrypt(bytes, options)).plaintext), plaintext.sha256)
        assert.strictEqual(sha256(yield* collect(sdk.decryptStream(Stream.make(bytes), options))), plaintext.sha256)
      }).pipe(Effect.scoped, Effect.provide(NodePrimitives.layer)))
  }
})
