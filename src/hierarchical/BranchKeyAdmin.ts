/**
 * Makes branch keys, and new versions of them. It never sees a key in the clear: `BranchKeyStore` reads them.
 *
 * Specification: framework/branch-key-store.md#createkey, framework/branch-key-store.md#versionkey
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Primitives } from "../crypto/Primitives.ts"
import { type Configured, configured } from "../internal/configured.ts"
import { checker, shown, stringBound } from "../internal/options.ts"
import { uuid } from "../internal/uuid.ts"
import { type Caller, callerOf, callKms } from "../kms/calls.ts"
import { KmsWithoutPlaintext } from "../kms/Kms.ts"
import { KmsError } from "../kms/KmsError.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { optionsOf } from "../model/errors/optionsOf.ts"
import { InvalidOption } from "../model/errors/Reasons.ts"
import {
  activeType,
  beaconType,
  type BranchKeyRecord,
  contextOf,
  customAttributes,
  type VersionType,
  versionType
} from "./BranchKeyRecord.ts"
import { BranchKeyStorage } from "./BranchKeyStorage.ts"
import type { BranchKeyStoreError, BranchKeyStoreErrorReason } from "./BranchKeyStoreError.ts"
import { keyLength } from "./BranchKeyStore.ts"
import { callStorage, checkId, fail, type Operation, orFail, read } from "./internal/records.ts"
import { bounds, common, type Info, infoOf, isName } from "./internal/storeOptions.ts"
import { keyFor, Named } from "./KmsConfiguration.ts"

/** Options of a store that writes. */
export const Options = /*#__PURE__*/ (() =>
  Schema.Struct({
    ...common,
    /** The key of AWS KMS that wraps branch keys. The configurations for discovery name none: they only read. */
    kmsConfiguration: Named
  }))()

/** See the schema of the same name. */
export type Options = typeof Options.Type

/** Options of a new branch key. */
export interface CreateOptions {
  /** Default: a random UUID. 1 to 2,048 bytes of UTF-8. */
  readonly branchKeyId?: string | undefined
  /** Text pairs that are bound to every record of the branch key. Not empty where there is a `branchKeyId`. */
  readonly encryptionContext?: EncryptionContext.EncryptionContext | undefined
}

/** A branch key, and the version of it that was made. */
export interface Created {
  readonly branchKeyId: string
  /** A UUID in lower case. */
  readonly version: string
}

/** A store that writes. */
export interface BranchKeyAdmin {
  readonly info: Info<Named>
  /**
   * Makes a branch key and its beacon key. Without `branchKeyId` its id is a random UUID. Every record of it has the encryption
   * context, which AWS KMS sees and logs; one with an id of its own must have one.
   *
   * Two `GenerateDataKeyWithoutPlaintext` and one `ReEncrypt`. Fails with `AlreadyExists` where the id is in use.
   *
   * **Gotchas**
   *
   * Where the storage fails, the records may have been written all the same, as where its response was lost. With an id of your own
   * a retry then fails with `AlreadyExists`.
   */
  readonly createKey: (options?: CreateOptions) => Effect.Effect<Created, BranchKeyStoreError>
  /**
   * Makes a new version of a branch key, which becomes the active one. The versions before it stay, for the messages that were
   * encrypted under them. Programs with a cache go on with the version that they have until that expires.
   *
   * Two `ReEncrypt`, the first of which authenticates the record of the active version, and one
   * `GenerateDataKeyWithoutPlaintext`. Fails with `Conflict` where another caller was first.
   */
  readonly versionKey: (branchKeyId: string) => Effect.Effect<Created, BranchKeyStoreError>
}

/** The tag of the store that this program writes to. */
export const BranchKeyAdmin: Context.Service<BranchKeyAdmin, BranchKeyAdmin> = /*#__PURE__*/ Context.Service<
  BranchKeyAdmin
>("effect-encryption-sdk/hierarchical/BranchKeyAdmin")

/**
 * A store that writes to the program's storage. Fails with `InvalidOption`, for a configuration without a key too: those for
 * discovery only read.
 *
 * Specification: framework/branch-key-store.md#initialization
 */
export const make: (
  options: Options
) => Effect.Effect<BranchKeyAdmin, InvalidOption, BranchKeyStorage | KmsWithoutPlaintext | Primitives> =
  /*#__PURE__*/ Effect.fnUntraced(function*(options: Options) {
    const checked = yield* checkOptions(options)
    const storage = yield* BranchKeyStorage
    const info = yield* infoOf(storage, checked)
    const caller = callerOf(yield* KmsWithoutPlaintext, info.grantTokens)
    const writing: Writing = { storage, info, caller, primitives: yield* Primitives }
    return {
      info,
      createKey: (options = {}) => createKey(writing, options),
      versionKey: (branchKeyId) => versionKey(writing, branchKeyId)
    }
  })

/** `make` as the store that this program writes to. */
export const layer = (
  options: Options
): Layer.Layer<BranchKeyAdmin, InvalidOption, BranchKeyStorage | KmsWithoutPlaintext | Primitives> =>
  Layer.effect(BranchKeyAdmin, make(options))

/** `layer` with options from configuration, each as a value or as a `Config`. */
export const layerConfig = (
  options: Configured<Options>
): Layer.Layer<
  BranchKeyAdmin,
  InvalidOption | Config.ConfigError,
  BranchKeyStorage | KmsWithoutPlaintext | Primitives
> => Layer.effect(BranchKeyAdmin, Effect.flatMap(configured(options), make))

const checkOptions = /*#__PURE__*/ optionsOf(
  Options,
  "a branch key admin",
  /*#__PURE__*/ bounds(["SingleKey", "MultiRegionKey"])
)

interface Writing {
  readonly storage: BranchKeyStorage
  readonly info: Info<Named>
  readonly caller: Caller<KmsWithoutPlaintext>
  readonly primitives: Primitives
}

/** A record whose wrapped key is still to be made. */
type Unwrapped = Omit<BranchKeyRecord, "wrappedKey">

/** The record of a version whose wrapped key is still to be made. */
type UnwrappedVersion = Unwrapped & { readonly type: VersionType }

/** The longest id of a branch key that the specification's table takes, in bytes of UTF-8. */
const maxIdLength = 2048

const isObject = (value: unknown): value is EncryptionContext.EncryptionContext =>
  typeof value === "object" && value !== null

const checkCreate = /*#__PURE__*/ checker(
  /*#__PURE__*/ Schema.Struct({
    branchKeyId: /*#__PURE__*/ Schema.optional(Schema.String),
    encryptionContext: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isObject))
  }),
  "createKey",
  { branchKeyId: stringBound, encryptionContext: "must be a plain object of strings" }
)

/** Specification: framework/branch-key-store.md#createkey */
const createKey = Effect.fnUntraced(function*(
  writing: Writing,
  options: CreateOptions
) {
  const { info, storage } = writing
  const named = Result.getOrElse(checkCreate(options), (error) => error)
  if ("field" in named) return yield* fail({ operation: "createKey", branchKeyId: "" }, new InvalidOption(named))
  const { branchKeyId: given, encryptionContext = EncryptionContext.empty } = named
  const branchKeyId = given ?? (yield* newUuid(writing))
  const operation: Operation = { operation: "createKey", branchKeyId }
  const invalid = (field: string, description: string) => fail(operation, new InvalidOption({ field, description }))
  if (!isName(branchKeyId, maxIdLength)) {
    return yield* invalid("branchKeyId", `must be a text of 1 to ${maxIdLength} bytes of UTF-8`)
  }
  const context = EncryptionContext.validate(encryptionContext)
  if (Result.isFailure(context)) return yield* invalid("encryptionContext", context.failure.message)
  if (given !== undefined && Object.keys(context.success).length === 0) {
    return yield* invalid("encryptionContext", "must not be empty where a branchKeyId is given")
  }
  const version = yield* newUuid(writing)
  const versionRecord: UnwrappedVersion = {
    branchKeyId,
    type: versionType(version),
    kmsArn: info.kmsConfiguration.keyArn,
    createTime: yield* timestamp,
    hierarchyVersion: 1,
    attributes: customAttributes(context.success)
  }
  const beaconRecord: Unwrapped = { ...versionRecord, type: beaconType }
  yield* orFail(
    operation,
    Effect.gen(function*() {
      const records = yield* wrapVersion(writing, versionRecord)
      const beacon = { ...beaconRecord, wrappedKey: yield* generate(writing, beaconRecord) }
      yield* callStorage("create", () => storage.create({ ...records, beacon }))
    })
  )
  return { branchKeyId, version }
})

/** Specification: framework/branch-key-store.md#versionkey */
const versionKey = Effect.fnUntraced(function*(writing: Writing, branchKeyId: string) {
  const { info, storage } = writing
  const operation: Operation = { operation: "versionKey", branchKeyId }
  yield* checkId(operation)
  const version = yield* newUuid(writing)
  const createTime = yield* timestamp
  yield* orFail(
    operation,
    Effect.gen(function*() {
      const { record } = yield* read(storage, branchKeyId, activeType, info.logicalKeyStoreName)
      yield* Effect.fromResult(keyFor(info.kmsConfiguration, record.kmsArn))
      // AWS KMS authenticates all attributes, of which the new records have most.
      yield* reEncrypt(writing, record.wrappedKey, record, record)
      const { version: _, wrappedKey: replaces, ...kept } = record
      const records = yield* wrapVersion(writing, { ...kept, type: versionType(version), createTime })
      yield* callStorage("addVersion", () => storage.addVersion({ ...records, replaces }))
    })
  )
  return { branchKeyId, version }
})

const newUuid = ({ primitives }: Writing): Effect.Effect<string> => Effect.map(primitives.randomBytes(16), uuid)

/** The time with microseconds, as others write it. The Clock has none. */
const timestamp: Effect.Effect<string> = /*#__PURE__*/ Effect.map(
  Clock.currentTimeMillis,
  (millis) => DateTime.formatIso(DateTime.makeUnsafe(millis)).replace("Z", "000Z")
)

/**
 * The records of a new version: one of its own, and one as the active version with the same key.
 *
 * Specification: framework/branch-key-store.md#wrapped-branch-key-creation
 */
const wrapVersion = Effect.fnUntraced(function*(writing: Writing, record: UnwrappedVersion) {
  const wrappedKey = yield* generate(writing, record)
  const active: Unwrapped = { ...record, type: activeType, version: record.type }
  return {
    version: { ...record, wrappedKey },
    active: { ...active, wrappedKey: yield* reEncrypt(writing, wrappedKey, record, active) }
  }
})

const generate = Effect.fnUntraced(function*(
  { caller, info }: Writing,
  record: Unwrapped
): Effect.fn.Return<Uint8Array, BranchKeyStoreErrorReason> {
  const { keyArn } = info.kmsConfiguration
  const encryptionContext = yield* contextFor(record, info)
  const { ciphertextBlob, keyId } = yield* callKms(
    "generateDataKeyWithoutPlaintext",
    () =>
      caller.kms.generateDataKeyWithoutPlaintext({
        keyId: keyArn,
        grantTokens: caller.grantTokens,
        encryptionContext,
        numberOfBytes: keyLength
      })
  )
  return yield* checked("GenerateDataKeyWithoutPlaintext", keyArn, [keyId], ciphertextBlob)
})

const reEncrypt = Effect.fnUntraced(function*(
  { caller, info }: Writing,
  wrappedKey: Uint8Array,
  from: Unwrapped,
  to: Unwrapped
): Effect.fn.Return<Uint8Array, BranchKeyStoreErrorReason> {
  const { keyArn } = info.kmsConfiguration
  const sourceEncryptionContext = yield* contextFor(from, info)
  const encryptionContext = yield* contextFor(to, info)
  const { ciphertextBlob, keyId, sourceKeyId } = yield* callKms("reEncrypt", () =>
    caller.kms.reEncrypt({
      keyId: keyArn,
      sourceKeyId: keyArn,
      grantTokens: caller.grantTokens,
      // A copy: what a `Kms` does to it changes no record.
      ciphertextBlob: new Uint8Array(wrappedKey),
      sourceEncryptionContext,
      encryptionContext
    }))
  return yield* checked("ReEncrypt", keyArn, [keyId, sourceKeyId], ciphertextBlob)
})

const contextFor = (record: Unwrapped, { logicalKeyStoreName }: Info<Named>) =>
  Effect.mapError(
    Effect.fromResult(EncryptionContext.validate(contextOf(record, logicalKeyStoreName))),
    ({ description }) =>
      new InvalidOption({ field: "encryptionContext", description: `is too much for a record: ${description}` })
  )

/** A copy of a wrapped key, whose response must name the configured key and none else. */
const checked = (
  operation: KmsError["operation"],
  keyArn: string,
  named: ReadonlyArray<string>,
  wrappedKey: Uint8Array
): Effect.Effect<Uint8Array, KmsError> => {
  const another = named.find((keyId) => keyId !== keyArn)
  const invalid = (code: string, description: string) =>
    Effect.fail(
      new KmsError({ operation, keyId: keyArn, failure: "InvalidAnswer", code, description, isRetryable: false })
    )
  if (another !== undefined) return invalid("KeyIdMismatch", `the response is of ${shown(another)}`)
  return wrappedKey.length === 0 ? invalid("CiphertextBlobEmpty", "") : Effect.succeed(new Uint8Array(wrappedKey))
}
