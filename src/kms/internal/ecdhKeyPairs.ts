/**
 * Key pairs of the KMS ECDH keyring: their public keys, and the secrets that AWS KMS derives with them.
 *
 * Specification: framework/aws-kms/aws-kms-ecdh-keyring.md
 */
import * as Effect from "effect/Effect"
import { shown } from "../../internal/printable.ts"
import type { PublicKey, SharedSecret } from "../../materials/ecdhWrapping.ts"
import { failKeyring, failMisconfigured, refusalOf } from "../../materials/keyringFailures.ts"
import type { Ecdh } from "../../materials/loadEcdh.ts"
import { invalidAnswer } from "../../materials/unwrapFirst.ts"
import * as DataKey from "../../model/DataKey.ts"
import { type KeyringError, type ProviderRefusal, PublicKeyNotRead } from "../../model/errors/KeyringError.ts"
import { type Caller, callKms, owning } from "../calls.ts"
import * as KeyArn from "../KeyArn.ts"
import type { KmsKeyAgreement } from "../Kms.ts"

/** The parts that keys are made with. */
export interface SetUp {
  /** The keyring's own name. */
  readonly keyring: string
  readonly caller: Caller<KmsKeyAgreement>
  readonly ecdh: Ecdh
  readonly curve: PublicKey.Curve
}

/** A key pair in AWS KMS. */
export interface KeyPair {
  readonly keyArn: string
  readonly publicKey: PublicKey.PublicKey
}

const keySpecs: Readonly<Record<PublicKey.Curve, string>> = {
  "P-256": "ECC_NIST_P256",
  "P-384": "ECC_NIST_P384",
  "P-521": "ECC_NIST_P521"
}

/**
 * The key pair of one party, with the public key that is given or, without one, that AWS KMS returns. Fails with
 * `KeyringMisconfigured` and `PublicKeyNotRead`.
 */
export const make = Effect.fnUntraced(function*(
  setUp: SetUp,
  party: "sender" | "recipient",
  keyId: string,
  publicKey: string | Uint8Array | undefined
): Effect.fn.Return<KeyPair, KeyringError> {
  const field = `keyAgreement.${party}KeyId`
  // The specification takes other names too; but responses name the ARN, and would never be those of the key.
  if (!KeyArn.isKeyArn(keyId)) {
    return yield* failMisconfigured(setUp.keyring, "make", field, `must be a key ARN, got ${shown(keyId)}`)
  }
  return {
    keyArn: keyId,
    publicKey: yield* publicKey === undefined
      ? getPublicKey(setUp, field, keyId)
      : setUp.ecdh.readPublicKey(setUp, `keyAgreement.${party}PublicKey`, publicKey)
  }
})

/** Specification: framework/key-agreement-schemas.md#kmsprivatekeytostaticpublickey */
const getPublicKey = Effect.fnUntraced(function*(
  { caller, curve, ecdh, keyring }: SetUp,
  field: string,
  keyArn: string
): Effect.fn.Return<PublicKey.PublicKey, KeyringError> {
  const failRead = (refusal: ProviderRefusal) =>
    failKeyring(keyring, "make", new PublicKeyNotRead({ keyName: keyArn, ...refusal }))
  const { kms, grantTokens } = caller
  const { keyId, keySpec, keyUsage, publicKey } = yield* Effect.catch(
    callKms("getPublicKey", () => kms.getPublicKey({ keyId: keyArn, grantTokens })),
    (error) => error._tag === "BrokenContract" ? failKeyring(keyring, "make", error) : failRead(refusalOf(error))
  )
  if (keyId !== keyArn) return yield* failRead(invalidAnswer("KeyIdMismatch"))
  const fail = (description: string) => failMisconfigured(keyring, "make", field, description)
  if (keyUsage !== "KEY_AGREEMENT") return yield* fail(`has the usage ${shown(keyUsage)}, must have KEY_AGREEMENT`)
  const expected = keySpecs[curve]
  if (keySpec !== expected) return yield* fail(`has the spec ${shown(keySpec)}, must have ${expected} for ${curve}`)
  const read = ecdh.PublicKey.read(curve, publicKey)
  return typeof read === "string"
    ? yield* failRead({ ...invalidAnswer("InvalidPublicKey"), description: `the public key ${read}` })
    : read
})

/**
 * The secret that a key pair shares with a peer, by one DeriveSharedSecret. The response must name the very key of the request.
 *
 * Specification: framework/aws-kms/aws-kms-ecdh-keyring.md#onencrypt and #ondecrypt, where AWS KMS gets the other party's public
 * key, as other implementations do: that of the recipient, which the text names both times, is its own on decrypt.
 */
export const sharedSecret = (
  { caller: { grantTokens, kms }, curve, ecdh }: SetUp,
  { keyArn }: KeyPair,
  peer: PublicKey.PublicKey
): SharedSecret =>
  owning(
    callKms(
      "deriveSharedSecret",
      () => kms.deriveSharedSecret({ keyId: keyArn, grantTokens, publicKey: ecdh.PublicKey.toSpki(curve, peer) })
    ),
    ({ sharedSecret }) => sharedSecret
  ).pipe(
    Effect.mapError((error) => error._tag === "BrokenContract" ? error : refusalOf(error)),
    Effect.flatMap(({ keyId, sharedSecret }) =>
      keyId === keyArn
        ? Effect.succeed(DataKey.value(sharedSecret))
        : Effect.fail(invalidAnswer("KeyIdMismatch"))
    )
  )
