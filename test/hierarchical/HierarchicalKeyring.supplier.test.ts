/** framework/aws-kms/aws-kms-hierarchical-keyring.md#branch-key-supplier */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Scope } from "effect"
import { BrokenContract, KeyringError, RequiredEncryptionContextCmm } from "effect-encryption-sdk"
import { HierarchicalKeyring } from "effect-encryption-sdk/hierarchical"
import { text } from "../support/bytes.ts"
import { clientOf, failureOf, managerOf } from "../support/client.ts"
import * as byHand from "../support/hierarchy.ts"
import { attempts, errorsOf, keyBytes, skipped, unwrapped } from "../support/keyringContract.ts"
import { edk } from "../support/kmsKeyring.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"

import { branchKeyId, prepared } from "../support/hierarchicalKeyring.ts"

const name = "HierarchicalKeyring"
const { notWrapped } = errorsOf(name)

type Options = HierarchicalKeyring.Options

describe("a branchKeyIdSupplier", () => {
  const byTenant: Options["branchKeyIdSupplier"] = ({ tenant }) => Effect.succeed(`tenant-${tenant}`)
  const materialsOf = (tenant: string) => ({ encryptionContext: { tenant } })

  it.effect("chooses the branch key by the encryption context, both ways", () =>
    Effect.gen(function*() {
      const { make, store } = yield* prepared
      const keyring = yield* make({ branchKeyIdSupplier: byTenant })
      for (const tenant of ["a", "b"]) {
        const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials(materialsOf(tenant)))
        assert.strictEqual(text(encryptedDataKeys[0]!.keyProviderInfo), `tenant-${tenant}`)
        unwrapped(yield* keyring.onDecrypt(decryptionMaterials(materialsOf(tenant)), encryptedDataKeys))
        const rows = skipped(yield* keyring.onDecrypt(decryptionMaterials(materialsOf("c")), encryptedDataKeys))
        assert.strictEqual(rows[0]!.description, "its branch key is not the one of this keyring for this context")
      }
      assert.deepStrictEqual((yield* store.getActive("tenant-b")).encryptionContext, { department: "admin" })
    }))

  it.effect("sees pairs that are authenticated and not stored", () =>
    Effect.gen(function*() {
      const { make } = yield* prepared
      const keyring = yield* make({ branchKeyIdSupplier: byTenant })
      const materialsManager = yield* RequiredEncryptionContextCmm.make({
        materialsManager: yield* managerOf(keyring),
        requiredEncryptionContextKeys: ["tenant"]
      })
      const sdk = yield* clientOf(keyring)
      const encryptionContext = { tenant: "a", purpose: "test" }
      const { header, message } = yield* sdk.encrypt(keyBytes(10), { encryptionContext, materialsManager })
      assert.notProperty(header.encryptionContext, "tenant")
      const { plaintext } = yield* sdk.decrypt(message, {
        expectedEncryptionContext: { tenant: "a" },
        materialsManager
      })
      assert.deepStrictEqual(new Uint8Array(plaintext), keyBytes(10))
    }))

  it.effect("is called once for a decrypt, and not where nothing is of the provider", () =>
    Effect.gen(function*() {
      const { branchOf, make } = yield* prepared
      const branch = yield* branchOf()
      let calls = 0
      const keyring = yield* make({ branchKeyIdSupplier: () => Effect.sync(() => (calls++, branchKeyId)) })
      skipped(yield* keyring.onDecrypt(decryptionMaterials(), [edk("aws-kms", "a"), edk("raw", "b")]))
      assert.strictEqual(calls, 0)
      const own = yield* byHand.wrapByHand(branch, keyBytes(32))
      const wrong = yield* byHand.wrapByHand(branch, keyBytes(32), { label: "x" })
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [edk("raw", "b"), wrong, own]))
      assert.strictEqual(calls, 1)
    }))

  it.effect("gets a copy of the context, and what it does to it changes nothing", () =>
    Effect.gen(function*() {
      const { make } = yield* prepared
      const keyring = yield* make({
        branchKeyIdSupplier: (context) =>
          Effect.sync(() => {
            Object.assign(context, { purpose: "changed" })
            return branchKeyId
          })
      })
      const encryptionContext = { purpose: "test" }
      const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials({ encryptionContext }))
      assert.deepStrictEqual(encryptionContext, { purpose: "test" })
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials({ encryptionContext }), encryptedDataKeys))
    }))

  const tagged = { _tag: "TenantUnknown", message: "no\ntenant", isRetryable: true }
  const failures: ReadonlyArray<readonly [string, unknown, object]> = [
    ["an error with a tag", tagged, {
      failure: "Unreachable",
      code: "TenantUnknown",
      description: "no\ntenant",
      isRetryable: true
    }],
    ["an exception", new Error("no"), {
      failure: "Rejected",
      code: "BranchKeyIdNotSupplied",
      description: "no",
      isRetryable: false
    }],
    ["a text", "no", { failure: "Rejected", code: "BranchKeyIdNotSupplied", description: "no", isRetryable: false }],
    ["nothing", undefined, { failure: "Rejected", code: "BranchKeyIdNotSupplied", isRetryable: false }],
    [
      "what cannot be read",
      Object.defineProperty({}, "message", { get: () => assert.fail("read") }),
      { failure: "Rejected", code: "BranchKeyIdNotSupplied", isRetryable: false }
    ]
  ]
  it.effect.each(failures)(
    "that fails with %s fails the operation, with a row for each of its own",
    ([, error, expected]) =>
      Effect.gen(function*() {
        const { make } = yield* prepared
        const keyring = yield* make({ branchKeyIdSupplier: () => Effect.fail(error) })
        const refusal = expected as KeyringError.ProviderRefusal
        assert.deepStrictEqual(
          yield* failureOf(keyring.onEncrypt(encryptionMaterials())),
          notWrapped("(branchKeyIdSupplier)", refusal)
        )
        const edks = [edk("raw", "a"), edk("aws-kms-hierarchy", "b"), edk("aws-kms-hierarchy", "c")]
        const decryption = yield* failureOf(keyring.onDecrypt(decryptionMaterials(), edks))
        if (decryption.reason._tag !== "DataKeyNotUnwrapped") return assert.fail(decryption.message)
        const [skip, ...rows] = decryption.reason.encryptedDataKeys
        assert.deepInclude(skip, {
          _tag: "Skipped",
          index: 0,
          description: "its key provider is not aws-kms-hierarchy"
        })
        assert.deepStrictEqual(rows, attempts(name, edks, refusal).slice(1))
        assert.strictEqual(decryption.isRetryable, refusal.isRetryable)
        assert.notInclude(decryption.message, "no\ntenant")
      })
  )

  const breaches: ReadonlyArray<readonly [string, () => unknown, string]> = [
    ["throws", () => {
      throw new Error("no")
    }, "branchKeyIdSupplier threw instead of failing"],
    ["returns a text", () => "a", "branchKeyIdSupplier returned string instead of an Effect"],
    ["returns a promise", () => Promise.resolve("a"), "branchKeyIdSupplier returned a Promise instead of an Effect"],
    ...[1, "", "\ud800", undefined, "x".repeat(65_536)].map((id) =>
      [
        `succeeds with ${typeof id} ${String(id).slice(0, 3)}`,
        () => Effect.succeed(id),
        "branchKeyIdSupplier returned no text of 1 to 65,535 bytes of UTF-8"
      ] as const
    )
  ]
  it.effect.each(breaches)("that %s is a BrokenContract", ([, supplier, message]) =>
    Effect.gen(function*() {
      const { make } = yield* prepared
      const keyring = yield* make({ branchKeyIdSupplier: supplier as Required<Options>["branchKeyIdSupplier"] })
      for (
        const effect of [
          keyring.onEncrypt(encryptionMaterials()),
          keyring.onDecrypt(decryptionMaterials(), [edk("aws-kms-hierarchy", "a")])
        ]
      ) {
        const error: KeyringError.KeyringError = yield* failureOf<unknown, KeyringError.KeyringError, Scope.Scope>(
          effect
        )
        assert.instanceOf(error.reason, BrokenContract)
        assert.strictEqual(error.reason.message, message)
      }
    }))
})
