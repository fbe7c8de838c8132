/** framework/raw-ecdh-keyring.md#ecc-keys and #initialization: public keys are points of their curve. */
import { assert, describe, it } from "@effect/vitest"
import * as PublicKey from "../../src/crypto/ecdhPublicKey.ts"
import { concat, flip, hex } from "../support/bytes.ts"
import { coordinateLengths, curves, generate, pemOf } from "../support/ecdh.ts"

const primes = {
  "P-256": "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
  "P-384": "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
  "P-521": `01ff${"ff".repeat(64)}`
} as const

const spkiLengths = { "P-256": 91, "P-384": 120, "P-521": 158 } as const

const pairs = Object.fromEntries(
  await Promise.all(
    curves.map(async (curve) => [curve, await Promise.all(Array.from({ length: 8 }, () => generate(curve)))])
  )
) as Record<(typeof curves)[number], ReadonlyArray<Awaited<ReturnType<typeof generate>>>>

describe.each(curves)("a public key on %s", (curve) => {
  const length = coordinateLengths[curve]
  const [pair] = pairs[curve]
  const { compressed, point, publicPem, spki } = pair!

  it("compresses and decompresses as the runtime's keys do, with both parities", () => {
    for (const { compressed, point, spki } of pairs[curve]) {
      const expected = { point, compressed }
      assert.deepStrictEqual<unknown>(PublicKey.fromPoint(curve, point), expected)
      assert.deepStrictEqual<unknown>(PublicKey.fromCompressed(curve, compressed), expected)
      assert.deepStrictEqual(PublicKey.toSpki(curve, expected), spki)
      const other = PublicKey.fromCompressed(curve, flip(compressed, 0, 1))!
      assert.deepStrictEqual(other.point.subarray(0, 1 + length), point.subarray(0, 1 + length))
      assert.notDeepEqual(other.point, point)
    }
    assert.strictEqual(PublicKey.coordinateLength(curve), length)
  })

  it("is read from DER and from PEM text, of one length", () => {
    assert.strictEqual(spki.length, spkiLengths[curve])
    assert.deepStrictEqual<unknown>(PublicKey.read(curve, spki), { point, compressed })
    assert.deepStrictEqual<unknown>(PublicKey.read(curve, Buffer.from(spki)), { point, compressed })
    assert.deepStrictEqual<unknown>(PublicKey.read(curve, publicPem), { point, compressed })
  })

  it("is no view of the array that it was read from", () => {
    const given = new Uint8Array(spki)
    const read = PublicKey.read(curve, given)
    given.fill(0)
    assert.deepStrictEqual<unknown>(read, { point, compressed })
  })

  const infinity = concat(hex("00"))
  it.each<readonly [string, Uint8Array]>([
    ["the point at infinity", infinity],
    ["infinity, as long as a point", new Uint8Array(1 + 2 * length)],
    ["coordinates of zero", flip(new Uint8Array(1 + 2 * length), 0, 4)],
    ["another second coordinate", flip(point, 2 * length, 1)],
    ["another first coordinate", flip(point, length, 1)],
    ["a first coordinate of the prime", concat(hex("04"), hex(primes[curve]), point.subarray(1 + length))],
    ["a second coordinate of the prime", concat(point.subarray(0, 1 + length), hex(primes[curve]))],
    ["a compressed one", compressed],
    ["a hybrid form", flip(point, 0, 2)],
    ["a byte less", point.subarray(0, 2 * length)],
    ["a byte more", concat(point, hex("00"))],
    ["nothing", new Uint8Array(0)]
  ])("is no uncompressed point: %s", (_, bytes) => {
    assert.isUndefined(PublicKey.fromPoint(curve, bytes))
  })

  it.each<readonly [string, Uint8Array]>([
    ["the point at infinity", infinity],
    ["infinity, as long as a point", new Uint8Array(1 + length)],
    ["a coordinate of the prime", concat(hex("02"), hex(primes[curve]))],
    ["an uncompressed one", point],
    ["the first byte of an uncompressed one", concat(hex("04"), point.subarray(1, 1 + length))],
    ["a byte less", compressed.subarray(0, length)],
    ["a byte more", concat(compressed, hex("00"))]
  ])("is no compressed point: %s", (_, bytes) => {
    assert.isUndefined(PublicKey.fromCompressed(curve, bytes))
  })

  it("half of all first coordinates are no point's", () => {
    const found = Array.from({ length: 40 }, (_, i) => {
      const bytes = new Uint8Array(1 + length)
      bytes[0] = 2
      bytes[length] = i
      return PublicKey.fromCompressed(curve, bytes) !== undefined
    })
    assert.isTrue(found.includes(true) && found.includes(false))
  })

  const noSpki = `is no SubjectPublicKeyInfo of an uncompressed point of ${curve}`
  const others = curves.filter((other) => other !== curve)
  it.each<readonly [string, string | Uint8Array, string]>([
    ["no bytes", new Uint8Array(0), noSpki],
    ["a bare point", point, noSpki],
    ["a byte less", spki.subarray(0, -1), noSpki],
    ["a byte more", concat(spki, hex("00")), noSpki],
    ["another object identifier", flip(spki, 15, 1), noSpki],
    ["a private key", pair!.pkcs8, noSpki],
    ["a point that is not on the curve", flip(spki, spki.length - 1, 1), `is no point of ${curve}`],
    ["a PEM text of other bytes", pemOf("PUBLIC KEY", point), noSpki],
    [
      "a PEM text of a private key",
      pair!.privatePem,
      "is a PEM \"PRIVATE KEY\", expected \"PUBLIC KEY\" (SubjectPublicKeyInfo, not encrypted)"
    ],
    ...others.map((other) =>
      [
        `a key on ${other}`,
        pairs[other][0]!.spki,
        `is a key on ${other}, must be on ${curve}`
      ] as const
    )
  ])("is not read from %s", (_, key, problem) => {
    assert.strictEqual(PublicKey.read(curve, key), problem)
  })

  it("is not read from memory that is gone", () => {
    const given = new Uint8Array(spki)
    structuredClone(given.buffer, { transfer: [given.buffer] })
    assert.strictEqual(PublicKey.read(curve, given), "is a view of a buffer that was transferred")
  })
})
