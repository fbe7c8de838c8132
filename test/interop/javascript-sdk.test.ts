/**
 * Messages go both ways between this library and the AWS Encryption SDK for JavaScript, over the same keys.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { DecryptError, EncryptError, InvalidOption, KeyringError } from "effect-encryption-sdk"
import { AlgorithmSuite } from "effect-encryption-sdk"
import type { Primitives } from "effect-encryption-sdk/crypto"
import type { Kms } from "effect-encryption-sdk/kms"
import { policyFor } from "../support/client.ts"
import type { KeyringPair } from "../support/javascriptSdk.ts"
import * as javascriptSdk from "../support/javascriptSdk.ts"
import { signed } from "../support/suites.ts"
import { pattern } from "../support/streams.ts"

type Context = Readonly<Record<string, string>>

const { formatId } = AlgorithmSuite
const suites = (...ids: ReadonlyArray<number>) => ids.map((id) => AlgorithmSuite.fromId(id)!)
const { clientOf, kms, kmsKeys, rawAes, rawRsa, Services } = javascriptSdk

interface Input {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly plaintext: Uint8Array
  readonly encryptionContext: Context
  readonly frameLength: number
}

const input = (overrides: Partial<Input> = {}): Input => ({
  algorithmSuite: signed,
  plaintext: pattern(5000),
  encryptionContext: { purpose: "interop", "Stra\u00dfe": "\u{1f600}" },
  frameLength: 4096,
  ...overrides
})

/** The context that the caller gave: a suite that signs adds its public key. */
const given = (context: Context): Context =>
  Object.fromEntries(Object.entries(context).filter(([key]) => key !== "aws-crypto-public-key"))

const weEncrypt = Effect.fnUntraced(function*(pair: KeyringPair, { algorithmSuite, plaintext, ...rest }: Input) {
  const client = yield* clientOf(pair, policyFor(algorithmSuite))
  return yield* client.encrypt(plaintext, { algorithmSuite, ...rest })
})

const theyEncryptWeDecrypt = Effect.fnUntraced(function*(theirs: KeyringPair, ours: KeyringPair, input: Input) {
  const { algorithmSuite, encryptionContext, frameLength, plaintext } = input
  const message = yield* javascriptSdk.encrypt(yield* theirs.theirs, plaintext, input)
  const client = yield* clientOf(ours, policyFor(algorithmSuite))
  const result = yield* client.decrypt(message, { expectedEncryptionContext: encryptionContext })
  assert.deepStrictEqual(result.plaintext, plaintext)
  assert.deepStrictEqual({ ...given(result.encryptionContext) }, encryptionContext)
  assert.strictEqual(result.algorithmSuite, algorithmSuite)
  assert.strictEqual(result.header.frameLength, frameLength)
  assert.strictEqual(
    Object.hasOwn(result.encryptionContext, "aws-crypto-public-key"),
    algorithmSuite.signature !== undefined
  )
})

const weEncryptTheyDecrypt = Effect.fnUntraced(function*(ours: KeyringPair, theirs: KeyringPair, input: Input) {
  const { algorithmSuite, encryptionContext, plaintext } = input
  const result = yield* weEncrypt(ours, input)
  const read = yield* javascriptSdk.decrypt(yield* theirs.theirs, result.message, algorithmSuite)
  assert.deepStrictEqual(read.plaintext, plaintext)
  assert.deepStrictEqual(read.encryptionContext, { ...result.encryptionContext })
  assert.deepStrictEqual(given(read.encryptionContext), encryptionContext)
})

interface Direction {
  readonly direction: string
  readonly run: (
    encrypting: KeyringPair,
    decrypting: KeyringPair,
    input: Input
  ) => Effect.Effect<
    void,
    EncryptError | DecryptError | InvalidOption | KeyringError.KeyringError,
    Primitives.Primitives | Kms.Kms | Scope.Scope
  >
}

const directions: ReadonlyArray<Direction> = [
  { direction: "interop JavaScript SDK encrypts, we decrypt", run: theyEncryptWeDecrypt },
  { direction: "interop we encrypt, JavaScript SDK decrypts", run: weEncryptTheyDecrypt }
]

layer(Services)((it) => {
  for (const { direction, run } of directions) {
    for (const pair of javascriptSdk.keyringPairs) {
      for (const algorithmSuite of AlgorithmSuite.all) {
        it.effect(`${direction}: ${formatId(algorithmSuite.id)}, ${pair.name}`, () =>
          run(pair, pair, input({ algorithmSuite })))
      }
    }

    const multi = javascriptSdk.multi(kms(kmsKeys[1]), rawAes(256), rawRsa("OAEP-SHA256"))
    for (const member of [kms(kmsKeys[1]), rawAes(256), rawRsa("OAEP-SHA256")]) {
      it.effect(`${direction}: 0x0578, all keyrings of a multi-keyring wrap, ${member.name} alone unwraps`, () =>
        run(multi, member, input()))
    }

    for (const key of kmsKeys) {
      it.effect(`${direction}: 0x0578, KMS keys of two Regions wrap, that of ${key.split(":")[3]} alone unwraps`, () =>
        run(kms(kmsKeys[0], kmsKeys[1]), kms(key), input()))
    }

    const frames: ReadonlyArray<readonly [string, number, ReadonlyArray<number>]> = [
      ["of 1 byte", 1, [0, 1, 2, 3, 100]],
      ["of 16 bytes", 16, [0, 1, 15, 16, 17, 31, 32, 33]],
      ["of 4096 bytes", 4096, [0, 1, 4095, 4096, 4097, 8191, 8192, 8193]],
      ["of 64 KiB", 65_536, [0, 65_535, 65_536, 65_537, 131_072, 131_073]],
      ["larger than the message", 1_000_000, [0, 1, 4096, 100_000]]
    ]
    for (const algorithmSuite of suites(0x0178, 0x0378, 0x0478, 0x0578)) {
      for (const [name, frameLength, lengths] of frames) {
        for (const length of lengths) {
          it.effect(`${direction}: ${formatId(algorithmSuite.id)}, frames ${name}, ${length} bytes`, () =>
            run(rawAes(256), rawAes(256), input({ algorithmSuite, frameLength, plaintext: pattern(length) })))
        }
      }
    }

    const contexts: ReadonlyArray<readonly [string, Context]> = [
      ["empty", {}],
      ["of mixed case", { b: "b", B: "B", a: "a", A: "A", _: "_", Z: "", z: "z" }],
      ["of other scripts", { "ключ": "значение", "é": "e\u0301", "日本": "語", "ß": "ẞ", z: "z" }],
      // UTF-8 puts U+FF21 before the astral characters, UTF-16 after them.
      [
        "of astral characters",
        { "\u{1f600}": "\u{1f680}", "\u{ff21}": "\u{fffd}", "\u{10ffff}": "last", "\u{e000}": "\u{1d11e}" }
      ],
      [
        "of 60 pairs",
        Object.fromEntries(
          Array.from(
            { length: 60 },
            (_, i) => [`${["a", "B", "é", "\u{1f600}"][i % 4]}${(i * 37) % 60}`, "v".repeat(i)]
          )
        )
      ]
    ]
    for (const algorithmSuite of AlgorithmSuite.all) {
      for (const [name, encryptionContext] of contexts) {
        it.effect(`${direction}: ${formatId(algorithmSuite.id)}, raw AES 256, context ${name}`, () =>
          run(rawAes(256), rawAes(256), input({ algorithmSuite, encryptionContext, plaintext: pattern(100) })))
      }
    }
    for (const pair of [kms(kmsKeys[0]), rawRsa("OAEP-SHA256")]) {
      for (const [name, encryptionContext] of contexts) {
        it.effect(`${direction}: 0x0578, ${pair.name}, context ${name}`, () =>
          run(pair, pair, input({ encryptionContext, plaintext: pattern(100) })))
      }
    }
  }
})

layer(Services)((it) => {
  for (const commitmentPolicy of ["ForbidEncryptAllowDecrypt", "RequireEncryptAllowDecrypt"] as const) {
    for (const algorithmSuite of AlgorithmSuite.all) {
      it.effect(
        `interop JavaScript SDK encrypts, we decrypt: ${formatId(algorithmSuite.id)} under ${commitmentPolicy}`,
        () =>
          Effect.gen(function*() {
            const { plaintext, ...rest } = input({ algorithmSuite })
            const message = yield* javascriptSdk.encrypt(yield* rawAes(128).theirs, plaintext, rest)
            const client = yield* clientOf(rawAes(128), commitmentPolicy)
            assert.deepStrictEqual((yield* client.decrypt(message)).plaintext, plaintext)
          })
      )
    }
  }

  for (const algorithmSuite of AlgorithmSuite.all.filter((suite) => !AlgorithmSuite.isCommitting(suite))) {
    it.effect(
      `interop JavaScript SDK encrypts, we refuse: ${formatId(algorithmSuite.id)} under RequireEncryptRequireDecrypt`,
      () =>
        Effect.gen(function*() {
          const { plaintext, ...rest } = input({ algorithmSuite })
          const message = yield* javascriptSdk.encrypt(yield* rawAes(128).theirs, plaintext, rest)
          const client = yield* clientOf(rawAes(128), "RequireEncryptRequireDecrypt")
          const error = yield* Effect.flip(client.decrypt(message))
          assert.strictEqual(error.reason._tag, "CommitmentPolicyViolation")
        })
    )
  }

  for (
    const [commitmentPolicy, id] of [
      ["ForbidEncryptAllowDecrypt", 0x0378],
      ["RequireEncryptAllowDecrypt", 0x0578],
      ["RequireEncryptRequireDecrypt", 0x0578]
    ] as const
  ) {
    it.effect(`interop both choose ${formatId(id)} under ${commitmentPolicy} where nobody names a suite`, () =>
      Effect.gen(function*() {
        const client = yield* clientOf(rawAes(128), commitmentPolicy)
        const ours = yield* client.encrypt(pattern(10))
        assert.strictEqual(ours.algorithmSuite.id, id)
        assert.strictEqual(
          yield* javascriptSdk.defaultSuiteId(yield* rawAes(128).theirs, commitmentPolicy),
          id
        )
      }))
  }
})

/** The length of the signature at the end of a message, found by its own length field. */
const signatureLength = (message: Uint8Array, curve: "P-256" | "P-384"): number => {
  const longest = curve === "P-256" ? 72 : 104
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  for (let length = longest; length > longest - 8; length--) {
    const start = message.length - length
    if (view.getUint16(start - 2) === length && message[start] === 0x30 && message[start + 1] === length - 2) {
      return length
    }
  }
  return assert.fail("no signature at the end of the message")
}

layer(Services)((it) => {
  for (const algorithmSuite of AlgorithmSuite.all) {
    it.effect(
      `interop both write messages of the same length, signatures aside: ${formatId(algorithmSuite.id)}`,
      () =>
        Effect.gen(function*() {
          const pair = javascriptSdk.multi(kms(kmsKeys[0]), rawAes(192), rawRsa("OAEP-SHA1"))
          const { signature } = algorithmSuite
          for (const frameLength of [1, 16, 4096]) {
            for (const length of frameLength === 1 ? [0, 1, 17] : [0, 1, 15, 16, 17, 4096, 5000]) {
              const given = input({ algorithmSuite, frameLength, plaintext: pattern(length) })
              const ours = (yield* weEncrypt(pair, given)).message
              const theirs = yield* javascriptSdk.encrypt(yield* pair.theirs, given.plaintext, given)
              if (signature !== undefined) {
                assert.strictEqual(signatureLength(ours, signature.curve), signature.signatureLength)
              }
              const unsigned = (message: Uint8Array) =>
                message.length - (signature === undefined ? 0 : signatureLength(message, signature.curve))
              // Where the last frame is full, they write an empty one behind it, which the specification permits; ours
              // is the final frame, which it recommends. That saves a frame of 40 bytes and costs 8.
              const emptyFinalFrame = length > 0 && length % frameLength === 0 ? 40 - 8 : 0
              assert.strictEqual(
                unsigned(ours) + emptyFinalFrame,
                unsigned(theirs),
                `frames of ${frameLength}, ${length} bytes`
              )
            }
          }
        })
    )
  }
})

layer(Services)((it) => {
  for (const algorithmSuite of AlgorithmSuite.all) {
    for (const length of [0, 1, 4096, 100_000]) {
      const plaintext = pattern(length)
      const encryptionContext = { b: "1", A: "2", "\u{1f600}": "3", "\u{ff21}": "4" }
      const message = () => javascriptSdk.nonFramed(algorithmSuite, plaintext, encryptionContext)
      const title = `${formatId(algorithmSuite.id)}, non-framed, ${length} bytes`
      it.effect(`interop node:crypto encrypts, JavaScript SDK decrypts: ${title}`, () =>
        Effect.gen(function*() {
          const result = yield* javascriptSdk.decrypt(yield* rawAes(256).theirs, message(), algorithmSuite)
          assert.deepStrictEqual(result.plaintext, plaintext)
        }))
      it.effect(`interop node:crypto encrypts, we decrypt: ${title}`, () =>
        Effect.gen(function*() {
          const client = yield* clientOf(rawAes(256), policyFor(algorithmSuite))
          const result = yield* client.decrypt(message(), { expectedEncryptionContext: encryptionContext })
          assert.deepStrictEqual(result.plaintext, plaintext)
          assert.strictEqual(result.header.contentType, "nonFramed")
          assert.deepStrictEqual(given(result.encryptionContext), encryptionContext)
        }))
    }
    it.effect(`interop a non-framed message with a changed byte is refused: ${formatId(algorithmSuite.id)}`, () =>
      Effect.gen(function*() {
        const client = yield* clientOf(rawAes(256), policyFor(algorithmSuite))
        const whole = javascriptSdk.nonFramed(algorithmSuite, pattern(10), {})
        yield* client.decrypt(whole)
        for (let i = 0; i < whole.length; i++) {
          const changed = new Uint8Array(whole)
          changed[i]! ^= 0x01
          const error = yield* Effect.flip(client.decrypt(changed))
          assert.strictEqual(error._tag, "DecryptError", `byte ${i}`)
        }
      }))
  }
})
