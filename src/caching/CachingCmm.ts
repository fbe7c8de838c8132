/**
 * The caching cryptographic materials manager: serves materials of an underlying manager more than once, within the
 * thresholds of a policy.
 *
 * Specification: framework/caching-cmm.md
 */
import * as EncryptionContextCodec from "../message/EncryptionContextCodec.ts"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import * as Materials from "../model/CryptographicMaterials.ts"
import * as CryptographicMaterialsManager from "../materials/CryptographicMaterialsManager.ts"
import { Primitives, type VerificationKey } from "../crypto/Primitives.ts"
import * as DefaultCmm from "../materials/DefaultCmm.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { DecryptError } from "../model/errors/DecryptError.ts"
import { EncryptError } from "../model/errors/EncryptError.ts"
import { InvalidOption, MaterialsManagerFailed } from "../model/errors/Reasons.ts"
import * as bytes from "../internal/bytes.ts"
import type { Materials as AnyMaterials } from "./internal/cacheEntry.ts"
import * as materialsFlights from "./internal/materialsFlights.ts"
import { positiveDuration } from "./internal/positiveDuration.ts"
import { refusals } from "./internal/refusals.ts"
import * as Keyring from "../materials/Keyring.ts"
import type { BypassReason, Usage } from "../model/Receipt.ts"
import { failDecrypt } from "../model/errors/DecryptError.ts"
import { failEncrypt } from "../model/errors/EncryptError.ts"
import type { EntryMetadata, EvictionCause } from "./EntryMetadata.ts"
import * as CacheEntryIdentifier from "./CacheEntryIdentifier.ts"
import * as CachePolicy from "./CachePolicy.ts"
import type { CachingEvent } from "./CachingEvent.ts"
import * as CachingMetrics from "./CachingMetrics.ts"
import { InvalidPolicy } from "./InvalidPolicy.ts"
import * as MaterialsCache from "./MaterialsCache.ts"
import * as RefreshAhead from "./RefreshAhead.ts"

/** How a caching manager is made, whatever it stands on. */
export interface CachingOptions {
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
  readonly refreshAhead?: RefreshAhead.RefreshAheadOptions | undefined
  /**
   * Drops what the key provider refuses before its age. Access denied evicts the entry whose own fetch or refresh was
   * denied; a key that is disabled or pending deletion takes all entries of that key with it. Default: off.
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
  /** How long a fetch of materials may take before everybody who waits for it fails. Default 30 seconds. */
  readonly fetchDeadline?: Duration.Input | undefined
  /** How long an operation of an asynchronous cache may take before it counts as a miss. Default 1 second. */
  readonly cacheTimeout?: Duration.Input | undefined
  /** Called for each event, in order. What it throws is thrown away. */
  readonly onEvent?: ((event: CachingEvent) => void) | undefined
}

/** Which entries to invalidate: those for which everything that is given fits. */
export interface Selector {
  /** Entries whose context has all of these pairs. */
  readonly encryptionContext?: EncryptionContext.EncryptionContext | undefined
  /** Entries whose data key was generated or unwrapped with this wrapping key: a key ARN, or a raw keyring's key name. */
  readonly wrappingKey?: string | undefined
}

/** What to have materials for before requests come. */
export interface WarmRequest {
  readonly encryptionContext?: EncryptionContext.EncryptionContext | undefined
  readonly algorithmSuite?: AlgorithmSuite.AlgorithmSuite | undefined
  /** The policy of the client whose requests will come. Default `RequireEncryptRequireDecrypt`. */
  readonly commitmentPolicy?: CommitmentPolicy.CommitmentPolicy | undefined
}

/** A caching manager, and the control of what it has cached. */
export interface CachingCmm extends CryptographicMaterialsManager.CryptographicMaterialsManager {
  readonly partitionId: string
  /**
   * Evicts the entries of this manager's partition that fit, and answers how many there were. Fetches in the air that fit,
   * or whose wrapping key is not known yet, serve those who wait for them, and nothing of them is cached.
   */
  readonly invalidate: (selector: Selector) => Effect.Effect<number>
  /** Evicts everything of this manager's partition; fetches in the air are not cached. */
  readonly clear: Effect.Effect<void>
  /**
   * Fetches encryption materials before traffic, unless there are some, and charges nothing for it. Succeeds when requests
   * can be served without a call: a check of readiness. Does nothing where such a request would not be cached.
   */
  readonly warm: (request?: WarmRequest) => Effect.Effect<void, EncryptError>
}

/** The caching manager that this program uses, for control. The layers provide it beside the materials manager. */
export const CachingCmm: Context.Service<CachingCmm, CachingCmm> = /*#__PURE__*/ Context.Service<CachingCmm>(
  "effect-encryption-sdk/caching/CachingCmm"
)

/**
 * A caching manager over another manager. Fails with `InvalidPolicy` where the policy is not valid or has no `maxAge`,
 * and with `InvalidOption` where another option is not.
 *
 * Fetches run in the scope that this is made in: when it closes, they and those who wait for them are interrupted.
 */
export const make: (
  options: CachingOptions & {
    readonly materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
    readonly cache: MaterialsCache.MaterialsCache
  }
) => Effect.Effect<
  CachingCmm,
  InvalidPolicy | InvalidOption,
  Primitives | Scope.Scope
> = /*#__PURE__*/ Effect.fnUntraced(function*(options) {
  const { cache, materialsManager, onEvent } = options
  const policy = CachePolicy.isCachePolicy(options.policy)
    ? options.policy
    : yield* CachePolicy.make(options.policy)
  const { maxAge, maxBytesEncrypted, maxMessagesEncrypted } = policy.thresholds
  if (maxAge === undefined) {
    return yield* new InvalidPolicy({ violations: [{ field: "maxAge", description: "is required" }] })
  }
  const limits: materialsFlights.Limits = {
    maxAgeMillis: Duration.toMillis(maxAge),
    maxMessagesEncrypted: maxMessagesEncrypted ?? CachePolicy.maxMessagesEncryptedLimit,
    maxBytesEncrypted: maxBytesEncrypted ?? CachePolicy.maxBytesEncryptedLimit
  }
  const fetchDeadline = yield* positiveDuration("fetchDeadline", options.fetchDeadline ?? "30 seconds")
  const cacheTimeout = yield* positiveDuration("cacheTimeout", options.cacheTimeout ?? "1 second")
  const primitives = yield* Primitives
  const partitionId = options.partitionId ?? Hex.encode(yield* primitives.randomBytes(16))
  if (partitionId === "" || !bytes.isWellFormed(partitionId)) {
    return yield* new InvalidOption({
      field: "partitionId",
      description: "must be a text of at least one character, and well-formed Unicode"
    })
  }
  const clock = yield* Clock.Clock
  // Whoever makes the manager is not the parent of what it does later.
  const context = Context.omit(Tracer.ParentSpan)(yield* Effect.context())
  const decryptCache = options.decryptCache ?? cache
  const caches = [...new Set([cache, decryptCache])]
  const emit = (event: CachingEvent): void => {
    CachingMetrics.record(event, context)
    try {
      onEvent?.(event)
    } catch {
      // A listener's fault is not the manager's.
    }
  }
  const flights = materialsFlights.make({
    clock,
    context,
    fetchDeadline,
    cacheTimeout,
    maxMessagesEncrypted: limits.maxMessagesEncrypted,
    refresh: options.refreshAhead &&
      (yield* RefreshAhead.make(options.refreshAhead, limits, primitives)),
    emit,
    onFailure: (key, cause) => {
      if (options.evictRevoked === true) evictRevoked(key, cause)
    }
  })
  yield* Effect.addFinalizer(() => flights.shutdown)

  /** Evicts what fits in this manager's partition, in the caches and on the way into them. */
  const evictWhere = (
    fits: (metadata: Pick<EntryMetadata, "encryptionContext"> & Partial<EntryMetadata>) => boolean,
    cause: EvictionCause
  ): Effect.Effect<number> =>
    Effect.suspend(() => {
      flights.closeFlights(({ encryptionContext, metadata }) => fits(metadata ?? { encryptionContext }), cause)
      return Effect.map(
        Effect.forEach(caches, (each) =>
          flights.guarded(
            "deleteWhere",
            each,
            each.deleteWhere((metadata) => metadata.partitionId === partitionId && fits(metadata), cause)
          ), { concurrency: "unbounded" }),
        (counts) => counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)
      )
    })

  const evictRevoked = (key: string, cause: Cause.Cause<unknown>): void => {
    const { denied, unavailable } = refusals(cause)
    if (!denied && unavailable.size === 0) return
    flights.fork(evictWhere((metadata) =>
      (denied && metadata.key === key) ||
      (metadata.encryptedDataKeys ?? []).some(({ keyProviderInfo }) =>
        unavailable.has(EncryptedDataKey.printableInfo(keyProviderInfo))
      ), "revoked"))
  }

  const bypass = <M, E>(
    operation: "encrypt" | "decrypt",
    reason: BypassReason,
    answer: Effect.Effect<CryptographicMaterialsManager.MaterialsResponse<M>, E, Scope.Scope>
  ): Effect.Effect<CryptographicMaterialsManager.MaterialsResponse<M>, E, Scope.Scope> => {
    emit({ _tag: "Bypassed", operation, reason })
    return Effect.map(answer, ({ materials }) => ({ materials, receipt: { _tag: "Bypassed", reason } }))
  }

  /** The policy's decision on a request, before any look-up: the limits that hold for it, or none. */
  const limitsFor = (
    request: Omit<CachePolicy.RuleRequest, "time">
  ): materialsFlights.Limits | undefined => {
    if (policy.rules.length === 0) return limits
    const time = DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())
    const decision = CachePolicy.decide(policy, { ...request, time })
    if (decision._tag === "Bypass") return undefined
    const { thresholds } = decision
    return {
      maxAgeMillis: Duration.toMillis(thresholds.maxAge ?? maxAge),
      maxMessagesEncrypted: thresholds.maxMessagesEncrypted ?? limits.maxMessagesEncrypted,
      maxBytesEncrypted: thresholds.maxBytesEncrypted ?? limits.maxBytesEncrypted
    }
  }

  // Managers of different policies, and requests that expect different contexts, must not share an entry, even where
  // the specification's identifier is the same.
  const storedKey = (
    preimage: Uint8Array,
    commitmentPolicy: string,
    distinction: Uint8Array
  ): Effect.Effect<string> =>
    Effect.flatMap(primitives.sha384(preimage), (identifier) => {
      const key = textOf(identifier, commitmentPolicy)
      return distinction.length === 0
        ? Effect.succeed(key)
        : Effect.map(primitives.sha384(distinction), (digest) => `${key}.${Hex.encode(digest)}`)
    })

  /**
   * The identifier is the caller's context, and takes a digest: it is computed once for each context object that can no
   * longer change.
   */
  const encryptionKey = (
    encryptionContext: EncryptionContext.EncryptionContext,
    algorithmSuite: AlgorithmSuite.AlgorithmSuite | undefined,
    commitmentPolicy: CommitmentPolicy.CommitmentPolicy,
    requiredEncryptionContextKeys: ReadonlyArray<string>
  ): Effect.Effect<string> => {
    return storedKey(
      CacheEntryIdentifier.encryptionPreimage({ partitionId, algorithmSuite, encryptionContext }),
      commitmentPolicy,
      EncryptionContextCodec.encode(Object.fromEntries(requiredEncryptionContextKeys.map((name) => [name, ""])))
    )
  }

  const metadata = (
    key: string,
    operation: "encrypt" | "decrypt",
    materials: AnyMaterials,
    encryptedDataKeys: EntryMetadata["encryptedDataKeys"]
  ): EntryMetadata => ({
    key,
    operation,
    partitionId,
    algorithmSuite: materials.algorithmSuite,
    encryptionContext: materials.encryptionContext,
    encryptedDataKeys,
    maxAge
  })

  // What the underlying manager answers is checked before anybody uses it, or it is kept.
  const askForEncryption = (request: CryptographicMaterialsManager.EncryptionMaterialsRequest) =>
    Effect.flatMap(
      materialsManager.getEncryptionMaterials(request),
      (answer) =>
        Effect.fromResult(Result.mapBoth(Materials.checkEncryptionMaterials(answer.materials), {
          onFailure: (reason) => new EncryptError({ reason }),
          onSuccess: (materials) => ({ ...answer, materials })
        }))
    )

  const askForDecryption = (request: CryptographicMaterialsManager.DecryptMaterialsRequest) =>
    Effect.flatMap(
      materialsManager.decryptMaterials(request),
      (answer) =>
        Effect.fromResult(Result.mapBoth(Materials.checkDecryptionMaterials(answer.materials), {
          onFailure: (reason) => new DecryptError({ reason }),
          onSuccess: (materials) => ({ ...answer, materials })
        }))
    )

  /** How an encrypt request is served: through the cache, or past it for a reason. */
  const planEncryption = (
    request: CryptographicMaterialsManager.EncryptionMaterialsRequest
  ): Effect.Effect<
    BypassReason | materialsFlights.CacheableRequest<Materials.CompleteEncryptionMaterials, EncryptError>,
    EncryptError
  > => {
    const { algorithmSuite, commitmentPolicy, maxPlaintextLength: length } = request
    if (!cache.stores) return Effect.succeed("CachingOff")
    if (algorithmSuite !== undefined && !AlgorithmSuite.isCacheable(algorithmSuite)) {
      return Effect.succeed("SuiteWithoutKeyDerivation")
    }
    if (length === undefined) return Effect.succeed("UnknownPlaintextLength")
    if (!Number.isSafeInteger(length) || length < 0) {
      return failEncrypt(
        new InvalidOption({
          field: "maxPlaintextLength",
          description: `must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got ${String(length)}`
        })
      )
    }
    // A copy: the caller may change its object while a fetch is in the air.
    const validated = EncryptionContext.validate(request.encryptionContext)
    if (Result.isFailure(validated)) return failEncrypt(validated.failure)
    const encryptionContext = validated.success
    const requestLimits = limitsFor({
      operation: "encrypt",
      encryptionContext,
      algorithmSuite,
      plaintextLength: length
    })
    if (requestLimits === undefined) return Effect.succeed("Rule")
    const charge: Usage = { messages: 1, bytes: BigInt(length) }
    if (charge.bytes > requestLimits.maxBytesEncrypted) return Effect.succeed("LargerThanMaxBytesEncrypted")
    const requiredEncryptionContextKeys = request.requiredEncryptionContextKeys.length === 0
      ? noKeys
      : [...new Set(request.requiredEncryptionContextKeys)]
    return Effect.map(
      encryptionKey(encryptionContext, algorithmSuite, commitmentPolicy, requiredEncryptionContextKeys),
      (key) => encryption(request, key, encryptionContext, charge, requestLimits, requiredEncryptionContextKeys)
    )
  }

  const encryption = (
    request: CryptographicMaterialsManager.EncryptionMaterialsRequest,
    key: string,
    encryptionContext: EncryptionContext.EncryptionContext,
    charge: Usage,
    requestLimits: materialsFlights.Limits,
    requiredEncryptionContextKeys: ReadonlyArray<string>
  ): materialsFlights.CacheableRequest<Materials.CompleteEncryptionMaterials, EncryptError> => {
    const { algorithmSuite, commitmentPolicy } = request
    const fetch = Effect.suspend(() =>
      Effect.map(
        askForEncryption({
          encryptionContext,
          commitmentPolicy,
          algorithmSuite,
          requiredEncryptionContextKeys,
          maxPlaintextLength: undefined
        }),
        ({ materials }) => ({ ...materials, encryptedDataKeys: materials.encryptedDataKeys.map(EncryptedDataKey.copy) })
      )
    )
    const seeds = options.seedDecryptCache === true && decryptCache.stores && requiredEncryptionContextKeys.length === 0
    let seed: { readonly key: string; readonly verificationKey: VerificationKey | undefined } | undefined
    return {
      key,
      ownKey: undefined,
      operation: "encrypt",
      cache,
      encryptionContext,
      charge,
      limits: requestLimits,
      fetch: seeds
        ? Effect.tap(fetch, (materials) =>
          Effect.map(decryptSeed(materials, commitmentPolicy), (made) => {
            seed = made
          }))
        : fetch,
      fetchAlone: Effect.suspend(() => bypass("encrypt", "MaterialsNotCacheable", askForEncryption(request))),
      metadata: (materials) => metadata(key, "encrypt", materials, materials.encryptedDataKeys),
      landed: (materials, createdAt) => {
        if (seed === undefined) return
        const decryption: Materials.CompleteDecryptionMaterials = {
          algorithmSuite: materials.algorithmSuite,
          encryptionContext: Object.freeze({ ...materials.encryptionContext }),
          requiredEncryptionContextKeys: [],
          plaintextDataKey: materials.plaintextDataKey,
          unwrappedDataKey: materials.encryptedDataKeys[0]!,
          verificationKey: seed.verificationKey
        }
        flights.seed(
          decryption,
          metadata(seed.key, "decrypt", decryption, [decryption.unwrappedDataKey]),
          decryptCache,
          createdAt
        )
      },
      failure: (description) =>
        new EncryptError({ reason: new MaterialsManagerFailed({ description, isRetryable: true }) })
    }
  }

  const getEncryptionMaterials = (request: CryptographicMaterialsManager.EncryptionMaterialsRequest) =>
    Effect.suspend(() =>
      Effect.flatMap(planEncryption(request), (plan) =>
        typeof plan === "string"
          ? bypass("encrypt", plan, askForEncryption(request))
          : flights.serve(plan))
    )

  const decryptionKey = (
    request: Omit<CryptographicMaterialsManager.DecryptMaterialsRequest, "expectedEncryptionContext">,
    expected: EncryptionContext.EncryptionContext
  ): Effect.Effect<string> =>
    storedKey(
      CacheEntryIdentifier.decryptionPreimage({ partitionId, ...request }),
      request.commitmentPolicy,
      EncryptionContextCodec.encode(expected)
    )

  // No other manager can make this key: what is seeded serves the one that seeded it.
  const managerId = Hex.encode(yield* primitives.randomBytes(16))
  const ownKey = (key: string): string => `${key}.${managerId}`

  /** What a decryption entry needs besides the encryption materials; none where the suite's materials are not cached. */
  const decryptSeed = Effect.fnUntraced(function*(
    { algorithmSuite, encryptedDataKeys, encryptionContext }: Materials.CompleteEncryptionMaterials,
    commitmentPolicy: CommitmentPolicy.CommitmentPolicy
  ) {
    if (
      !AlgorithmSuite.isCacheable(algorithmSuite) || !CommitmentPolicy.allowsDecrypt(commitmentPolicy, algorithmSuite)
    ) {
      return undefined
    }
    const key = yield* decryptionKey({ algorithmSuite, commitmentPolicy, encryptedDataKeys, encryptionContext }, {})
    if (algorithmSuite.signature === undefined) return { key: ownKey(key), verificationKey: undefined }
    const publicKey = Base64.decode(encryptionContext[EncryptionContext.publicKeyKey] ?? "")
    if (Result.isFailure(publicKey)) return undefined
    const verificationKey = yield* Effect.option(
      primitives.importVerificationKey(algorithmSuite.signature.curve, publicKey.success)
    )
    return Option.isSome(verificationKey) ? { key: ownKey(key), verificationKey: verificationKey.value } : undefined
  })

  const planDecryption = (
    request: CryptographicMaterialsManager.DecryptMaterialsRequest
  ): Effect.Effect<
    BypassReason | materialsFlights.CacheableRequest<Materials.CompleteDecryptionMaterials, DecryptError>,
    DecryptError
  > => {
    const { algorithmSuite, commitmentPolicy } = request
    if (!decryptCache.stores) return Effect.succeed("CachingOff")
    if (!AlgorithmSuite.isCacheable(algorithmSuite)) return Effect.succeed("SuiteWithoutKeyDerivation")
    const stored = EncryptionContext.validate(request.encryptionContext)
    if (Result.isFailure(stored)) return failDecrypt(stored.failure)
    const expected = EncryptionContext.validate(request.expectedEncryptionContext)
    if (Result.isFailure(expected)) return failDecrypt(expected.failure)
    const encryptionContext = stored.success
    const expectedEncryptionContext = expected.success
    const requestLimits = limitsFor({
      operation: "decrypt",
      encryptionContext,
      algorithmSuite,
      plaintextLength: undefined
    })
    if (requestLimits === undefined) return Effect.succeed("Rule")
    const encryptedDataKeys = [...request.encryptedDataKeys]
    const copied = { algorithmSuite, commitmentPolicy, encryptedDataKeys, encryptionContext }
    return Effect.map(
      decryptionKey(copied, expectedEncryptionContext),
      (key) => decryption(request, key, copied, expectedEncryptionContext, requestLimits)
    )
  }

  const decryption = (
    request: CryptographicMaterialsManager.DecryptMaterialsRequest,
    key: string,
    copied: Omit<CryptographicMaterialsManager.DecryptMaterialsRequest, "expectedEncryptionContext">,
    expectedEncryptionContext: EncryptionContext.EncryptionContext,
    requestLimits: materialsFlights.Limits
  ): materialsFlights.CacheableRequest<Materials.CompleteDecryptionMaterials, DecryptError> => {
    const expectsNothing = Object.keys(expectedEncryptionContext).length === 0
    const mayBeSeeded = options.seedDecryptCache === true && expectsNothing
    return {
      key,
      ownKey: mayBeSeeded ? ownKey(key) : undefined,
      operation: "decrypt",
      cache: decryptCache,
      // As the materials will have it: with what is expected, and reproduced where it was not stored.
      encryptionContext: expectsNothing
        ? copied.encryptionContext
        : { ...copied.encryptionContext, ...expectedEncryptionContext },
      charge: { messages: 0, bytes: 0n },
      limits: {
        maxAgeMillis: requestLimits.maxAgeMillis,
        maxMessagesEncrypted: Infinity,
        maxBytesEncrypted: CachePolicy.maxBytesEncryptedLimit
      },
      fetch: Effect.suspend(() =>
        Effect.map(
          askForDecryption({ ...copied, expectedEncryptionContext }),
          ({ materials }) => ({ ...materials, unwrappedDataKey: EncryptedDataKey.copy(materials.unwrappedDataKey) })
        )
      ),
      fetchAlone: Effect.suspend(() => bypass("decrypt", "MaterialsNotCacheable", askForDecryption(request))),
      metadata: (materials) => metadata(key, "decrypt", materials, [materials.unwrappedDataKey]),
      landed: undefined,
      failure: (description) =>
        new DecryptError({ reason: new MaterialsManagerFailed({ description, isRetryable: true }) })
    }
  }

  const decryptMaterials = (request: CryptographicMaterialsManager.DecryptMaterialsRequest) =>
    Effect.suspend(() =>
      Effect.flatMap(planDecryption(request), (plan) =>
        typeof plan === "string"
          ? bypass("decrypt", plan, askForDecryption(request))
          : flights.serve(plan))
    )

  const manager = CryptographicMaterialsManager.make({ getEncryptionMaterials, decryptMaterials })
  return {
    ...manager,
    partitionId,
    invalidate: (selector) => evictWhere((metadata) => fitsSelector(selector, metadata), "invalidated"),
    clear: Effect.asVoid(evictWhere(() => true, "cleared")),
    warm: (request = {}) =>
      Effect.flatMap(
        planEncryption({
          encryptionContext: request.encryptionContext ?? EncryptionContext.empty,
          algorithmSuite: request.algorithmSuite,
          commitmentPolicy: request.commitmentPolicy ?? CommitmentPolicy.defaultPolicy,
          requiredEncryptionContextKeys: [],
          maxPlaintextLength: 0
        }),
        (plan) =>
          typeof plan === "string"
            ? Effect.void
            : Effect.asVoid(Effect.scoped(flights.serve({ ...plan, charge: { messages: 0, bytes: 0n } })))
      )
  }
})

const noKeys: ReadonlyArray<string> = /*#__PURE__*/ Object.freeze([])

const digits = /*#__PURE__*/ bytes.utf8("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

/**
 * The digest in base64, which is short, and the policy. Text that is put together is kept in its pieces, which would be a
 * third of an entry's memory; this is in one piece.
 */
const textOf = (digest: Uint8Array, commitmentPolicy: string): string => {
  const codes = new Uint8Array(digest.length / 3 * 4 + 1 + commitmentPolicy.length)
  let at = 0
  for (let i = 0; i < digest.length; i += 3) {
    const bits = digest[i]! << 16 | digest[i + 1]! << 8 | digest[i + 2]!
    codes[at++] = digits[bits >> 18]!
    codes[at++] = digits[bits >> 12 & 63]!
    codes[at++] = digits[bits >> 6 & 63]!
    codes[at++] = digits[bits & 63]!
  }
  codes[at++] = 0x2e
  for (let i = 0; i < commitmentPolicy.length; i++) codes[at++] = commitmentPolicy.charCodeAt(i)
  return bytes.toLatin1(codes)
}

const fitsSelector = (
  { encryptionContext, wrappingKey }: Selector,
  metadata: Pick<EntryMetadata, "encryptionContext"> & Partial<EntryMetadata>
): boolean =>
  (encryptionContext === undefined ||
    EncryptionContext.findMismatch(encryptionContext, metadata.encryptionContext) === undefined) &&
  (wrappingKey === undefined || metadata.encryptedDataKeys === undefined ||
    metadata.encryptedDataKeys.slice(0, 1).some((edk) => wrappingKeyName(edk) === wrappingKey))

/** A raw AES keyring writes more behind the key's name, which does not print. */
const wrappingKeyName = ({ keyProviderInfo }: EncryptedDataKey.EncryptedDataKey): string =>
  EncryptedDataKey.printableInfo(keyProviderInfo).replace(/\u2026$/u, "")

const services = (
  cmm: CachingCmm
): Context.Context<CachingCmm | CryptographicMaterialsManager.CryptographicMaterialsManager> =>
  Context.add(Context.make(CryptographicMaterialsManager.CryptographicMaterialsManager, cmm), CachingCmm, cmm)

/**
 * The program's materials manager: a caching one over the program's keyring, with the program's cache. Provides its control
 * too.
 */
export const layer = (
  options: CachingOptions
): Layer.Layer<
  CryptographicMaterialsManager.CryptographicMaterialsManager | CachingCmm,
  InvalidPolicy | InvalidOption,
  Keyring.Keyring | MaterialsCache.MaterialsCache | Primitives
> =>
  Layer.effectContext(
    Effect.gen(function*() {
      const materialsManager = yield* DefaultCmm.make(yield* Keyring.Keyring)
      return services(yield* make({ ...options, materialsManager, cache: yield* MaterialsCache.MaterialsCache }))
    })
  )

/** The same over the program's materials manager, which the result takes the place of. */
export const layerManager = (
  options: CachingOptions
): Layer.Layer<
  CryptographicMaterialsManager.CryptographicMaterialsManager | CachingCmm,
  InvalidPolicy | InvalidOption,
  CryptographicMaterialsManager.CryptographicMaterialsManager | MaterialsCache.MaterialsCache | Primitives
> =>
  Layer.effectContext(
    Effect.gen(function*() {
      const materialsManager = yield* CryptographicMaterialsManager.CryptographicMaterialsManager
      return services(yield* make({ ...options, materialsManager, cache: yield* MaterialsCache.MaterialsCache }))
    })
  )
