/**
 * The AWS Encryption SDK for Python, both ways, over raw keys.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { AlgorithmSuite, MultiKeyring } from "effect-encryption-sdk"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import { generateKeyPairSync } from "node:crypto"
import { clientFor, directions, fromPython, toPython } from "./support/crossing.ts"
import * as Python from "./support/python.ts"
import { signed, unsigned } from "../support/suites.ts"
import { pattern } from "../support/streams.ts"

const Peers = Layer.merge(Python.layer, NodePrimitives.layer)

const aes = (length: 16 | 24 | 32, name = `aes-${length * 8}`) => {
  const key = pattern(length)
  return {
    keyring: RawAesKeyring.make({ keyNamespace: "raw", keyName: name, wrappingKey: Redacted.make(key) }),
    keys: [{ type: "aes", namespace: "raw", name, key } as const]
  }
}

const pair = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" }
})

const contexts: ReadonlyArray<readonly [string, Record<string, string>]> = [
  ["empty", {}],
  ["one pair", { tenant: "a" }],
  ["an empty value", { tenant: "" }],
  ["mixed case", { b: "1", B: "2", a: "3", A: "4", _: "5", "-": "6" }],
  ["non-ASCII", { "é": "e", "ключ": "значение", "鍵": "値", z: "z", "ÿ": "y" }],
  // In JavaScript's own order the astral key comes before the full-width one; in that of UTF-8 it comes after it.
  ["astral", { "\u{1f600}": "astral", "\uff21": "full width", "\u{10ffff}": "last", "\uffff": "last of its plane" }],
  [
    "60 pairs",
    Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`key-${(index * 37) % 60}`, `value ${index}`]))
  ],
  ["a long value", { long: "é".repeat(20_000) }]
]

layer(Peers)("Python: suites", (it) => {
  for (const [direction, cross] of directions) {
    it.effect.each(AlgorithmSuite.all)(`${direction}: $name`, (suite) =>
      Effect.gen(function*() {
        const { keyring, keys } = aes(32)
        yield* cross({ keyring: yield* keyring, keys, suite })
      }))
  }
})

layer(Peers)("Python: encryption contexts", (it) => {
  for (const [direction, cross] of directions) {
    for (
      const suite of [
        unsigned,
        signed,
        AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384
      ]
    ) {
      it.effect.each(contexts)(
        `${direction}: %s, ${AlgorithmSuite.formatId(suite.id)}`,
        ([_name, encryptionContext]) =>
          Effect.gen(function*() {
            const { keyring, keys } = aes(32)
            yield* cross({ keyring: yield* keyring, keys, suite, encryptionContext })
          })
      )
    }
  }
})

layer(Peers)("Python: frames", (it) => {
  const suites = [
    signed,
    AlgorithmSuite.ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256
  ]
  // Python writes frames of multiples of 128 bytes, and reads any.
  const both = [[128, 0], [128, 1], [128, 127], [128, 128], [128, 129], [128, 384], [4096, 100_000]] as const
  const small = [[1, 0], [1, 1], [1, 40], [16, 0], [16, 15], [16, 16], [16, 17], [16, 48]] as const
  for (const [direction, cross] of directions) {
    for (const suite of suites) {
      it.effect.each(cross === toPython ? [...small, ...both] : both)(
        `${direction}: frame length %i, plaintext of %i bytes, ${AlgorithmSuite.formatId(suite.id)}`,
        ([frameLength, length]) =>
          Effect.gen(function*() {
            const { keyring, keys } = aes(32)
            yield* cross({ keyring: yield* keyring, keys, suite, frameLength, plaintext: pattern(length) })
          })
      )
    }
  }

  it.effect.each(AlgorithmSuite.all)(
    "Python encrypts without frames, we decrypt: $name",
    (suite) =>
      Effect.gen(function*() {
        const { keyring, keys } = aes(32)
        for (const length of [0, 1, 5_000]) {
          yield* fromPython({ keyring: yield* keyring, keys, suite, frameLength: 0, plaintext: pattern(length) })
        }
      })
  )
})

layer(Peers)("Python: raw AES keys", (it) => {
  for (const [direction, cross] of directions) {
    it.effect.each([16, 24, 32] as const)(`${direction}: wrapping key of %i bytes`, (length) =>
      Effect.gen(function*() {
        const { keyring, keys } = aes(length)
        for (
          const suite of [
            AlgorithmSuite.ALG_AES_128_GCM_IV12_TAG16_NO_KDF,
            AlgorithmSuite.ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA256,
            unsigned
          ]
        ) {
          yield* cross({ keyring: yield* keyring, keys, suite })
        }
      }))

    it.effect(`${direction}: a key name that is not ASCII`, () =>
      Effect.gen(function*() {
        const { keyring, keys } = aes(32, "имя ключа \u{1f511}")
        yield* cross({ keyring: yield* keyring, keys })
      }))
  }
})

layer(Peers)("Python: raw RSA keys", (it) => {
  for (const padding of RawRsaKeyring.paddings) {
    const common = { keyNamespace: "rsa", keyName: `key ${padding}`, padding }
    const pem = { type: "rsa", namespace: "rsa", name: common.keyName, padding } as const
    const privateKey = Redacted.make(pair.privateKey)

    it.effect(`Python encrypts with the private key's file, we decrypt with the private key alone: ${padding}`, () =>
      Effect.gen(function*() {
        const keyring = yield* RawRsaKeyring.make({ ...common, privateKey })
        yield* fromPython({ keyring, keys: [{ ...pem, pem: pair.privateKey }] })
      }))

    it.effect(`Python encrypts with the public key alone, we decrypt: ${padding}`, () =>
      Effect.gen(function*() {
        const keyring = yield* RawRsaKeyring.make({ ...common, publicKey: pair.publicKey, privateKey })
        yield* fromPython({ keyring, keys: [{ ...pem, pem: pair.publicKey }] })
      }))

    it.effect(`we encrypt with the public key alone, Python decrypts: ${padding}`, () =>
      Effect.gen(function*() {
        const keyring = yield* RawRsaKeyring.make({ ...common, publicKey: pair.publicKey })
        yield* toPython({ keyring, keys: [{ ...pem, pem: pair.privateKey }] })
      }))
  }
})

layer(Peers)("Python: several keys", (it) => {
  it.effect("Python encrypts under AES and RSA keys, we decrypt with each alone", () =>
    Effect.gen(function*() {
      const one = aes(16)
      const two = aes(32)
      const rsa = { keyNamespace: "rsa", keyName: "rsa", padding: "OAEP-SHA256" } as const
      const keys = [
        ...one.keys,
        ...two.keys,
        { type: "rsa", namespace: "rsa", name: "rsa", padding: "OAEP-SHA256", pem: pair.privateKey } as const
      ]
      const keyrings = [
        yield* one.keyring,
        yield* two.keyring,
        yield* RawRsaKeyring.make({ ...rsa, privateKey: Redacted.make(pair.privateKey) })
      ]
      for (const keyring of keyrings) yield* fromPython({ keyring, keys, encryptedDataKeys: 3 })
    }))

  it.effect("we encrypt under AES and RSA keys, Python decrypts with each alone", () =>
    Effect.gen(function*() {
      const one = aes(16)
      const two = aes(32)
      const keyring = yield* MultiKeyring.make({
        generator: yield* one.keyring,
        children: [
          yield* two.keyring,
          yield* RawRsaKeyring.make({
            keyNamespace: "rsa",
            keyName: "rsa",
            padding: "PKCS1",
            publicKey: pair.publicKey
          })
        ]
      })
      const rsa = [{ type: "rsa", namespace: "rsa", name: "rsa", padding: "PKCS1", pem: pair.privateKey } as const]
      for (const keys of [one.keys, two.keys, rsa]) yield* toPython({ keyring, keys, encryptedDataKeys: 3 })
    }))
})

layer(Peers)("Python: what is altered", (it) => {
  const suites = [
    signed,
    AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384,
    AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF
  ]
  const positions = (length: number) =>
    Array.from({ length: 24 }, (_, index) => Math.floor((index * (length - 1)) / 23))

  it.effect.each(suites)(
    "Python encrypts, we refuse it altered or cut anywhere: $name",
    (suite) =>
      Effect.gen(function*() {
        const { keyring, keys } = aes(32)
        const made = yield* keyring
        const message = yield* fromPython({ keyring: made, keys, suite })
        const sdk = yield* clientFor(suite, made)
        for (const position of positions(message.length)) {
          const altered = message.slice()
          altered[position]! ^= 1
          for (const wrong of [altered, message.subarray(0, position)]) {
            const error = yield* Effect.flip(sdk.decrypt(wrong))
            assert.strictEqual(error._tag, "DecryptError")
          }
        }
        assert.strictEqual(
          (yield* Effect.flip(sdk.decrypt(Uint8Array.of(...message, 0)))).reason._tag,
          "MalformedMessage"
        )
      })
  )

  it.effect.each(suites)("we encrypt, Python refuses it altered anywhere: $name", (suite) =>
    Effect.gen(function*() {
      const { keyring, keys } = aes(32)
      const message = yield* toPython({ keyring: yield* keyring, keys, suite })
      const python = yield* Python.Python
      for (const position of positions(message.length)) {
        const altered = message.slice()
        altered[position]! ^= 1
        const error = yield* Effect.flip(python.decrypt({ message: altered, keys }))
        assert.notStrictEqual(error.error, "Ended")
      }
    }))

  it.effect("neither decrypts with another key of the same name", () =>
    Effect.gen(function*() {
      const python = yield* Python.Python
      const { keyring, keys } = aes(32)
      const other = pattern(32).toReversed()
      const wrongKeyring = yield* RawAesKeyring.make({
        keyNamespace: "raw",
        keyName: "aes-256",
        wrappingKey: Redacted.make(other)
      })
      const suite = unsigned
      const theirs = yield* fromPython({ keyring: yield* keyring, keys, suite })
      const error = yield* Effect.flip((yield* clientFor(suite, wrongKeyring)).decrypt(theirs))
      assert.strictEqual(error.reason._tag, "NoDataKeyUnwrapped")
      const ours = yield* toPython({ keyring: yield* keyring, keys, suite })
      const refused = yield* Effect.flip(python.decrypt({ message: ours, keys: [{ ...keys[0]!, key: other }] }))
      assert.strictEqual(refused.error, "InvalidTag")
    }))
})
