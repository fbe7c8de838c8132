/**
 * The caching cryptographic materials manager: serves materials of an underlying manager more than once, within the
 * thresholds of a policy.
 *
 * Specification: framework/caching-cmm.md
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import * as CryptoAtOnce from "../crypto/atOnce.ts"
import { Primitives } from "../crypto/Primitives.ts"
import * as AtOnce from "../materials/atOnce.ts"
import * as CryptographicMaterialsManager from "../materials/CryptographicMaterialsManager.ts"
import * as DefaultCmm from "../materials/DefaultCmm.ts"
import * as Keyring from "../materials/Keyring.ts"
import type * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { EncryptError } from "../model/errors/EncryptError.ts"
import type { InvalidOption } from "../model/errors/Reasons.ts"
import * as CachePolicy from "./CachePolicy.ts"
import type { CachingEvent } from "./CachingEvent.ts"
import { Background } from "../internal/background.ts"
import { classify } from "./internal/cacheable.ts"
import { ownersOf } from "./internal/cacheAccess.ts"
import { checkOptions, checkSelector, checkWarmRequest } from "./internal/checkOptions.ts"
import { type Configured, configured } from "../internal/configured.ts"
import * as entryKey from "./internal/entryKey.ts"
import { shutdown } from "./internal/fetching.ts"
import { evictWhere, fitsSelector, type Invalidating, type Invalidation } from "./internal/invalidation.ts"
import { Invalidations } from "./internal/invalidations.ts"
import * as limits from "./internal/limits.ts"
import * as operations from "./internal/operations.ts"
import { emitter } from "./internal/record.ts"
import * as refreshOptions from "./internal/refreshOptions.ts"
import { reserveKey, Reserves } from "./internal/reserves.ts"
import { evictRevoked } from "./internal/revocation.ts"
import { respond, respondAtOnce, serve, type Serving } from "./internal/serve.ts"
import * as singleFlight from "./internal/singleFlight.ts"
import type { InvalidPolicy } from "./InvalidPolicy.ts"
import * as MaterialsCache from "./MaterialsCache.ts"
import type * as RefreshAhead from "./RefreshAhead.ts"

/** Options of a caching manager, whatever it stands on. */
export interface Options {
  /** Thresholds, or a policy made of them. Must have a `maxAge`. */
  readonly policy: CachePolicy.CachePolicy | CachePolicy.ThresholdsInput
  /**
   * Managers share entries if and only if they share a cache and have equal partition IDs. Default: a random one, which
   * shares nothing.
   *
   * **Gotchas**
   *
   * Equal partition IDs declare the underlying managers interchangeable, authorisation included: what one of them may
   * decrypt, all of them serve.
   */
  readonly partitionId?: string | undefined
  /** A cache of their own for decryption materials, so that many distinct decrypts do not evict encryption entries. */
  readonly decryptCache?: MaterialsCache.MaterialsCache | undefined
  /** Renews entries that are in use before they meet a threshold. Default: off. */
  readonly refreshAhead?: RefreshAhead.Options | undefined
  /**
   * Drops what the key provider rejects before its age. Access denied evicts the entry whose own fetch or refresh was
   * denied, with what is in reserve for it; a key that is disabled or pending deletion takes all entries of that key with it. Default: off.
   */
  readonly evictRevoked?: boolean | undefined
  /**
   * Puts what was fetched for encryption into the decrypt cache too, for this manager alone and with the same age, so that
   * a program can read back what it just wrote without a call. Default: off.
   *
   * **Gotchas**
   *
   * Skips the decrypt permission: a program that may encrypt but not decrypt reads its own recent messages.
   */
  readonly seedDecryptCache?: boolean | undefined
  /**
   * Time that a request waits for a fetch at most, from its own start; then it fails. None joins a fetch that is as old. One
   * that must fetch for itself in the end, since materials may not be cached, waits for that as long again. Default 30 seconds.
   */
  readonly fetchDeadline?: Duration.Input | undefined
  /** Time after which an operation of an asynchronous cache counts as a miss. Default 1 second. */
  readonly cacheTimeout?: Duration.Input | undefined
  /**
   * Age at which materials expire that lack a wrapping, as a `ResilientMultiKeyring` returns them where a keyring failed: every
   * message under their data key lacks it. Never more than the policy's `maxAge`. Default: a tenth of that.
   */
  readonly maxAgeIncomplete?: Duration.Input | undefined
  /** Called for each event, in order. What it throws is thrown away. */
  readonly onEvent?: ((event: CachingEvent) => void) | undefined
}

export type { Invalidation } from "./internal/invalidation.ts"

/** Selects the entries for which everything that is given fits. */
export interface Selector {
  /** Entries whose context has all of these pairs. */
  readonly encryptionContext?: EncryptionContext.EncryptionContext | undefined
  /** Entries whose data key was generated or unwrapped with this wrapping key: a key ARN, or a raw keyring's key name. */
  readonly wrappingKey?: string | undefined
}

/** The requests to have materials for before they come. */
export interface WarmRequest {
  readonly encryptionContext?: EncryptionContext.EncryptionContext | undefined
  readonly algorithmSuite?: AlgorithmSuite.AlgorithmSuite | undefined
  /** The policy of the client whose requests will come. Default `RequireEncryptRequireDecrypt`. */
  readonly commitmentPolicy?: CommitmentPolicy.CommitmentPolicy | undefined
  /**
   * Number of data keys to have, 1 to 1,000: the one in use, and others in reserve, with which requests go on when it meets its
   * limit of messages or bytes. Default 1.
   *
   * **Gotchas**
   *
   * Each is an entry of the cache, and ages from now on: all of them expire together. The cache must have room for them; those
   * in reserve are the least recently used. They serve this manager alone, which remembers the last 10,000 contexts.
   */
  readonly dataKeys?: number | undefined
}

/** A caching manager, and the control of what it has cached. */
export interface CachingCmm extends CryptographicMaterialsManager.CryptographicMaterialsManager {
  readonly partitionId: string
  /**
   * Evicts the entries of this manager's partition that fit. Fetches in flight that fit, or whose wrapping key is not known
   * yet, serve the requests that wait for them, and nothing of them is cached. Fails where the selector has another field or
   * a value of another type.
   *
   * From then on this manager serves none of them, even where the cache fails, hangs, or keeps them all the same.
   */
  readonly invalidate: (selector: Selector) => Effect.Effect<Invalidation, InvalidOption>
  /** `invalidate` for everything of this manager's partition. */
  readonly clear: Effect.Effect<Invalidation>
  /**
   * Fetches encryption materials before traffic, as many as there are not yet, and charges nothing for it. Succeeds when requests
   * can be served without a call: a check of readiness. Does nothing where such a request would not be cached. An entry whose
   * bytes are used up counts as one, since it serves empty messages.
   */
  readonly warm: (request?: WarmRequest) => Effect.Effect<void, EncryptError>
}

/** The caching manager that this program uses, for control. The layers provide it beside the materials manager. */
export const CachingCmm: Context.Service<CachingCmm, CachingCmm> = /*#__PURE__*/ Context.Service<CachingCmm>(
  "effect-encryption-sdk/caching/CachingCmm"
)

/** A caching manager's options, the underlying manager and the cache. */
type MakeOptions = Options & {
  readonly materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
  readonly cache: MaterialsCache.MaterialsCache
}

/** Everything that the parts of a manager need, each a part of it. */
interface Manager extends Serving, Invalidating {}

/**
 * A caching manager over another manager. Fails with `InvalidPolicy` where the policy is not valid or has no `maxAge`,
 * and with `InvalidOption` where another option is not valid or does not exist.
 *
 * Fetches run in the scope that this is made in: when it closes, they and the requests that wait for them are interrupted.
 */
export const make: (
  options: MakeOptions
) => Effect.Effect<
  CachingCmm,
  InvalidPolicy | InvalidOption,
  Primitives | Scope.Scope
> = /*#__PURE__*/ Effect.fnUntraced(function*(given) {
  // The policy and refreshing ahead are checked by their own rules, which have errors or fields of their own.
  const options = (yield* checkOptions(given)) as MakeOptions
  const { cache, materialsManager } = options
  const policy = CachePolicy.isCachePolicy(options.policy) ? options.policy : yield* CachePolicy.make(options.policy)
  const ownLimits = yield* Effect.fromResult(limits.ofManager(policy))
  const primitives = yield* Primitives
  const partitionId = options.partitionId ?? Hex.encode(yield* primitives.randomBytes(16))
  const clock = yield* Clock.Clock
  // The fiber that makes the manager is not the parent of what the manager does later.
  const context = Context.omit(Tracer.ParentSpan)(yield* Effect.context())
  const decryptCache = options.decryptCache ?? cache
  const emit = emitter(options.onEvent, context)
  const refreshAhead = options.refreshAhead === undefined
    ? undefined
    : yield* refreshOptions.make(options.refreshAhead, ownLimits, primitives)
  const manager: Manager = {
    background: new Background(context),
    clock,
    emit,
    ...ownersOf({ partitionId, maxAge: policy.thresholds.maxAge!, limits: ownLimits }, options.maxAgeIncomplete, emit),
    inTransit: new Map(),
    invalidations: new Invalidations(ownLimits.maxAgeMillis),
    caches: [...new Set([cache, decryptCache])],
    cacheTimeout: Duration.fromInputUnsafe(options.cacheTimeout ?? "1 second"),
    fetchDeadline: Duration.fromInputUnsafe(options.fetchDeadline ?? "30 seconds"),
    flights: singleFlight.make(),
    fetches: 0,
    drawRefreshPoint: refreshAhead?.drawPoint ?? Effect.undefined,
    refreshRetry: refreshAhead?.retry,
    refreshing: new Set(),
    limitsFor: (operation, request, length) => limits.ofRequest(policy, ownLimits, clock, operation, request, length),
    onFailure: (key, cause) => {
      if (options.evictRevoked === true) evictRevoked(manager, key, cause)
    }
  }
  yield* Effect.addFinalizer(() => Effect.sync(() => shutdown(manager)))
  const keys = entryKey.make(CryptoAtOnce.make(primitives), partitionId, Hex.encode(yield* primitives.randomBytes(16)))
  const isSeeded = options.seedDecryptCache === true
  const seeding = isSeeded && decryptCache.stores
    ? { access: manager, keys, primitives, cache: decryptCache }
    : undefined
  const reserves = new Reserves(clock, ownLimits.maxAgeMillis)
  const encryption = operations.encryption(materialsManager, cache, keys, reserves, seeding)
  const decryption = operations.decryption(materialsManager, decryptCache, keys, isSeeded, false)
  const stableDecryption = operations.decryption(materialsManager, decryptCache, keys, isSeeded, true)
  return {
    ...responding(manager, encryption, decryption, stableDecryption),
    partitionId,
    invalidate: (selector) =>
      Effect.flatMap(
        checkSelector(selector),
        (checked) => evictWhere(manager, (metadata) => fitsSelector(checked, metadata), "invalidated")
      ),
    clear: evictWhere(manager, () => true, "cleared"),
    warm: (request) => warm(manager, encryption, reserves, request)
  }
})

/** The operations of a manager, each with its form at once. */
const responding = (
  manager: Manager,
  encryption: ReturnType<typeof operations.encryption>,
  decryption: ReturnType<typeof operations.decryption>,
  stableDecryption: ReturnType<typeof operations.decryption>
): CryptographicMaterialsManager.CryptographicMaterialsManager => {
  const cmm = CryptographicMaterialsManager.make({
    getEncryptionMaterials: (request) => respond(manager, encryption, request),
    decryptMaterials: (request) => respond(manager, decryption, request)
  })
  AtOnce.encryption.give(
    cmm.getEncryptionMaterials,
    (request, holder) => respondAtOnce(manager, encryption, request, holder)
  )
  AtOnce.decryption.give(
    cmm.decryptMaterials,
    (request, holder, isStable) => respondAtOnce(manager, isStable ? stableDecryption : decryption, request, holder)
  )
  return cmm
}

const warm = (
  manager: Manager,
  encryption: ReturnType<typeof operations.encryption>,
  reserves: Reserves,
  input: WarmRequest = {}
): Effect.Effect<void, EncryptError> =>
  Effect.gen(function*() {
    const request = yield* Effect.mapError(checkWarmRequest(input), (reason) => new EncryptError({ reason }))
    const classified = yield* classify(manager, encryption, {
      encryptionContext: request.encryptionContext ?? EncryptionContext.empty,
      algorithmSuite: request.algorithmSuite,
      commitmentPolicy: request.commitmentPolicy ?? CommitmentPolicy.defaultPolicy,
      requiredEncryptionContextKeys: [],
      maxPlaintextLength: 0
    })
    if (typeof classified === "string") return
    const { key } = classified
    const keep = (key: string) => Effect.scoped(serve(manager, classified.toKeep(key)))
    yield* Effect.forEach(
      Array.from({ length: request.dataKeys ?? 1 }, (_, number) => number),
      (number) =>
        number === 0
          ? keep(key)
          : Effect.tap(keep(reserveKey(key, number)), () => Effect.sync(() => reserves.remember(key, number))),
      { concurrency: maxCalls, discard: true }
    )
  })

/** Number of calls that one request to warm makes at a time. */
const maxCalls = 10

type Services = CryptographicMaterialsManager.CryptographicMaterialsManager | CachingCmm

const services = (cmm: CachingCmm): Context.Context<Services> =>
  Context.add(Context.make(CryptographicMaterialsManager.CryptographicMaterialsManager, cmm), CachingCmm, cmm)

const makeOver = Effect.fnUntraced(function*(
  options: Options,
  materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
) {
  return services(yield* make({ ...options, materialsManager, cache: yield* MaterialsCache.MaterialsCache }))
})

const makeOverKeyring = Effect.fnUntraced(function*(options: Options) {
  return yield* makeOver(options, yield* DefaultCmm.make(yield* Keyring.Keyring))
})

/**
 * The program's materials manager: a caching one over the program's keyring, with the program's cache. Provides its control
 * too.
 */
export const layer = (
  options: Options
): Layer.Layer<
  Services,
  InvalidPolicy | InvalidOption,
  Keyring.Keyring | MaterialsCache.MaterialsCache | Primitives
> => Layer.effectContext(makeOverKeyring(options))

/** `layer` with options from configuration, each as a value or as a `Config`. `CachePolicy.config` reads a policy. */
export const layerConfig = (
  options: Configured<Options>
): Layer.Layer<
  Services,
  InvalidPolicy | InvalidOption | Config.ConfigError,
  Keyring.Keyring | MaterialsCache.MaterialsCache | Primitives
> => Layer.effectContext(Effect.flatMap(configured(options), makeOverKeyring))

/** `layer` over the program's materials manager, which the result takes the place of. */
export const layerManager = (
  options: Options
): Layer.Layer<
  Services,
  InvalidPolicy | InvalidOption,
  CryptographicMaterialsManager.CryptographicMaterialsManager | MaterialsCache.MaterialsCache | Primitives
> =>
  Layer.effectContext(
    Effect.flatMap(
      CryptographicMaterialsManager.CryptographicMaterialsManager,
      (materialsManager) => makeOver(options, materialsManager)
    )
  )
