/** What is left when all requests have their responses. */
import { Duration } from "effect"
import type { Usage } from "../../../../src/model/Receipt.ts"
import { byText, must, type Replay, show, sum } from "./Replay.ts"

export const compareEnd = (replay: Replay): void => {
  compareFlights(replay)
  compareCaches(replay)
  compareEvents(replay)
}

/** Everything has come to rest. */
const compareFlights = (replay: Replay): void => {
  const { closed, kept, model, owed, waiting } = replay
  for (const flight of model.flights) {
    must(replay, flight.settled, () => `a fetch for ${flight.key} never ended`)
    must(replay, !flight.open || closed.has(flight.manager), () => `a flight for ${flight.key} is still open`)
  }
  must(replay, owed.size === 0, () => "materials may not be cached, and nobody is told")
  must(replay, waiting === 0, () => `${waiting} still wait`)
  const unput = [...kept].filter(([{ manager }, { evicted }]) => !closed.has(manager) && !evicted)
  must(replay, unput.length === 0, () => `what was fetched was not put into the cache: ${show(unput)}`)
}

/** The caches hold what they must, as much used as it must be. */
const compareCaches = (replay: Replay): void => {
  const { model, run } = replay
  for (const [cache, { entries }] of model.caches.entries()) {
    must(replay, run.sizes[cache] === entries.length, () => `${run.sizes[cache]} entries, not ${entries.length}`)
  }
  const real = [...run.entries].map(([call, usage]) => `${call}: ${sum(usage)}`).toSorted(byText)
  const predicted = model.caches.flatMap(({ entries }) => entries.map(({ call, usage }) => `${call}: ${sum(usage)}`))
  must(
    replay,
    show(real) === show(predicted.toSorted(byText)),
    () => `the caches hold ${show(real)}, not ${show(predicted)}`
  )
}

const evictedRow = (key: string, { age, cause, usage }: { age: Duration.Duration; cause: string; usage: Usage }) =>
  show([key, cause, Duration.toMillis(age), usage])

/** The managers told of the evictions that happened. */
const compareEvents = (replay: Replay): void => {
  const { inOrder, run, stored } = replay
  const told = run.told.map((event) => evictedRow(event.key, event)).toSorted(byText)
  const happened = run.log.flatMap((observation) =>
    observation._tag === "Evicted" ? [evictedRow(observation.event.metadata.key, observation.event)] : []
  )
  must(
    replay,
    inOrder ? show(told) === show(happened.toSorted(byText)) : happened.every((row) => told.includes(row)),
    () => `the managers tell of the evictions ${show(told)}, not ${show(happened)}`
  )
  must(
    replay,
    stored - told.length === run.sizes.reduce((total, size) => total + size, 0),
    () => `${stored} stored and ${told.length} evicted, but ${show(run.sizes)} are there`
  )
}

/** Every call was made for a flight, or by a request for itself; and is asked as promise 2 or promise 4 wants it. */
export const compareCalls = (replay: Replay): void => {
  const { askedFor, askedIn, inOrder, model, run } = replay
  compareAbandoned(replay)
  const seen = new Set([...askedIn.values(), ...askedFor.values()])
  for (const [index, { outcome }] of run.calls.entries()) {
    // Between a call and its being observed only an interruption can fall, and only if fibers yield there.
    must(
      replay,
      seen.has(index + 1) || (!inOrder && (outcome === "interrupted" || outcome === "pending")),
      () => `call ${index + 1} is made for nobody`
    )
  }
  must(
    replay,
    inOrder ? askedIn.size === model.flights.length : askedIn.size <= model.flights.length,
    () => `${askedIn.size} calls for ${model.flights.length} flights`
  )
  const lengthIs = (call: number, length: number | undefined, text: string): void => {
    const { request } = run.calls[call - 1]!
    must(
      replay,
      !("maxPlaintextLength" in request) || request.maxPlaintextLength === length,
      () => `call ${call} ${text}`
    )
  }
  for (const [request, call] of askedFor) lengthIs(call, run.made[request]!.shape.length, "is not passed on unchanged")
  for (const call of askedIn.values()) lengthIs(call, undefined, "learns something of the plaintext")
}

/** The fetch of a flight that was given up is interrupted, where it can be. */
const compareAbandoned = (replay: Replay): void => {
  const { callOf, givenUp, run } = replay
  for (const flight of givenUp) {
    const call = callOf.get(flight)
    if (call === undefined || run.callSpec(call).latency === "hangs, uninterruptibly") continue
    const { outcome } = run.calls[call - 1]!
    must(replay, outcome === "interrupted", () => `call ${call}, which nobody waits for, was ${outcome}`)
  }
}
