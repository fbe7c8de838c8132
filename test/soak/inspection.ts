/** What must hold during a run, and what the metrics must say. */
import { Effect } from "effect"
import { CachingCounts } from "effect-encryption-sdk/testing"
import { isZero } from "../support/bytes.ts"
import type { Run } from "./Run.ts"
import { capacity, type Setting } from "./setting.ts"

const takeCalls = (run: Run, { script }: Setting) =>
  Effect.map(script.takeEnded, ({ calls, handedOut }) => {
    for (const { operation } of calls) run.called[operation as keyof typeof run.called]++
    run.unreleased = [...run.unreleased, ...handedOut].filter(({ bytes }) => !isZero(bytes))
  })

/** What must hold whenever nothing is on its way from one place to another. `arraysBefore` data keys are not the run's. */
export const checkpoint = Effect.fnUntraced(function*(run: Run, setting: Setting, arraysBefore: number) {
  yield* takeCalls(run, setting)
  const { arrays, book, check, holding, unreleased } = run
  // What bypasses the cache is the operation's own.
  check("kmsReleased", unreleased.length <= holding, () => `${unreleased.length}, and ${holding} are in use`)
  const sizes = [yield* setting.caches.encrypt.size, yield* setting.caches.decrypt.size] as const
  check("capacity", sizes[0] <= capacity.encrypt && sizes[1] <= capacity.decrypt, () => sizes.join(" and "))
  const alive = arrays.alive() - arraysBefore
  check(
    "memory",
    alive === sizes[0] + sizes[1] + holding,
    () => `${alive}, of ${sizes[0] + sizes[1]} entries and ${holding} operations`
  )
  book.forget()
})

/** Compares the metrics with what was counted elsewhere, and returns them. */
export const compareMetrics = Effect.fnUntraced(function*(run: Run, setting: Setting) {
  yield* takeCalls(run, setting)
  const inFlight = yield* setting.script.calls
  const counts = yield* CachingCounts.read
  const { called, check, due, evicted, made } = run
  for (const [operation, call] of [["encrypt", "GenerateDataKey"], ["decrypt", "Decrypt"]] as const) {
    const { bypasses, entries, evictions, fetches, flights, requests } = counts[operation]
    const compare = (id: "requests" | "bypasses" | "calls" | "entries", metrics: number, counted: number) =>
      check(id, metrics === counted, () => `${operation}: ${metrics}, counted ${counted}`)
    compare("requests", sum(requests), made[operation])
    compare("bypasses", sum(bypasses), due[operation])
    compare("bypasses", requests.bypassed, due[operation])
    compare(
      "calls",
      sum(fetches.request) + sum(fetches.refresh) + flights + requests.bypassed,
      called[call] + inFlight.filter(({ operation }) => operation === call).length
    )
    compare("entries", entries, yield* setting.caches[operation].size)
    const causes = Object.fromEntries(evicted[operation])
    check(
      "evictions",
      sum(evictions) === sum(causes) && Object.entries(evictions).every(([cause, count]) => causes[cause] === count),
      () => `${operation}: ${JSON.stringify(evictions)}, the cache told ${JSON.stringify(causes)}`
    )
  }
  return counts
})

const sum = (counts: object): number => Object.values(counts).reduce<number>((total, count) => total + Number(count), 0)

/** Checks that a day met all that it is about. */
export const checkEverything = ({ check }: Run, counts: CachingCounts.CachingCounts): void => {
  for (const [what, count] of Object.entries(mustHaveOccurred(counts))) {
    check("everything", count > 0, () => `no ${what}`)
  }
}

const mustHaveOccurred = ({ decrypt, encrypt }: CachingCounts.CachingCounts): Readonly<Record<string, number>> => ({
  ...Object.fromEntries(
    (["age", "messages", "bytes", "capacity", "replaced", "invalidated", "revoked", "cleared"] as const).map(
      (cause) => [`eviction of cause ${cause}`, encrypt.evictions[cause] ?? 0]
    )
  ),
  "hit": encrypt.requests.hit,
  "join": encrypt.requests.joined,
  "decrypt hit": decrypt.requests.hit,
  "decrypt join": decrypt.requests.joined,
  "decrypt eviction of cause age": decrypt.evictions.age ?? 0,
  "decrypt eviction of cause capacity": decrypt.evictions.capacity ?? 0,
  "refresh": encrypt.fetches.refresh.succeeded,
  "failed refresh": encrypt.fetches.refresh.failed,
  "decrypt refresh": decrypt.fetches.refresh.succeeded,
  "failed fetch": encrypt.fetches.request.failed,
  "fetch that met its deadline": encrypt.fetches.request.deadline,
  "abandoned fetch": encrypt.fetches.request.abandoned
})
