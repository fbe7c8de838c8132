/**
 * The caching cryptographic materials manager: serves materials of an underlying manager more than once, within the
 * thresholds of a policy.
 *
 * Specification: framework/caching-cmm.md
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as AlgorithmSuite from "../AlgorithmSuite.ts"
import * as Materials from "../CryptographicMaterials.ts"
import * as CryptographicMaterialsManager from "../CryptographicMaterialsManager.ts"
import { Primitives } from "../crypto/Primitives.ts"
import * as DefaultCmm from "../DefaultCmm.ts"
import * as EncryptionContext from "../EncryptionContext.ts"
import { DecryptError, EncryptError, InvalidOption, MaterialsManagerFailed } from "../EncryptionSdkError.ts"
import * as bytes from "../internal/bytes.ts"
import type { Materials as AnyMaterials } from "./internal/cacheEntry.ts"
import * as materialsFlights from "./internal/materialsFlights.ts"
import * as Keyring from "../Keyring.ts"
import type { BypassReason, Usage } from "../Receipt.ts"
import type { EntryFacts } from "./EntryFacts.ts"
import * as CacheEntryIdentifier from "./CacheEntryIdentifier.ts"
import * as CachePolicy from "./CachePolicy.ts"
import type { CachingEvent } from "./CachingEvent.ts"
import { InvalidPolicy } from "./InvalidPolicy.ts"
import * as MaterialsCache from "./MaterialsCache.ts"

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
  /** How long a fetch of materials may take before everybody who waits for it fails. Default 30 seconds. */
  readonly fetchDeadline?: Duration.Input | undefined
  /** How long an operation of an asynchronous cache may take before it counts as a miss. Default 1 second. */
  readonly cacheTimeout?: Duration.Input | undefined
  /** Called for each event, in order. What it throws is thrown away. */
  readonly onEvent?: ((event: CachingEvent) => void) | undefined
}

const positiveDuration = (
  field: string,
  input: Duration.Input
): Effect.Effect<Duration.Duration, InvalidOption> => {
  const duration = Duration.fromInput(input)
  return duration._tag === "Some" && Duration.isFinite(duration.value) && Duration.isPositive(duration.value)
    ? Effect.succeed(duration.value)
    : Effect.fail(
      new InvalidOption({ field, description: `must be a positive, finite Duration, got ${JSON.stringify(input)}` })
    )
}

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
  CryptographicMaterialsManager.CryptographicMaterialsManager,
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
  const emit = (event: CachingEvent): void => {
    try {
      onEvent?.(event)
    } catch {
      // A listener's fault is not the manager's.
    }
  }
  const flights = materialsFlights.make({
    clock,
    context: yield* Effect.context(),
    fetchDeadline,
    cacheTimeout,
    maxMessagesEncrypted: limits.maxMessagesEncrypted,
    emit
  })
  yield* Effect.addFinalizer(() => flights.shutdown)

  const bypass = <M, E>(
    operation: "encrypt" | "decrypt",
    reason: BypassReason,
    answer: Effect.Effect<CryptographicMaterialsManager.Answer<M>, E, Scope.Scope>
  ): Effect.Effect<CryptographicMaterialsManager.Answer<M>, E, Scope.Scope> => {
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
      const key = `${Hex.encode(identifier)}.${commitmentPolicy}`
      return distinction.length === 0
        ? Effect.succeed(key)
        : Effect.map(primitives.sha384(distinction), (digest) => `${key}.${Hex.encode(digest)}`)
    })

  const facts = (
    key: string,
    operation: "encrypt" | "decrypt",
    materials: AnyMaterials,
    encryptedDataKeys: EntryFacts["encryptedDataKeys"]
  ): EntryFacts => ({
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

  const getEncryptionMaterials = Effect.fnUntraced(function*(
    request: CryptographicMaterialsManager.EncryptionMaterialsRequest
  ) {
    const underlying = askForEncryption(request)
    const { algorithmSuite, commitmentPolicy, maxPlaintextLength: length } = request
    if (!cache.stores) return yield* bypass("encrypt", "CachingOff", underlying)
    if (algorithmSuite !== undefined && !AlgorithmSuite.isCacheable(algorithmSuite)) {
      return yield* bypass("encrypt", "SuiteWithoutKeyDerivation", underlying)
    }
    if (length === undefined) return yield* bypass("encrypt", "UnknownPlaintextLength", underlying)
    if (!Number.isSafeInteger(length) || length < 0) {
      return yield* new EncryptError({
        reason: new InvalidOption({
          field: "maxPlaintextLength",
          description: `must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got ${String(length)}`
        })
      })
    }
    // A copy: the caller may change its object while a fetch is in the air.
    const encryptionContext = yield* Effect.fromResult(
      Result.mapError(
        EncryptionContext.validate(request.encryptionContext),
        (reason) => new EncryptError({ reason })
      )
    )
    const requestLimits = limitsFor({
      operation: "encrypt",
      encryptionContext,
      algorithmSuite,
      plaintextLength: length
    })
    if (requestLimits === undefined) return yield* bypass("encrypt", "Rule", underlying)
    const charge: Usage = { messages: 1, bytes: BigInt(length) }
    if (charge.bytes > requestLimits.maxBytesEncrypted) {
      return yield* bypass("encrypt", "LargerThanMaxBytesEncrypted", underlying)
    }
    const requiredEncryptionContextKeys = [...new Set(request.requiredEncryptionContextKeys)]
    const key = yield* storedKey(
      CacheEntryIdentifier.encryptionPreimage({ partitionId, algorithmSuite, encryptionContext }),
      commitmentPolicy,
      EncryptionContext.serialize(Object.fromEntries(requiredEncryptionContextKeys.map((name) => [name, ""])))
    )
    return yield* flights.serve<Materials.CompleteEncryptionMaterials, EncryptError>({
      key,
      operation: "encrypt",
      cache,
      charge,
      limits: requestLimits,
      fetch: Effect.map(
        askForEncryption({
          encryptionContext,
          commitmentPolicy,
          algorithmSuite,
          requiredEncryptionContextKeys,
          maxPlaintextLength: undefined
        }),
        ({ materials }) => materials
      ),
      fetchAlone: Effect.suspend(() => bypass("encrypt", "MaterialsNotCacheable", underlying)),
      facts: (materials) => facts(key, "encrypt", materials, materials.encryptedDataKeys),
      failure: (description) =>
        new EncryptError({ reason: new MaterialsManagerFailed({ description, retryable: true }) })
    })
  })

  const decryptCache = options.decryptCache ?? cache
  const noCharge: Usage = { messages: 0, bytes: 0n }

  const decryptMaterials = Effect.fnUntraced(function*(
    request: CryptographicMaterialsManager.DecryptMaterialsRequest
  ) {
    const { algorithmSuite, commitmentPolicy } = request
    if (!decryptCache.stores) return yield* bypass("decrypt", "CachingOff", askForDecryption(request))
    if (!AlgorithmSuite.isCacheable(algorithmSuite)) {
      return yield* bypass("decrypt", "SuiteWithoutKeyDerivation", askForDecryption(request))
    }
    const validate = (context: EncryptionContext.EncryptionContext) =>
      Effect.fromResult(
        Result.mapError(EncryptionContext.validate(context), (reason) => new DecryptError({ reason }))
      )
    const encryptionContext = yield* validate(request.encryptionContext)
    const expectedEncryptionContext = yield* validate(request.expectedEncryptionContext)
    const requestLimits = limitsFor({
      operation: "decrypt",
      encryptionContext,
      algorithmSuite,
      plaintextLength: undefined
    })
    if (requestLimits === undefined) return yield* bypass("decrypt", "Rule", askForDecryption(request))
    const encryptedDataKeys = [...request.encryptedDataKeys]
    const key = yield* storedKey(
      CacheEntryIdentifier.decryptionPreimage({ partitionId, algorithmSuite, encryptedDataKeys, encryptionContext }),
      commitmentPolicy,
      EncryptionContext.serialize(expectedEncryptionContext)
    )
    return yield* flights.serve<Materials.CompleteDecryptionMaterials, DecryptError>({
      key,
      operation: "decrypt",
      cache: decryptCache,
      charge: noCharge,
      limits: {
        maxAgeMillis: requestLimits.maxAgeMillis,
        maxMessagesEncrypted: Infinity,
        maxBytesEncrypted: CachePolicy.maxBytesEncryptedLimit
      },
      fetch: Effect.map(
        askForDecryption({
          algorithmSuite,
          commitmentPolicy,
          encryptedDataKeys,
          encryptionContext,
          expectedEncryptionContext
        }),
        ({ materials }) => materials
      ),
      fetchAlone: Effect.suspend(() => bypass("decrypt", "MaterialsNotCacheable", askForDecryption(request))),
      facts: (materials) => facts(key, "decrypt", materials, [materials.unwrappedDataKey]),
      failure: (description) =>
        new DecryptError({ reason: new MaterialsManagerFailed({ description, retryable: true }) })
    })
  })

  return CryptographicMaterialsManager.make({ getEncryptionMaterials, decryptMaterials })
})

/** The program's materials manager: a caching one over the program's keyring, with the program's cache. */
export const layer = (
  options: CachingOptions
): Layer.Layer<
  CryptographicMaterialsManager.Service,
  InvalidPolicy | InvalidOption,
  Keyring.Service | MaterialsCache.Service | Primitives
> =>
  Layer.effect(
    CryptographicMaterialsManager.Service,
    Effect.gen(function*() {
      const materialsManager = yield* DefaultCmm.make(yield* Keyring.Service)
      return yield* make({ ...options, materialsManager, cache: yield* MaterialsCache.Service })
    })
  )

/** The same over the program's materials manager, which the result takes the place of. */
export const layerManager = (
  options: CachingOptions
): Layer.Layer<
  CryptographicMaterialsManager.Service,
  InvalidPolicy | InvalidOption,
  CryptographicMaterialsManager.Service | MaterialsCache.Service | Primitives
> =>
  Layer.effect(
    CryptographicMaterialsManager.Service,
    Effect.gen(function*() {
      const materialsManager = yield* CryptographicMaterialsManager.Service
      return yield* make({ ...options, materialsManager, cache: yield* MaterialsCache.Service })
    })
  )
