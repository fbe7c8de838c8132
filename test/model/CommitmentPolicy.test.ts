import { assert, describe, it } from "@effect/vitest"
import { Exit, Schema } from "effect"
import { AlgorithmSuite, CommitmentPolicy } from "effect-encryption-sdk"

/** Specification: framework/commitment-policy.md. By suite: may encrypt, may decrypt. */
const matrix: Readonly<Record<CommitmentPolicy.CommitmentPolicy, ReadonlyArray<readonly [number, boolean, boolean]>>> =
  {
    ForbidEncryptAllowDecrypt: [
      [0x0014, true, true],
      [0x0046, true, true],
      [0x0078, true, true],
      [0x0114, true, true],
      [0x0146, true, true],
      [0x0178, true, true],
      [0x0214, true, true],
      [0x0346, true, true],
      [0x0378, true, true],
      [0x0478, false, true],
      [0x0578, false, true]
    ],
    RequireEncryptAllowDecrypt: [
      [0x0014, false, true],
      [0x0046, false, true],
      [0x0078, false, true],
      [0x0114, false, true],
      [0x0146, false, true],
      [0x0178, false, true],
      [0x0214, false, true],
      [0x0346, false, true],
      [0x0378, false, true],
      [0x0478, true, true],
      [0x0578, true, true]
    ],
    RequireEncryptRequireDecrypt: [
      [0x0014, false, false],
      [0x0046, false, false],
      [0x0078, false, false],
      [0x0114, false, false],
      [0x0146, false, false],
      [0x0178, false, false],
      [0x0214, false, false],
      [0x0346, false, false],
      [0x0378, false, false],
      [0x0478, true, true],
      [0x0578, true, true]
    ]
  }

describe("CommitmentPolicy", () => {
  for (const policy of CommitmentPolicy.CommitmentPolicy.literals) {
    it(`${policy} allows what the specification says`, () => {
      assert.deepStrictEqual(
        AlgorithmSuite.all.map((suite) => [
          suite.id,
          CommitmentPolicy.allowsEncrypt(policy, suite),
          CommitmentPolicy.allowsDecrypt(policy, suite)
        ]),
        matrix[policy].map((row) => [...row])
      )
    })

    it(`${policy} allows its default suite both ways`, () => {
      const suite = CommitmentPolicy.defaultAlgorithmSuite(policy)
      assert.isTrue(CommitmentPolicy.allowsEncrypt(policy, suite))
      assert.isTrue(CommitmentPolicy.allowsDecrypt(policy, suite))
    })
  }

  it("has the implementations' default suites", () => {
    assert.strictEqual(CommitmentPolicy.defaultAlgorithmSuite("ForbidEncryptAllowDecrypt").id, 0x0378)
    assert.strictEqual(CommitmentPolicy.defaultAlgorithmSuite("RequireEncryptAllowDecrypt").id, 0x0578)
    assert.strictEqual(CommitmentPolicy.defaultAlgorithmSuite("RequireEncryptRequireDecrypt").id, 0x0578)
  })

  it("requires commitment by default", () => {
    assert.strictEqual(CommitmentPolicy.defaultPolicy, "RequireEncryptRequireDecrypt")
  })

  it("is read from configuration by its exact name", () => {
    const decode = Schema.decodeUnknownExit(CommitmentPolicy.CommitmentPolicy)
    assert.isTrue(Exit.isSuccess(decode("RequireEncryptAllowDecrypt")))
    for (const value of ["requireEncryptAllowDecrypt", "REQUIRE_ENCRYPT_ALLOW_DECRYPT", "", undefined, 1]) {
      assert.isTrue(Exit.isFailure(decode(value)), String(value))
    }
  })
})
