import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Result } from "effect"
import {
  AlgorithmSuite,
  CommitmentPolicy,
  CryptographicMaterialsManager,
  EncryptionSdk,
  InvalidOption,
  Receipt
} from "effect-encryption-sdk"
import { MessageHeader } from "effect-encryption-sdk/message"
import { checkFrames } from "../../src/client/request.ts"
import { checked } from "../../src/internal/rejection.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { concat, flip, hex, text, toHex } from "../support/bytes.ts"
import { clientOf, decryptFailure, encryptFailure, fieldsOf, managerOf, policyFor } from "../support/client.ts"
import { policies } from "../support/commitmentPolicies.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { signed, unsigned } from "../support/suites.ts"

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
          [
            { portability: "All" },
            "portability",
            "must be MessageFormat or AllImplementations, or left out"
          ],
          [
            { maxEncryptedDataKey: 1 },
            "maxEncryptedDataKey",
            "is no option of a client: did you mean maxEncryptedDataKeys?"
          ],
          [null, "options", "must be an object"],
          ["x", "options", "must be an object"]
        ]
        for (const [options, field, description] of cases) {
          const error = yield* Effect.flip(make(options))
          assert.instanceOf(error, InvalidOption)
          assert.deepStrictEqual(fieldsOf(error), { _tag: "InvalidOption", field, description })
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

    it.effect("is 128 where none is given", () =>
      Effect.gen(function*() {
        for (const count of [128, 129]) {
          const { keyring } = recordingKeyring({ encryptedDataKeys: count })
          const lifted = yield* clientOf(keyring, { maxEncryptedDataKeys: 65_535 })
          const { message } = yield* lifted.encrypt("a")
          const sdk = yield* clientOf(keyring)
          if (count === 128) {
            assert.strictEqual(text((yield* sdk.decrypt(message)).plaintext), "a")
          } else {
            for (
              const reason of [yield* encryptFailure(sdk.encrypt("a")), yield* decryptFailure(sdk.decrypt(message))]
            ) {
              assert.deepStrictEqual(fieldsOf(reason), { _tag: "TooManyEncryptedDataKeys", count, maximum: 128 })
            }
          }
        }
      }))
  })

  describe("commitment policy", () => {
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
          assert.deepStrictEqual({ encrypts, decrypts }, policies[commitmentPolicy])
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
              algorithmSuite: signed,
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

  it("refuses a plaintext of more frames than a message can have", () => {
    const reason = checked<void, InvalidOption>(() => checkFrames(2 ** 32, 1))
    assert.deepStrictEqual(fieldsOf(Result.getOrThrow(Result.flip(reason))), {
      _tag: "InvalidOption",
      field: "frameLength",
      description: "makes 4294967296 frames, at most 4294967295 fit a message"
    })
    assert.deepStrictEqual(checked(() => checkFrames(2 ** 32 - 1, 1)), Result.succeed(undefined))
  })
})
