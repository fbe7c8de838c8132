/**
 * Steps: changes of state that are whole before others learn of them.
 *
 * No code of others runs within a step. When it is complete, listeners hear of it, and then its actions begin, which may run
 * code of others: they call a cache or a key provider, or let a waiting fiber go on. So none of them finds a data
 * key that is charged in part, or a flight without the request that it was opened for.
 *
 * What listeners change are steps of their own. Their events come after all that were there before, and their actions after
 * the events. There is one queue of each for all managers and caches of a thread, since a step of one can be a change of
 * another: a manager that evicts an entry takes it out of the cache.
 */
import * as Effect from "effect/Effect"

/** Calls one after another, in the order of their arrival, and not within each other. */
class Queue {
  #waiting: Array<() => void> = []
  #isRunning = false
  #inARow = 0

  add(call: () => void): void {
    this.#waiting.push(call)
  }

  /** Calls all that are waiting, while there are turns left. Whatever one of them throws, the others follow later. */
  run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    let called = 0
    try {
      while (called < this.#waiting.length && this.#inARow < maxInARow) {
        this.#inARow++
        this.#waiting[called++]!()
      }
    } finally {
      this.#isRunning = false
      this.#waiting = this.#waiting.slice(called)
    }
  }

  /** A new turn. */
  renew(): void {
    this.#inARow = 0
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }
}

/**
 * The most calls of a queue in one turn of the event loop. Where they never end, as of a listener that makes requests, the other
 * queue and other fibers have their turn.
 */
const maxInARow = 1000

const events = /*#__PURE__*/ new Queue()
const actions = /*#__PURE__*/ new Queue()
let depth = 0
let isPostponed = false

const go = (): void => {
  if (depth > 0 || isPostponed || (events.isEmpty && actions.isEmpty)) return
  try {
    events.run()
    if (!events.isRunning) actions.run()
  } finally {
    if (!events.isRunning && !actions.isRunning) rest()
  }
}

/** After the outermost call: what is left waits for another turn of the event loop. */
const rest = (): void => {
  if (!events.isEmpty || !actions.isEmpty) {
    isPostponed = true
    Effect.runFork(later)
  } else renew()
}

const renew = (): void => {
  events.renew()
  actions.renew()
}

const later = /*#__PURE__*/ Effect.andThen(
  Effect.yieldNow,
  /*#__PURE__*/ Effect.sync(() => {
    isPostponed = false
    renew()
    go()
  })
)

/** Changes state in one step. */
export const step = <A>(change: () => A): A => {
  depth++
  try {
    return change()
  } finally {
    depth--
    go()
  }
}

/** Tells a listener of an event when the step is complete, or at once where there is none. What it throws is thrown away. */
export const tell = <Event>(listener: (event: Event) => void, event: Event): void => {
  events.add(() => {
    try {
      listener(event)
    } catch {
      // A listener's fault is not the manager's, nor the cache's.
    }
  })
  go()
}

/** Begins an action when the step is complete and listeners heard of it, or at once where there is none. */
export const afterStep = (action: () => void): void => {
  actions.add(action)
  go()
}
