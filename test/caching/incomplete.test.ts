/** The client and the caching CMM over a keyring that goes on while another fails. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import {
  CryptographicMaterialsManager,
  DefaultCmm,
  EncryptionSdk,
  Keyring,
  ResilientMultiKeyring
} from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { keyBytes } from "../support/keyringContract.ts"
import { unavailable } from "../support/scriptedKeyring.ts"
import { unsigned } from "../support/suites.ts"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const aes = (keyName: string, first = 3) =>
  RawAesKeyring.make({ keyNamespace: "namespace", keyName, wrappingKey: Redacted.make(keyBytes(32, first)) })

/** A client over two keyrings, of which the first fails while `isDown`, and a count of its requests. */
const stack = Effect.fnUntraced(function*(options: Partial<CachingCmm.Options> = {}) {
  const state = { isDown: true }
  /** The maximum ages of the entries that were evicted, in seconds. */
  const ages: Array<number> = []
  const real = yield* aes("first")
  const first = Keyring.make({
    ...real,
    onEncrypt: (materials) =>
      Effect.suspend(() => state.isDown ? Effect.fail(unavailable("first")) : real.onEncrypt(materials))
  })
  const second = yield* aes("second", 9)
  const both = [first, second]
  const keyring = yield* ResilientMultiKeyring.make({ generators: both, children: both, minimumChildren: 1 })
  const materialsManager = yield* CachingCmm.make({
    policy: { maxAge: "10 minutes" },
    materialsManager: yield* DefaultCmm.make(keyring),
    cache: yield* LocalCache.make({
      capacity: 10,
      onEviction: ({ metadata }) => ages.push(Duration.toSeconds(metadata.maxAge))
    }),
    ...options
  })
  const sdk = yield* Effect.provideService(
    EncryptionSdk.make(),
    CryptographicMaterialsManager.CryptographicMaterialsManager,
    materialsManager
  )
  const encrypt = Effect.map(
    sdk.encrypt("order", { algorithmSuite: unsigned }),
    ({ header, receipt }) => ({ receipt, count: header.encryptedDataKeys.length })
  )
  return { state, encrypt, ages }
})

const rows = [{
  keyring: "RawAesKeyring",
  member: "generators[0]",
  failure: "Unreachable",
  code: "Down",
  isRetryable: true
}]

describe("materials that lack a wrapping", () => {
  it.effect("the receipt says who was missing, of a miss and of each hit", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* stack()
      const miss = yield* encrypt
      assert.strictEqual(miss.count, 1)
      assert.deepStrictEqual([miss.receipt._tag, miss.receipt.missingWrappings], ["Miss", rows])
      const hit = yield* encrypt
      assert.deepStrictEqual([hit.receipt._tag, hit.receipt.missingWrappings], ["Hit", rows])
    }).pipe(Effect.scoped, Effect.provide(TestPrimitives.layer)))

  it.effect.each([[undefined, 60], ["5 seconds", 5], ["1 hour", 600]] as const)(
    "a data key that lacks a wrapping lives for %s of ten minutes: %i seconds",
    ([maxAgeIncomplete, seconds]) =>
      Effect.gen(function*() {
        const { ages, encrypt, state } = yield* stack({ maxAgeIncomplete })
        yield* encrypt
        state.isDown = false
        yield* TestClock.adjust(`${seconds * 1000 - 1} millis`)
        assert.strictEqual((yield* encrypt).receipt._tag, "Hit")
        yield* TestClock.adjust("1 millis")
        const { count, receipt } = yield* encrypt
        assert.strictEqual(receipt._tag, "Miss")
        assert.isFalse("missingWrappings" in receipt)
        assert.deepStrictEqual(ages, [seconds])
        assert.strictEqual(count, 2)
        // A complete one lives as long as the policy lets it.
        yield* TestClock.adjust("599999 millis")
        assert.strictEqual((yield* encrypt).receipt._tag, "Hit")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* encrypt).receipt._tag, "Miss")
      }).pipe(Effect.scoped, Effect.provide(TestPrimitives.layer))
  )

  it.effect("it is refreshed ahead within its own age", () =>
    Effect.gen(function*() {
      // Of ten minutes that would be between the fifth and the middle of the eighth; of one it is a tenth of that.
      const { encrypt, state } = yield* stack({ refreshAhead: { gracePeriod: "5 minutes" } })
      yield* encrypt
      state.isDown = false
      yield* TestClock.adjust("29 seconds")
      const before = yield* encrypt
      assert.deepInclude(before.receipt, { _tag: "Hit", refreshStarted: false })
      yield* TestClock.adjust("16 seconds")
      assert.deepInclude((yield* encrypt).receipt, { _tag: "Hit", refreshStarted: true })
      yield* TestClock.adjust("1 millis")
      const { count, receipt } = yield* encrypt
      assert.strictEqual(receipt._tag, "Hit")
      assert.strictEqual(count, 2)
    }).pipe(Effect.scoped, Effect.provide(TestPrimitives.layer)))
})
