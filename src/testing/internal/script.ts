/**
 * The script of a double: rules that change what calls do, and a log of the calls.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { findUnknown, type OptionNames } from "../../internal/optionNames.ts"
import { InvalidOption } from "../../model/errors/Reasons.ts"
import * as Exit from "effect/Exit"

/**
 * State of a call: pending, succeeded (`Answered`), failed with an error of the port, interrupted by its caller, or died of a defect. `at`
 * is in milliseconds of the Clock.
 */
export type Outcome<Failure = unknown> =
  | { readonly _tag: "Pending" }
  | { readonly _tag: "Answered" | "Interrupted" | "Died"; readonly at: number }
  | { readonly _tag: "Failed"; readonly at: number } & Failure

/** Fields that every call in a log has. */
export interface LoggedCall<Operation, Failure = unknown> {
  /** From 1, over all operations, in the order in which the calls were made. */
  readonly number: number
  readonly operation: Operation
  /** Time of the call in milliseconds of the Clock. */
  readonly startedAt: number
  readonly outcome: Outcome<Failure>
}

/** Throws an `InvalidOption` for an option that does not exist: a wrong option of a double is a defect. */
export const checkNames = (options: object, names: OptionNames): void => {
  const unknown = findUnknown(options, names)
  if (unknown !== undefined) throw new InvalidOption(unknown)
}

/** Conditions on how many calls fit a rule. */
export interface Turn {
  /** Numbers of the calls among those that fit all other conditions, counted from 1 since the rule was given. */
  readonly nth?: number | ReadonlyArray<number> | undefined
  /** Applies to the first `times` calls that fit all other conditions. */
  readonly times?: number | undefined
}

/** The part of a double's control that all doubles have. */
export interface Control<Matcher, Behaviour, Call extends { readonly operation: unknown }> {
  /**
   * Adds a rule. A call to which several rules apply passes through all of them: an earlier rule's behaviour is what a
   * later one takes for real. So a delay that is added after a failure makes it a slow failure.
   */
  readonly when: (matcher: Matcher, behaviour: Behaviour) => Effect.Effect<void>
  /** Forgets all rules. */
  readonly clearRules: Effect.Effect<void>
  /** Number of calls that were made, of one operation or of all, whatever their outcome. */
  readonly count: (operation?: Call["operation"]) => Effect.Effect<number>
  /** The calls, in the order in which they were made. */
  readonly calls: Effect.Effect<ReadonlyArray<Call>>
  /** Forgets the calls. Calls that still run are not logged any more. */
  readonly clearLog: Effect.Effect<void>
}

/** The parts in which doubles differ. */
interface Parts<Matcher, Call, Subject, Input, A, E, Failure, Kept> {
  /** The conditions that a rule can have. */
  readonly matcher: OptionNames
  /** Whether a call fits a rule by all conditions but its turn. */
  readonly fits: (matcher: Matcher, call: Call, subject: Subject) => boolean
  /** Second argument of a behaviour. */
  readonly input: (call: Call, subject: Subject) => Input
  /** Fields of a failure in the log, besides its time. */
  readonly failure: (error: E) => Failure
  /** Returns the item that the log keeps of a response, if any. */
  readonly keep: (call: Call, answer: A) => Kept | undefined
}

/** Makes the script of a double. `perform` runs a call of the double by it. */
export const make = <
  Matcher extends Turn,
  Call extends LoggedCall<unknown, Failure>,
  Subject,
  Input,
  A,
  E,
  Failure,
  Kept
>({ failure, fits, input, keep, matcher: names }: Parts<Matcher, Call, Subject, Input, A, E, Failure, Kept>) => {
  type Behaviour = (real: Effect.Effect<A, E>, input: Input) => Effect.Effect<A, E>
  const rules = makeRules<Matcher, Behaviour>()
  const log = makeLog<Call, Kept>()

  const perform = <B extends A>(
    fields: Omit<Call, "number" | "startedAt" | "outcome">,
    subject: Subject,
    real: Effect.Effect<B, E>
  ): Effect.Effect<B, E> =>
    Effect.flatMap(Clock.Clock, (clock) => {
      const { call, end } = log.begin(fields, clock.currentTimeMillisUnsafe())
      const scripted = rules.behaviours((matcher) => fits(matcher, call, subject)).reduce<Effect.Effect<A, E>>(
        (inner, behaviour) => behaviour(inner, input(call, subject)),
        real
      )
      return Effect.onExit(scripted, (exit) =>
        Effect.sync(() =>
          end(
            outcomeOf(exit, clock.currentTimeMillisUnsafe(), failure),
            Exit.isSuccess(exit) ? keep(call, exit.value) : undefined
          )
        )) as Effect.Effect<B, E>
    })

  const control: Control<Matcher, Behaviour, Call> = {
    when: (matcher, behaviour) =>
      Effect.sync(() => {
        checkNames(matcher, names)
        rules.add(matcher, behaviour)
      }),
    clearRules: Effect.sync(rules.clear),
    count: (operation) =>
      Effect.sync(() => log.calls().filter((call) => operation === undefined || call.operation === operation).length),
    calls: Effect.sync(log.calls),
    clearLog: Effect.sync(log.clear)
  }

  return { perform, control, log }
}

interface Entries<Call, Kept> {
  started: number
  readonly calls: Map<number, Call>
  readonly kept: Array<Kept>
}

const makeLog = <Call extends LoggedCall<unknown>, Kept>() => {
  const empty = (): Entries<Call, Kept> => ({ started: 0, calls: new Map(), kept: [] })
  let entries = empty()
  const calls = (): ReadonlyArray<Call> => [...entries.calls.values()]
  return {
    calls,
    /** The items that were kept of responses. */
    kept: (): ReadonlyArray<Kept> => [...entries.kept],
    clear: (): void => {
      entries = empty()
    },
    /** Takes the calls that have ended, and all that was kept, out of the log. */
    takeEnded: () => {
      const ended = calls().filter(({ outcome }) => outcome._tag !== "Pending")
      for (const { number } of ended) entries.calls.delete(number)
      return { calls: ended, kept: entries.kept.splice(0) }
    },
    /** Logs a call that begins. `end` logs its outcome, and keeps an item. */
    begin: (fields: Omit<Call, "number" | "startedAt" | "outcome">, startedAt: number) => {
      // The entries of this moment: a call that outlives `clear` is written into those that are not read any more.
      const { calls, kept } = entries
      const number = ++entries.started
      const call = { ...fields, number, startedAt, outcome: { _tag: "Pending" } } as unknown as Call
      calls.set(number, call)
      return {
        call,
        end: (outcome: Call["outcome"], item: Kept | undefined): void => {
          calls.set(number, { ...call, outcome })
          if (item !== undefined) kept.push(item)
        }
      }
    }
  }
}

const outcomeOf = <A, E, Failure>(
  exit: Exit.Exit<A, E>,
  at: number,
  failure: (error: E) => Failure
): Outcome<Failure> => {
  if (Exit.isSuccess(exit)) return { _tag: "Answered", at }
  const failed = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  if (failed !== undefined) return { _tag: "Failed", at, ...failure(failed.error) }
  return { _tag: Exit.hasInterrupts(exit) ? "Interrupted" : "Died", at }
}

/** Rules, each with its own count of the calls that fit it. */
const makeRules = <Matcher extends Turn, Behaviour>() => {
  let rules: Array<{ readonly matcher: Matcher; readonly behaviour: Behaviour; matched: number }> = []
  return {
    add: (matcher: Matcher, behaviour: Behaviour): void => {
      rules.push({ matcher, behaviour, matched: 0 })
    },
    clear: (): void => {
      rules = []
    },
    /** Returns the behaviours of the rules whose turn it is, in the order in which the rules were given. */
    behaviours: (fits: (matcher: Matcher) => boolean): ReadonlyArray<Behaviour> =>
      rules.filter((rule) => {
        const { nth, times } = rule.matcher
        if (!fits(rule.matcher)) return false
        rule.matched++
        if (times !== undefined && rule.matched > times) return false
        return nth === undefined || (typeof nth === "number" ? nth === rule.matched : nth.includes(rule.matched))
      }).map(({ behaviour }) => behaviour)
  }
}
