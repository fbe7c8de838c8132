/**
 * Encryption and decryption, as far as caching tells them apart.
 */
import * as Effect from "effect/Effect"
import { reject } from "../../internal/rejection.ts"
import type {
  CryptographicMaterialsManager,
  DecryptMaterialsRequest,
  EncryptionMaterialsRequest
} from "../../materials/CryptographicMaterialsManager.ts"
import * as Materials from "../../model/CryptographicMaterials.ts"
import * as EncryptedDataKey from "../../model/EncryptedDataKey.ts"
import * as CommitmentPolicy from "../../model/CommitmentPolicy.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import { DecryptError, orFailDecrypt } from "../../model/errors/DecryptError.ts"
import { EncryptError, orFailEncrypt } from "../../model/errors/EncryptError.ts"
import { InvalidOption, MaterialsManagerFailed } from "../../model/errors/Reasons.ts"
import type { MaterialsCache } from "../MaterialsCache.ts"
import type { Operation } from "./cacheable.ts"
import type { EntryKeys } from "./entryKey.ts"
import { noKeys, type Reserves } from "./reserves.ts"
import * as seeding from "./seeding.ts"
import { noUsage } from "./usage.ts"

const noRequiredKeys: ReadonlyArray<string> = /*#__PURE__*/ Object.freeze([])

/** Encryption, which seeds the decrypt cache where it is given how. */
export const encryption = (
  materialsManager: CryptographicMaterialsManager,
  cache: MaterialsCache,
  keys: EntryKeys,
  reserves: Reserves,
  seeds: seeding.Seeding | undefined
): Operation<EncryptionMaterialsRequest, Materials.CompleteEncryptionMaterials, EncryptError> => ({
  name: "encrypt",
  cache,
  read: (request) => {
    const { algorithmSuite, commitmentPolicy, maxPlaintextLength: length } = request
    if (length === undefined) return "UnknownPlaintextLength"
    if (!Number.isSafeInteger(length) || length < 0) reject(invalidLength(length))
    const encryptionContext = EncryptionContext.check(request.encryptionContext)
    const requiredEncryptionContextKeys = request.requiredEncryptionContextKeys.length === 0
      ? noRequiredKeys
      : [...new Set(request.requiredEncryptionContextKeys)]
    const copy: EncryptionMaterialsRequest = {
      encryptionContext,
      commitmentPolicy,
      algorithmSuite: algorithmSuite === undefined ? undefined : CommitmentPolicy.checkSuite(algorithmSuite),
      requiredEncryptionContextKeys,
      maxPlaintextLength: undefined
    }
    return {
      request: copy,
      encryptionContext,
      plaintextLength: length,
      charge: { messages: 1, bytes: BigInt(length) },
      isValidated: encryptionContext === request.encryptionContext
    }
  },
  key: ({ isValidated, request }) => keys.encryption(request, isValidated),
  otherKeys: (_, key) => reserves.keysOf(key),
  seed: ({ request: { commitmentPolicy, requiredEncryptionContextKeys: { length: required } } }, materials) =>
    seeds === undefined || required > 0
      ? Effect.undefined
      : seeding.prepare(seeds, materials, commitmentPolicy),
  ask: (request) => materialsManager.getEncryptionMaterials(request),
  check: Materials.checkEncryptionMaterials,
  detach: (materials) =>
    Materials.withParts(materials, {
      encryptedDataKeys: Object.freeze(materials.encryptedDataKeys.map(EncryptedDataKey.copy))
    }),
  encryptedDataKeys: (materials) => materials.encryptedDataKeys,
  orFail: orFailEncrypt,
  givenUp: (description, isRetryable) => new EncryptError({ reason: givenUp(description, isRetryable) })
})

const invalidLength = (length: number): InvalidOption =>
  new InvalidOption({
    field: "maxPlaintextLength",
    description: `must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got ${String(length)}`
  })

/**
 * Decryption, which is served from what encryption seeded where it may be. `isStable`: of requests whose list of encrypted data
 * keys never changes.
 */
export const decryption = (
  materialsManager: CryptographicMaterialsManager,
  cache: MaterialsCache,
  keys: EntryKeys,
  isSeeded: boolean,
  isStable: boolean
): Operation<DecryptMaterialsRequest, Materials.CompleteDecryptionMaterials, DecryptError> => ({
  name: "decrypt",
  cache,
  read: (request) => {
    const encryptionContext = EncryptionContext.check(request.encryptionContext)
    const expectedEncryptionContext = EncryptionContext.check(request.expectedEncryptionContext)
    const copy: DecryptMaterialsRequest = {
      algorithmSuite: CommitmentPolicy.checkSuite(request.algorithmSuite),
      commitmentPolicy: request.commitmentPolicy,
      // Copies, bytes included: the caller's may be others by the time that the fetch reads them.
      encryptedDataKeys: isStable
        ? request.encryptedDataKeys
        : Materials.checkEncryptedDataKeys(request.encryptedDataKeys),
      encryptionContext,
      expectedEncryptionContext
    }
    return {
      request: copy,
      // With the expected pairs, which are reproduced where they are not stored.
      encryptionContext: expectsNothing(copy)
        ? encryptionContext
        : { ...encryptionContext, ...expectedEncryptionContext },
      plaintextLength: undefined,
      // Charged nothing, it meets no limit but the age.
      charge: noUsage,
      isValidated: encryptionContext === request.encryptionContext
    }
  },
  key: ({ request }) => keys.decryption(request, isStable),
  otherKeys: ({ request }, key) => isSeeded && expectsNothing(request) ? [keys.own(key)] : noKeys,
  seed: () => Effect.undefined,
  ask: (request) =>
    materialsManager.decryptMaterials(
      isStable
        // What is remembered must not be another's to change.
        ? { ...request, encryptedDataKeys: request.encryptedDataKeys.map(EncryptedDataKey.copy) }
        : request
    ),
  check: Materials.checkDecryptionMaterials,
  detach: (materials) =>
    Materials.withParts(materials, { unwrappedDataKey: EncryptedDataKey.copy(materials.unwrappedDataKey) }),
  encryptedDataKeys: (materials) => [materials.unwrappedDataKey],
  orFail: orFailDecrypt,
  givenUp: (description, isRetryable) => new DecryptError({ reason: givenUp(description, isRetryable) })
})

const expectsNothing = ({ expectedEncryptionContext: expected }: DecryptMaterialsRequest): boolean =>
  expected === EncryptionContext.empty || Object.keys(expected).length === 0

const givenUp = (description: string, isRetryable: boolean): MaterialsManagerFailed =>
  new MaterialsManagerFailed({ description, isRetryable })
