/**
 * The way of a request: past the cache for a reason, or through it. The same for encryption and decryption, which
 * `operations.ts` tells apart.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Duration from "effect/Duration"
import { andThen } from "../../internal/atOnce.ts"
import type { MaterialsResponse } from "../../materials/CryptographicMaterialsManager.ts"
import * as AlgorithmSuite from "../../model/AlgorithmSuite.ts"
import type { CommitmentPolicy } from "../../model/CommitmentPolicy.ts"
import type { EncryptionContext } from "../../model/EncryptionContext.ts"
import type { BypassReason, Usage } from "../../model/Receipt.ts"
import type { RuleRequest } from "../CachePolicy.ts"
import type { MaterialsCache } from "../MaterialsCache.ts"
import { asking, withAskers } from "./askers.ts"
import type { CacheAccess } from "./cacheAccess.ts"
import { overdue, within } from "../../internal/deadline.ts"
import type { CompleteMaterials } from "./entry.ts"
import type { OwnKeys } from "./metadata.ts"
import type { Limits } from "./limits.ts"
import { noKeys } from "./reserves.ts"
import type { Seed } from "./seeding.ts"
import { noUsage } from "./usage.ts"

/** A request that may be served from the cache. */
export interface CacheableRequest<M extends CompleteMaterials, E> {
  /** The key under which its entry is stored. */
  readonly key: string
  /** The keys of other entries that may serve it where that one cannot: a seed of this manager, or reserves. */
  readonly otherKeys: ReadonlyArray<string>
  readonly operation: "encrypt" | "decrypt"
  readonly cache: MaterialsCache
  /** The context that the materials will have. */
  readonly encryptionContext: EncryptionContext
  readonly charge: Usage
  readonly limits: Limits
  /** Whether the cache has thrown at the look-up at once. */
  cacheFault: boolean
  /** A request for materials that are stored under this key, and no others. Nothing is charged for it. */
  readonly toKeep: (key: string) => CacheableRequest<M, E>
  /** Asks the underlying manager, without any knowledge of the plaintext. */
  readonly fetch: () => Effect.Effect<Fetched<M>, E, Scope.Scope>
  /** Asks the underlying manager for this request alone, as it came. */
  readonly fetchAlone: () => Effect.Effect<MaterialsResponse<M>, E, Scope.Scope>
  /** The encrypted data keys of an entry with these materials, for its metadata. */
  readonly encryptedDataKeys: (materials: M) => OwnKeys
  /** The error of a request that the manager gives up. */
  readonly failure: (description: string, isRetryable: boolean) => E
}

/** Fetched materials, in arrays of their own but for the data key. */
export interface Fetched<M extends CompleteMaterials> {
  readonly materials: M
  /** Called in the step in which the materials are kept, while their data key lives. */
  readonly onKept: Seed | undefined
}

/** The part of an operation's request that both have. */
export interface MaterialsRequest {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite | undefined
  readonly commitmentPolicy: CommitmentPolicy
  readonly encryptionContext: EncryptionContext
}

/** A request as its operation reads it: checked and copied. */
export interface ReadRequest<Request> {
  /**
   * The request to the underlying manager. Without any knowledge of the plaintext; and a copy, since the caller may change
   * its objects while a fetch is in flight.
   */
  readonly request: Request
  /** Whether the context is the very object that the caller gave. */
  readonly isValidated: boolean
  /** The context that the materials will have. */
  readonly encryptionContext: EncryptionContext
  readonly plaintextLength: number | undefined
  readonly charge: Usage
}

/** The differences between the two operations of a manager. */
export interface Operation<Request extends MaterialsRequest, M extends CompleteMaterials, E> {
  readonly name: "encrypt" | "decrypt"
  readonly cache: MaterialsCache
  /** Checks and copies a request. Rejects with a reason of the operation's error. */
  readonly read: (request: Request) => ReadRequest<Request> | "UnknownPlaintextLength"
  readonly key: (read: ReadRequest<Request>) => Effect.Effect<string>
  /** The keys of entries that may serve a request beside that of its key. */
  readonly otherKeys: (read: ReadRequest<Request>, key: string) => ReadonlyArray<string>
  /** Prepares what a fetch for this request seeds. */
  readonly seed: (read: ReadRequest<Request>, materials: M) => Effect.Effect<Seed | undefined>
  /** Asks the underlying manager, as it is. */
  readonly ask: (request: Request) => Effect.Effect<MaterialsResponse<M>, E, Scope.Scope>
  /** Checks materials. Rejects with `InvalidMaterials`. */
  readonly check: (materials: M) => M
  /** The materials with encrypted data keys of their own, which keep no larger buffer alive. */
  readonly detach: (materials: M) => M
  readonly encryptedDataKeys: (materials: M) => OwnKeys
  /** Runs checks that reject, or fails with the operation's error. */
  readonly orFail: <A>(check: () => A) => Effect.Effect<A, E>
  /** The error of a request that the manager gives up. */
  readonly givenUp: (description: string, isRetryable: boolean) => E
}

/** The part of a manager that decides what is cacheable. */
export interface Deciding extends CacheAccess {
  /** Time limit of each way to the key provider. */
  readonly fetchDeadline: Duration.Duration
  /** The limits that the policy sets for a request; undefined where it bypasses the cache. */
  readonly limitsFor: (
    operation: RuleRequest["operation"],
    request: MaterialsRequest,
    plaintextLength: number | undefined
  ) => Limits | undefined
}

/** Classifies a request: the reason of its bypass, or the cacheable request. */
export const classify = <Request extends MaterialsRequest, M extends CompleteMaterials, E>(
  manager: Deciding,
  operation: Operation<Request, M, E>,
  request: Request
): Effect.Effect<BypassReason | CacheableRequest<M, E>, E> => {
  const algorithmSuite = AlgorithmSuite.resolve(request.algorithmSuite)
  if (!operation.cache.stores) return Effect.succeed("CachingOff")
  if (algorithmSuite !== undefined && !AlgorithmSuite.isCacheable(algorithmSuite)) {
    return Effect.succeed("SuiteWithoutKeyDerivation")
  }
  return andThen(
    operation.orFail(() => operation.read(request)),
    (read) => typeof read === "string" ? Effect.succeed(read) : withinLimits(manager, operation, request, read)
  )
}

/**
 * Applies the policy's limits to a request: one that a rule bypasses, or that is larger than `maxBytesEncrypted` by itself, is
 * not served from the cache.
 */
const withinLimits = <Request extends MaterialsRequest, M extends CompleteMaterials, E>(
  manager: Deciding,
  operation: Operation<Request, M, E>,
  request: Request,
  read: ReadRequest<Request>
): Effect.Effect<BypassReason | CacheableRequest<M, E>> => {
  const limits = manager.limitsFor(operation.name, read.request, read.plaintextLength)
  if (limits === undefined) return Effect.succeed("Rule")
  if (read.charge.bytes > limits.maxBytesEncrypted) return Effect.succeed("LargerThanMaxBytesEncrypted")
  return andThen(
    operation.key(read),
    (key) => Effect.succeed(new Cacheable(manager, operation, request, read, key, limits))
  )
}

/** A class, since there is one for each message: its methods would be functions of its own otherwise. */
class Cacheable<Request extends MaterialsRequest, M extends CompleteMaterials, E> implements CacheableRequest<M, E> {
  readonly key: string
  readonly limits: Limits
  cacheFault = false
  private readonly manager: Deciding
  private readonly kind: Operation<Request, M, E>
  private readonly request: Request
  private readonly read: ReadRequest<Request>
  /** Whether materials are for use, and not only to be kept. */
  private readonly isServed: boolean

  constructor(
    manager: Deciding,
    kind: Operation<Request, M, E>,
    request: Request,
    read: ReadRequest<Request>,
    key: string,
    limits: Limits,
    isServed = true
  ) {
    this.manager = manager
    this.kind = kind
    this.request = request
    this.read = read
    this.key = key
    this.limits = limits
    this.isServed = isServed
  }

  get operation(): "encrypt" | "decrypt" {
    return this.kind.name
  }

  get cache(): MaterialsCache {
    return this.kind.cache
  }

  get encryptionContext(): EncryptionContext {
    return this.read.encryptionContext
  }

  get charge(): Usage {
    return this.isServed ? this.read.charge : noUsage
  }

  get otherKeys(): ReadonlyArray<string> {
    return this.isServed ? this.kind.otherKeys(this.read, this.key) : noKeys
  }

  toKeep(key: string): CacheableRequest<M, E> {
    return new Cacheable(this.manager, this.kind, this.request, this.read, key, this.limits, false)
  }

  fetch(): Effect.Effect<Fetched<M>, E, Scope.Scope> {
    return Effect.flatMap(ask(this.kind, this.read.request), (checked) => {
      const materials = this.kind.detach(checked)
      return Effect.map(this.kind.seed(this.read, materials), (onKept) => ({ materials, onKept }))
    })
  }

  fetchAlone(): Effect.Effect<MaterialsResponse<M>, E, Scope.Scope> {
    return bypass(this.manager, this.kind, this.request, "MaterialsNotCacheable")
  }

  encryptedDataKeys(materials: M): OwnKeys {
    return this.kind.encryptedDataKeys(materials)
  }

  failure(description: string, isRetryable: boolean): E {
    return this.kind.givenUp(description, isRetryable)
  }
}

/** Passes a request on to the underlying manager, as it came, unless this manager is closed or asks itself. */
export const bypass = <Request extends MaterialsRequest, M extends CompleteMaterials, E>(
  manager: Deciding,
  operation: Operation<Request, M, E>,
  request: Request,
  reason: BypassReason
): Effect.Effect<MaterialsResponse<M>, E, Scope.Scope> =>
  withAskers((askers) => {
    const { background, emit, fetchDeadline } = manager
    if (background.closed) return Effect.fail(operation.givenUp(managerClosed, false))
    if (askers.includes(manager)) return Effect.fail(operation.givenUp(asksItself, false))
    emit({ _tag: "Bypassed", operation: operation.name, reason })
    return Effect.map(
      within(
        asking([...askers, manager], Effect.suspend(() => ask(operation, request))),
        fetchDeadline,
        () => operation.givenUp(overdue(fetchDeadline), true)
      ),
      (materials) => ({ materials, receipt: { _tag: "Bypassed", reason } })
    )
  })

/** The failures of requests that cannot be served. */
export const managerClosed = "its scope is closed"
export const asksItself = "it asks itself: the manager under it leads back to it"

/** Asks the underlying manager for materials, which are checked before they are used or kept. */
const ask = <Request extends MaterialsRequest, M extends CompleteMaterials, E>(
  operation: Operation<Request, M, E>,
  request: Request
): Effect.Effect<M, E, Scope.Scope> =>
  Effect.flatMap(operation.ask(request), ({ materials }) => operation.orFail(() => operation.check(materials)))
