import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/**
 * The fibers of one owner: a manager, a cache. They run in the context of its construction, so that nothing of a caller reaches
 * them, and end with the owner.
 */
export class Background {
  /** Whether the owner is closed: nothing may start any more. */
  closed = false
  readonly #context: Context.Context<never>
  readonly #fibers = new Set<Fiber.Fiber<unknown, unknown>>()

  constructor(context: Context.Context<never>) {
    this.#context = context
  }

  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    const fiber = Effect.runForkWith(this.#context)(effect)
    this.#fibers.add(fiber)
    fiber.addObserver(() => this.#fibers.delete(fiber))
    return fiber
  }

  /** Interrupts all fibers, and waits for none: a cache or a key provider may hang. */
  interrupt(): void {
    for (const fiber of this.#fibers) fiber.interruptUnsafe()
  }
}
