/** The responses, and what they should have been. */
import { Duration } from "effect"
import type { Made } from "../run/Run.ts"
import { count, type Expected, fail, must, type Replay, show, sum } from "./Replay.ts"

type Of<Tag extends Expected["_tag"]> = Extract<Expected, { _tag: Tag }>
type Assert = (condition: boolean, text: string) => void

/** Compares all responses of a run. */
export const compareOutcomes = (replay: Replay): void => {
  const { closed, expected, run } = replay
  for (const [request, { interrupted, manager, outcome, warm }] of run.made.entries()) {
    const assert: Assert = (condition, text) =>
      must(replay, condition, () => `request ${request}: ${text}; ${show(outcome)}`)
    const expectation = expected.get(request)
    if (outcome._tag === "Interrupted" && interrupted) continue
    if (outcome._tag === "Pending") {
      assert(interrupted && expectation === undefined, "is never answered")
    } else if (expectation !== undefined) {
      compare(replay, request, expectation, assert)
    } else if (warm && "length" in replay.classified[request]!) {
      assert(outcome._tag === "Warmed", "there was nothing to do")
    } else {
      assert(
        closed.has(manager) && outcome._tag === "Failed" && /its scope is closed/.test(outcome.message),
        "was never admitted"
      )
      count(replay, "refused by a closed manager")
    }
  }
}

const compare = (replay: Replay, request: number, expectation: Expected, assert: Assert): void => {
  const made = replay.run.made[request]!
  switch (expectation._tag) {
    case "Served":
      return compareServed(made, expectation, assert)
    case "Bypassed":
      return compareBypassed(replay, request, expectation, assert)
    case "Failed":
      return compareFailed(replay, made, expectation, assert)
    case "Interrupted":
      return assert(made.outcome._tag === "Interrupted", "is interrupted")
    case "Waiting":
      return fail(replay, `request ${request}: waits for ever; ${show(made.outcome)}`)
  }
}

const compareServed = ({ outcome, warm }: Made, expectation: Of<"Served">, assert: Assert): void => {
  const { age, call, receipt, refreshStarted, usage } = expectation
  if (warm) return assert(outcome._tag === "Warmed", "is served")
  assert(outcome._tag === "Served" && outcome.call === call, `gets the key of call ${call}`)
  if (outcome._tag !== "Served") return
  const told = outcome.receipt
  assert(told._tag === receipt, `is told ${receipt}`)
  if (!("usage" in told)) return
  assert(
    told.usage.messages === usage.messages && Number(told.usage.bytes) === usage.bytes,
    `is told ${sum(usage)}`
  )
  if (told._tag !== "Hit") return
  assert(Duration.toMillis(told.age) === age, `is told an age of ${age}`)
  assert(refreshStarted === undefined || told.refreshStarted === refreshStarted, `refresh: ${refreshStarted}`)
}

const compareBypassed = (
  { askedFor, run }: Replay,
  request: number,
  expectation: Of<"Bypassed">,
  assert: Assert
): void => {
  const { outcome, warm } = run.made[request]!
  if (warm) return
  const call = expectation.call ?? askedFor.get(request)
  assert(call !== undefined, "makes a call of its own")
  const spec = run.callSpec(call!)
  if (expectation.call === undefined && typeof spec.latency === "string") {
    return assert(outcome._tag === "Failed" && outcome.message.includes("no answer within"), "fails at its deadline")
  }
  if (
    expectation.call === undefined && spec.outcome !== "answers" && spec.outcome !== "answers what may not be cached"
  ) {
    return assert(outcome._tag === "Failed" && outcome.message.includes(`fault of call ${call}`), "fails with its call")
  }
  assert(
    outcome._tag === "Served" && outcome.call === call && outcome.receipt._tag === "Bypassed" &&
      expectation.reasons.includes(outcome.receipt.reason),
    `is bypassed, with the key of call ${call}`
  )
}

const compareFailed = ({ failures }: Replay, { outcome }: Made, expectation: Of<"Failed">, assert: Assert): void => {
  assert(outcome._tag === "Failed" && expectation.message.test(outcome.message), "fails")
  if (outcome._tag !== "Failed") return
  const { flight } = expectation
  if (flight === undefined) return
  // A waiter may be interrupted besides.
  const errors = outcome.cause.reasons.flatMap((reason) => reason._tag === "Interrupt" ? [] : [errorOf(reason)])
  const first = failures.get(flight) ?? errors
  failures.set(flight, first)
  assert(first.length === 1 && errors.length === 1 && first[0] === errors[0], "fails with the very error of the others")
}

const errorOf = (reason: unknown): unknown => {
  const { defect, error } = reason as { readonly error?: unknown; readonly defect?: unknown }
  return error ?? defect
}
