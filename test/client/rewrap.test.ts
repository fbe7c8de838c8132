import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Schema, type Scope } from "effect"
import {
  AlgorithmSuite,
  CryptographicMaterialsManager,
  type DecryptError,
  type EncryptError,
  EncryptionContext,
  MultiKeyring
} from "effect-encryption-sdk"
import type { MessageHeader } from "effect-encryption-sdk/message"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { arbitraryBytes, arbitraryInt } from "../support/arbitraryBytes.ts"
import { toHex } from "../support/bytes.ts"
import { clientOf, failureOf, fieldsOf, managerOf, policyFor } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { bodyOf, requiring, rotation } from "../support/rotation.ts"
import { spoil } from "../support/spoil.ts"
import { signed, uncommitted, unsigned, unsignedSuites } from "../support/suites.ts"

const own = (context: EncryptionContext.EncryptionContext) => ({
  ...EncryptionContext.omit(context, [EncryptionContext.publicKeyKey])
})

const arbitraryMessage = Arbitrary.all({
  plaintext: arbitraryBytes(0, 200),
  encryptionContext: Arbitraries.encryptionContext({ maxPairs: 4 }),
  frameLength: arbitraryInt(1, 90)
})

/** A header without what a new one of the same body has of its own. */
const lasting = (header: MessageHeader.MessageHeader) => ({
  ...header,
  encryptionContext: { ...header.encryptionContext },
  authentication: undefined,
  encryptedDataKeys: undefined
})

/** The reason of a rotation that fails, and whether it is one of encryption or of decryption. */
const reasonOf = <A>(effect: Effect.Effect<A, EncryptError | DecryptError, Scope.Scope>) =>
  Effect.map(
    failureOf(effect),
    ({ _tag, reason }): Readonly<Record<string, unknown>> => ({ error: _tag, ...fieldsOf(reason) })
  )

describe("rewrap", () => {
  describe.each(AlgorithmSuite.all)("$name", (algorithmSuite) => {
    it.effect.prop("makes a new message of the same plaintext, context and frame length", [
      Arbitrary.all({ message: arbitraryMessage, keepsSuite: Arbitrary.schema(Schema.Boolean) })
    ], ([{ keepsSuite, message: { plaintext, ...options } }]) =>
      Effect.gen(function*() {
        const { both, current, old } = yield* rotation({ commitmentPolicy: policyFor(algorithmSuite) })
        const before = yield* old.encrypt(plaintext, { algorithmSuite, ...options })
        const given = new Uint8Array(before.message)
        const after = yield* both.rewrap(given, keepsSuite ? { algorithmSuite } : {})
        assert.deepStrictEqual(given, before.message)
        assert.strictEqual(after.body, "Reencrypted")
        const read = yield* current.decrypt(after.message)
        assert.strictEqual(toHex(read.plaintext), toHex(plaintext))
        assert.deepStrictEqual(own(read.encryptionContext), { ...options.encryptionContext })
        assert.deepStrictEqual(read.header, after.header)
        assert.strictEqual(after.header.frameLength, options.frameLength)
        assert.notStrictEqual(toHex(after.header.messageId), toHex(before.header.messageId))
        if (keepsSuite) assert.strictEqual(after.algorithmSuite, algorithmSuite)
        else assert.isDefined(after.algorithmSuite.signature)
        assert.strictEqual((yield* failureOf(old.decrypt(after.message))).reason._tag, "NoDataKeyUnwrapped")
        assert.deepStrictEqual(after.source.header, before.header)
        assert.deepStrictEqual(own(after.source.encryptionContext), { ...options.encryptionContext })
        assert.strictEqual(after.source.unwrappedDataKey.keyProviderInfo, "before…")
        assert.deepStrictEqual(after.wrappingKeys.map((key) => key.keyProviderInfo), ["now…"])
      }).pipe(Effect.scoped), {
      arbitrary: { seed: `rewrap-${algorithmSuite.id}`, runs: algorithmSuite.signature === undefined ? 20 : 6 }
    })
  })

  describe.each(unsignedSuites)("keepBody, $name", (algorithmSuite) => {
    it.effect.prop("keeps the body byte for byte, and all of the header but the encrypted data keys and the tag", [
      arbitraryMessage
    ], ([{ plaintext, ...options }]) =>
      Effect.gen(function*() {
        const { both, current, keyrings, old } = yield* rotation({ commitmentPolicy: policyFor(algorithmSuite) })
        const before = yield* old.encrypt(plaintext, { algorithmSuite, ...options })
        const given = new Uint8Array(before.message)
        const after = yield* both.rewrap(given, { keepBody: { keyring: keyrings.current } })
        assert.deepStrictEqual(given, before.message)
        assert.strictEqual(after.body, "Kept")
        assert.strictEqual(toHex(bodyOf(after.message)), toHex(bodyOf(before.message)))
        assert.deepStrictEqual(lasting(after.header), lasting(before.header))
        const read = yield* current.decrypt(after.message)
        assert.strictEqual(toHex(read.plaintext), toHex(plaintext))
        assert.deepStrictEqual(read.header, after.header)
        assert.deepStrictEqual({ ...after.encryptionContext }, { ...options.encryptionContext })
        assert.strictEqual((yield* failureOf(old.decrypt(after.message))).reason._tag, "NoDataKeyUnwrapped")
        assert.deepStrictEqual(after.source.header, before.header)
        assert.strictEqual(after.source.unwrappedDataKey.keyProviderInfo, "before…")
        assert.deepStrictEqual(after.wrappingKeys.map((key) => key.keyProviderInfo), ["now…"])
        assert.strictEqual(after.receipt._tag, "Uncached")
        // It can be kept again and again.
        const again = yield* both.rewrap(after.message, { keepBody: { keyring: keyrings.old } })
        assert.strictEqual(toHex(bodyOf(again.message)), toHex(bodyOf(before.message)))
        assert.strictEqual(toHex((yield* old.decrypt(again.message)).plaintext), toHex(plaintext))
      }).pipe(Effect.scoped), { arbitrary: { seed: `keep-${algorithmSuite.id}`, runs: 20 } })

    it.effect("has another IV in the header, where the header stores one", () =>
      Effect.gen(function*() {
        const { both, keyrings, old } = yield* rotation({ commitmentPolicy: policyFor(algorithmSuite) })
        const ivs = new Set<string>()
        const { message } = yield* old.encrypt("text", { algorithmSuite })
        for (let count = 0; count < 5; count++) {
          const { header } = yield* both.rewrap(message, { keepBody: { keyring: keyrings.current } })
          const { iv } = header.authentication
          if (iv === undefined) continue
          ivs.add(toHex(iv))
          // No frame has such a one: theirs are numbers of 32 bits.
          assert.isAtLeast(iv[0]!, 0x80)
        }
        assert.strictEqual(ivs.size, algorithmSuite.messageFormatVersion === 1 ? 5 : 0)
      }).pipe(Effect.scoped))
  })

  it.effect("keepBody: what is signed, or of another suite than is wanted, is encrypted again", () =>
    Effect.gen(function*() {
      const { both, current, keyrings, old } = yield* rotation()
      const keepBody = { keyring: keyrings.current }
      const rows = [
        [signed, {}, "Reencrypted", signed],
        [signed, { algorithmSuite: unsigned }, "Reencrypted", unsigned],
        [unsigned, { algorithmSuite: signed }, "Reencrypted", signed],
        [unsigned, { algorithmSuite: { ...unsigned } }, "Kept", unsigned]
      ] as const
      for (const [algorithmSuite, options, body, expected] of rows) {
        const { message } = yield* old.encrypt("text", { algorithmSuite, encryptionContext: { a: "b" } })
        const exit = yield* Effect.exit(both.rewrap(message, { keepBody, ...options }))
        if (Exit.isFailure(exit)) return assert.fail(`failed: ${algorithmSuite.name}`)
        const after = exit.value
        assert.deepStrictEqual([after.body, after.algorithmSuite], [body, expected])
        assert.deepStrictEqual(own((yield* current.decrypt(after.message)).encryptionContext), { a: "b" })
      }
    }).pipe(Effect.scoped))

  it.effect("a suite that the policy forbids for new messages is not kept, and is left behind otherwise", () =>
    Effect.gen(function*() {
      const before = yield* rotation({ commitmentPolicy: "ForbidEncryptAllowDecrypt" })
      const { message } = yield* before.old.encrypt("text", { algorithmSuite: uncommitted })
      const { both, current, keyrings } = yield* rotation({ commitmentPolicy: "RequireEncryptAllowDecrypt" })
      const keepBody = { keyring: keyrings.current }
      assert.deepStrictEqual(yield* reasonOf(both.rewrap(message, { keepBody })), {
        error: "EncryptError",
        _tag: "CommitmentPolicyViolation",
        commitmentPolicy: "RequireEncryptAllowDecrypt",
        algorithmSuite: uncommitted.name
      })
      for (const options of [{}, { keepBody, algorithmSuite: unsigned }]) {
        const after = yield* both.rewrap(message, options)
        assert.strictEqual(after.body, "Reencrypted")
        assert.isAbove(after.algorithmSuite.commitmentLength, 0)
        assert.strictEqual(toHex((yield* current.decrypt(after.message)).plaintext), "74657874")
      }
      const { both: strict } = yield* rotation()
      for (const options of [{}, { keepBody }]) {
        const reason = yield* reasonOf(strict.rewrap(message, options))
        assert.deepInclude(reason, { error: "DecryptError", _tag: "CommitmentPolicyViolation" })
      }
    }).pipe(Effect.scoped))

  it.effect("may decrypt and encrypt by managers of its own, and change the frame length", () =>
    Effect.gen(function*() {
      const { current, keyrings, old } = yield* rotation()
      const { message } = yield* old.encrypt("some text", { frameLength: 2 })
      const materialsManager = yield* managerOf(keyrings.current)
      const sourceMaterialsManager = yield* managerOf(keyrings.old)
      // The client's own manager has the old key alone.
      const after = yield* old.rewrap(message, { materialsManager, sourceMaterialsManager, frameLength: 5 })
      assert.strictEqual((yield* current.decrypt(after.message)).header.frameLength, 5)
      assert.strictEqual((yield* old.rewrap(message)).header.frameLength, 2)
      // Without one for the old message, that of the new one takes both parts.
      assert.deepInclude(yield* reasonOf(old.rewrap(message, { materialsManager })), { _tag: "NoDataKeyUnwrapped" })
      const back = yield* old.rewrap(after.message, { sourceMaterialsManager: materialsManager })
      assert.strictEqual(back.wrappingKeys[0]!.keyProviderInfo, "before…")
    }).pipe(Effect.scoped))

  it.effect("pairs that the old message does not store are not stored in the new one", () =>
    Effect.gen(function*() {
      const { both, current, keyrings, old } = yield* rotation()
      const expectedEncryptionContext = { tenant: "confidential" }
      for (const algorithmSuite of [unsigned, signed]) {
        const { message } = yield* old.encrypt("text", {
          algorithmSuite,
          encryptionContext: { ...expectedEncryptionContext, purpose: "test" },
          materialsManager: yield* requiring(keyrings.old, "tenant")
        })
        for (const keepBody of [undefined, { keyring: keyrings.current }]) {
          const after = yield* both.rewrap(message, { expectedEncryptionContext, keepBody })
          assert.deepStrictEqual(own(after.header.encryptionContext), { purpose: "test" })
          assert.deepInclude(after.encryptionContext, expectedEncryptionContext)
          yield* failureOf(current.decrypt(after.message))
          yield* failureOf(current.decrypt(after.message, { expectedEncryptionContext: { tenant: "other" } }))
          const exit = yield* Effect.exit(current.decrypt(after.message, { expectedEncryptionContext }))
          if (Exit.isFailure(exit)) return assert.fail("it does not open with the pairs")
          const read = exit.value
          assert.deepStrictEqual(own(read.encryptionContext), { tenant: "confidential", purpose: "test" })
          for (const wrong of [{}, { tenant: "other" }]) {
            const reason = yield* reasonOf(both.rewrap(message, { expectedEncryptionContext: wrong, keepBody }))
            assert.deepInclude(reason, { error: "DecryptError", _tag: "NoDataKeyUnwrapped" })
          }
        }
      }
    }).pipe(Effect.scoped))

  it.effect("a manager that stores such pairs is rejected", () =>
    Effect.gen(function*() {
      const { both, keyrings, old } = yield* rotation()
      const { message } = yield* old.encrypt("text", {
        encryptionContext: { tenant: "confidential" },
        materialsManager: yield* requiring(keyrings.old, "tenant")
      })
      const inner = yield* managerOf(keyrings.current)
      const materialsManager = CryptographicMaterialsManager.make({
        ...inner,
        getEncryptionMaterials: (request) =>
          inner.getEncryptionMaterials({ ...request, requiredEncryptionContextKeys: [] })
      })
      const options = {
        expectedEncryptionContext: { tenant: "confidential" },
        materialsManager,
        sourceMaterialsManager: yield* managerOf(keyrings.old)
      }
      assert.deepStrictEqual(yield* reasonOf(both.rewrap(message, options)), {
        error: "EncryptError",
        _tag: "InvalidMaterials",
        field: "requiredEncryptionContextKeys",
        description: "do not have \"tenant\""
      })
    }).pipe(Effect.scoped))

  it.effect("a client whose messages all implementations read keeps no frames that some do not read", () =>
    Effect.gen(function*() {
      const { both, keyrings, old } = yield* rotation({ portability: "AllImplementations" })
      const { old: anyReader } = yield* rotation()
      const keepBody = { keyring: keyrings.current }
      const { message } = yield* anyReader.encrypt("text", { algorithmSuite: unsigned, frameLength: 2 ** 30 + 1 })
      for (const options of [{}, { keepBody }]) {
        assert.deepInclude(yield* reasonOf(both.rewrap(message, options)), {
          error: "EncryptError",
          _tag: "InvalidOption",
          field: "frameLength"
        })
      }
      const { message: shorter } = yield* old.encrypt("text", { algorithmSuite: unsigned, frameLength: 2 ** 30 })
      assert.strictEqual((yield* both.rewrap(shorter, { keepBody })).body, "Kept")
      assert.strictEqual((yield* both.rewrap(message, { frameLength: 4096 })).header.frameLength, 4096)
    }).pipe(Effect.scoped))

  it.effect("a multi-keyring keeps bodies with children alone", () =>
    Effect.gen(function*() {
      const { both, current, keyrings, old } = yield* rotation()
      const { message } = yield* old.encrypt("text", { algorithmSuite: unsigned })
      const generating = yield* MultiKeyring.make({ generator: keyrings.current })
      assert.deepInclude(yield* reasonOf(both.rewrap(message, { keepBody: { keyring: generating } })), {
        error: "EncryptError",
        _tag: "KeyringError"
      })
      const children = yield* MultiKeyring.make({ children: [keyrings.current, keyrings.old] })
      const after = yield* both.rewrap(message, { keepBody: { keyring: children } })
      assert.deepStrictEqual(after.wrappingKeys.map((key) => key.keyProviderInfo), ["now…", "before…"])
      for (const reader of [current, old]) yield* reader.decrypt(after.message)
    }).pipe(Effect.scoped))

  it.effect("what was returned shares nothing with what is used later", () =>
    Effect.gen(function*() {
      const { both, current, keyrings, old } = yield* rotation()
      const { message } = yield* old.encrypt("text", { algorithmSuite: unsigned })
      const given = new Uint8Array(message)
      for (const keepBody of [undefined, { keyring: keyrings.current }]) {
        const { message: after, ...metadata } = yield* both.rewrap(given, { keepBody })
        spoil(metadata)
        assert.deepStrictEqual(given, message)
        yield* current.decrypt(after)
        spoil(after)
        assert.deepStrictEqual(given, message)
      }
    }).pipe(Effect.scoped))

  it.effect("wrong options and messages fail, and name what is wrong; no keyring is called", () =>
    Effect.gen(function*() {
      const { both, keyrings } = yield* rotation({ maxEncryptedDataKeys: 1 })
      const { handedOut, keyring } = recordingKeyring()
      const sdk = yield* clientOf(keyring)
      const { message } = yield* sdk.encrypt("text", { algorithmSuite: unsigned })
      const rows = [
        [null, "options", "must be an object"],
        [{ keepbody: { keyring } }, "keepbody", "is no option of rewrap: did you mean keepBody?"],
        [{ keepBody: null }, "keepBody", "must be an object, or left out"],
        [{ keepBody: {} }, "keepBody.keyring", "must be a keyring"],
        [{ keepBody: { keyrings: 1 } }, "keepBody.keyrings", "is no option of keepBody: did you mean keyring?"],
        [{ frameLength: 0 }, "frameLength", "must be an integer from 1 to 4294967295"],
        [
          { sourceMaterialsManager: null },
          "sourceMaterialsManager",
          "must be a CryptographicMaterialsManager, or left out"
        ]
      ] as const
      for (const [options, field, description] of rows) {
        assert.deepStrictEqual(yield* reasonOf(sdk.rewrap(message, options as never)), {
          error: "EncryptError",
          _tag: "InvalidOption",
          field,
          description
        })
      }
      const noBytes = yield* reasonOf(sdk.rewrap("text" as never))
      assert.deepInclude(noBytes, { error: "DecryptError", _tag: "InvalidOption", field: "message" })
      assert.strictEqual(handedOut.length, 1)
      // The limit of encrypted data keys holds for what is kept, too.
      const { message: old } = yield* both.encrypt("text", { algorithmSuite: unsigned })
      const two = yield* MultiKeyring.make({ children: [keyrings.current, keyrings.old] })
      assert.deepStrictEqual(yield* reasonOf(both.rewrap(old, { keepBody: { keyring: two } })), {
        error: "EncryptError",
        _tag: "TooManyEncryptedDataKeys",
        count: 2,
        maximum: 1
      })
    }).pipe(Effect.scoped))
})
