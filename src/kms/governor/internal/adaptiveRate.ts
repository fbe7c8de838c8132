import type { Adaptation } from "./settings.ts"

/**
 * A rate that throttles lower by a factor, and successful calls raise by a sum for each second, between a floor and the rate that is
 * configured. Times are in milliseconds of one clock.
 */
export class AdaptiveRate {
  /** Calls per second. */
  current: number
  readonly #max: number
  readonly #adaptation: Adaptation
  #decreasedAt = -Infinity
  #changedAt: number

  constructor(max: number, adaptation: Adaptation, now: number) {
    this.current = max
    this.#max = max
    this.#adaptation = adaptation
    this.#changedAt = now
  }

  /**
   * Lowers the rate for a call that was throttled. Of the calls that one moment's rate let through, the first counts: what was sent
   * before a decrease says nothing about the rate since then.
   */
  throttled(sentAt: number, now: number): void {
    const { decrease, floor, windowMillis } = this.#adaptation
    if (sentAt <= this.#decreasedAt || now - this.#decreasedAt < windowMillis) return
    this.current = Math.max(this.#max * floor, this.current * decrease)
    this.#decreasedAt = now
    this.#changedAt = now
  }

  /** Raises the rate for a call that succeeded, by the time since the last change, of which a second counts at most. */
  succeeded(now: number): void {
    const seconds = Math.min(1, Math.max(0, now - this.#changedAt) / 1000)
    this.current = Math.min(this.#max, this.current + this.#max * this.#adaptation.increase * seconds)
    this.#changedAt = now
  }
}
