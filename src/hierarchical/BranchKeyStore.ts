/**
 * Branch keys in the clear: reads their records, and lets AWS KMS unwrap them. `BranchKeyAdmin` makes them.
 *
 * Specification: framework/branch-key-store.md
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Primitives } from "../crypto/Primitives.ts"
import { type Configured, configured } from "../internal/configured.ts"
import * as uuids from "../internal/uuid.ts"
import { callerOf, decrypt, type DecryptCaller } from "../kms/calls.ts"
import { KmsDecrypt } from "../kms/Kms.ts"
import { KmsError } from "../kms/KmsError.ts"
import { invalidAnswer } from "../materials/unwrapFirst.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import { optionsOf } from "../model/errors/optionsOf.ts"
import { InvalidOption } from "../model/errors/Reasons.ts"
import {
  activeType,
  beaconType,
  customContext,
  RecordRejected,
  type Type,
  versionOf,
  versionType
} from "./BranchKeyRecord.ts"
import { BranchKeyStorage } from "./BranchKeyStorage.ts"
import type { BranchKeyStoreError, BranchKeyStoreErrorReason } from "./BranchKeyStoreError.ts"
import { type Bound, checkId, fail, type Operation, orFail, read } from "./internal/records.ts"
import { bounds, common, type Info, infoOf } from "./internal/storeOptions.ts"
import { keyFor, KmsConfiguration } from "./KmsConfiguration.ts"

export type { Info } from "./internal/storeOptions.ts"

/** Options of a store that reads. */
export const Options = /*#__PURE__*/ (() =>
  Schema.Struct({
    ...common,
    /** The keys of AWS KMS that may unwrap branch keys. */
    kmsConfiguration: KmsConfiguration
  }))()

/** See the schema of the same name. */
export type Options = typeof Options.Type

/** Bytes of branch keys and beacon keys. */
export const keyLength = 32

/** A beacon key in the clear. Its bytes belong to the scope that it was read in, and are zeroed with it. */
export interface BeaconKey {
  readonly branchKeyId: string
  /** The custom encryption context that the key was created with. */
  readonly encryptionContext: EncryptionContext
  /** 32 bytes. */
  readonly key: Redacted.Redacted<Uint8Array>
}

/**
 * A branch key in the clear. Its bytes belong to the scope that it was read in, and are zeroed with it.
 *
 * Specification: framework/structures.md#branch-key-materials
 */
export interface BranchKey extends BeaconKey {
  /** A UUID in lower case. */
  readonly version: string
}

/** A store that reads. */
export interface BranchKeyStore {
  readonly info: Info
  /**
   * The active version of a branch key, under which data keys are wrapped.
   *
   * Specification: framework/branch-key-store.md#getactivebranchkey
   */
  readonly getActive: (branchKeyId: string) => Effect.Effect<BranchKey, BranchKeyStoreError, Scope.Scope>
  /**
   * A version of a branch key, active or not, under which data keys are unwrapped.
   *
   * Specification: framework/branch-key-store.md#getbranchkeyversion
   */
  readonly getVersion: (
    branchKeyId: string,
    version: string
  ) => Effect.Effect<BranchKey, BranchKeyStoreError, Scope.Scope>
  /**
   * The beacon key beside a branch key, of which searchable fields are made. It has one version.
   *
   * Specification: framework/branch-key-store.md#getbeaconkey
   */
  readonly getBeaconKey: (branchKeyId: string) => Effect.Effect<BeaconKey, BranchKeyStoreError, Scope.Scope>
}

/** The tag of the store that this program uses. */
export const BranchKeyStore: Context.Service<BranchKeyStore, BranchKeyStore> = /*#__PURE__*/ Context.Service<
  BranchKeyStore
>("effect-encryption-sdk/hierarchical/BranchKeyStore")

/**
 * A store over the program's storage. Each read is one of the storage and one `Decrypt`. Fails with `InvalidOption`.
 *
 * **Gotchas**
 *
 * AWS KMS authenticates every attribute of a record. A table that adds one to the records (a time to live, a tag) makes them
 * unreadable, here and in all other implementations.
 *
 * Specification: framework/branch-key-store.md#initialization
 */
export const make: (
  options: Options
) => Effect.Effect<BranchKeyStore, InvalidOption, BranchKeyStorage | KmsDecrypt | Primitives> = /*#__PURE__*/ Effect
  .fnUntraced(function*(options: Options) {
    const checked = yield* checkOptions(options)
    const storage = yield* BranchKeyStorage
    const info = yield* infoOf(storage, checked)
    const reading: Reading = { storage, info, caller: callerOf(yield* KmsDecrypt, info.grantTokens) }
    return {
      info,
      getActive: (branchKeyId) => getBranchKey(reading, { operation: "getActive", branchKeyId }, activeType),
      getVersion: (branchKeyId, version) => getVersion(reading, { operation: "getVersion", branchKeyId }, version),
      getBeaconKey: (branchKeyId) => {
        const operation: Operation = { operation: "getBeaconKey", branchKeyId }
        return Effect.map(unwrap(reading, operation, beaconType), ({ beaconKey }) => beaconKey)
      }
    }
  })

/** `make` as the store of this program. */
export const layer = (
  options: Options
): Layer.Layer<BranchKeyStore, InvalidOption, BranchKeyStorage | KmsDecrypt | Primitives> =>
  Layer.effect(BranchKeyStore, make(options))

/** `layer` with options from configuration, each as a value or as a `Config`. */
export const layerConfig = (
  options: Configured<Options>
): Layer.Layer<BranchKeyStore, InvalidOption | Config.ConfigError, BranchKeyStorage | KmsDecrypt | Primitives> =>
  Layer.effect(BranchKeyStore, Effect.flatMap(configured(options), make))

const checkOptions = /*#__PURE__*/ optionsOf(
  Options,
  "a branch key store",
  /*#__PURE__*/ bounds(["SingleKey", "MultiRegionKey", "Discovery", "MultiRegionDiscovery"])
)

interface Reading {
  readonly storage: BranchKeyStorage
  readonly info: Info
  readonly caller: DecryptCaller
}

const getVersion = (reading: Reading, operation: Operation, version: string) =>
  typeof version === "string" && uuids.parse(version) !== undefined
    ? getBranchKey(reading, operation, versionType(version))
    : fail(operation, new InvalidOption({ field: "version", description: "must be a UUID in lower case" }))

const getBranchKey = Effect.fnUntraced(
  function*(reading: Reading, operation: Operation, type: Type): Effect.fn.Return<
    BranchKey,
    BranchKeyStoreError,
    Scope.Scope
  > {
    const { beaconKey, record } = yield* unwrap(reading, operation, type)
    const version = versionOf(record)
    // One that is no UUID would make messages that cannot name it.
    if (uuids.parse(version) === undefined) {
      const attribute = type === activeType ? "version" : "type"
      return yield* fail(operation, new RecordRejected({ attribute, description: "names no UUID in lower case" }))
    }
    return { ...beaconKey, version }
  }
)

/** Reads and unwraps one key, which is zeroed when the scope closes. */
const unwrap = Effect.fnUntraced(function*(reading: Reading, operation: Operation, type: Type) {
  const { branchKeyId } = operation
  yield* checkId(operation)
  const { record, ...bound } = yield* orFail(
    operation,
    read(reading.storage, branchKeyId, type, reading.info.logicalKeyStoreName)
  )
  const key = yield* orFail(operation, decryptKey(reading, { record, ...bound }))
  return { record, beaconKey: { branchKeyId, encryptionContext: customContext(record), key } }
})

/** Specification: framework/branch-key-store.md#aws-kms-branch-key-decryption */
const decryptKey = Effect.fnUntraced(function*(
  { caller, info }: Reading,
  { context, record }: Bound
): Effect.fn.Return<DataKey.DataKey, BranchKeyStoreErrorReason, Scope.Scope> {
  const keyId = yield* Effect.fromResult(keyFor(info.kmsConfiguration, record.kmsArn))
  const request = {
    keyId,
    encryptionContext: context,
    grantTokens: caller.grantTokens,
    ciphertextBlob: record.wrappedKey
  }
  return yield* Effect.mapError(
    decrypt(caller, request, (plaintext) =>
      DataKey.value(plaintext).length !== keyLength
        ? invalidAnswer("PlaintextLengthMismatch")
        : DataKey.isAllZero(plaintext)
        ? invalidAnswer("PlaintextAllZero")
        : undefined),
    (error) => "_tag" in error ? error : new KmsError({ operation: "Decrypt", keyId, description: "", ...error })
  )
})
