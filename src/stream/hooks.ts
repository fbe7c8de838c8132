/**
 * The hooks of a stream: functions of the user. Not exported.
 */
import * as Effect from "effect/Effect"
import type { MessageMetadata, Progress, StreamOptions } from "../client/Options.ts"
import { called } from "../materials/contract.ts"
import type { BrokenContract } from "../model/errors/BrokenContract.ts"

export type OnProgress<E> = (progress: Progress) => Effect.Effect<unknown, E>

/** The hooks of one run, read from its options once. */
export interface Hooks<in Metadata, out E, out R, out E2> {
  readonly onHeader: (metadata: Metadata) => Effect.Effect<unknown, E | E2, R>
  readonly onProgress: OnProgress<E2>
}

/** Hooks of which one that throws, or returns no Effect, fails with what `fail` makes of that. Those that are left out do nothing. */
export const make = <E, R, Metadata extends MessageMetadata, E2>(
  options: StreamOptions<E, R, Metadata>,
  fail: (breach: BrokenContract) => E2
): Hooks<Metadata, E, R, E2> => {
  const { onHeader, onProgress } = options
  return {
    onHeader: (metadata) =>
      onHeader === undefined ? Effect.void : called("hook onHeader", () => onHeader.call(options, metadata), fail),
    onProgress: (progress) =>
      onProgress === undefined ? Effect.void : called("hook onProgress", () => onProgress.call(options, progress), fail)
  }
}
