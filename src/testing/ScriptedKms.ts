/**
 * A KMS for tests: the embedded KMS (real cryptography, real binding of the encryption context), which keeps a log of
 * its calls and of every plaintext that it handed out, and does what a test tells it to: be slow, fail, hang, answer
 * wrongly. Its time is the Clock's, so that `TestClock` drives it.
 *
 * ```ts
 * const kms = yield* ScriptedKms.ScriptedKms
 * yield* kms.when({ operation: "GenerateDataKey", nth: 2 }, ScriptedKms.fail("Throttled"))
 * yield* kms.when({ operation: "Decrypt" }, ScriptedKms.delay("200 millis"))
 * // … the program under test …
 * yield* ScriptedKms.assertCalls({ GenerateDataKey: 3, Decrypt: 1 })
 * yield* ScriptedKms.assertAllReleased
 * ```
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Primitives } from "../crypto/Primitives.ts"
import * as DataKey from "../model/DataKey.ts"
import * as bytes from "../internal/bytes.ts"
import type { ProviderFailure } from "../model/errors/KeyringError.ts"
import * as EmbeddedKms from "../kms/development-only/EmbeddedKms.ts"
import type { KmsRequest } from "../kms/Kms.ts"
import { Kms } from "../kms/Kms.ts"
import { KmsError } from "../kms/KmsError.ts"
import { AssertionFailed } from "./AssertionFailed.ts"
import * as rules from "./internal/rules.ts"

/** The calls of `Kms`, by the names that AWS KMS gives them. */
export type Operation = KmsError["operation"]

/** One call, as the log keeps it. Holds no key material and no values of the encryption context. */
export interface Call {
  /** From 1, over all operations, in the order in which the calls were made. */
  readonly number: number
  readonly operation: Operation
  /** The key as the caller named it. */
  readonly keyId: string
  readonly encryptionContextKeys: ReadonlyArray<string>
  readonly grantTokens: ReadonlyArray<string>
  /** When the call was made: milliseconds of the Clock. */
  readonly startedAt: number
  readonly outcome: Outcome
}

/**
 * What became of a call: it still runs, was answered, failed with a `KmsError`, was interrupted by its caller, or died of
 * a defect. `at` is in milliseconds of the Clock.
 */
export type Outcome =
  | { readonly _tag: "Pending" }
  | { readonly _tag: "Answered" | "Interrupted" | "Died"; readonly at: number }
  | { readonly _tag: "Failed"; readonly at: number; readonly failure: ProviderFailure }

/** A plaintext that the KMS handed out. `bytes` is the very array, so that a test sees whether it is zeroed. */
export interface HandedOut {
  readonly call: number
  readonly operation: Operation
  readonly bytes: Uint8Array
}

/** Which calls a rule is about. What is left out does not matter; an empty matcher means every call. */
export interface Matcher {
  readonly operation?: Operation | undefined
  /** The key exactly as the caller names it. */
  readonly keyId?: string | undefined
  /** A condition of the test's own. */
  readonly predicate?: ((call: Call, request: KmsRequest) => boolean) | undefined
  /** Which of the calls that fit all of the above, counted from 1 since the rule was given. */
  readonly nth?: number | ReadonlyArray<number> | undefined
  /** Only the first so many of the calls that fit all of the above. */
  readonly times?: number | undefined
}

/** What a call answers. Which of the bytes there are depends on the operation. */
export interface Answer {
  readonly keyId: string
  readonly plaintext?: DataKey.DataKey
  readonly ciphertextBlob?: Uint8Array
}

/** Makes of a real call what happens instead. */
export type Behaviour = (real: Effect.Effect<Answer, KmsError>, call: Call) => Effect.Effect<Answer, KmsError>

/** The script and the log. */
export interface ScriptedKms {
  /**
   * Adds a rule. A call to which several rules apply passes through all of them: an earlier rule's behaviour is what a
   * later one takes for real. So a delay that is added after a failure makes it a slow failure.
   */
  readonly when: (matcher: Matcher, behaviour: Behaviour) => Effect.Effect<void>
  /** Forgets all rules. */
  readonly clearRules: Effect.Effect<void>
  /** How many calls were made, of one operation or of all, whatever became of them. */
  readonly count: (operation?: Operation) => Effect.Effect<number>
  /** The calls so far, in the order in which they were made. */
  readonly calls: Effect.Effect<ReadonlyArray<Call>>
  /** Every plaintext that was handed out, in order. */
  readonly handedOut: Effect.Effect<ReadonlyArray<HandedOut>>
  /** How many of the plaintexts that were handed out are not zeroed yet. */
  readonly unreleased: Effect.Effect<number>
  /** Forgets the calls and the plaintexts. Calls that still run are not logged any more. */
  readonly clearLog: Effect.Effect<void>
  /**
   * Takes the calls that have ended, and the plaintexts, out of the log and answers them, so that the log of a long test
   * stays small. Calls that still run stay in it, and numbers go on.
   */
  readonly takeEnded: Effect.Effect<{
    readonly calls: ReadonlyArray<Call>
    readonly handedOut: ReadonlyArray<HandedOut>
  }>
}

/** The tag of the service. */
export const ScriptedKms: Context.Service<ScriptedKms, ScriptedKms> = /*#__PURE__*/ Context.Service<ScriptedKms>(
  "effect-encryption-sdk/testing/ScriptedKms"
)

/** All three services. */
export interface Services extends EmbeddedKms.Services {
  readonly script: ScriptedKms
}

interface Log {
  started: number
  readonly calls: Map<number, Call>
  readonly handedOut: Array<HandedOut>
}

const emptyLog = (): Log => ({ started: 0, calls: new Map(), handedOut: [] })

/** The services as values. A wrong option is a defect. */
export const make: (
  options?: EmbeddedKms.EmbeddedKmsOptions
) => Effect.Effect<Services, never, Primitives | Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options?: EmbeddedKms.EmbeddedKmsOptions) {
    const { control, kms: real } = yield* Effect.orDie(EmbeddedKms.make(options))
    const script = rules.make<Matcher, Behaviour>()
    let log = emptyLog()

    const perform = <A extends Answer>(
      operation: Operation,
      request: KmsRequest,
      effect: Effect.Effect<A, KmsError>
    ): Effect.Effect<A, KmsError> =>
      Effect.suspend(() => {
        // The log of this moment: a call that outlives clearLog is written into the one that nobody reads any more.
        const current = log
        return Effect.flatMap(Clock.Clock, (clock) => {
          const { calls, handedOut } = current
          const number = ++current.started
          const call: Call = {
            number,
            operation,
            keyId: request.keyId,
            encryptionContextKeys: Object.keys(request.encryptionContext),
            grantTokens: request.grantTokens,
            startedAt: clock.currentTimeMillisUnsafe(),
            outcome: { _tag: "Pending" }
          }
          calls.set(number, call)
          const behaviours = script.behaviours(({ keyId, operation, predicate }) =>
            (operation === undefined || operation === call.operation) &&
            (keyId === undefined || keyId === call.keyId) &&
            (predicate === undefined || predicate(call, request))
          )
          const scripted = behaviours.reduce<Effect.Effect<Answer, KmsError>>(
            (inner, behaviour) => behaviour(inner, call),
            effect
          )
          return Effect.onExit(scripted, (exit) =>
            Effect.sync(() => {
              calls.set(number, { ...call, outcome: outcomeOf(exit, clock.currentTimeMillisUnsafe()) })
              if (Exit.isSuccess(exit) && exit.value.plaintext !== undefined) {
                handedOut.push({ call: number, operation, bytes: DataKey.value(exit.value.plaintext) })
              }
            })) as Effect.Effect<A, KmsError>
        })
      })

    const kms = Kms.of({
      generateDataKey: (request) => perform("GenerateDataKey", request, real.generateDataKey(request)),
      encrypt: (request) => perform("Encrypt", request, real.encrypt(request)),
      decrypt: (request) => perform("Decrypt", request, real.decrypt(request))
    })

    const service = ScriptedKms.of({
      when: (matcher, behaviour) => Effect.sync(() => script.add(matcher, behaviour)),
      clearRules: Effect.sync(script.clear),
      count: (operation) => Effect.sync(() => countOf([...log.calls.values()], operation)),
      calls: Effect.sync(() => [...log.calls.values()]),
      handedOut: Effect.sync(() => [...log.handedOut]),
      unreleased: Effect.sync(() => log.handedOut.filter(isUnreleased).length),
      clearLog: Effect.sync(() => {
        log = emptyLog()
      }),
      takeEnded: Effect.sync(() => {
        const calls = [...log.calls.values()].filter(({ outcome }) => outcome._tag !== "Pending")
        for (const { number } of calls) log.calls.delete(number)
        return { calls, handedOut: log.handedOut.splice(0) }
      })
    })

    return { kms, control, script: service }
  }
)

/**
 * `Kms`, the script that drives it, and the control over its keys. A wrong option is a defect.
 *
 * **Gotchas**
 *
 * A layer that several tests share is one log and one script. Provide it to each test, or use `clearLog`.
 */
export const layer = (
  options?: EmbeddedKms.EmbeddedKmsOptions
): Layer.Layer<Kms | ScriptedKms | EmbeddedKms.EmbeddedKms, never, Primitives> =>
  Layer.effectContext(
    Effect.map(make(options), ({ control, kms, script }) =>
      Context.make(Kms, kms).pipe(
        Context.add(ScriptedKms, script),
        Context.add(EmbeddedKms.EmbeddedKms, control)
      ))
  )

const countOf = (calls: ReadonlyArray<Call>, operation?: Operation): number =>
  operation === undefined ? calls.length : calls.filter((call) => call.operation === operation).length

const isUnreleased = ({ bytes: plaintext }: HandedOut): boolean => !bytes.isAllZero(plaintext)

/** How many calls there are of each operation. */
export interface Calls {
  readonly GenerateDataKey?: number
  readonly Encrypt?: number
  readonly Decrypt?: number
}

/**
 * Asserts that exactly so many calls were made, and none of an operation that is left out, whatever became of them. Dies
 * of an `AssertionFailed` that lists the calls.
 *
 * ```ts
 * yield* ScriptedKms.assertCalls({ GenerateDataKey: 1 })
 * ```
 */
export const assertCalls = (expected: Calls): Effect.Effect<void, never, ScriptedKms> =>
  Effect.flatMap(ScriptedKms, (script) =>
    Effect.flatMap(script.calls, (calls) => {
      const actual: Calls = {
        GenerateDataKey: countOf(calls, "GenerateDataKey"),
        Encrypt: countOf(calls, "Encrypt"),
        Decrypt: countOf(calls, "Decrypt")
      }
      const wanted: Calls = { GenerateDataKey: 0, Encrypt: 0, Decrypt: 0, ...expected }
      if (operations.every((operation) => actual[operation] === wanted[operation])) return Effect.void
      const description = `expected exactly ${formatCalls(wanted)}, but KMS got ${formatCalls(actual)}`
      return Effect.die(new AssertionFailed(withList(description, calls.map(formatCall)), wanted, actual))
    }))

/**
 * Asserts that every plaintext that KMS handed out is zeroed by now. Dies of an `AssertionFailed` that names the calls
 * whose plaintexts are not.
 *
 * **Gotchas**
 *
 * A plaintext is released when the operation that asked for it ends, and a cache keeps a copy of its own. So this holds
 * whenever nothing is in the air, also while entries are cached.
 */
export const assertAllReleased: Effect.Effect<void, never, ScriptedKms> = /*#__PURE__*/ Effect.flatMap(
  ScriptedKms,
  (script) =>
    Effect.flatMap(script.handedOut, (handedOut) => {
      const unreleased = handedOut.filter(isUnreleased)
      if (unreleased.length === 0) return Effect.void
      const description = `${unreleased.length} of ${handedOut.length} plaintexts that KMS handed out are not zeroed`
      const lines = unreleased.map(({ bytes, call, operation }) => `#${call} ${operation}: ${bytes.length} bytes`)
      return Effect.die(new AssertionFailed(withList(description, lines), 0, unreleased.length))
    })
)

const operations = ["GenerateDataKey", "Encrypt", "Decrypt"] as const

const formatCalls = (calls: Calls): string => {
  const made = operations.filter((operation) => calls[operation] !== 0)
  return made.length === 0 ? "no call" : made.map((operation) => `${calls[operation]} ${operation}`).join(", ")
}

const formatCall = ({ encryptionContextKeys, keyId, number, operation, outcome, startedAt }: Call): string => {
  const keys = encryptionContextKeys.map((key) => JSON.stringify(key)).join(", ")
  const ended = outcome._tag === "Pending"
    ? "still running"
    : `${outcome._tag === "Failed" ? `${outcome._tag} ${outcome.failure}` : outcome._tag} at ${outcome.at} ms`
  return `#${number} ${operation} with ${keyId}, context keys [${keys}], at ${startedAt} ms: ${ended}`
}

const listed = 20

const withList = (description: string, lines: ReadonlyArray<string>): string => {
  const more = lines.length - listed
  return [
    description,
    ...lines.slice(0, listed).map((line) => `  ${line}`),
    ...more > 0 ? [`  … and ${more} more`] : []
  ].join("\n")
}

/** The code with which AWS KMS says it. */
const codes: Readonly<Record<ProviderFailure, string>> = {
  AccessDenied: "AccessDeniedException",
  KeyUnavailable: "DisabledException",
  KeyNotFound: "NotFoundException",
  InvalidCiphertext: "InvalidCiphertextException",
  Throttled: "ThrottlingException",
  Unreachable: "TimeoutError",
  InvalidAnswer: "IncompleteAnswer",
  Rejected: "ValidationException"
}

/** Nothing is done, and the call fails. Throttled and unreachable say that a retry can help, unless told otherwise. */
export const fail = (
  failure: ProviderFailure,
  options: { readonly code?: string; readonly description?: string; readonly isRetryable?: boolean } = {}
): Behaviour =>
(_real, { keyId, operation }) =>
  Effect.fail(
    new KmsError({
      operation,
      keyId,
      failure,
      code: options.code ?? codes[failure],
      description: options.description ?? "scripted",
      isRetryable: options.isRetryable ?? (failure === "Throttled" || failure === "Unreachable")
    })
  )

/** Nothing is done, and the call dies of a defect, as it would of a bug in an implementation of `Kms`. */
export const die = (defect: unknown): Behaviour => () => Effect.die(defect)

/** The call never ends. It can be interrupted. */
export const hang: Behaviour = () => Effect.never

/** The call takes so much longer, before anything is done. */
export const delay = (duration: Duration.Input): Behaviour => (real) => Effect.delay(real, duration)

/** The call waits for an effect before anything is done: for a latch that the test opens, say. */
export const after = (effect: Effect.Effect<unknown>): Behaviour => (real) => Effect.andThen(effect, real)

/**
 * The call is done, and its answer changed: another key id, a plaintext of a wrong length. A plaintext that is replaced is
 * zeroed.
 */
export const tamper = (change: (answer: Answer) => Partial<Answer>): Behaviour => (real) =>
  Effect.map(real, (answer) => {
    const changed = { ...answer, ...change(answer) }
    if (answer.plaintext !== undefined && changed.plaintext !== answer.plaintext) DataKey.zero(answer.plaintext)
    return changed
  })

const outcomeOf = (exit: Exit.Exit<Answer, KmsError>, at: number): Outcome => {
  if (Exit.isSuccess(exit)) return { _tag: "Answered", at }
  const failure = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  if (failure !== undefined) return { _tag: "Failed", at, failure: failure.error.failure }
  return { _tag: Exit.hasInterrupts(exit) ? "Interrupted" : "Died", at }
}
