/**
 * Opaque handles of imported keys, which the layers of `Primitives` make and use.
 */
import type * as Redacted from "effect/Redacted"

declare const kind: unique symbol

/** A key as its layer keeps it. Only the layer that made it can use it. */
export interface KeyHandle<Kind extends string> {
  readonly [kind]: Kind
}

/** An AES key, imported once and used for a whole message. Prints as redacted. */
export type AesKey = Redacted.Redacted<KeyHandle<"AesKey">>

/** An ECDSA private key. Prints as redacted. */
export type SigningKey = Redacted.Redacted<KeyHandle<"SigningKey">>

/** An ECDSA public key. */
export type VerificationKey = KeyHandle<"VerificationKey">

/** An RSA public key. */
export type RsaPublicKey = KeyHandle<"RsaPublicKey">

/** An RSA private key. Prints as redacted. */
export type RsaPrivateKey = Redacted.Redacted<KeyHandle<"RsaPrivateKey">>
