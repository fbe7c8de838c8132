/** framework/aws-kms/aws-kms-mrk-match-for-decrypt.md#implementation, framework/aws-kms/aws-kms-mrk-are-unique.md#implementation. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { KeyArn } from "effect-encryption-sdk/kms"

const arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-4321abcd"
const single = "arn:aws:kms:us-east-1:111122223333:key/1234abcd"

// Few values for each part, so that many of the texts are close to each other; some of them are no ARN at all.
const text = Arbitrary.map(
  Arbitrary.schema(Schema.Tuple([
    Schema.Literals(["aws", "aws-cn", "aws-us-gov", "aws-iso", ""]),
    Schema.Literals(["kms", "kms", "s3"]),
    Schema.Literals(["us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"]),
    Schema.Literals(["111122223333", "444455556666"]),
    Schema.Literals([
      "key/mrk-1",
      "key/mrk-1",
      "key/mrk-1/2",
      "key:mrk-1",
      "key/1",
      "alias/mrk-1",
      "key//mrk-1",
      "key/mrk-1:2"
    ]),
    Schema.Literals(["arn", "arn", "arn", "id"])
  ])),
  ([partition, service, region, account, resource, form]) =>
    form === "arn" ? `arn:${partition}:${service}:${region}:${account}:${resource}` : resource.replace("key/", "")
)

/** The parts of an ARN that must be equal, by the specification's own words. */
const withoutRegion = (text: string) => text.split(":").map((part, index) => index === 3 ? "" : part).join(":")
const isMrk = (text: string) => /^arn:[^:]+:kms:[^:]+:[^:]+:key\/mrk-[^:]*$/.test(text)

describe("KeyArn.mrkMatchForDecrypt", () => {
  it.each<[string, string, boolean]>([
    // Identical identifiers MUST match, of whatever kind.
    [single, single, true],
    [arn, arn, true],
    ["alias/mrk-1", "alias/mrk-1", true],
    ["mrk-1", "mrk-1", true],
    ["no key", "no key", true],
    // Otherwise both MUST be multi-Region keys.
    [single, single.replace("us-east-1", "eu-central-1"), false],
    [arn, single, false],
    [arn.replace("key/", "alias/"), arn.replace("key/", "alias/").replace("us-east-1", "eu-central-1"), false],
    // Then all parts but the Region MUST be equal.
    [arn, arn.replace("us-east-1", "eu-central-1"), true],
    [arn, arn.replace(":aws:", ":aws-cn:"), false],
    [arn, arn.replace(":kms:", ":s3:"), false],
    [arn, arn.replace("111122223333", "444455556666"), false],
    [arn, arn.replace(":key/", ":alias/"), false],
    [arn, `${arn}0`, false],
    [arn, arn.toUpperCase(), false],
    [arn, "mrk-4321abcd", false]
  ])("%s and %s: %s", (one, other, expected) => {
    assert.strictEqual(KeyArn.mrkMatchForDecrypt(one, other), expected)
    assert.strictEqual(KeyArn.mrkMatchForDecrypt(other, one), expected)
  })

  it.prop(
    "is the comparison of the parts that the specification names",
    { one: text, other: text },
    ({ one, other }) => {
      assert.strictEqual(
        KeyArn.mrkMatchForDecrypt(one, other),
        one === other || (isMrk(one) && isMrk(other) && withoutRegion(one) === withoutRegion(other))
      )
    },
    { arbitrary: { seed: "mrk-match", runs: 2000 } }
  )

  it.prop("is an equivalence", { a: text, b: text, c: text }, ({ a, b, c }) => {
    const match = KeyArn.mrkMatchForDecrypt
    assert.isTrue(match(a, a))
    assert.strictEqual(match(a, b), match(b, a))
    if (match(a, b) && match(b, c)) assert.isTrue(match(a, c))
    // Replicas, so that the antecedent is often true.
    const [inOne, inOther] = ["eu-central-1", "ap-south-1"].map((region) =>
      a.split(":").map((part, index) => index === 3 ? region : part).join(":")
    )
    if (match(a, inOne!)) assert.strictEqual(match(inOne!, inOther!), match(a, inOther!))
  }, { arbitrary: { seed: "equivalence", runs: 1000 } })
})

describe("KeyArn.duplicateMultiRegionKeys", () => {
  const replica = arn.replace("us-east-1", "eu-central-1")
  const elsewhere = arn.replace("111122223333", "444455556666").replace(":aws:", ":aws-cn:")
  it.each<[string, ReadonlyArray<string>, ReadonlyArray<string>]>([
    ["nothing", [], []],
    ["no multi-Region key", [single, single, "alias/mrk-1", "alias/mrk-1"], []],
    ["no duplicate", [arn, `${arn}0`, single], []],
    ["all, not only the first pair", [replica, single, "mrk-1", arn, elsewhere, "mrk-1"], [
      replica,
      "mrk-1",
      arn,
      elsewhere,
      "mrk-1"
    ]],
    ["a bare key id and an ARN", ["mrk-4321abcd", arn], ["mrk-4321abcd", arn]],
    ["an alias of the name", [arn, arn.replace("key/", "alias/")], []],
    ["texts that name no key", ["mrk-1:", "mrk-1:", "arn:mrk-1"], []]
  ])("%s", (_title, identifiers, expected) => {
    assert.deepStrictEqual(KeyArn.duplicateMultiRegionKeys(identifiers), expected)
  })

  it.prop("has every identifier that matches another one", {
    identifiers: Arbitrary.array(text, { maxLength: 6 })
  }, ({ identifiers }) => {
    const duplicates = KeyArn.duplicateMultiRegionKeys(identifiers)
    for (const [index, one] of identifiers.entries()) {
      const matches = identifiers.some((other, at) => at !== index && KeyArn.mrkMatchForDecrypt(one, other))
      if (matches && isMrk(one)) assert.include(duplicates, one)
    }
    assert.notStrictEqual(duplicates.length, 1)
  }, { arbitrary: { seed: "duplicates", runs: 500 } })
})
