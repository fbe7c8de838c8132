/**
 * Responses of AWS KMS: ownership of their plaintexts, their checks, and the encrypted data keys made of them.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md
 */
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as bytes from "../../internal/bytes.ts"
import { shown } from "../../internal/printable.ts"
import { guarded } from "../../materials/contract.ts"
import { invalidAnswer } from "../../materials/unwrapFirst.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../../model/CryptographicMaterials.ts"
import * as DataKey from "../../model/DataKey.ts"
import type { EncryptedDataKey } from "../../model/EncryptedDataKey.ts"
import { BrokenContract } from "../../model/errors/BrokenContract.ts"
import type { ProviderRefusal } from "../../model/errors/KeyringError.ts"
import * as KeyArn from "../KeyArn.ts"
import type { Operations } from "../Kms.ts"
import { KmsError } from "../KmsError.ts"

/** The key provider id of encrypted data keys that AWS KMS wrapped. */
export const providerId = "aws-kms"

/**
 * A call of a `Kms`, which may be the user's own: fails with `BrokenContract` where it throws, returns no Effect, fails with
 * another error than a `KmsError`, or where its response lacks a field. The response is a copy.
 */
export const callKms = <A extends object>(
  operation: keyof Operations,
  call: () => Effect.Effect<A, KmsError>
): Effect.Effect<A, KmsError | BrokenContract> =>
  Effect.flatMap(guarded(`Kms.${operation}`, KmsError, call, (breach) => breach), (response) => {
    const fields = fieldsOf(operation, response)
    const fault = fields === undefined ? "that is no object" : faultOf(operation, fields)
    if (fault === undefined) return Effect.succeed(fields as A)
    for (const field of Object.values(fields ?? {})) if (DataKey.isDataKey(field)) DataKey.zero(field)
    return Effect.fail(new BrokenContract({ part: `Kms.${operation}`, description: `returned a response ${fault}` }))
  })

type Fields = Readonly<Record<string, unknown>>

/** The fields of a response, each read once: an instance of a class may compute them. One that cannot be read is missing. */
const fieldsOf = (operation: keyof Operations, response: unknown): Fields | undefined => {
  if (typeof response !== "object" || response === null) return undefined
  const fields: Record<string, unknown> = {}
  for (const name of Object.keys(forms[operation])) {
    try {
      fields[name] = (response as Fields)[name]
    } catch {
      fields[name] = undefined
    }
  }
  return fields
}

const faultOf = (operation: keyof Operations, fields: Fields): string | undefined =>
  Object.entries(forms[operation]).map(([field, faultIn]) => faultIn(fields[field], field)).find((fault) =>
    fault !== undefined
  )

type FaultIn = (value: unknown, field: string) => string | undefined

const keyArn: FaultIn = (value, field) => typeof value === "string" ? undefined : `without ${field}, the ARN of the key`

const text: FaultIn = (value, field) => typeof value === "string" ? undefined : `without ${field}`

const binary: FaultIn = (value, field) => bytes.isBytes(value) ? undefined : `without ${field}`

const secret = (type: string): FaultIn => (value, field) =>
  DataKey.isDataKey(value) ? undefined : `without ${field}, ${type}`

/** The fields of each response that are read. */
const forms: Readonly<Record<keyof Operations, Readonly<Record<string, FaultIn>>>> = /*#__PURE__*/ (() => ({
  generateDataKey: { keyId: keyArn, ciphertextBlob: binary, plaintext: secret("a DataKey") },
  encrypt: { keyId: keyArn, ciphertextBlob: binary },
  decrypt: { keyId: keyArn, plaintext: secret("a DataKey") },
  getPublicKey: { keyId: keyArn, publicKey: binary, keySpec: text, keyUsage: text },
  deriveSharedSecret: { keyId: keyArn, sharedSecret: secret("a Redacted of bytes") },
  generateDataKeyWithoutPlaintext: { keyId: keyArn, ciphertextBlob: binary },
  reEncrypt: { keyId: keyArn, sourceKeyId: keyArn, ciphertextBlob: binary }
}))()

/** A response, whose plaintext is zeroed when the scope closes. */
export const own = <A extends { readonly plaintext: DataKey.DataKey }, E>(
  call: Effect.Effect<A, E>
): Effect.Effect<A, E, Scope.Scope> => owning(call, ({ plaintext }) => plaintext)

/**
 * A response, whose secret is zeroed when the scope closes. From the moment that the secret arrives, the fiber yields to
 * no other until the scope knows of it: an interruption in between would leave it behind.
 */
export const owning = <A extends object, E>(
  call: Effect.Effect<A, E>,
  secretOf: (response: A) => DataKey.DataKey
): Effect.Effect<A, E, Scope.Scope> =>
  Effect.acquireRelease(
    call,
    (response) => Effect.sync(() => DataKey.zero(secretOf(response))),
    { interruptible: true }
  ).pipe(Effect.provideService(References.PreventSchedulerYield, true))

/** Returns the fault of a plaintext data key: one of another length than the suite's, or of zeroes. */
export const checkPlaintext = (
  plaintext: DataKey.DataKey,
  { algorithmSuite }: EncryptionMaterials | DecryptionMaterials
): ProviderRefusal | undefined =>
  DataKey.value(plaintext).length !== algorithmSuite.dataKeyLength
    ? invalidAnswer("PlaintextLengthMismatch")
    : DataKey.isAllZero(plaintext)
    ? invalidAnswer("PlaintextAllZero")
    : undefined

/** A wrapped data key as AWS KMS returns it. `keyId` is the ARN of the key that wrapped it. */
export interface Wrapped {
  readonly keyId: string
  readonly ciphertextBlob: Uint8Array
}

/** Returns the fault of a wrapped data key: one without key ARN, or without ciphertext. */
export const checkWrapped = ({ ciphertextBlob, keyId }: Wrapped): ProviderRefusal | undefined =>
  !KeyArn.isKeyArn(keyId)
    ? { ...invalidAnswer("KeyIdNotAKeyArn"), description: `must be a key ARN, got ${named(keyId)}` }
    : ciphertextBlob.length === 0
    ? invalidAnswer("CiphertextBlobEmpty")
    : undefined

/** A key's name as an error shows it. What does not begin as one is not quoted: a response may hold a secret. */
const named = (keyId: string): string =>
  /^(arn:|alias\/|mrk-|[0-9a-f]{8}-|$)/.test(keyId) ? shown(keyId) : `a text of ${keyId.length} characters`

/** The encrypted data key of a wrapped data key. */
export const toEncryptedDataKey = ({ ciphertextBlob, keyId }: Wrapped): EncryptedDataKey => ({
  keyProviderId: providerId,
  keyProviderInfo: bytes.utf8(keyId),
  ciphertext: new Uint8Array(ciphertextBlob)
})
