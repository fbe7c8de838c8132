/** framework/aws-kms/aws-kms-hierarchical-keyring.md */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { DataKey, Keyring } from "effect-encryption-sdk"
import { BranchKeyAdmin, BranchKeyStore, HierarchicalKeyring } from "effect-encryption-sdk/hierarchical"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { TestStore } from "../support/branchKeys.ts"
import { isZero, text, toHex } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import * as byHand from "../support/hierarchy.ts"
import {
  attempts,
  errorsOf,
  keyBytes,
  keyringContract,
  layersMake,
  passesOver,
  printsNone,
  rejectsOptions,
  skipped,
  unwrapped,
  zeroesWhenInterrupted
} from "../support/keyringContract.ts"
import { edk } from "../support/kmsKeyring.ts"
import { decryptionMaterials, encryptionMaterials, exampleContext } from "../support/materials.ts"
import { branchKeyId, maxAge, over, prepared } from "../support/hierarchicalKeyring.ts"

const name = "HierarchicalKeyring"
const { misconfigured, notUnwrapped, notWrapped } = errorsOf(name)

type Options = HierarchicalKeyring.Options

keyringContract({
  title: name,
  name,
  make: Effect.gen(function*() {
    const { branchOf, make, recording } = yield* prepared
    const branch = yield* branchOf()
    return {
      keyring: yield* make(),
      wrapByHand: (dataKey: Uint8Array) => byHand.wrapByHand(branch, dataKey),
      dataKeys: Effect.sync(() => [...recording.arrays("seal"), ...recording.arrays("open")])
    }
  }),
  bindsContext: true,
  rejects: "AuthenticationFailed",
  alsoRejects: ["BranchKeyNotFound"],
  failures: { BranchKeyNotFound: "KeyNotFound" },
  // One of another length has a ciphertext of another length, which is not decrypted at all.
  invalidKeys: [[new Uint8Array(32), "InvalidDataKey"]]
})

const testLayer = Layer.provide(
  Layer.effectDiscard(
    Effect.flatMap(
      BranchKeyAdmin.BranchKeyAdmin,
      ({ createKey }) => createKey({ branchKeyId, encryptionContext: { a: "b" } })
    )
  ).pipe(Layer.provideMerge(HierarchicalKeyring.layer({ branchKeyId, maxAge }))),
  TestStore
)

describe("HierarchicalKeyring.make", () => {
  layersMake(name, { layer: testLayer })

  rejectsOptions<Options>(
    name,
    "a hierarchical keyring",
    (options) => Effect.provide(HierarchicalKeyring.make(options), Layer.orDie(TestStore)),
    { branchKeyId, maxAge },
    [
      [
        "neither id nor supplier",
        { branchKeyId: undefined },
        "branchKeyId",
        /^is missing, and so is branchKeyIdSupplier/
      ],
      [
        "both",
        { branchKeyIdSupplier: () => Effect.succeed("a") },
        "branchKeyId",
        /^is there, and so is branchKeyIdSupp/
      ],
      ["an empty id", { branchKeyId: "" }, "branchKeyId", "must be a text of 1 to 65,535 bytes of UTF-8"],
      ["a broken id", { branchKeyId: "\ud800" }, "branchKeyId", "must be a text of 1 to 65,535 bytes of UTF-8"],
      ["a long id", { branchKeyId: "é".repeat(32_768) }, "branchKeyId", "must be a text of 1 to 65,535 bytes of UTF-8"],
      ["another id", { branchKeyId: 1 }, "branchKeyId", "must be a text of 1 to 65,535 bytes of UTF-8"],
      [
        "a supplier that is none",
        { branchKeyId: undefined, branchKeyIdSupplier: "a" },
        "branchKeyIdSupplier",
        "must be a function of an encryption context"
      ]
    ]
  )
})

describe("HierarchicalKeyring.onEncrypt", () => {
  it.effect("#ciphertext: wraps as the specification says, under the active version", () =>
    Effect.gen(function*() {
      const { admin, branchOf, make } = yield* prepared
      const keyring = yield* make()
      const first = yield* branchOf()
      const plaintextDataKey = DataKey.make(keyBytes(32))
      const { encryptedDataKeys: [one] } = yield* keyring.onEncrypt(encryptionMaterials({ plaintextDataKey }))
      assert.strictEqual(one!.keyProviderId, "aws-kms-hierarchy")
      assert.strictEqual(text(one!.keyProviderInfo), branchKeyId)
      assert.strictEqual(one!.ciphertext.length, 92)
      assert.strictEqual(toHex(one!.ciphertext.subarray(28, 44)), first.version.replaceAll("-", ""))
      assert.deepStrictEqual(yield* byHand.unwrapByHand(first, one!), keyBytes(32))
      const { version } = yield* admin.versionKey(branchKeyId)
      yield* keyring.cache.invalidate(branchKeyId)
      const { encryptedDataKeys: [two] } = yield* keyring.onEncrypt(encryptionMaterials({ plaintextDataKey }))
      assert.strictEqual(toHex(two!.ciphertext.subarray(28, 44)), version.replaceAll("-", ""))
      assert.deepStrictEqual(yield* byHand.unwrapByHand(yield* branchOf(), two!), keyBytes(32))
      const other = yield* keyring.onDecrypt(decryptionMaterials(), [one!])
      assert.deepStrictEqual(DataKey.value(unwrapped(other).plaintextDataKey), keyBytes(32), "the old version is read")
    }))

  it.effect("#branch-key-wrapping: salt and IV are new for each wrapping", () =>
    Effect.gen(function*() {
      const { make } = yield* prepared
      const keyring = yield* make()
      const seen = new Set<string>()
      for (let i = 0; i < 20; i++) {
        const { encryptedDataKeys: [edk] } = yield* keyring.onEncrypt(encryptionMaterials())
        const [salt, iv] = [toHex(edk!.ciphertext.subarray(0, 16)), toHex(edk!.ciphertext.subarray(16, 28))]
        assert.notInclude(salt, iv)
        seen.add(salt).add(iv)
      }
      assert.strictEqual(seen.size, 40)
    }))

  it.effect("the branch key and the derived key are zero once the data key is wrapped or unwrapped", () =>
    Effect.gen(function*() {
      const { make, recording, script } = yield* prepared
      const keyring = yield* make()
      const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
      yield* keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys)
      assert.strictEqual(yield* script.unreleased, 0)
      const derived = recording.arrays("importAesKey")
      assert.lengthOf(derived, 2)
      assert.isTrue(derived.every(isZero))
    }))

  it.effect("fails with the store's refusal, by the name of the branch key", () =>
    Effect.gen(function*() {
      const { make, script } = yield* prepared
      const none = yield* make({ branchKeyId: "none" })
      const refusal = {
        failure: "KeyNotFound",
        code: "BranchKeyNotFound",
        description: "there is no record of the type branch:ACTIVE",
        isRetryable: false
      } as const
      assert.deepStrictEqual(yield* failureOf(none.onEncrypt(encryptionMaterials())), notWrapped("none", refusal))
      yield* script.when({ operation: "Decrypt" }, ScriptedKms.fail("Throttled"))
      const error = yield* failureOf((yield* make()).onEncrypt(encryptionMaterials()))
      assert.isTrue(error.isRetryable)
      assert.deepInclude(error.reason, { _tag: "DataKeyNotWrapped", keyName: branchKeyId, failure: "Throttled" })
    }))

  zeroesWhenInterrupted((begun) =>
    Effect.gen(function*() {
      const { recording, store } = yield* Effect.orDie(prepared)
      const keyring = yield* HierarchicalKeyring.make({ branchKeyId, maxAge }).pipe(
        Effect.provideService(
          BranchKeyStore.BranchKeyStore,
          { ...store, getActive: () => Effect.andThen(begun, Effect.never) }
        ),
        Effect.provide(recording.layer)
      )
      return {
        keyring,
        dataKeys: Effect.sync(() => recording.arrays("randomBytes").filter(({ length }) => length === 32))
      }
    })
  )
})

describe("HierarchicalKeyring.onDecrypt", () => {
  passesOver(name, Effect.provide(HierarchicalKeyring.make({ branchKeyId, maxAge }), Layer.orDie(TestStore)), [
    ["another provider's", edk("aws-kms", branchKeyId), "its key provider is not aws-kms-hierarchy"],
    ["that of another case", edk("AWS-KMS-hierarchy", branchKeyId), "its key provider is not aws-kms-hierarchy"],
    [
      "another branch key's",
      edk("aws-kms-hierarchy", "tenant-b"),
      "its branch key is not the one of this keyring for this context"
    ],
    [
      "that of no branch key",
      edk("aws-kms-hierarchy", ""),
      "its branch key is not the one of this keyring for this context"
    ],
    [
      "one whose branch key is no UTF-8",
      edk("aws-kms-hierarchy", Uint8Array.of(0xff)),
      "its key provider information is not valid UTF-8"
    ]
  ])

  it.effect("does not call the store for what is not its own, or has not the length of its suite", () =>
    Effect.gen(function*() {
      const keyring = yield* over({ getVersion: () => Effect.die("called") })
      const edks = [91, 93, 0, 60].map((length) => edk("aws-kms-hierarchy", branchKeyId, new Uint8Array(length)))
      const error = yield* failureOf(keyring.onDecrypt(decryptionMaterials(), edks))
      assert.deepStrictEqual(
        error,
        notUnwrapped(attempts(name, edks, {
          failure: "InvalidCiphertext",
          code: "CiphertextLengthMismatch",
          description: "its ciphertext has not the length of a data key of the algorithm suite",
          isRetryable: false
        }))
      )
      skipped(yield* keyring.onDecrypt(decryptionMaterials(), [edk("aws-kms-hierarchy", "tenant-b")]))
    }))

  const changed: ReadonlyArray<readonly [string, byHand.Changes, string]> = [
    ["another label", { label: "aws-kms-hierarchy " }, "AuthenticationFailed"],
    ["no label, as the specification's text has it", { label: "" }, "AuthenticationFailed"],
    ["no provider before the id", { aadPrefix: "" }, "AuthenticationFailed"],
    ["another context", { context: { ...exampleContext, purpose: "Test" } }, "AuthenticationFailed"]
  ]
  it.effect.each(changed)("does not unwrap what was wrapped with %s", ([, changes, code]) =>
    Effect.gen(function*() {
      const { branchOf, make } = yield* prepared
      const wrapped = yield* byHand.wrapByHand(yield* branchOf(), keyBytes(32), changes)
      const error = yield* failureOf((yield* make()).onDecrypt(decryptionMaterials(), [wrapped]))
      assert.deepStrictEqual(
        error,
        notUnwrapped(attempts(name, [wrapped], { failure: "InvalidCiphertext", code, isRetryable: false }))
      )
    }))

  it.effect("binds the id of the branch key: the same key under another id does not unwrap", () =>
    Effect.gen(function*() {
      const { branchOf, make } = yield* prepared
      const branch = yield* branchOf()
      const info = new TextEncoder().encode(branchKeyId)
      const wrapped = yield* byHand.wrapByHand({ ...branch, branchKeyId: "tenant-" }, keyBytes(32), { info })
      const error = yield* failureOf((yield* make()).onDecrypt(decryptionMaterials(), [wrapped]))
      assert.strictEqual(error.reason._tag, "DataKeyNotUnwrapped")
    }))
})

it.effect("HierarchicalKeyring prints no branch key", () =>
  Effect.gen(function*() {
    const { branchOf, make } = yield* prepared
    const keyring = yield* make()
    const exit = yield* Effect.exit(keyring.onEncrypt(encryptionMaterials()))
    assert.isTrue(Exit.isSuccess(exit) && Keyring.isKeyring(keyring))
    printsNone([keyring, exit], (yield* branchOf()).key)
    assert.deepStrictEqual(
      yield* failureOf(keyring.onEncrypt(encryptionMaterials({ encryptionContext: { a: 1 } as never }))),
      misconfigured(
        "onEncrypt",
        "encryptionContext",
        "encryption context: key \"a\": value must be a string, got number"
      )
    )
  }))
