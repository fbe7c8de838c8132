/** Whatever a keyring answers, the default manager checks it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { type CryptographicMaterials, DataKey, type EncryptedDataKey, Keyring } from "effect-encryption-sdk"
import { decryptFailure, encryptFailure, fieldsOf, managerOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { unsigned } from "../support/suites.ts"
import { encryptionRequest } from "../support/materials.ts"

describe("DefaultCmm", () => {
  describe("getEncryptionMaterials", () => {
    describe("checks what the keyring answers", () => {
      type Materials = CryptographicMaterials.EncryptionMaterials
      const honest = recordingKeyring().keyring
      const responding = (change: (materials: Materials) => unknown) =>
        Keyring.make({
          ...honest,
          name: "Changing",
          onEncrypt: (materials) => Effect.map(honest.onEncrypt(materials), (response) => change(response) as Materials)
        })
      const changing = (changes: (materials: Materials) => object) =>
        responding((materials) => ({ ...materials, ...changes(materials) }))
      const changed = "was changed by the keyring Changing"
      const cases: ReadonlyArray<readonly [string, Keyring.Keyring, string, string]> = [
        ["nothing", responding(() => undefined), "materials", "are missing in the answer of the keyring Changing"],
        ["another suite", changing(() => ({ algorithmSuite: unsigned })), "algorithmSuite", changed],
        [
          "a pair more",
          changing(({ encryptionContext }) => ({ encryptionContext: { ...encryptionContext, more: "x" } })),
          "encryptionContext",
          changed
        ],
        ["a pair less", changing(() => ({ encryptionContext: { tenant: "a" } })), "encryptionContext", changed],
        [
          "another value",
          changing(({ encryptionContext }) => ({ encryptionContext: { ...encryptionContext, tenant: "b" } })),
          "encryptionContext",
          changed
        ],
        ["no context", changing(() => ({ encryptionContext: undefined })), "encryptionContext", changed],
        ["another signing key", changing(() => ({ signingKey: Redacted.make({}) })), "signingKey", changed],
        ["no data key", changing(() => ({ plaintextDataKey: undefined })), "plaintextDataKey", "is missing"],
        [
          "a short data key",
          changing(() => ({ plaintextDataKey: DataKey.make(new Uint8Array(31).fill(1)) })),
          "plaintextDataKey",
          "is 31 bytes, the suite takes 32"
        ],
        [
          "a data key of zeroes",
          changing(() => ({ plaintextDataKey: DataKey.make(new Uint8Array(32)) })),
          "plaintextDataKey",
          "is all zero"
        ],
        ["no encrypted data key", changing(() => ({ encryptedDataKeys: [] })), "encryptedDataKeys", "there is none"],
        [
          "an encrypted data key that fits no message",
          changing(({ encryptedDataKeys: [edk] }) => ({
            encryptedDataKeys: [{ ...edk, ciphertext: new Uint8Array(65_536) }]
          })),
          "encryptedDataKeys.ciphertext",
          "is 65536 bytes, at most 65535 fit a message"
        ]
      ]
      for (const [name, keyring, field, description] of cases) {
        it.effect(name, () =>
          Effect.gen(function*() {
            const manager = yield* managerOf(keyring)
            const reason = yield* encryptFailure(manager.getEncryptionMaterials(encryptionRequest()))
            assert.deepStrictEqual(fieldsOf(reason), { _tag: "InvalidMaterials", field, description })
          }))
      }

      it.effect("other changes are not taken over", () =>
        Effect.gen(function*() {
          const manager = yield* managerOf(
            changing(() => ({ requiredEncryptionContextKeys: ["tenant"], more: "x" }))
          )
          const { materials } = yield* manager.getEncryptionMaterials(encryptionRequest())
          assert.deepStrictEqual(materials.requiredEncryptionContextKeys, [])
          assert.notProperty(materials, "more")
        }))

      it.effect("an equal copy of the context is no change", () =>
        Effect.gen(function*() {
          const manager = yield* managerOf(
            changing(({ encryptionContext }) => ({ encryptionContext: { ...encryptionContext } }))
          )
          yield* manager.getEncryptionMaterials(encryptionRequest())
        }))
    })
  })

  describe("decryptMaterials", () => {
    describe("checks what the keyring answers", () => {
      const edk: EncryptedDataKey.EncryptedDataKey = {
        keyProviderId: "p",
        keyProviderInfo: Uint8Array.of(1),
        ciphertext: Uint8Array.of(2)
      }
      const answers = (answer: unknown) =>
        Effect.gen(function*() {
          const manager = yield* managerOf(Keyring.make({
            ...recordingKeyring().keyring,
            name: "Changing",
            onDecrypt: () => Effect.succeed(answer as Keyring.OnDecryptResult)
          }))
          return yield* Effect.scoped(manager.decryptMaterials({
            algorithmSuite: unsigned,
            commitmentPolicy: "RequireEncryptRequireDecrypt",
            encryptedDataKeys: [edk],
            encryptionContext: {},
            expectedEncryptionContext: {}
          }))
        })
      const unwrapped = (plaintextDataKey: unknown, encryptedDataKey: unknown = edk) => ({
        _tag: "Unwrapped",
        plaintextDataKey,
        encryptedDataKey
      })
      const key = (length = 32) => DataKey.make(new Uint8Array(length).fill(1))
      const noneOfThem = "in the answer of the keyring Changing is none of the message's"
      const cases: ReadonlyArray<readonly [string, () => unknown, string, string]> = [
        ["no data key", () => unwrapped(undefined), "plaintextDataKey", "is no data key, or was released already"],
        ["a short data key", () => unwrapped(key(16)), "plaintextDataKey", "is 16 bytes, the suite takes 32"],
        ["a data key of zeroes", () => unwrapped(DataKey.make(new Uint8Array(32))), "plaintextDataKey", "is all zero"],
        [
          "an encrypted data key that is not the message's",
          () => unwrapped(key(), { ...edk, ciphertext: Uint8Array.of(3) }),
          "encryptedDataKey",
          noneOfThem
        ],
        [
          "one of another provider",
          () => unwrapped(key(), { ...edk, keyProviderId: "q" }),
          "encryptedDataKey",
          noneOfThem
        ],
        [
          "one with other information",
          () => unwrapped(key(), { ...edk, keyProviderInfo: Uint8Array.of(2) }),
          "encryptedDataKey",
          noneOfThem
        ],
        ["no encrypted data key", () => unwrapped(key(), null), "encryptedDataKey", noneOfThem],
        ["half of one", () => unwrapped(key(), { keyProviderId: "p" }), "encryptedDataKey", noneOfThem]
      ]
      for (const [name, answer, field, description] of cases) {
        it.effect(name, () =>
          Effect.gen(function*() {
            const reason = yield* decryptFailure(answers(answer()))
            assert.deepStrictEqual(fieldsOf(reason), { _tag: "InvalidMaterials", field, description })
          }))
      }

      it.effect("an equal copy of the encrypted data key is right", () =>
        Effect.gen(function*() {
          const copy = { ...edk, keyProviderInfo: Uint8Array.of(1), ciphertext: Uint8Array.of(2) }
          const { materials } = yield* answers(unwrapped(key(), copy))
          assert.deepStrictEqual(materials.unwrappedDataKey, edk)
          copy.ciphertext.fill(0xff)
          copy.keyProviderInfo.fill(0xff)
          assert.deepStrictEqual(materials.unwrappedDataKey, edk)
        }))
    })
  })
})
