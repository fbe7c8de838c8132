/**
 * Fields of requests. A schema reads each, and one sentence says what it must be.
 *
 * API reference of AWS KMS: the request parameters of each operation
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { EncryptionContext } from "../../../../model/EncryptionContext.ts"
import * as EmbeddedKms from "../../EmbeddedKms.ts"
import type { Fault } from "./fault.ts"
import { fault, invalid } from "./fault.ts"

/** A request that was read as JSON. */
export type Body = Readonly<Record<string, unknown>>

interface Field<A> {
  /** Its name in requests. */
  readonly name: string
  readonly must: string
  readonly decode: (value: unknown) => Result.Result<A, unknown>
}

const field = <S extends Schema.ConstraintDecoder<unknown>>(
  name: string,
  schema: S,
  must: string
): Field<S["Type"]> => ({ name, must: `must be ${must}`, decode: Schema.decodeUnknownResult(schema) })

const text = (name: string, max: number) =>
  field(
    name,
    Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(max)),
    `a text of 1 to ${max} characters`
  )

const blob = (name: string, max: number) =>
  field(
    name,
    Schema.Uint8ArrayFromBase64.check(
      Schema.makeFilter((bytes: Uint8Array) => bytes.length >= 1 && bytes.length <= max)
    ),
    `base64 of 1 to ${max} bytes`
  )

const integer = (name: string, minimum: number, maximum: number) =>
  field(name, Schema.Int.check(Schema.isBetween({ minimum, maximum })), `an integer from ${minimum} to ${maximum}`)

const oneOf = <const Values extends ReadonlyArray<string>>(name: string, values: Values) =>
  field(name, Schema.Literals(values), values.length === 1 ? values[0]! : `one of ${values.join(", ")}`)

/** Passed on as JSON has it, so that a key such as `__proto__` stays one. */
const isContext = (value: unknown): value is EncryptionContext =>
  typeof value === "object" && value !== null && !Array.isArray(value) &&
  Object.values(value).every((value) => typeof value === "string")

const context = (name: string) => field(name, Schema.declare(isContext), "an object whose values are texts")

const algorithm = (name: string) => oneOf(name, ["SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])

const keySpec = (name: string) => field(name, EmbeddedKms.KeySpec, `one of ${EmbeddedKms.KeySpec.literals.join(", ")}`)

const fields = {
  keyId: text("KeyId", 2048),
  sourceKeyId: text("SourceKeyId", 2048),
  destinationKeyId: text("DestinationKeyId", 2048),
  targetKeyId: text("TargetKeyId", 2048),
  aliasName: text("AliasName", 256),
  plaintext: blob("Plaintext", 4096),
  ciphertextBlob: blob("CiphertextBlob", 6144),
  publicKey: blob("PublicKey", 8192),
  numberOfBytes: integer("NumberOfBytes", 1, 1024),
  dataKeySpec: oneOf("KeySpec", ["AES_128", "AES_256"]),
  encryptionContext: context("EncryptionContext"),
  sourceEncryptionContext: context("SourceEncryptionContext"),
  destinationEncryptionContext: context("DestinationEncryptionContext"),
  encryptionAlgorithm: algorithm("EncryptionAlgorithm"),
  sourceEncryptionAlgorithm: algorithm("SourceEncryptionAlgorithm"),
  destinationEncryptionAlgorithm: algorithm("DestinationEncryptionAlgorithm"),
  keyAgreementAlgorithm: oneOf("KeyAgreementAlgorithm", ["ECDH"]),
  grantTokens: field(
    "GrantTokens",
    Schema.Array(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(8192))).check(Schema.isMaxLength(10)),
    "at most 10 texts"
  ),
  dryRun: field("DryRun", Schema.Boolean, "a boolean"),
  keySpec: keySpec("KeySpec"),
  customerMasterKeySpec: keySpec("CustomerMasterKeySpec"),
  keyUsage: oneOf("KeyUsage", ["ENCRYPT_DECRYPT", "KEY_AGREEMENT"]),
  multiRegion: field("MultiRegion", Schema.Boolean, "a boolean"),
  replicaRegion: field(
    "ReplicaRegion",
    Schema.String.check(Schema.isMaxLength(32), Schema.isPattern(/^([a-z]+-){2,3}\d+$/)),
    "a Region"
  ),
  pendingWindowInDays: integer("PendingWindowInDays", 7, 30)
}

type Fields = { readonly [Name in keyof typeof fields]: (typeof fields)[Name] extends Field<infer A> ? A : never }

/** A request that was read. */
export type Read<Required extends keyof Fields, Optional extends keyof Fields> =
  & Pick<Fields, Required>
  & { readonly [Name in Optional]: Fields[Name] | undefined }

/**
 * Makes the reader of a request. A field that is null is missing, as it is at AWS KMS; one that is not named here is passed
 * over, but for those in `unsupported`.
 */
export const reader = <Required extends keyof Fields = never, Optional extends keyof Fields = never>(
  names: { readonly required?: ReadonlyArray<Required>; readonly optional?: ReadonlyArray<Optional> }
) =>
(body: Body): Result.Result<Read<Required, Optional>, Fault> => {
  const unsupported = unsupportedIn(body)
  if (unsupported !== undefined) return Result.fail(unsupported)
  const read: Record<string, unknown> = {}
  const required: ReadonlyArray<keyof Fields> = names.required ?? []
  for (const key of [...required, ...names.optional ?? []]) {
    const { decode, must, name }: Field<unknown> = fields[key]
    const value = valueOf(body, name)
    if (value === undefined) {
      if (required.includes(key)) return Result.fail(invalid(name, "is missing"))
      read[key] = undefined
      continue
    }
    const decoded = decode(value)
    if (Result.isFailure(decoded)) return Result.fail(invalid(name, must))
    read[key] = decoded.success
  }
  return Result.succeed(read as Read<Required, Optional>)
}

const valueOf = (body: Body, name: string): unknown => Object.hasOwn(body, name) ? body[name] ?? undefined : undefined

/** Parameters of hardware and of material from elsewhere. */
const unsupported = ["Recipient", "CustomKeyStoreId", "XksKeyId"]

const unsupportedIn = (body: Body): Fault | undefined => {
  const name = unsupported.find((name) => valueOf(body, name) !== undefined) ??
    (["AWS_KMS", undefined].includes(valueOf(body, "Origin") as string | undefined) ? undefined : "Origin")
  return name === undefined
    ? undefined
    : fault("UnsupportedOperationException", `${name}: is not supported by this KMS for development`)
}
