import * as Deferred from "effect/Deferred"
import * as Exit from "effect/Exit"
import type { CallPriority } from "../../../internal/callPriority.ts"

/** The class of a call that waits. */
export type Priority = "request" | "background"

/** The end of waiting: the call may go, cannot go in time, is past its deadline, or its governor is closed. */
export type Turn = "go" | "exceeded" | "overdue" | "closed"

/** A call that waits for its turn, and then holds a place. */
export class Waiter {
  /** Moments of monotonic time in milliseconds. */
  readonly since: number
  readonly deadlineAt: number
  readonly number: number
  readonly #priority: CallPriority
  /** Takes it out of its lane. */
  leave: () => void = () => undefined
  #forget: () => void = () => undefined
  turn: Turn | undefined
  holdsPlace = false
  readonly #delivery = Deferred.makeUnsafe<Turn>()
  readonly ended = Deferred.await(this.#delivery)

  constructor(number: number, since: number, deadlineAt: number, priority: CallPriority) {
    this.number = number
    this.since = since
    this.deadlineAt = deadlineAt
    this.#priority = priority
  }

  get priority(): Priority {
    return this.#priority.isBackground ? "background" : "request"
  }

  /** Calls back where it is promoted while it waits. */
  onPromotion(listener: () => void): void {
    if (this.turn === undefined) this.#forget = this.#priority.onPromotion(listener)
  }

  /** Ends the waiting, the first time. */
  end(turn: Turn): void {
    if (this.turn !== undefined) return
    this.turn = turn
    this.holdsPlace = turn === "go"
    this.leave()
    this.#forget()
    Deferred.doneUnsafe(this.#delivery, Exit.succeed(turn))
  }
}
