/**
 * A KMS for tests: the embedded KMS (real cryptography, real binding of the encryption context), which keeps a log of
 * its calls and of every plaintext that it handed out, and does what a test tells it to: be slow, fail, hang, respond
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
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Primitives } from "../crypto/Primitives.ts"
import * as DataKey from "../model/DataKey.ts"
import * as bytes from "../internal/bytes.ts"
import { type NamesOf, optionNames } from "../internal/optionNames.ts"
import { printable, quoted } from "../internal/printable.ts"
import type { ProviderFailure } from "../model/errors/KeyringError.ts"
import * as EmbeddedKms from "../kms/development-only/EmbeddedKms.ts"
import * as Kms from "../kms/Kms.ts"
import { KmsError, KmsOperation } from "../kms/KmsError.ts"
import { AssertionFailed } from "./AssertionFailed.ts"
import * as Script from "./internal/script.ts"

/** The calls of the ports of `Kms`, by the names that AWS KMS gives them. */
export type Operation = KmsOperation

/** A call in the log. Holds no key material and no values of the encryption context. */
export interface Call extends Script.LoggedCall<Operation, { readonly failure: ProviderFailure }> {
  /** The key as the caller named it. */
  readonly keyId: string
  /** Empty for calls that take no context. Those of the destination for `ReEncrypt`. */
  readonly encryptionContextKeys: ReadonlyArray<string>
  readonly grantTokens: ReadonlyArray<string>
}

/**
 * State of a call: pending, succeeded (`Answered`), failed with a `KmsError`, interrupted by its caller, or died of a defect. `at` is in
 * milliseconds of the Clock.
 */
export type Outcome = Call["outcome"]

/** A plaintext or shared secret that the KMS handed out. `bytes` is the very array, so that a test sees whether it is zeroed. */
export interface HandedOut {
  readonly call: number
  readonly operation: Operation
  readonly bytes: Uint8Array
}

/** A request of any call: of the fields of `KmsRequest`, calls for public keys and shared secrets have no context. */
export type Request = Kms.KeyRequest & Partial<Kms.KmsRequest>

/** Conditions of a rule. Those that are left out do not matter; an empty matcher means every call. */
export interface Matcher extends Script.Turn {
  readonly operation?: Operation | undefined
  /** The key exactly as the caller names it. */
  readonly keyId?: string | undefined
  /** A condition of the test's own. */
  readonly predicate?: ((call: Call, request: Request) => boolean) | undefined
}

/** Response to a call. The operation decides which of the fields there are. */
export interface Response {
  readonly keyId: string
  readonly plaintext?: DataKey.DataKey
  readonly ciphertextBlob?: Uint8Array
  readonly sharedSecret?: Redacted.Redacted<Uint8Array>
  readonly publicKey?: Uint8Array
  readonly keySpec?: string
  readonly keyUsage?: string
  readonly sourceKeyId?: string
}

/** Makes of a real call what happens instead. */
export type Behaviour = (real: Effect.Effect<Response, KmsError>, call: Call) => Effect.Effect<Response, KmsError>

/** The script and the log. */
export interface ScriptedKms extends Script.Control<Matcher, Behaviour, Call> {
  /** Every plaintext that was handed out, in order. `clearLog` forgets them too. */
  readonly handedOut: Effect.Effect<ReadonlyArray<HandedOut>>
  /** Number of plaintexts that were handed out and are not zeroed yet. */
  readonly unreleased: Effect.Effect<number>
  /**
   * Takes the calls that have ended, and the plaintexts, out of the log and returns them, so that the log of a long test
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

/** The services as values. A wrong option is a defect. */
export const make: (
  options?: EmbeddedKms.Options
) => Effect.Effect<Services, never, Primitives | Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options?: EmbeddedKms.Options) {
    const { control, kms: real } = yield* Effect.orDie(EmbeddedKms.make(options))
    const script = makeScript()
    const perform = <A extends Response>(
      operation: Operation,
      request: Request,
      effect: Effect.Effect<A, KmsError>
    ): Effect.Effect<A, KmsError> =>
      Effect.suspend(() => {
        const { encryptionContext = {}, grantTokens, keyId } = request
        const encryptionContextKeys = Object.keys(encryptionContext)
        return script.perform({ operation, keyId, encryptionContextKeys, grantTokens }, request, effect)
      })

    const kms: Kms.Operations = {
      generateDataKey: (request) => perform("GenerateDataKey", request, real.generateDataKey(request)),
      encrypt: (request) => perform("Encrypt", request, real.encrypt(request)),
      decrypt: (request) => perform("Decrypt", request, real.decrypt(request)),
      getPublicKey: (request) => perform("GetPublicKey", request, real.getPublicKey(request)),
      deriveSharedSecret: (request) => perform("DeriveSharedSecret", request, real.deriveSharedSecret(request)),
      generateDataKeyWithoutPlaintext: (request) =>
        perform("GenerateDataKeyWithoutPlaintext", request, real.generateDataKeyWithoutPlaintext(request)),
      reEncrypt: (request) => perform("ReEncrypt", request, real.reEncrypt(request))
    }

    const service = ScriptedKms.of({
      ...script.control,
      handedOut: Effect.sync(script.log.kept),
      unreleased: Effect.sync(() => script.log.kept().filter(isUnreleased).length),
      takeEnded: Effect.sync(() => {
        const { calls, kept } = script.log.takeEnded()
        return { calls, handedOut: kept }
      })
    })

    return { kms, control, script: service }
  }
)

const matcherNames = /*#__PURE__*/ optionNames(
  "a rule",
  {
    operation: true,
    keyId: true,
    predicate: true,
    nth: true,
    times: true
  } satisfies NamesOf<Matcher>
)

const makeScript = () =>
  Script.make({
    matcher: matcherNames,
    fits: ({ keyId, operation, predicate }: Matcher, call: Call, request: Request) =>
      (operation === undefined || operation === call.operation) &&
      (keyId === undefined || keyId === call.keyId) &&
      (predicate === undefined || predicate(call, request)),
    input: (call) => call,
    failure: ({ failure }: KmsError) => ({ failure }),
    keep: ({ number, operation }, { plaintext, sharedSecret }: Response): HandedOut | undefined => {
      const secret = plaintext ?? sharedSecret
      return secret === undefined ? undefined : { call: number, operation, bytes: Redacted.value(secret) }
    }
  })

/**
 * All ports of `Kms`, the script that drives them, and the control over its keys. A wrong option is a defect.
 *
 * **Gotchas**
 *
 * A layer that several tests share is one log and one script. Provide it to each test, or use `clearLog`.
 */
export const layer = (
  options?: EmbeddedKms.Options
): Layer.Layer<Kms.Ports | ScriptedKms | EmbeddedKms.EmbeddedKms, never, Primitives> =>
  Layer.effectContext(
    Effect.map(make(options), ({ control, kms, script }) =>
      Kms.contextOf(kms).pipe(
        Context.add(ScriptedKms, script),
        Context.add(EmbeddedKms.EmbeddedKms, control)
      ))
  )

const countOf = (calls: ReadonlyArray<Call>, operation: Operation): number =>
  calls.filter((call) => call.operation === operation).length

const isUnreleased = ({ bytes: plaintext }: HandedOut): boolean => !bytes.isAllZero(plaintext)

/** Number of calls of each operation. */
export type Calls = { readonly [Name in Operation]?: number }

/**
 * Asserts the exact number of calls of each operation, 0 for those that are left out, whatever their outcome. Dies of an
 * `AssertionFailed` that lists the calls.
 *
 * ```ts
 * yield* ScriptedKms.assertCalls({ GenerateDataKey: 1 })
 * ```
 */
export const assertCalls = (expected: Calls): Effect.Effect<void, never, ScriptedKms> =>
  Effect.flatMap(ScriptedKms, (script) =>
    Effect.flatMap(script.calls, (calls) => {
      Script.checkNames(expected, callNames)
      const made = (operation: Operation): number => countOf(calls, operation)
      const asked = (operation: Operation): number => expected[operation] ?? 0
      // The calls of `Kms`, and of the other ports those alone that are expected or were made.
      const shown = operations.filter((operation, index) => index < 3 || made(operation) + asked(operation) > 0)
      const count = (of: (operation: Operation) => number): Calls =>
        Object.fromEntries(shown.map((operation) => [operation, of(operation)]))
      const [actual, wanted] = [count(made), count(asked)]
      if (shown.every((operation) => actual[operation] === wanted[operation])) return Effect.void
      const description = `expected exactly ${formatCalls(wanted)}, but KMS got ${formatCalls(actual)}`
      return Effect.die(new AssertionFailed(withList(description, calls.map(formatCall)), wanted, actual))
    }))

/**
 * Asserts that every plaintext that KMS handed out is zeroed by now. Dies of an `AssertionFailed` that names the calls
 * whose plaintexts are not.
 *
 * **Gotchas**
 *
 * A plaintext is released when the operation that requested it ends, and a cache keeps a copy of its own. So this holds
 * whenever no call is in flight, also while entries are cached.
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

const operations = KmsOperation.literals

const callNames = /*#__PURE__*/ optionNames(
  "assertCalls",
  /*#__PURE__*/ Object.fromEntries(operations.map((operation) => [operation, true] as const))
)

const formatCalls = (calls: Calls): string => {
  const made = operations.filter((operation) => (calls[operation] ?? 0) !== 0)
  return made.length === 0 ? "no call" : made.map((operation) => `${calls[operation]} ${operation}`).join(", ")
}

const formatCall = ({ encryptionContextKeys, keyId, number, operation, outcome, startedAt }: Call): string => {
  const keys = encryptionContextKeys.map((key) => quoted(key)).join(", ")
  const ended = outcome._tag === "Pending"
    ? "still running"
    : `${outcome._tag === "Failed" ? `${outcome._tag} ${outcome.failure}` : outcome._tag} at ${outcome.at} ms`
  return `#${number} ${operation} with ${printable(keyId)}, context keys [${keys}], at ${startedAt} ms: ${ended}`
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

/** AWS KMS's codes. */
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
  options: FailOptions = {}
): Behaviour => {
  Script.checkNames(options, failNames)
  return (_real, { keyId, operation }) =>
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
}

/** Options of `fail`: fields of the error. */
export interface FailOptions {
  readonly code?: string
  readonly description?: string
  readonly isRetryable?: boolean
}

const failNames = /*#__PURE__*/ optionNames(
  "fail",
  { code: true, description: true, isRetryable: true } satisfies NamesOf<FailOptions>
)

/** Nothing is done, and the call dies of a defect, as it would of a bug in an implementation of `Kms`. */
export const die = (defect: unknown): Behaviour => () => Effect.die(defect)

/** The call never ends. It can be interrupted. */
export const hang: Behaviour = () => Effect.never

/** The call takes longer by a duration, before anything is done. */
export const delay = (duration: Duration.Input): Behaviour => (real) => Effect.delay(real, duration)

/** The call waits for an effect before anything is done: for a latch that the test opens, say. */
export const after = (effect: Effect.Effect<unknown>): Behaviour => (real) => Effect.andThen(effect, real)

/**
 * The call is done, and its response changed: another key id, a plaintext of a wrong length. A plaintext that is replaced is
 * zeroed.
 */
export const tamper = (change: (response: Response) => Partial<Response>): Behaviour => (real) =>
  Effect.map(real, (response) => {
    const changed = { ...response, ...change(response) }
    const replaced = (["plaintext", "sharedSecret"] as const).filter((secret) => changed[secret] !== response[secret])
    for (const secret of replaced) if (response[secret] !== undefined) DataKey.zero(response[secret])
    return changed
  })
