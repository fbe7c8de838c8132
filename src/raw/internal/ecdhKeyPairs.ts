/**
 * Key pairs of the raw ECDH keyring, held and used by Effect's `KeyAgreement`.
 */
import * as CryptoError from "effect/crypto/CryptoError"
import * as KeyAgreement from "effect/crypto/KeyAgreement"
import * as KeyFormat from "effect/crypto/KeyFormat"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as bytes from "../../internal/bytes.ts"
import * as Pem from "../../internal/pem.ts"
import * as contract from "../../materials/contract.ts"
import type { PublicKey, SharedSecret } from "../../materials/ecdhWrapping.ts"
import { failKeyring, failMisconfigured, failNotWrapped } from "../../materials/keyringFailures.ts"
import type { Ecdh } from "../../materials/loadEcdh.ts"
import { BrokenContract } from "../../model/errors/BrokenContract.ts"
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

type Service = SetUp["service"]

/**
 * A call of the `KeyAgreement`, which may be the user's own: fails with `BrokenContract` where it throws, returns no Effect, fails
 * with another error than a `CryptoError`, or returns something else than what it is called for.
 */
const agree = <A>(
  method: keyof Service,
  call: () => Effect.Effect<A, CryptoError.CryptoError>,
  what: string,
  is: (value: A) => boolean
): Effect.Effect<A, CryptoError.CryptoError | BrokenContract> => {
  const part = `KeyAgreement.${method}`
  const failed = (error: CryptoError.CryptoError | BrokenContract) =>
    error instanceof BrokenContract || CryptoError.isCryptoError(error)
      ? error
      : new BrokenContract({ part, description: "failed with an error that is no CryptoError", cause: error })
  return Effect.flatMap(
    Effect.mapError(contract.called(part, call, (breach) => breach), failed),
    (value) =>
      is(value)
        ? Effect.succeed(value)
        : Effect.fail(new BrokenContract({ part, description: `returned something else than ${what}` }))
  )
}

const isKeyPair = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "privateKey" in value && KeyAgreement.isPrivateKey(value.privateKey) &&
  "publicKey" in value && KeyAgreement.isPublicKey(value.publicKey)

/** Imports a private key, which is dropped when the scope closes. Fails with `KeyringMisconfigured`. */
export const importPrivateKey = Effect.fnUntraced(function*(
  setUp: SetUp,
  field: string,
  pem: Redacted.Redacted
): Effect.fn.Return<KeyPair, KeyringError, Scope.Scope> {
  const { curve, keyring } = setUp
  const fail = (description: string) => failMisconfigured(keyring, "make", field, description)
  // The error's own cause is the runtime's, which can hold anything: only the library's sentences are shown.
  const failInvalid = (error: CryptoError.CryptoError | BrokenContract) => {
    if (error instanceof BrokenContract) return failKeyring(keyring, "make", error)
    const { reason } = error
    return fail(
      reason._tag === "Unsupported"
        ? `is not supported: ${reason.description}`
        : `is no valid PKCS #8 private key on ${curve}`
    )
  }
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
    Effect.flatMap(
      agree("publicKeyOf", () => service.publicKeyOf(privateKey), "a public key", KeyAgreement.isPublicKey),
      KeyAgreement.toBytes
    ),
    (point) => ecdh.PublicKey.fromPoint(curve, point)
  )

/** Makes a key pair for one data key. Fails with `DataKeyNotWrapped`. */
export const generate = Effect.fnUntraced(function*(
  { curve, ecdh, keyring, service }: SetUp,
  keyName: string
): Effect.fn.Return<KeyPair, KeyringError> {
  const failed = (refusal: ProviderRefusal) => failNotWrapped(keyring, keyName, refusal)
  const { point, privateKey } = yield* agree(
    "generateKeyPair",
    () => service.generateKeyPair(algorithms[curve]),
    "a key pair",
    isKeyPair
  ).pipe(
    Effect.flatMap(({ privateKey, publicKey }) =>
      Effect.map(KeyAgreement.toBytes(publicKey), (point) => ({ privateKey, point }))
    ),
    Effect.catch((error) =>
      error instanceof BrokenContract ? failKeyring(keyring, "onEncrypt", error) : failed(rejected(error))
    )
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
          Effect.mapError(
            agree(
              "deriveSharedSecret",
              () => service.deriveSharedSecret(Redacted.value(privateKey), publicKey),
              "a Uint8Array",
              bytes.isBytes
            ),
            (error) => error instanceof BrokenContract ? error : rejected(error)
          )
        )
    ),
    (secret) => Effect.sync(() => bytes.findGone(secret) === undefined && secret.fill(0))
  )

const rejected = ({ reason }: CryptoError.CryptoError): ProviderRefusal => ({
  failure: "Rejected",
  code: reason._tag,
  isRetryable: false
})
