/** framework/branch-key-store.md#record-format, framework/aws-kms/aws-kms-hierarchical-keyring.md#ciphertext */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import { BranchKeyRecord } from "effect-encryption-sdk/hierarchical"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { decode, encode, lengthOf } from "../../src/hierarchical/internal/branchKeyWrapping.ts"
import { format, parse, uuid } from "../../src/internal/uuid.ts"
import { concat, hex, toHex } from "../support/bytes.ts"

const bytesOf = (length: number) =>
  Arbitrary.map(
    Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), {
      minLength: length,
      maxLength: length
    }),
    (values) => Uint8Array.from(values)
  )

const id = Arbitrary.map(Arbitraries.text(), (text) => `x${text}`)
const version = Arbitrary.map(bytesOf(16), format)

const record = Arbitrary.map(
  Arbitrary.all([
    id,
    version,
    Arbitrary.schema(Schema.Literals(["active", "beacon", "version"])),
    bytesOf(3),
    Arbitraries.encryptionContext()
  ]),
  ([branchKeyId, version, kind, wrappedKey, context]): BranchKeyRecord.BranchKeyRecord => ({
    branchKeyId,
    wrappedKey,
    kmsArn: "arn:aws:kms:us-east-1:111122223333:key/a",
    createTime: "2026-11-27T09:34:48.123000Z",
    hierarchyVersion: 1,
    attributes: Object.fromEntries(Object.entries(context).map(([key, value]) => [`aws-crypto-ec:${key}`, value])),
    ...kind === "active"
      ? { type: "branch:ACTIVE", version: `branch:version:${version}` }
      : { type: kind === "beacon" ? "beacon:ACTIVE" : `branch:version:${version}` }
  })
)

const example: BranchKeyRecord.Attributes = {
  "branch-key-id": "bbb9baf1-03e6-4716-a586-6bf29995314b",
  type: "branch:ACTIVE",
  version: "branch:version:83eec007-5659-4554-bf11-699b90f41ac6",
  enc: Uint8Array.of(6, 37, 199),
  "kms-arn": "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
  "create-time": "2023-06-03T19:03:29.358000Z",
  "hierarchy-version": 1,
  "aws-crypto-ec:department": "admin"
}

const rejectionOf = (attributes: object): string => {
  const decoded = BranchKeyRecord.decode(attributes as BranchKeyRecord.Attributes)
  return Result.isFailure(decoded) ? decoded.failure.message : assert.fail("accepted")
}

describe("records", () => {
  it.prop("any record comes back from its attributes", { record }, ({ record }) => {
    assert.deepStrictEqual(Result.getOrThrow(BranchKeyRecord.decode(BranchKeyRecord.encode(record))), record)
  })

  it.prop("any attributes that are read come back", { record }, ({ record }) => {
    const attributes = BranchKeyRecord.encode(record)
    assert.deepStrictEqual(BranchKeyRecord.encode(Result.getOrThrow(BranchKeyRecord.decode(attributes))), attributes)
  })

  it("have the attribute names of the specification, and keep attributes of others", () => {
    const attributes = { ...example, another: "one" }
    const record = Result.getOrThrow(BranchKeyRecord.decode(attributes))
    assert.deepStrictEqual(record, {
      branchKeyId: "bbb9baf1-03e6-4716-a586-6bf29995314b",
      type: "branch:ACTIVE",
      wrappedKey: Uint8Array.of(6, 37, 199),
      kmsArn: "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
      createTime: "2023-06-03T19:03:29.358000Z",
      hierarchyVersion: 1,
      version: "branch:version:83eec007-5659-4554-bf11-699b90f41ac6",
      attributes: { "aws-crypto-ec:department": "admin", another: "one" }
    })
    assert.deepStrictEqual(BranchKeyRecord.encode(record), attributes)
  })

  it.each([
    [{ "branch-key-id": "" }, "branch-key-id is empty"],
    [{ "branch-key-id": 1 }, "branch-key-id is no text"],
    [{ "branch-key-id": "\ud800" }, "branch-key-id is not well-formed Unicode"],
    [{ type: undefined }, "type is missing"],
    [{ type: "branch:active" }, "type is \"branch:active\", which is none of the specification's"],
    [{ type: "branch:version:" }, "type is \"branch:version:\", which is none of the specification's"],
    [{ enc: new Uint8Array(0) }, "enc is empty"],
    [{ enc: "text" }, "enc is no Uint8Array"],
    [{ enc: undefined }, "enc is missing"],
    [{ "kms-arn": undefined }, "kms-arn is missing"],
    [{ "create-time": 1 }, "create-time is no text"],
    [{ "create-time": undefined }, "create-time is missing"],
    [{ "hierarchy-version": "1" }, "hierarchy-version must be the number 1, is \"1\""],
    [{ "hierarchy-version": undefined }, "hierarchy-version must be the number 1, is undefined"],
    [
      { "hierarchy-version": 2 },
      "hierarchy-version is 2: branch keys of hierarchy version 2 are not supported, only those of version 1"
    ],
    [{ version: undefined }, "version is missing"],
    [{ version: "83eec007-5659-4554-bf11-699b90f41ac6" }, "version does not begin with branch:version:"],
    [{ type: "beacon:ACTIVE" }, "version is there, in a record of the type \"beacon:ACTIVE\""],
    [{ tablename: "orders" }, "tablename is no attribute of its own"],
    [{ ttl: 1 }, "ttl is no text: attributes of other types cannot be authenticated"],
    [{ "a\nb": Uint8Array.of(1) }, "a\\u{a}b is no text: attributes of other types cannot be authenticated"]
  ])("are rejected with %j", (change, message) => assert.strictEqual(rejectionOf({ ...example, ...change }), message))

  it("that are none, and that cannot be read, are rejected", () => {
    const check = (given: unknown) => Result.getOrThrow(Result.flip(BranchKeyRecord.check(given))).message
    const record = Result.getOrThrow(BranchKeyRecord.decode(example))
    const throwing = {
      get: () => {
        throw new Error("no")
      },
      enumerable: true
    }
    assert.strictEqual(check(undefined), "record is no object")
    assert.strictEqual(check({ ...record, attributes: null }), "record has no attributes")
    assert.strictEqual(check(Object.defineProperty({ ...record }, "type", throwing)), "record cannot be read")
    const attributes = Object.defineProperty({}, "x", throwing)
    assert.strictEqual(check({ ...record, attributes }), "record cannot be read")
    assert.strictEqual(check({ ...record, attributes: { "kms-arn": "a" } }), "kms-arn is no attribute of its own")
    const transferred = new Uint8Array(3)
    structuredClone(transferred, { transfer: [transferred.buffer] })
    assert.match(check({ ...record, wrappedKey: transferred }), /^enc is a view of a buffer that was transferred/)
  })
})

describe("ciphertexts of encrypted data keys", () => {
  const parts = Arbitrary.map(
    Arbitrary.all([bytesOf(16), bytesOf(12), version, Arbitrary.schema(Schema.Literals([16, 24, 32])), bytesOf(48)]),
    ([salt, iv, version, length, random]) => ({ salt, iv, version, wrapped: random.slice(0, length + 16) })
  )

  it.prop("any ciphertext comes back, with exactly 60 bytes beside the data key", { parts }, ({ parts }) => {
    const length = parts.wrapped.length - 16
    const ciphertext = encode(parts)
    assert.strictEqual(ciphertext.length, 60 + length)
    assert.deepStrictEqual(decode(ciphertext, length), parts)
    for (const wrong of [ciphertext.slice(1), concat(ciphertext, Uint8Array.of(0)), new Uint8Array(0)]) {
      assert.isUndefined(decode(wrong, length))
    }
  })

  it("are salt, IV, version, wrapped key and tag", () => {
    const [salt, iv] = [new Uint8Array(16).fill(1), new Uint8Array(12).fill(2)]
    const version = "00112233-4455-6677-8899-aabbccddeeff"
    const ciphertext = encode({ salt, iv, version, wrapped: new Uint8Array(48).fill(3) })
    assert.strictEqual(
      toHex(ciphertext),
      "01".repeat(16) + "02".repeat(12) + "00112233445566778899aabbccddeeff" + "03".repeat(48)
    )
    assert.strictEqual(lengthOf(32), 92)
  })
})

describe("UUIDs", () => {
  it.prop("any 16 bytes come back from their text", [bytesOf(16)], ([bytes]) => {
    assert.deepStrictEqual(parse(format(bytes)), bytes)
  })

  it("are made of version 4 and its variant, whatever the random bytes are", () => {
    assert.strictEqual(uuid(new Uint8Array(16)), "00000000-0000-4000-8000-000000000000")
    assert.strictEqual(uuid(new Uint8Array(16).fill(255)), "ffffffff-ffff-4fff-bfff-ffffffffffff")
  })

  it("are texts in lower case, of this form and no other", () => {
    const text = "00112233-4455-6677-8899-aabbccddeeff"
    assert.deepStrictEqual(parse(text), hex("00112233445566778899aabbccddeeff"))
    for (const wrong of [text.toUpperCase(), text.slice(1), `${text}\n`, text.replaceAll("-", ""), "", ` ${text}`]) {
      assert.isUndefined(parse(wrong), wrong)
    }
  })
})
