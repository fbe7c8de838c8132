/** Bytes of memory that is shared with other threads, or that can be resized, are read as any others. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result, Stream } from "effect"
import { EncryptedDataKey } from "effect-encryption-sdk"
import { MessageBody, MessageFooter, MessageHeader } from "effect-encryption-sdk/message"
import { RawAesKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import { clientOf, managerOf } from "../support/client.ts"
import { kinds, viewOf } from "../support/memories.ts"
import { rsaPrivateKey, rsaPublicKey } from "../support/rsaKeys.ts"
import { signed, unsigned } from "../support/suites.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const key = new Uint8Array(32).fill(7)

const keyring = (wrappingKey: Uint8Array) =>
  Effect.provide(
    RawAesKeyring.make({ keyNamespace: "test", keyName: "key", wrappingKey: Redacted.make(wrappingKey) }),
    TestPrimitives.layer
  )

describe.each(kinds)("%s memory", (kind) => {
  const view = (bytes: Uint8Array) => viewOf(kind, bytes)
  const inViews = ({ ciphertext, keyProviderId, keyProviderInfo }: EncryptedDataKey.EncryptedDataKey) => ({
    keyProviderId,
    keyProviderInfo: view(keyProviderInfo),
    ciphertext: view(ciphertext)
  })

  it.effect("plaintexts, messages and wrapping keys", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(yield* keyring(view(key)))
      const plaintext = new Uint8Array(5000).fill(9)
      const { message } = yield* sdk.encrypt(view(plaintext))
      const reader = yield* clientOf(yield* keyring(key))
      assert.deepStrictEqual((yield* reader.decrypt(view(message))).plaintext, plaintext)
    }))

  it.effect("results are in memory of their own", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(yield* keyring(view(key)))
      const plaintext = new Uint8Array(5000).fill(9)
      const encrypted = yield* sdk.encrypt(view(plaintext), { algorithmSuite: unsigned })
      const message = view(encrypted.message)
      const decrypted = yield* sdk.decrypt(message)
      const decoded = Result.getOrThrow(MessageHeader.decode(message))
      const range = {
        length: message.length,
        read: (offset: number, length: number) => Effect.succeed(message.subarray(offset, offset + length))
      }
      const chunks = [
        ...yield* Stream.runCollect(sdk.encryptStream(Stream.make(view(plaintext)))),
        ...yield* Stream.runCollect(sdk.decryptStream(Stream.make(message))),
        ...yield* Stream.runCollect(sdk.decryptRange(range, { offset: 0 }))
      ]
      const headers = [encrypted.header, decrypted.header, decoded.header, yield* sdk.inspect(message)]
      const fields = headers.flatMap(({ authentication, encryptedDataKeys, messageId, suiteData }) => [
        messageId,
        suiteData,
        authentication.tag,
        ...encryptedDataKeys.flatMap(({ ciphertext, keyProviderInfo }) => [ciphertext, keyProviderInfo])
      ])
      for (const { buffer } of [encrypted.message, decrypted.plaintext, ...chunks, ...fields]) {
        assert.instanceOf(buffer, ArrayBuffer)
        assert.isFalse(buffer.resizable)
        assert.notStrictEqual<ArrayBufferLike>(buffer, message.buffer)
      }
    }))

  it.effect("messages that codecs read", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(yield* keyring(key))
      const { header, message } = yield* sdk.encrypt("a", {
        algorithmSuite: signed,
        encryptionContext: { tenant: "a", "über": "ö" }
      })
      const decoded = Result.getOrThrow(MessageHeader.decode(view(message)))
      assert.deepStrictEqual(decoded.header, header)
      const body = Result.getOrThrow(MessageBody.decode(header, view(message), decoded.length))
      assert.isTrue(Result.isSuccess(MessageFooter.decode(signed, view(message), decoded.length + body.length)))
    }))

  it.effect("encrypted data keys that keyrings are given", () =>
    Effect.gen(function*() {
      const rawRsa = yield* Effect.provide(
        RawRsaKeyring.make({
          keyNamespace: "test",
          keyName: "rsa",
          padding: "OAEP-SHA256",
          publicKey: rsaPublicKey,
          privateKey: Redacted.make(rsaPrivateKey)
        }),
        TestPrimitives.layer
      )
      for (const made of [yield* keyring(key), rawRsa]) {
        const { header } = yield* (yield* clientOf(made)).encrypt("a", { algorithmSuite: unsigned })
        const manager = yield* managerOf(made)
        const { materials } = yield* manager.decryptMaterials({
          algorithmSuite: unsigned,
          commitmentPolicy: "RequireEncryptRequireDecrypt",
          encryptedDataKeys: header.encryptedDataKeys.map(inViews),
          encryptionContext: {},
          expectedEncryptionContext: {}
        })
        assert.deepStrictEqual(materials.unwrappedDataKey, header.encryptedDataKeys[0])
      }
    }))

  it("key provider information that is no text, or too long to print", () => {
    const { printableInfo } = EncryptedDataKey
    assert.strictEqual(printableInfo(view(new TextEncoder().encode("schlüssel"))), "schlüssel")
    assert.strictEqual(printableInfo(view(Uint8Array.of(0x61, 0x62, 0xff, 0x63))), "ab…")
    assert.strictEqual(printableInfo(view(new Uint8Array(2000).fill(0x61))), `${"a".repeat(1024)}…`)
  })
})
