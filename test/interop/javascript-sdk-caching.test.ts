/**
 * Many messages under one data key, which one side has cached, are read by the other.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import {
  AlgorithmSuite,
  type CommitmentPolicy,
  CryptographicMaterialsManager,
  DefaultCmm,
  EncryptionSdk
} from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import type { KeyringPair } from "../support/javascriptSdk.ts"
import * as javascriptSdk from "../support/javascriptSdk.ts"

const { bytesOf, kms, kmsKeys, policyFor, Services } = javascriptSdk

/** A client of ours over a caching manager with a cache of its own. */
const cachingClientOf = Effect.fnUntraced(function*(
  pair: KeyringPair,
  commitmentPolicy: CommitmentPolicy.CommitmentPolicy
) {
  const materialsManager = yield* CachingCmm.make({
    materialsManager: yield* DefaultCmm.make(yield* pair.ours),
    cache: yield* LocalCache.make({ capacity: 100 }),
    policy: { maxAge: "1 hour" }
  })
  return yield* Effect.provideService(
    EncryptionSdk.make({ commitmentPolicy }),
    CryptographicMaterialsManager.CryptographicMaterialsManager,
    materialsManager
  )
})

layer(Services)((it) => {
  const plaintexts = Array.from({ length: 20 }, (_, i) => bytesOf(100 * i))
  for (const algorithmSuite of AlgorithmSuite.all.filter(AlgorithmSuite.isCacheable)) {
    const pair = kms(kmsKeys[0])
    const options = { algorithmSuite, encryptionContext: { purpose: "interop" }, frameLength: 512 }

    it.effect(
      `interop we encrypt 20 messages under one cached data key, JavaScript SDK decrypts: ${
        AlgorithmSuite.formatId(algorithmSuite.id)
      }`,
      () =>
        Effect.gen(function*() {
          const client = yield* cachingClientOf(pair, policyFor(algorithmSuite))
          const theirs = javascriptSdk.caching(yield* pair.theirs)
          const wrapped = new Set<string>()
          for (const plaintext of plaintexts) {
            const { header, message } = yield* client.encrypt(plaintext, options)
            wrapped.add(Buffer.from(header.encryptedDataKeys[0]!.ciphertext).toString("hex"))
            assert.deepStrictEqual(
              (yield* javascriptSdk.decrypt(theirs, message, algorithmSuite)).plaintext,
              plaintext
            )
          }
          assert.strictEqual(wrapped.size, 1)
        })
    )

    it.effect(
      `interop JavaScript SDK encrypts 20 messages under one cached data key, we decrypt: ${
        AlgorithmSuite.formatId(algorithmSuite.id)
      }`,
      () =>
        Effect.gen(function*() {
          const client = yield* cachingClientOf(pair, policyFor(algorithmSuite))
          const theirs = javascriptSdk.caching(yield* pair.theirs)
          const receipts: Array<string> = []
          for (const plaintext of plaintexts) {
            const message = yield* javascriptSdk.encrypt(theirs, plaintext, options)
            const result = yield* client.decrypt(message)
            assert.deepStrictEqual(result.plaintext, plaintext)
            receipts.push(result.receipt._tag)
          }
          assert.deepStrictEqual(receipts, ["Miss", ...Array.from({ length: 19 }, () => "Hit")])
        })
    )
  }
})
