/** A budget of retries: each call adds a share of one, so that retries never multiply the load of a Region that is overloaded. */
export class RetryBudget {
  #tokens: number
  readonly #share: number
  readonly #capacity: number

  constructor(share: number, burst: number) {
    this.#tokens = burst
    this.#share = share
    this.#capacity = Math.max(burst, share > 0 ? 1 : 0)
  }

  /** Adds the share of a call. */
  earn(): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + this.#share)
  }

  /** Takes a retry out. False where there is none. */
  spend(): boolean {
    // Shares such as 0.1 add up to a little less than one.
    if (this.#tokens < 1 - 1e-9) return false
    this.#tokens -= 1
    return true
  }
}
