/** Known answers that every layer of `Primitives` must give, where runtimes differ in what they have. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { AlgorithmSuite, DataKey } from "effect-encryption-sdk"
import { Ecdsa, KeyDerivation } from "effect-encryption-sdk/crypto"
import { WebPrimitives } from "effect-encryption-sdk/web"
import { inBrowser, TestPrimitives } from "../support/TestPrimitives.ts"
import { flip, hex, toHex } from "../support/bytes.ts"
import { rsaPublicKey } from "../support/rsaKeys.ts"

const primitives = TestPrimitives.make
const { subtle } = globalThis.crypto

const sealed = Effect.fnUntraced(function*(key: Parameters<typeof primitives.seal>[0]) {
  const output = new Uint8Array(32)
  const job = { iv: new Uint8Array(12), aad: new Uint8Array(0), plaintext: new Uint8Array(16), output }
  yield* primitives.seal(key, [job])
  const opened = new Uint8Array(16).fill(1)
  yield* primitives.open(key, [{
    ...job,
    ciphertext: output.subarray(0, 16),
    tag: output.subarray(16),
    output: opened
  }])
  assert.deepStrictEqual(opened, new Uint8Array(16))
  return toHex(output)
})

/** Test cases 2, 8 and 14 of "The Galois/Counter Mode of Operation" by McGrew and Viega: key, IV and plaintext are zero. */
const gcm = [
  { size: 128, expected: "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf" },
  { size: 192, expected: "98e7247c07f0fe411c267e4384b0f6002ff58d80033927ab8ef4d4587514f0fb" },
  { size: 256, expected: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919" }
]

/** RFC 6979, A.2.5 and A.2.6: the public point, and the signature of the text "sample" under the curve's own hash function. */
const ecdsa = [{
  curve: "P-256",
  x: "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
  y: "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
  r: "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
  s: "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
}, {
  curve: "P-384",
  x: "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13",
  y: "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
  r: "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
  s: "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8"
}] as const

describe("Primitives", () => {
  it.effect.each(gcm)("AES-$size-GCM gives the published answer", ({ expected, size }) =>
    Effect.gen(function*() {
      const key = yield* primitives.importAesKey(Redacted.make(new Uint8Array(size / 8)))
      assert.strictEqual(yield* sealed(key), expected)
    }))

  it("Chromium's own WebCrypto refuses AES-192, and Node's does not: both ways were met", async () => {
    const asked = subtle.importKey("raw", new Uint8Array(24), "AES-GCM", false, ["encrypt"])
    assert.strictEqual(
      await asked.then(() => "imported", ({ name }: Error) => name),
      inBrowser ? "OperationError" : "imported"
    )
  })

  it.effect("a data key of 192 bits that is the encryption key itself gives the published answer too", () =>
    Effect.gen(function*() {
      const suite = AlgorithmSuite.ALG_AES_192_GCM_IV12_TAG16_NO_KDF
      const { encryptionKey } = yield* primitives.deriveKeys(
        DataKey.make(new Uint8Array(24)),
        KeyDerivation.parameters(suite, new Uint8Array(suite.messageIdLength))
      )
      assert.strictEqual(yield* sealed(encryptionKey), gcm[1]!.expected)
    }))

  it.effect.each(ecdsa)(
    "a compressed point of $curve is that of the published key, by its sign",
    ({ curve, r, s, x, y }) =>
      Effect.gen(function*() {
        const point = Ecdsa.compress(curve, hex(`04${x}${y}`))
        const signature = Ecdsa.derFromRaw(curve, hex(r + s))!
        const message = new TextEncoder().encode("sample")
        const key = yield* primitives.importVerificationKey(curve, point)
        assert.isTrue(yield* primitives.verify(key, message, signature))
        assert.isFalse(yield* primitives.verify(key, new TextEncoder().encode("Sample"), signature))
        const otherSign = yield* primitives.importVerificationKey(curve, flip(point, 0, 1))
        assert.isFalse(yield* primitives.verify(otherSign, message, signature))
      })
  )

  it.effect.each(ecdsa)(
    "about half of all x have no point of $curve: they are refused as keys",
    ({ curve, x }) =>
      Effect.gen(function*() {
        let refused = 0
        for (let mask = 1; mask <= 40; mask++) {
          const point = flip(hex(`02${x}`), x.length / 2, mask)
          const reason = yield* primitives.importVerificationKey(curve, point).pipe(
            Effect.match({
              onSuccess: () => undefined,
              onFailure: (error) => "reason" in error ? error.reason : error._tag
            })
          )
          if (reason === undefined) continue
          assert.strictEqual(reason, "InvalidKey")
          refused++
        }
        assert.isTrue(refused > 5 && refused < 35, `${refused} of 40`)
      })
  )

  it.effect.each(ecdsa)(
    "a WebCrypto that takes no compressed points of $curve gets them uncompressed",
    (vector) =>
      Effect.gen(function*() {
        let uncompressed = 0
        const importKey = (format: "raw", key: Uint8Array<ArrayBuffer>, ...rest: [never, boolean, ["verify"]]) => {
          if (key[0] !== 4) return Promise.reject(new DOMException("", "DataError"))
          uncompressed++
          return subtle.importKey(format, key, ...rest)
        }
        const web = WebPrimitives.make({
          subtle: { importKey, verify: subtle.verify.bind(subtle) },
          getRandomValues: () => undefined
        })
        const odd = yield* web.importVerificationKey(vector.curve, hex(`03${vector.x}`))
        const even = yield* web.importVerificationKey(vector.curve, hex(`02${vector.x}`))
        assert.strictEqual(uncompressed, 2)
        const signature = Ecdsa.derFromRaw(vector.curve, hex(vector.r + vector.s))!
        const message = new TextEncoder().encode("sample")
        const isOdd = Number(`0x${vector.y.at(-1)}`) % 2 === 1
        assert.strictEqual(yield* web.verify(odd, message, signature), isOdd)
        assert.strictEqual(yield* web.verify(even, message, signature), !isOdd)
      })
  )

  it.effect("RSA PKCS1 is unsupported over WebCrypto", () =>
    Effect.gen(function*() {
      const web = WebPrimitives.make(globalThis.crypto)
      assert.deepInclude(yield* Effect.flip(web.importRsaPublicKey(rsaPublicKey, "PKCS1")), { reason: "Unsupported" })
    }))
})
