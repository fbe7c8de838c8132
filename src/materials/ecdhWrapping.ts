/**
 * Wrapping of data keys under the secret that two key pairs share. For keyrings of the library: no entry point exports it.
 *
 * Specification: framework/raw-ecdh-keyring.md, framework/key-agreement-schemas.md#key-derivation
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { counterModeKdf } from "../crypto/counterModeKdf.ts"
import * as PublicKey from "../crypto/ecdhPublicKey.ts"
import type { Primitives } from "../crypto/Primitives.ts"
import * as bytes from "../internal/bytes.ts"
import { ivLength, tagLength } from "../model/AesGcm.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { BrokenContract } from "../model/errors/BrokenContract.ts"
import type { KeyringError, ProviderRefusal } from "../model/errors/KeyringError.ts"
import { decodeInfo, encodeInfo, fixedInfo, type KeyPair } from "./ecdhEncoding.ts"
import type { OnDecryptResult } from "./Keyring.ts"
import { failKeyring, failMisconfigured, failNotWrapped, notImported } from "./keyringFailures.ts"
import { invalidAnswer, unwrapFirst } from "./unwrapFirst.ts"
import { append, ensureDataKey, serializeContext } from "./wrapping.ts"

export * as PublicKey from "../crypto/ecdhPublicKey.ts"

/** Key provider ids of the two keyrings. Each unwraps what the other has wrapped. */
export const providerIds = { raw: "raw-ecdh", kms: "aws-kms-ecdh" } as const

/** Reads a public key of a keyring's options. Fails with `KeyringMisconfigured`. */
export const readPublicKey = (
  { curve, keyring }: { readonly curve: PublicKey.Curve; readonly keyring: string },
  field: string,
  key: string | Uint8Array
): Effect.Effect<PublicKey.PublicKey, KeyringError> => {
  const read = PublicKey.read(curve, key)
  return typeof read === "string" ? failMisconfigured(keyring, "make", field, read) : Effect.succeed(read)
}

/** The keyring that wraps, its curve, and the cryptography. */
export interface Wrapping {
  /** The keyring's own name. */
  readonly keyring: string
  readonly providerId: (typeof providerIds)[keyof typeof providerIds]
  readonly primitives: Primitives
  readonly curve: PublicKey.Curve
}

/** A shared secret, zeroed when the scope closes: right after the wrapping key has been used. */
export type SharedSecret = Effect.Effect<Uint8Array, ProviderRefusal | BrokenContract, Scope.Scope>

/** The shared secret to wrap under, and the key pairs that share it. */
export interface Agreement {
  readonly sender: PublicKey.PublicKey
  readonly recipient: PublicKey.PublicKey
  readonly sharedSecret: SharedSecret
}

const saltLength = 32
const commitmentLength = 32
const wrappingKeyLength = 32

/** Bytes of a ciphertext before the wrapped key: salt and commitment. */
const prefixLength = saltLength + commitmentLength

/**
 * Makes a data key where there is none, and wraps it under the shared secret of an agreement.
 *
 * Specification: framework/raw-ecdh-keyring.md#onencrypt, framework/aws-kms/aws-kms-ecdh-keyring.md#onencrypt
 */
export const onEncrypt = Effect.fnUntraced(function*(
  wrapping: Wrapping,
  { recipient, sender, sharedSecret }: Agreement,
  keyName: string,
  materials: EncryptionMaterials
): Effect.fn.Return<EncryptionMaterials, KeyringError, Scope.Scope> {
  const { keyring, primitives, providerId } = wrapping
  const context = yield* serializeContext(keyring, "onEncrypt", materials)
  const plaintextDataKey = yield* ensureDataKey(primitives, materials)
  const keys = { sender: sender.compressed, recipient: recipient.compressed }
  const ciphertext = yield* Effect.catch(
    wrap(wrapping, fixedInfo(wrapping.curve, keys, context), sharedSecret, plaintextDataKey),
    (error) => "_tag" in error ? failKeyring(keyring, "onEncrypt", error) : failNotWrapped(keyring, keyName, error)
  )
  return append(materials, plaintextDataKey, [{
    keyProviderId: providerId,
    keyProviderInfo: encodeInfo(keys),
    ciphertext
  }])
})

/** Specification: framework/raw-ecdh-keyring.md#data-key-wrapping */
const wrap = Effect.fnUntraced(function*(
  wrapping: Wrapping,
  info: Uint8Array,
  sharedSecret: SharedSecret,
  plaintextDataKey: DataKey.DataKey
) {
  const { primitives } = wrapping
  const plaintext = DataKey.value(plaintextDataKey)
  const salt = yield* primitives.randomBytes(saltLength)
  const { commitment, wrappingKey } = yield* deriveKeys(wrapping, yield* sharedSecret, info, salt)
  const ciphertext = new Uint8Array(prefixLength + plaintext.length + tagLength)
  ciphertext.set(salt)
  ciphertext.set(commitment, saltLength)
  // The salt makes a wrapping key that is used once: only therefore may the IV be the same each time.
  const iv = new Uint8Array(ivLength)
  yield* primitives.seal(wrappingKey, [{ iv, aad: info, plaintext, output: ciphertext.subarray(prefixLength) }])
  return ciphertext
}, Effect.scoped)

/**
 * Derives commitment and wrapping key, which are zeroed and dropped when the scope closes.
 *
 * Specification: framework/key-agreement-schemas.md#key-derivation
 */
const deriveKeys = Effect.fnUntraced(function*(
  { curve, primitives }: Wrapping,
  sharedSecret: Uint8Array,
  label: Uint8Array,
  salt: Uint8Array
) {
  if (sharedSecret.length !== PublicKey.coordinateLength(curve)) {
    return yield* Effect.fail(invalidAnswer("SharedSecretLengthMismatch"))
  }
  if (bytes.isAllZero(sharedSecret)) return yield* Effect.fail(invalidAnswer("SharedSecretAllZero"))
  const length = commitmentLength + wrappingKeyLength
  const derived = yield* Effect.acquireRelease(
    Effect.sync(() => counterModeKdf(sharedSecret, { hash: "SHA-384", label, context: salt, length })),
    (derived) => Effect.sync(() => derived.fill(0))
  )
  const wrappingKey = yield* Effect.acquireRelease(
    Effect.mapError(primitives.importAesKey(Redacted.make(derived.subarray(commitmentLength))), notImported),
    (key) => Effect.sync(() => Redacted.wipeUnsafe(key))
  )
  return { commitment: derived.subarray(0, commitmentLength), wrappingKey }
})

/**
 * Chooses the encrypted data keys of a keyring's own by their public keys: the other party's public key, undefined where its
 * bytes are no point of the curve; or the reason why the encrypted data key is another's.
 */
export type SelectPeer = (keys: KeyPair) => Result.Result<PublicKey.PublicKey | undefined, string>

/**
 * Selects encrypted data keys between two key pairs. Either may be the sender's.
 *
 * Specification: framework/key-agreement-schemas.md#rawprivatekeytostaticpublickey
 */
export const between = (own: PublicKey.PublicKey, peer: PublicKey.PublicKey): SelectPeer => ({ recipient, sender }) =>
  (bytes.equals(sender, own.compressed) && bytes.equals(recipient, peer.compressed)) ||
    (bytes.equals(sender, peer.compressed) && bytes.equals(recipient, own.compressed))
    ? Result.succeed(peer)
    : Result.fail("its public keys are not the two of this keyring")

/**
 * Selects encrypted data keys of any sender's for one recipient.
 *
 * Specification: framework/key-agreement-schemas.md#publickeydiscovery
 */
export const forRecipient = (curve: PublicKey.Curve, own: PublicKey.PublicKey): SelectPeer => ({ recipient, sender }) =>
  bytes.equals(recipient, own.compressed)
    ? Result.succeed(PublicKey.fromCompressed(curve, sender))
    : Result.fail("its recipient's public key is not this keyring's")

/**
 * Tries the encrypted data keys that `selectPeer` selects, each under the secret that is shared with the other party.
 *
 * Specification: framework/raw-ecdh-keyring.md#ondecrypt, framework/aws-kms/aws-kms-ecdh-keyring.md#ondecrypt
 */
export const onDecrypt = Effect.fnUntraced(function*(
  wrapping: Wrapping,
  selectPeer: SelectPeer,
  sharedSecretWith: (peer: PublicKey.PublicKey) => SharedSecret,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
): Effect.fn.Return<OnDecryptResult, KeyringError, Scope.Scope> {
  const context = yield* serializeContext(wrapping.keyring, "onDecrypt", materials)
  return yield* unwrapFirst(
    wrapping.keyring,
    materials,
    encryptedDataKeys,
    (encryptedDataKey) => select(wrapping.curve, selectPeer, encryptedDataKey),
    ({ ciphertext, keys, peer }) =>
      peer === undefined
        ? Effect.fail(notOnCurve(wrapping.curve))
        : unwrap(wrapping, fixedInfo(wrapping.curve, keys, context), sharedSecretWith(peer), ciphertext)
  )
})

const notOnCurve = (curve: PublicKey.Curve): ProviderRefusal => ({
  failure: "InvalidCiphertext",
  code: "PublicKeyNotOnCurve",
  description: `its sender's public key is no point of ${curve}`,
  isRetryable: false
})

interface Selected {
  readonly keys: KeyPair
  readonly peer: PublicKey.PublicKey | undefined
  readonly ciphertext: Uint8Array
}

const select = (
  curve: PublicKey.Curve,
  selectPeer: SelectPeer,
  { ciphertext, keyProviderId, keyProviderInfo }: EncryptedDataKey
): Result.Result<Selected, string> => {
  const { kms, raw } = providerIds
  if (keyProviderId !== raw && keyProviderId !== kms) {
    return Result.fail(`its key provider is not ${raw}, nor ${kms}`)
  }
  const shortest = prefixLength + tagLength
  return Result.flatMap(
    decodeInfo(curve, 1 + PublicKey.coordinateLength(curve), keyProviderInfo),
    (keys) =>
      Result.flatMap(selectPeer(keys), (peer) =>
        ciphertext.length < shortest
          ? Result.fail(`its ciphertext is ${ciphertext.length} bytes, salt, commitment and tag take ${shortest}`)
          : Result.succeed({ keys, peer, ciphertext }))
  )
}

/** Specification: framework/raw-ecdh-keyring.md#data-key-unwrapping */
const unwrap = Effect.fnUntraced(function*(
  wrapping: Wrapping,
  info: Uint8Array,
  sharedSecret: SharedSecret,
  ciphertext: Uint8Array
) {
  const end = ciphertext.length - tagLength
  // The scope knows of the array before there is anything in it.
  const dataKey = yield* DataKey.zeroWithScope(DataKey.make(new Uint8Array(end - prefixLength)))
  const { primitives } = wrapping
  const opened = Effect.gen(function*() {
    const salt = ciphertext.slice(0, saltLength)
    const { commitment, wrappingKey } = yield* deriveKeys(wrapping, yield* sharedSecret, info, salt)
    if (!primitives.timingSafeEqual(commitment, ciphertext.subarray(saltLength, prefixLength))) {
      return yield* Effect.fail(invalidCiphertext("CommitmentMismatch"))
    }
    yield* Effect.mapError(
      primitives.open(wrappingKey, [{
        iv: new Uint8Array(ivLength),
        aad: info,
        ciphertext: ciphertext.subarray(prefixLength, end),
        tag: ciphertext.subarray(end),
        output: DataKey.value(dataKey)
      }]),
      () => invalidCiphertext("AuthenticationFailed")
    )
  })
  yield* Effect.tapError(Effect.scoped(opened), () => Effect.sync(() => DataKey.zero(dataKey)))
  return dataKey
})

const invalidCiphertext = (code: string): ProviderRefusal => ({
  failure: "InvalidCiphertext",
  code,
  isRetryable: false
})
