/**
 * The ports to AWS KMS: the calls that keyrings make, in groups. A keyring requires the group that it calls and no other, and a
 * layer of your own provides what your keyrings require.
 *
 * | port                  | calls                                                | for                                  |
 * | --------------------- | ---------------------------------------------------- | ------------------------------------ |
 * | `Kms`                 | `generateDataKey`, `encrypt`, `decrypt`              | keyrings that wrap and unwrap        |
 * | `KmsDecrypt`          | `decrypt`                                            | discovery keyrings, KMS RSA keyrings |
 * | `KmsKeyAgreement`     | `getPublicKey`, `deriveSharedSecret`                 | KMS ECDH keyrings                    |
 * | `KmsWithoutPlaintext` | `generateDataKeyWithoutPlaintext`, `reEncrypt`       | stores of keys that KMS wraps        |
 *
 * Layers, which provide all of them: `AwsKms.layer` in `effect-encryption-sdk/kms/aws`, `EmbeddedKms.layer` in
 * `effect-encryption-sdk/kms/development-only`, `ScriptedKms.layer` in `effect-encryption-sdk/testing`; and, over any of them,
 * `KmsGovernor.layer` in `effect-encryption-sdk/kms/governor`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { DataKey } from "../model/DataKey.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import type { KmsError } from "./KmsError.ts"

/** The algorithms that `Encrypt` and `Decrypt` take. The second and third are those of RSA keys, which take no encryption context. */
export type EncryptionAlgorithm = "SYMMETRIC_DEFAULT" | "RSAES_OAEP_SHA_1" | "RSAES_OAEP_SHA_256"

/** The key of a request. `keyId` is a key ARN, alias ARN, alias name or key id. */
export interface KeyRequest {
  readonly keyId: string
  readonly grantTokens: ReadonlyArray<string>
}

/** Fields of every request to encrypt or decrypt. */
export interface KmsRequest extends KeyRequest {
  readonly encryptionContext: EncryptionContext
}

/** A request for an algorithm. Undefined is `SYMMETRIC_DEFAULT`. */
export interface AlgorithmRequest extends KmsRequest {
  readonly encryptionAlgorithm?: EncryptionAlgorithm | undefined
}

/** A ciphertext that is to be encrypted under another key or context, which the request names as every request does. */
export interface ReEncryptRequest extends KmsRequest {
  readonly ciphertextBlob: Uint8Array
  readonly sourceKeyId: string
  readonly sourceEncryptionContext: EncryptionContext
}

/**
 * The calls. A plaintext or shared secret that is returned belongs to the caller, who zeroes it; one that is passed in stays the
 * caller's. `keyId` in a response is the ARN of the key that was used. Implementations never retry what the AWS SDK retries already.
 */
export interface Operations {
  /** A new data key of `numberOfBytes` bytes, in the clear and wrapped. */
  readonly generateDataKey: (request: KmsRequest & { readonly numberOfBytes: number }) => Effect.Effect<
    { readonly keyId: string; readonly plaintext: DataKey; readonly ciphertextBlob: Uint8Array },
    KmsError
  >
  readonly encrypt: (request: AlgorithmRequest & { readonly plaintext: DataKey }) => Effect.Effect<
    { readonly keyId: string; readonly ciphertextBlob: Uint8Array },
    KmsError
  >
  readonly decrypt: (request: AlgorithmRequest & { readonly ciphertextBlob: Uint8Array }) => Effect.Effect<
    { readonly keyId: string; readonly plaintext: DataKey },
    KmsError
  >
  /** The public key of an asymmetric key pair, as DER of its `SubjectPublicKeyInfo`, with the key's spec and usage in the words of KMS. */
  readonly getPublicKey: (request: KeyRequest) => Effect.Effect<
    { readonly keyId: string; readonly publicKey: Uint8Array; readonly keySpec: string; readonly keyUsage: string },
    KmsError
  >
  /** The ECDH shared secret of a key pair and the public key of another, as DER of its `SubjectPublicKeyInfo`. */
  readonly deriveSharedSecret: (request: KeyRequest & { readonly publicKey: Uint8Array }) => Effect.Effect<
    { readonly keyId: string; readonly sharedSecret: Redacted.Redacted<Uint8Array> },
    KmsError
  >
  /** A new data key of `numberOfBytes` bytes, wrapped only. */
  readonly generateDataKeyWithoutPlaintext: (
    request: KmsRequest & { readonly numberOfBytes: number }
  ) => Effect.Effect<{ readonly keyId: string; readonly ciphertextBlob: Uint8Array }, KmsError>
  /** Encrypts the plaintext of a ciphertext under another key or context. It never leaves KMS. */
  readonly reEncrypt: (request: ReEncryptRequest) => Effect.Effect<
    { readonly keyId: string; readonly sourceKeyId: string; readonly ciphertextBlob: Uint8Array },
    KmsError
  >
}

/** The calls of a keyring that wraps data keys and unwraps them. */
export interface Kms extends Pick<Operations, "generateDataKey" | "encrypt" | "decrypt"> {}

/** The tag of `generateDataKey`, `encrypt` and `decrypt`. */
export const Kms: Context.Service<Kms, Kms> = /*#__PURE__*/ Context.Service<Kms>("effect-encryption-sdk/kms/Kms")

declare const port: unique symbol

/** Identifier of the port with `decrypt` alone: a type of its own, since a `Kms` has that call too. */
export interface KmsDecrypt {
  readonly [port]: "KmsDecrypt"
}

/** The tag of `decrypt` alone. */
export const KmsDecrypt: Context.Service<KmsDecrypt, Pick<Operations, "decrypt">> = /*#__PURE__*/ Context.Service<
  KmsDecrypt,
  Pick<Operations, "decrypt">
>("effect-encryption-sdk/kms/KmsDecrypt")

/** `KmsDecrypt` by the calls of a `Kms`: for one of your own. */
export const layerDecrypt: Layer.Layer<KmsDecrypt, never, Kms> = /*#__PURE__*/ Layer.effect(KmsDecrypt, Kms)

/** The calls of a keyring that agrees on keys by ECDH. */
export interface KmsKeyAgreement extends Pick<Operations, "getPublicKey" | "deriveSharedSecret"> {}

/** The tag of `getPublicKey` and `deriveSharedSecret`. */
export const KmsKeyAgreement: Context.Service<KmsKeyAgreement, KmsKeyAgreement> = /*#__PURE__*/ Context.Service<
  KmsKeyAgreement
>("effect-encryption-sdk/kms/KmsKeyAgreement")

/** The calls that return no plaintext. */
export interface KmsWithoutPlaintext extends Pick<Operations, "generateDataKeyWithoutPlaintext" | "reEncrypt"> {}

/** The tag of `generateDataKeyWithoutPlaintext` and `reEncrypt`. */
export const KmsWithoutPlaintext: Context.Service<KmsWithoutPlaintext, KmsWithoutPlaintext> = /*#__PURE__*/ Context
  .Service<KmsWithoutPlaintext>("effect-encryption-sdk/kms/KmsWithoutPlaintext")

/** All ports. */
export type Ports = Kms | KmsDecrypt | KmsKeyAgreement | KmsWithoutPlaintext

/** All ports over one implementation. */
export const contextOf = (operations: Operations): Context.Context<Ports> =>
  Context.make(Kms, operations).pipe(
    Context.add(KmsDecrypt, operations),
    Context.add(KmsKeyAgreement, operations),
    Context.add(KmsWithoutPlaintext, operations)
  )

/** A layer of all ports over one implementation. For one port, `Layer.succeed` with its tag. */
export const layer = (operations: Operations): Layer.Layer<Ports> => Layer.succeedContext(contextOf(operations))
