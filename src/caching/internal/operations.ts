/**
 * Encryption and decryption, as far as caching tells them apart.
 */
import { reject } from "../../internal/rejection.ts"
import type {
  CryptographicMaterialsManager,
  DecryptMaterialsRequest,
  EncryptionMaterialsRequest
} from "../../materials/CryptographicMaterialsManager.ts"
import * as Materials from "../../model/CryptographicMaterials.ts"
import * as EncryptedDataKey from "../../model/EncryptedDataKey.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import { DecryptError, orFailDecrypt } from "../../model/errors/DecryptError.ts"
import { EncryptError, orFailEncrypt } from "../../model/errors/EncryptError.ts"
import { InvalidOption } from "../../model/errors/Reasons.ts"
import type { MaterialsCache } from "../MaterialsCache.ts"
import type { Operation } from "./cacheable.ts"
import type { EntryKeys } from "./entryKey.ts"
import * as seeding from "./seeding.ts"
import { noUsage } from "./usage.ts"

const noKeys: ReadonlyArray<string> = /*#__PURE__*/ Object.freeze([])

/** Encryption, which seeds the decrypt cache where it is given how. */
export const encryption = (
  materialsManager: CryptographicMaterialsManager,
  cache: MaterialsCache,
  keys: EntryKeys,
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
      ? noKeys
      : [...new Set(request.requiredEncryptionContextKeys)]
    const copy: EncryptionMaterialsRequest = {
      encryptionContext,
      commitmentPolicy,
      algorithmSuite,
      requiredEncryptionContextKeys,
      maxPlaintextLength: undefined
    }
    return {
      request: copy,
      encryptionContext,
      plaintextLength: length,
      charge: { messages: 1, bytes: BigInt(length) },
      key: () => keys.encryption(copy, encryptionContext === request.encryptionContext),
      ownKey: undefined,
      seed: seeds === undefined || requiredEncryptionContextKeys.length > 0
        ? undefined
        : (materials) => seeding.prepare(seeds, materials, commitmentPolicy)
    }
  },
  ask: (request) => materialsManager.getEncryptionMaterials(request),
  check: Materials.checkEncryptionMaterials,
  detach: (materials) =>
    Materials.withParts(materials, {
      encryptedDataKeys: Object.freeze(materials.encryptedDataKeys.map(EncryptedDataKey.copy))
    }),
  encryptedDataKeys: (materials) => materials.encryptedDataKeys,
  orFail: orFailEncrypt,
  error: (reason) => new EncryptError({ reason })
})

const invalidLength = (length: number): InvalidOption =>
  new InvalidOption({
    field: "maxPlaintextLength",
    description: `must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got ${String(length)}`
  })

/** Decryption, which is served from what encryption seeded where it may be. */
export const decryption = (
  materialsManager: CryptographicMaterialsManager,
  cache: MaterialsCache,
  keys: EntryKeys,
  isSeeded: boolean
): Operation<DecryptMaterialsRequest, Materials.CompleteDecryptionMaterials, DecryptError> => ({
  name: "decrypt",
  cache,
  read: (request) => {
    const encryptionContext = EncryptionContext.check(request.encryptionContext)
    const expectedEncryptionContext = EncryptionContext.check(request.expectedEncryptionContext)
    const copy: DecryptMaterialsRequest = {
      algorithmSuite: request.algorithmSuite,
      commitmentPolicy: request.commitmentPolicy,
      encryptedDataKeys: [...request.encryptedDataKeys],
      encryptionContext,
      expectedEncryptionContext
    }
    const expectsNothing = Object.keys(expectedEncryptionContext).length === 0
    return {
      request: copy,
      // With the expected pairs, which are reproduced where they are not stored.
      encryptionContext: expectsNothing ? encryptionContext : { ...encryptionContext, ...expectedEncryptionContext },
      plaintextLength: undefined,
      // Charged nothing, it meets no limit but the age.
      charge: noUsage,
      key: () => keys.decryption(copy),
      ownKey: isSeeded && expectsNothing ? keys.own : undefined,
      seed: undefined
    }
  },
  ask: (request) => materialsManager.decryptMaterials(request),
  check: Materials.checkDecryptionMaterials,
  detach: (materials) =>
    Materials.withParts(materials, { unwrappedDataKey: EncryptedDataKey.copy(materials.unwrappedDataKey) }),
  encryptedDataKeys: (materials) => [materials.unwrappedDataKey],
  orFail: orFailDecrypt,
  error: (reason) => new DecryptError({ reason })
})
