/** Requests that the KMS server must reject, without a network. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import * as Protocol from "../../../src/kms/development-only/server/internal/protocol.ts"
import { toBase64 } from "../../support/bytes.ts"
import * as Server from "../../support/kmsProtocol.ts"
import { TestPrimitives } from "../../support/TestPrimitives.ts"

const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const agreement = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"
const keys = { keys: [{ arn, aliases: ["alias/a"] }, { arn: agreement, keySpec: "ECC_NIST_P256" as const }] }
const base64 = (length: number) => toBase64(new Uint8Array(length).fill(1))
const utf8 = (text: string) => new TextEncoder().encode(text)

/** One good request of each operation. */
const good = (ciphertextBlob: string, publicKey: string): Readonly<Record<string, Server.Json>> => ({
  CreateKey: { KeySpec: "SYMMETRIC_DEFAULT", KeyUsage: "ENCRYPT_DECRYPT", MultiRegion: false, Description: "d" },
  DescribeKey: { KeyId: arn, GrantTokens: ["t"] },
  ReplicateKey: { KeyId: agreement, ReplicaRegion: "eu-central-1" },
  EnableKey: { KeyId: arn },
  DisableKey: { KeyId: arn },
  ScheduleKeyDeletion: { KeyId: arn, PendingWindowInDays: 7 },
  CreateAlias: { AliasName: "alias/b", TargetKeyId: arn },
  GenerateDataKey: { KeyId: arn, NumberOfBytes: 32, EncryptionContext: {}, GrantTokens: [], DryRun: false },
  GenerateDataKeyWithoutPlaintext: { KeyId: arn, KeySpec: "AES_128", EncryptionContext: {} },
  Encrypt: { KeyId: arn, Plaintext: base64(32), EncryptionContext: {}, EncryptionAlgorithm: "SYMMETRIC_DEFAULT" },
  Decrypt: { KeyId: arn, CiphertextBlob: ciphertextBlob, EncryptionContext: {} },
  ReEncrypt: {
    CiphertextBlob: ciphertextBlob,
    SourceKeyId: arn,
    SourceEncryptionContext: {},
    SourceEncryptionAlgorithm: "SYMMETRIC_DEFAULT",
    DestinationKeyId: arn,
    DestinationEncryptionContext: { a: "b" },
    DestinationEncryptionAlgorithm: "SYMMETRIC_DEFAULT"
  },
  GetPublicKey: { KeyId: agreement },
  DeriveSharedSecret: { KeyId: agreement, KeyAgreementAlgorithm: "ECDH", PublicKey: publicKey }
})

/** A server with keys, and the good requests to it. */
const start = Effect.gen(function*() {
  const server = yield* Server.make(keys)
  const { CiphertextBlob } = yield* server.succeed("Encrypt", { KeyId: arn, Plaintext: base64(32) })
  const { PublicKey } = yield* server.succeed("GetPublicKey", { KeyId: agreement })
  return { ...server, requests: good(CiphertextBlob, PublicKey) }
})

const any = Schema.Json
const oddities: ReadonlyArray<unknown> = [
  "alias/a",
  "alias/",
  arn,
  agreement.replace("us-east-1", "eu-central-1"),
  "arn:aws:kms:::",
  "toString",
  "AES_256",
  "RSAES_OAEP_SHA_256",
  base64(200),
  "A===",
  JSON.parse(`{"__proto__": "x", "constructor": "y"}`),
  { a: "\ud800" },
  { a: "b".repeat(9000) },
  1e308,
  -0,
  4096.5,
  [[[[]]]]
]

describe("KMS server: bad requests", () => {
  it.effect.each<[operation: string, field: string, value: unknown]>([
    ["Encrypt", "KeyId", undefined],
    ["Encrypt", "KeyId", null],
    ["Encrypt", "KeyId", ""],
    ["Encrypt", "KeyId", 1],
    ["Encrypt", "KeyId", "k".repeat(2049)],
    ["Encrypt", "Plaintext", undefined],
    ["Encrypt", "Plaintext", ""],
    ["Encrypt", "Plaintext", "not base64"],
    ["Encrypt", "Plaintext", base64(4097)],
    ["Encrypt", "Plaintext", [1, 2, 3]],
    ["Encrypt", "EncryptionContext", []],
    ["Encrypt", "EncryptionContext", { a: 1 }],
    ["Encrypt", "EncryptionContext", "a=b"],
    ["Encrypt", "EncryptionAlgorithm", "SM2PKE"],
    ["Encrypt", "EncryptionAlgorithm", "toString"],
    ["Encrypt", "GrantTokens", "t"],
    ["Encrypt", "GrantTokens", Array.from({ length: 11 }, () => "t")],
    ["Encrypt", "DryRun", "true"],
    ["Decrypt", "CiphertextBlob", undefined],
    ["Decrypt", "CiphertextBlob", base64(6145)],
    ["GenerateDataKey", "NumberOfBytes", 0],
    ["GenerateDataKey", "NumberOfBytes", 1025],
    ["GenerateDataKey", "NumberOfBytes", 1.5],
    ["GenerateDataKey", "NumberOfBytes", "32"],
    ["GenerateDataKeyWithoutPlaintext", "KeySpec", "AES_192"],
    ["DeriveSharedSecret", "KeyAgreementAlgorithm", "X25519"],
    ["DeriveSharedSecret", "KeyAgreementAlgorithm", undefined],
    ["DeriveSharedSecret", "PublicKey", base64(8193)],
    ["ReEncrypt", "DestinationKeyId", undefined],
    ["ReEncrypt", "SourceEncryptionContext", null],
    ["ScheduleKeyDeletion", "PendingWindowInDays", 6],
    ["ReplicateKey", "ReplicaRegion", "eu-central-1\n"],
    ["CreateAlias", "TargetKeyId", undefined],
    ["CreateKey", "MultiRegion", "no"]
  ])("%s with %s %s", ([operation, field, value]) =>
    Effect.gen(function*() {
      const { call, requests } = yield* start
      const { code, message, status } = yield* call(operation, { ...requests[operation], [field]: value })
      // A field that is null is missing, and this one may be.
      if (field === "SourceEncryptionContext") return assert.strictEqual(status, 200)
      assert.deepStrictEqual([status, code], [400, "ValidationException"])
      assert.match(message!, new RegExp(`^${field}: (is missing|must be )`))
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("bytes that are no JSON object are a SerializationException", () =>
    Effect.gen(function*() {
      const { handle } = yield* start
      const nested = "[".repeat(100_000)
      for (const body of ["", " ", "null", "[]", "1", "\"{}\"", "{", "{}x", "\ufeff{}", nested].map(utf8)) {
        const { code } = yield* Server.send(handle, { target: "TrentService.Encrypt", body, region: undefined })
        assert.strictEqual(code, "SerializationException")
      }
      const body = Uint8Array.from([...utf8(`{"KeyId":"`), 0xff, ...utf8(`"}`)])
      const { code } = yield* Server.send(handle, { target: "TrentService.Encrypt", body, region: undefined })
      assert.strictEqual(code, "SerializationException")
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect.each([
    undefined,
    "",
    "Encrypt",
    "TrentService.",
    "TrentService.encrypt",
    "TrentService.Sign",
    "TrentService.toString",
    "TrentService.__proto__",
    "DynamoDB_20120810.PutItem"
  ])("the target %s is an UnknownOperationException", (target) =>
    Effect.gen(function*() {
      const { handle } = yield* start
      const { code, status } = yield* Server.send(handle, { target, body: utf8("{}"), region: undefined })
      assert.deepStrictEqual([status, code], [400, "UnknownOperationException"])
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("a key of another Region, or that there is not, is a NotFoundException; no ARN an InvalidArnException", () =>
    Effect.gen(function*() {
      const { call, requests } = yield* start
      for (const operation of Object.keys(requests)) {
        const [field] = ["KeyId", "SourceKeyId", "TargetKeyId"].filter((name) => name in requests[operation]!)
        if (field === undefined) continue
        const codeOf = (name: string, region?: string) =>
          Effect.map(call(operation, { ...requests[operation], [field]: name }, region), ({ code, message }) => [
            code,
            message
          ])
        assert.deepStrictEqual(yield* codeOf(arn, "eu-central-1"), ["NotFoundException", "Invalid arn us-east-1"])
        assert.strictEqual((yield* codeOf(arn.replace("1234abcd", "00000000")))[0], "NotFoundException")
        assert.strictEqual((yield* codeOf("a/b"))[0], "NotFoundException")
        assert.strictEqual((yield* codeOf("arn:aws:s3:::bucket"))[0], "InvalidArnException")
      }
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect.prop(
    "any JSON value in any field is a response, or an error of the request with a code, and never one of the server",
    {
      operation: Schema.Natural,
      field: Schema.Natural,
      value: Arbitrary.schema(Schema.Union([any, Schema.Natural]))
    },
    ({ field, operation, value }) =>
      Effect.gen(function*() {
        const { call, requests } = yield* start
        const name = Object.keys(requests)[operation % Object.keys(requests).length]!
        const fields = [...Object.keys(requests[name]!), "Recipient", "__proto__"]
        const odd = typeof value === "number" ? oddities[value % oddities.length] : value
        const { code, status } = yield* call(name, { ...requests[name], [fields[field % fields.length]!]: odd })
        assert.include([200, 400], status)
        if (status === 400) assert.match(code!, /^[A-Z]\w+Exception$/)
      }).pipe(Effect.provide(TestPrimitives.layer)),
    { arbitrary: { seed: "fields", runs: 300 } }
  )

  it.effect("a defect is a KMSInternalException that says nothing of it", () =>
    Effect.gen(function*() {
      const server = yield* Server.make(keys)
      const broken = {
        kms: { ...server.kms, encrypt: () => Effect.die(new Error("secret detail")) },
        control: {
          ...server.control,
          describeKey: () => {
            throw new Error("secret detail")
          }
        }
      }
      const handle = Protocol.make(broken, Server.place)
      for (
        const [operation, body] of [["Encrypt", { KeyId: arn, Plaintext: base64(1) }], ["DescribeKey", {
          KeyId: arn
        }]] as const
      ) {
        const response = yield* handle({
          target: `TrentService.${operation}`,
          body: utf8(JSON.stringify(body)),
          region: undefined
        })
        assert.deepInclude(response, { status: 500, errorCode: "KMSInternalException" })
        assert.notInclude(response.body, "secret detail")
      }
    }).pipe(Effect.provide(TestPrimitives.layer)))
})
