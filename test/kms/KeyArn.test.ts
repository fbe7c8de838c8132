import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import { KeyArn } from "effect-encryption-sdk/kms"

const keyId = "1234abcd-12ab-34cd-56ef-1234567890ab"
const valid: ReadonlyArray<readonly [string, KeyArn.KeyIdentifier, string | undefined]> = [
  [
    `arn:aws:kms:us-east-1:2222222222222:key/${keyId}`,
    { _tag: "KeyArn", partition: "aws", region: "us-east-1", account: "2222222222222", keyId },
    "us-east-1"
  ],
  [
    "arn:aws-cn:kms:cn-north-1:222222222222:key/mrk-4321abcd12ab34cd56ef1234567890ab",
    {
      _tag: "KeyArn",
      partition: "aws-cn",
      region: "cn-north-1",
      account: "222222222222",
      keyId: "mrk-4321abcd12ab34cd56ef1234567890ab"
    },
    "cn-north-1"
  ],
  [
    "arn:aws:kms:us-west-2:111122223333:alias/test-key",
    {
      _tag: "AliasArn",
      partition: "aws",
      region: "us-west-2",
      account: "111122223333",
      aliasName: "alias/test-key"
    },
    "us-west-2"
  ],
  [
    "arn:aws:kms:us-west-2:111122223333:alias/team/orders/2026",
    {
      _tag: "AliasArn",
      partition: "aws",
      region: "us-west-2",
      account: "111122223333",
      aliasName: "alias/team/orders/2026"
    },
    "us-west-2"
  ],
  ["alias/test-key", { _tag: "AliasName", aliasName: "alias/test-key" }, undefined],
  ["alias/team/orders", { _tag: "AliasName", aliasName: "alias/team/orders" }, undefined],
  [keyId, { _tag: "KeyId", keyId }, undefined],
  [
    "mrk-4321abcd12ab34cd56ef1234567890ab",
    { _tag: "KeyId", keyId: "mrk-4321abcd12ab34cd56ef1234567890ab" },
    undefined
  ]
]

const invalid: ReadonlyArray<readonly [string, string]> = [
  ["", "is empty"],
  [`arn:aws:kms:us-east-1:222222222222:key/${keyId}\n`, "has white space or a control character"],
  [` ${keyId}`, "has white space or a control character"],
  ["alias/a b", "has white space or a control character"],
  ["alias/\u0000", "has white space or a control character"],
  ["alias/", "has no alias name after alias/"],
  [`key/${keyId}`, "is neither an ARN, nor an alias name that begins with alias/, nor a key id"],
  [
    `aws:kms:us-east-1:222222222222:key/${keyId}`,
    "is neither an ARN, nor an alias name that begins with alias/, nor a key id"
  ],
  ["arn:aws:kms:us-east-1:222222222222", "is no ARN: it has 5 parts between colons instead of 6"],
  [`arn:aws:kms:us-east-1:222222222222:key:${keyId}`, "is no ARN: it has 7 parts between colons instead of 6"],
  [`arn::kms:us-east-1:222222222222:key/${keyId}`, "is an ARN without partition"],
  ["arn:aws:s3:us-east-1:222222222222:key/a", "is an ARN of the service \"s3\" instead of \"kms\""],
  [`arn:aws:kms::222222222222:key/${keyId}`, "is an ARN without Region"],
  [`arn:aws:kms:us-east-1::key/${keyId}`, "is an ARN without account"],
  [
    `arn:aws:kms:us-east-1:222222222222:${keyId}`,
    `is an ARN of the resource type "${keyId}" instead of "key" or "alias"`
  ],
  ["arn:aws:kms:us-east-1:222222222222:", "is an ARN of the resource type \"\" instead of \"key\" or \"alias\""],
  [
    "arn:aws:kms:us-east-1:222222222222:grant/a",
    "is an ARN of the resource type \"grant\" instead of \"key\" or \"alias\""
  ],
  ["arn:aws:kms:us-east-1:222222222222:key/", "is an ARN without a resource id after key/"],
  ["arn:aws:kms:us-east-1:222222222222:alias", "is an ARN without a resource id after alias/"]
]

const part = (pattern: RegExp) => Schema.String.check(Schema.isPattern(pattern))
const Name = part(/^[a-z0-9][a-z0-9_/-]{0,40}$/)
const Part = part(/^[a-z0-9-]{1,20}$/)
const Arn = { partition: Part, region: Part, account: part(/^[0-9]{1,13}$/) }
const Alias = Schema.TemplateLiteral(["alias/", Name])
const Id = part(/^[a-z0-9-]{1,40}$/).check(Schema.makeFilter((id: string) => !id.startsWith("arn")))
const Identifier = Schema.Union([
  Schema.TaggedStruct("KeyArn", { ...Arn, keyId: Name }),
  Schema.TaggedStruct("AliasArn", { ...Arn, aliasName: Alias }),
  Schema.TaggedStruct("AliasName", { aliasName: Alias }),
  Schema.TaggedStruct("KeyId", { keyId: Id })
])

describe("KeyArn", () => {
  it.each(valid)("reads %s", (text, identifier, region) => {
    assert.deepStrictEqual(Result.getOrThrow(KeyArn.parse(text)), identifier)
    assert.strictEqual(KeyArn.format(identifier), text)
    assert.strictEqual(KeyArn.region(text), region)
    assert.strictEqual(KeyArn.isKeyArn(text), identifier._tag === "KeyArn")
    assert.deepStrictEqual(KeyArn.parseKeyArn(text), identifier._tag === "KeyArn" ? identifier : undefined)
  })

  it.each(invalid)("refuses %j", (text, description) => {
    const parsed = KeyArn.parse(text)
    assert.isTrue(Result.isFailure(parsed))
    if (Result.isSuccess(parsed)) return
    assert.strictEqual(parsed.failure._tag, "InvalidKeyIdentifier")
    assert.strictEqual(parsed.failure.identifier, text)
    assert.strictEqual(parsed.failure.description, description)
    assert.strictEqual(parsed.failure.message, `${JSON.stringify(text)} ${description}`)
    assert.isUndefined(KeyArn.region(text))
    assert.isFalse(KeyArn.isKeyArn(text))
  })

  it.prop(
    "what was formatted is read again as it was",
    { identifier: Arbitrary.schema(Identifier) },
    ({ identifier }) => {
      assert.deepStrictEqual(Result.getOrThrow(KeyArn.parse(KeyArn.format(identifier))), identifier)
    },
    { arbitrary: { seed: "key-arn", runs: 300 } }
  )

  it.prop(
    "any text is refused, or formatted exactly as it was",
    {
      text: Arbitrary.map(
        Arbitrary.array(
          Arbitrary.schema(Schema.Literals(["arn", ":", "/", "key", "alias", "kms", "aws", "mrk-1", "é", "😀", " "])),
          { maxLength: 14 }
        ),
        (parts) => parts.join("")
      )
    },
    ({ text }) => {
      const parsed = KeyArn.parse(text)
      if (Result.isSuccess(parsed)) assert.strictEqual(KeyArn.format(parsed.success), text)
    },
    { arbitrary: { seed: "any-text", runs: 500 } }
  )

  it.each([
    ["arn:aws:kms:us-east-1:222222222222:key/mrk-4321abcd", true],
    ["mrk-4321abcd", true],
    [`arn:aws:kms:us-east-1:222222222222:key/${keyId}`, false],
    [keyId, false],
    ["alias/mrk-4321abcd", false],
    ["arn:aws:kms:us-east-1:222222222222:alias/mrk-4321abcd", false]
  ])("%s is multi-Region: %s", (text, expected) => {
    assert.strictEqual(KeyArn.isMultiRegion(Result.getOrThrow(KeyArn.parse(text))), expected)
  })
})
