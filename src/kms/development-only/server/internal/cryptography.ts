/**
 * Operations that encrypt, decrypt, make data keys and derive secrets.
 *
 * Each may be a dry run, which does all that the call would do, throws the result away, and fails with
 * `DryRunOperationException`. Grant tokens are read and passed over.
 */
import * as Base64 from "effect/encoding/Base64"
import * as Effect from "effect/Effect"
import * as DataKey from "../../../../model/DataKey.ts"
import type { AlgorithmRequest } from "../../../Kms.ts"
import type { KmsError } from "../../../KmsError.ts"
import type { Services } from "../../EmbeddedKms.ts"
import type { Fault } from "./fault.ts"
import { fail, fault, invalid } from "./fault.ts"
import type { Body } from "./fields.ts"
import { reader } from "./fields.ts"
import type { Place } from "./identifiers.ts"
import * as Identifiers from "./identifiers.ts"

/** An operation: the response to a request, as JSON. Undefined is an empty one. */
export type Operation = (body: Body, place: Place) => Effect.Effect<object | undefined, Fault>

const common = ["grantTokens", "dryRun"] as const

const toFault = ({ code, description }: KmsError): Fault => fault(code, description)

const keyOf = (keyId: string, grantTokens: ReadonlyArray<string> | undefined) => ({
  keyId,
  grantTokens: grantTokens ?? []
})

/** The response, or the one to a dry run that would have succeeded. */
const unlessDry = <E>(
  dryRun: boolean | undefined,
  response: Effect.Effect<object, E>
): Effect.Effect<object, E | Fault> =>
  dryRun === true
    ? Effect.andThen(response, fail("DryRunOperationException", "The request would have succeeded, but DryRun is set."))
    : response

/** Base64 of a secret, which is zeroed. */
const takeOver = (secret: DataKey.DataKey): string => {
  const text = Base64.encode(DataKey.value(secret))
  DataKey.zero(secret)
  return text
}

const readGenerate = /*#__PURE__*/ reader({
  required: ["keyId"],
  optional: ["numberOfBytes", "dataKeySpec", "encryptionContext", ...common]
})

/** The fields that both operations for data keys read. */
const generateRequest = Effect.fnUntraced(function*(body: Body, place: Place) {
  const { dataKeySpec, dryRun, encryptionContext = {}, grantTokens, keyId, numberOfBytes } = yield* Effect.fromResult(
    readGenerate(body)
  )
  if ((dataKeySpec === undefined) === (numberOfBytes === undefined)) {
    return yield* Effect.fail(invalid("NumberOfBytes", "give either that or KeySpec"))
  }
  const length = numberOfBytes ?? (dataKeySpec === "AES_128" ? 16 : 32)
  const request = { ...keyOf(yield* Identifiers.toArn(keyId, place), grantTokens), encryptionContext }
  return { dryRun, request: { ...request, numberOfBytes: length } }
})

const generateDataKey = ({ kms }: Services): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const { dryRun, request } = yield* generateRequest(body, place)
    return yield* unlessDry(
      dryRun,
      Effect.map(Effect.mapError(kms.generateDataKey(request), toFault), ({ ciphertextBlob, keyId, plaintext }) => ({
        KeyId: keyId,
        Plaintext: takeOver(plaintext),
        CiphertextBlob: Base64.encode(ciphertextBlob)
      }))
    )
  })

const generateDataKeyWithoutPlaintext = ({ kms }: Services): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const { dryRun, request } = yield* generateRequest(body, place)
    return yield* unlessDry(
      dryRun,
      Effect.map(
        Effect.mapError(kms.generateDataKeyWithoutPlaintext(request), toFault),
        ({ ciphertextBlob, keyId }) => ({ KeyId: keyId, CiphertextBlob: Base64.encode(ciphertextBlob) })
      )
    )
  })

const readEncrypt = /*#__PURE__*/ reader({
  required: ["keyId", "plaintext"],
  optional: ["encryptionContext", "encryptionAlgorithm", ...common]
})

const encrypt = ({ kms }: Services): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const { dryRun, encryptionAlgorithm, encryptionContext = {}, grantTokens, keyId, plaintext } = yield* Effect
      .fromResult(readEncrypt(body))
    const secret = DataKey.make(plaintext)
    const encrypted = Effect.flatMap(
      Identifiers.toArn(keyId, place),
      (arn) =>
        Effect.mapError(
          kms.encrypt({ ...keyOf(arn, grantTokens), encryptionContext, encryptionAlgorithm, plaintext: secret }),
          toFault
        )
    )
    return yield* unlessDry(
      dryRun,
      Effect.map(zeroAfter(secret, encrypted), ({ ciphertextBlob, keyId }) => ({
        KeyId: keyId,
        CiphertextBlob: Base64.encode(ciphertextBlob),
        EncryptionAlgorithm: encryptionAlgorithm ?? "SYMMETRIC_DEFAULT"
      }))
    )
  })

const zeroAfter = <A, E>(secret: DataKey.DataKey, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.ensuring(effect, Effect.sync(() => DataKey.zero(secret)))

/** Decrypts. A key that the request does not name is the one that the ciphertext names, which only those of symmetric keys do. */
const open = Effect.fnUntraced(function*(
  { control, kms }: Services,
  request: Omit<AlgorithmRequest, "keyId"> & {
    readonly keyId: string | undefined
    readonly ciphertextBlob: Uint8Array
  },
  keyField: string,
  place: Place
) {
  const { ciphertextBlob, encryptionAlgorithm = "SYMMETRIC_DEFAULT", keyId: named } = request
  if (named === undefined && encryptionAlgorithm !== "SYMMETRIC_DEFAULT") {
    return yield* Effect.fail(invalid(keyField, `is missing, and ${encryptionAlgorithm} needs it`))
  }
  const keyId = named === undefined
    ? yield* Identifiers.wrappingKey(control.wrappedBy(ciphertextBlob), place)
    : yield* Identifiers.toArn(named, place)
  return yield* Effect.catch(
    kms.decrypt({ ...request, keyId, encryptionAlgorithm }),
    (error) =>
      named === undefined && error.failure === "KeyNotFound" ? Identifiers.noAccess : Effect.fail(toFault(error))
  )
})

const readDecrypt = /*#__PURE__*/ reader({
  required: ["ciphertextBlob"],
  optional: ["keyId", "encryptionContext", "encryptionAlgorithm", ...common]
})

const decrypt = (services: Services): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const { ciphertextBlob, dryRun, encryptionAlgorithm, encryptionContext = {}, grantTokens = [], keyId } =
      yield* Effect.fromResult(readDecrypt(body))
    const request = { keyId, ciphertextBlob, encryptionAlgorithm, encryptionContext, grantTokens }
    return yield* unlessDry(
      dryRun,
      Effect.map(open(services, request, "KeyId", place), ({ keyId, plaintext }) => ({
        KeyId: keyId,
        Plaintext: takeOver(plaintext),
        EncryptionAlgorithm: encryptionAlgorithm ?? "SYMMETRIC_DEFAULT"
      }))
    )
  })

const readReEncrypt = /*#__PURE__*/ reader({
  required: ["ciphertextBlob", "destinationKeyId"],
  optional: [
    "sourceKeyId",
    "sourceEncryptionContext",
    "destinationEncryptionContext",
    "sourceEncryptionAlgorithm",
    "destinationEncryptionAlgorithm",
    ...common
  ]
})

/** The plaintext is in this process in between: the port's own call knows no algorithms. */
const reEncrypt = (services: Services): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const request = yield* Effect.fromResult(readReEncrypt(body))
    const { ciphertextBlob, destinationEncryptionAlgorithm, grantTokens = [], sourceEncryptionAlgorithm } = request
    const source = open(
      services,
      {
        keyId: request.sourceKeyId,
        ciphertextBlob,
        encryptionAlgorithm: sourceEncryptionAlgorithm,
        encryptionContext: request.sourceEncryptionContext ?? {},
        grantTokens
      },
      "SourceKeyId",
      place
    )
    const destination = yield* Identifiers.toArn(request.destinationKeyId, place)
    const moved = Effect.flatMap(source, ({ keyId, plaintext }) =>
      Effect.map(
        zeroAfter(
          plaintext,
          Effect.mapError(
            services.kms.encrypt({
              ...keyOf(destination, grantTokens),
              plaintext,
              encryptionAlgorithm: destinationEncryptionAlgorithm,
              encryptionContext: request.destinationEncryptionContext ?? {}
            }),
            toFault
          )
        ),
        (encrypted) => ({
          KeyId: encrypted.keyId,
          SourceKeyId: keyId,
          CiphertextBlob: Base64.encode(encrypted.ciphertextBlob),
          SourceEncryptionAlgorithm: sourceEncryptionAlgorithm ?? "SYMMETRIC_DEFAULT",
          DestinationEncryptionAlgorithm: destinationEncryptionAlgorithm ?? "SYMMETRIC_DEFAULT"
        })
      ))
    return yield* unlessDry(request.dryRun, moved)
  })

const readGetPublicKey = /*#__PURE__*/ reader({ required: ["keyId"], optional: ["grantTokens"] })

const getPublicKey = ({ kms }: Services): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const { grantTokens, keyId: named } = yield* Effect.fromResult(readGetPublicKey(body))
    const arn = yield* Identifiers.toArn(named, place)
    const { keyId, keySpec, keyUsage, publicKey } = yield* Effect.mapError(
      kms.getPublicKey(keyOf(arn, grantTokens)),
      toFault
    )
    return {
      KeyId: keyId,
      PublicKey: Base64.encode(publicKey),
      CustomerMasterKeySpec: keySpec,
      KeySpec: keySpec,
      KeyUsage: keyUsage,
      ...algorithmsOf(keySpec)
    }
  })

/** The algorithms of a key spec, as descriptions of keys and public keys have them. */
export const algorithmsOf = (keySpec: string): object =>
  keySpec === "SYMMETRIC_DEFAULT"
    ? { EncryptionAlgorithms: ["SYMMETRIC_DEFAULT"] }
    : keySpec.startsWith("RSA_")
    ? { EncryptionAlgorithms: ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"] }
    : { KeyAgreementAlgorithms: ["ECDH"] }

const readDeriveSharedSecret = /*#__PURE__*/ reader({
  required: ["keyId", "keyAgreementAlgorithm", "publicKey"],
  optional: common
})

const deriveSharedSecret = ({ kms }: Services): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const { dryRun, grantTokens, keyAgreementAlgorithm, keyId, publicKey } = yield* Effect.fromResult(
      readDeriveSharedSecret(body)
    )
    const arn = yield* Identifiers.toArn(keyId, place)
    const derived = Effect.mapError(kms.deriveSharedSecret({ ...keyOf(arn, grantTokens), publicKey }), toFault)
    return yield* unlessDry(
      dryRun,
      Effect.map(derived, ({ keyId, sharedSecret }) => ({
        KeyId: keyId,
        SharedSecret: takeOver(sharedSecret),
        KeyAgreementAlgorithm: keyAgreementAlgorithm,
        KeyOrigin: "AWS_KMS"
      }))
    )
  })

/** The operations, by their names. */
export const operations = (services: Services): Readonly<Record<string, Operation>> => ({
  GenerateDataKey: generateDataKey(services),
  GenerateDataKeyWithoutPlaintext: generateDataKeyWithoutPlaintext(services),
  Encrypt: encrypt(services),
  Decrypt: decrypt(services),
  ReEncrypt: reEncrypt(services),
  GetPublicKey: getPublicKey(services),
  DeriveSharedSecret: deriveSharedSecret(services)
})
