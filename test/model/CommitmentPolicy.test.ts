import { assert, describe, it } from "@effect/vitest"
import { Exit, Schema } from "effect"
import { AlgorithmSuite, CommitmentPolicy } from "effect-encryption-sdk"
import { policies } from "../support/commitmentPolicies.ts"

describe("CommitmentPolicy", () => {
  for (const policy of CommitmentPolicy.CommitmentPolicy.literals) {
    it(`${policy} allows what the specification says`, () => {
      const idsOf = (allows: typeof CommitmentPolicy.allowsEncrypt) =>
        AlgorithmSuite.all.filter((suite) => allows(policy, suite)).map(({ id }) => id)
      assert.deepStrictEqual(
        { encrypts: idsOf(CommitmentPolicy.allowsEncrypt), decrypts: idsOf(CommitmentPolicy.allowsDecrypt) },
        policies[policy]
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
