/**
 * Code of others at its worst, for tests of a program around a caching manager: a listener that calls back, a scope that closes
 * under what waits in it, and responses of the AWS SDK that have not its form. A cache that throws is `FaultyCache` with the
 * option `throwing`.
 *
 * ```ts
 * const { exits, listener } = Adversary.listener({ on: ({ _tag }) => _tag === "FetchStarted", run: sdk.encrypt("b") })
 * const cmm = yield* CachingCmm.make({ …, onEvent: listener })
 * // … the program under test …
 * for (const exit of yield* exits) assert.isTrue(Exit.isSuccess(exit))
 * ```
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

/** Options of a listener that calls back. */
export interface ListenerOptions<Event> {
  /** Whether it calls back when it hears this event. Default: at each. */
  readonly on?: ((event: Event) => boolean) | undefined
  /** The effect that it runs then, in a fiber of its own, within the call of the listener. */
  readonly run: Effect.Effect<unknown, unknown>
  /** The most times that it does. Default 1. */
  readonly times?: number | undefined
}

/** A listener that calls back, and an account of what it did. */
export interface Listener<Event> {
  /** For `onEvent` of a caching manager, or `onEviction` of a local cache. */
  readonly listener: (event: Event) => void
  /** The events that it heard, in order. */
  readonly events: ReadonlyArray<Event>
  /** The ends of all effects that it ran, in order. Waits for them. */
  readonly exits: Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>>
  /** The greatest number of its calls that were within each other: 1, of a library that tells one event after the other. */
  readonly depth: () => number
}

/** A listener that calls back. */
export const listener = <Event>({ on = () => true, run, times = 1 }: ListenerOptions<Event>): Listener<Event> => {
  const events: Array<Event> = []
  const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  let started = 0
  let depth = 0
  let deepest = 0
  return {
    listener: (event) => {
      depth++
      deepest = Math.max(deepest, depth)
      events.push(event)
      if (started < times && on(event)) {
        started++
        fibers.push(Effect.runFork(run))
      }
      depth--
    },
    events,
    exits: Effect.suspend(() => Effect.forEach(fibers, (fiber) => Fiber.await(fiber))),
    depth: () => deepest
  }
}

/** An effect that runs in a scope which closes under it. */
export interface ClosingScope<A, E> {
  /** Closes the scope. The effect goes on, without it. */
  readonly close: Effect.Effect<void>
  /** The end of the effect. Waits for it. */
  readonly exit: Effect.Effect<Exit.Exit<A, E>>
  /** The same, if it has ended: undefined for one that waits. */
  readonly poll: () => Exit.Exit<A, E> | undefined
}

/** Runs an effect that needs a scope, as requests of materials do, in a scope that the test closes while it waits. */
export const closingScope = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<ClosingScope<A, E>, never, Exclude<R, Scope.Scope>> =>
  Effect.flatMap(Scope.make(), (scope) =>
    Effect.map(
      Effect.forkDetach(Scope.provide(effect, scope), { startImmediately: true }),
      (fiber) => ({
        close: Scope.close(scope, Exit.void),
        exit: Fiber.await(fiber),
        poll: () => fiber.pollUnsafe()
      })
    ))

/** A response that has not the form of the AWS SDK's, and its name for a test's title. */
export interface MalformedResponse {
  readonly title: string
  /** Makes the response, for `GenerateDataKey`, `Encrypt` and `Decrypt` alike. */
  readonly make: () => unknown
}

const whole = () => ({
  KeyId: "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
  CiphertextBlob: Uint8Array.of(9),
  Plaintext: new Uint8Array(32).fill(7)
})

/** Its text is in the errors that the fields below throw: no error of the program's may quote it. */
export const secret = "the secret of a malformed response"

const throwing = (field: string) =>
  Object.defineProperty(whole(), field, {
    get: () => {
      throw new Error(secret)
    }
  })

/**
 * Responses that a client of the AWS SDK never gives, unless it is a double, a proxy or broken. A call that gets one must fail with
 * an `InvalidAnswer`, and must end.
 */
export const malformedResponses: ReadonlyArray<MalformedResponse> = [
  { title: "undefined", make: () => undefined },
  { title: "null", make: () => null },
  { title: "a Plaintext of text", make: () => ({ ...whole(), Plaintext: secret }) },
  { title: "a Plaintext that is null", make: () => ({ ...whole(), Plaintext: null }) },
  { title: "a Plaintext of another view", make: () => ({ ...whole(), Plaintext: new DataView(new ArrayBuffer(32)) }) },
  { title: "a CiphertextBlob of numbers", make: () => ({ ...whole(), CiphertextBlob: [1, 2, 3] }) },
  { title: "a KeyId of bytes", make: () => ({ ...whole(), KeyId: new Uint8Array(32) }) },
  { title: "a KeyId that throws", make: () => throwing("KeyId") },
  { title: "a CiphertextBlob that throws", make: () => throwing("CiphertextBlob") },
  { title: "a Plaintext that throws", make: () => throwing("Plaintext") }
]
