import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Duration, Effect, Exit, Formatter, Result } from "effect"
import { AlgorithmSuite, CommitmentPolicy, DataKey, DefaultCmm, EncryptionContext } from "effect-encryption-sdk"
import { CachePolicy, CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { Arbitraries, ScriptedKms } from "effect-encryption-sdk/testing"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { scriptedManager } from "../support/scriptedManager.ts"
import * as checks from "../support/checks.ts"

const sample = <A>(arbitrary: Arbitrary.Arbitrary<A>, count = 500) =>
  Arbitrary.sampleEffect(arbitrary, { count, seed: "sample" })

/** What a value shrinks to that falsifies whatever satisfies the condition. */
const shrunk = <A>(arbitrary: Arbitrary.Arbitrary<A>, falsifies: (value: A) => boolean) =>
  Effect.map(
    Arbitrary.checkEffect(arbitrary, (value) => !falsifies(value), { seed: "shrink", runs: 500, maxShrinks: 5000 }),
    (result) => result._tag === "Falsified" ? result.shrunkInput : assert.fail(result._tag)
  )

const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

describe("texts and contexts", () => {
  it.effect("are valid, and hold what breaks naive code", () =>
    Effect.gen(function*() {
      const contexts = yield* sample(Arbitraries.encryptionContext())
      for (const context of contexts) {
        assert.isTrue(Result.isSuccess(EncryptionContext.validate(context)))
        assert.isUndefined(EncryptionContext.findReservedKey(context))
      }
      const has = (title: string, fits: (context: EncryptionContext.EncryptionContext) => boolean) =>
        assert.isTrue(contexts.some(fits), title)
      has("the empty context", (context) => Object.keys(context).length === 0)
      has("four pairs", (context) => Object.keys(context).length === 4)
      has("an own key __proto__", (context) => Object.hasOwn(context, "__proto__"))
      has("an empty key", (context) => Object.hasOwn(context, ""))
      has("an empty value", (context) => Object.values(context).includes(""))
      has("astral characters", (context) => /[\u{10000}-\u{10ffff}]/u.test(Object.keys(context).join("")))
      has("two bytes of UTF-8", (context) => Object.values(context).join("").includes("é"))
      has("keys whose order in UTF-8 is not that in UTF-16", (context) => {
        const keys = Object.keys(context)
        const inUtf8 = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        return keys.toSorted((a, b) => a < b ? -1 : 1).join() !== inUtf8.join()
      })
    }))

  it.effect("stay within the bounds that are asked for", () =>
    Effect.gen(function*() {
      for (const context of yield* sample(Arbitraries.encryptionContext({ maxPairs: 2, maxLength: 1 }))) {
        assert.isAtMost(Object.keys(context).length, 2)
        assert.isTrue(Object.values(context).every((value) => Array.from(value).length <= 1))
      }
      assert.isTrue((yield* sample(Arbitraries.text({ maxLength: 2 }))).every((text) => Array.from(text).length <= 2))
    }))

  it.effect("shrink to what is empty and plain", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* shrunk(Arbitraries.encryptionContext(), () => true), {})
      assert.deepStrictEqual(
        yield* shrunk(Arbitraries.encryptionContext(), (context) =>
          Array.from(Object.values(context).join("")).length >= 2),
        { "": "aa" }
      )
    }))
})

describe("suites and encrypted data keys", () => {
  it.effect("are all of them", () =>
    Effect.gen(function*() {
      assert.sameMembers([...new Set(yield* sample(Arbitraries.algorithmSuite))], [...AlgorithmSuite.all])
      assert.sameMembers(
        [...new Set(yield* sample(Arbitraries.cacheableAlgorithmSuite))],
        AlgorithmSuite.all.filter(AlgorithmSuite.isCacheable)
      )
      assert.strictEqual(new Set(yield* sample(Arbitraries.commitmentPolicy)).size, 3)
      assert.strictEqual(yield* shrunk(Arbitraries.commitmentPolicy, () => true), CommitmentPolicy.defaultPolicy)
    }))

  it.effect("shrink to nothing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* shrunk(Arbitraries.encryptedDataKey, () => true), {
        keyProviderId: "",
        keyProviderInfo: new Uint8Array(0),
        ciphertext: new Uint8Array(0)
      })
    }))
})

describe("thresholds and policies", () => {
  it.effect("are valid, with and without each threshold, the largest values included", () =>
    Effect.gen(function*() {
      const all = yield* sample(Arbitraries.thresholds)
      for (const thresholds of all) assert.deepStrictEqual((yield* CachePolicy.make(thresholds)).thresholds, thresholds)
      for (const field of ["maxAge", "maxMessagesEncrypted", "maxBytesEncrypted"] as const) {
        assert.isTrue(all.some((thresholds) => field in thresholds), `with ${field}`)
        assert.isTrue(all.some((thresholds) => !(field in thresholds)), `without ${field}`)
      }
      assert.isTrue(all.some(({ maxMessagesEncrypted }) => maxMessagesEncrypted === 2 ** 32))
      assert.isTrue(all.some(({ maxBytesEncrypted }) => maxBytesEncrypted === 2n ** 63n - 1n))
      assert.isTrue(all.some(({ maxBytesEncrypted }) => maxBytesEncrypted === 0n))
      assert.isTrue((yield* sample(Arbitraries.completeThresholds)).every(({ maxAge }) => Duration.isDuration(maxAge)))
    }))

  it.effect("make caching managers where they are complete", () =>
    Effect.gen(function*() {
      const { manager: materialsManager } = scriptedManager()
      const cache = yield* LocalCache.make({ capacity: 1 })
      const make = (policy: CachePolicy.CachePolicy | CachePolicy.ThresholdsInput) =>
        Effect.exit(Effect.provide(CachingCmm.make({ policy, materialsManager, cache }), TestPrimitives.layer))
      for (const policy of yield* sample(Arbitraries.completePolicy, 50)) {
        assert.isTrue(Exit.isSuccess(yield* make(policy)))
      }
      for (const policy of yield* sample(Arbitraries.completeThresholds, 50)) {
        assert.isTrue(Exit.isSuccess(yield* make(policy)))
      }
      const partial = yield* Effect.forEach(yield* sample(Arbitraries.policy, 50), make)
      assert.isTrue(partial.some(Exit.isSuccess) && partial.some(Exit.isFailure))
    }))

  it.effect("decide everything that a policy can decide", () =>
    Effect.gen(function*() {
      const policies = yield* sample(Arbitraries.policy)
      const requests = yield* sample(Arbitraries.ruleRequest)
      const decisions = policies.map((policy, index) => ({
        policy,
        decision: CachePolicy.decide(policy, requests[index]!)
      }))
      assert.isTrue(decisions.some(({ decision }) => decision._tag === "Bypass"))
      assert.isTrue(
        decisions.some(({ decision, policy }) =>
          decision._tag === "Within" &&
          decision.thresholds.maxMessagesEncrypted !== policy.thresholds.maxMessagesEncrypted
        ),
        "stricter by a rule"
      )
      assert.isTrue(
        decisions.some(({ decision, policy }) =>
          decision._tag === "Within" && policy.rules.length > 0 && decision.thresholds === policy.thresholds
        ),
        "rules that say nothing"
      )
      assert.isTrue(requests.some(({ plaintextLength }) => plaintextLength === undefined))
    }))

  it.effect("say what their rules do, and shrink to none", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        Formatter.format(
          yield* shrunk(Arbitraries.rule, (rule) => {
            try {
              return rule({
                operation: "decrypt",
                encryptionContext: {},
                algorithmSuite: undefined,
                plaintextLength: undefined,
                time: undefined as never
              }) === "bypass"
            } catch {
              return false
            }
          })
        ),
        "rule(always: bypass)"
      )
      assert.deepStrictEqual(yield* shrunk(Arbitraries.policy, () => true), CachePolicy.empty)
      assert.deepStrictEqual(
        yield* shrunk(Arbitraries.thresholds, ({ maxMessagesEncrypted = 0 }) => maxMessagesEncrypted > 3),
        { maxMessagesEncrypted: 4 }
      )
    }))
})

describe("requests and materials", () => {
  it.effect.prop(
    "a default manager grants requests for encryption materials",
    { request: Arbitraries.encryptionRequest },
    ({ request }) =>
      Effect.gen(function*() {
        const keyring = yield* KmsKeyring.make({ generatorKeyId: arn })
        const manager = yield* DefaultCmm.make(keyring)
        const { materials } = yield* manager.getEncryptionMaterials(request)
        if (request.algorithmSuite !== undefined) assert.strictEqual(materials.algorithmSuite, request.algorithmSuite)
        assert.deepStrictEqual(materials.requiredEncryptionContextKeys, request.requiredEncryptionContextKeys)
      }).pipe(
        Effect.provide(ScriptedKms.layer({ keys: [{ arn }] })),
        Effect.provide(TestPrimitives.layer),
        Effect.scoped
      ),
    { arbitrary: { seed: "granted", runs: 100 } }
  )

  it.effect("vary in all that a caching manager tells apart", () =>
    Effect.gen(function*() {
      const requests = yield* sample(Arbitraries.encryptionRequest)
      assert.isTrue(requests.some(({ maxPlaintextLength }) => maxPlaintextLength === undefined))
      assert.isTrue(requests.some(({ algorithmSuite }) => algorithmSuite === undefined))
      assert.isTrue(requests.some(({ requiredEncryptionContextKeys }) => requiredEncryptionContextKeys.length === 2))
      assert.strictEqual(new Set(requests.map(({ commitmentPolicy }) => commitmentPolicy)).size, 3)
      assert.isAbove(new Set(requests.map(({ algorithmSuite }) => algorithmSuite)).size, 8)
      for (const request of yield* sample(Arbitraries.decryptRequest)) {
        assert.isTrue(CommitmentPolicy.allowsDecrypt(request.commitmentPolicy, request.algorithmSuite))
        assert.isUndefined(request.algorithmSuite.signature)
        assert.isAtLeast(request.encryptedDataKeys.length, 1)
        assert.isUndefined(EncryptionContext.findMismatch(request.expectedEncryptionContext, request.encryptionContext))
      }
    }))

  it.effect("materials are complete, and each value owns its data key", () =>
    Effect.gen(function*() {
      for (const materials of yield* sample(Arbitraries.encryptionMaterials, 100)) {
        assert.isTrue(Result.isSuccess(checks.checkEncryptionMaterials(materials)))
        DataKey.zero(materials.plaintextDataKey)
      }
      for (const materials of yield* sample(Arbitraries.decryptionMaterials, 100)) {
        assert.isTrue(Result.isSuccess(checks.checkDecryptionMaterials(materials)))
      }
    }))
})

describe("sequences of requests", () => {
  it.effect("come back to few contexts, at the same moment and later", () =>
    Effect.gen(function*() {
      const sequences = yield* sample(Arbitraries.steps(), 100)
      assert.isTrue(sequences.some((steps) => steps.length === 50), "long enough to meet thresholds")
      assert.isTrue(sequences.some((steps) => steps.length === 0))
      for (const steps of sequences) {
        assert.isAtMost(steps.length, 50)
        assert.isAtMost(new Set(steps.map(({ encryptionContext }) => encryptionContext)).size, 3)
        assert.isTrue(steps.every(({ length, pause }) => length <= 100 && Duration.toMillis(pause) <= 120_000))
      }
      const all = sequences.flat()
      assert.isTrue(
        all.some(({ pause }) => Duration.isZero(pause)) && all.some(({ pause }) => Duration.isPositive(pause))
      )
    }))

  it.effect("stay within the bounds that are asked for", () =>
    Effect.gen(function*() {
      const options = { maxContexts: 1, maxLength: 0, maxPause: "1 second", maxSteps: 5 } as const
      for (const steps of yield* sample(Arbitraries.steps(options), 100)) {
        assert.isAtMost(steps.length, 5)
        assert.isAtMost(new Set(steps.map(({ encryptionContext }) => encryptionContext)).size, 1)
        assert.isTrue(steps.every(({ length, pause }) => length === 0 && Duration.toMillis(pause) <= 1000))
      }
    }))

  it.effect("shrink to the requests that matter", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* shrunk(Arbitraries.steps(), (steps) => steps.filter(({ length }) => length > 50).length >= 2),
        [51, 51].map((length) => ({ encryptionContext: {}, length, pause: Duration.zero }))
      )
    }))

  it.effect.prop(
    "no data key of a caching manager meets more than its thresholds, whatever the sequence",
    { thresholds: Arbitraries.completeThresholds, steps: Arbitraries.steps() },
    ({ steps, thresholds }) =>
      Effect.gen(function*() {
        const { manager: materialsManager } = scriptedManager()
        const cache = yield* LocalCache.make({ capacity: 10 })
        const cmm = yield* Effect.provide(
          CachingCmm.make({ policy: thresholds, materialsManager, cache }),
          TestPrimitives.layer
        )
        const uses = new Map<string, { messages: number; bytes: number }>()
        for (const { encryptionContext, length, pause } of steps) {
          yield* TestClock.adjust(pause)
          const { materials } = yield* cmm.getEncryptionMaterials({
            encryptionContext,
            commitmentPolicy: "RequireEncryptRequireDecrypt",
            algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
            requiredEncryptionContextKeys: [],
            maxPlaintextLength: length
          })
          const key = DataKey.value(materials.plaintextDataKey).join()
          const { bytes, messages } = uses.get(key) ?? { messages: 0, bytes: 0 }
          uses.set(key, { messages: messages + 1, bytes: bytes + length })
        }
        for (const { bytes, messages } of uses.values()) {
          if (messages === 1) continue
          assert.isAtMost(messages, thresholds.maxMessagesEncrypted ?? Infinity)
          assert.isAtMost(bytes, Number(thresholds.maxBytesEncrypted ?? Infinity))
        }
      }).pipe(Effect.scoped),
    { arbitrary: { seed: "within", runs: 200 } }
  )
})
