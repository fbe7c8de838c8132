/**
 * Messages that somebody has changed: whatever byte, wherever the message is cut, decryption fails with a typed error, and
 * there is no plaintext.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { AlgorithmSuite, DataKey, type DecryptErrorReason, type EncryptionSdk } from "effect-encryption-sdk"
import { KeyDerivation } from "effect-encryption-sdk/crypto"
import { MessageFooter } from "effect-encryption-sdk/message"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { concat, flip } from "../support/bytes.ts"
import { clientOf, decryptFailure, fieldsOf, policyFor } from "../support/client.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { partsOf, rearranged } from "../support/messages.ts"
import { pattern } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"

type Sdk = EncryptionSdk.EncryptionSdk

const plaintext = "attack at dawn, or at dusk"
const frameLength = 10

/** What may fail once the wrapping of the data key is out of play. */
const own = new Set<DecryptErrorReason["_tag"]>([
  "MalformedMessage",
  "CommitmentPolicyViolation",
  "InvalidEncryptionContext",
  "InvalidMaterials",
  "AuthenticationFailed"
])

const assertAllFail = Effect.fnUntraced(function*(
  sdk: Sdk,
  changed: Iterable<readonly [name: string, message: Uint8Array]>,
  allowed: (reason: DecryptErrorReason, name: string) => void
) {
  let count = 0
  for (const [name, message] of changed) {
    const result = yield* Effect.exit(sdk.decrypt(message))
    assert.isTrue(Exit.isFailure(result), `${name}: accepted`)
    allowed(yield* decryptFailure(Effect.suspend(() => result)), name)
    count++
  }
  assert.isAbove(count, 100)
})

function* flips(message: Uint8Array, masks: ReadonlyArray<number>) {
  for (let index = 0; index < message.length; index++) {
    for (const mask of masks) yield [`byte ${index} xor ${mask}`, flip(message, index, mask)] as const
  }
}

function* prefixes(message: Uint8Array) {
  for (let length = 1; length < message.length; length++) {
    yield [`first ${length} bytes`, message.slice(0, length)] as const
  }
}

const rawAes = RawAesKeyring.make({
  keyNamespace: "test",
  keyName: "key",
  wrappingKey: Redacted.make(new Uint8Array(32).fill(3))
}).pipe(Effect.provide(TestPrimitives.layer))

describe("tampering", () => {
  for (const algorithmSuite of AlgorithmSuite.all) {
    const options = { algorithmSuite, frameLength, encryptionContext: { tenant: "a", purpose: "é" } }
    // A count that was changed is authenticated like any other byte: the limit does not refuse it before.
    const policy = { commitmentPolicy: policyFor(algorithmSuite), maxEncryptedDataKeys: 65_535 }
    const fixedKey = new Uint8Array(algorithmSuite.dataKeyLength).fill(0x42)

    describe(algorithmSuite.name, () => {
      it.effect("any byte changed: refused, even by a keyring that unwraps anything", () =>
        Effect.gen(function*() {
          const sdk = yield* clientOf(staticKeyring(fixedKey), policy)
          const { message } = yield* sdk.encrypt(plaintext, options)
          yield* assertAllFail(sdk, flips(message, [0x01, 0x80]), (reason, name) => {
            assert.isTrue(own.has(reason._tag), `${name}: ${reason.message}`)
          })
        }))

      it.effect("any byte changed: refused with a real keyring", () =>
        Effect.gen(function*() {
          const sdk = yield* clientOf(yield* rawAes, policy)
          const { message } = yield* sdk.encrypt(plaintext, options)
          yield* assertAllFail(sdk, flips(message, [0xff]), (reason, name) => {
            assert.isTrue(own.has(reason._tag) || reason._tag === "NoDataKeyUnwrapped", `${name}: ${reason.message}`)
          })
        }))

      it.effect("cut anywhere: refused as malformed, at an offset within", () =>
        Effect.gen(function*() {
          const sdk = yield* clientOf(staticKeyring(fixedKey), policy)
          const { message } = yield* sdk.encrypt(plaintext, options)
          yield* assertAllFail(sdk, prefixes(message), (reason, name) => {
            assert.strictEqual(reason._tag, "MalformedMessage", name)
            if (reason._tag !== "MalformedMessage") return
            assert.isAtMost(reason.offset, Number(name.split(" ")[1]))
          })
        }))

      it.effect("each part has its own check", () =>
        Effect.gen(function*() {
          const sdk = yield* clientOf(staticKeyring(fixedKey), policy)
          const { message } = yield* sdk.encrypt(plaintext, options)
          const { bodyOffset, footerOffset, header, headerBodyLength } = partsOf(message)
          const failsWith = (changed: Uint8Array, check: string) =>
            Effect.map(decryptFailure(sdk.decrypt(changed)), (reason) =>
              assert.deepStrictEqual(fieldsOf(reason), { _tag: "AuthenticationFailed", check }))

          // The message identifier is the salt of the commitment, or of the key.
          const isCommitting = algorithmSuite.commitmentLength > 0
          yield* failsWith(flip(message, isCommitting ? 5 : 8), isCommitting ? "commitment" : "header")
          if (isCommitting) {
            yield* failsWith(flip(message, headerBodyLength - 1), "commitment")
          }
          yield* failsWith(flip(message, headerBodyLength), "header")
          yield* failsWith(flip(message, bodyOffset - 1), "header")
          for (let frame = 0; frame < 3; frame++) {
            const start = bodyOffset + frame * (4 + 12 + frameLength + 16) + (frame === 2 ? 4 : 0)
            // The IV, the first byte of the ciphertext, the tag.
            yield* failsWith(flip(message, start + 4), "body")
            yield* failsWith(flip(message, start + (frame === 2 ? 20 : 16)), "body")
          }
          yield* failsWith(flip(message, footerOffset - 1), "body")
          if (header.algorithmSuite.signature !== undefined) {
            yield* failsWith(flip(message, message.length - 1), "signature")
            yield* failsWith(
              concat(message.subarray(0, footerOffset), MessageFooter.encode(new Uint8Array(0))),
              "signature"
            )
          }
        }))

      it.effect("frames cannot be left out, repeated, exchanged or taken from another message", () =>
        Effect.gen(function*() {
          const sdk = yield* clientOf(staticKeyring(fixedKey), policy)
          const { message } = yield* sdk.encrypt(pattern(35), options)
          const other = yield* sdk.encrypt(pattern(35), options)
          for (const { message: changed, name } of rearranged(message, other.message)) {
            const reason = yield* decryptFailure(sdk.decrypt(changed))
            assert.isTrue(own.has(reason._tag), `${name}: ${reason.message}`)
          }
        }))
    })
  }

  it.effect("what is no whole body, or has no whole footer, is only told of a header that is authentic", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(1)))
      for (const algorithmSuite of [unsigned, signed]) {
        const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite })
        const { bodyOffset } = partsOf(message)
        for (const changed of [message.subarray(0, -1), message.subarray(0, bodyOffset), concat(message, message)]) {
          assert.strictEqual((yield* decryptFailure(sdk.decrypt(changed)))._tag, "MalformedMessage")
          assert.deepStrictEqual(fieldsOf(yield* decryptFailure(sdk.decrypt(flip(changed, bodyOffset - 1)))), {
            _tag: "AuthenticationFailed",
            check: "header"
          })
        }
      }
    }))

  it.effect("a signature of another key over the same bytes is refused", () =>
    Effect.gen(function*() {
      const algorithmSuite = signed
      const sdk = yield* clientOf(recordingKeyring().keyring)
      const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite })
      const { footerOffset } = partsOf(message)
      const { signingKey } = yield* TestPrimitives.make.generateSigningKey("P-384")
      const signature = yield* TestPrimitives.make.sign(signingKey, message.subarray(0, footerOffset))
      const forged = concat(message.subarray(0, footerOffset), MessageFooter.encode(signature))
      assert.strictEqual(forged.length, message.length)
      assert.deepStrictEqual(fieldsOf(yield* decryptFailure(sdk.decrypt(forged))), {
        _tag: "AuthenticationFailed",
        check: "signature"
      })
    }))

  it.effect("a message made under another data key is refused by its commitment, where the keyring cannot tell", () =>
    Effect.gen(function*() {
      for (const algorithmSuite of AlgorithmSuite.all) {
        const policy = { commitmentPolicy: policyFor(algorithmSuite) }
        const length = algorithmSuite.dataKeyLength
        const writer = yield* clientOf(staticKeyring(new Uint8Array(length).fill(1)), policy)
        const reader = yield* clientOf(staticKeyring(new Uint8Array(length).fill(2)), policy)
        const { message } = yield* writer.encrypt(plaintext, { algorithmSuite })
        assert.deepStrictEqual(fieldsOf(yield* decryptFailure(reader.decrypt(message))), {
          _tag: "AuthenticationFailed",
          check: algorithmSuite.commitmentLength > 0 ? "commitment" : "header"
        })
      }
    }))

  it.effect("a message that two keys open differently is refused by its commitment", () =>
    Effect.gen(function*() {
      // Encrypted as by a writer who knows both keys: the second key's commitment, header tag and frame stand in a message
      // whose commitment is the first one's.
      const first = new Uint8Array(32).fill(1)
      const second = new Uint8Array(32).fill(2)
      const algorithmSuite = unsigned
      const victim = yield* (yield* clientOf(staticKeyring(first))).encrypt("pay Alice", { algorithmSuite })
      const reader = yield* clientOf(staticKeyring(second))
      const { headerBodyLength } = partsOf(victim.message)
      const primitives = TestPrimitives.make
      const { encryptionKey } = yield* primitives.deriveKeys(
        DataKey.make(new Uint8Array(second)),
        KeyDerivation.parameters(algorithmSuite, victim.header.messageId)
      )
      const forged = new Uint8Array(victim.message)
      yield* primitives.seal(encryptionKey, [{
        iv: new Uint8Array(12),
        aad: forged.subarray(0, headerBodyLength),
        plaintext: new Uint8Array(0),
        output: forged.subarray(headerBodyLength, headerBodyLength + 16)
      }])
      assert.deepStrictEqual(fieldsOf(yield* decryptFailure(reader.decrypt(forged))), {
        _tag: "AuthenticationFailed",
        check: "commitment"
      })
    }))

  it.effect("what the errors say is the check alone", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(1)))
      const { message } = yield* sdk.encrypt(plaintext)
      const error = yield* Effect.flip(sdk.decrypt(flip(message, message.length - 1)))
      assert.strictEqual(error.message, "decrypt: the message is not authentic: signature check failed")
      assert.deepStrictEqual(Object.keys(error.reason), ["_tag", "check"])
      assert.isFalse(error.isRetryable)
    }))
})
