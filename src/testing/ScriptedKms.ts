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
 * assert.strictEqual(yield* kms.count("GenerateDataKey"), 3)
 * assert.strictEqual(yield* kms.unreleased, 0)
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
import * as DataKey from "../DataKey.ts"
import * as bytes from "../internal/bytes.ts"
import type { ProviderFailure } from "../KeyringError.ts"
import * as EmbeddedKms from "../kms/development-only/EmbeddedKms.ts"
import type { KmsRequest } from "../kms/Kms.ts"
import { Kms } from "../kms/Kms.ts"
import { KmsError } from "../kms/KmsError.ts"

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
export class ScriptedKms extends (/*#__PURE__*/ Context.Service<ScriptedKms, {
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
}>()("effect-encryption-sdk/testing/ScriptedKms")) {}

/** All three services. */
export interface Services extends EmbeddedKms.Services {
  readonly script: ScriptedKms["Service"]
}

interface Rule {
  readonly matcher: Matcher
  readonly behaviour: Behaviour
  matched: number
}

/** The services as values. A wrong option is a defect. */
export const make: (
  options?: EmbeddedKms.EmbeddedKmsOptions
) => Effect.Effect<Services, never, Primitives | Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options?: EmbeddedKms.EmbeddedKmsOptions) {
    const { control, kms: real } = yield* Effect.orDie(EmbeddedKms.make(options))
    let rules: Array<Rule> = []
    let log: Array<Call> = []
    let handedOut: Array<HandedOut> = []

    const behaviourOf = (call: Call, request: KmsRequest): ReadonlyArray<Behaviour> =>
      rules.filter((rule) => {
        const { keyId, nth, operation, predicate, times } = rule.matcher
        if (operation !== undefined && operation !== call.operation) return false
        if (keyId !== undefined && keyId !== call.keyId) return false
        if (predicate !== undefined && !predicate(call, request)) return false
        rule.matched++
        if (times !== undefined && rule.matched > times) return false
        return nth === undefined || (typeof nth === "number" ? nth === rule.matched : nth.includes(rule.matched))
      }).map(({ behaviour }) => behaviour)

    const perform = <A extends Answer>(
      operation: Operation,
      request: KmsRequest,
      effect: Effect.Effect<A, KmsError>
    ): Effect.Effect<A, KmsError> =>
      Effect.suspend(() => {
        // The log of this moment: a call that outlives clearLog is written into the one that nobody reads any more.
        const calls = log
        const plaintexts = handedOut
        return Effect.flatMap(Clock.Clock, (clock) => {
          const index = calls.length
          const call: Call = {
            number: index + 1,
            operation,
            keyId: request.keyId,
            encryptionContextKeys: Object.keys(request.encryptionContext),
            grantTokens: request.grantTokens,
            startedAt: clock.currentTimeMillisUnsafe(),
            outcome: { _tag: "Pending" }
          }
          calls.push(call)
          const scripted = behaviourOf(call, request).reduce<Effect.Effect<Answer, KmsError>>(
            (inner, behaviour) => behaviour(inner, call),
            effect
          )
          return Effect.onExit(scripted, (exit) =>
            Effect.sync(() => {
              calls[index] = { ...call, outcome: outcomeOf(exit, clock.currentTimeMillisUnsafe()) }
              if (Exit.isSuccess(exit) && exit.value.plaintext !== undefined) {
                plaintexts.push({ call: call.number, operation, bytes: DataKey.value(exit.value.plaintext) })
              }
            })) as Effect.Effect<A, KmsError>
        })
      })

    const kms = Kms.of({
      generateDataKey: (request) => perform("GenerateDataKey", request, real.generateDataKey(request)),
      encrypt: (request) => perform("Encrypt", request, real.encrypt(request)),
      decrypt: (request) => perform("Decrypt", request, real.decrypt(request))
    })

    const script = ScriptedKms.of({
      when: (matcher, behaviour) =>
        Effect.sync(() => {
          rules.push({ matcher, behaviour, matched: 0 })
        }),
      clearRules: Effect.sync(() => {
        rules = []
      }),
      count: (operation) =>
        Effect.sync(() => operation === undefined ? log.length : log.filter((c) => c.operation === operation).length),
      calls: Effect.sync(() => [...log]),
      handedOut: Effect.sync(() => [...handedOut]),
      unreleased: Effect.sync(() => handedOut.filter((plaintext) => !bytes.isAllZero(plaintext.bytes)).length),
      clearLog: Effect.sync(() => {
        log = []
        handedOut = []
      })
    })

    return { kms, control, script }
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
  options: { readonly code?: string; readonly description?: string; readonly retryable?: boolean } = {}
): Behaviour =>
(_real, { keyId, operation }) =>
  Effect.fail(
    new KmsError({
      operation,
      keyId,
      failure,
      code: options.code ?? codes[failure],
      description: options.description ?? "scripted",
      retryable: options.retryable ?? (failure === "Throttled" || failure === "Unreachable")
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
