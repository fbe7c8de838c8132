/** Rotation against messages that were changed, against keyrings that break their contract, and what it leaves in memory. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { type CryptographicMaterials, DataKey, DecryptError, EncryptError, Keyring } from "effect-encryption-sdk"
import { LocalCache } from "effect-encryption-sdk/caching"
import { cachingClient } from "../support/cachingClient.ts"
import { concat, flip, isZero, toHex } from "../support/bytes.ts"
import { clientOf, failureOf, fieldsOf } from "../support/client.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { recordingPrimitives } from "../support/recordingPrimitives.ts"
import { recordingTracer } from "../support/recordingTracer.ts"
import { rotation } from "../support/rotation.ts"
import { pattern } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"

const fixed = staticKeyring(new Uint8Array(32).fill(0x42))
const modes = [
  { mode: "encrypts again", keyring: undefined },
  { mode: "keeps the body", keyring: fixed }
]
type EncryptionMaterials = CryptographicMaterials.EncryptionMaterials

const rewrapOptions = (keyring: Keyring.Keyring | undefined) => keyring === undefined ? {} : { keepBody: { keyring } }

describe("rewrap", () => {
  for (const { keyring, mode } of modes) {
    for (const algorithmSuite of [unsigned, signed]) {
      it.effect(`${mode}: fails for a message with any byte changed, cut or added to, ${algorithmSuite.name}`, () =>
        Effect.gen(function*() {
          const sdk = yield* clientOf(fixed, { maxEncryptedDataKeys: 65_535 })
          const { message } = yield* sdk.encrypt(pattern(25), {
            algorithmSuite,
            frameLength: 10,
            encryptionContext: { tenant: "a" }
          })
          const changed = [
            ...Array.from(message, (_, index) => flip(message, index, 0x80)),
            ...Array.from(message, (_, index) => message.slice(0, index)),
            concat(message, Uint8Array.of(0))
          ]
          for (const [index, wrong] of changed.entries()) {
            const exit = yield* Effect.exit(sdk.rewrap(wrong, rewrapOptions(keyring)))
            if (Exit.isSuccess(exit)) assert.fail(`change ${index} was accepted`)
            const [failure] = exit.cause.reasons
            assert.isTrue(failure?._tag === "Fail" && failure.error instanceof DecryptError, `change ${index}`)
          }
          yield* sdk.rewrap(message, rewrapOptions(keyring))
        }))
    }

    it.effect(`${mode}: keys and plaintext are zeroed at the end, and the caller's message is not`, () =>
      Effect.gen(function*() {
        const primitives = recordingPrimitives()
        const { handedOut, keyring: wrapping } = recordingKeyring()
        const given: Array<Uint8Array> = []
        const seeing = Keyring.make({
          ...wrapping,
          onEncrypt: (materials) => {
            if (materials.plaintextDataKey !== undefined) given.push(DataKey.value(materials.plaintextDataKey))
            return wrapping.onEncrypt(materials)
          }
        })
        const sdk = yield* clientOf(wrapping, {}, primitives.layer)
        const { message } = yield* sdk.encrypt(pattern(40), { algorithmSuite: unsigned, frameLength: 10 })
        const before = new Uint8Array(message)
        yield* sdk.rewrap(message, rewrapOptions(keyring && seeing))
        assert.deepStrictEqual(message, before)
        assert.isAtLeast(handedOut.length, 2)
        assert.strictEqual(given.length, keyring === undefined ? 0 : 1)
        assert.isAbove(primitives.arrays("open").length, 4)
        const secrets = [...handedOut, ...given, ...primitives.arrays("deriveKeys"), ...primitives.arrays("open")]
        assert.isTrue(secrets.every(isZero))
        assert.isTrue(primitives.arrays("seal").filter((array) => array.length > 0).slice(4).every(isZero))
      }))

    it.effect(`${mode}: keys and plaintext are zeroed when a keyring fails, and when it is interrupted`, () =>
      Effect.gen(function*() {
        const primitives = recordingPrimitives()
        const reached = yield* Deferred.make<void>()
        const { handedOut, keyring: inner } = recordingKeyring()
        let mode: "works" | "fails" | "hangs" = "works"
        const given: Array<Uint8Array> = []
        const wrapping = Keyring.make({
          ...inner,
          onEncrypt: (materials) =>
            Effect.flatMap(inner.onEncrypt(materials), (filled) => {
              given.push(DataKey.value(filled.plaintextDataKey!))
              if (mode === "fails") return Effect.die(new Error("mine"))
              return mode === "works"
                ? Effect.succeed(filled)
                : Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
            })
        })
        const sdk = yield* clientOf(wrapping, {}, primitives.layer)
        const { message } = yield* sdk.encrypt(pattern(40), { algorithmSuite: unsigned })
        const assertZero = () => {
          assert.isTrue([...handedOut, ...given, ...primitives.arrays("open")].every(isZero))
          assert.isAbove(primitives.arrays("open").length, 0)
        }
        mode = "fails"
        assert.isTrue(Exit.isFailure(yield* Effect.exit(sdk.rewrap(message, rewrapOptions(keyring && wrapping)))))
        assertZero()
        mode = "hangs"
        const fiber = yield* Effect.forkChild(sdk.rewrap(message, rewrapOptions(keyring && wrapping)))
        yield* Deferred.await(reached)
        assert.isFalse(isZero(given.at(-1)!))
        yield* Fiber.interrupt(fiber)
        assertZero()
      }))
  }

  describe("keepBody: a keyring that breaks its contract", () => {
    const wrapped = { keyProviderId: "k", keyProviderInfo: Uint8Array.of(1), ciphertext: Uint8Array.of(2) }
    const breaches: ReadonlyArray<
      readonly [name: string, onEncrypt: (materials: EncryptionMaterials) => unknown, field: string | undefined]
    > = [
      ["throws", () => {
        throw new Error("mine")
      }, undefined],
      ["returns no Effect", () => 1, undefined],
      ["returns no materials", () => Effect.succeed(undefined), "materials"],
      ["wraps nothing", (materials) => Effect.succeed(materials), "encryptedDataKeys"],
      [
        "returns another data key",
        (materials) =>
          Effect.succeed({
            ...materials,
            encryptedDataKeys: [wrapped],
            plaintextDataKey: DataKey.make(new Uint8Array(32).fill(9))
          }),
        "plaintextDataKey"
      ],
      [
        "changes the data key where it stands",
        (materials) => {
          DataKey.value(materials.plaintextDataKey!).fill(9)
          return Effect.succeed({ ...materials, encryptedDataKeys: [wrapped] })
        },
        "plaintextDataKey"
      ],
      [
        "changes the context",
        (materials) =>
          Effect.succeed({ ...materials, encryptedDataKeys: [wrapped], encryptionContext: { tenant: "b" } }),
        "encryptionContext"
      ],
      [
        "changes the suite",
        (materials) => Effect.succeed({ ...materials, encryptedDataKeys: [wrapped], algorithmSuite: signed }),
        "algorithmSuite"
      ]
    ]
    for (const [name, onEncrypt, field] of breaches) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const sdk = yield* clientOf(fixed)
          const { message } = yield* sdk.encrypt("text", {
            algorithmSuite: unsigned,
            encryptionContext: { tenant: "a" }
          })
          const keyring = Keyring.make({ ...fixed, name: "Mine", onEncrypt: onEncrypt as never })
          const error = yield* failureOf(sdk.rewrap(message, { keepBody: { keyring } }))
          assert.instanceOf(error, EncryptError)
          assert.strictEqual(error.reason._tag, field === undefined ? "KeyringError" : "InvalidMaterials")
          if (field !== undefined) assert.deepInclude(fieldsOf(error.reason), { field })
          assert.strictEqual(toHex((yield* sdk.decrypt(message)).plaintext), "74657874")
        }))
    }

    it.effect("another data key that it returns is zeroed", () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(fixed)
        const { message } = yield* sdk.encrypt("text", { algorithmSuite: unsigned })
        const other = new Uint8Array(32).fill(9)
        const keyring = Keyring.make({
          ...fixed,
          onEncrypt: (materials) =>
            Effect.succeed({ ...materials, encryptedDataKeys: [wrapped], plaintextDataKey: DataKey.make(other) })
        })
        yield* failureOf(sdk.rewrap(message, { keepBody: { keyring } }))
        assert.isTrue(isZero(other))
      }))
  })

  it.effect("keepBody: no cache of data keys to encrypt with is read or written; the default charges it a message", () =>
    Effect.gen(function*() {
      const { keyring, encryptions } = recordingKeyring()
      const { events, sdk } = yield* cachingClient({ keyring, cache: yield* LocalCache.make({ capacity: 10 }) })
      const { message } = yield* sdk.encrypt("text", { algorithmSuite: unsigned })
      yield* sdk.decrypt(message)
      const encrypting = () => events.filter((event) => "operation" in event && event.operation === "encrypt").length
      const before = encrypting()
      const kept = yield* sdk.rewrap(message, { keepBody: { keyring } })
      assert.strictEqual(kept.body, "Kept")
      assert.strictEqual(encrypting(), before)
      assert.strictEqual(kept.receipt._tag, "Uncached")
      assert.strictEqual(kept.source.receipt._tag, "Hit")
      const again = yield* sdk.encrypt("text", { algorithmSuite: unsigned })
      assert.deepInclude(again.receipt, { _tag: "Hit", usage: { messages: 2, bytes: 8n } })
      const reencrypted = yield* sdk.rewrap(message, { algorithmSuite: unsigned })
      assert.deepInclude(reencrypted.receipt, { _tag: "Hit", usage: { messages: 3, bytes: 12n } })
      assert.strictEqual(encryptions.length, 2)
    }).pipe(Effect.scoped))

  it.effect("has a span, with those of decryption and encryption within where it encrypts again", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recordingTracer()
      const { both, keyrings, old } = yield* rotation()
      const { message } = yield* old.encrypt("secret text", {
        algorithmSuite: unsigned,
        encryptionContext: { tenant: "confidential" }
      })
      yield* Effect.gen(function*() {
        yield* both.rewrap(message, { algorithmSuite: unsigned })
        yield* both.rewrap(message, { keepBody: { keyring: keyrings.current } })
        yield* Effect.flip(both.rewrap(message.subarray(1)))
      }).pipe(Effect.withTracer(tracer))
      const common = { algorithm_suite: "0x0478", key_providers: "rotation", outcome: "uncached" }
      assert.deepStrictEqual(spans.map(({ attributes, name }) => [name, Object.fromEntries(attributes)]), [
        ["EncryptionSdk.rewrap", common],
        ["EncryptionSdk.decrypt", common],
        ["EncryptionSdk.encrypt", common],
        ["EncryptionSdk.rewrap", common],
        ["EncryptionSdk.rewrap", { error_reason: "MalformedMessage" }]
      ])
      const printed = JSON.stringify(spans.map(({ attributes, name }) => [name, [...attributes]]))
      assert.notInclude(printed, "confidential")
      assert.notInclude(printed, "secret")
    }).pipe(Effect.scoped))
})
