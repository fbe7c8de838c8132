/** What an observer sees of a run: the events in order, the calls, the evictions, and the outcome of each request. */
import type { Cause, Effect } from "effect"
import type { CacheEntry, CachingEvent } from "effect-encryption-sdk/caching"
import type { Receipt } from "../../../../src/model/Receipt.ts"
import type { scriptedManager } from "../../../support/scriptedManager.ts"
import type * as Program from "../Program.ts"
import type * as ReferenceModel from "../ReferenceModel.ts"

/** `scheduled` is the time that sleeps go by: the wall clock without its skew. */
export interface Moment extends ReferenceModel.Instant {
  readonly scheduled: number
}

/** A request that the program made. */
export interface Made {
  readonly manager: 0 | 1
  readonly shape: Program.RequestShape
  readonly warm: boolean
  outcome:
    | { readonly _tag: "Pending" | "Interrupted" | "Warmed" }
    | { readonly _tag: "Served"; readonly call: number; readonly receipt: Receipt }
    | { readonly _tag: "Failed"; readonly cause: Cause.Cause<unknown>; readonly message: string }
  /** The program interrupted its fiber. */
  interrupted: boolean
}

export type Observation =
  & {
    readonly at: Moment
    readonly fiber: number | undefined
    /** What the fiber worked for, if it made a request. */
    readonly request: number | undefined
  }
  & (
    | { readonly _tag: "Event"; readonly manager: 0 | 1; readonly event: CachingEvent }
    | {
      readonly _tag: "Evicted"
      readonly cache: number
      /** Part of a put or of a deletion, whose observation follows. */
      readonly within: boolean
      readonly event: CacheEntry.EvictionEvent
    }
    | { readonly _tag: "Asked"; readonly call: number }
    | { readonly _tag: "Drawn"; readonly draw: number }
    | { readonly _tag: "Put"; readonly manager: 0 | 1; readonly call: number; readonly usage: ReferenceModel.Usage }
    | { readonly _tag: "Deleted"; readonly manager: 0 | 1; readonly cache: number; readonly count: number }
    | { readonly _tag: "Invalidating"; readonly manager: 0 | 1; readonly selector: ReferenceModel.Selector }
    | { readonly _tag: "Clearing"; readonly manager: 0 | 1 }
    | { readonly _tag: "Cleared"; readonly manager: 0 | 1 }
    | { readonly _tag: "Invalidated"; readonly manager: 0 | 1; readonly count: number }
    | { readonly _tag: "CacheCleared"; readonly cache: number }
    | { readonly _tag: "Closing"; readonly manager: 0 | 1 }
    | { readonly _tag: "Time" }
  )

export interface Run {
  readonly log: ReadonlyArray<Observation>
  /** The evictions that the managers told of. */
  readonly told: ReadonlyArray<Extract<CachingEvent, { _tag: "Evicted" }>>
  readonly made: ReadonlyArray<Made>
  readonly calls: ReadonlyArray<ReturnType<typeof scriptedManager>["calls"][number]>
  readonly callSpec: (call: number) => Program.CallSpec
  /** What the caches hold at the end: by the number of the call, how much each key was used. */
  readonly entries: ReadonlyMap<number, ReferenceModel.Usage>
  readonly sizes: ReadonlyArray<number>
  /** Closes the managers and the caches, and then the operations; fails where a key is not what it must be. */
  readonly close: Effect.Effect<void>
}

export const wrappingKeyOf = (call: number): string => `key-${call}`

/** What went wrong with the real thing, as opposed to what it answered. */
export class Broken extends Error {}

export const check = (condition: boolean, message: string): void => {
  if (!condition) throw new Broken(message)
}

export const usageOf = (usage: { readonly messages: number; readonly bytes: bigint }): ReferenceModel.Usage => ({
  messages: usage.messages,
  bytes: Number(usage.bytes)
})
