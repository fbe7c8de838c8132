/** Part of a token that rounding may take. */
const tolerance = 1e-9

/** A bucket of tokens that fills at a rate, which may change. Times are in milliseconds of one clock. */
export class TokenBucket {
  #tokens: number
  /** Tokens per second since `#settledAt`. */
  #rate: number
  #settledAt: number

  constructor(rate: number, capacity: number, now: number) {
    this.#tokens = capacity
    this.#rate = rate
    this.#settledAt = now
  }

  /** Adds what has come in since the last time, at the rate of then, and goes on with this rate and capacity. */
  settle(now: number, rate: number, capacity: number): void {
    const elapsed = Math.max(0, now - this.#settledAt)
    this.#tokens = Math.min(capacity, this.#tokens + this.#rate * elapsed / 1000)
    this.#rate = rate
    this.#settledAt = now
  }

  /** Whole tokens that are there. */
  get available(): number {
    return Math.floor(this.#tokens + tolerance)
  }

  take(): void {
    this.#tokens -= 1
  }

  /** Time until this number of tokens is there, at the rate of now. */
  millisUntil(tokens: number): number {
    return Math.max(0, Math.ceil((tokens - tolerance - this.#tokens) * 1000 / this.#rate))
  }
}
