/**
 * The promises that hold for any cache, however slow or broken: no data key is used over a limit or past its age, and at
 * most one flight of a stored key and manager is open.
 */
import { Duration } from "effect"
import type { Coverage } from "./coverage.ts"
import type { Program } from "./Program.ts"
import * as ReferenceModel from "./ReferenceModel.ts"
import { classifyAll, Disagreement, type Replay } from "./replay/Replay.ts"
import type { Moment, Observation, Run } from "./run/Run.ts"

type EventObservation = Extract<Observation, { _tag: "Event" }>
type EventOf<Tag extends EventObservation["event"]["_tag"]> = Extract<EventObservation["event"], { _tag: Tag }>

interface Check {
  readonly run: Run
  readonly coverage: Coverage
  readonly classified: Replay["classified"]
  readonly model: ReferenceModel.Model
  readonly flights: Map<string, ReferenceModel.Flight>
  readonly waitsFor: Map<number, ReferenceModel.Flight>
  readonly admittedAt: Map<number, Moment>
  readonly arrivedAt: Map<number, Moment>
  readonly askedIn: Map<number, number>
  readonly starting: Map<number, string>
  readonly refreshed: Map<string, ReferenceModel.CacheableRequest>
  readonly closed: Set<number>
}

export const checkInvariants = (program: Program, run: Run, coverage: Coverage): void => {
  const check: Check = {
    run,
    coverage,
    classified: classifyAll(program, run),
    model: ReferenceModel.make(program),
    flights: new Map(),
    waitsFor: new Map(),
    admittedAt: new Map(),
    arrivedAt: new Map(),
    askedIn: new Map(),
    starting: new Map(),
    refreshed: new Map(),
    closed: new Set()
  }
  for (const observation of run.log) step(check, observation)
  must(check.model.flights.every(({ settled }) => settled), () => "a fetch never ended")
  for (const request of run.made.keys()) checkOutcome(check, request)
  checkUses(check)
}

const count = ({ coverage }: Check, what: string): void => void coverage.set(what, (coverage.get(what) ?? 0) + 1)

const must = (condition: boolean, message: () => string): void => {
  if (!condition) throw new Disagreement(message())
}

const cacheable = ({ classified }: Check, request: number): ReferenceModel.CacheableRequest => {
  const found = classified[request]!
  if ("key" in found) return found
  throw new Disagreement(`request ${request} was not to go through the cache`)
}

const everything: ReferenceModel.Selector = { context: undefined, wrappingKey: undefined }

const step = (check: Check, observation: Observation): void => {
  switch (observation._tag) {
    case "Asked":
      if (observation.request === undefined) check.askedIn.set(observation.fiber!, observation.call)
      return
    case "Invalidating":
      ReferenceModel.closeFlights(check.model, observation.manager, observation.selector, "invalidated")
      return
    case "Clearing":
      ReferenceModel.closeFlights(check.model, observation.manager, everything, "cleared")
      return
    case "Closing":
      check.closed.add(observation.manager)
      return
    case "Event":
      return event(check, observation)
    default:
  }
}

const event = (check: Check, observation: EventObservation): void => {
  const { event, manager, request } = observation
  switch (event._tag) {
    case "FetchStarted":
      return fetchStarted(check, event, observation)
    case "Admitted":
      return admitted(check, event, observation)
    case "Waiting": {
      const flight = event.change === -1 ? check.waitsFor.get(request!) : undefined
      if (flight !== undefined && !flight.settled) ReferenceModel.leave(flight, request!)
      return
    }
    case "Fetched": {
      const flight = check.flights.get(`${manager}.${event.fetch}`)!
      must(!flight.settled, () => `fetch ${event.fetch} ends twice`)
      ReferenceModel.fail(flight)
      count(check, `fetches: ${event.outcome}`)
      if (event.outcome === "succeeded") check.arrivedAt.set(check.askedIn.get(observation.fiber!)!, observation.at)
      return
    }
    case "CacheFault":
      return count(check, `the cache ${event.fault}: ${event.operation}`)
    default:
  }
}

const fetchStarted = (
  check: Check,
  event: EventOf<"FetchStarted">,
  { at, manager, request }: EventObservation
): void => {
  must(!check.closed.has(manager), () => "a closed manager fetches")
  const id = `${manager}.${event.fetch}`
  if (event.trigger === "request") {
    check.starting.set(request!, id)
    return
  }
  const asked = check.refreshed.get(`${manager}.${event.key}`)
  if (asked === undefined) throw new Disagreement("a refresh that no hit asked for")
  must(
    ReferenceModel.findOpen(check.model, manager, asked.key) === undefined,
    () => `a refresh of ${asked.key} starts beside an open flight`
  )
  check.flights.set(id, ReferenceModel.openFlight(check.model, manager, asked, "refresh", at))
  count(check, "refreshes")
}

const admitted = (
  check: Check,
  event: EventOf<"Admitted">,
  { at, manager, ...observation }: EventObservation
): void => {
  const request = observation.request!
  const classified = cacheable(check, request)
  const open = ReferenceModel.findOpen(check.model, manager, classified.key)
  check.admittedAt.set(request, at)
  count(check, event.outcome)
  if (event.outcome === "hit") {
    check.refreshed.set(`${manager}.${event.key}`, classified)
    return
  }
  const waiter = { request, charge: classified.charge, leader: event.outcome === "miss" }
  if (event.outcome === "joined") {
    if (open === undefined) return count(check, "joined what was on its way into the cache")
    must(ReferenceModel.fits(open, classified, at), () => `request ${request} joins a flight that it does not fit`)
    open.waiters.push(waiter)
    check.waitsFor.set(request, open)
    return
  }
  if (open !== undefined) {
    must(!ReferenceModel.fits(open, classified, at), () => `request ${request} does not join the open flight`)
    open.open = false
    count(check, "closed flights")
  }
  const flight = ReferenceModel.openFlight(check.model, manager, classified, "request", at)
  flight.waiters.push(waiter)
  check.waitsFor.set(request, flight)
  check.flights.set(check.starting.get(request)!, flight)
}

const checkOutcome = (check: Check, request: number): void => {
  const { interrupted, manager, outcome, warm } = check.run.made[request]!
  const isClosed = check.closed.has(manager)
  must(
    outcome._tag !== "Pending" || interrupted || (warm && !("key" in check.classified[request]!)),
    () => `request ${request} is never answered`
  )
  must(
    outcome._tag !== "Interrupted" || interrupted || isClosed,
    () => `request ${request} is interrupted by nobody`
  )
  if (outcome._tag === "Failed") {
    const message = outcome.message.split("\n")[0]!
    must(
      /fault of call \d+|no answer within 4s/.test(message) || (isClosed && message.includes("its scope is closed")),
      () => `request ${request} fails: ${message}`
    )
  }
  if (outcome._tag !== "Served" || !("usage" in outcome.receipt)) return
  const { call, receipt } = outcome
  const { limits } = cacheable(check, request)
  const usage = { messages: receipt.usage.messages, bytes: Number(receipt.usage.bytes) }
  must(
    usage.messages <= limits.maxMessages && usage.bytes <= limits.maxBytes,
    () => `request ${request} takes call ${call} over a limit: ${JSON.stringify(usage)}`
  )
  if (receipt._tag !== "Hit") return
  const [born, now] = [check.arrivedAt.get(call)!, check.admittedAt.get(request)!]
  const age = Math.max(0, now.wall - born.wall, now.monotonic - born.monotonic)
  must(
    age < limits.maxAge && Duration.toMillis(receipt.age) === age,
    () => `request ${request} is served at an age of ${age}, and told ${Duration.format(receipt.age)}`
  )
}

/** No two requests are the same message of a data key, and none of its bytes are forgotten. */
const checkUses = (check: Check): void => {
  const uses = new Map<number, Array<{ readonly request: number; readonly messages: number; readonly bytes: number }>>()
  for (const [request, { outcome, shape }] of check.run.made.entries()) {
    if (outcome._tag !== "Served" || !("usage" in outcome.receipt) || shape.operation !== "encrypt") continue
    const { bytes, messages } = outcome.receipt.usage
    uses.set(outcome.call, [...(uses.get(outcome.call) ?? []), { request, messages, bytes: Number(bytes) }])
  }
  for (const [call, rows] of uses) {
    let bytes = 0
    let messages = 0
    for (const row of rows.toSorted((a, b) => a.messages - b.messages)) {
      bytes += cacheable(check, row.request).charge.bytes
      must(row.messages > messages, () => `two requests were the same message of call ${call}`)
      messages = row.messages
      must(row.bytes >= bytes, () => `call ${call} encrypted ${bytes} bytes, and says ${row.bytes}`)
    }
  }
}
