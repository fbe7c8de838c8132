/**
 * Why a keyring could not make, wrap or unwrap a data key.
 */
import * as Schema from "effect/Schema"
import { NotLoaded } from "./NotLoaded.ts"
import { isRetryable } from "./retryable.ts"

/**
 * What a key provider's refusal means, whatever the provider: the library decides by these words alone.
 *
 * - `AccessDenied`: this caller may not use the key (for this context).
 * - `KeyUnavailable`: the key is disabled, pending deletion or otherwise in no usable state.
 * - `KeyNotFound`: there is no such key.
 * - `InvalidCiphertext`: the wrapped key does not unwrap: another key, another context, or altered bytes.
 * - `Throttled`: too many requests; a retry can help.
 * - `Unreachable`: no answer, a time-out, or a fault of the provider; a retry can help.
 * - `InvalidAnswer`: the provider answered something it must not: another key, a wrong length, all zeroes.
 * - `Rejected`: anything else that the provider refuses.
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

const row = /*#__PURE__*/ (() => ({
  /** The keyring that looked at it: `KmsKeyring`, `RawAesKeyring`, … */
  keyring: Schema.String,
  /** Position in the message header, from zero. */
  index: Schema.Int,
  keyProviderId: Schema.String,
  /** Key provider information as text: a key ARN, a key name. */
  keyProviderInfo: Schema.String
}))()

/** A keyring passed over an encrypted data key, because it is not its own, and says why. */
export const Skipped = /*#__PURE__*/ Schema.TaggedStruct("Skipped", {
  ...row,
  because: Schema.String
})

/** See the schema of the same name. */
export type Skipped = typeof Skipped.Type

/** A keyring tried to unwrap an encrypted data key, and its key provider refused. */
export const Attempted = /*#__PURE__*/ Schema.TaggedStruct("Attempted", {
  ...row,
  failure: ProviderFailure,
  /** The provider's own error code, such as `AccessDeniedException`; for local keys, the name of the check. */
  code: Schema.String,
  /** The provider's own words, where it has any: they can name keys and callers, and hold no key material. */
  description: Schema.optionalKey(Schema.String),
  /** Whether the same request may succeed later. */
  isRetryable: Schema.Boolean
})

/** See the schema of the same name. */
export type Attempted = typeof Attempted.Type

/** What became of one encrypted data key at one keyring. */
export const EncryptedDataKeyReport = /*#__PURE__*/ Schema.Union([Skipped, Attempted])

/** See the schema of the same name. */
export type EncryptedDataKeyReport = typeof EncryptedDataKeyReport.Type

/**
 * Whether a provider refused one of them in a way that a retry may mend.
 *
 * @internal
 */
export const hasRetryable = (reports: ReadonlyArray<EncryptedDataKeyReport>): boolean =>
  reports.some((report) => report._tag === "Attempted" && report.isRetryable)

/** One report as a line of text. */
export const formatReport = (report: EncryptedDataKeyReport): string =>
  `  #${report.index} ${report.keyProviderId} ${report.keyProviderInfo} — ${report.keyring}: ` +
  (report._tag === "Skipped"
    ? `skipped, ${report.because}`
    : `attempted, ${formatRefusal(report)}`)

const formatRefusal = (refusal: {
  readonly failure: ProviderFailure
  readonly code: string
  readonly description?: string
  readonly isRetryable: boolean
}): string => {
  const { code, description, failure, isRetryable } = refusal
  return `${failure} (${code}${description === undefined ? "" : `: ${description}`})${
    isRetryable ? ", a retry may help" : ""
  }`
}

/** The key provider refused to make or to wrap a data key. */
export class DataKeyNotWrapped extends (/*#__PURE__*/ Schema.TaggedError<DataKeyNotWrapped>(
  "effect-encryption-sdk/DataKeyNotWrapped"
)("DataKeyNotWrapped", {
  /** The wrapping key: a key ARN, alias or key name. */
  keyName: Schema.String,
  failure: ProviderFailure,
  code: Schema.String,
  /** The provider's own words, where it has any. */
  description: Schema.optionalKey(Schema.String),
  isRetryable: Schema.Boolean
})) {
  override get message(): string {
    return `${this.keyName}: ${formatRefusal(this)}`
  }
}

/** At least one encrypted data key was the keyring's own, and none of those could be unwrapped. */
export class DataKeyNotUnwrapped extends (/*#__PURE__*/ Schema.TaggedError<DataKeyNotUnwrapped>(
  "effect-encryption-sdk/DataKeyNotUnwrapped"
)("DataKeyNotUnwrapped", {
  encryptedDataKeys: Schema.Array(EncryptedDataKeyReport)
})) {
  override get message(): string {
    return `no encrypted data key could be unwrapped\n${this.encryptedDataKeys.map(formatReport).join("\n")}`
  }

  /** Whether the same request may succeed later. */
  get isRetryable(): boolean {
    return hasRetryable(this.encryptedDataKeys)
  }
}

/** The keyring was asked for what it cannot do as it is configured, or was built from what it cannot use. */
export class KeyringMisconfigured extends (/*#__PURE__*/ Schema.TaggedError<KeyringMisconfigured>(
  "effect-encryption-sdk/KeyringMisconfigured"
)("KeyringMisconfigured", {
  /** The option that is wrong or missing. */
  field: Schema.String,
  description: Schema.String
})) {
  override get message(): string {
    return `${this.field}: ${this.description}`
  }
}

/** The ways in which a keyring fails. */
export type KeyringErrorReason = DataKeyNotWrapped | DataKeyNotUnwrapped | KeyringMisconfigured | NotLoaded

/** A keyring failed; `reason` says how. */
export class KeyringError extends (/*#__PURE__*/ Schema.TaggedError<KeyringError>(
  "effect-encryption-sdk/KeyringError"
)("KeyringError", {
  /** The keyring's own name: `KmsKeyring`, `RawAesKeyring`, … */
  keyring: Schema.String,
  operation: Schema.Literals(["make", "onEncrypt", "onDecrypt"]),
  reason: Schema.Union([DataKeyNotWrapped, DataKeyNotUnwrapped, KeyringMisconfigured, NotLoaded])
})) {
  override get message(): string {
    return `${this.keyring}.${this.operation}: ${this.reason.message}`
  }

  /** Whether the same request may succeed later. */
  get isRetryable(): boolean {
    return isRetryable(this.reason)
  }
}
