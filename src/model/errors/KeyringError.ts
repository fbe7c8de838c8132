/**
 * Errors of keyrings, and the rows that they report for each encrypted data key.
 */
import * as Schema from "effect/Schema"
import { line, printable } from "../../internal/printable.ts"
import { TaggedError } from "../../internal/TaggedError.ts"
import { BrokenContract } from "./BrokenContract.ts"
import { NotLoaded } from "./NotLoaded.ts"
import { isRetryable } from "./retryable.ts"

/**
 * Meaning of a key provider's refusal, whatever the provider: the library decides by these words alone.
 *
 * - `AccessDenied`: this caller may not use the key (for this context).
 * - `KeyUnavailable`: the key is disabled, pending deletion or otherwise in no usable state.
 * - `KeyNotFound`: there is no such key.
 * - `InvalidCiphertext`: the wrapped key does not unwrap: another key, another context, or altered bytes.
 * - `Throttled`: too many requests; a retry can help.
 * - `Unreachable`: no response, a time-out, or a fault of the provider; a retry can help.
 * - `InvalidAnswer`: the provider returned something it must not: another key, a wrong length, all zeroes.
 * - `Rejected`: any other rejection of the provider.
 */
export const ProviderFailure = /*#__PURE__*/ Schema.Literals([
  "AccessDenied",
  "KeyUnavailable",
  "KeyNotFound",
  "InvalidCiphertext",
  "Throttled",
  "Unreachable",
  "InvalidAnswer",
  "Rejected"
])

/** See the schema of the same name. */
export type ProviderFailure = typeof ProviderFailure.Type

/**
 * A key provider's failure to make, wrap or unwrap a data key, by the fields that rows and errors share. `description` is
 * the provider's own text, where it has any: it can name keys and callers, and holds no key material.
 */
export interface ProviderRefusal {
  readonly failure: ProviderFailure
  /** The provider's own error code, such as `AccessDeniedException`; for local keys, the name of the check. */
  readonly code: string
  readonly description?: string
  /** Whether the same request may succeed later. */
  readonly isRetryable: boolean
}

const refusal = /*#__PURE__*/ (() => ({
  failure: ProviderFailure,
  code: Schema.String,
  description: Schema.optionalKey(Schema.String),
  isRetryable: Schema.Boolean
}))()

const row = /*#__PURE__*/ (() => ({
  /** Name of the keyring: `KmsKeyring`, `RawAesKeyring`, … */
  keyring: Schema.String,
  /** Position in the message header, from zero. */
  index: Schema.Int,
  keyProviderId: Schema.String,
  /** Key provider information as text: a key ARN, a key name. */
  keyProviderInfo: Schema.String
}))()

/** Row of an encrypted data key that is not the keyring's own; `description` says why. */
export const Skipped = /*#__PURE__*/ Schema.TaggedStruct("Skipped", { ...row, description: Schema.String })

/** See the schema of the same name. */
export type Skipped = typeof Skipped.Type

/** Row of an encrypted data key that the keyring tried to unwrap, with its key provider's refusal. */
export const Attempted = /*#__PURE__*/ Schema.TaggedStruct("Attempted", { ...row, ...refusal })

/** See the schema of the same name. */
export type Attempted = typeof Attempted.Type

/** Row of one encrypted data key at one keyring. */
export const EncryptedDataKeyReport = /*#__PURE__*/ Schema.Union([Skipped, Attempted])

/** See the schema of the same name. */
export type EncryptedDataKeyReport = typeof EncryptedDataKeyReport.Type

/** A wrapping that a message lacks: a keyring that did not wrap its data key, with its key provider's refusal. */
export interface MissingWrapping extends ProviderRefusal {
  /** Name of the keyring: `KmsKeyring`, `RawAesKeyring`, … */
  readonly keyring: string
  /** The option of the multi-keyring that the keyring was given as: `generators[0]`, `children[1]`. */
  readonly member: string
}

/** Formats one row as a line of text. */
export const formatReport = (report: EncryptedDataKeyReport): string =>
  line`  #${report.index} ${report.keyProviderId} ${report.keyProviderInfo} — ${report.keyring}: ` +
  (report._tag === "Skipped"
    ? `skipped, ${printable(report.description)}`
    : `attempted, ${formatRefusal(report)}`)

/**
 * Formats a refusal as a part of a line.
 *
 * @internal
 */
export const formatRefusal = ({ code, description, failure, isRetryable }: ProviderRefusal): string =>
  line`${failure} (${code}${description === undefined ? "" : `: ${description}`})${
    isRetryable ? ", a retry may help" : ""
  }`

/**
 * Number of rows that are left out of an error.
 *
 * @internal
 */
export const omitted = /*#__PURE__*/ Schema.optionalKey(Schema.Int)

/** Rows that the text of an error has at most. */
const maxLines = 20

/**
 * Message of an error that has a row for every encrypted data key. Of many rows it has some, attempts first.
 *
 * @internal
 */
export const formatReports = (
  { encryptedDataKeys: rows, omitted = 0 }: {
    readonly encryptedDataKeys: ReadonlyArray<EncryptedDataKeyReport>
    readonly omitted?: number
  }
): string => {
  const attempts = rows.filter(({ _tag }) => _tag === "Attempted")
  const chosen = rows.length <= maxLines ? rows : [...attempts, ...rows.filter(({ _tag }) => _tag === "Skipped")]
  const lines = chosen.slice(0, maxLines).map(formatReport)
  const more = rows.length - lines.length + omitted
  return ["no encrypted data key could be unwrapped", ...lines, ...more > 0 ? [`  and ${more} more`] : []].join("\n")
}

/** Error when the key provider did not make or wrap a data key. */
export class DataKeyNotWrapped extends (/*#__PURE__*/ TaggedError<DataKeyNotWrapped>()("DataKeyNotWrapped", {
  /** The wrapping key: a key ARN, alias or key name. */
  keyName: Schema.String,
  ...refusal
})) {
  override get message(): string {
    return `${printable(this.keyName)}: ${formatRefusal(this)}`
  }
}

/** Error when the key provider did not return the public key that a keyring is made with. */
export class PublicKeyNotRead extends (/*#__PURE__*/ TaggedError<PublicKeyNotRead>()("PublicKeyNotRead", {
  /** The key pair: a key ARN. */
  keyName: Schema.String,
  ...refusal
})) {
  override get message(): string {
    return `public key of ${printable(this.keyName)}: ${formatRefusal(this)}`
  }
}

/**
 * Error when at least one encrypted data key was the keyring's own, and none of its own could be unwrapped. `decrypt` reports
 * it as `NoDataKeyUnwrapped`, which also covers messages without any encrypted data key of the program's keyrings. At most
 * 512 rows of each kind are kept; `omitted` counts the others.
 */
export class DataKeyNotUnwrapped extends (/*#__PURE__*/ TaggedError<DataKeyNotUnwrapped>()("DataKeyNotUnwrapped", {
  encryptedDataKeys: Schema.Array(EncryptedDataKeyReport),
  omitted
})) {
  override get message(): string {
    return formatReports(this)
  }

  /** Whether the same request may succeed later. */
  get isRetryable(): boolean {
    return this.encryptedDataKeys.some(isRetryable)
  }
}

/** Error when a keyring's options are wrong, or do not allow the operation. */
export class KeyringMisconfigured extends (/*#__PURE__*/ TaggedError<KeyringMisconfigured>()("KeyringMisconfigured", {
  /** The option that is wrong or missing. */
  field: Schema.String,
  description: Schema.String
})) {
  override get message(): string {
    return line`${this.field}: ${this.description}`
  }
}

/** Reasons of a `KeyringError`. */
export type KeyringErrorReason =
  | DataKeyNotWrapped
  | DataKeyNotUnwrapped
  | PublicKeyNotRead
  | KeyringMisconfigured
  | NotLoaded
  | BrokenContract

/** Error of a keyring; `reason` says why. */
export class KeyringError extends (/*#__PURE__*/ TaggedError<KeyringError>()("KeyringError", {
  /** The keyring's own name: `KmsKeyring`, `RawAesKeyring`, … */
  keyring: Schema.String,
  operation: Schema.Literals(["make", "onEncrypt", "onDecrypt"]),
  reason: Schema.Union([
    DataKeyNotWrapped,
    DataKeyNotUnwrapped,
    PublicKeyNotRead,
    KeyringMisconfigured,
    NotLoaded,
    BrokenContract
  ])
})) {
  override get message(): string {
    return `${printable(this.keyring)}.${this.operation}: ${this.reason.message}`
  }

  /** Whether the same request may succeed later. */
  get isRetryable(): boolean {
    return isRetryable(this.reason)
  }
}
