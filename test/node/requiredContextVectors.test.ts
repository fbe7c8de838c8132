/** Messages of others with pairs that are authenticated and not stored: one-shot and streamed, through the manager that requires them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import {
  AlgorithmSuite,
  CryptographicMaterialsManager,
  EncryptionSdk,
  type Keyring,
  type KeyringError,
  MultiKeyring,
  RequiredEncryptionContextCmm
} from "effect-encryption-sdk"
import type { Primitives } from "effect-encryption-sdk/crypto"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import { createHash } from "node:crypto"
import type { Scope } from "effect"
import { fromBase64 } from "../support/bytes.ts"
import { decryptFailure, managerOf, policyFor } from "../support/client.ts"
import { readVectors, titleOf } from "../support/publishedVectors.ts"
import { collect } from "../support/streams.ts"

interface Aes {
  readonly kind: "raw-aes"
  readonly namespace: string
  readonly name: string
  readonly aesKeyBase64: string
}

interface Rsa {
  readonly kind: "raw-rsa"
  readonly namespace: string
  readonly name: string
  readonly hash: "sha256" | "sha512"
  readonly keyRef: string
}

interface Multi {
  readonly kind: "multi"
  readonly members: ReadonlyArray<Aes | Rsa>
}

interface Vectors {
  readonly rsaKeysPem: Readonly<Record<string, string>>
  readonly messages: ReadonlyArray<{
    readonly id: string
    readonly suite: string
    readonly expect: string
    readonly keyring: Aes | Rsa | Multi
    readonly reproducedEncryptionContext: Readonly<Record<string, string>>
    readonly onlyAuthenticated: Readonly<Record<string, string>>
    readonly messageBase64: string
    readonly plaintext: { readonly sha256: string }
  }>
}

const vectors = readVectors("required-encryption-context.json") as Vectors | undefined

type Made = Effect.Effect<Keyring.Keyring, KeyringError.KeyringError, Primitives.Primitives | Scope.Scope>

const keyringOf = (description: Aes | Rsa | Multi): Made => {
  switch (description.kind) {
    case "raw-aes":
      return RawAesKeyring.make({
        keyNamespace: description.namespace,
        keyName: description.name,
        wrappingKey: Redacted.make(fromBase64(description.aesKeyBase64))
      })
    case "raw-rsa": {
      const { hash, keyRef, name: keyName, namespace: keyNamespace } = description
      const pem = vectors!.rsaKeysPem[keyRef]!
      const padding = hash === "sha256" ? "OAEP-SHA256" : "OAEP-SHA512"
      return RawRsaKeyring.make({
        keyNamespace,
        keyName,
        padding,
        ...keyRef.endsWith("public") ? { publicKey: pem } : { privateKey: Redacted.make(pem) }
      })
    }
    case "multi":
      return Effect.flatMap(
        Effect.forEach(description.members, keyringOf),
        (children) => MultiKeyring.make({ children })
      )
  }
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

describe.skipIf(vectors === undefined)(titleOf("published messages with pairs that are not stored", vectors), () => {
  it("there are 99, of which 6 were written wrongly", () => {
    const expected = vectors?.messages.map(({ expect }) => expect) ?? []
    assert.deepStrictEqual([expected.length, expected.filter((each) => each !== "decrypts").length], [99, 6])
  })

  for (const message of vectors?.messages ?? []) {
    const { expect, id, keyring, messageBase64, onlyAuthenticated, plaintext, suite } = message
    it.effect(`${suite}, ${keyring.kind}, ${id}: ${expect}`, () =>
      Effect.gen(function*() {
        const bytes = fromBase64(messageBase64)
        const materialsManager = yield* RequiredEncryptionContextCmm.make({
          materialsManager: yield* managerOf(yield* keyringOf(keyring)),
          requiredEncryptionContextKeys: Object.keys(onlyAuthenticated)
        })
        const commitmentPolicy = policyFor(AlgorithmSuite.fromId(Number(suite))!)
        const sdk = yield* Effect.provideService(
          EncryptionSdk.make({ commitmentPolicy }),
          CryptographicMaterialsManager.CryptographicMaterialsManager,
          materialsManager
        )
        const options = { expectedEncryptionContext: message.reproducedEncryptionContext }
        const streamed = sdk.decryptStream(Stream.make(bytes), options)
        if (expect !== "decrypts") {
          assert.strictEqual((yield* decryptFailure(sdk.decrypt(bytes, options)))._tag, "AuthenticationFailed")
          assert.strictEqual((yield* decryptFailure(Stream.runDrain(streamed)))._tag, "AuthenticationFailed")
          return
        }
        const { header, ...opened } = yield* sdk.decrypt(bytes, options)
        for (const [key, value] of Object.entries(onlyAuthenticated)) {
          assert.notProperty(header.encryptionContext, key)
          assert.strictEqual(opened.encryptionContext[key], value)
        }
        assert.strictEqual(sha256(opened.plaintext), plaintext.sha256)
        assert.strictEqual(sha256(yield* collect(streamed)), plaintext.sha256)
        assert.strictEqual((yield* decryptFailure(sdk.decrypt(bytes)))._tag, "InvalidEncryptionContext")
      }).pipe(Effect.scoped, Effect.provide(NodePrimitives.layer)))
  }
})
