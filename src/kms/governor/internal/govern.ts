/** A governed call: its turn, its attempts and its end. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { type CallPriority, CurrentPriority } from "../../../internal/callPriority.ts"
import type { Operations } from "../../Kms.ts"
import type { KmsError } from "../../KmsError.ts"
import * as metrics from "../KmsGovernorMetrics.ts"
import type { Circuits } from "./circuits.ts"
import { closed, exceeded, type Failure, noResponse, noTurn, type Subject } from "./errors.ts"
import { type AnyCall, fly, type Restore } from "./flight.ts"
import type { Lane } from "./Lane.ts"
import { operations, quotaOf, RegionNames } from "./quotas.ts"
import { Region } from "./Region.ts"
import type { SharedRate } from "./SharedRate.ts"
import type { Site } from "./site.ts"
import type { Waiter } from "./Waiter.ts"

/** One call on its way through the governor. */
interface Call extends Subject {
  readonly method: keyof Operations
  readonly send: AnyCall
  readonly request: object
  readonly region: Region
  readonly lane: Lane
  readonly priority: CallPriority
  readonly deadlineAt: number
}

/** The Regions of a governor, and its way to call. */
export class Governing {
  readonly #site: Site
  readonly #circuits: Circuits
  readonly #shared: SharedRate | undefined
  readonly #names: RegionNames
  readonly #regions = new Map<string, Region>()

  constructor(site: Site, circuits: Circuits, shared: SharedRate | undefined) {
    this.#site = site
    this.#circuits = circuits
    this.#shared = shared
    this.#names = new RegionNames(site.settings)
  }

  /** Ends all calls that wait, and lets none begin. */
  close(): void {
    this.#site.background.closed = true
    for (const region of this.#regions.values()) region.close()
    this.#site.background.interrupt()
  }

  #region(name: string): Region {
    let region = this.#regions.get(name)
    if (region === undefined) this.#regions.set(name, region = new Region(this.#site, name, this.#shared))
    return region
  }

  /** The governed form of a call of a port. */
  govern(method: keyof Operations, send: AnyCall): AnyCall {
    const operation = operations[method]
    const { now, settings } = this.#site
    return (request) =>
      Effect.flatMap(CurrentPriority, (priority) => {
        const fields = request as { readonly keyId: string; readonly encryptionAlgorithm?: unknown }
        const { keyId } = fields
        const region = this.#region(this.#names.of(keyId))
        const call: Call = {
          method,
          operation,
          keyId,
          send,
          request,
          region,
          lane: region.lane(quotaOf(settings, region.name, operation, fields.encryptionAlgorithm)),
          priority,
          deadlineAt: now() + Duration.toMillis(settings.deadline)
        }
        if (!priority.isBackground) region.retries.earn()
        return this.#attempts(call, 1)
      })
  }

  /** The attempts of a call. Interruptible in between. */
  #attempts(call: Call, number: number, before?: Failure): Effect.Effect<object, KmsError> {
    return Effect.onExit(Effect.result(this.#attempt(call)), (exit) => this.#abandoned(call, exit)).pipe(
      Effect.flatMap((result) => {
        if (Result.isSuccess(result)) return this.#end(call, "succeeded", Effect.succeed(result.success))
        const failure = result.failure
        // A retry that was not made says less than the failure before it.
        const last = before !== undefined && !failure.wasMade ? before : failure
        const delay = last === failure ? this.#mayRetry(call, number, failure) : undefined
        return delay === undefined
          ? this.#end(call, last.outcome, Effect.fail(last.error))
          : Effect.flatMap(delay, (millis) => this.#retry(call, number, failure, millis))
      })
    )
  }

  /** The delay of a retry in milliseconds, drawn with full jitter; undefined where there is none. */
  #mayRetry(call: Call, number: number, { by, error }: Failure): Effect.Effect<number> | undefined {
    const { baseMillis, maxAttempts, maxMillis } = this.#site.settings.retries
    if (by === "governor" || !error.isRetryable || call.priority.isBackground || number >= maxAttempts) {
      return undefined
    }
    const longest = Math.min(maxMillis, baseMillis * 2 ** (number - 1))
    return Effect.map(Random.next, (share) => share * longest)
  }

  #retry(call: Call, number: number, failure: Failure, delay: number): Effect.Effect<object, KmsError> {
    const { context, now } = this.#site
    const region = call.region.name
    const end = this.#end(call, failure.outcome, Effect.fail(failure.error))
    if (now() + delay >= call.deadlineAt) return end
    if (!call.region.retries.spend()) {
      metrics.budgetExhausted({ region }).updateUnsafe(1, context)
      return end
    }
    metrics.retries({ region, operation: call.operation }).updateUnsafe(1, context)
    return Effect.andThen(
      Effect.onInterrupt(Effect.sleep(delay), () => Effect.sync(() => this.#count(call, "abandoned"))),
      this.#attempts(call, number + 1, failure)
    )
  }

  #end<A, E>(call: Call, outcome: string, result: Effect.Effect<A, E>): Effect.Effect<A, E> {
    this.#count(call, outcome)
    return result
  }

  #count({ operation, region }: Call, outcome: string): void {
    metrics.calls({ region: region.name, operation, outcome }).updateUnsafe(1, this.#site.context)
  }

  #abandoned(call: Call, exit: Exit.Exit<unknown>): Effect.Effect<void> {
    return Effect.sync(() => {
      if (Exit.isSuccess(exit)) return
      this.#count(call, Cause.hasInterruptsOnly(exit.cause) ? "abandoned" : "failed")
    })
  }

  /** One attempt: its turn, and its flight. The place is free again when this ends, whichever way. */
  #attempt(call: Call): Effect.Effect<object, Failure> {
    const { region } = call
    return Effect.andThen(
      this.#circuits.check(region.name, call),
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const waiter = region.enter(call.lane, call.priority, call.deadlineAt)
          return this.#turn(call, waiter, restore).pipe(
            Effect.andThen(this.#circuits.run(region.name, call, this.#fly(call, restore))),
            Effect.ensuring(Effect.sync(() => region.leave(waiter)))
          )
        })
      )
    )
  }

  /** Waits for the turn of a call. */
  #turn(call: Call, waiter: Waiter, restore: Restore): Effect.Effect<void, Failure> {
    const { deadline } = this.#site.settings
    const ended = (): Effect.Effect<void, Failure> => {
      switch (waiter.turn) {
        case "go":
          return Effect.void
        case "exceeded":
          return Effect.fail(exceeded(call, deadline))
        case "closed":
          return Effect.fail(closed(call))
        // At the deadline, the turn may have come in the same moment.
        default:
          return Effect.fail(noTurn(call, deadline))
      }
    }
    if (waiter.turn !== undefined) return ended()
    return Effect.andThen(
      restore(Effect.timeoutOption(waiter.ended, Math.max(0, call.deadlineAt - this.#site.now()))),
      Effect.suspend(ended)
    )
  }

  #fly(call: Call, restore: Restore): Effect.Effect<object, Failure> {
    const { now, settings: { deadline } } = this.#site
    return Effect.suspend(() => {
      const sentAt = now()
      const left = Math.max(0, call.deadlineAt - sentAt)
      const overdue = () => noResponse(call, deadline, left >= Duration.toMillis(deadline) / 2)
      return fly(call.method, call.send, call.request, Duration.millis(left), restore, overdue).pipe(
        Effect.mapError((error) => "by" in error ? error : this.#failed(call, sentAt, error)),
        Effect.map((response) => {
          call.lane.ended("succeeded", sentAt)
          return response
        })
      )
    })
  }

  /** Notes a failure of AWS KMS. What has no response may be an overload too, but says nothing about the rate. */
  #failed({ lane, operation, region }: Call, sentAt: number, error: KmsError): Failure {
    const isThrottled = error.failure === "Throttled"
    if (isThrottled) {
      lane.ended("throttled", sentAt)
      metrics.throttles({ region: region.name, operation }).updateUnsafe(1, this.#site.context)
    }
    return {
      by: "kms",
      outcome: isThrottled ? "throttled" : "failed",
      error,
      wasMade: true,
      isSilence: error.failure === "Unreachable"
    }
  }
}
