/**
 * Many messages under one data key, which one side has cached, are read by the other.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { AlgorithmSuite, CryptographicMaterialsManager } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { toHex } from "../support/bytes.ts"
import { policyFor } from "../support/client.ts"
import * as javascriptSdk from "../support/javascriptSdk.ts"
import { pattern } from "../support/streams.ts"

const { clientOf, kms, kmsKeys, Services } = javascriptSdk

const cached = (materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager) =>
  Effect.gen(function*() {
    const cache = yield* LocalCache.make({ capacity: 100 })
    return yield* CachingCmm.make({ materialsManager, cache, policy: { maxAge: "1 hour" } })
  })

layer(Services)((it) => {
  const plaintexts = Array.from({ length: 20 }, (_, i) => pattern(100 * i))
  for (const algorithmSuite of AlgorithmSuite.all.filter(AlgorithmSuite.isCacheable)) {
    const pair = kms(kmsKeys[0])
    const options = { algorithmSuite, encryptionContext: { purpose: "interop" }, frameLength: 512 }

    const id = AlgorithmSuite.formatId(algorithmSuite.id)
    const clients = Effect.gen(function*() {
      return {
        client: yield* clientOf(pair, policyFor(algorithmSuite), cached),
        theirs: javascriptSdk.caching(yield* pair.theirs)
      }
    })

    it.effect(`interop we encrypt 20 messages under one cached data key, JavaScript SDK decrypts: ${id}`, () =>
      Effect.gen(function*() {
        const { client, theirs } = yield* clients
        const wrapped = new Set<string>()
        for (const plaintext of plaintexts) {
          const { header, message } = yield* client.encrypt(plaintext, options)
          wrapped.add(toHex(header.encryptedDataKeys[0]!.ciphertext))
          assert.deepStrictEqual((yield* javascriptSdk.decrypt(theirs, message, algorithmSuite)).plaintext, plaintext)
        }
        assert.strictEqual(wrapped.size, 1)
      }))

    it.effect(`interop JavaScript SDK encrypts 20 messages under one cached data key, we decrypt: ${id}`, () =>
      Effect.gen(function*() {
        const { client, theirs } = yield* clients
        const receipts: Array<string> = []
        for (const plaintext of plaintexts) {
          const message = yield* javascriptSdk.encrypt(theirs, plaintext, options)
          const result = yield* client.decrypt(message)
          assert.deepStrictEqual(result.plaintext, plaintext)
          receipts.push(result.receipt._tag)
        }
        assert.deepStrictEqual(receipts, ["Miss", ...Array.from({ length: 19 }, () => "Hit")])
      }))
  }
})
