import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Deferred, Effect, Fiber, Layer, Result } from "effect"
import {
  AlgorithmSuite,
  CommitmentPolicy,
  CryptographicMaterialsManager,
  DataKey,
  DefaultCmm,
  EncryptionContext,
  EncryptionSdk,
  InvalidOption,
  Keyring,
  Receipt
} from "effect-encryption-sdk"
import { Primitives } from "effect-encryption-sdk/crypto"
import { MessageHeader } from "effect-encryption-sdk/message"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { concat, flip, hex, toHex } from "../support/bytes.ts"
import { clientOf, decryptFailure, encryptFailure, fieldsOf, managerOf, policyFor } from "../support/client.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { isZero, recordingPrimitives } from "../support/recordingPrimitives.ts"

const unsigned = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8")
const dataKey = new Uint8Array(32).fill(0x42)

describe("EncryptionSdk", () => {
  describe("make", () => {
    const make = (options: unknown) =>
      EncryptionSdk.make(options as EncryptionSdk.Options).pipe(
        Effect.provideServiceEffect(
          CryptographicMaterialsManager.CryptographicMaterialsManager,
          managerOf(recordingKeyring().keyring)
        ),
        Effect.provide(TestPrimitives.layer)
      )

    it.effect("takes the options at their bounds", () =>
      Effect.gen(function*() {
        for (const maxEncryptedDataKeys of [1, 65_535, undefined]) yield* make({ maxEncryptedDataKeys })
        for (const commitmentPolicy of CommitmentPolicy.CommitmentPolicy.literals) yield* make({ commitmentPolicy })
        yield* make({})
        yield* make(undefined)
      }))

    it.effect("refuses every other option, and names field and bound", () =>
      Effect.gen(function*() {
        const keys = "must be an integer from 1 to 65535, or left out"
        const cases: ReadonlyArray<readonly [unknown, string, string]> = [
          [{ maxEncryptedDataKeys: 0 }, "maxEncryptedDataKeys", keys],
          [{ maxEncryptedDataKeys: 65_536 }, "maxEncryptedDataKeys", keys],
          [{ maxEncryptedDataKeys: 1.5 }, "maxEncryptedDataKeys", keys],
          [{ maxEncryptedDataKeys: Number.NaN }, "maxEncryptedDataKeys", keys],
          [{ maxEncryptedDataKeys: "1" }, "maxEncryptedDataKeys", keys],
          [
            { commitmentPolicy: "REQUIRE_ENCRYPT_REQUIRE_DECRYPT" },
            "commitmentPolicy",
            "must be ForbidEncryptAllowDecrypt, RequireEncryptAllowDecrypt, RequireEncryptRequireDecrypt or left out"
          ],
          [{ maxEncryptedDataKey: 1 }, "maxEncryptedDataKey", "is no option of a client"],
          [null, "options", "must be an object"],
          ["x", "options", "must be an object"]
        ]
        for (const [options, field, description] of cases) {
          const error = yield* Effect.flip(make(options))
          assert.instanceOf(error, InvalidOption)
          assert.deepStrictEqual({ field: error.field, description: error.description }, { field, description })
        }
      }))

    it.effect("takes options from configuration", () =>
      Effect.gen(function*() {
        const provider = ConfigProvider.fromUnknown({
          esdk: { commitmentPolicy: "RequireEncryptAllowDecrypt", maxEncryptedDataKeys: 3 }
        })
        const options = yield* Config.schema(EncryptionSdk.Options, ["esdk"]).parse(provider)
        assert.deepStrictEqual({ ...options }, {
          commitmentPolicy: "RequireEncryptAllowDecrypt",
          maxEncryptedDataKeys: 3
        })
      }))
  })

  describe("results", () => {
    it.effect("of encrypt say what the message was made with", () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(recordingKeyring().keyring)
        const result = yield* sdk.encrypt("hello", { encryptionContext: { tenant: "a" }, frameLength: 3 })
        const { header } = Result.getOrThrow(MessageHeader.decode(result.message))
        assert.deepStrictEqual(result.header, header)
        assert.strictEqual(result.algorithmSuite.id, 0x0578)
        assert.deepStrictEqual(Object.keys(result.encryptionContext), ["tenant", "aws-crypto-public-key"])
        assert.match(result.encryptionContext["aws-crypto-public-key"]!, /^A[a-z0-9+/]{65}==$/i)
        assert.strictEqual(result.receipt, Receipt.uncached)
      }))

    it.effect("of version 1 have the header's IV too", () =>
      Effect.gen(function*() {
        const algorithmSuite = AlgorithmSuite.ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256
        const sdk = yield* clientOf(recordingKeyring().keyring, { commitmentPolicy: policyFor(algorithmSuite) })
        const result = yield* sdk.encrypt("hello", { algorithmSuite })
        assert.deepStrictEqual(result.header.authentication.iv, new Uint8Array(12))
        assert.deepStrictEqual(result.header, Result.getOrThrow(MessageHeader.decode(result.message)).header)
      }))

    it.effect("belong to the caller: changing them changes no later result", () =>
      Effect.gen(function*() {
        const keyring = staticKeyring(dataKey)
        const sdk = yield* clientOf(keyring)
        const first = yield* sdk.encrypt("hello", { algorithmSuite: unsigned, encryptionContext: { a: "1" } })
        const before = toHex(first.message)
        for (const { ciphertext, keyProviderInfo } of first.header.encryptedDataKeys) {
          ciphertext.fill(0xee)
          keyProviderInfo.fill(0xee)
        }
        first.header.messageId.fill(0xee)
        first.header.authentication.tag.fill(0xee)
        assert.strictEqual(toHex(first.message), before)
        const message = new Uint8Array(first.message)
        const decrypted = yield* sdk.decrypt(first.message)
        decrypted.plaintext.fill(0xee)
        decrypted.header.messageId.fill(0xee)
        assert.strictEqual(toHex(first.message), toHex(message))
        assert.strictEqual(text((yield* sdk.decrypt(first.message)).plaintext), "hello")
        assert.throws(() => Object.assign(decrypted.encryptionContext, { a: "2" }))
        assert.throws(() => Object.assign(first.encryptionContext, { a: "2" }))
      }))

    it.effect("are new byte arrays of their own buffers", () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(recordingKeyring().keyring)
        const { message } = yield* sdk.encrypt("hello")
        const { plaintext } = yield* sdk.decrypt(message)
        for (const bytes of [message, plaintext]) {
          assert.strictEqual(Object.getPrototypeOf(bytes), Uint8Array.prototype)
          assert.strictEqual(bytes.byteLength, bytes.buffer.byteLength)
        }
      }))
  })

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
            { algorithmSuite: { ...unsigned } },
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
          assert.instanceOf(reason, InvalidOption)
          assert.deepStrictEqual({ field: reason.field, description: reason.description }, { field, description })
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
          assert.instanceOf(reason, InvalidOption)
          assert.deepStrictEqual({ field: reason.field, description: reason.description }, { field, description })
          if (field === "message") {
            assert.deepStrictEqual(yield* decryptFailure(inspect(input as Uint8Array)), reason)
          }
        }
      }))

    it.effect("of encrypt can change while it waits for its materials, without effect", () =>
      Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const answer = yield* Deferred.make<void>()
        const { keyring } = recordingKeyring()
        const slow = Keyring.make({
          ...keyring,
          onEncrypt: (materials) =>
            Deferred.succeed(asked, undefined).pipe(
              Effect.andThen(Deferred.await(answer)),
              Effect.andThen(keyring.onEncrypt(materials))
            )
        })
        const sdk = yield* clientOf(slow)
        const plaintext = new Uint8Array(Buffer.from("as it was"))
        const encryptionContext: Record<string, string> = { tenant: "a" }
        const fiber = yield* Effect.forkChild(sdk.encrypt(plaintext, { encryptionContext }))
        yield* Deferred.await(asked)
        plaintext.fill(0x21)
        encryptionContext["tenant"] = "b"
        encryptionContext["added"] = "c"
        yield* Deferred.succeed(answer, undefined)
        const { message } = yield* Fiber.join(fiber)
        const decrypted = yield* sdk.decrypt(message)
        assert.strictEqual(text(decrypted.plaintext), "as it was")
        assert.strictEqual(decrypted.encryptionContext["tenant"], "a")
        assert.isFalse(Object.hasOwn(decrypted.encryptionContext, "added"))
        assert.strictEqual(text(plaintext), "!".repeat(9), "the caller's own array is left alone")
      }))

    it.effect("of decrypt can change while it waits for its materials, without effect", () =>
      Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const answer = yield* Deferred.make<void>()
        const { keyring } = recordingKeyring()
        const slow = Keyring.make({
          ...keyring,
          onDecrypt: (materials, edks) =>
            Deferred.succeed(asked, undefined).pipe(
              Effect.andThen(Deferred.await(answer)),
              Effect.andThen(keyring.onDecrypt(materials, edks))
            )
        })
        const sdk = yield* clientOf(slow)
        const { message } = yield* sdk.encrypt("hello", { encryptionContext: { tenant: "a" } })
        const expectedEncryptionContext: Record<string, string> = { tenant: "a" }
        const fiber = yield* Effect.forkChild(sdk.decrypt(message, { expectedEncryptionContext }))
        yield* Deferred.await(asked)
        message.fill(0)
        expectedEncryptionContext["tenant"] = "b"
        yield* Deferred.succeed(answer, undefined)
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

  describe("base64 text by mistake", () => {
    it.effect("is recognised for every suite, as it is and as URL-safe base64", () =>
      Effect.gen(function*() {
        for (const algorithmSuite of AlgorithmSuite.all) {
          const sdk = yield* clientOf(recordingKeyring().keyring, { commitmentPolicy: policyFor(algorithmSuite) })
          const { message } = yield* sdk.encrypt("a", { algorithmSuite })
          const base64 = Buffer.from(message).toString("base64")
          for (const text of [base64, base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")]) {
            const encoded = Buffer.from(text)
            for (const input of [encoded, encoded.subarray(0, 2)]) {
              assert.strictEqual((yield* decryptFailure(sdk.decrypt(input)))._tag, "MessageIsBase64")
              assert.strictEqual((yield* decryptFailure(sdk.inspect(input)))._tag, "MessageIsBase64")
            }
          }
        }
      }))

    it.effect("is not seen in other bytes", () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(recordingKeyring().keyring)
        for (
          const input of [hex(""), hex("41"), hex("4158"), hex("4168"), Buffer.from("hello"), hex("0180"), hex("02")]
        ) {
          assert.strictEqual((yield* decryptFailure(sdk.decrypt(input)))._tag, "MalformedMessage")
        }
      }))
  })

  describe("maximum of encrypted data keys", () => {
    it.effect("holds on encrypt and on decrypt, at the exact number", () =>
      Effect.gen(function*() {
        const { decryptions, keyring } = recordingKeyring({ encryptedDataKeys: 3 })
        const unlimited = yield* clientOf(keyring)
        const three = yield* clientOf(keyring, { maxEncryptedDataKeys: 3 })
        const two = yield* clientOf(keyring, { maxEncryptedDataKeys: 2 })
        const { message } = yield* unlimited.encrypt("a")
        assert.strictEqual(text((yield* three.decrypt((yield* three.encrypt("a")).message)).plaintext), "a")
        const asked = decryptions.length
        for (const reason of [yield* encryptFailure(two.encrypt("a")), yield* decryptFailure(two.decrypt(message))]) {
          assert.deepStrictEqual(fieldsOf(reason), { _tag: "TooManyEncryptedDataKeys", count: 3, maximum: 2 })
        }
        assert.strictEqual(decryptions.length, asked, "no keyring is asked for such a message")
        assert.strictEqual((yield* two.inspect(message)).encryptedDataKeys.length, 3)
      }))
  })

  describe("commitment policy", () => {
    /** By policy: the suites, by identifier, that encrypt; those that decrypt. */
    const matrix: Readonly<
      Record<CommitmentPolicy.CommitmentPolicy, readonly [ReadonlyArray<number>, ReadonlyArray<number>]>
    > = {
      ForbidEncryptAllowDecrypt: [
        [0x0014, 0x0046, 0x0078, 0x0114, 0x0146, 0x0178, 0x0214, 0x0346, 0x0378],
        [0x0014, 0x0046, 0x0078, 0x0114, 0x0146, 0x0178, 0x0214, 0x0346, 0x0378, 0x0478, 0x0578]
      ],
      RequireEncryptAllowDecrypt: [
        [0x0478, 0x0578],
        [0x0014, 0x0046, 0x0078, 0x0114, 0x0146, 0x0178, 0x0214, 0x0346, 0x0378, 0x0478, 0x0578]
      ],
      RequireEncryptRequireDecrypt: [
        [0x0478, 0x0578],
        [0x0478, 0x0578]
      ]
    }

    for (const commitmentPolicy of CommitmentPolicy.CommitmentPolicy.literals) {
      it.effect(`${commitmentPolicy}: what encrypts, and what decrypts`, () =>
        Effect.gen(function*() {
          const { decryptions, encryptions, keyring } = recordingKeyring()
          const sdk = yield* clientOf(keyring, { commitmentPolicy })
          const encrypts: Array<number> = []
          const decrypts: Array<number> = []
          for (const algorithmSuite of AlgorithmSuite.all) {
            const writer = yield* clientOf(keyring, { commitmentPolicy: policyFor(algorithmSuite) })
            const { message } = yield* writer.encrypt("a", { algorithmSuite })
            const violation = {
              _tag: "CommitmentPolicyViolation",
              commitmentPolicy,
              algorithmSuite: algorithmSuite.name
            }
            const before = [encryptions.length, decryptions.length]

            const encrypted = yield* Effect.result(sdk.encrypt("a", { algorithmSuite }))
            if (Result.isSuccess(encrypted)) encrypts.push(algorithmSuite.id)
            else assert.deepStrictEqual(fieldsOf(encrypted.failure.reason), violation)
            const decrypted = yield* Effect.result(sdk.decrypt(message))
            if (Result.isSuccess(decrypted)) decrypts.push(algorithmSuite.id)
            else assert.deepStrictEqual(fieldsOf(decrypted.failure.reason), violation)

            assert.deepStrictEqual(
              [encryptions.length - before[0]!, decryptions.length - before[1]!],
              [Number(Result.isSuccess(encrypted)), Number(Result.isSuccess(decrypted))],
              "no keyring is asked for a suite that the policy forbids"
            )
          }
          assert.deepStrictEqual([encrypts, decrypts], [...matrix[commitmentPolicy]])
        }))

      it.effect(`${commitmentPolicy}: the suite that it chooses`, () =>
        Effect.gen(function*() {
          const sdk = yield* clientOf(recordingKeyring().keyring, { commitmentPolicy })
          const { algorithmSuite } = yield* sdk.encrypt("a")
          assert.strictEqual(algorithmSuite.id, commitmentPolicy === "ForbidEncryptAllowDecrypt" ? 0x0378 : 0x0578)
        }))
    }
  })

  describe("materials manager", () => {
    it.effect("is not asked for a suite that the policy forbids", () =>
      Effect.gen(function*() {
        const writer = yield* clientOf(recordingKeyring().keyring, { commitmentPolicy: "ForbidEncryptAllowDecrypt" })
        const { algorithmSuite, message } = yield* writer.encrypt("a")
        const materialsManager = CryptographicMaterialsManager.make({
          getEncryptionMaterials: () => Effect.die(new Error("was asked")),
          decryptMaterials: () => Effect.die(new Error("was asked"))
        })
        const sdk = yield* clientOf(recordingKeyring().keyring)
        for (
          const reason of [
            yield* encryptFailure(sdk.encrypt("a", { algorithmSuite, materialsManager })),
            yield* decryptFailure(sdk.decrypt(message, { materialsManager }))
          ]
        ) {
          assert.strictEqual(reason._tag, "CommitmentPolicyViolation")
        }
      }))

    it.effect("may be given for one call, instead of the client's own", () =>
      Effect.gen(function*() {
        const own = recordingKeyring()
        const other = recordingKeyring({ name: "OtherKeyring" })
        const sdk = yield* clientOf(own.keyring)
        const materialsManager = yield* managerOf(other.keyring)
        const { message } = yield* sdk.encrypt("a", { materialsManager })
        assert.deepStrictEqual([own.encryptions.length, other.encryptions.length], [0, 1])
        assert.strictEqual(text((yield* sdk.decrypt(message, { materialsManager })).plaintext), "a")
        const reason = yield* decryptFailure(sdk.decrypt(message))
        assert.deepStrictEqual(fieldsOf(reason), {
          _tag: "NoDataKeyUnwrapped",
          encryptedDataKeys: [{
            _tag: "Skipped",
            keyring: "RecordingKeyring",
            index: 0,
            keyProviderId: "OtherKeyring",
            keyProviderInfo: "…",
            description: "it is another keyring's"
          }]
        })
      }))

    it.effect("is asked for what the specification says", () =>
      Effect.gen(function*() {
        const inner = yield* managerOf(recordingKeyring({ encryptedDataKeys: 2 }).keyring)
        const requests: Array<unknown> = []
        const materialsManager = CryptographicMaterialsManager.make({
          getEncryptionMaterials: (request) => {
            requests.push(request)
            return inner.getEncryptionMaterials(request)
          },
          decryptMaterials: (request) => {
            requests.push(request)
            return inner.decryptMaterials(request)
          }
        })
        const sdk = yield* clientOf(recordingKeyring().keyring)
        const { header, message } = yield* sdk.encrypt("hällo", { encryptionContext: { a: "1" }, materialsManager })
        yield* sdk.encrypt("", { algorithmSuite: unsigned, materialsManager })
        yield* sdk.decrypt(message, { expectedEncryptionContext: { a: "1" }, materialsManager })
        assert.deepStrictEqual(
          JSON.parse(JSON.stringify(requests)),
          JSON.parse(JSON.stringify([
            {
              encryptionContext: { a: "1" },
              commitmentPolicy: "RequireEncryptRequireDecrypt",
              requiredEncryptionContextKeys: [],
              maxPlaintextLength: 6
            },
            {
              encryptionContext: {},
              commitmentPolicy: "RequireEncryptRequireDecrypt",
              algorithmSuite: unsigned,
              requiredEncryptionContextKeys: [],
              maxPlaintextLength: 0
            },
            {
              algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384,
              commitmentPolicy: "RequireEncryptRequireDecrypt",
              encryptedDataKeys: header.encryptedDataKeys,
              encryptionContext: header.encryptionContext,
              expectedEncryptionContext: { a: "1" }
            }
          ]))
        )
      }))
  })

  describe("inspect", () => {
    it.effect("reads a header without keys, and says that it is not authenticated", () =>
      Effect.gen(function*() {
        const writer = yield* clientOf(recordingKeyring().keyring)
        const { header, message } = yield* writer.encrypt("a", { encryptionContext: { tenant: "a" } })
        const { decryptions, keyring } = recordingKeyring()
        const sdk = yield* clientOf(keyring)
        assert.deepStrictEqual(yield* sdk.inspect(message), { ...header, authenticated: false })
        const tampered = flip(message, 10)
        assert.isFalse((yield* sdk.inspect(tampered)).authenticated)
        assert.deepStrictEqual(yield* sdk.inspect(message.subarray(0, 600)), { ...header, authenticated: false })
        assert.strictEqual(decryptions.length, 0)
      }))

    it.effect("refuses what is no header, with the field and its offset", () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(recordingKeyring().keyring)
        const reason = yield* decryptFailure(sdk.inspect(hex("03")))
        assert.strictEqual(reason.message, "malformed message: Version at byte 0: must be 1 or 2, is 3")
      }))
  })

  describe("keys and plaintext in memory", () => {
    const signing = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384

    const clientWith = (keyring: Keyring.Keyring, primitives: Layer.Layer<Primitives.Primitives>) =>
      EncryptionSdk.EncryptionSdk.pipe(Effect.provide(
        EncryptionSdk.layer().pipe(
          Layer.provide(DefaultCmm.layer),
          Layer.provide(Layer.succeed(Keyring.Keyring, keyring)),
          Layer.provide(primitives)
        )
      ))

    it.effect("are zeroed when an operation ends, and the caller's own array is not", () =>
      Effect.gen(function*() {
        const primitives = recordingPrimitives()
        const { handedOut, keyring } = recordingKeyring()
        const sdk = yield* clientWith(keyring, primitives.layer)
        const plaintext = new Uint8Array(10).fill(7)
        const { message } = yield* sdk.encrypt(plaintext)
        yield* sdk.decrypt(message)
        assert.strictEqual(handedOut.length, 2)
        assert.isTrue(handedOut.every(isZero))
        assert.strictEqual(primitives.arrays("deriveKeys").length, 2)
        assert.isTrue(primitives.arrays("deriveKeys").every(isZero))
        assert.isAbove(primitives.arrays("seal").length, 1)
        assert.isTrue(primitives.arrays("seal").every(isZero), "copies of the plaintext")
        assert.deepStrictEqual(plaintext, new Uint8Array(10).fill(7))
      }))

    it.effect("copies that are long are given back too, and nothing that the caller has", () =>
      Effect.gen(function*() {
        const primitives = recordingPrimitives()
        const sdk = yield* clientWith(recordingKeyring().keyring, primitives.layer)
        const plaintext = new Uint8Array(10_000).fill(7)
        const { header, message } = yield* sdk.encrypt(plaintext, { frameLength: 20_000 })
        const before = new Uint8Array(message)
        const decrypted = yield* sdk.decrypt(message)
        assert.deepStrictEqual(plaintext, new Uint8Array(10_000).fill(7))
        assert.deepStrictEqual(message, before)
        assert.deepStrictEqual(decrypted.plaintext, plaintext)
        assert.deepStrictEqual(decrypted.header, header)
        // The header had none; the copy of 10,000 bytes is gone.
        assert.deepStrictEqual(primitives.arrays("seal").map((array) => array.length), [0, 0])
      }))

    it.effect("are zeroed when an operation fails, what was decrypted of a forged message included", () =>
      Effect.gen(function*() {
        const primitives = recordingPrimitives()
        const { handedOut, keyring } = recordingKeyring()
        const sdk = yield* clientWith(keyring, primitives.layer)
        const { message } = yield* sdk.encrypt("some secret")
        const forged = flip(message, message.length - 1)
        assert.deepStrictEqual(fieldsOf(yield* decryptFailure(sdk.decrypt(forged))), {
          _tag: "AuthenticationFailed",
          check: "signature"
        })
        assert.isTrue(handedOut.every(isZero))
        assert.isAbove(primitives.arrays("open").length, 0)
        assert.isTrue(primitives.arrays("open").every(isZero))
      }))

    it.effect("are zeroed when encrypt is interrupted while it signs", () =>
      Effect.gen(function*() {
        const signs = yield* Deferred.make<void>()
        const primitives = recordingPrimitives({
          sign: () => Effect.andThen(Deferred.succeed(signs, undefined), Effect.never)
        })
        const { handedOut, keyring } = recordingKeyring()
        const sdk = yield* clientWith(keyring, primitives.layer)
        const fiber = yield* Effect.forkChild(sdk.encrypt("some secret", { algorithmSuite: signing }))
        yield* Deferred.await(signs)
        assert.isFalse(isZero(handedOut[0]!))
        yield* Fiber.interrupt(fiber)
        assert.isTrue(handedOut.every(isZero))
        assert.isTrue(primitives.arrays("seal").every(isZero))
      }))

    it.effect("are zeroed when decrypt is interrupted while it verifies", () =>
      Effect.gen(function*() {
        const verifies = yield* Deferred.make<void>()
        const primitives = recordingPrimitives({
          verify: () => Effect.andThen(Deferred.succeed(verifies, undefined), Effect.never)
        })
        const { handedOut, keyring } = recordingKeyring()
        const sdk = yield* clientWith(keyring, primitives.layer)
        const { message } = yield* sdk.encrypt("some secret", { algorithmSuite: signing })
        const fiber = yield* Effect.forkChild(sdk.decrypt(message))
        yield* Deferred.await(verifies)
        assert.isFalse(isZero(handedOut[1]!))
        yield* Fiber.interrupt(fiber)
        assert.isTrue(handedOut.every(isZero))
        assert.isTrue(primitives.arrays("open").every(isZero))
      }))

    it.effect("of a manager that registers nothing with the scope are zeroed all the same", () =>
      Effect.gen(function*() {
        const inner = yield* managerOf(staticKeyring(dataKey))
        const handedOut: Array<Uint8Array> = []
        const careless = <Materials extends { readonly plaintextDataKey: DataKey.DataKey }>(
          { materials, receipt }: CryptographicMaterialsManager.MaterialsResponse<Materials>
        ) => {
          const plaintextDataKey = DataKey.copy(materials.plaintextDataKey)
          handedOut.push(DataKey.value(plaintextDataKey))
          return { materials: { ...materials, plaintextDataKey }, receipt }
        }
        const materialsManager = CryptographicMaterialsManager.make({
          getEncryptionMaterials: (request) => Effect.map(inner.getEncryptionMaterials(request), careless),
          decryptMaterials: (request) => Effect.map(inner.decryptMaterials(request), careless)
        })
        const sdk = yield* clientOf(recordingKeyring().keyring)
        const { message } = yield* sdk.encrypt("a", { materialsManager })
        yield* sdk.decrypt(message, { materialsManager })
        assert.strictEqual(handedOut.length, 2)
        assert.isTrue(handedOut.every(isZero))
      }))
  })

  it.effect("refuses trailing bytes", () =>
    Effect.gen(function*() {
      for (const algorithmSuite of AlgorithmSuite.all) {
        const sdk = yield* clientOf(recordingKeyring().keyring, { commitmentPolicy: policyFor(algorithmSuite) })
        const { message } = yield* sdk.encrypt("a", { algorithmSuite })
        const reason = yield* decryptFailure(sdk.decrypt(concat(message, hex("00"))))
        assert.strictEqual(
          reason.message,
          `malformed message: Trailing Bytes at byte ${message.length}: the message ends here, not 1 later`
        )
      }
    }))

  it.effect("refuses a plaintext of more frames than a message can have, before it copies it or asks for materials", () =>
    Effect.gen(function*() {
      /** Claims a length without holding the bytes. */
      class Huge extends Uint8Array {
        override get length() {
          return 2 ** 32 as never
        }
      }
      const { encryptions, keyring } = recordingKeyring()
      const sdk = yield* clientOf(keyring)
      const reason = yield* encryptFailure(sdk.encrypt(new Huge(), { frameLength: 1 }))
      assert.deepStrictEqual(fieldsOf(reason), {
        _tag: "InvalidOption",
        field: "frameLength",
        description: "makes 4294967296 frames, at most 4294967295 fit a message"
      })
      assert.strictEqual(encryptions.length, 0)
    }))
})
