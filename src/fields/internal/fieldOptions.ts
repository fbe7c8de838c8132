import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as bytes from "../../internal/bytes.ts"
import { type Bounds, checker, isFunction } from "../../internal/options.ts"
import { printable } from "../../internal/printable.ts"
import * as AlgorithmSuite from "../../model/AlgorithmSuite.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import { InvalidOption } from "../../model/errors/Reasons.ts"

/** Options of a field. */
export interface Options {
  /**
   * The pairs of every value of this field, such as its table and its column: at least one. A value of another field, which has other
   * pairs, does not decode.
   */
  readonly encryptionContext: EncryptionContext.EncryptionContext
  /** Keys that the pairs of the request must have, to encode and to decode, such as the tenant and the row's id. Default: none. */
  readonly requiredKeys?: ReadonlyArray<string> | undefined
  /** Suite of the values that are encoded. Default: the client's choice. */
  readonly algorithmSuite?: AlgorithmSuite.AlgorithmSuite | undefined
  /** Form of the encoded side: base64 text, or the message's bytes. Default: `Base64`. */
  readonly encoding?: "Base64" | "Bytes" | undefined
  /** Whether the decoded side is `Redacted`. Default: false. */
  readonly redacted?: boolean | undefined
  /**
   * Treatment of an encoded value that does not begin as a message does. `Rejected`: it is an error. `Accepted`, while a column
   * is migrated: it is decoded as the plaintext that it is, counted (`FieldMetrics.plaintexts`) and reported to `onPlaintext`.
   * Default: `Rejected`.
   */
  readonly plaintext?: "Rejected" | "Accepted" | undefined
  /** Hears of each value that was read as plaintext. What it throws is thrown away. */
  readonly onPlaintext?: ((event: PlaintextRead) => void) | undefined
}

/** A value that was read as plaintext. */
export interface PlaintextRead {
  /** The name of the field. */
  readonly field: string
  /** Its pairs and those of the request: they say which row it is. */
  readonly encryptionContext: EncryptionContext.EncryptionContext
}

/** Options of a field, checked and copied. */
export interface FieldSettings {
  readonly fieldName: string
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly requiredKeys: ReadonlyArray<string>
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite | undefined
  readonly encoding: "Base64" | "Bytes"
  readonly redacted: boolean
  readonly acceptsPlaintext: boolean
  readonly onPlaintext: Options["onPlaintext"]
}

/** Greatest length of a field's name, in characters. */
const maxName = 128

const isKey = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && bytes.isWellFormed(value) &&
  !value.startsWith(EncryptionContext.reservedPrefix)

/** Bound of the pairs of a field or a store. */
export const context =
  "must be a plain object of strings with one pair at least, and no key that begins with aws-crypto-"
const keys = "must be a list of keys of an encryption context: text, not empty, that does not begin with aws-crypto-"

const check = /*#__PURE__*/ checker(
  /*#__PURE__*/ Schema.Struct({
    encryptionContext: /*#__PURE__*/ Schema.declare((value): value is EncryptionContext.EncryptionContext =>
      isContext(value)
    ),
    requiredKeys: /*#__PURE__*/ Schema.optional(
      /*#__PURE__*/ Schema.Array(/*#__PURE__*/ Schema.declare((key): key is string => isKey(key)))
    ),
    algorithmSuite: /*#__PURE__*/ Schema.optional(
      /*#__PURE__*/ Schema.declare((suite): suite is AlgorithmSuite.AlgorithmSuite =>
        AlgorithmSuite.resolve(suite) !== undefined
      )
    ),
    encoding: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Literals(["Base64", "Bytes"])),
    redacted: /*#__PURE__*/ Schema.optional(Schema.Boolean),
    plaintext: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Literals(["Rejected", "Accepted"])),
    onPlaintext: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isFunction))
  }),
  "an encrypted field",
  {
    encryptionContext: context,
    requiredKeys: keys,
    "requiredKeys[]": keys,
    algorithmSuite: "must be one of the eleven suites of AlgorithmSuite",
    encoding: "must be Base64 or Bytes",
    redacted: "must be true or false",
    plaintext: "must be Rejected or Accepted",
    onPlaintext: "must be a function"
  } satisfies Bounds<Options>
)

/** Whether a value can be the pairs of a field or a store. */
export const isContext = (value: unknown): boolean => {
  const result = EncryptionContext.validate(value as EncryptionContext.EncryptionContext)
  return Result.isSuccess(result) && Object.keys(result.success).length > 0 &&
    EncryptionContext.findReservedKey(result.success) === undefined
}

/** Checks and copies the options of a field. Throws `InvalidOption`. */
export const checkOptions = (options: Options): FieldSettings => {
  const checked = check(options)
  if (Result.isFailure(checked)) throw new InvalidOption(checked.failure)
  const { algorithmSuite, encoding, onPlaintext, plaintext, redacted, requiredKeys } = checked.success as Options
  const encryptionContext = Result.getOrThrow(EncryptionContext.validate(checked.success.encryptionContext))
  return {
    fieldName: printable(Object.values(encryptionContext).join("."), maxName),
    encryptionContext,
    requiredKeys: [...requiredKeys ?? []],
    algorithmSuite: algorithmSuite === undefined ? undefined : AlgorithmSuite.resolve(algorithmSuite),
    encoding: encoding ?? "Base64",
    redacted: redacted ?? false,
    acceptsPlaintext: plaintext === "Accepted",
    onPlaintext
  }
}
