/**
 * A keyring that wraps data keys with AES-GCM under branch keys, which AWS KMS has wrapped and a store keeps.
 *
 * Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Primitives } from "../crypto/Primitives.ts"
import * as bytes from "../internal/bytes.ts"
import { type Configured, configured } from "../internal/configured.ts"
import { isFunction, stringBound } from "../internal/options.ts"
import * as Keyring from "../materials/Keyring.ts"
import { checkLocked, failKeyring, failMisconfigured, failNotWrapped, optionsOf } from "../materials/keyringFailures.ts"
import { unwrapFirst } from "../materials/unwrapFirst.ts"
import { append, ensureDataKey, serializeContext } from "../materials/wrapping.ts"
import { tagLength } from "../model/AesGcm.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import type { BranchKeyUse } from "../model/BranchKeyUse.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import type { BrokenContract } from "../model/errors/BrokenContract.ts"
import type { KeyringError, ProviderRefusal } from "../model/errors/KeyringError.ts"
import * as BranchKeyCache from "./BranchKeyCache.ts"
import { BranchKeyStore, type Info } from "./BranchKeyStore.ts"
import type { BranchKeyStoreError } from "./BranchKeyStoreError.ts"
import * as wrapping from "./internal/branchKeyWrapping.ts"
import * as cacheOptions from "./internal/cacheOptions.ts"
import { toRefusal } from "./internal/refusals.ts"
import { isName } from "./internal/storeOptions.ts"
import { failUnsupplied, type Supply, supplyOf } from "./internal/supply.ts"

const { providerId } = wrapping

/** Options of a hierarchical keyring: one of `branchKeyId` and `branchKeyIdSupplier`, and `maxAge`. */
export interface Options extends Omit<BranchKeyCache.Options, "maxAge"> {
  /** The branch key of all messages. */
  readonly branchKeyId?: string | undefined
  /**
   * Chooses the branch key of a message by its encryption context: one for each tenant, say. To decrypt, it is given the whole
   * context of the message, with the pairs that are authenticated and not stored. It may fail with any error; one that has
   * `isRetryable: true` makes an error of the keyring that a retry can help with. It has as much time as `fetchDeadline`.
   */
  readonly branchKeyIdSupplier?: ((encryptionContext: EncryptionContext) => Effect.Effect<string, unknown>) | undefined
  /**
   * Age at which a branch key is read again, whatever cache it is in.
   *
   * Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#cache-limit-ttl
   */
  readonly maxAge: Duration.Input
  /**
   * A cache that other keyrings use too. Default: one of the keyring's own, with the options `capacity`, `refreshAhead` and
   * `fetchDeadline`; beside a cache there is only the last of them, for the supplier.
   */
  readonly cache?: BranchKeyCache.BranchKeyCache | undefined
  /**
   * Keyrings share branch keys where they share a cache, and have equal partition IDs and logical key store names. Default: a random
   * one, which shares nothing.
   *
   * **Gotchas**
   *
   * Equal partition IDs declare the stores interchangeable, authorisation included: what one of them may read, all of them serve.
   *
   * Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#partition-id
   */
  readonly partitionId?: string | undefined
}

/** A hierarchical keyring, and the control of its branch keys. */
export interface HierarchicalKeyring extends Keyring.Keyring {
  readonly partitionId: string
  /** The keyring's cache, its own or the one that was given, to `invalidate` a branch key after a rotation. */
  readonly cache: BranchKeyCache.BranchKeyCache
  /** Reads the active versions of branch keys before traffic, those that are not cached: a check of readiness. */
  readonly warm: (branchKeyIds: ReadonlyArray<string>) => Effect.Effect<void, BranchKeyStoreError>
}

/** The tag of the hierarchical keyring that this program uses, for control. The layers provide it beside the keyring. */
export const HierarchicalKeyring: Context.Service<HierarchicalKeyring, HierarchicalKeyring> = /*#__PURE__*/ Context
  .Service<HierarchicalKeyring>("effect-encryption-sdk/hierarchical/HierarchicalKeyring")

const name = "HierarchicalKeyring"

/**
 * A keyring over the program's branch key store. To encrypt, it wraps under the active version of the branch key; to decrypt, it
 * tries the encrypted data keys that name its branch key, in order, each under the version that it names. Branch keys are cached:
 * a message needs no call where its branch key is.
 *
 * Fails with `KeyringMisconfigured` where neither or both of `branchKeyId` and `branchKeyIdSupplier` are given, where the id is
 * empty, not well-formed, or longer than 65,535 bytes, and where another option is not valid or does not exist. A cache of its own
 * lives as long as the scope.
 *
 * Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#initialization
 */
export const make: (
  options: Options
) => Effect.Effect<HierarchicalKeyring, KeyringError, BranchKeyStore | Primitives | Scope.Scope> = /*#__PURE__*/ Effect
  .fnUntraced(function*(options: Options) {
    const checked = (yield* checkOptions(options)) as Options
    yield* checkTogether(checked)
    const { branchKeyId, branchKeyIdSupplier, fetchDeadline = "30 seconds", maxAge } = checked
    const primitives = yield* Primitives
    const store = yield* checkedStore
    const cache = checked.cache ?? (yield* ownCache(checked))
    const source: BranchKeyCache.Source = {
      store,
      partitionId: checked.partitionId ?? Hex.encode(yield* primitives.randomBytes(16)),
      maxAge: Duration.fromInputUnsafe(maxAge)
    }
    const parts: Parts = {
      primitives,
      supply: supplyOf(branchKeyId ?? branchKeyIdSupplier!, Duration.fromInputUnsafe(fetchDeadline)),
      branchKeyOf: (id, version) => Effect.mapError(cache.get(source, id, version), toRefusal)
    }
    const keyring = Keyring.make({
      name,
      onEncrypt: (materials) => onEncrypt(parts, materials),
      onDecrypt: (materials, encryptedDataKeys) => onDecrypt(parts, materials, encryptedDataKeys)
    })
    return { ...keyring, partitionId: source.partitionId, cache, warm: (ids) => cache.warm(source, ids) }
  })

type Services = Keyring.Keyring | HierarchicalKeyring

const services = (keyring: HierarchicalKeyring): Context.Context<Services> =>
  Context.add(Context.make(Keyring.Keyring, keyring), HierarchicalKeyring, keyring)

/** `make` as the keyring of this program, with its control. */
export const layer = (options: Options): Layer.Layer<Services, KeyringError, BranchKeyStore | Primitives> =>
  Layer.effectContext(Effect.map(make(options), services))

/** `layer` with options from configuration, each as a value or as a `Config`. */
export const layerConfig = (
  options: Configured<Options>
): Layer.Layer<Services, KeyringError | Config.ConfigError, BranchKeyStore | Primitives> =>
  Layer.effectContext(Effect.map(Effect.flatMap(configured(options), make), services))

const checkOptions = /*#__PURE__*/ optionsOf(
  name,
  "a hierarchical keyring",
  /*#__PURE__*/ Schema.Struct({
    ...cacheOptions.fields,
    maxAge: cacheOptions.MaxAge,
    branchKeyId: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare((id): id is string => isName(id))),
    branchKeyIdSupplier: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isFunction)),
    cache: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(BranchKeyCache.isBranchKeyCache)),
    partitionId: /*#__PURE__*/ Schema.optional(Schema.String)
  }),
  {
    ...cacheOptions.bounds,
    branchKeyId: "must be a text of 1 to 65,535 bytes of UTF-8",
    branchKeyIdSupplier: "must be a function of an encryption context",
    cache: "must be a cache that BranchKeyCache.make has made",
    partitionId: stringBound
  }
)

/** Checks options that depend on each other. */
const checkTogether = (
  { branchKeyId, branchKeyIdSupplier, cache, capacity, refreshAhead }: Options
): Effect.Effect<void, KeyringError> => {
  const fail = (field: string, description: string) => failMisconfigured(name, "make", field, description)
  if (branchKeyId === undefined && branchKeyIdSupplier === undefined) {
    return fail("branchKeyId", "is missing, and so is branchKeyIdSupplier: one of them must be there")
  }
  if (branchKeyId !== undefined && branchKeyIdSupplier !== undefined) {
    return fail("branchKeyId", "is there, and so is branchKeyIdSupplier: only one of them can be")
  }
  const [field] = Object.entries({ capacity, refreshAhead }).find(([, value]) => value !== undefined) ?? []
  return cache === undefined || field === undefined
    ? Effect.void
    : fail(field, "is an option of the keyring's own cache, and cache is another one")
}

/** The program's store, whose logical name keys of the cache begin with. */
const checkedStore = /*#__PURE__*/ Effect.flatMap(BranchKeyStore, (store) => {
  const info: Partial<Info> | undefined = Result.getOrUndefined(Result.try(() => store.info))
  return typeof info?.logicalKeyStoreName === "string"
    ? Effect.succeed(store)
    : failMisconfigured(name, "make", "BranchKeyStore", "has no info with a logicalKeyStoreName")
})

const ownCache = ({ capacity, fetchDeadline, maxAge, refreshAhead }: Options) =>
  Effect.catch(
    BranchKeyCache.make({ capacity, fetchDeadline, maxAge, refreshAhead }),
    ({ description, field }) => failMisconfigured(name, "make", field, description)
  )

/** The parts of a keyring. */
interface Parts {
  readonly primitives: Primitives
  readonly supply: Supply
  /** The active version, or the one that is named, for as long as the scope is open. */
  readonly branchKeyOf: (
    branchKeyId: string,
    version: string | undefined
  ) => Effect.Effect<BranchKeyCache.CachedBranchKey, ProviderRefusal | BrokenContract, Scope.Scope>
}

/** Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#onencrypt */
const onEncrypt = Effect.fnUntraced(
  function*({ branchKeyOf, primitives, supply }: Parts, materials: EncryptionMaterials) {
    const context = yield* serializeContext(name, "onEncrypt", materials)
    const failed = (keyName: string) => (error: ProviderRefusal | BrokenContract) =>
      "_tag" in error ? failKeyring(name, "onEncrypt", error) : failNotWrapped(name, keyName, error)
    const branchKeyId = yield* Effect.catch(supply(materials), failed("(branchKeyIdSupplier)"))
    const plaintextDataKey = yield* ensureDataKey(primitives, materials)
    // The branch key is needed for the wrapping alone, the materials for the message.
    const { ciphertext, use } = yield* Effect.flatMap(
      branchKeyOf(branchKeyId, undefined),
      (branchKey) =>
        Effect.map(
          wrapping.wrap(primitives, branchKey, context, plaintextDataKey),
          (ciphertext) => ({ ciphertext, use: useOf(branchKey) })
        )
    ).pipe(Effect.scoped, Effect.catch(failed(branchKeyId)))
    const wrapped = append(materials, plaintextDataKey, [{
      keyProviderId: providerId,
      keyProviderInfo: bytes.utf8(branchKeyId),
      ciphertext
    }])
    return { ...wrapped, branchKeys: [...materials.branchKeys ?? [], use] }
  }
)

/** A branch key, as the receipt of a message shows it. */
const useOf = ({ branchKeyId, outcome, version }: BranchKeyCache.CachedBranchKey): BranchKeyUse => ({
  branchKeyId,
  version,
  outcome
})

/** Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#ondecrypt */
const onDecrypt = Effect.fnUntraced(function*(
  parts: Parts,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
): Effect.fn.Return<Keyring.OnDecryptResult, KeyringError, Scope.Scope> {
  yield* checkLocked(name, materials)
  const context = yield* serializeContext(name, "onDecrypt", materials)
  // A supplier is called where there is something to decrypt, and once.
  const branchKeyId = encryptedDataKeys.some(({ keyProviderId }) => keyProviderId === providerId)
    ? yield* Effect.catch(
      parts.supply(materials),
      (error) => failUnsupplied(name, providerId, encryptedDataKeys, error)
    )
    : undefined
  let use: BranchKeyUse | undefined
  const result = yield* unwrapFirst(
    name,
    materials,
    encryptedDataKeys,
    (encryptedDataKey) => select(branchKeyId, materials, encryptedDataKey),
    Effect.fnUntraced(function*(ciphertext) {
      if (ciphertext === undefined) return yield* Effect.fail(wrongLength)
      const unwrapped = yield* unwrap(parts, branchKeyId!, context, ciphertext)
      use = unwrapped.use
      return unwrapped.dataKey
    })
  )
  return result._tag === "Unwrapped" && use !== undefined ? { ...result, branchKeys: [use] } : result
})

/** The ciphertext of an encrypted data key of the keyring's own, undefined where its length is wrong; or the reason why it is none. */
const select = (
  branchKeyId: string | undefined,
  { algorithmSuite }: DecryptionMaterials,
  { ciphertext, keyProviderId, keyProviderInfo }: EncryptedDataKey
): Result.Result<wrapping.Ciphertext | undefined, string> => {
  if (keyProviderId !== providerId) return Result.fail(`its key provider is not ${providerId}`)
  const id = bytes.fromUtf8(keyProviderInfo)
  if (id === undefined) return Result.fail("its key provider information is not valid UTF-8")
  return id === branchKeyId
    ? Result.succeed(wrapping.decode(ciphertext, algorithmSuite.dataKeyLength))
    : Result.fail("its branch key is not the one of this keyring for this context")
}

const wrongLength: ProviderRefusal = {
  failure: "InvalidCiphertext",
  code: "CiphertextLengthMismatch",
  description: "its ciphertext has not the length of a data key of the algorithm suite",
  isRetryable: false
}

/** Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#branch-key-unwrapping */
const unwrap = Effect.fnUntraced(function*(
  { branchKeyOf, primitives }: Parts,
  branchKeyId: string,
  context: Uint8Array,
  ciphertext: wrapping.Ciphertext
) {
  // The scope knows of the array before there is anything in it.
  const length = ciphertext.wrapped.length - tagLength
  const dataKey = yield* DataKey.zeroWithScope(DataKey.make(new Uint8Array(length)))
  const use = yield* Effect.scoped(Effect.flatMap(
    branchKeyOf(branchKeyId, ciphertext.version),
    (branchKey) => Effect.as(wrapping.unwrap(primitives, branchKey, context, ciphertext, dataKey), useOf(branchKey))
  ))
  return { dataKey, use }
})
