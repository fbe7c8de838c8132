/** The circuit breaker of each Region. It opens where calls have no response, whatever else they fail of. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as metrics from "../KmsGovernorMetrics.ts"
import { circuitOpen, type Failure, type Subject } from "./errors.ts"
import type { Site } from "./site.ts"

/** Runs attempts under the circuits of their Regions. */
export interface Circuits {
  /** Fails where the circuit of a Region lets nothing through, before the call waits for its turn. */
  readonly check: (region: string, subject: Subject) => Effect.Effect<void, Failure>
  /** Runs an attempt, and counts its end. */
  readonly run: <A>(
    region: string,
    subject: Subject,
    attempt: Effect.Effect<A, Failure>
  ) => Effect.Effect<A, Failure>
}

/** Without a circuit breaker. */
const none: Circuits = { check: () => Effect.void, run: (_region, _subject, attempt) => attempt }

const values = { Closed: 0, HalfOpen: 0.5, Open: 1 } as const

/** A response of the Region is a success, whatever it says. */
const outcomeOf = (exit: Exit.Exit<unknown, Failure>): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return CircuitBreaker.success
  const failure = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (failure === undefined) return CircuitBreaker.ignored
  if (failure.isSilence) return CircuitBreaker.failure()
  // One that was given up early, and what is no error of AWS KMS, say nothing about the Region.
  return failure.by === "governor" || failure.error._tag !== "KmsError"
    ? CircuitBreaker.ignored
    : CircuitBreaker.success
}

/** The circuits of a governor, in the memory of its process. */
export const make = ({ context, settings: { circuit } }: Site): Effect.Effect<Circuits, never, Scope.Scope> =>
  circuit === undefined ? Effect.succeed(none) : Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({
      tripPolicy: CircuitBreaker.consecutive(circuit.failures),
      openDuration: circuit.openFor
    })
    yield* Effect.forkScoped(
      Stream.runForEach(
        breaker.transitions,
        ({ key, to }) => Effect.sync(() => metrics.circuit({ region: key }).updateUnsafe(values[to], context))
      ),
      { startImmediately: true }
    )
    return {
      check: (region, subject) =>
        Effect.flatMap(
          Effect.orDie(breaker.state(region)),
          (state) =>
            (state._tag === "Open" && Duration.isPositive(state.retryAfter)) ||
              (state._tag === "HalfOpen" && state.probing)
              ? Effect.fail(circuitOpen(subject, region))
              : Effect.void
        ),
      run: (region, subject, attempt) =>
        Effect.mapError(
          breaker.execute(attempt, { key: region, classify: outcomeOf }),
          (error) => "by" in error ? error : circuitOpen(subject, region)
        )
    } satisfies Circuits
  }).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()))
