/**
 * One Decrypt, and the parts of a request that every keyring of AWS KMS sends alike.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { refusalOf } from "../../materials/keyringFailures.ts"
import { invalidAnswer } from "../../materials/unwrapFirst.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../../model/CryptographicMaterials.ts"
import * as DataKey from "../../model/DataKey.ts"
import type { ProviderRefusal } from "../../model/errors/KeyringError.ts"
import type { KmsRequest, Operations } from "../Kms.ts"
import { callKms, checkPlaintext, own } from "./kmsResponses.ts"

/** Option of every keyring of AWS KMS. */
export const GrantTokens = /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Array(Schema.NonEmptyString))

/** Bounds of `GrantTokens`. */
export const grantTokensBounds = {
  grantTokens: "must be an array of strings",
  "grantTokens[]": "must be a string that is not empty"
}

/** The calls of a port, and what every request has. */
export interface Caller<Calls> {
  readonly kms: Calls
  readonly grantTokens: ReadonlyArray<string>
}

/** The caller of a keyring that only decrypts. */
export type DecryptCaller = Caller<Pick<Operations, "decrypt">>

/** The caller of a keyring. Every request has the tokens' own list, which no `Kms` can change. */
export const callerOf = <Calls>(kms: Calls, grantTokens: ReadonlyArray<string> = []): Caller<Calls> => ({
  kms,
  grantTokens: Object.freeze([...grantTokens])
})

/** The fields of every request. */
export const requestOf = (
  { grantTokens }: Caller<unknown>,
  keyId: string,
  { encryptionContext }: EncryptionMaterials | DecryptionMaterials
): KmsRequest => ({ keyId, encryptionContext, grantTokens })

/** A wrapped data key, and the key that is to unwrap it. */
export interface Wrapped {
  readonly keyId: string
  readonly ciphertext: Uint8Array
}

/**
 * Unwraps a data key with one Decrypt. The response must name the very key of the request. The data key is zeroed when the
 * scope closes, and at once where it is not returned.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md#ondecrypt
 */
export const unwrap = Effect.fnUntraced(
  function*(caller: DecryptCaller, { ciphertext, keyId: key }: Wrapped, materials: DecryptionMaterials) {
    const { keyId, plaintext } = yield* Effect.mapError(
      own(
        callKms(
          "decrypt",
          () =>
            caller.kms.decrypt({
              ...requestOf(caller, key, materials),
              // A copy: the encrypted data key that was unwrapped is returned, and must be the one that was given.
              ciphertextBlob: new Uint8Array(ciphertext)
            })
        )
      ),
      (error) => error._tag === "BrokenContract" ? error : refusalOf(error)
    )
    const fault: ProviderRefusal | undefined = keyId === key
      ? checkPlaintext(plaintext, materials)
      : invalidAnswer("KeyIdMismatch")
    if (fault === undefined) return plaintext
    DataKey.zero(plaintext)
    return yield* Effect.fail(fault)
  }
)
