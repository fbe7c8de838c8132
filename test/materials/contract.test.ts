/** Parts of a user's own that break their contract: one sentence names the part and what it did, and its own error is the cause. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import {
  BrokenContract,
  CryptographicMaterialsManager,
  type EncryptedDataKey,
  EncryptError,
  InvalidOption,
  Keyring,
  KeyringError,
  MultiKeyring
} from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { clientOf, decryptFailure, encryptFailure, managerOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { edk, one } from "../support/kmsKeyring.ts"
import { fromOtherRealm } from "../support/otherRealm.ts"
import { decryptRequest, encryptRequest } from "../support/scriptedManager.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const mine = new Error("mine")
const throwMine = () => {
  throw mine
}

/** What the part does, the end of the sentence about it, and its own error. */
type Breach = readonly [name: string, operation: () => unknown, description: string, cause?: unknown]

const breachesOf = (errorName: string): ReadonlyArray<Breach> => [
  ["throws", throwMine, "threw instead of failing", mine],
  ["returns nothing", () => undefined, "returned undefined instead of an Effect"],
  ["returns null", () => null, "returned null instead of an Effect"],
  ["returns a promise", () => Promise.reject(mine), "returned a Promise instead of an Effect"],
  [
    "returns a promise of another realm",
    () => fromOtherRealm("Promise.reject(1)"),
    "returned a Promise instead of an Effect"
  ],
  ["returns a value", () => ({ materials: {} }), "returned object instead of an Effect"],
  ["fails with another error", () => Effect.fail(mine), `failed with an error that is no ${errorName}`, mine],
  ["fails with a text", () => Effect.fail("mine"), `failed with an error that is no ${errorName}`, "mine"],
  ["fails with nothing", () => Effect.fail(undefined), `failed with an error that is no ${errorName}`],
  ["fails with what only looks as one", () => Effect.fail(alike), `failed with an error that is no ${errorName}`, alike]
]

/** The fields of each of these errors, in an object that is no Error. */
const alike = {
  _tag: "KeyringError",
  keyring: "Other",
  operation: "onEncrypt",
  reason: { _tag: "KeyringMisconfigured", field: "a", description: "b" }
}

const assertBroken = (reason: unknown, part: string, description: string, cause?: unknown) => {
  const broken = reason instanceof KeyringError.KeyringError ? reason.reason : reason
  assert.instanceOf(broken, BrokenContract)
  assert.strictEqual(broken.message, `${part} ${description}`)
  assert.strictEqual(broken.cause, cause)
}

const keyringOf = (operation: (...args: ReadonlyArray<never>) => unknown, name = "MyKeyring") =>
  Keyring.make({ name, onEncrypt: operation as never, onDecrypt: operation as never })

const edks: ReadonlyArray<EncryptedDataKey.EncryptedDataKey> = [edk("p", "i")]
const encryptWith = (keyring: Keyring.Keyring) =>
  encryptFailure(
    Effect.scoped(Effect.flatMap(managerOf(keyring), (manager) => manager.getEncryptionMaterials(encryptRequest())))
  )
const decryptWith = (keyring: Keyring.Keyring) =>
  decryptFailure(
    Effect.scoped(Effect.flatMap(managerOf(keyring), (manager) => manager.decryptMaterials(decryptRequest({ edks }))))
  )

describe("a keyring that breaks its contract", () => {
  it.effect.each(breachesOf("KeyringError"))("%s", ([, operation, description, cause]) =>
    Effect.gen(function*() {
      // Its own object, too, without the library's make.
      const spread = { ...recordingKeyring().keyring, ...keyringOf(operation) }
      for (const keyring of [keyringOf(operation), spread]) {
        assertBroken(yield* encryptWith(keyring), "keyring MyKeyring.onEncrypt", description, cause)
        assertBroken(yield* decryptWith(keyring), "keyring MyKeyring.onDecrypt", description, cause)
      }
    }))

  const row = { keyring: "MyKeyring", index: 0, keyProviderId: "p", keyProviderInfo: "i", description: "why" }
  const noRows = "returned NotMine without skipped, a row of the tag Skipped for each encrypted data key"
  const results: ReadonlyArray<readonly [string, unknown, string]> = [
    ["undefined", undefined, "returned undefined instead of a result"],
    ["null", null, "returned null instead of a result"],
    ["a text", "NotMine", "returned string instead of a result"],
    ["another tag", { _tag: "Other" }, "returned a result that is neither Unwrapped nor NotMine"],
    ["NotMine without rows", { _tag: "NotMine" }, noRows],
    ["rows that are none", { _tag: "NotMine", skipped: ["a"] }, noRows],
    ["rows of attempts", { _tag: "NotMine", skipped: [{ ...row, _tag: "Attempted" }] }, noRows],
    ["rows without an index", { _tag: "NotMine", skipped: [{ ...row, _tag: "Skipped", index: "0" }] }, noRows],
    [
      "a count that is none",
      { _tag: "NotMine", skipped: [], omitted: "1" },
      "returned NotMine with omitted that is no integer"
    ]
  ]
  it.effect.each(results)("a result that is %s", ([, result, description]) =>
    Effect.gen(function*() {
      const keyring = keyringOf(() => Effect.succeed(result))
      assertBroken(yield* decryptWith(keyring), "keyring MyKeyring.onDecrypt", description)
    }))

  it.effect("a defect of its own stays what it is", () =>
    Effect.gen(function*() {
      const manager = yield* managerOf(keyringOf(() => Effect.die(mine)))
      const exit = yield* Effect.exit(Effect.scoped(manager.decryptMaterials(decryptRequest({ edks }))))
      assert.deepStrictEqual(exit, yield* Effect.exit(Effect.die(mine)))
    }))

  it.effect("in a multi-keyring: it keeps no other from trying, and its row says what it did", () =>
    Effect.gen(function*() {
      const good = recordingKeyring()
      const children = [keyringOf(throwMine), keyringOf(() => Effect.succeed(null), "Nothing")]
      const { message } = yield* Effect.flatMap(clientOf(good.keyring), (sdk) => sdk.encrypt("a"))
      const all = yield* clientOf(yield* MultiKeyring.make({ children: [...children, good.keyring] }))
      assert.strictEqual((yield* all.decrypt(message)).plaintext.length, 1)
      const reason = yield* decryptWith(yield* MultiKeyring.make({ children }))
      if (reason._tag !== "NoDataKeyUnwrapped") throw new Error(reason._tag)
      assert.deepStrictEqual(
        reason.encryptedDataKeys.map((row) => [row._tag, row.description]),
        [
          ["Attempted", "keyring MyKeyring.onDecrypt threw instead of failing"],
          ["Attempted", "keyring Nothing.onDecrypt returned null instead of a result"]
        ]
      )
      const encrypting = yield* encryptWith(yield* MultiKeyring.make({ generator: good.keyring, children }))
      assertBroken(encrypting, "keyring MyKeyring.onEncrypt", "threw instead of failing", mine)
      const [, nothing] = children
      const empty = yield* encryptWith(yield* MultiKeyring.make({ generator: nothing! }))
      assert.strictEqual(empty.message, "MultiKeyring.onEncrypt: generator: Nothing returned no materials")
    }))
})

describe("a materials manager that breaks its contract", () => {
  const managerWith = (operation: () => unknown) =>
    CryptographicMaterialsManager.make({
      getEncryptionMaterials: operation as never,
      decryptMaterials: operation as never
    })

  const message = Effect.flatMap(clientOf(recordingKeyring().keyring), (sdk) => sdk.encrypt("a"))

  const caching = Effect.fnUntraced(
    function*(materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager) {
      const cache = yield* LocalCache.make({ capacity: 10 })
      return yield* CachingCmm.make({ cache, materialsManager, policy: { maxAge: "1 minute" } })
    },
    Effect.provide(TestPrimitives.layer)
  )

  it.effect.each(breachesOf("EncryptError"))(
    "on encrypt: %s",
    ([, operation, description, cause]) =>
      Effect.gen(function*() {
        const manager = managerWith(operation)
        const sdk = yield* clientOf(recordingKeyring().keyring)
        const bare = { ...manager, getEncryptionMaterials: operation as never }
        for (const materialsManager of [manager, bare, yield* caching(manager)]) {
          const reason = yield* encryptFailure(sdk.encrypt("a", { materialsManager }))
          assertBroken(reason, "materials manager.getEncryptionMaterials", description, cause)
        }
      })
  )

  it.effect.each(breachesOf("DecryptError"))(
    "on decrypt: %s",
    ([, operation, description, cause]) =>
      Effect.gen(function*() {
        const manager = managerWith(operation)
        const sdk = yield* clientOf(recordingKeyring().keyring)
        for (const materialsManager of [manager, yield* caching(manager)]) {
          const reason = yield* decryptFailure(sdk.decrypt((yield* message).message, { materialsManager }))
          assertBroken(reason, "materials manager.decryptMaterials", description, cause)
        }
      })
  )

  it.effect("an error of the other operation is none of this one", () =>
    Effect.gen(function*() {
      const error = new EncryptError({ reason: new InvalidOption({ field: "a", description: "b" }) })
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const materialsManager = managerWith(() => Effect.fail(error))
      assertBroken(
        yield* decryptFailure(sdk.decrypt((yield* message).message, { materialsManager })),
        "materials manager.decryptMaterials",
        "failed with an error that is no DecryptError",
        error
      )
    }))
})

describe("a Kms that breaks its contract", () => {
  const keyringOver = (operation: () => unknown) =>
    Effect.provide(
      KmsKeyring.make({ generatorKeyId: one }),
      Layer.succeed(Kms.Kms, { generateDataKey: operation, encrypt: operation, decrypt: operation } as never)
    )
  const kmsEdks = [edk("aws-kms", one), edk("aws-kms", one)]
  const decrypting = (keyring: Keyring.Keyring) =>
    decryptFailure(
      Effect.scoped(
        Effect.flatMap(managerOf(keyring), (manager) => manager.decryptMaterials(decryptRequest({ edks: kmsEdks })))
      )
    )

  it.effect.each(breachesOf("KmsError"))("%s", ([, operation, description, cause]) =>
    Effect.gen(function*() {
      let calls = 0
      const keyring = yield* keyringOver(() => {
        calls++
        return operation()
      })
      assertBroken(yield* encryptWith(keyring), "Kms.generateDataKey", description, cause)
      assertBroken(yield* decrypting(keyring), "Kms.decrypt", description, cause)
      assert.strictEqual(calls, 2, "no other encrypted data key is tried")
    }))

  const plaintext = () => Redacted.make(new Uint8Array(32).fill(1))
  const responses: ReadonlyArray<readonly [string, () => unknown, string]> = [
    ["null", () => null, "returned a response that is no object"],
    ["no keyId", () => ({ plaintext: plaintext() }), "returned a response without keyId, the ARN of the key"],
    [
      "no plaintext",
      () => ({ keyId: one, ciphertextBlob: Uint8Array.of(1) }),
      "returned a response without plaintext, a DataKey"
    ],
    [
      "a bare plaintext",
      () => ({ keyId: one, plaintext: new Uint8Array(32), ciphertextBlob: Uint8Array.of(1) }),
      "returned a response without plaintext, a DataKey"
    ]
  ]
  it.effect.each(responses)("a response with %s", ([, response, description]) =>
    Effect.gen(function*() {
      const keyring = yield* keyringOver(() => Effect.sync(response))
      assertBroken(yield* decrypting(keyring), "Kms.decrypt", description)
      const reason = yield* encryptWith(keyring)
      assert.strictEqual(reason._tag, "KeyringError")
      assert.include(reason.message, "Kms.generateDataKey returned a response")
    }))
})
