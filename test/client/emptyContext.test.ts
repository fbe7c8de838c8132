/**
 * The empty encryption context as old writers wrote it: a count of zero, behind a length of two bytes, instead of no bytes
 * at all.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { AlgorithmSuite, DataKey } from "effect-encryption-sdk"
import { KeyDerivation } from "effect-encryption-sdk/crypto"
import { concat, flip, hex, toHex } from "../support/bytes.ts"
import { cachingClient } from "../support/cachingClient.ts"
import { clientOf, decryptFailure, fieldsOf, policyFor } from "../support/client.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { partsOf } from "../support/messages.ts"
import { chunksOf, collect, pattern } from "../support/streams.ts"
import { unsigned } from "../support/suites.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const plaintext = pattern(35)
const dataKeyFor = (suite: AlgorithmSuite.AlgorithmSuite) => new Uint8Array(suite.dataKeyLength).fill(0x42)

/** A message of an empty context, with these bytes in the place of its two, under a header tag that is right. */
const withContext = Effect.fnUntraced(function*(message: Uint8Array, context: string) {
  const { bodyOffset, header: { algorithmSuite, messageId }, headerBodyLength } = partsOf(message)
  const offset = (algorithmSuite.messageFormatVersion === 1 ? 4 : 3) + algorithmSuite.messageIdLength
  assert.strictEqual(toHex(message.subarray(offset, offset + 2)), "0000")
  const headerBody = concat(
    message.subarray(0, offset),
    hex(context),
    message.subarray(offset + 2, headerBodyLength)
  )
  const primitives = TestPrimitives.make
  const { encryptionKey } = yield* primitives.deriveKeys(
    DataKey.make(dataKeyFor(algorithmSuite)),
    KeyDerivation.parameters(algorithmSuite, messageId)
  )
  const tag = new Uint8Array(16)
  yield* primitives.seal(encryptionKey, [{
    iv: new Uint8Array(12),
    aad: headerBody,
    plaintext: new Uint8Array(0),
    output: tag
  }])
  return concat(headerBody, message.subarray(headerBodyLength, bodyOffset - 16), tag, message.subarray(bodyOffset))
})

const clientFor = (suite: AlgorithmSuite.AlgorithmSuite) =>
  clientOf(staticKeyring(dataKeyFor(suite)), { commitmentPolicy: policyFor(suite) })

describe("an empty context of length 2 and count 0", () => {
  for (const algorithmSuite of AlgorithmSuite.all.filter(({ signature }) => signature === undefined)) {
    it.effect(`${algorithmSuite.name}: decrypt, streams, ranges and inspect read it`, () =>
      Effect.gen(function*() {
        const sdk = yield* clientFor(algorithmSuite)
        const written = yield* sdk.encrypt(plaintext, { algorithmSuite, frameLength: 10 })
        const message = yield* withContext(written.message, "00020000")
        assert.strictEqual(message.length, written.message.length + 2)

        // Twice: the second time the key section is known.
        for (let time = 0; time < 2; time++) {
          const { encryptionContext, header, plaintext: decrypted } = yield* sdk.decrypt(message)
          assert.deepStrictEqual(decrypted, plaintext)
          assert.deepStrictEqual({ ...encryptionContext }, {})
          assert.deepStrictEqual({ ...header.encryptionContext }, {})
        }
        for (const chunk of [1, 1000]) {
          assert.deepStrictEqual(yield* collect(sdk.decryptStream(chunksOf(message, chunk))), plaintext)
        }
        const source = {
          length: message.length,
          read: (offset: number, length: number) => Effect.sync(() => message.slice(offset, offset + length))
        }
        assert.deepStrictEqual(
          yield* collect(sdk.decryptRange(source, { offset: 5, length: 20 })),
          plaintext.slice(5, 25)
        )
        assert.deepStrictEqual({ ...(yield* sdk.inspect(message)).encryptionContext }, {})
      }))
  }

  it.effect("is authenticated as it stands: the tag over the usual bytes does not fit", () =>
    Effect.gen(function*() {
      const sdk = yield* clientFor(unsigned)
      const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite: unsigned })
      const old = yield* withContext(message, "00020000")
      const { headerBodyLength } = partsOf(old)
      const { headerBodyLength: usual } = partsOf(message)
      const exchanged = [
        concat(old.subarray(0, headerBodyLength), message.subarray(usual)),
        concat(message.subarray(0, usual), old.subarray(headerBodyLength)),
        flip(old, headerBodyLength)
      ]
      for (const forged of exchanged) {
        assert.deepStrictEqual(fieldsOf(yield* decryptFailure(sdk.decrypt(forged))), {
          _tag: "AuthenticationFailed",
          check: "header"
        })
      }
    }))

  it.effect("is the empty context to the caching manager, whichever of the two came first", () =>
    Effect.gen(function*() {
      for (const oldFirst of [true, false]) {
        const { sdk } = yield* cachingClient({ keyring: staticKeyring(dataKeyFor(unsigned)) })
        const { message } = yield* (yield* clientFor(unsigned)).encrypt(plaintext, { algorithmSuite: unsigned })
        const old = yield* withContext(message, "00020000")
        const outcomes: Array<string> = []
        for (const input of oldFirst ? [old, message, old, message] : [message, old, message, old]) {
          const { plaintext: decrypted, receipt } = yield* sdk.decrypt(input)
          assert.deepStrictEqual(decrypted, plaintext)
          outcomes.push(receipt._tag)
        }
        assert.deepStrictEqual(outcomes, ["Miss", "Hit", "Hit", "Hit"])
      }
    }))

  it.effect("is never written", () =>
    Effect.gen(function*() {
      const { sdk } = yield* cachingClient({ keyring: staticKeyring(dataKeyFor(unsigned)) })
      const first = yield* sdk.encrypt(plaintext, { algorithmSuite: unsigned })
      yield* sdk.decrypt(yield* withContext(first.message, "00020000"))
      const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite: unsigned, encryptionContext: {} })
      assert.strictEqual(toHex(message.subarray(35, 37)), "0000")
      assert.strictEqual(message.length, first.message.length)
    }))

  it.effect("is the only other form: all others are refused, whatever their tag says", () =>
    Effect.gen(function*() {
      const sdk = yield* clientFor(unsigned)
      const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite: unsigned })
      for (
        const context of ["0001 00", "0002 0001", "0002 0100", "0003 0000 00", "0004 0000 0000", "0006 0000 0000 0000"]
      ) {
        const forged = yield* withContext(message, context)
        assert.strictEqual((yield* decryptFailure(sdk.decrypt(forged)))._tag, "MalformedMessage", context)
        assert.strictEqual(
          (yield* decryptFailure(collect(sdk.decryptStream(chunksOf(forged, 7)))))._tag,
          "MalformedMessage",
          context
        )
      }
    }))
})
