/**
 * The port to AWS KMS: the three calls that keyrings make, and nothing else.
 *
 * Layers: `AwsKms.layer` in `effect-encryption-sdk/kms/aws`, `EmbeddedKms.layer` in
 * `effect-encryption-sdk/kms/development-only`, `ScriptedKms.layer` in `effect-encryption-sdk/testing`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { DataKey } from "../model/DataKey.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import type { KmsError } from "./KmsError.ts"

/** Fields of every request. `keyId` is a key ARN, alias ARN, alias name or key id. */
export interface KmsRequest {
  readonly keyId: string
  readonly encryptionContext: EncryptionContext
  readonly grantTokens: ReadonlyArray<string>
}

/**
 * The calls. A plaintext that is returned belongs to the caller, who zeroes it; one that is passed in stays the caller's.
 * `keyId` in a response is the ARN of the key that was used. Implementations never retry what the AWS SDK retries already.
 */
export interface Kms {
  /** A new data key of `numberOfBytes` bytes, in the clear and wrapped. */
  readonly generateDataKey: (request: KmsRequest & { readonly numberOfBytes: number }) => Effect.Effect<
    { readonly keyId: string; readonly plaintext: DataKey; readonly ciphertextBlob: Uint8Array },
    KmsError
  >
  readonly encrypt: (request: KmsRequest & { readonly plaintext: DataKey }) => Effect.Effect<
    { readonly keyId: string; readonly ciphertextBlob: Uint8Array },
    KmsError
  >
  readonly decrypt: (request: KmsRequest & { readonly ciphertextBlob: Uint8Array }) => Effect.Effect<
    { readonly keyId: string; readonly plaintext: DataKey },
    KmsError
  >
}

/** The tag of the service. */
export const Kms: Context.Service<Kms, Kms> = /*#__PURE__*/ Context.Service<Kms>("effect-encryption-sdk/kms/Kms")
