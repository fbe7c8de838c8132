import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { andThen, hasSucceeded } from "../../internal/atOnce.ts"
import { isTraced } from "../../internal/tracing.ts"
import type { KeyHolder, Response } from "../../materials/atOnce.ts"
import type { MaterialsResponse } from "../../materials/CryptographicMaterialsManager.ts"
import * as DataKey from "../../model/DataKey.ts"
import type { BypassReason } from "../../model/Receipt.ts"
import { type Admission, admit, admitAtOnce, type Admitting, canServe, type Found, hitAtOnce } from "./admission.ts"
import { type Askers, withAskers } from "./askers.ts"
import {
  bypass,
  type CacheableRequest,
  classify,
  type Deciding,
  type MaterialsRequest,
  type Operation
} from "./cacheable.ts"
import { attempt } from "./cacheAccess.ts"
import type { CompleteMaterials } from "./entry.ts"
import { type Claim, type Delivery, endDeadline, type Flight, leave, type Waiter } from "./fetching.ts"
import { step } from "./steps.ts"

/** The part of a manager that serves requests. */
export interface Serving extends Admitting, Deciding {}

/** Responds to a request, through the cache or past it. */
export const respond = <Request extends MaterialsRequest, M extends CompleteMaterials, E>(
  manager: Serving,
  operation: Operation<Request, M, E>,
  request: Request
): Effect.Effect<MaterialsResponse<M>, E, Scope.Scope> =>
  Effect.suspend(() =>
    andThen(classify(manager, operation, request), (classified) => goOn(manager, operation, request, classified))
  )

/**
 * Responds to a request in this step where it is a hit in a cache that responds at once. Otherwise returns the Effect that
 * responds; nothing has happened then.
 */
export const respondAtOnce = <Request extends MaterialsRequest, M extends CompleteMaterials, E>(
  manager: Serving,
  operation: Operation<Request, M, E>,
  request: Request,
  holder: KeyHolder
): Response<M, E> => {
  const classified = classify(manager, operation, request)
  const served = hasSucceeded(classified) && typeof classified.value !== "string"
    ? hitAtOnce(manager, classified.value, holder)
    : undefined
  return served ?? Effect.flatMap(classified, (classified) => goOn(manager, operation, request, classified))
}

/** Responds to a classified request. */
const goOn = <Request extends MaterialsRequest, M extends CompleteMaterials, E>(
  manager: Serving,
  operation: Operation<Request, M, E>,
  request: Request,
  classified: BypassReason | CacheableRequest<M, E>
): Effect.Effect<MaterialsResponse<M>, E, Scope.Scope> =>
  typeof classified === "string"
    ? bypass(manager, operation, request, classified)
    : serve(manager, classified)

/** Serves a request from the cache, from a flight, or by leading one. */
export const serve = <M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>
): Effect.Effect<MaterialsResponse<M>, E, Scope.Scope> => withAskers((askers) => serveFor(manager, request, askers))

const serveFor = <M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>,
  askers: Askers
): Effect.Effect<MaterialsResponse<M>, E, Scope.Scope> => {
  const { getUnsafe } = request.cache
  return Effect.uninterruptibleMask((restore) => {
    const claim: Claim<M> = { materials: undefined, released: false, askers, giveUp: undefined }
    const release = Effect.sync(() => releaseClaim(claim))
    const admitted = (admission: Admission<M>): Effect.Effect<MaterialsResponse<M>, E, Scope.Scope> => {
      if (admission._tag === "Served") return Effect.succeed(admission)
      if (admission._tag === "Rejected") return Effect.fail(request.failure(admission.description, false))
      return Effect.flatMap(
        awaitDelivery(manager, request, admission.flight, admission.waiter, restore),
        (delivery) =>
          delivery._tag === "Served" ? Effect.succeed(delivery) : restore(Effect.suspend(() => request.fetchAlone()))
      )
    }
    // The finalizer comes before the first copy, and admission and waiting are not to be interrupted in between: so no key
    // is left behind, and no reservation. Only the look-up in an asynchronous cache can be interrupted.
    return Effect.flatMap(
      Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizer(scope, release)),
      () =>
        getUnsafe === undefined
          ? Effect.flatMap(
            restore(lookUp(manager, request)),
            (found) => admitted(admit(manager, request, claim, found))
          )
          : admitted(admitAtOnce(manager, request, claim, getUnsafe))
    )
  })
}

const releaseClaim = <M extends CompleteMaterials>(claim: Claim<M>): void =>
  step(() => {
    claim.released = true
    if (claim.materials !== undefined) DataKey.zero(claim.materials.plaintextDataKey)
    claim.materials = undefined
    claim.giveUp?.()
  })

/** Looks up in an asynchronous cache: under the other keys where what is under the first cannot serve the request. */
const lookUp = <M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>
): Effect.Effect<ReadonlyArray<Found>> => {
  const { cache, key } = request
  return Effect.flatMap(attempt(manager, "get", () => cache.get(key)), (content) => {
    const first = { key, content }
    if (canServe(manager, request, first)) return Effect.succeed([first])
    const { otherKeys } = request
    if (otherKeys.length === 0) return Effect.succeed([first])
    // One time limit for all of them.
    const other = attempt(manager, "get", () => findOther(manager, request, otherKeys))
    return Effect.map(other, (found) => found === undefined ? [first] : [first, found])
  })
}

/** Contents under one of these keys that can serve a request. The keys are looked up one after the other. */
const findOther = Effect.fnUntraced(function*<M extends CompleteMaterials, E>(
  manager: Admitting,
  request: CacheableRequest<M, E>,
  keys: ReadonlyArray<string>
) {
  for (const key of keys) {
    const found = { key, content: (yield* request.cache.get(key)) as unknown }
    if (canServe(manager, request, found)) return found
  }
  return undefined
})

/** Waits for a flight. Only this can be interrupted, and then the waiter leaves. */
const awaitDelivery = <M extends CompleteMaterials, E>(
  manager: Admitting,
  { operation }: CacheableRequest<M, E>,
  flight: Flight,
  waiter: Waiter,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<Delivery<M>, E> => {
  manager.emit({ _tag: "Waiting", operation, change: 1 })
  return Effect.onExit(
    restore(Deferred.await(waiter.delivery as Deferred.Deferred<Delivery<M>, E>)),
    (exit) =>
      Effect.withFiber((fiber) => {
        manager.emit({ _tag: "Waiting", operation, change: -1 })
        endDeadline(waiter)
        if (Exit.hasInterrupts(exit)) step(() => leave(manager, flight, waiter))
        // The fetch runs in a trace of its own: the spans of those who waited for it say which.
        const { span } = fiber.cache
        if (flight.span !== undefined && span?._tag === "Span" && isTraced(fiber)) {
          span.addLinks([{ span: flight.span, attributes: {} }])
        }
        return Effect.void
      })
  )
}
