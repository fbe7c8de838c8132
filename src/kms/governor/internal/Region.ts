/** The calls of one Region: those in flight, and those that wait, of which requests go before work in the background. */
import type { CallPriority } from "../../../internal/callPriority.ts"
import * as metrics from "../KmsGovernorMetrics.ts"
import { Lane } from "./Lane.ts"
import type { Quota } from "./quotas.ts"
import { RetryBudget } from "./RetryBudget.ts"
import type { SharedRate } from "./SharedRate.ts"
import type { Site } from "./site.ts"
import { type Priority, Waiter } from "./Waiter.ts"

/** See the module. */
export class Region {
  readonly name: string
  readonly retries: RetryBudget
  readonly #site: Site
  readonly #shared: SharedRate | undefined
  readonly #lanes = new Map<string, Lane>()
  #inFlight = 0
  #numbers = 0
  #isDispatching = false
  #isChanged = false

  constructor(site: Site, name: string, shared: SharedRate | undefined) {
    this.#site = site
    this.name = name
    this.#shared = shared
    this.retries = new RetryBudget(site.settings.retries.share, site.settings.retries.burst)
  }

  /** The lane of a quota. */
  lane(quota: Quota): Lane {
    let lane = this.#lanes.get(quota.name)
    if (lane === undefined) {
      lane = new Lane(this.#site, this.name, quota, this.#shared, () => this.#dispatch())
      this.#lanes.set(quota.name, lane)
    }
    return lane
  }

  /** Lets a call wait in a lane. It may have its turn, or fail, at once. */
  enter(lane: Lane, priority: CallPriority, deadlineAt: number): Waiter {
    const now = this.#site.now()
    const waiter = new Waiter(++this.#numbers, now, deadlineAt, priority)
    if (this.#site.background.closed) {
      waiter.end("closed")
      return waiter
    }
    lane.settle(now)
    const ahead = lane.request.size + (waiter.priority === "background" ? lane.background.size : 0)
    if (now + lane.leastWait(ahead, now) >= deadlineAt) {
      waiter.end("exceeded")
      return waiter
    }
    this.#wait(lane, waiter)
    waiter.onPromotion(() => {
      waiter.leave()
      this.#wait(lane, waiter)
      this.#dispatch()
    })
    this.#dispatch()
    return waiter
  }

  #wait(lane: Lane, waiter: Waiter): void {
    const { priority } = waiter
    if (waiter.turn !== undefined) return
    lane.waiting(priority).add(waiter)
    this.#countWaiting(priority, 1)
    waiter.leave = () => {
      if (lane.waiting(priority).delete(waiter)) this.#countWaiting(priority, -1)
    }
  }

  /** Takes a call out, wherever it is. Its place is free again. */
  leave(waiter: Waiter): void {
    waiter.end("overdue")
    if (!waiter.holdsPlace) return
    waiter.holdsPlace = false
    this.#countInFlight(-1)
    this.#dispatch()
  }

  /** Ends all that wait. */
  close(): void {
    for (const lane of this.#lanes.values()) {
      for (const waiter of [...lane.request, ...lane.background]) waiter.end("closed")
    }
  }

  /** Gives turns until none can go any more. Those who have one go on within this, and may come back here. */
  #dispatch(): void {
    this.#isChanged = true
    if (this.#isDispatching) return
    this.#isDispatching = true
    try {
      while (this.#isChanged && !this.#site.background.closed) {
        this.#isChanged = false
        this.#giveTurns()
        for (const lane of this.#lanes.values()) lane.prepare(this.#places)
      }
    } finally {
      this.#isDispatching = false
    }
  }

  get #places(): number {
    return this.#site.settings.concurrency - this.#inFlight
  }

  #giveTurns(): void {
    while (this.#places > 0) {
      const now = this.#site.now()
      for (const lane of this.#lanes.values()) lane.settle(now)
      const next = this.#next()
      if (next === undefined) return
      const { lane, waiter } = next
      // Nothing is sent without time for a response.
      if (waiter.deadlineAt <= now) {
        waiter.end("overdue")
        continue
      }
      lane.take()
      this.#countInFlight(1)
      const attributes = { region: this.name, priority: waiter.priority }
      metrics.waitTime(attributes).updateUnsafe(now - waiter.since, this.#site.context)
      waiter.end("go")
    }
  }

  /** The next call: the oldest request that may go, or work in the background that takes nothing from a request. */
  #next(): { readonly lane: Lane; readonly waiter: Waiter } | undefined {
    const lanes = [...this.#lanes.values()].filter((lane) => lane.isReady)
    const request = oldest(lanes, "request")
    if (request !== undefined) return request
    const requests = [...this.#lanes.values()].reduce((sum, lane) => sum + lane.request.size, 0)
    return requests < this.#places ? oldest(lanes, "background") : undefined
  }

  #countInFlight(change: number): void {
    this.#inFlight += change
    metrics.inFlight({ region: this.name }).modifyUnsafe(change, this.#site.context)
  }

  #countWaiting(priority: Priority, change: number): void {
    metrics.waiting({ region: this.name, priority }).modifyUnsafe(change, this.#site.context)
  }
}

const oldest = (lanes: ReadonlyArray<Lane>, priority: Priority) => {
  let found: { readonly lane: Lane; readonly waiter: Waiter } | undefined
  for (const lane of lanes) {
    const [waiter] = lane.waiting(priority)
    if (waiter !== undefined && (found === undefined || waiter.number < found.waiter.number)) found = { lane, waiter }
  }
  return found
}
