/**
 * The calls of `Kms` over a key store.
 */
import * as EncryptionContextCodec from "../../../message/EncryptionContextCodec.ts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as DataKey from "../../../model/DataKey.ts"
import * as EncryptionContext from "../../../model/EncryptionContext.ts"
import * as KeyArn from "../../KeyArn.ts"
import type { KeyRequest, KmsRequest, Operations } from "../../Kms.ts"
import { KmsError } from "../../KmsError.ts"
import * as CiphertextBlob from "./ciphertextBlob.ts"
import type { KeyStore } from "./keyStore.ts"
import { resolve, resolveEnabled } from "./keyStore.ts"
import type { Refusal } from "./refusal.ts"
import { refusal } from "./refusal.ts"

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
    getPublicKey: (request) => call("GetPublicKey", request, symmetricOnly(store, request)),
    deriveSharedSecret: (request) => call("DeriveSharedSecret", request, symmetricOnly(store, request)),
    generateDataKeyWithoutPlaintext: (request) =>
      call("GenerateDataKeyWithoutPlaintext", request, generateDataKeyWithoutPlaintext(store, request)),
    reEncrypt: (request) => call("ReEncrypt", request, reEncrypt(store, request))
  }
}

const symmetricOnly = (store: KeyStore, { keyId }: KeyRequest): Effect.Effect<never, Refusal> =>
  Effect.flatMap(
    Effect.fromResult(resolve(store, keyId)),
    ({ arn }) => Effect.fail(refusal("Rejected", "UnsupportedOperationException", `${arn} is a symmetric key.`))
  )

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
  const { numberOfBytes } = request
  if (!Number.isInteger(numberOfBytes) || numberOfBytes < 1 || numberOfBytes > 1024) {
    return yield* Effect.fail(invalid(`numberOfBytes is ${numberOfBytes}, must be 1 to 1024`))
  }
  const context = yield* contextOf(store, request)
  const key = yield* Effect.fromResult(resolveEnabled(store, request.keyId))
  const plaintext = yield* store.primitives.randomBytes(numberOfBytes)
  const ciphertextBlob = yield* zeroOnFailure(
    plaintext,
    CiphertextBlob.seal(store.primitives, key, context, plaintext)
  )
  return { keyId: key.arn, plaintext: DataKey.make(plaintext), ciphertextBlob }
})

const encrypt = Effect.fnUntraced(function*(store: KeyStore, request: Request<"encrypt">) {
  const plaintext = DataKey.value(request.plaintext)
  if (plaintext.length < 1 || plaintext.length > 4096) {
    return yield* Effect.fail(invalid(`plaintext is ${plaintext.length} bytes, must be 1 to 4096`))
  }
  const context = yield* contextOf(store, request)
  const key = yield* Effect.fromResult(resolveEnabled(store, request.keyId))
  return {
    keyId: key.arn,
    ciphertextBlob: yield* CiphertextBlob.seal(store.primitives, key, context, plaintext)
  }
})

const decrypt = Effect.fnUntraced(function*(store: KeyStore, request: Request<"decrypt">) {
  const context = yield* contextOf(store, request)
  const blob = CiphertextBlob.parse(request.ciphertextBlob)
  if (blob === undefined) return yield* Effect.fail(invalidCiphertext)
  const named = yield* Effect.fromResult(resolve(store, request.keyId))
  // A replica of a multi-Region key opens what another one made.
  if (blob.arn === undefined || !KeyArn.mrkMatchForDecrypt(named.arn, blob.arn)) return yield* Effect.fail(incorrectKey)
  const key = yield* Effect.fromResult(resolveEnabled(store, request.keyId))
  const plaintext = new Uint8Array(blob.ciphertext.length)
  yield* zeroOnFailure(
    plaintext,
    Effect.mapError(CiphertextBlob.open(store.primitives, key, context, blob, plaintext), () => invalidCiphertext)
  )
  return { keyId: key.arn, plaintext: DataKey.make(plaintext) }
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

const invalid = (description: string): Refusal => refusal("Rejected", "ValidationException", description)

const invalidCiphertext = /*#__PURE__*/ refusal("InvalidCiphertext", "InvalidCiphertextException", "")

const incorrectKey = /*#__PURE__*/ refusal(
  "InvalidCiphertext",
  "IncorrectKeyException",
  "The key ID in the request does not identify a CMK that can perform this operation."
)
