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
 * Unwraps a data key with one Decrypt. The data key is zeroed when the scope closes, and at once where it is not returned.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md#ondecrypt
 */
export const unwrap = (caller: DecryptCaller, { ciphertext, keyId }: Wrapped, materials: DecryptionMaterials) =>
  decrypt(caller, {
    ...requestOf(caller, keyId, materials),
    // A copy: the encrypted data key that was unwrapped is returned, and must be the one that was given.
    ciphertextBlob: new Uint8Array(ciphertext)
  }, (plaintext) => checkPlaintext(plaintext, materials))

/**
 * One Decrypt, whose response must name the very key of the request. The plaintext is zeroed when the scope closes, and at
 * once where `check` returns its fault.
 */
export const decrypt = Effect.fnUntraced(
  function*(
    { kms }: DecryptCaller,
    request: Parameters<Operations["decrypt"]>[0],
    check: (plaintext: DataKey.DataKey) => ProviderRefusal | undefined
  ) {
    // Read before the call: the request is the port's own from then on.
    const { keyId: requested } = request
    const { keyId, plaintext } = yield* Effect.mapError(
      own(callKms("decrypt", () => kms.decrypt(request))),
      (error) => error._tag === "BrokenContract" ? error : refusalOf(error)
    )
    const fault = keyId === requested ? check(plaintext) : invalidAnswer("KeyIdMismatch")
    if (fault === undefined) return plaintext
    DataKey.zero(plaintext)
    return yield* Effect.fail(fault)
  }
)
