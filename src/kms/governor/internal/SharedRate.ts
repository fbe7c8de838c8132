/** The rate that processes share, in a store that can be lost. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { within } from "../../../internal/deadline.ts"
import { printable } from "../../../internal/printable.ts"
import * as metrics from "../KmsGovernorMetrics.ts"
import type { Site } from "./site.ts"

/** The most tokens that a bucket of the store can owe: those on their way to some thousands of processes. */
const maxOwed = 100_000

/**
 * Whether a bucket with these tokens, fewer than none where it owes some, gives one after this time. Of numbers that are none, Effect
 * makes a delay of zero.
 */
const isDebt = (remaining: number, millis: number, rate: number): boolean => {
  const owed = Math.max(0, Math.ceil(-remaining))
  return Number.isFinite(remaining) && owed <= maxOwed && millis <= 1 + owed * 1000 / rate
}

/** Tokens of the shared rates. While the store is lost there are none, and each process goes on by itself. */
export class SharedRate {
  readonly #limiter: RateLimiter.RateLimiter
  readonly #site: Site
  #isLost = false
  /** The next attempt of a store that is lost. */
  #retryAt = 0

  constructor(limiter: RateLimiter.RateLimiter, site: Site) {
    this.#limiter = limiter
    this.#site = site
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** Whether a lost store is to be tried again. True once for each attempt. */
  claimsRetry(now: number): boolean {
    if (!this.#isLost || now < this.#retryAt) return false
    this.#retryAt = now + this.#site.settings.store.retryMillis
    return true
  }

  /**
   * Takes a token out of a bucket of the store, which may owe it. Returns the time in milliseconds until the token may be used, or
   * undefined where the store did not give one.
   */
  take(key: string, rate: number, capacity: number): Effect.Effect<number | undefined> {
    const { deadline, prefix } = this.#site.settings.store
    return Effect.suspend(() =>
      within(
        this.#limiter.consume({
          key: `${prefix}/kms/${key}`,
          algorithm: "token-bucket",
          onExceeded: "delay",
          limit: capacity,
          window: Duration.millis(capacity * 1000 / rate)
        }).pipe(Effect.mapError(({ message }) => printable(message))),
        deadline,
        () => `no response within ${Duration.format(deadline)}`
      )
    ).pipe(
      Effect.flatMap(({ delay, remaining }) => {
        const millis = Duration.toMillis(delay)
        return isDebt(remaining, millis, rate) ? this.#found(millis) : this.#lost("a response that makes no sense")
      }),
      Effect.catch((description) => this.#lost(description)),
      Effect.catchDefect(() => this.#lost("a defect of the store"))
    )
  }

  #found(millis: number): Effect.Effect<number> {
    const wasLost = this.#isLost
    this.#isLost = false
    return wasLost
      ? Effect.as(Effect.logInfo("The store of the KMS rate responds again: this process shares the rate"), millis)
      : Effect.succeed(millis)
  }

  /** Notes an outage, once. */
  #lost(description: string): Effect.Effect<undefined> {
    const { context, now, settings: { store } } = this.#site
    const wasLost = this.#isLost
    this.#isLost = true
    this.#retryAt = now() + store.retryMillis
    if (wasLost) return Effect.succeed(undefined)
    metrics.storeLost({}).updateUnsafe(1, context)
    return Effect.as(
      Effect.logWarning(
        `The store of the KMS rate is lost: calls go on at ${store.localShare} of the rate`,
        description
      ),
      undefined
    )
  }
}
