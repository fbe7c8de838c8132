import { assert, describe, it } from "@effect/vitest"
import { AlgorithmSuite, DataKey } from "effect-encryption-sdk"
import { Ecdsa, KeyDerivation } from "effect-encryption-sdk/crypto"
import * as crypto from "node:crypto"

describe("a Buffer's slice is a view: a copy of a Buffer is a copy all the same", () => {
  it("DataKey.copy", () => {
    const copy = DataKey.copy(DataKey.make(Buffer.from([1, 2, 3])))
    assert.strictEqual(DataKey.value(copy).constructor, Uint8Array)
    const original = DataKey.make(Buffer.from([1, 2, 3]))
    const second = DataKey.copy(original)
    DataKey.zero(original)
    assert.deepStrictEqual([...DataKey.value(second)], [1, 2, 3])
  })

  it("KeyDerivation.parameters", () => {
    const messageId = Buffer.alloc(32, 7)
    const plan = KeyDerivation.parameters(AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY, messageId)
    messageId.fill(0)
    assert.deepStrictEqual(plan.salt, new Uint8Array(32).fill(7))
  })

  it("Ecdsa.uncompressedFromSpki and Ecdsa.compress", () => {
    const { publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
    const spki = publicKey.export({ format: "der", type: "spki" })
    const before = Buffer.from(spki)
    const point = Buffer.from(Ecdsa.uncompressedFromSpki("P-256", spki))
    const compressed = Ecdsa.compress("P-256", point)
    assert.strictEqual(compressed.constructor, Uint8Array)
    assert.deepStrictEqual(point, before.subarray(-65))
    assert.deepStrictEqual(spki, before)
  })
})
