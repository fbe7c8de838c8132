/**
 * The calls of `Kms` over a key store.
 */
import * as EncryptionContextCodec from "../../../message/EncryptionContextCodec.ts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { shown } from "../../../internal/printable.ts"
import * as DataKey from "../../../model/DataKey.ts"
import * as EncryptionContext from "../../../model/EncryptionContext.ts"
import * as KeyArn from "../../KeyArn.ts"
import type { AlgorithmRequest, EncryptionAlgorithm, KeyRequest, KmsRequest, Operations } from "../../Kms.ts"
import { KmsError } from "../../KmsError.ts"
import * as CiphertextBlob from "./ciphertextBlob.ts"
import { usageOf } from "./keyInfo.ts"
import type { Material } from "./keyMaterial.ts"
import type { Key, KeyStore } from "./keyStore.ts"
import { requireEnabled, resolve } from "./keyStore.ts"
import type { Refusal } from "./refusal.ts"
import { invalid, invalidCiphertext, refusal } from "./refusal.ts"
import * as Rsa from "./rsaCalls.ts"

type SymmetricMaterial = Extract<Material, { readonly _tag: "Symmetric" }>

type Request<Operation extends keyof Operations> = Parameters<Operations[Operation]>[0]

/** The calls. Each begins with `wait`. */
export const make = (store: KeyStore, wait: Effect.Effect<void>): Operations => {
  const call = <A>(operation: KmsError["operation"], { keyId }: KeyRequest, response: Effect.Effect<A, Refusal>) =>
    Effect.mapError(
      Effect.andThen(wait, response),
      (refusal) => new KmsError({ operation, keyId, ...refusal, isRetryable: false })
    )
  return {
    generateDataKey: (request) => call("GenerateDataKey", request, generateDataKey(store, request)),
    encrypt: (request) => call("Encrypt", request, encrypt(store, request)),
    decrypt: (request) => call("Decrypt", request, decrypt(store, request)),
    getPublicKey: (request) => call("GetPublicKey", request, getPublicKey(store, request)),
    deriveSharedSecret: (request) => call("DeriveSharedSecret", request, deriveSharedSecret(store, request)),
    generateDataKeyWithoutPlaintext: (request) =>
      call("GenerateDataKeyWithoutPlaintext", request, generateDataKeyWithoutPlaintext(store, request)),
    reEncrypt: (request) => call("ReEncrypt", request, reEncrypt(store, request))
  }
}

const generateDataKeyWithoutPlaintext = (store: KeyStore, request: Request<"generateDataKeyWithoutPlaintext">) =>
  Effect.map(generateDataKey(store, request), ({ ciphertextBlob, keyId, plaintext }) => {
    DataKey.zero(plaintext)
    return { keyId, ciphertextBlob }
  })

const reEncrypt = Effect.fnUntraced(function*(store: KeyStore, request: Request<"reEncrypt">) {
  const { ciphertextBlob, encryptionContext, grantTokens, keyId } = request
  const source = { keyId: request.sourceKeyId, encryptionContext: request.sourceEncryptionContext, grantTokens }
  const decrypted = yield* decrypt(store, { ...source, ciphertextBlob })
  const { plaintext } = decrypted
  const encrypted = yield* Effect.ensuring(
    encrypt(store, { keyId, encryptionContext, grantTokens, plaintext }),
    Effect.sync(() => DataKey.zero(plaintext))
  )
  return { ...encrypted, sourceKeyId: decrypted.keyId }
})

const generateDataKey = Effect.fnUntraced(function*(store: KeyStore, request: Request<"generateDataKey">) {
  const { keyId, numberOfBytes } = request
  if (!Number.isInteger(numberOfBytes) || numberOfBytes < 1 || numberOfBytes > 1024) {
    return yield* Effect.fail(invalid(`numberOfBytes is ${numberOfBytes}, must be 1 to 1024`))
  }
  const context = yield* contextOf(store, request)
  const key = yield* Effect.fromResult(resolve(store, keyId))
  const { arn, keySpec, material } = key
  if (material._tag !== "Symmetric") {
    return yield* Effect.fail(invalidKeyUsage(`${arn} has the key spec ${keySpec}: a symmetric key makes data keys.`))
  }
  yield* Effect.fromResult(requireEnabled(key))
  const plaintext = yield* store.primitives.randomBytes(numberOfBytes)
  const ciphertextBlob = yield* zeroOnFailure(
    plaintext,
    CiphertextBlob.seal(store.primitives, { arn, aesKey: material.aesKey }, context, plaintext)
  )
  return { keyId: arn, plaintext: DataKey.make(plaintext), ciphertextBlob }
})

const encrypt = Effect.fnUntraced(function*(store: KeyStore, request: Request<"encrypt">) {
  const plaintext = DataKey.value(request.plaintext)
  if (plaintext.length < 1 || plaintext.length > 4096) {
    return yield* Effect.fail(invalid(`plaintext is ${plaintext.length} bytes, must be 1 to 4096`))
  }
  const { context, key, material } = yield* encryptionKey(store, request)
  yield* Effect.fromResult(requireEnabled(key))
  return {
    keyId: key.arn,
    ciphertextBlob: material._tag === "Symmetric"
      ? yield* CiphertextBlob.seal(store.primitives, { arn: key.arn, aesKey: material.aesKey }, context, plaintext)
      : yield* Rsa.encrypt(store.primitives, key.keySpec, material, request.plaintext)
  }
})

const decrypt = Effect.fnUntraced(function*(store: KeyStore, request: Request<"decrypt">) {
  const { context, key, material } = yield* encryptionKey(store, request)
  if (material._tag === "Rsa") {
    yield* Effect.fromResult(requireEnabled(key))
    return { keyId: key.arn, plaintext: yield* Rsa.decrypt(store.primitives, material, request.ciphertextBlob) }
  }
  const blob = CiphertextBlob.parse(request.ciphertextBlob)
  if (blob === undefined) return yield* Effect.fail(invalidCiphertext)
  // A replica of a multi-Region key opens what another one made.
  if (blob.arn === undefined || !KeyArn.mrkMatchForDecrypt(key.arn, blob.arn)) return yield* Effect.fail(incorrectKey)
  yield* Effect.fromResult(requireEnabled(key))
  const plaintext = new Uint8Array(blob.ciphertext.length)
  yield* zeroOnFailure(
    plaintext,
    Effect.mapError(
      CiphertextBlob.open(store.primitives, material, context, blob, plaintext),
      () => invalidCiphertext
    )
  )
  return { keyId: key.arn, plaintext: DataKey.make(plaintext) }
})

/** The key of a request to encrypt or decrypt, whose material fits the algorithm, and the canonical bytes of the context. */
const encryptionKey = Effect.fnUntraced(function*(store: KeyStore, request: AlgorithmRequest) {
  const { encryptionAlgorithm = "SYMMETRIC_DEFAULT", keyId } = request
  const context = yield* contextOf(store, request)
  const key = yield* Effect.fromResult(resolve(store, keyId))
  const material = yield* Effect.fromResult(materialFor(key, encryptionAlgorithm))
  if (material._tag === "Rsa" && context.length > 0) {
    return yield* Effect.fail(invalid("encryptionContext: an RSA key takes none"))
  }
  return { context, key, material }
})

const materialFor = (
  { arn, keySpec, material }: Key,
  algorithm: EncryptionAlgorithm
): Result.Result<SymmetricMaterial | Rsa.PaddedMaterial, Refusal> => {
  if (material._tag === "KeyAgreement") {
    return Result.fail(invalidKeyUsage(`${arn} has the key usage KEY_AGREEMENT: it neither encrypts nor decrypts.`))
  }
  if (material._tag === "Symmetric" && algorithm === "SYMMETRIC_DEFAULT") return Result.succeed(material)
  const padding = Rsa.paddingOf(algorithm)
  if (material._tag === "Rsa" && padding !== undefined) return Result.succeed({ ...material, padding })
  return padding === undefined && algorithm !== "SYMMETRIC_DEFAULT"
    ? Result.fail(invalid(`encryptionAlgorithm is ${shown(algorithm)}, must be ${Rsa.algorithms.join(" or ")}`))
    : Result.fail(invalidKeyUsage(`${arn} has the key spec ${keySpec}, which ${algorithm} does not fit.`))
}

const getPublicKey = Effect.fnUntraced(function*(store: KeyStore, { keyId }: Request<"getPublicKey">) {
  const key = yield* Effect.fromResult(resolve(store, keyId))
  const { arn, keySpec, material } = key
  if (material._tag === "Symmetric") {
    return yield* Effect.fail(
      refusal("Rejected", "UnsupportedOperationException", `${arn} is a symmetric key: it has no public key.`)
    )
  }
  yield* Effect.fromResult(requireEnabled(key))
  return { keyId: arn, publicKey: material.publicKey.slice(), keySpec, keyUsage: usageOf(keySpec) }
})

const deriveSharedSecret = Effect.fnUntraced(function*(store: KeyStore, request: Request<"deriveSharedSecret">) {
  const key = yield* Effect.fromResult(resolve(store, request.keyId))
  const { arn, keySpec, material } = key
  if (material._tag !== "KeyAgreement") {
    return yield* Effect.fail(invalidKeyUsage(`${arn} has the key usage ENCRYPT_DECRYPT: it derives no shared secret.`))
  }
  yield* Effect.fromResult(requireEnabled(key))
  const sharedSecret = yield* Effect.mapError(
    material.derive(request.publicKey),
    () => invalid(`publicKey is no SubjectPublicKeyInfo of a key of ${keySpec}`)
  )
  return { keyId: arn, sharedSecret: Redacted.make(sharedSecret, { label: "shared-secret" }) }
})

const contextOf = (
  { maxContextLength }: KeyStore,
  { encryptionContext }: KmsRequest
): Effect.Effect<Uint8Array, Refusal> =>
  Effect.suspend(() => {
    const context = EncryptionContext.validate(encryptionContext)
    if (Result.isFailure(context)) return Effect.fail(invalid(context.failure.message))
    const length = lengthOf(context.success)
    return length > maxContextLength
      ? Effect.fail(invalid(`encryptionContext has ${length} characters, at most ${maxContextLength} are allowed`))
      : Effect.succeed(EncryptionContextCodec.encode(context.success))
  })

/** Number of characters in the keys and values of a context. */
const lengthOf = (context: EncryptionContext.EncryptionContext): number =>
  Object.entries(context).reduce((sum, [key, value]) => sum + key.length + value.length, 0)

const zeroOnFailure = <A, E>(plaintext: Uint8Array, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.onExit(effect, (exit) => Exit.isFailure(exit) ? Effect.sync(() => plaintext.fill(0)) : Effect.void)

const invalidKeyUsage = (description: string): Refusal => refusal("Rejected", "InvalidKeyUsageException", description)

const incorrectKey = /*#__PURE__*/ refusal(
  "InvalidCiphertext",
  "IncorrectKeyException",
  "The key ID in the request does not identify a CMK that can perform this operation."
)
