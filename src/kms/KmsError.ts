import * as Schema from "effect/Schema"
import { line } from "../internal/printable.ts"
import { TaggedError } from "../internal/TaggedError.ts"
import { ProviderFailure } from "../model/errors/KeyringError.ts"

/** The calls of the ports to AWS KMS, by the names that AWS KMS gives them. */
export const KmsOperation = /*#__PURE__*/ Schema.Literals([
  "GenerateDataKey",
  "Encrypt",
  "Decrypt",
  "GetPublicKey",
  "DeriveSharedSecret",
  "GenerateDataKeyWithoutPlaintext",
  "ReEncrypt"
])

/** See the schema of the same name. */
export type KmsOperation = typeof KmsOperation.Type

/** Error of a call to AWS KMS. */
export class KmsError extends (/*#__PURE__*/ TaggedError<KmsError>()("KmsError", {
  operation: KmsOperation,
  keyId: Schema.String,
  failure: ProviderFailure,
  /** The service's own error code, such as `AccessDeniedException`. */
  code: Schema.String,
  /** The service's message. It can hold ARNs of keys and callers, never key material. */
  description: Schema.String,
  /** Whether the same call may succeed later. */
  isRetryable: Schema.Boolean
})) {
  override get message(): string {
    return line`KMS ${this.operation} with ${this.keyId}: ${this.code}: ${this.description}`
  }
}
