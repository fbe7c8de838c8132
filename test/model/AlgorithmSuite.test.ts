import { assert, describe, it } from "@effect/vitest"
import { AlgorithmSuite } from "effect-encryption-sdk"

/**
 * The tables of framework/algorithm-suites.md, written out: name, identifier, message format version, suite data length,
 * key derivation (input length in bits, function, salt length in bits), key commitment, encryption key length in bits,
 * IV and tag length in bytes, signature.
 */
const specification = [
  ["ALG_AES_128_GCM_IV12_TAG16_NO_KDF", "00 14", 1, 0, 128, "Identity", 0, false, 128, 12, 16, undefined],
  ["ALG_AES_192_GCM_IV12_TAG16_NO_KDF", "00 46", 1, 0, 192, "Identity", 0, false, 192, 12, 16, undefined],
  ["ALG_AES_256_GCM_IV12_TAG16_NO_KDF", "00 78", 1, 0, 256, "Identity", 0, false, 256, 12, 16, undefined],
  ["ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256", "01 14", 1, 0, 128, "SHA-256", 0, false, 128, 12, 16, undefined],
  ["ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA256", "01 46", 1, 0, 192, "SHA-256", 0, false, 192, 12, 16, undefined],
  ["ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256", "01 78", 1, 0, 256, "SHA-256", 0, false, 256, 12, 16, undefined],
  ["ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256", "02 14", 1, 0, 128, "SHA-256", 0, false, 128, 12, 16, "P-256"],
  ["ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384", "03 46", 1, 0, 192, "SHA-384", 0, false, 192, 12, 16, "P-384"],
  ["ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384", "03 78", 1, 0, 256, "SHA-384", 0, false, 256, 12, 16, "P-384"],
  ["ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY", "04 78", 2, 32, 256, "SHA-512", 256, true, 256, 12, 16, undefined],
  ["ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384", "05 78", 2, 32, 256, "SHA-512", 256, true, 256, 12, 16, "P-384"]
] as const

describe("AlgorithmSuite", () => {
  it("is the specification's table", () => {
    assert.deepStrictEqual(
      AlgorithmSuite.all.map((suite) => [
        suite.name,
        suite.id.toString(16).padStart(4, "0").replace(/^../, "$& "),
        suite.messageFormatVersion,
        suite.commitmentLength,
        suite.dataKeyLength * 8,
        suite.keyDerivation._tag === "Identity" ? "Identity" : suite.keyDerivation.hash,
        suite.keyDerivation._tag === "Identity" ? 0 : suite.keyDerivation.saltLength * 8,
        AlgorithmSuite.isCommitting(suite),
        suite.dataKeyLength * 8,
        suite.ivLength,
        suite.tagLength,
        suite.signature?.curve
      ]),
      specification.map((row) => [...row])
    )
  })

  it("has message identifiers of 16 bytes in version 1 and of 32 in version 2", () => {
    for (const suite of AlgorithmSuite.all) {
      assert.strictEqual(suite.messageIdLength, suite.messageFormatVersion === 1 ? 16 : 32)
    }
  })

  it("signs with the curve's own hash function, at one length", () => {
    for (const { signature } of AlgorithmSuite.all) {
      if (signature === undefined) continue
      assert.deepStrictEqual(
        signature,
        signature.curve === "P-256"
          ? { curve: "P-256", hash: "SHA-256", signatureLength: 71 }
          : { curve: "P-384", hash: "SHA-384", signatureLength: 103 }
      )
    }
  })

  it("exports each suite under its name, and no other", () => {
    const exported = Object.entries(AlgorithmSuite).filter(([name]) => name.startsWith("ALG_"))
    assert.deepStrictEqual(
      exported.map(([name]) => name).toSorted(),
      specification.map(([name]) => name).toSorted()
    )
    for (const [name, suite] of exported) assert.strictEqual((suite as AlgorithmSuite.AlgorithmSuite).name, name)
  })

  it("is found by its identifier", () => {
    for (const suite of AlgorithmSuite.all) assert.strictEqual(AlgorithmSuite.fromId(suite.id), suite)
    const known = new Set(AlgorithmSuite.all.map((suite) => suite.id))
    for (let id = 0; id <= 0xffff; id++) {
      if (!known.has(id)) assert.isUndefined(AlgorithmSuite.fromId(id))
    }
  })

  it("is one of eleven ids, and resolves to the value of this module, whatever its other fields say", () => {
    for (const suite of AlgorithmSuite.all) {
      for (const value of [suite, structuredClone(suite), { ...suite, dataKeyLength: 1 }, { id: suite.id }]) {
        assert.isTrue(AlgorithmSuite.isAlgorithmSuite(value))
        assert.strictEqual(AlgorithmSuite.resolve(value), suite)
      }
    }
    const { name } = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    for (const value of [undefined, null, 0x0578, "0x0578", {}, { id: 0x0678 }, { id: "1400" }, { name }]) {
      assert.isFalse(AlgorithmSuite.isAlgorithmSuite(value))
      assert.isUndefined(AlgorithmSuite.resolve(value))
    }
  })

  it("may be cached if and only if it derives a key for each message", () => {
    assert.deepStrictEqual(
      AlgorithmSuite.all.filter((suite) => !AlgorithmSuite.isCacheable(suite)).map((suite) => suite.id),
      [0x0014, 0x0046, 0x0078]
    )
  })

  it("cannot be changed", () => {
    assert.isTrue(Object.isFrozen(AlgorithmSuite.all))
    for (const suite of AlgorithmSuite.all) {
      assert.isTrue(Object.isFrozen(suite))
      assert.isTrue(Object.isFrozen(suite.keyDerivation), `${suite.name} key derivation`)
      assert.isTrue(suite.signature === undefined || Object.isFrozen(suite.signature), `${suite.name} signature`)
    }
  })

  it("writes identifiers as documentation does", () => {
    assert.strictEqual(AlgorithmSuite.formatId(0x14), "0x0014")
    assert.strictEqual(AlgorithmSuite.formatId(0xffff), "0xffff")
  })
})
