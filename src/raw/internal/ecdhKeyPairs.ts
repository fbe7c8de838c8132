/**
 * Key pairs of the raw ECDH keyring, held and used by Effect's `KeyAgreement`.
 */
import type * as CryptoError from "effect/crypto/CryptoError"
import * as KeyAgreement from "effect/crypto/KeyAgreement"
import * as KeyFormat from "effect/crypto/KeyFormat"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Pem from "../../internal/pem.ts"
import type { PublicKey, SharedSecret } from "../../materials/ecdhWrapping.ts"
import { failMisconfigured, failNotWrapped } from "../../materials/keyringFailures.ts"
import type { Ecdh } from "../../materials/loadEcdh.ts"
import type { KeyringError, ProviderRefusal } from "../../model/errors/KeyringError.ts"
import { whileOpen } from "./keyOptions.ts"

/** The parts that keys are made with. */
export interface SetUp {
  /** The keyring's own name. */
  readonly keyring: string
  readonly service: KeyAgreement.KeyAgreement["Service"]
  readonly ecdh: Ecdh
  readonly curve: PublicKey.Curve
}

/** A key pair of the keyring's own. */
export interface KeyPair {
  /** The option that holds it. */
  readonly field: string
  readonly privateKey: Redacted.Redacted<KeyAgreement.PrivateKey<KeyAgreement.Ecdh>>
  readonly publicKey: PublicKey.PublicKey
}

const algorithms: Readonly<Record<PublicKey.Curve, KeyAgreement.Ecdh>> = {
  "P-256": KeyAgreement.ecdhP256,
  "P-384": KeyAgreement.ecdhP384,
  "P-521": KeyAgreement.ecdhP521
}

const redact = (key: KeyAgreement.PrivateKey<KeyAgreement.Ecdh>) => Redacted.make(key, { label: "ecdh-private-key" })

/** Imports a private key, which is dropped when the scope closes. Fails with `KeyringMisconfigured`. */
export const importPrivateKey = Effect.fnUntraced(function*(
  setUp: SetUp,
  field: string,
  pem: Redacted.Redacted
): Effect.fn.Return<KeyPair, KeyringError, Scope.Scope> {
  const { curve, keyring } = setUp
  const fail = (description: string) => failMisconfigured(keyring, "make", field, description)
  // The error's own cause is the runtime's, which can hold anything: only the library's sentences are shown.
  const failInvalid = ({ reason }: CryptoError.CryptoError) =>
    fail(
      reason._tag === "Unsupported"
        ? `is not supported: ${reason.description}`
        : `is no valid PKCS #8 private key on ${curve}`
    )
  const privateKey = yield* Effect.acquireRelease(
    Effect.suspend(() => {
      const der = Pem.read(Redacted.value(pem), Pem.privateKey)
      return typeof der === "string" ?
        fail(der) :
        KeyFormat.decodePrivate(KeyFormat.pkcs8, algorithms[curve], der).pipe(
          Effect.ensuring(Effect.sync(() => der.fill(0))),
          Effect.catch(failInvalid),
          Effect.map(redact)
        )
    }),
    (key) => Effect.sync(() => Redacted.wipeUnsafe(key))
  )
  const publicKey = yield* Effect.catch(publicKeyOf(setUp, Redacted.value(privateKey)), failInvalid)
  return publicKey === undefined
    ? yield* fail(`holds a public key that is no point of ${curve}`)
    : { field, privateKey, publicKey }
})

const publicKeyOf = ({ curve, ecdh, service }: SetUp, privateKey: KeyAgreement.PrivateKey<KeyAgreement.Ecdh>) =>
  Effect.map(
    Effect.flatMap(service.publicKeyOf(privateKey), KeyAgreement.toBytes),
    (point) => ecdh.PublicKey.fromPoint(curve, point)
  )

/** Makes a key pair for one data key. Fails with `DataKeyNotWrapped`. */
export const generate = Effect.fnUntraced(function*(
  { curve, ecdh, keyring, service }: SetUp,
  keyName: string
): Effect.fn.Return<KeyPair, KeyringError> {
  const failed = (refusal: ProviderRefusal) => failNotWrapped(keyring, keyName, refusal)
  const { point, privateKey } = yield* service.generateKeyPair(algorithms[curve]).pipe(
    Effect.flatMap(({ privateKey, publicKey }) =>
      Effect.map(KeyAgreement.toBytes(publicKey), (point) => ({ privateKey, point }))
    ),
    Effect.catch((error) => failed(rejected(error)))
  )
  const publicKey = ecdh.PublicKey.fromPoint(curve, point)
  return publicKey === undefined
    ? yield* failed({ failure: "InvalidAnswer", code: "PublicKeyNotOnCurve", isRetryable: false })
    : { field: "keyAgreement", privateKey: redact(privateKey), publicKey }
})

/** The secret that a key pair shares with a peer. No interruption can fall between its arrival and its finalizer. */
export const sharedSecret = (
  { curve, service }: SetUp,
  { field, privateKey }: KeyPair,
  peer: PublicKey.PublicKey
): SharedSecret =>
  Effect.acquireRelease(
    Effect.flatMap(
      Effect.mapError(KeyAgreement.publicKey(algorithms[curve], peer.point), rejected),
      (publicKey) =>
        whileOpen(
          field,
          privateKey,
          Effect.suspend(() =>
            Effect.mapError(service.deriveSharedSecret(Redacted.value(privateKey), publicKey), rejected)
          )
        )
    ),
    (secret) => Effect.sync(() => secret.fill(0))
  )

const rejected = ({ reason }: CryptoError.CryptoError): ProviderRefusal => ({
  failure: "Rejected",
  code: reason._tag,
  isRetryable: false
})
