/**
 * Seeding: the data key that was fetched for encryption, as a decryption entry for this manager alone.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type { Primitives, VerificationKey } from "../../crypto/Primitives.ts"
import * as AlgorithmSuite from "../../model/AlgorithmSuite.ts"
import * as CommitmentPolicy from "../../model/CommitmentPolicy.ts"
import type { CompleteDecryptionMaterials, CompleteEncryptionMaterials } from "../../model/CryptographicMaterials.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import type { MaterialsCache } from "../MaterialsCache.ts"
import { type CacheAccess, put } from "./cacheAccess.ts"
import { Entry } from "./entry.ts"
import type { EntryKeys } from "./entryKey.ts"
import type { Instant } from "../../internal/instant.ts"
import { noUsage } from "./usage.ts"

/** The part of a manager that seeds. */
export interface Seeding {
  readonly access: CacheAccess
  readonly keys: EntryKeys
  readonly primitives: Primitives
  /** The cache of decryption entries. */
  readonly cache: MaterialsCache
}

/** Puts the prepared entry, with the time of creation of the encryption entry and a copy of its data key. */
export type Seed = (createdAt: Instant) => void

/** Prepares the seed of encryption materials; none where the suite's materials are not cached. */
export const prepare = /*#__PURE__*/ Effect.fnUntraced(function*(
  seeding: Seeding,
  materials: CompleteEncryptionMaterials,
  commitmentPolicy: CommitmentPolicy.CommitmentPolicy
): Effect.fn.Return<Seed | undefined> {
  const { algorithmSuite, encryptedDataKeys, encryptionContext } = materials
  if (
    !AlgorithmSuite.isCacheable(algorithmSuite) || !CommitmentPolicy.allowsDecrypt(commitmentPolicy, algorithmSuite)
  ) return undefined
  const key = seeding.keys.own(
    yield* seeding.keys.decryption({
      algorithmSuite,
      commitmentPolicy,
      encryptedDataKeys,
      encryptionContext,
      expectedEncryptionContext: EncryptionContext.empty
    }, false)
  )
  let verificationKey: VerificationKey | undefined
  if (algorithmSuite.signature !== undefined) {
    const publicKey = Base64.decode(encryptionContext[EncryptionContext.publicKeyKey] ?? "")
    if (Result.isFailure(publicKey)) return undefined
    verificationKey = yield* Effect.orElseSucceed(
      seeding.primitives.importVerificationKey(algorithmSuite.signature.curve, publicKey.success),
      () => undefined
    )
    if (verificationKey === undefined) return undefined
  }
  return (createdAt) => plant(seeding, key, materials, verificationKey, createdAt)
})

const plant = (
  { access, cache }: Seeding,
  key: string,
  materials: CompleteEncryptionMaterials,
  verificationKey: VerificationKey | undefined,
  createdAt: Instant
): void => {
  const decryption: CompleteDecryptionMaterials = {
    algorithmSuite: materials.algorithmSuite,
    encryptionContext: Object.freeze({ ...materials.encryptionContext }),
    requiredEncryptionContextKeys: [],
    plaintextDataKey: materials.plaintextDataKey,
    unwrappedDataKey: materials.encryptedDataKeys[0]!,
    verificationKey
  }
  const entry = new Entry(access.owner, {
    key,
    operation: "decrypt",
    requestedContext: decryption.encryptionContext,
    materials: decryption,
    encryptedDataKeys: [decryption.unwrappedDataKey],
    usage: noUsage,
    createdAt,
    refresh: undefined
  })
  if (access.background.closed) entry.discard()
  else put(access, entry, cache, () => {})
}
