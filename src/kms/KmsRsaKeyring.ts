/**
 * A keyring over one RSA key pair of AWS KMS: it wraps with the public key, in this process, and AWS KMS unwraps.
 *
 * Specification: framework/aws-kms/aws-kms-rsa-keyring.md
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { RsaPadding, RsaPublicKey } from "../crypto/Primitives.ts"
import { Primitives } from "../crypto/Primitives.ts"
import * as bytes from "../internal/bytes.ts"
import * as Pem from "../internal/pem.ts"
import { shown } from "../internal/printable.ts"
import * as Keyring from "../materials/Keyring.ts"
import { checkLocked, failImport, failMisconfigured, failNotWrapped, optionsOf } from "../materials/keyringFailures.ts"
import { invalidAnswer, unwrapFirst } from "../materials/unwrapFirst.ts"
import { append, ensureDataKey, serializeContext } from "../materials/wrapping.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { KeyringError, ProviderRefusal } from "../model/errors/KeyringError.ts"
import { callerOf, decrypt, type DecryptCaller, GrantTokens, grantTokensBounds } from "./calls.ts"
import { checkKeyArns, selectKey } from "./internal/keySelection.ts"
import * as KeyArn from "./KeyArn.ts"
import type { EncryptionAlgorithm } from "./Kms.ts"
import { KmsDecrypt } from "./Kms.ts"

const paddings = { RSAES_OAEP_SHA_1: "OAEP-SHA1", RSAES_OAEP_SHA_256: "OAEP-SHA256" } as const satisfies Partial<
  Record<EncryptionAlgorithm, RsaPadding>
>

const names = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"] as const

/** PEM text, or DER as `GetPublicKey` returns it. */
const PublicKey = /*#__PURE__*/ Schema.declare(Pem.isTextOrDer)

const common = /*#__PURE__*/ (() => ({
  /** ARN of the RSA key. Any replica's, for a multi-Region key: it is the one that is called. */
  keyId: Schema.String,
  /** The algorithm of wrapping and unwrapping: messages do not name it. */
  encryptionAlgorithm: Schema.Literals(names)
} as const))()

/** Options of a KMS RSA keyring. */
export const Options = /*#__PURE__*/ (() =>
  Schema.Struct({
    ...common,
    /**
     * The public key: PEM of a `SubjectPublicKeyInfo`, or its DER, at least 2048 bits. Without it the keyring only decrypts. Nothing
     * checks that it is that of the key ARN.
     */
    publicKey: Schema.optional(PublicKey),
    /** Grant tokens that every call is sent with. */
    grantTokens: GrantTokens
  }))()

/** See the schema of the same name. */
export type Options = typeof Options.Type

/** Options of a KMS RSA keyring that only encrypts. */
export const EncryptOnlyOptions = /*#__PURE__*/ (() => Schema.Struct({ ...common, publicKey: PublicKey }))()

/** See the schema of the same name. */
export type EncryptOnlyOptions = typeof EncryptOnlyOptions.Type

const name = "KmsRsaKeyring"
const providerId = "aws-kms-rsa"
/** Bytes of a SHA-384 digest of the encryption context, which stands before the data key. */
const digestLength = 48

/**
 * A keyring over an RSA key pair of AWS KMS. To encrypt, it wraps with the public key, without a call. To decrypt, it tries the
 * encrypted data keys that name its key or another replica of it, in order, each with one `Decrypt`. The encryption context is
 * bound to the data key by its digest, which the keyring compares itself: RSA keys of AWS KMS take no context.
 *
 * Fails with `KeyringMisconfigured` where the key is not named by its ARN, the algorithm is unknown, or the public key is no RSA
 * key of at least 2048 bits; with `NotLoaded` where the code for RSA could not be loaded.
 *
 * **Gotchas**
 *
 * Encryption and decryption fail with an algorithm suite that signs, and the default suite signs: choose
 * `ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY`. All who have the public key can write messages, so a signature would say nothing.
 *
 * An encrypted data key of a KMS RSA keyring that names no key ARN makes the whole decrypt fail, before any call.
 *
 * Specification: framework/aws-kms/aws-kms-rsa-keyring.md#initialization
 */
export const make: (
  options: Options
) => Effect.Effect<Keyring.Keyring, KeyringError, Primitives | KmsDecrypt> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: Options) {
    const { grantTokens, ...checked } = yield* checkOptions(options)
    const pair = yield* makePair(checked)
    const caller = callerOf(yield* KmsDecrypt, grantTokens)
    return Keyring.make({
      name,
      onEncrypt: (materials) => onEncrypt(pair, materials),
      onDecrypt: (materials, encryptedDataKeys) => onDecrypt(pair, caller, materials, encryptedDataKeys)
    })
  }
)

/** A keyring as `make` returns it, for a program that has the public key and no access to AWS KMS. It does not decrypt. */
export const makeEncryptOnly: (
  options: EncryptOnlyOptions
) => Effect.Effect<Keyring.Keyring, KeyringError, Primitives> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: EncryptOnlyOptions) {
    const pair = yield* makePair(yield* checkEncryptOnlyOptions(options))
    return Keyring.make({
      name,
      onEncrypt: (materials) => onEncrypt(pair, materials),
      onDecrypt: () =>
        failMisconfigured(name, "onDecrypt", "keyring", "only encrypts: make one with KmsRsaKeyring.make to decrypt")
    })
  }
)

/** `make` as the keyring of this program. */
export const layer = (options: Options): Layer.Layer<Keyring.Keyring, KeyringError, Primitives | KmsDecrypt> =>
  Layer.effect(Keyring.Keyring, make(options))

/** `layer` with options from configuration. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Keyring.Keyring, KeyringError | Config.ConfigError, Primitives | KmsDecrypt> =>
  Layer.effect(Keyring.Keyring, Effect.flatMap(Config.unwrap(options), make))

/** `makeEncryptOnly` as the keyring of this program. */
export const layerEncryptOnly = (
  options: EncryptOnlyOptions
): Layer.Layer<Keyring.Keyring, KeyringError, Primitives> => Layer.effect(Keyring.Keyring, makeEncryptOnly(options))

const commonBounds = {
  keyId: "must be a key ARN",
  encryptionAlgorithm: () => `must be one of ${names.join(", ")}`,
  publicKey: "must be PEM text, or DER bytes"
}

const checkOptions = /*#__PURE__*/ optionsOf(name, "a KMS RSA keyring", Options, {
  ...commonBounds,
  ...grantTokensBounds
})

const checkEncryptOnlyOptions = /*#__PURE__*/ optionsOf(
  name,
  "a KMS RSA keyring that only encrypts",
  EncryptOnlyOptions,
  commonBounds
)

/** The key pair as this process has it. */
interface Pair {
  readonly primitives: Primitives
  readonly keyArn: string
  readonly encryptionAlgorithm: keyof typeof paddings
  readonly padding: RsaPadding
  readonly publicKey: RsaPublicKey | undefined
}

const makePair = Effect.fnUntraced(function*(
  { encryptionAlgorithm, keyId, publicKey }: Omit<Options, "grantTokens">
): Effect.fn.Return<Pair, KeyringError, Primitives> {
  const primitives = yield* Primitives
  // The specification takes a key id too; what it wrapped would name no key ARN, and so nothing would read it.
  if (!KeyArn.isKeyArn(keyId)) {
    return yield* failMisconfigured(name, "make", "keyId", `must be a key ARN, got ${shown(keyId)}`)
  }
  const gone = typeof publicKey === "object" ? bytes.findGone(publicKey) : undefined
  if (gone !== undefined) return yield* failMisconfigured(name, "make", "publicKey", gone)
  const padding = paddings[encryptionAlgorithm]
  return {
    primitives,
    keyArn: keyId,
    encryptionAlgorithm,
    padding,
    publicKey: publicKey === undefined ? undefined : yield* Effect.catch(
      primitives.importRsaPublicKey(
        typeof publicKey === "string" ? publicKey : Pem.write(publicKey, Pem.publicKey),
        padding
      ),
      (error) => failImport(name, "publicKey", error)
    )
  }
})

/** Specification: framework/aws-kms/aws-kms-rsa-keyring.md#security-considerations */
const checkUnsigned = (
  operation: KeyringError["operation"],
  { algorithmSuite }: EncryptionMaterials | DecryptionMaterials
): Effect.Effect<void, KeyringError> =>
  algorithmSuite.signature === undefined
    ? Effect.void
    : failMisconfigured(
      name,
      operation,
      "algorithmSuite",
      `is ${algorithmSuite.name}, which signs: a KMS RSA keyring takes only suites that do not, such as ` +
        "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY"
    )

/** Specification: framework/aws-kms/aws-kms-rsa-keyring.md#onencrypt */
const onEncrypt = Effect.fnUntraced(function*(pair: Pair, materials: EncryptionMaterials) {
  const { keyArn, padding, primitives, publicKey } = pair
  if (publicKey === undefined) {
    return yield* failMisconfigured(name, "onEncrypt", "publicKey", "is missing: this keyring can only decrypt")
  }
  yield* checkUnsigned("onEncrypt", materials)
  const digest = yield* digestOf(primitives, "onEncrypt", materials)
  const plaintextDataKey = yield* ensureDataKey(primitives, materials)
  const ciphertext = yield* Effect.acquireUseRelease(
    Effect.sync(() => DataKey.make(bytes.concat([digest, DataKey.value(plaintextDataKey)]))),
    (plaintext) => primitives.rsaEncrypt(publicKey, padding, plaintext),
    (plaintext) => Effect.sync(() => DataKey.zero(plaintext))
  ).pipe(
    Effect.catch(({ reason }) =>
      failNotWrapped(name, keyArn, { failure: "Rejected", code: reason, isRetryable: false })
    )
  )
  return append(materials, plaintextDataKey, [{
    keyProviderId: providerId,
    keyProviderInfo: bytes.utf8(keyArn),
    ciphertext
  }])
})

/** Specification: framework/aws-kms/aws-kms-rsa-keyring.md#ondecrypt */
const onDecrypt = Effect.fnUntraced(function*(
  pair: Pair,
  caller: DecryptCaller,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
): Effect.fn.Return<Keyring.OnDecryptResult, KeyringError, Scope.Scope> {
  yield* checkLocked(name, materials)
  yield* checkUnsigned("onDecrypt", materials)
  yield* checkKeyArns(name, encryptedDataKeys, providerId)
  const digest = yield* digestOf(pair.primitives, "onDecrypt", materials)
  return yield* unwrapFirst(
    name,
    materials,
    encryptedDataKeys,
    (encryptedDataKey) =>
      Result.map(
        selectKey([pair.keyArn], KeyArn.mrkMatchForDecrypt, encryptedDataKey, providerId),
        () => encryptedDataKey.ciphertext
      ),
    (ciphertext) => unwrap(pair, caller, digest, ciphertext, materials)
  )
})

/** Specification: framework/aws-kms/aws-kms-rsa-keyring.md#encryption-context-digest */
const digestOf = (
  primitives: Primitives,
  operation: KeyringError["operation"],
  materials: EncryptionMaterials | DecryptionMaterials
) => Effect.flatMap(serializeContext(name, operation, materials), (context) => primitives.sha384(context))

const unwrap = Effect.fnUntraced(function*(
  { encryptionAlgorithm, keyArn, primitives }: Pair,
  caller: DecryptCaller,
  digest: Uint8Array,
  ciphertext: Uint8Array,
  { algorithmSuite }: DecryptionMaterials
) {
  const request = {
    keyId: keyArn,
    encryptionContext: {},
    grantTokens: caller.grantTokens,
    encryptionAlgorithm,
    ciphertextBlob: new Uint8Array(ciphertext)
  }
  const plaintext = yield* decrypt(caller, request, (plaintext) => {
    const value = DataKey.value(plaintext)
    return value.length !== digestLength + algorithmSuite.dataKeyLength
      ? invalidAnswer("PlaintextLengthMismatch")
      : primitives.timingSafeEqual(value.slice(0, digestLength), digest)
      ? undefined
      : anotherContext
  })
  return yield* Effect.acquireRelease(
    Effect.sync(() => {
      const key = DataKey.copyFrom(DataKey.value(plaintext).subarray(digestLength))
      DataKey.zero(plaintext)
      return key
    }),
    (key) => Effect.sync(() => DataKey.zero(key))
  )
})

const anotherContext: ProviderRefusal = {
  failure: "InvalidCiphertext",
  code: "EncryptionContextDigestMismatch",
  description: "it was wrapped for another encryption context",
  isRetryable: false
}
