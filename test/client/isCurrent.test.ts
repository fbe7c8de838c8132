import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { DecryptError, EncryptError, type EncryptionSdk, Keyring, MultiKeyring } from "effect-encryption-sdk"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { MessageHeader } from "effect-encryption-sdk/message"
import { cachingClient } from "../support/cachingClient.ts"
import { isZero } from "../support/bytes.ts"
import { clientOf, failureOf, fieldsOf, managerOf, policyFor } from "../support/client.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { partsOf } from "../support/messages.ts"
import { recordingPrimitives } from "../support/recordingPrimitives.ts"
import { recordingTracer } from "../support/recordingTracer.ts"
import { requiring, rotation } from "../support/rotation.ts"
import { signed, uncommitted, unsigned } from "../support/suites.ts"

const now: EncryptionSdk.WrappingKey = { keyProviderId: "rotation", keyProviderInfo: "now…" }
const before: EncryptionSdk.WrappingKey = { keyProviderId: "rotation", keyProviderInfo: "before…" }

/** The message with other encrypted data keys in its header. */
const withKeys = (
  message: Uint8Array,
  change: (keys: MessageHeader.MessageHeader["encryptedDataKeys"]) => MessageHeader.MessageHeader["encryptedDataKeys"]
) => {
  const { header } = partsOf(message)
  return MessageHeader.encode({ ...header, encryptedDataKeys: change(header.encryptedDataKeys) })
}

describe("isCurrent", () => {
  it.effect.prop("is so of what is encrypted now, and after rotation, for any suite and context", [
    Arbitrary.all({
      algorithmSuite: Arbitraries.algorithmSuite,
      encryptionContext: Arbitraries.encryptionContext({ maxPairs: 4 }),
      keeps: Arbitrary.schema(Schema.Boolean)
    })
  ], ([{ algorithmSuite, encryptionContext, keeps }]) =>
    Effect.gen(function*() {
      const { both, keyrings, old } = yield* rotation({ commitmentPolicy: policyFor(algorithmSuite) })
      const options = { algorithmSuite, encryptionContext }
      assert.isTrue(
        (yield* both.isCurrent((yield* both.encrypt("text", options)).message, { algorithmSuite })).isCurrent
      )
      const { message } = yield* old.encrypt("text", options)
      const result = yield* both.isCurrent(message, { algorithmSuite })
      assert.isFalse(result.isCurrent)
      assert.deepStrictEqual(result.reasons, [{ _tag: "WrappingKeys", missing: [now], unexpected: [before] }])
      const keepBody = keeps ? { keyring: keyrings.current } : undefined
      const rewrapped = yield* both.rewrap(message, { algorithmSuite, keepBody })
      assert.isTrue((yield* both.isCurrent(rewrapped.message, { algorithmSuite })).isCurrent)
    }).pipe(Effect.scoped), { arbitrary: { seed: "is-current", runs: 40 } })

  it.effect("names suite and policy, by themselves", () =>
    Effect.gen(function*() {
      const forbidding = yield* rotation({ commitmentPolicy: "ForbidEncryptAllowDecrypt" })
      const requiringCommitment = yield* rotation()
      const { message: old } = yield* forbidding.current.encrypt("text", { algorithmSuite: uncommitted })
      const policy: EncryptionSdk.NotCurrentReason = {
        _tag: "CommitmentPolicy",
        commitmentPolicy: "RequireEncryptRequireDecrypt",
        actual: uncommitted
      }
      const suite: EncryptionSdk.NotCurrentReason = { _tag: "AlgorithmSuite", actual: uncommitted, expected: signed }
      assert.deepStrictEqual((yield* requiringCommitment.current.isCurrent(old)).reasons, [policy, suite])
      assert.deepStrictEqual((yield* requiringCommitment.current.isCurrent(old, { wrappingKeys: [now] })).reasons, [
        policy,
        suite
      ])
      const { message } = yield* requiringCommitment.current.encrypt("text", { algorithmSuite: unsigned })
      assert.deepStrictEqual((yield* requiringCommitment.current.isCurrent(message)).reasons, [
        { _tag: "AlgorithmSuite", actual: unsigned, expected: signed }
      ])
      for (const wrappingKeys of [undefined, [now]]) {
        assert.deepStrictEqual(
          (yield* requiringCommitment.current.isCurrent(message, { algorithmSuite: unsigned, wrappingKeys })).reasons,
          []
        )
      }
    }).pipe(Effect.scoped))

  it.effect("compares all keys, whatever their order and number", () =>
    Effect.gen(function*() {
      const { keyrings } = yield* rotation()
      const clientWith = (...children: ReadonlyArray<Keyring.Keyring>) =>
        Effect.flatMap(MultiKeyring.make({ generator: children[0]!, children: children.slice(1) }), (keyring) =>
          clientOf(keyring))
      const { current, old } = keyrings
      const { message: both } = yield* (yield* clientWith(current, old)).encrypt("text")
      const { message: one } = yield* (yield* clientWith(current)).encrypt("text")
      const reasonsOf = (sdk: EncryptionSdk.EncryptionSdk, message: Uint8Array) =>
        Effect.map(sdk.isCurrent(message), ({ reasons }) =>
          reasons)
      assert.deepStrictEqual(yield* reasonsOf(yield* clientWith(old, current), both), [])
      assert.deepStrictEqual(yield* reasonsOf(yield* clientWith(current, current), one), [])
      assert.deepStrictEqual(yield* reasonsOf(yield* clientWith(current), both), [
        { _tag: "WrappingKeys", missing: [], unexpected: [before] }
      ])
      assert.deepStrictEqual(yield* reasonsOf(yield* clientWith(current, old), one), [
        { _tag: "WrappingKeys", missing: [before], unexpected: [] }
      ])
      const sdk = yield* clientWith(current)
      for (const wrappingKeys of [[now, before], [before, now, now]]) {
        assert.isTrue((yield* sdk.isCurrent(both, { wrappingKeys })).isCurrent)
        assert.deepStrictEqual((yield* sdk.isCurrent(one, { wrappingKeys })).reasons, [
          { _tag: "WrappingKeys", missing: [before], unexpected: [] }
        ])
      }
    }).pipe(Effect.scoped))

  it.effect("knows a raw AES key by its name, and tells names apart that begin alike", () =>
    Effect.gen(function*() {
      const { current } = yield* rotation()
      const { message } = yield* current.encrypt("text", { algorithmSuite: unsigned })
      const other = withKeys(message, ([key]) => [{
        ...key!,
        keyProviderInfo: Uint8Array.from([...Buffer.from("nowadays"), ...key!.keyProviderInfo.subarray(3)])
      }])
      assert.deepStrictEqual((yield* current.isCurrent(other, { algorithmSuite: unsigned })).reasons, [{
        _tag: "WrappingKeys",
        missing: [now],
        unexpected: [{ ...now, keyProviderInfo: "nowadays…" }]
      }])
      const namespace = withKeys(message, ([key]) => [{ ...key!, keyProviderId: "other" }])
      assert.isFalse((yield* current.isCurrent(namespace, { algorithmSuite: unsigned })).isCurrent)
    }).pipe(Effect.scoped))

  it.effect("pairs that the message does not store are given", () =>
    Effect.gen(function*() {
      const { current, keyrings } = yield* rotation()
      const materialsManager = yield* requiring(keyrings.current, "tenant")
      const expectedEncryptionContext = { tenant: "a" }
      const { message } = yield* current.encrypt("text", {
        encryptionContext: { ...expectedEncryptionContext, purpose: "test" },
        materialsManager
      })
      assert.isTrue((yield* current.isCurrent(message, { materialsManager, expectedEncryptionContext })).isCurrent)
      const error = yield* failureOf(current.isCurrent(message, { materialsManager }))
      assert.instanceOf(error, EncryptError)
      assert.deepInclude(fieldsOf(error.reason), { _tag: "InvalidEncryptionContext", key: "tenant" })
    }).pipe(Effect.scoped))

  it.effect("unwraps nothing, costs one message of no bytes in a cache, and nothing where the keys are given", () =>
    Effect.gen(function*() {
      const { decryptions, encryptions, keyring } = recordingKeyring()
      const { sdk } = yield* cachingClient({ keyring })
      const { message, wrappingKeys } = yield* sdk.encrypt("text", { algorithmSuite: unsigned })
      const options = { algorithmSuite: unsigned }
      const asked = yield* sdk.isCurrent(message, options)
      assert.isTrue(asked.isCurrent)
      assert.deepInclude(asked.receipt, { _tag: "Hit", usage: { messages: 2, bytes: 4n } })
      assert.deepStrictEqual(yield* sdk.isCurrent(message, { ...options, wrappingKeys }), {
        isCurrent: true,
        reasons: [],
        receipt: undefined
      })
      const next = yield* sdk.encrypt("text", options)
      assert.deepInclude(next.receipt, { _tag: "Hit", usage: { messages: 3, bytes: 8n } })
      assert.deepStrictEqual([encryptions.length, decryptions.length], [1, 0])
    }).pipe(Effect.scoped))

  it.effect("the data key that it requests is zeroed", () =>
    Effect.gen(function*() {
      const primitives = recordingPrimitives()
      const { handedOut, keyring } = recordingKeyring()
      const sdk = yield* clientOf(keyring, {}, primitives.layer)
      const { message } = yield* sdk.encrypt("text")
      yield* sdk.isCurrent(message)
      assert.strictEqual(handedOut.length, 2)
      assert.isTrue(handedOut.every(isZero))
    }))

  it.effect("where a wrapping is missing now, more keys are no reason", () =>
    Effect.gen(function*() {
      const { keyrings } = yield* rotation()
      const lacking = Keyring.make({
        ...keyrings.current,
        onEncrypt: (materials) =>
          Effect.map(keyrings.current.onEncrypt(materials), (filled) => ({
            ...filled,
            missingWrappings: [
              { keyring: "k", member: "children[0]", failure: "Unreachable", code: "Down", isRetryable: true }
            ]
          }))
      })
      const all = yield* MultiKeyring.make({ generator: keyrings.current, children: [keyrings.old] })
      const { message } = yield* (yield* clientOf(all)).encrypt("text")
      assert.deepStrictEqual((yield* (yield* clientOf(lacking)).isCurrent(message)).reasons, [])
      const { message: other } = yield* (yield* clientOf(keyrings.old)).encrypt("text")
      assert.deepStrictEqual((yield* (yield* clientOf(lacking)).isCurrent(other)).reasons, [
        { _tag: "WrappingKeys", missing: [now], unexpected: [] }
      ])
    }).pipe(Effect.scoped))

  it.effect("wrong options and messages fail, and name what is wrong", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(1)), { maxEncryptedDataKeys: 1 })
      const { message } = yield* sdk.encrypt("text", { encryptionContext: { tenant: "a" } })
      const keys = "must be an array of at least one key, each with keyProviderId and keyProviderInfo as texts"
      const rows = [
        [null, "options", "must be an object"],
        [{ wrappingKey: [] }, "wrappingKey", "is no option of isCurrent: did you mean wrappingKeys?"],
        [{ wrappingKeys: [] }, "wrappingKeys", keys],
        [{ wrappingKeys: [null] }, "wrappingKeys", keys],
        [{ wrappingKeys: [{ keyProviderId: "a" }] }, "wrappingKeys", keys],
        [{ wrappingKeys: [{ ...now, branchKeyVersion: 1 }] }, "wrappingKeys", keys]
      ] as const
      for (const [options, field, description] of rows) {
        const error = yield* failureOf(sdk.isCurrent(message, options as never))
        assert.instanceOf(error, EncryptError)
        assert.deepStrictEqual(fieldsOf(error.reason), { _tag: "InvalidOption", field, description })
      }
      const twice = withKeys(message, ([key]) => [key!, key!])
      for (
        const [wrong, tag] of [[message.subarray(0, 40), "MalformedMessage"], [
          twice,
          "TooManyEncryptedDataKeys"
        ]] as const
      ) {
        const error = yield* failureOf(sdk.isCurrent(wrong))
        assert.instanceOf(error, DecryptError)
        assert.strictEqual(error.reason._tag, tag)
      }
    }))

  it.effect("asks the manager that it is given, in a span", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recordingTracer()
      const { current, keyrings, old } = yield* rotation()
      const { message } = yield* old.encrypt("text", { algorithmSuite: unsigned })
      const materialsManager = yield* managerOf(keyrings.old)
      const options = { algorithmSuite: unsigned, materialsManager }
      assert.isTrue((yield* Effect.withTracer(current.isCurrent(message, options), tracer)).isCurrent)
      assert.deepStrictEqual(spans.map(({ attributes, name }) => [name, Object.fromEntries(attributes)]), [[
        "EncryptionSdk.isCurrent",
        { algorithm_suite: "0x0478", key_providers: "rotation", outcome: "uncached" }
      ]])
    }).pipe(Effect.scoped))
})
