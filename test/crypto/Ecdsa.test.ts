import { assert, describe, it } from "@effect/vitest"
import { Ecdsa } from "effect-encryption-sdk/crypto"
import * as crypto from "node:crypto"
import { inBrowser } from "../support/TestPrimitives.ts"
import { arbitraryBytes } from "../support/arbitraryBytes.ts"

const curves = [
  { curve: "P-256", openssl: "prime256v1", hash: "sha256", length: 32, der: 71 },
  { curve: "P-384", openssl: "secp384r1", hash: "sha384", length: 48, der: 103 }
] as const

/** A test whose oracle is node:crypto: in a browser it is none. */
const inNode = (name: string, test: () => void) => inBrowser ? undefined : it(name, test)

/** One coordinate of a signature, its first bytes as given. */
const number = (length: number, ...first: ReadonlyArray<number>) => {
  const out = new Uint8Array(length).fill(0x11)
  out.set(first)
  return out
}

describe.each(curves)("Ecdsa on $curve", ({ curve, der, hash, length, openssl }) => {
  it("knows its hash function and its signature length", () => {
    assert.deepStrictEqual(Ecdsa.algorithm(curve), {
      curve,
      hash: curve === "P-256" ? "SHA-256" : "SHA-384",
      signatureLength: der
    })
  })

  inNode("writes a signature that node verifies, of exactly the one length", () => {
    const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: curve })
    const seen = new Set<string>()
    for (let i = 0; i < 200; i++) {
      const message = Uint8Array.of(i)
      const raw = crypto.sign(hash, message, { key: privateKey, dsaEncoding: "ieee-p1363" })
      const signature = Ecdsa.derFromRaw(curve, raw)
      if (signature === undefined) continue
      assert.strictEqual(signature.length, der)
      assert.isTrue(crypto.verify(hash, message, publicKey, signature))
      seen.add(Buffer.from(signature).includes(raw.subarray(length)) ? "s as it is" : "s from the order")
    }
    assert.deepStrictEqual(seen, new Set(["s as it is", "s from the order"]))
  })

  inNode("makes a signature of any length one of the one length, as from r and s", () => {
    const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: curve })
    const lengths = new Set<number>()
    for (let i = 0; i < 300; i++) {
      const message = Uint8Array.of(i, i >> 8)
      const signature = crypto.sign(hash, message, privateKey)
      lengths.add(signature.length)
      const made = Ecdsa.derOfSuiteLength(curve, signature)
      if (made === undefined) continue
      assert.strictEqual(made.length, der)
      assert.isTrue(crypto.verify(hash, message, publicKey, made))
    }
    assert.includeMembers([...lengths], [der - 1, der, der + 1])
    for (const r of [number(length, 0x80), number(length, 0x11), number(length, 0, 0x80), number(length, 0, 0, 0x11)]) {
      for (
        const s of [number(length, 0x80), number(length, 0x11), number(length, 0, 0x80), number(length, 0, 0, 0x11)]
      ) {
        const integer = (value: Uint8Array) => {
          const digits = value.subarray(value.findIndex((byte) => byte !== 0))
          return digits[0]! < 0x80 ? [2, digits.length, ...digits] : [2, digits.length + 1, 0, ...digits]
        }
        const body = [...integer(r), ...integer(s)]
        const expected = Ecdsa.derFromRaw(curve, Buffer.concat([r, s]))
        assert.deepStrictEqual(Ecdsa.derOfSuiteLength(curve, Uint8Array.of(0x30, body.length, ...body)), expected)
      }
    }
  })

  it("takes s as it is where that has the length", () => {
    const raw = Buffer.concat([number(length, 0x80), number(length, 0x11)])
    assert.deepStrictEqual(
      Ecdsa.derFromRaw(curve, raw),
      Uint8Array.of(
        0x30,
        der - 2,
        2,
        length + 1,
        0,
        ...raw.subarray(0, length),
        2,
        length,
        ...raw.subarray(length)
      )
    )
  })

  it("writes r of 31 or 47 bytes as that, which leaves no s that has the length", () => {
    assert.isUndefined(Ecdsa.derFromRaw(curve, Buffer.concat([number(length, 0, 0x7f), number(length, 0x11)])))
    assert.isUndefined(Ecdsa.derFromRaw(curve, Buffer.concat([number(length, 0, 0x7f), number(length, 0xee)])))
  })

  it("a first byte of zero is kept before a high bit and dropped before a low one", () => {
    const high = Buffer.concat([number(length, 0x00, 0x80), number(length, 0xee)])
    assert.deepStrictEqual(
      [...Ecdsa.derFromRaw(curve, high)!.subarray(2, 6)],
      [2, length, 0x00, 0x80]
    )
  })

  it("refuses a raw signature of another length", () => {
    assert.throws(() => Ecdsa.derFromRaw(curve, new Uint8Array(2 * length + 1)), RangeError)
  })

  it.prop("any r and s: the length or nothing, and the input as it was", {
    raw: arbitraryBytes(2 * length)
  }, ({ raw }) => {
    const before = raw.slice()
    const signature = Ecdsa.derFromRaw(curve, raw)
    assert.deepStrictEqual(raw, before)
    return signature === undefined || signature.length === der
  }, { arbitrary: { seed: "ecdsa", runs: 200 } })

  inNode("compresses points as node does, and wraps them so that node reads the same key", () => {
    const seen = new Set<number>()
    for (let i = 0; i < 20; i++) {
      const { publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: curve })
      const spki = publicKey.export({ format: "der", type: "spki" })
      const uncompressed = Ecdsa.uncompressedFromSpki(curve, spki)
      const point = Ecdsa.compress(curve, uncompressed)
      const expected = crypto.ECDH.convertKey(uncompressed, openssl, undefined, undefined, "compressed") as Buffer
      assert.deepStrictEqual(point, new Uint8Array(expected))
      const wrapped = Ecdsa.spkiFromCompressed(curve, point)!
      const read = crypto.createPublicKey({ key: Buffer.from(wrapped), format: "der", type: "spki" })
      assert.isTrue(read.equals(publicKey))
      seen.add(point[0]!)
    }
    assert.deepStrictEqual(seen, new Set([2, 3]))
  })

  it("refuses what has not the form of a point", () => {
    const point = new Uint8Array(1 + length)
    for (const first of [0, 1, 4, 5, 255]) {
      point[0] = first
      assert.isUndefined(Ecdsa.spkiFromCompressed(curve, point))
    }
    for (const other of [0, 1, length, length + 2, 1 + 2 * length]) {
      assert.isUndefined(Ecdsa.spkiFromCompressed(curve, new Uint8Array(other).fill(2)))
    }
    assert.throws(() => Ecdsa.compress(curve, new Uint8Array(1 + 2 * length).fill(2)), RangeError)
    assert.throws(() => Ecdsa.compress(curve, new Uint8Array(2 * length).fill(4)), RangeError)
  })
})
