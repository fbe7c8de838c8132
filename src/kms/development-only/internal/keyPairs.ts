/**
 * RSA and elliptic curve key pairs by `effect/crypto`, on WebCrypto.
 */
import * as Context from "effect/Context"
import type * as CryptoError from "effect/crypto/CryptoError"
import * as Digest from "effect/crypto/Digest"
import * as KeyAgreement from "effect/crypto/KeyAgreement"
import * as KeyFormat from "effect/crypto/KeyFormat"
import * as KeyWrap from "effect/crypto/KeyWrap"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as WebCrypto from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { KeyPairSpec } from "./keyInfo.ts"

/** The hash function is that of one padding; the pair is the same for all of them. */
const rsa = (modulusLength: number): KeyWrap.RsaOaep => KeyWrap.rsaOaep({ hash: Digest.sha256, modulusLength })

type Algorithm = KeyWrap.RsaOaep | KeyAgreement.Ecdh

const algorithmOf = (keySpec: KeyPairSpec): Algorithm => {
  switch (keySpec) {
    case "RSA_2048":
      return rsa(2048)
    case "RSA_3072":
      return rsa(3072)
    case "RSA_4096":
      return rsa(4096)
    case "ECC_NIST_P256":
      return KeyAgreement.ecdhP256
    case "ECC_NIST_P384":
      return KeyAgreement.ecdhP384
    case "ECC_NIST_P521":
      return KeyAgreement.ecdhP521
  }
}

/** A key pair that was read. */
export type KeyPair = RsaPair | AgreementPair

/** DER of the public key's `SubjectPublicKeyInfo`, and PEM texts of both keys. */
export interface RsaPair {
  readonly _tag: "Rsa"
  readonly publicKey: Uint8Array
  readonly publicPem: string
  readonly privatePem: string
}

/** DER of the public key's `SubjectPublicKeyInfo`, and the shared secret with the public key of another pair. */
export interface AgreementPair {
  readonly _tag: "KeyAgreement"
  readonly publicKey: Uint8Array
  readonly derive: (peer: Uint8Array) => Effect.Effect<Uint8Array, CryptoError.CryptoError>
}

/** Operations with key pairs. */
export interface KeyPairs {
  /** PKCS #8 of a new private key. */
  readonly generate: (keySpec: KeyPairSpec) => Effect.Effect<Uint8Array, CryptoError.CryptoError>
  /** Reads the PKCS #8 of a private key. Undefined if it is none of this spec. */
  readonly read: (
    keySpec: KeyPairSpec,
    privateKey: Uint8Array
  ) => Effect.Effect<KeyPair | undefined, CryptoError.CryptoError>
}

/** The operations over the `WebCrypto` of the fiber that makes them. */
export const make: Effect.Effect<KeyPairs, never, Scope.Scope> = /*#__PURE__*/ Effect.gen(function*() {
  const webCrypto = yield* WebCrypto.WebCrypto
  const services = yield* Layer.build(
    Layer.mergeAll(KeyAgreement.layerWebCrypto, KeyWrap.layerWebCrypto).pipe(
      Layer.provide(SecureRandom.layerWebCrypto)
    )
  )
  const agreement = Context.get(services, KeyAgreement.KeyAgreement)
  const keyWrap = Context.get(services, KeyWrap.KeyWrap)
  const here = Effect.provideService(WebCrypto.WebCrypto, webCrypto)
  return {
    generate: (keySpec) => {
      const algorithm = algorithmOf(keySpec)
      return here(
        algorithm._tag === "Ecdh"
          ? Effect.flatMap(agreement.generateKeyPair(algorithm), ({ privateKey }) => encodePrivate(privateKey))
          : Effect.flatMap(keyWrap.generateKeyPair(algorithm), ({ privateKey }) => encodePrivate(privateKey))
      )
    },
    read: (keySpec, privateKey) => {
      const algorithm = algorithmOf(keySpec)
      const pair: Effect.Effect<KeyPair | undefined, CryptoError.CryptoError> = algorithm._tag === "Ecdh"
        ? readAgreement(agreement, algorithm, privateKey, here)
        : readRsa(algorithm, privateKey)
      return here(pair)
    }
  }
})

const encodePrivate = (key: KeyFormat.PrivateKey) => KeyFormat.encode(KeyFormat.pkcs8, key)

const readRsa = Effect.fnUntraced(
  function*(algorithm: KeyWrap.RsaOaep, pkcs8: Uint8Array): Effect.fn.Return<
    RsaPair | undefined,
    CryptoError.CryptoError
  > {
    const privateKey = yield* KeyFormat.decodePrivate(KeyFormat.pkcs8, algorithm, pkcs8)
    if (privateKey.algorithm.modulusLength !== algorithm.modulusLength) return undefined
    const { e, kty, n } = yield* KeyFormat.encode(KeyFormat.jwk, privateKey)
    const publicKey = yield* KeyFormat.decodePublic(KeyFormat.jwk, algorithm, { e: e!, kty: kty!, n: n! })
    return {
      _tag: "Rsa",
      publicKey: yield* KeyFormat.encode(KeyFormat.spki, publicKey),
      publicPem: yield* KeyFormat.encode(KeyFormat.pem(KeyFormat.spki), publicKey),
      privatePem: yield* KeyFormat.encode(KeyFormat.pem(KeyFormat.pkcs8), privateKey)
    }
  }
)

const readAgreement = Effect.fnUntraced(
  function*(
    agreement: KeyAgreement.KeyAgreement["Service"],
    algorithm: KeyAgreement.Ecdh,
    pkcs8: Uint8Array,
    here: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
  ): Effect.fn.Return<AgreementPair, CryptoError.CryptoError> {
    const privateKey = yield* KeyFormat.decodePrivate(KeyFormat.pkcs8, algorithm, pkcs8)
    const publicKey = yield* agreement.publicKeyOf(privateKey)
    return {
      _tag: "KeyAgreement",
      publicKey: yield* KeyFormat.encode(KeyFormat.spki, publicKey),
      derive: (peer) =>
        here(Effect.flatMap(
          KeyFormat.decodePublic(KeyFormat.spki, algorithm, peer),
          (peerKey) => agreement.deriveSharedSecret(privateKey, peerKey)
        ))
    }
  }
)
