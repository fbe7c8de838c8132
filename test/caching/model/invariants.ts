/**
 * What is promised of any cache, however slow or broken: no data key is used over a limit or past its age, and at most one
 * flight of a stored key and manager is open.
 */
import { Duration } from "effect"
import type { Coverage } from "./coverage.ts"
import type { Program } from "./Program.ts"
import * as ReferenceModel from "./ReferenceModel.ts"
import { Disagreement } from "./replay.ts"
import type { Moment, Run } from "./runProgram.ts"

export const checkInvariants = (program: Program, run: Run, coverage: Coverage): void => {
  const count = (what: string): void => void coverage.set(what, (coverage.get(what) ?? 0) + 1)
  const must = (condition: boolean, message: () => string): void => {
    if (!condition) throw new Disagreement(message())
  }
  const { log, made } = run
  const plans = made.map(({ manager, shape, warm }) => {
    const plan = ReferenceModel.plan(program, manager, shape)
    return warm && "key" in plan ? { ...plan, charge: { messages: 0, bytes: 0 } } : plan
  })
  const planOf = (request: number): ReferenceModel.CacheableRequest => {
    const plan = plans[request]!
    if ("key" in plan) return plan
    throw new Disagreement(`request ${request} was not to go through the cache`)
  }

  const model = ReferenceModel.make(program)
  const flights = new Map<string, ReferenceModel.Flight>()
  const waitsFor = new Map<number, ReferenceModel.Flight>()
  const admittedAt = new Map<number, Moment>()
  const landedAt = new Map<number, Moment>()
  const askedIn = new Map<number, number>()
  const starting = new Map<number, string>()
  const refreshed = new Map<string, ReferenceModel.CacheableRequest>()
  const closed = new Set<number>()
  const everything: ReferenceModel.Selector = { context: undefined, wrappingKey: undefined }

  for (const observation of log) {
    const { at, fiber, request } = observation
    switch (observation._tag) {
      case "Asked":
        if (request === undefined) askedIn.set(fiber!, observation.call)
        break
      case "Invalidating":
        ReferenceModel.closeFlights(model, observation.manager, observation.selector)
        break
      case "Clearing":
        ReferenceModel.closeFlights(model, observation.manager, everything)
        break
      case "Closing":
        closed.add(observation.manager)
        break
      case "Event": {
        const { event, manager } = observation
        switch (event._tag) {
          case "FetchStarted": {
            must(!closed.has(manager), () => "a closed manager fetches")
            const id = `${manager}.${event.fetch}`
            if (event.trigger === "request") {
              starting.set(request!, id)
              break
            }
            const asked = refreshed.get(`${manager}.${event.key}`)
            if (asked === undefined) throw new Disagreement("a refresh that no hit asked for")
            must(
              ReferenceModel.openFlight(model, manager, asked.key) === undefined,
              () => `a refresh of ${asked.key} starts beside an open flight`
            )
            flights.set(id, ReferenceModel.start(model, manager, asked, "refresh", at))
            count("refreshes")
            break
          }
          case "Admitted": {
            const plan = planOf(request!)
            const open = ReferenceModel.openFlight(model, manager, plan.key)
            admittedAt.set(request!, at)
            count(event.outcome)
            if (event.outcome === "hit") {
              refreshed.set(`${manager}.${event.key}`, plan)
              break
            }
            const waiter = { request: request!, charge: plan.charge, leader: event.outcome === "miss" }
            if (event.outcome === "joined") {
              if (open === undefined) {
                count("joined what was on its way into the cache")
                break
              }
              must(
                ReferenceModel.fitsBeside(open, plan),
                () => `request ${request} joins a flight that it does not fit`
              )
              open.waiting.push(waiter)
              waitsFor.set(request!, open)
              break
            }
            if (open !== undefined) {
              must(!ReferenceModel.fitsBeside(open, plan), () => `request ${request} does not join the open flight`)
              open.open = false
              count("closed flights")
            }
            const flight = ReferenceModel.start(model, manager, plan, "request", at)
            flight.waiting.push(waiter)
            waitsFor.set(request!, flight)
            flights.set(starting.get(request!)!, flight)
            break
          }
          case "Waiting": {
            const flight = event.change === -1 ? waitsFor.get(request!) : undefined
            if (flight !== undefined && !flight.settled) ReferenceModel.leave(flight, request!)
            break
          }
          case "Fetched": {
            const flight = flights.get(`${manager}.${event.fetch}`)!
            must(!flight.settled, () => `fetch ${event.fetch} ends twice`)
            ReferenceModel.fail(flight)
            count(`fetches: ${event.outcome}`)
            if (event.outcome === "succeeded") landedAt.set(askedIn.get(fiber!)!, at)
            break
          }
          case "CacheFault":
            count(`the cache ${event.fault}: ${event.operation}`)
            break
          default:
        }
        break
      }
      default:
    }
  }
  must(model.flights.every(({ settled }) => settled), () => "a fetch never ended")

  const uses = new Map<number, Array<{ readonly request: number; readonly messages: number; readonly bytes: number }>>()
  for (const [request, { interrupted, outcome, warm }] of made.entries()) {
    must(
      outcome._tag !== "Pending" || interrupted || (warm && !("key" in plans[request]!)),
      () => `request ${request} is never answered`
    )
    must(
      outcome._tag !== "Interrupted" || interrupted || closed.has(made[request]!.manager),
      () => `request ${request} is interrupted by nobody`
    )
    if (outcome._tag === "Failed") {
      const message = outcome.message.split("\n")[0]!
      must(
        /fault of call \d+|no answer within 4s/.test(message) ||
          (closed.has(made[request]!.manager) && message.includes("its scope is closed")),
        () => `request ${request} fails: ${message}`
      )
    }
    if (outcome._tag !== "Served" || !("usage" in outcome.receipt)) continue
    const { call, receipt } = outcome
    const { limits } = planOf(request)
    const usage = { messages: receipt.usage.messages, bytes: Number(receipt.usage.bytes) }
    must(
      usage.messages <= limits.maxMessages && usage.bytes <= limits.maxBytes,
      () => `request ${request} takes call ${call} over a limit: ${JSON.stringify(usage)}`
    )
    if (receipt._tag === "Hit") {
      const [born, now] = [landedAt.get(call)!, admittedAt.get(request)!]
      const age = Math.max(0, now.wall - born.wall, now.monotonic - born.monotonic)
      must(
        age < limits.maxAge && Duration.toMillis(receipt.age) === age,
        () => `request ${request} is served at an age of ${age}, and told ${Duration.format(receipt.age)}`
      )
    }
    if (made[request]!.shape.operation === "encrypt") uses.set(call, [...(uses.get(call) ?? []), { request, ...usage }])
  }
  for (const [call, rows] of uses) {
    let bytes = 0
    let messages = 0
    for (const row of rows.toSorted((a, b) => a.messages - b.messages)) {
      bytes += planOf(row.request).charge.bytes
      must(row.messages > messages, () => `two requests were the same message of call ${call}`)
      messages = row.messages
      must(row.bytes >= bytes, () => `call ${call} encrypted ${bytes} bytes, and says ${row.bytes}`)
    }
  }
}
