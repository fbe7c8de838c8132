/**
 * The managers that wait for a request: a manager that ends up asking itself would wait for its own fetch.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** The managers, the first that asked first. */
export type Askers = ReadonlyArray<object>

const Current = /*#__PURE__*/ Context.Reference<Askers>("effect-encryption-sdk/caching/askers", {
  defaultValue: () => []
})

/** Runs an effect with the managers that wait for this fiber's request. */
export const withAskers = <A, E, R>(f: (askers: Askers) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => f(fiber.getRef(Current)))

/** Asks on behalf of these managers. */
export const asking = <A, E, R>(askers: Askers, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Current, askers)
