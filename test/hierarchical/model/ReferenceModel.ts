/**
 * What a cache of branch keys does, in the plainest words: lists that are searched, and a clock that is a number. It knows nothing of
 * fibers; what it says of a program is what every run of it has to be.
 */
import type { Coverage } from "../../caching/model/coverage.ts"
import { type Command, ids, maxAge, namedVersion, type Options, sources } from "./Program.ts"

/** A request, and what became of it: undefined while it waits. */
export interface Request {
  readonly deadline: number
  readonly how: "Hit" | "Joined" | "Miss"
  outcome: string | undefined
}

interface Entry {
  readonly key: string
  readonly id: string
  readonly read: number
  readonly readAt: number
  retryAge: number
}

/** A read of the store that has not ended. */
interface Flight {
  readonly key: string
  readonly id: string
  readonly read: number
  readonly startedAt: number
  readonly isRefresh: boolean
  waiters: ReadonlyArray<Request>
  /** Whether requests can join it. */
  isOpen: boolean
  needsWaiters: boolean
}

export class ReferenceModel {
  now = 0
  isClosed = false
  /** Keys that the store was asked for, in order. */
  readonly reads: Array<string> = []
  readonly requests: Array<ReadonlyArray<Request>> = []
  interrupted = 0
  /** The least recently used first. */
  byUse: ReadonlyArray<Entry> = []
  /** In the order in which they came. */
  byArrival: ReadonlyArray<Entry> = []
  flights: ReadonlyArray<Flight> = []
  readonly #options: Options
  readonly #coverage: Coverage

  constructor(options: Options, coverage: Coverage) {
    this.#options = options
    this.#coverage = coverage
  }

  run(command: Command): void {
    switch (command._tag) {
      case "Request":
        this.requests.push(Array.from({ length: command.fibers }, () => this.#request(command)))
        break
      case "End":
        this.#end(command)
        break
      case "Adjust":
        this.#adjust(this.now + command.millis)
        break
      case "Interrupt":
        this.#interrupt(command.which)
        break
      case "Invalidate":
        this.#drop((item) => item.id === ids[command.id], "invalidated")
        break
      case "Clear":
        this.#drop(() => true, "cleared")
        break
      case "Close":
        this.isClosed = true
        for (const flight of this.flights) this.#abandon(flight, "interrupted")
        this.#drop(() => true, "closed")
    }
  }

  /** The requests that wait, in order. */
  get waiting(): ReadonlyArray<Request> {
    return this.requests.flat().filter(({ outcome }) => outcome === undefined)
  }

  #saw(what: string): void {
    this.#coverage.set(what, (this.#coverage.get(what) ?? 0) + 1)
  }

  #request({ id: index, isNamed, source: number }: Extract<Command, { readonly _tag: "Request" }>): Request {
    const source = sources[number]!
    const id = ids[index]!
    const key = JSON.stringify([source.partitionId, id, isNamed ? namedVersion : undefined])
    const deadline = this.now + this.#options.fetchDeadline
    if (this.isClosed) {
      this.#saw("requests of a closed cache")
      return { deadline, how: "Miss", outcome: "CacheClosed" }
    }
    this.#evictExpired()
    const limit = Math.min(maxAge, source.maxAge ?? maxAge)
    const entry = this.byUse.find((entry) => entry.key === key)
    if (entry !== undefined) this.byUse = [...this.byUse.filter((other) => other !== entry), entry]
    if (entry === undefined || this.now - entry.readAt >= limit) {
      if (entry !== undefined) this.#saw("too old for its source")
      return this.#wait(key, id, limit, deadline)
    }
    this.#saw("Hit")
    this.#refreshIfDue(entry, limit)
    return { deadline, how: "Hit", outcome: `Hit ${entry.read}` }
  }

  #refreshIfDue(entry: Entry, limit: number): void {
    const { random, refreshAhead } = this.#options
    if (refreshAhead === undefined) return
    const age = this.now - entry.readAt
    const share = refreshAhead + (1 - refreshAhead) * (random / 512)
    if (age < share * limit || age < entry.retryAge) return
    if (this.flights.some(({ isOpen, key }) => isOpen && key === entry.key)) return
    if (entry.retryAge > 0) this.#saw("refreshes tried again")
    entry.retryAge = age + Math.max(1000, (maxAge - age) / 4)
    this.#saw("refreshes")
    this.#take(entry.key, entry.id, true)
  }

  #wait(key: string, id: string, limit: number, deadline: number): Request {
    const open = this.flights.find((flight) => flight.isOpen && flight.key === key)
    const joins = open !== undefined && this.now - open.startedAt < Math.min(limit, this.#options.fetchDeadline)
    if (open !== undefined && !joins) {
      this.#saw("too late to join")
      open.isOpen = false
    }
    const flight = joins ? open : this.#take(key, id, false)
    const request: Request = { deadline, how: joins ? "Joined" : "Miss", outcome: undefined }
    flight.waiters = [...flight.waiters, request]
    this.#saw(request.how)
    if (joins && flight.isRefresh) this.#saw("joined a refresh")
    return request
  }

  #take(key: string, id: string, isRefresh: boolean): Flight {
    const flight: Flight = {
      key,
      id,
      read: this.reads.push(key),
      startedAt: this.now,
      isRefresh,
      waiters: [],
      isOpen: true,
      needsWaiters: !isRefresh
    }
    this.flights = [...this.flights, flight]
    return flight
  }

  #land(flight: Flight): void {
    this.flights = this.flights.filter((other) => other !== flight)
  }

  #end({ succeeds, which }: Extract<Command, { readonly _tag: "End" }>): void {
    const flight = this.flights[which % this.flights.length]
    if (flight === undefined) return
    this.#land(flight)
    for (const waiter of flight.waiters) waiter.outcome = succeeds ? `${waiter.how} ${flight.read}` : "Down"
    this.#saw(succeeds ? "reads that succeeded" : "reads that failed")
    if (!succeeds) return
    if (flight.isRefresh) this.#saw("refreshes that succeeded")
    if (!flight.isOpen || this.now - flight.startedAt >= maxAge) {
      this.#saw("reads of which nothing is kept")
      return
    }
    const { id, key, read, startedAt: readAt } = flight
    this.#evict((entry) => entry.key === key, "replaced")
    const entry: Entry = { key, id, read, readAt, retryAge: 0 }
    this.byUse = [...this.byUse, entry]
    this.byArrival = [...this.byArrival, entry]
    const [least] = this.byUse
    if (this.byUse.length > this.#options.capacity) this.#evict((other) => other === least, "capacity")
  }

  /** Lets time pass: requests meet their deadlines, and refreshes theirs. */
  #adjust(target: number): void {
    const { fetchDeadline } = this.#options
    const times = [
      ...this.waiting.map(({ deadline }) => deadline),
      ...this.flights.filter(({ isRefresh }) => isRefresh).map(({ startedAt }) => startedAt + fetchDeadline)
    ]
    for (const time of times.filter((time) => time <= target).toSorted((a, b) => a - b)) {
      for (const flight of this.flights) {
        const isOverdue = flight.isRefresh && flight.startedAt + fetchDeadline === time
        if (isOverdue) flight.needsWaiters = true
        const late = flight.waiters.filter(({ deadline }) => deadline === time)
        if (late.length > 0 && late.length < flight.waiters.length) this.#saw("deadlines of some waiters")
        for (const waiter of late) waiter.outcome = "DeadlineExceeded"
        flight.waiters = flight.waiters.filter((waiter) => !late.includes(waiter))
        if ((late.length > 0 || isOverdue) && flight.waiters.length === 0 && flight.needsWaiters) {
          this.#saw(flight.isRefresh ? "refreshes that were overdue" : "reads that were overdue")
          this.#abandon(flight, "DeadlineExceeded")
        }
      }
    }
    this.now = target
  }

  #interrupt(which: number): void {
    const { waiting } = this
    const request = waiting[which % waiting.length]
    if (request === undefined) return
    request.outcome = "interrupted"
    const flight = this.flights.find(({ waiters }) => waiters.includes(request))!
    flight.waiters = flight.waiters.filter((waiter) => waiter !== request)
    this.#saw("interruptions")
    if (flight.waiters.length > 0 || !flight.needsWaiters) return
    this.#saw("reads that were abandoned")
    this.#abandon(flight, "interrupted")
  }

  #abandon(flight: Flight, outcome: string): void {
    this.interrupted++
    for (const waiter of flight.waiters) waiter.outcome = outcome
    this.#land(flight)
  }

  #drop(predicate: (item: { readonly id: string }) => boolean, cause: string): void {
    for (const flight of this.flights.filter((flight) => flight.isOpen && predicate(flight))) {
      flight.isOpen = false
      this.#saw("reads that were closed")
    }
    this.#evict(predicate, cause)
  }

  #evict(predicate: (entry: Entry) => boolean, cause: string): void {
    const gone = this.byArrival.filter(predicate)
    for (const _ of gone) this.#saw(`evicted: ${cause}`)
    this.byUse = this.byUse.filter((entry) => !gone.includes(entry))
    this.byArrival = this.byArrival.filter((entry) => !gone.includes(entry))
  }

  /** The oldest go, as long as the first that came is one of them. */
  #evictExpired(): void {
    const first = this.byArrival.findIndex(({ readAt }) => this.now - readAt < maxAge)
    const expired = this.byArrival.slice(0, first === -1 ? this.byArrival.length : first)
    this.#evict((entry) => expired.includes(entry), "age")
  }
}
