/**
 * The port to cryptography. Coarse on purpose: one call processes all frames of a message, so that a synchronous
 * implementation runs in one step and an asynchronous one waits once.
 *
 * Layers: `NodePrimitives.layer` in `effect-encryption-sdk/node`, `WebPrimitives.layer` in `effect-encryption-sdk/web`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { HashAlgorithm, SignatureCurve } from "../model/AlgorithmSuite.ts"
import type { DataKey } from "../model/DataKey.ts"
import type { NotLoaded } from "../model/errors/NotLoaded.ts"
import type { OpenJob, SealJob } from "../model/AesGcm.ts"
import type { AesKey, RsaPrivateKey, RsaPublicKey, SigningKey, VerificationKey } from "../model/KeyHandles.ts"
import type { PrimitivesError } from "./PrimitivesError.ts"

export type { OpenJob, SealJob } from "../model/AesGcm.ts"
export type * from "../model/KeyHandles.ts"

/**
 * RSA padding schemes. OAEP uses the same hash function for its mask generation.
 *
 * Specification: framework/raw-rsa-keyring.md#supported-padding-schemes
 */
export type RsaPadding = "PKCS1" | "OAEP-SHA1" | "OAEP-SHA256" | "OAEP-SHA384" | "OAEP-SHA512"

/**
 * Parameters of the derivation of a message's keys from a data key. Without `hash` the data key itself encrypts.
 *
 * Made by `KeyDerivation.parameters`.
 */
export interface KeyDerivationParameters {
  readonly hash: HashAlgorithm | undefined
  readonly salt: Uint8Array
  readonly encryptionKey: { readonly info: Uint8Array; readonly length: 16 | 24 | 32 }
  /** Undefined for a suite without key commitment. */
  readonly commitment: { readonly info: Uint8Array; readonly length: number } | undefined
}

/** An incremental signature over one message, which arrives in parts. A part may change once it was given. */
export interface Signer {
  /** Adds the next bytes of the message. */
  readonly update: (part: Uint8Array) => void
  /** The signature over all parts, as `sign` makes it. Ends the signer. */
  readonly finish: Effect.Effect<Uint8Array<ArrayBuffer>>
}

/** An incremental verification of one message, which arrives in parts. A part may change once it was given. */
export interface Verifier {
  /** Adds the next bytes of the message. */
  readonly update: (part: Uint8Array) => void
  /** Whether a signature over all parts is valid, as in `verify`. Ends the verifier. */
  readonly finish: (signature: Uint8Array) => Effect.Effect<boolean>
}

/**
 * The cryptography that the library uses. No method keeps or changes an array that it is given, except `output`.
 *
 * A layer may load parts when they are first needed: a method whose part cannot be loaded fails with `NotLoaded`.
 */
export interface Primitives {
  /** Cryptographically secure random bytes. The only source of randomness. */
  readonly randomBytes: (length: number) => Effect.Effect<Uint8Array<ArrayBuffer>>

  /** SHA-384 digest of public data, 48 bytes. */
  readonly sha384: (data: Uint8Array) => Effect.Effect<Uint8Array<ArrayBuffer>>

  /** Whether two arrays are equal. Takes a time that depends on their lengths alone. */
  readonly timingSafeEqual: (a: Uint8Array, b: Uint8Array) => boolean

  /** Derives a message's encryption key and commitment value from its data key. */
  readonly deriveKeys: (dataKey: DataKey, parameters: KeyDerivationParameters) => Effect.Effect<{
    readonly encryptionKey: AesKey
    readonly commitment: Uint8Array<ArrayBuffer> | undefined
  }, NotLoaded>

  /** Imports a copy of 16, 24 or 32 bytes as an AES key; fails with `InvalidKey` for another length. The bytes stay the caller's. */
  readonly importAesKey: (key: Redacted.Redacted<Uint8Array>) => Effect.Effect<AesKey, PrimitivesError | NotLoaded>

  /**
   * Runs AES-GCM encryptions under one key. The iterable is read as the jobs are done, a bounded number of them at a time:
   * a job's arrays must stay as they are until the end. An array of another length than the job's is a defect.
   */
  readonly seal: (key: AesKey, jobs: Iterable<SealJob>) => Effect.Effect<void>

  /**
   * Runs AES-GCM decryptions under one key, read as `seal` reads them. Fails at the first wrong tag, and reads no more
   * jobs then.
   *
   * **Gotchas**
   *
   * After a failure all outputs must be discarded, those of earlier jobs included.
   */
  readonly open: (key: AesKey, jobs: Iterable<OpenJob>) => Effect.Effect<void, PrimitivesError>

  /** Generates an ECDSA key pair. `publicKey` is the compressed point: 33 bytes for P-256, 49 for P-384. */
  readonly generateSigningKey: (curve: SignatureCurve) => Effect.Effect<{
    readonly signingKey: SigningKey
    readonly publicKey: Uint8Array<ArrayBuffer>
  }>

  /** Imports a compressed point. Fails with `InvalidKey` if the bytes are no point of the curve. */
  readonly importVerificationKey: (
    curve: SignatureCurve,
    publicKey: Uint8Array
  ) => Effect.Effect<VerificationKey, PrimitivesError | NotLoaded>

  /**
   * Signs with ECDSA and the curve's own hash function. Returns DER of exactly the suite's `signatureLength` (71 bytes
   * for P-256, 103 for P-384), so that the length of a message is known beforehand.
   */
  readonly sign: (key: SigningKey, message: Uint8Array) => Effect.Effect<Uint8Array<ArrayBuffer>>

  /** Whether a DER signature of any length is valid. Malformed DER is just an invalid signature. */
  readonly verify: (key: VerificationKey, message: Uint8Array, signature: Uint8Array) => Effect.Effect<boolean>

  /**
   * `sign` for a message that arrives in parts. Memory does not grow with the message in a layer that can sign a digest;
   * one that cannot (WebCrypto) keeps a copy of the message.
   */
  readonly signer: (key: SigningKey) => Effect.Effect<Signer, NotLoaded>

  /** `verify` for a message that arrives in parts. Memory does not grow with the message. */
  readonly verifier: (key: VerificationKey) => Effect.Effect<Verifier, NotLoaded>

  /**
   * Imports a PEM `SubjectPublicKeyInfo`, with any white space in it. Fails with `InvalidKey` for anything but an RSA key of
   * at least 2048 bits.
   */
  readonly importRsaPublicKey: (
    pem: string,
    padding: RsaPadding
  ) => Effect.Effect<RsaPublicKey, PrimitivesError | NotLoaded>

  /** Imports a PEM PKCS #8 `PrivateKeyInfo`, under the rules of `importRsaPublicKey`. */
  readonly importRsaPrivateKey: (
    pem: Redacted.Redacted,
    padding: RsaPadding
  ) => Effect.Effect<RsaPrivateKey, PrimitivesError | NotLoaded>

  /** Encrypts with RSA. Fails with `Failed` if the plaintext is too long for the padding. */
  readonly rsaEncrypt: (
    key: RsaPublicKey,
    padding: RsaPadding,
    plaintext: Redacted.Redacted<Uint8Array>
  ) => Effect.Effect<Uint8Array<ArrayBuffer>, PrimitivesError>

  /** Decrypts with RSA. The plaintext belongs to the caller, who zeroes it. */
  readonly rsaDecrypt: (
    key: RsaPrivateKey,
    padding: RsaPadding,
    ciphertext: Uint8Array
  ) => Effect.Effect<Redacted.Redacted<Uint8Array<ArrayBuffer>>, PrimitivesError>
}

/** The tag of the service. */
export const Primitives: Context.Service<Primitives, Primitives> = /*#__PURE__*/ Context.Service<Primitives>(
  "effect-encryption-sdk/crypto/Primitives"
)
