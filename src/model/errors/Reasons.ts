/**
 * Reasons of `EncryptError` and `DecryptError`.
 *
 * Once a check of authenticity has failed, an error says which check it was and nothing else. No error carries key
 * bytes, plaintext or values of an encryption context.
 */
import * as Schema from "effect/Schema"
import { line, printable, quoted } from "../../internal/printable.ts"
import { TaggedError } from "../../internal/TaggedError.ts"
import { EncryptedDataKeyReport, formatReports, omitted } from "./KeyringError.ts"
import { isRetryable } from "./retryable.ts"

/** Error when an argument or an option has a value that is not allowed. Names the field and the bound. */
export class InvalidOption extends (/*#__PURE__*/ TaggedError<InvalidOption>()("InvalidOption", {
  field: Schema.String,
  description: Schema.String
})) {
  override get message(): string {
    return line`${this.field}: ${this.description}`
  }
}

/** Error when an encryption context cannot be used. Names the key, never a value. */
export class InvalidEncryptionContext
  extends (/*#__PURE__*/ TaggedError<InvalidEncryptionContext>()("InvalidEncryptionContext", {
    key: Schema.optionalKey(Schema.String),
    description: Schema.String
  }))
{
  override get message(): string {
    const key = this.key === undefined ? "" : ` key ${quoted(this.key)}:`
    return `encryption context:${key} ${printable(this.description)}`
  }
}

/** Error when the commitment policy forbids the algorithm suite. */
export class CommitmentPolicyViolation
  extends (/*#__PURE__*/ TaggedError<CommitmentPolicyViolation>()("CommitmentPolicyViolation", {
    commitmentPolicy: Schema.String,
    algorithmSuite: Schema.String
  }))
{
  override get message(): string {
    return line`commitment policy ${this.commitmentPolicy} does not allow ${this.algorithmSuite}`
  }
}

/** Error when there are more encrypted data keys than the client allows. */
export class TooManyEncryptedDataKeys
  extends (/*#__PURE__*/ TaggedError<TooManyEncryptedDataKeys>()("TooManyEncryptedDataKeys", {
    count: Schema.Int,
    maximum: Schema.Int
  }))
{
  override get message(): string {
    return `${this.count} encrypted data keys, at most maxEncryptedDataKeys = ${this.maximum} are allowed`
  }
}

/** Error when the materials of a keyring or a materials manager are incomplete or wrong. */
export class InvalidMaterials extends (/*#__PURE__*/ TaggedError<InvalidMaterials>()("InvalidMaterials", {
  /** The part of the materials that is wrong. */
  field: Schema.String,
  description: Schema.String
})) {
  override get message(): string {
    return line`materials: ${this.field}: ${this.description}`
  }
}

/** Error of a materials manager's own. */
export class MaterialsManagerFailed
  extends (/*#__PURE__*/ TaggedError<MaterialsManagerFailed>()("MaterialsManagerFailed", {
    description: Schema.String,
    isRetryable: Schema.Boolean,
    cause: Schema.optionalKey(Schema.Defect())
  }))
{
  override get message(): string {
    return line`materials manager: ${this.description}`
  }
}

/** Error when the message's encryption context is not the expected one. Names the first key that differs. */
export class EncryptionContextMismatch
  extends (/*#__PURE__*/ TaggedError<EncryptionContextMismatch>()("EncryptionContextMismatch", {
    key: Schema.String
  }))
{
  override get message(): string {
    return `encryption context: key ${quoted(this.key)} is missing or has another value than expected`
  }
}

/**
 * Error when no keyring unwrapped any of the message's encrypted data keys. Has a row for each of them at each keyring, of
 * which at most 512 of each kind are kept.
 */
export class NoDataKeyUnwrapped extends (/*#__PURE__*/ TaggedError<NoDataKeyUnwrapped>()("NoDataKeyUnwrapped", {
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

/** Error when the message is not authentic. Names the check that failed, and nothing else. */
export class AuthenticationFailed extends (/*#__PURE__*/ TaggedError<AuthenticationFailed>()("AuthenticationFailed", {
  check: Schema.Literals(["commitment", "header", "body", "signature"])
})) {
  override get message(): string {
    return `the message is not authentic: ${this.check} check failed`
  }
}

/**
 * Error when the plaintext of a stream has another length than the option says. The message that was begun has no final
 * frame, so it cannot be taken for a whole one.
 */
export class WrongPlaintextLength extends (/*#__PURE__*/ TaggedError<WrongPlaintextLength>()("WrongPlaintextLength", {
  /** The option that gave the length. */
  field: Schema.Literals(["plaintextLength", "maxPlaintextLength"]),
  /** Its value in bytes. */
  expected: Schema.Int,
  /** Length of a plaintext that is shorter; undefined where it is longer. */
  length: Schema.optionalKey(Schema.Int)
})) {
  override get message(): string {
    const is = this.length === undefined ? "goes on after that" : `ends after ${this.length}`
    const advice = this.field === "plaintextLength"
      ? "give maxPlaintextLength instead where only a bound is known"
      : "give a greater bound, or none, which bypasses the cache"
    return `${this.field} = ${this.expected} bytes, the plaintext ${is}: ${advice}`
  }
}

/** Error when a plaintext that must be verified before its release is longer than `maxWithheldBytes`. */
export class WithheldPlaintextTooLong
  extends (/*#__PURE__*/ TaggedError<WithheldPlaintextTooLong>()("WithheldPlaintextTooLong", {
    /** The unit that is verified before any of it is released. */
    what: Schema.Literals(["signed message", "frame"]),
    maxWithheldBytes: Schema.Int
  }))
{
  override get message(): string {
    const until = this.what === "frame"
      ? "a frame is held back until its tag has been verified"
      : "the message is signed, and held back until its signature has been verified"
    const advice = this.what === "frame" ? "" : ", or decryptStreamUnverified, which releases it before"
    return `${until}: its plaintext is longer than maxWithheldBytes = ${this.maxWithheldBytes}; give more${advice}`
  }
}

/** Error when the operation does not accept this kind of message. */
export class MessageNotAccepted extends (/*#__PURE__*/ TaggedError<MessageNotAccepted>()("MessageNotAccepted", {
  description: Schema.String
})) {
  override get message(): string {
    return printable(this.description)
  }
}
