/** Receipts and spans say which branch key served a message, and whether it was cached. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Result } from "effect"
import {
  type BranchKeyUse,
  type CryptographicMaterials,
  DataKey,
  DefaultCmm,
  Keyring,
  MultiKeyring,
  ResilientMultiKeyring
} from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { clientOf, failureOf } from "../support/client.ts"
import { branchKeyId, maxAge, prepared } from "../support/hierarchicalKeyring.ts"
import { keyBytes } from "../support/keyringContract.ts"
import { encryptionMaterials } from "../support/materials.ts"
import { recordingTracer } from "../support/recordingTracer.ts"
import { edk, scripted } from "../support/scriptedKeyring.ts"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const outcomes = (
  { receipt }: { readonly receipt: { readonly branchKeys?: ReadonlyArray<BranchKeyUse.BranchKeyUse> } }
) => receipt.branchKeys?.map(({ branchKeyId, outcome }) => `${branchKeyId} ${outcome}`)

describe("the receipt of a message under a branch key", () => {
  it.effect("names the branch key, its version, and a miss; then hits, until it is too old", () =>
    Effect.gen(function*() {
      const { branchOf, make } = yield* prepared
      const sdk = yield* clientOf(yield* make())
      const { version } = yield* branchOf()
      const first = yield* sdk.encrypt(keyBytes(10))
      assert.deepStrictEqual(first.receipt, {
        _tag: "Uncached",
        branchKeys: [{ branchKeyId, version, outcome: "Miss" }]
      })
      assert.deepStrictEqual(outcomes(yield* sdk.encrypt(keyBytes(10))), ["tenant-a Hit"])
      yield* TestClock.adjust(maxAge)
      assert.deepStrictEqual(outcomes(yield* sdk.encrypt(keyBytes(10))), ["tenant-a Miss"])
    }))

  it.effect("of a decryption has the version that the message names, which is another entry", () =>
    Effect.gen(function*() {
      const { admin, branchOf, make } = yield* prepared
      const keyring = yield* make()
      const sdk = yield* clientOf(keyring)
      const { version } = yield* branchOf()
      const { message } = yield* sdk.encrypt(keyBytes(10))
      yield* admin.versionKey(branchKeyId)
      yield* keyring.cache.clear
      const miss = yield* sdk.decrypt(message)
      assert.deepStrictEqual(miss.receipt.branchKeys, [{ branchKeyId, version, outcome: "Miss" }])
      assert.deepStrictEqual(outcomes(yield* sdk.decrypt(message)), ["tenant-a Hit"])
    }))

  it.effect("of requests at once says who joined the read of another", () =>
    Effect.gen(function*() {
      const { make, script } = yield* prepared
      const keyring = yield* make()
      const gate = yield* Deferred.make<void>()
      yield* script.when({ operation: "Decrypt" }, ScriptedKms.after(Deferred.await(gate)))
      // With a data key nothing is waited for but the branch key.
      const wrap = Effect.scoped(
        keyring.onEncrypt(encryptionMaterials({ plaintextDataKey: DataKey.make(keyBytes(32)) }))
      )
      const [first, ...others] = yield* Effect.all(
        [wrap, wrap, wrap, Effect.as(Deferred.succeed(gate, undefined), undefined)],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        [first, ...others].map((materials) => materials?.branchKeys?.[0]?.outcome),
        ["Miss", "Joined", "Joined", undefined]
      )
    }))

  it.effect("names all branch keys of a multi-keyring, in order", () =>
    Effect.gen(function*() {
      const { make } = yield* prepared
      const generator = yield* make()
      const child = yield* make({ branchKeyId: "tenant-b" })
      const grandchild = yield* make({ branchKeyId: "tenant-b" })
      const expected = ["tenant-a Miss", "tenant-b Miss", "tenant-b Miss"]
      const multi = yield* MultiKeyring.make({ generator, children: [child, grandchild] })
      assert.deepStrictEqual(outcomes(yield* (yield* clientOf(multi)).encrypt(keyBytes(10))), expected)
      yield* Effect.forEach([generator, child, grandchild], ({ cache }) => cache.clear)
      const resilient = yield* ResilientMultiKeyring.make({ generators: [generator], children: [child, grandchild] })
      const sdk = yield* clientOf(resilient)
      const { message, receipt } = yield* sdk.encrypt(keyBytes(10))
      assert.deepStrictEqual(outcomes({ receipt }), expected)
      assert.deepStrictEqual(outcomes(yield* sdk.decrypt(message)), ["tenant-a Miss"])
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("has none where the data key was cached: no branch key was asked for", () =>
    Effect.gen(function*() {
      const { make } = yield* prepared
      const keyring = yield* make()
      const materialsManager = yield* CachingCmm.make({
        materialsManager: yield* DefaultCmm.make(keyring),
        cache: yield* LocalCache.make({ capacity: 10 }),
        policy: { maxAge: "1 minute" }
      })
      const sdk = yield* clientOf(keyring)
      const options = { materialsManager }
      const miss = yield* sdk.encrypt(keyBytes(10), options)
      assert.deepStrictEqual([miss.receipt._tag, outcomes(miss)], ["Miss", ["tenant-a Miss"]])
      const hit = yield* sdk.encrypt(keyBytes(10), options)
      assert.strictEqual(hit.receipt._tag, "Hit")
      assert.isFalse("branchKeys" in hit.receipt)
      const decrypted = yield* sdk.decrypt(hit.message, options)
      assert.deepStrictEqual([decrypted.receipt._tag, outcomes(decrypted)], ["Miss", ["tenant-a Miss"]])
      const again = yield* sdk.decrypt(hit.message, options)
      assert.strictEqual(again.receipt._tag, "Hit")
      assert.isFalse("branchKeys" in again.receipt)
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("spans say it too", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recordingTracer()
      const { make } = yield* prepared
      const sdk = yield* clientOf(yield* make())
      const both = Effect.gen(function*() {
        yield* sdk.encrypt(keyBytes(10))
        const { message } = yield* sdk.encrypt(keyBytes(10))
        yield* sdk.decrypt(message)
      })
      yield* Effect.withTracer(both, tracer)
      const found = spans.filter(({ name }) => name.startsWith("EncryptionSdk."))
        .map(({ attributes }) => attributes.get("branch_key_outcomes"))
      assert.deepStrictEqual(found, ["miss", "hit", "miss"])
    }))
})

describe("a keyring of the user's own that reports branch keys", () => {
  const row = { branchKeyId: "b", version: "v", outcome: "Hit" }
  const reporting = (branchKeys: unknown) => {
    const generator = scripted("g", [], {
      onDecrypt: ([encryptedDataKey]) =>
        Effect.succeed({
          _tag: "Unwrapped",
          plaintextDataKey: DataKey.make(keyBytes(32)),
          encryptedDataKey: encryptedDataKey!
        })
    })
    return Keyring.make({
      ...generator,
      onEncrypt: (materials) =>
        Effect.map(generator.onEncrypt(materials), (filled) => ({
          ...filled,
          branchKeys: branchKeys as CryptographicMaterials.EncryptionMaterials["branchKeys"]
        })),
      onDecrypt: (materials, encryptedDataKeys) =>
        Effect.map(
          generator.onDecrypt(materials, encryptedDataKeys),
          (result): Keyring.OnDecryptResult =>
            result._tag === "Unwrapped" ? { ...result, branchKeys: branchKeys as typeof result.branchKeys } : result
        )
    })
  }

  for (
    const [title, branchKeys] of [
      ["no array", "b"],
      ["no row", [7]],
      ["null", [null]],
      ["an id that is no text", [{ ...row, branchKeyId: 1 }]],
      ["an id that is not well-formed", [{ ...row, branchKeyId: "\ud800" }]],
      ["a version that is no text", [{ ...row, version: undefined }]],
      ["another outcome", [{ ...row, outcome: "Free" }]]
    ] as const
  ) {
    it.effect(`fails where they are none: ${title}`, () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(reporting(branchKeys))
        const plain = yield* clientOf(scripted("g", []))
        const { message } = yield* plain.encrypt(keyBytes(10))
        for (const error of [yield* failureOf(sdk.encrypt(keyBytes(10))), yield* failureOf(sdk.decrypt(message))]) {
          assert.deepInclude(error.reason, { _tag: "InvalidMaterials", field: "branchKeys" })
        }
        const multi = yield* ResilientMultiKeyring.make({ generators: [reporting(branchKeys)], children: [] })
        const { reason } = yield* failureOf(Effect.scoped(multi.onEncrypt(encryptionMaterials())))
        assert.deepInclude<unknown>(reason, { _tag: "KeyringMisconfigured", field: "generators[0]" })
      }).pipe(Effect.provide(TestPrimitives.layer)))
  }

  it.effect("is shown by its rows as they were, and not by what it makes of them later", () =>
    Effect.gen(function*() {
      const mine = { ...row, more: "x" }
      const sdk = yield* clientOf(reporting([mine]))
      const { receipt } = yield* sdk.encrypt(keyBytes(10))
      mine.branchKeyId = "changed"
      assert.deepStrictEqual<unknown>(receipt.branchKeys, [row])
      assert.isTrue(Object.isFrozen(receipt.branchKeys) && Object.isFrozen(receipt.branchKeys?.[0]))
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("may change its list later: a resilient multi-keyring has its own", () =>
    Effect.gen(function*() {
      const rows: Array<unknown> = [{ ...row }]
      const child = scripted("h", [], {
        onEncrypt: (materials) =>
          Effect.sync(() => {
            rows.push(7)
            return { ...materials, encryptedDataKeys: [...materials.encryptedDataKeys, edk("h")] }
          })
      })
      const keyring = yield* ResilientMultiKeyring.make({ generators: [reporting(rows)], children: [child] })
      const encrypted = yield* Effect.result((yield* clientOf(keyring)).encrypt(keyBytes(10)))
      assert.isTrue(Result.isSuccess(encrypted), String(encrypted))
      assert.deepStrictEqual<unknown>(Result.getOrThrow(encrypted).receipt.branchKeys, [row])
    }))

  it.effect("and one whose rows are others the next time is read once", () =>
    Effect.gen(function*() {
      const generator = scripted("g", [])
      let reads = 0
      const lying = Keyring.make({
        ...generator,
        onEncrypt: (materials) =>
          Effect.map(generator.onEncrypt(materials), (filled) =>
            ({
              ...filled,
              get branchKeys() {
                return ++reads === 1 ? [row] : 7 as never
              }
            }) as typeof filled)
      })
      const keyring = yield* ResilientMultiKeyring.make({ generators: [lying] })
      const { receipt } = yield* (yield* clientOf(keyring)).encrypt(keyBytes(10))
      assert.deepStrictEqual<unknown>(receipt.branchKeys, [row])
    }))
})
