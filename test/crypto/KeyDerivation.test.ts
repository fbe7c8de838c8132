import { assert, describe, it } from "@effect/vitest"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { KeyDerivation } from "effect-encryption-sdk/crypto"

const utf8 = (text: string) => [...new TextEncoder().encode(text)]
const messageId = (length: number) => Uint8Array.from({ length }, (_, i) => 200 - i)

describe("KeyDerivation.parameters", () => {
  const identity = AlgorithmSuite.all.filter((suite) => suite.keyDerivation._tag === "Identity")
  const version1 = AlgorithmSuite.all.filter((suite) =>
    suite.keyDerivation._tag === "Hkdf" && suite.messageFormatVersion === 1
  )
  const version2 = AlgorithmSuite.all.filter((suite) => suite.messageFormatVersion === 2)

  it("the three groups are all eleven suites", () => {
    assert.deepStrictEqual([identity.length, version1.length, version2.length], [3, 6, 2])
  })

  it.each(identity)("$name derives nothing", (suite) => {
    const plan = KeyDerivation.parameters(suite, messageId(16))
    assert.strictEqual(plan.hash, undefined)
    assert.strictEqual(plan.commitment, undefined)
    assert.strictEqual(plan.encryptionKey.length, suite.dataKeyLength)
  })

  it.each(version1)("$name: empty salt, info is suite id and message id", (suite) => {
    const id = messageId(16)
    assert.deepStrictEqual(KeyDerivation.parameters(suite, id), {
      hash: suite.name.includes("SHA384") ? "SHA-384" : "SHA-256",
      salt: new Uint8Array(0),
      encryptionKey: {
        info: Uint8Array.of(suite.id >> 8, suite.id & 0xff, ...id),
        length: suite.dataKeyLength
      },
      commitment: undefined
    })
  })

  it.each(version2)("$name: the salt is the message id, info is suite id and DERIVEKEY; COMMITKEY commits", (suite) => {
    const id = messageId(32)
    assert.deepStrictEqual(KeyDerivation.parameters(suite, id), {
      hash: "SHA-512",
      salt: id,
      encryptionKey: { info: Uint8Array.of(suite.id >> 8, suite.id & 0xff, ...utf8("DERIVEKEY")), length: 32 },
      commitment: { info: Uint8Array.from(utf8("COMMITKEY")), length: 32 }
    })
  })

  it.each(AlgorithmSuite.all)("$name refuses a message id of another length", (suite) => {
    for (const length of [0, suite.messageIdLength - 1, suite.messageIdLength + 1]) {
      assert.throws(
        () => KeyDerivation.parameters(suite, messageId(length)),
        RangeError,
        `messageId: is ${length} bytes, the suite takes ${suite.messageIdLength}`
      )
    }
  })

  it("a plan is not changed by what becomes of the message id, nor by what becomes of another plan", () => {
    const suite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    const id = messageId(32)
    const plan = KeyDerivation.parameters(suite, id)
    id.fill(0)
    assert.deepStrictEqual(plan.salt, messageId(32))
    plan.commitment!.info.fill(0)
    assert.deepStrictEqual(
      KeyDerivation.parameters(suite, id).commitment!.info,
      Uint8Array.from(utf8("COMMITKEY"))
    )
  })
})
