/** Branch key stores of the user's own. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Scope } from "effect"
import { BrokenContract, KeyringError } from "effect-encryption-sdk"
import { BranchKeyStorage, BranchKeyStore, BranchKeyStoreError } from "effect-encryption-sdk/hierarchical"
import { isZero } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import * as byHand from "../support/hierarchy.ts"
import { keyBytes, unwrapped } from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"

import { branchKeyId, over } from "../support/hierarchicalKeyring.ts"

describe("a store of the user's own", () => {
  const version = "11111111-1111-4111-8111-111111111111"
  const branchKey = { branchKeyId, version, encryptionContext: {} }
  const key = () => Redacted.make(new Uint8Array(32).fill(7))

  it.effect("serves, and its key is zeroed though it forgets to", () =>
    Effect.gen(function*() {
      const made: Array<Uint8Array> = []
      const read = () =>
        Effect.sync(() => {
          const redacted = key()
          made.push(Redacted.value(redacted))
          return { ...branchKey, key: redacted }
        })
      const keyring = yield* over({ getActive: read, getVersion: read })
      const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys))
      assert.lengthOf(made, 2)
      assert.isTrue(made.every(isZero))
    }))

  const wrong: ReadonlyArray<readonly [string, () => unknown, RegExp]> = [
    ["nothing", () => undefined, /of another branchKeyId/],
    ["another branch key", () => ({ ...branchKey, branchKeyId: "b", key: key() }), /of another branchKeyId/],
    ["no version", () => ({ branchKeyId, key: key() }), /whose version is no UUID/],
    ["a version that is no UUID", () => ({ ...branchKey, version: "1", key: key() }), /whose version is no UUID/],
    ["no key", () => branchKey, /without key, a Redacted of bytes/],
    ["a key that is not redacted", () => ({ ...branchKey, key: new Uint8Array(32) }), /without key, a Redacted/],
    ["a short key", () => ({ ...branchKey, key: Redacted.make(new Uint8Array(31).fill(1)) }), /not 32 bytes long/],
    ["a key of zeroes", () => ({ ...branchKey, key: Redacted.make(new Uint8Array(32)) }), /whose key is all zero/]
  ]
  it.effect.each(wrong)(
    "that returns %s is a BrokenContract, and its key is zeroed",
    ([, response, message]) =>
      Effect.gen(function*() {
        const made: Array<Uint8Array> = []
        const read = () =>
          Effect.sync(() => {
            const given = response() as BranchKeyStore.BranchKey
            if (Redacted.isRedacted(given?.key)) made.push(Redacted.value(given.key))
            return given
          })
        const keyring = yield* over({ getActive: read, getVersion: read })
        const own = yield* byHand.wrapByHand({ branchKeyId, version, key: new Uint8Array(32).fill(7) }, keyBytes(32))
        for (
          const effect of [
            keyring.onEncrypt(encryptionMaterials()),
            keyring.onDecrypt(decryptionMaterials(), [own, own])
          ]
        ) {
          const error: KeyringError.KeyringError = yield* failureOf<unknown, KeyringError.KeyringError, Scope.Scope>(
            effect
          )
          assert.instanceOf(error.reason, BrokenContract)
          assert.match(error.reason.message, message)
        }
        assert.isTrue(made.every(isZero))
      })
  )

  it.effect("that returns another version than the requested one is a BrokenContract", () =>
    Effect.gen(function*() {
      const keyring = yield* over({ getVersion: () => Effect.sync(() => ({ ...branchKey, key: key() })) })
      const other = { branchKeyId, version: version.replaceAll("1", "2"), key: new Uint8Array(32).fill(7) }
      const own = yield* byHand.wrapByHand(other, keyBytes(32))
      const error = yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [own]))
      assert.match(error.message, /BranchKeyStore.getVersion returned a branch key of another version than/)
    }))

  it.effect("that throws, or fails with another error, is a BrokenContract", () =>
    Effect.gen(function*() {
      for (
        const getActive of [
          () => {
            throw new Error("no")
          },
          () => Effect.fail("no") as never,
          undefined as never
        ]
      ) {
        const error = yield* failureOf((yield* over({ getActive })).onEncrypt(encryptionMaterials()))
        assert.instanceOf(error.reason, BrokenContract)
      }
    }))

  it.effect("that fails: each reason is a row's failure", () =>
    Effect.gen(function*() {
      const rows: ReadonlyArray<readonly [BranchKeyStoreError["reason"], object]> = [
        [
          new BranchKeyStorage.StorageFailed({ code: "Slow", description: "down", isRetryable: true }),
          { failure: "Unreachable", code: "Slow", description: "down", isRetryable: true }
        ],
        [
          new BranchKeyStorage.StorageFailed({ code: "Denied", description: "no", isRetryable: false }),
          { failure: "Rejected", code: "Denied", description: "no", isRetryable: false }
        ],
        [new BranchKeyStorage.Conflict({}), { failure: "Rejected", code: "BranchKeyConflict", isRetryable: false }]
      ]
      const own = yield* byHand.wrapByHand({ branchKeyId, version, key: new Uint8Array(32).fill(7) }, keyBytes(32))
      for (const [reason, expected] of rows) {
        const failing = () => Effect.fail(new BranchKeyStoreError({ operation: "getVersion", branchKeyId, reason }))
        const error = yield* failureOf((yield* over({ getVersion: failing })).onDecrypt(decryptionMaterials(), [own]))
        if (error.reason._tag !== "DataKeyNotUnwrapped") return assert.fail(error.message)
        assert.deepInclude(error.reason.encryptedDataKeys[0], { _tag: "Attempted", ...expected })
      }
    }))
})
