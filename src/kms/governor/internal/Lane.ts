/** The calls of one quota of a Region that wait, and the tokens by which they go. */
import * as Effect from "effect/Effect"
import * as metrics from "../KmsGovernorMetrics.ts"
import { AdaptiveRate } from "./adaptiveRate.ts"
import type { Quota } from "./quotas.ts"
import type { SharedRate } from "./SharedRate.ts"
import type { Site } from "./site.ts"
import { TokenBucket } from "./TokenBucket.ts"
import type { Priority, Waiter } from "./Waiter.ts"

/** The most tokens of the store that are on their way at a time. */
const maxAhead = 16

/** Time in milliseconds for which a token of the store that no call took can still be used. */
const tokenLife = 1000

interface OnItsWay {
  /** Undefined while the store has not responded. */
  readyAt: number | undefined
}

/** See the module. Nothing here goes on by itself: `onChange` is called where tokens have come, and the Region then decides. */
export class Lane {
  readonly request = new Set<Waiter>()
  readonly background = new Set<Waiter>()
  readonly adaptive: AdaptiveRate
  readonly #site: Site
  readonly #key: string
  readonly #attributes: { readonly region: string; readonly quota: string }
  readonly #max: number
  readonly #shared: SharedRate | undefined
  readonly #onChange: () => void
  readonly #bucket: TokenBucket
  readonly #onTheirWay = new Set<OnItsWay>()
  /** Tokens of the store that have come, by the times of that. */
  #spare: Array<number> = []
  /** Time of the next token for which a sleep is on. */
  #wakesAt = Infinity

  constructor(site: Site, region: string, { name, rate }: Quota, shared: SharedRate | undefined, onChange: () => void) {
    this.#site = site
    this.#key = `${region}/${name}`
    this.#attributes = { region, quota: name }
    this.#max = rate
    this.#shared = shared
    this.#onChange = onChange
    this.adaptive = new AdaptiveRate(rate, site.settings.adaptation, site.now())
    this.#bucket = new TokenBucket(rate, this.#capacity(1), site.now())
    this.#gauge()
  }

  get #isAlone(): boolean {
    return this.#shared === undefined || this.#shared.isLost
  }

  /** The share of the rate that is this process's own: all of it, but where the store is lost. */
  get #ownShare(): number {
    return this.#shared?.isLost === true ? this.#site.settings.store.localShare : 1
  }

  /** Calls that may go at once, at least one. A window of the store is never shorter than a millisecond. */
  #capacity(share: number): number {
    const perMilli = this.#max * share / 1000
    return Math.max(1, Math.ceil(perMilli * Math.max(1, this.#site.settings.burstMillis)))
  }

  /** Calls per second, as things are. */
  get rate(): number {
    return Math.min(this.adaptive.current, this.#max * this.#ownShare)
  }

  /** Brings the tokens up to date. Before every look at them. */
  settle(now: number): void {
    this.#bucket.settle(now, this.rate, this.#capacity(this.#ownShare))
    this.#spare = this.#spare.filter((cameAt) => now - cameAt < tokenLife)
  }

  /** Whether a call may go. */
  get isReady(): boolean {
    return this.#bucket.available >= 1 && (this.#isAlone || this.#spare.length > 0)
  }

  /** Takes the tokens of a call. */
  take(): void {
    this.#bucket.take()
    if (!this.#isAlone) this.#spare.shift()
  }

  /**
   * The least time in milliseconds that a call has to wait for the rate behind this number of others, as things are. Zero where it is
   * not known.
   */
  leastWait(ahead: number, now: number): number {
    return Math.max(this.#bucket.millisUntil(ahead + 1), this.#storeReadyAt() - now)
  }

  /** Moment of the first token of the store, where none can come before it. */
  #storeReadyAt(): number {
    if (this.#isAlone || this.#spare.length > 0 || this.#onTheirWay.size === 0) return -Infinity
    return Math.min(...[...this.#onTheirWay].map(({ readyAt = -Infinity }) => readyAt))
  }

  /** Fails the calls that cannot have their turn in time. */
  #shed(): void {
    const readyAt = this.#storeReadyAt()
    for (const waiter of [...this.request, ...this.background]) {
      if (waiter.deadlineAt <= readyAt) waiter.end("exceeded")
    }
  }

  /** Has tokens come for those that wait, where there are places for them. Tries a store that is lost again, when it is time. */
  prepare(places: number): void {
    const now = this.#site.now()
    // Calls that need not wait find out too that the store is there again.
    if (this.#shared?.claimsRetry(now) === true) this.#fetchToken(this.#shared)
    const waiting = this.request.size + this.background.size
    if (waiting === 0 || places <= 0) return
    if (this.#bucket.available < 1) this.#wakeAt(now + this.#bucket.millisUntil(1))
    if (this.#shared === undefined || this.#shared.isLost) return
    const ahead = Math.min(maxAhead, Math.ceil(this.rate / 20))
    const wanted = Math.min(waiting, places, ahead, this.#bucket.available)
    for (let missing = wanted - this.#spare.length - this.#onTheirWay.size; missing > 0; missing--) {
      this.#fetchToken(this.#shared)
    }
  }

  #wakeAt(at: number): void {
    if (this.#wakesAt <= at) return
    this.#wakesAt = at
    this.#site.background.fork(
      Effect.andThen(
        Effect.sleep(at - this.#site.now()),
        Effect.sync(() => {
          if (this.#wakesAt === at) this.#wakesAt = Infinity
          this.#onChange()
        })
      )
    )
  }

  #fetchToken(shared: SharedRate): void {
    const token: OnItsWay = { readyAt: undefined }
    this.#onTheirWay.add(token)
    this.#site.background.fork(
      shared.take(this.#key, this.#max, this.#capacity(1)).pipe(
        Effect.flatMap((millis) => {
          if (millis === undefined) return Effect.void
          token.readyAt = this.#site.now() + millis
          this.#shed()
          const arrive = Effect.sync(() => void this.#spare.push(this.#site.now()))
          return millis > 0 ? Effect.andThen(Effect.sleep(millis), arrive) : arrive
        }),
        Effect.ensuring(Effect.sync(() => {
          this.#onTheirWay.delete(token)
          this.#gauge()
          this.#onChange()
        }))
      )
    )
  }

  /** Notes the end of an attempt that was sent at a time. */
  ended(outcome: "succeeded" | "throttled", sentAt: number): void {
    const now = this.#site.now()
    if (outcome === "succeeded") this.adaptive.succeeded(now)
    else this.adaptive.throttled(sentAt, now)
    this.settle(now)
    this.#gauge()
  }

  #gauge(): void {
    metrics.rate(this.#attributes).updateUnsafe(this.rate, this.#site.context)
  }

  /** Calls that wait with a priority. */
  waiting(priority: Priority): Set<Waiter> {
    return this[priority]
  }
}
