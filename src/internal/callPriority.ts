/** The priority of a call to a key provider: that of a request, which waits for it, or of work in the background. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Priority of one piece of work and of the calls that it makes. Work in the background is promoted once a request waits for it. */
export class CallPriority {
  #isBackground: boolean
  readonly #listeners = new Set<() => void>()

  constructor(isBackground: boolean) {
    this.#isBackground = isBackground
  }

  get isBackground(): boolean {
    return this.#isBackground
  }

  /** Makes it the priority of a request. */
  promote(): void {
    if (!this.#isBackground) return
    this.#isBackground = false
    const listeners = [...this.#listeners]
    this.#listeners.clear()
    for (const listener of listeners) listener()
  }

  /** Calls back when it is promoted. Returns the way to take that back. */
  onPromotion(listener: () => void): () => void {
    if (this.#isBackground) this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

/** The priority of the calls that a fiber makes. Default: that of a request. */
export const CurrentPriority: Context.Reference<CallPriority> = /*#__PURE__*/ Context.Reference<CallPriority>(
  "effect-encryption-sdk/internal/callPriority",
  { defaultValue: () => new CallPriority(false) }
)

/** Runs an effect whose calls have this priority. */
export const withPriority = <A, E, R>(effect: Effect.Effect<A, E, R>, priority: CallPriority): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, CurrentPriority, priority)
