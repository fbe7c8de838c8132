/** Suites that are copies: of `structuredClone`, of JSON, or with fields that lie. The library's own of the same id is used. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import { AlgorithmSuite, type CommitmentPolicy, CryptographicMaterialsManager, Keyring } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { MessageHeader, MessageLength } from "effect-encryption-sdk/message"
import { clientOf, encryptFailure, managerOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { decryptRequest, encryptRequest } from "../support/scriptedManager.ts"
import { signed, uncommitted, unsigned } from "../support/suites.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

type Suite = AlgorithmSuite.AlgorithmSuite

const copies: Readonly<Record<string, (suite: Suite) => Suite>> = {
  "structuredClone": (suite) => structuredClone(suite),
  "JSON": (suite) => JSON.parse(JSON.stringify(suite)) as Suite,
  "its id alone": ({ id }) => ({ id }) as Suite,
  "the fields of another suite": ({ id }) => ({ ...AlgorithmSuite.ALG_AES_128_GCM_IV12_TAG16_NO_KDF, id })
}

const without = AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF

const violation = (suite: Suite, policy: CommitmentPolicy.CommitmentPolicy) => ({
  _tag: "CommitmentPolicyViolation" as const,
  commitmentPolicy: policy,
  algorithmSuite: suite.name
})

describe.each(Object.entries(copies))("a suite as a copy by %s", (_, copyOf) => {
  it.effect("encrypts as the library's own", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      for (const suite of [signed, unsigned]) {
        const options = { algorithmSuite: copyOf(suite) }
        const { algorithmSuite, header, message } = yield* sdk.encrypt("text", options)
        assert.strictEqual(algorithmSuite, suite)
        assert.strictEqual(header.algorithmSuite, suite)
        yield* sdk.decrypt(message)
        const parts = yield* Stream.runCollect(sdk.encryptStream(Stream.make(new Uint8Array(9)), options))
        assert.strictEqual((yield* sdk.inspect(Buffer.concat(parts))).algorithmSuite, suite)
      }
    }))

  it.effect("evades no commitment policy", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const policy = "RequireEncryptRequireDecrypt"
      assert.deepInclude(
        yield* encryptFailure(sdk.encrypt("text", { algorithmSuite: copyOf(uncommitted) })),
        violation(uncommitted, policy)
      )
      const manager = yield* managerOf(recordingKeyring().keyring)
      const { reason } = yield* Effect.flip(
        Effect.scoped(manager.decryptMaterials(decryptRequest({ suite: copyOf(uncommitted) })))
      )
      assert.deepInclude(reason, violation(uncommitted, policy))
    }))

  it.effect("in requests to managers, and in materials of keyrings and managers, is the library's own", () =>
    Effect.gen(function*() {
      const { keyring } = recordingKeyring()
      const manager = yield* managerOf(Keyring.make({
        ...keyring,
        onEncrypt: (materials) =>
          Effect.map(keyring.onEncrypt(materials), (filled) => ({ ...filled, algorithmSuite: copyOf(signed) }))
      }))
      const { materials } = yield* manager.getEncryptionMaterials(encryptRequest({ suite: copyOf(signed) }))
      assert.strictEqual(materials.algorithmSuite, signed)
      const copying = CryptographicMaterialsManager.make({
        getEncryptionMaterials: (request) =>
          Effect.map(manager.getEncryptionMaterials(request), ({ materials, receipt }) => ({
            materials: { ...materials, algorithmSuite: copyOf(materials.algorithmSuite) },
            receipt
          })),
        decryptMaterials: (request) =>
          Effect.map(manager.decryptMaterials(request), ({ materials, receipt }) => ({
            materials: { ...materials, algorithmSuite: copyOf(materials.algorithmSuite) },
            receipt
          }))
      })
      const sdk = yield* clientOf(keyring)
      const options = { materialsManager: copying }
      const { message } = yield* sdk.encrypt("text", { ...options, algorithmSuite: signed })
      assert.strictEqual((yield* sdk.decrypt(message, options)).algorithmSuite, signed)
    }))

  it.effect("in requests to a caching manager has the entry of the library's own, or none where it derives no key", () =>
    Effect.gen(function*() {
      const policy = "ForbidEncryptAllowDecrypt"
      const manager = yield* CachingCmm.make({
        cache: yield* LocalCache.make({ capacity: 10 }),
        materialsManager: yield* managerOf(recordingKeyring().keyring),
        policy: { maxAge: "1 minute" }
      }).pipe(Effect.provide(TestPrimitives.layer))
      const receipt = (suite: Suite) =>
        Effect.map(manager.getEncryptionMaterials(encryptRequest({ suite, policy })), ({ receipt }) => receipt)
      yield* manager.warm({
        encryptionContext: { tenant: "a" },
        algorithmSuite: copyOf(uncommitted),
        commitmentPolicy: policy
      })
      assert.strictEqual((yield* receipt(uncommitted))._tag, "Hit")
      assert.strictEqual((yield* receipt(copyOf(uncommitted)))._tag, "Hit")
      assert.deepInclude(yield* receipt(copyOf(without)), { _tag: "Bypassed", reason: "SuiteWithoutKeyDerivation" })
      const { materials } = yield* manager.getEncryptionMaterials(encryptRequest({ suite: uncommitted, policy }))
      const request = { policy, edks: materials.encryptedDataKeys } as const
      for (const suite of [uncommitted, copyOf(uncommitted)]) {
        const decrypted = yield* manager.decryptMaterials(decryptRequest({ ...request, suite }))
        assert.strictEqual(decrypted.materials.algorithmSuite, uncommitted)
      }
    }))

  it("has the message lengths of the library's own", () => {
    const length = (algorithmSuite: Suite) =>
      Result.getOrThrow(MessageLength.ciphertextLength(9, { algorithmSuite, encryptedDataKeys: [] }))
    assert.strictEqual(length(copyOf(signed)), length(signed))
  })
})

it.effect("a header that was cloned is encoded as the one that it was cloned from", () =>
  Effect.gen(function*() {
    const { header } = yield* (yield* clientOf(recordingKeyring().keyring)).encrypt("text")
    assert.deepStrictEqual(MessageHeader.encode(structuredClone(header)), MessageHeader.encode(header))
  }))

it.effect("a suite that a caching manager does not know is named, as by every manager", () =>
  Effect.gen(function*() {
    const manager = yield* CachingCmm.make({
      cache: yield* LocalCache.make({ capacity: 10 }),
      materialsManager: yield* managerOf(recordingKeyring().keyring),
      policy: { maxAge: "1 minute" }
    }).pipe(Effect.provide(TestPrimitives.layer))
    const unreadable = Object.defineProperty({ ...signed }, "id", {
      get: () => {
        throw new Error("mine")
      }
    })
    const field = { _tag: "InvalidOption" as const, field: "algorithmSuite" }
    for (const suite of [{ ...signed, id: 0x0678 }, unreadable]) {
      assert.deepInclude((yield* Effect.flip(manager.getEncryptionMaterials(encryptRequest({ suite })))).reason, field)
      assert.deepInclude((yield* Effect.flip(manager.decryptMaterials(decryptRequest({ suite })))).reason, field)
    }
  }))
