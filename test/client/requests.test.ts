/** What a client is given: arguments, encryption contexts, required context keys. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import {
  AlgorithmSuite,
  CryptographicMaterialsManager,
  EncryptionContext,
  EncryptionSdk,
  Keyring
} from "effect-encryption-sdk"
import { text } from "../support/bytes.ts"
import { clientOf, decryptFailure, encryptFailure, fieldsOf, managerOf, policyFor } from "../support/client.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { unsigned } from "../support/suites.ts"

const dataKey = new Uint8Array(32).fill(0x42)

describe("EncryptionSdk", () => {
  describe("arguments", () => {
    const sdk = clientOf(recordingKeyring().keyring)

    it.effect("of encrypt may be a text, which is encrypted as UTF-8", () =>
      Effect.gen(function*() {
        const { decrypt, encrypt } = yield* sdk
        for (const plaintext of ["", "hällo 😀", "\0\u{feff}"]) {
          assert.strictEqual(text((yield* decrypt((yield* encrypt(plaintext)).message)).plaintext), plaintext)
        }
      }))

    it.effect("of encrypt may be a Buffer or any other view", () =>
      Effect.gen(function*() {
        const { decrypt, encrypt } = yield* sdk
        const view = Buffer.from("xxhelloxx").subarray(2, 7)
        const { message } = yield* encrypt(view)
        const padded = Buffer.concat([Buffer.from("xx"), message, Buffer.from("xx")])
        assert.strictEqual(text((yield* decrypt(padded.subarray(2, -2))).plaintext), "hello")
      }))

    it.effect("that are wrong fail encrypt, and name field and bound", () =>
      Effect.gen(function*() {
        const { encrypt } = yield* sdk
        const transferred = new Uint8Array(8)
        structuredClone(transferred.buffer, { transfer: [transferred.buffer] })
        const integer = "must be an integer from 1 to 4294967295"
        const bytes = "must be a Uint8Array or a string, got "
        const cases: ReadonlyArray<readonly [unknown, unknown, string, string]> = [
          [42, {}, "plaintext", `${bytes}number`],
          [undefined, {}, "plaintext", `${bytes}undefined`],
          [null, {}, "plaintext", `${bytes}null`],
          [[1, 2], {}, "plaintext", `${bytes}array`],
          [new ArrayBuffer(8), {}, "plaintext", `${bytes}object`],
          [new Uint16Array(8), {}, "plaintext", `${bytes}object`],
          [transferred, {}, "plaintext", "is a view of a buffer that was transferred"],
          ["\ud83d", {}, "plaintext", "is not well-formed Unicode: it has no UTF-8 bytes"],
          ["a", { frameLength: 0 }, "frameLength", integer],
          ["a", { frameLength: -1 }, "frameLength", integer],
          ["a", { frameLength: 1.5 }, "frameLength", integer],
          ["a", { frameLength: 2 ** 32 }, "frameLength", integer],
          ["a", { frameLength: Number.NaN }, "frameLength", integer],
          ["a", { frameLength: Infinity }, "frameLength", integer],
          ["a", { frameLength: "4096" }, "frameLength", integer],
          ["a", { frameLength: 4096n }, "frameLength", integer],
          ["a", { algorithmSuite: 0x0578 }, "algorithmSuite", "must be one of the eleven suites of AlgorithmSuite"],
          [
            "a",
            { algorithmSuite: { ...unsigned, id: 0x0678 } },
            "algorithmSuite",
            "must be one of the eleven suites of AlgorithmSuite"
          ],
          [
            "a",
            { materialsManager: recordingKeyring().keyring },
            "materialsManager",
            "must be a CryptographicMaterialsManager; DefaultCmm.make makes one of a keyring"
          ],
          ["a", null, "options", "must be an object"],
          ["a", "context", "options", "must be an object"]
        ]
        for (const [plaintext, options, field, description] of cases) {
          const reason = yield* encryptFailure(
            encrypt(plaintext as string, options as EncryptionSdk.EncryptOptions)
          )
          assert.deepStrictEqual(fieldsOf(reason), { _tag: "InvalidOption", field, description })
        }
      }))

    it.effect("that are wrong fail decrypt and inspect, and name field and bound", () =>
      Effect.gen(function*() {
        const { decrypt, encrypt, inspect } = yield* sdk
        const { message } = yield* encrypt("a")
        const cases: ReadonlyArray<readonly [unknown, unknown, string, string]> = [
          [42, {}, "message", "must be a Uint8Array, got number"],
          [undefined, {}, "message", "must be a Uint8Array, got undefined"],
          ["AYADeA==", {}, "message", "must be a Uint8Array: decode text first, got string"],
          [
            message,
            { materialsManager: {} },
            "materialsManager",
            "must be a CryptographicMaterialsManager; DefaultCmm.make makes one of a keyring"
          ],
          [message, null, "options", "must be an object"]
        ]
        for (const [input, options, field, description] of cases) {
          const reason = yield* decryptFailure(
            decrypt(input as Uint8Array, options as EncryptionSdk.DecryptOptions)
          )
          assert.deepStrictEqual(fieldsOf(reason), { _tag: "InvalidOption", field, description })
          if (field === "message") {
            assert.deepStrictEqual(yield* decryptFailure(inspect(input as Uint8Array)), reason)
          }
        }
      }))

    /** Clients whose keyring, on encrypt or on decrypt, says that it was called and waits until the test lets it go on. */
    const waiting = Effect.gen(function*() {
      const requested = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const wait = Effect.andThen(Deferred.succeed(requested, undefined), Deferred.await(goOn))
      const { keyring } = recordingKeyring()
      return {
        requested: Deferred.await(requested),
        goOn: Deferred.succeed(goOn, undefined),
        encrypting: yield* clientOf(
          Keyring.make({ ...keyring, onEncrypt: (materials) => Effect.andThen(wait, keyring.onEncrypt(materials)) })
        ),
        decrypting: yield* clientOf(
          Keyring.make({
            ...keyring,
            onDecrypt: (materials, edks) => Effect.andThen(wait, keyring.onDecrypt(materials, edks))
          })
        )
      }
    })

    it.effect("of encrypt can change while it waits for its materials, without effect", () =>
      Effect.gen(function*() {
        const { encrypting: sdk, goOn, requested } = yield* waiting
        const plaintext = new Uint8Array(Buffer.from("as it was"))
        const encryptionContext: Record<string, string> = { tenant: "a" }
        const fiber = yield* Effect.forkChild(sdk.encrypt(plaintext, { encryptionContext }))
        yield* requested
        plaintext.fill(0x21)
        encryptionContext["tenant"] = "b"
        encryptionContext["added"] = "c"
        yield* goOn
        const { message } = yield* Fiber.join(fiber)
        const decrypted = yield* sdk.decrypt(message)
        assert.strictEqual(text(decrypted.plaintext), "as it was")
        assert.strictEqual(decrypted.encryptionContext["tenant"], "a")
        assert.isFalse(Object.hasOwn(decrypted.encryptionContext, "added"))
        assert.strictEqual(text(plaintext), "!".repeat(9), "the caller's own array is left alone")
      }))

    it.effect("of decrypt can change while it waits for its materials, without effect", () =>
      Effect.gen(function*() {
        const { decrypting: sdk, goOn, requested } = yield* waiting
        const { message } = yield* sdk.encrypt("hello", { encryptionContext: { tenant: "a" } })
        const expectedEncryptionContext: Record<string, string> = { tenant: "a" }
        const fiber = yield* Effect.forkChild(sdk.decrypt(message, { expectedEncryptionContext }))
        yield* requested
        message.fill(0)
        expectedEncryptionContext["tenant"] = "b"
        yield* goOn
        assert.strictEqual(text((yield* Fiber.join(fiber)).plaintext), "hello")
      }))

    it.effect("are read anew each time that the effect runs", () =>
      Effect.gen(function*() {
        const { decrypt, encrypt } = yield* sdk
        const plaintext = new Uint8Array([1])
        const encryption = encrypt(plaintext)
        const first = yield* encryption
        plaintext[0] = 2
        const second = yield* encryption
        assert.deepStrictEqual((yield* decrypt(first.message)).plaintext, Uint8Array.of(1))
        assert.deepStrictEqual((yield* decrypt(second.message)).plaintext, Uint8Array.of(2))
      }))
  })

  describe("encryption context", () => {
    it.effect("with a reserved key fails encrypt, and no keyring is asked", () =>
      Effect.gen(function*() {
        const { encryptions, keyring } = recordingKeyring()
        const sdk = yield* clientOf(keyring)
        for (const key of ["aws-crypto-public-key", "aws-crypto-", "aws-crypto-x"]) {
          const reason = yield* encryptFailure(
            sdk.encrypt("a", { encryptionContext: { tenant: "secret", [key]: "v" } })
          )
          assert.strictEqual(reason._tag, "InvalidEncryptionContext")
          assert.strictEqual(
            reason.message,
            `encryption context: key "${key}": keys that begin with aws-crypto- are reserved`
          )
        }
        assert.strictEqual(encryptions.length, 0)
      }))

    it.effect("that is none fails both", () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(recordingKeyring().keyring)
        const { message } = yield* sdk.encrypt("a")
        for (const context of [new Map([["a", "1"]]), { a: 1 }, { a: "\ud83d" }, null, []]) {
          const encryptionContext = context as unknown as EncryptionContext.EncryptionContext
          const encrypting = yield* encryptFailure(sdk.encrypt("a", { encryptionContext }))
          const decrypting = yield* decryptFailure(
            sdk.decrypt(message, { expectedEncryptionContext: encryptionContext })
          )
          assert.strictEqual(encrypting._tag, "InvalidEncryptionContext")
          assert.strictEqual(decrypting._tag, "InvalidEncryptionContext")
        }
      }))

    it.effect("that is too long with the public key fails encrypt", () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(recordingKeyring().keyring)
        const encryptionContext = { a: "v".repeat(65_528) }
        yield* sdk.encrypt("a", { encryptionContext, algorithmSuite: unsigned })
        const reason = yield* encryptFailure(sdk.encrypt("a", { encryptionContext }))
        assert.strictEqual(reason._tag, "InvalidEncryptionContext")
        assert.strictEqual(
          reason.message,
          "encryption context: serialised length is 65628 bytes, at most 65535 fit"
        )
      }))

    it.effect("that was expected must be in the message, pair by pair", () =>
      Effect.gen(function*() {
        const { decryptions, keyring } = recordingKeyring()
        const sdk = yield* clientOf(keyring)
        const { message } = yield* sdk.encrypt("a", { encryptionContext: { tenant: "a", purpose: "p", "": "" } })
        for (const expectedEncryptionContext of [{}, { tenant: "a" }, { purpose: "p", tenant: "a", "": "" }]) {
          assert.strictEqual(text((yield* sdk.decrypt(message, { expectedEncryptionContext })).plaintext), "a")
        }
        const asked = decryptions.length
        const mismatch = (expectedEncryptionContext: Record<string, string>) =>
          Effect.map(
            decryptFailure(sdk.decrypt(message, { expectedEncryptionContext })),
            (reason) => reason._tag === "EncryptionContextMismatch" ? reason.key : reason.message
          )
        assert.strictEqual(yield* mismatch({ tenant: "b" }), "tenant")
        assert.strictEqual(yield* mismatch({ tenant: "a", purpose: "" }), "purpose")
        assert.strictEqual(yield* mismatch({ "aws-crypto-other": "x" }), "aws-crypto-other")
        assert.strictEqual(decryptions.length, asked, "no keyring is asked for a message of another context")
      }))

    it.effect("that was expected and is not in the message opens nothing that was not made with it", () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(staticKeyring(dataKey))
        const { message } = yield* sdk.encrypt("a", { encryptionContext: { tenant: "a" } })
        const reason = yield* decryptFailure(sdk.decrypt(message, { expectedEncryptionContext: { other: "x" } }))
        assert.deepStrictEqual(fieldsOf(reason), { _tag: "AuthenticationFailed", check: "header" })
      }))

    it.effect("of the result may be expected whole, public key included", () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(recordingKeyring().keyring)
        const { encryptionContext, message } = yield* sdk.encrypt("a", { encryptionContext: { tenant: "a" } })
        const decrypted = yield* sdk.decrypt(message, { expectedEncryptionContext: encryptionContext })
        assert.deepStrictEqual(decrypted.encryptionContext, encryptionContext)
      }))
  })

  describe("required context keys", () => {
    /** A manager that keeps these keys out of the message, as a required encryption context manager does. */
    const requiring = (keys: ReadonlyArray<string>, keyring: Keyring.Keyring) =>
      Effect.map(managerOf(keyring), (inner) =>
        CryptographicMaterialsManager.make({
          getEncryptionMaterials: (request) =>
            inner.getEncryptionMaterials({ ...request, requiredEncryptionContextKeys: keys }),
          decryptMaterials: inner.decryptMaterials
        }))

    for (const algorithmSuite of AlgorithmSuite.all) {
      it.effect(`are authenticated and not stored: ${algorithmSuite.name}`, () =>
        Effect.gen(function*() {
          // Whatever the context, this keyring answers: what refuses a wrong one is the header's tag alone.
          const sdk = yield* clientOf(staticKeyring(dataKey.subarray(0, algorithmSuite.dataKeyLength)), {
            commitmentPolicy: policyFor(algorithmSuite)
          })
          const materialsManager = yield* requiring(
            ["tenant", "__proto__"],
            staticKeyring(dataKey.subarray(0, algorithmSuite.dataKeyLength))
          )
          const encryptionContext = JSON.parse(
            "{\"tenant\":\"tenant-value\",\"purpose\":\"p\",\"__proto__\":\"proto-value\"}"
          ) as Record<string, string>
          const result = yield* sdk.encrypt("hello", { algorithmSuite, encryptionContext, materialsManager })
          assert.notInclude(text(result.message), "tenant-value")
          assert.notInclude(text(result.message), "proto-value")
          assert.isFalse(Object.hasOwn(result.header.encryptionContext, "tenant"))
          assert.strictEqual(result.header.encryptionContext["purpose"], "p")
          assert.isTrue(Object.isFrozen(result.header.encryptionContext))
          assert.isTrue(Object.isFrozen(result.encryptionContext))
          assert.strictEqual(result.encryptionContext["tenant"], "tenant-value")

          const decrypted = yield* sdk.decrypt(result.message, { expectedEncryptionContext: encryptionContext })
          assert.strictEqual(text(decrypted.plaintext), "hello")
          assert.strictEqual(decrypted.encryptionContext["tenant"], "tenant-value")

          for (
            const expected of [
              {},
              { tenant: "tenant-value" },
              { ...encryptionContext, tenant: "other" },
              { ...encryptionContext, more: "x" }
            ]
          ) {
            assert.deepStrictEqual(
              fieldsOf(yield* decryptFailure(sdk.decrypt(result.message, { expectedEncryptionContext: expected }))),
              { _tag: "AuthenticationFailed", check: "header" }
            )
          }
        }))
    }
  })
})
