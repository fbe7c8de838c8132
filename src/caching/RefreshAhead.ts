/**
 * Refresh ahead: entries that are in use are renewed before they meet a threshold, so that no request waits for the key
 * provider when they do.
 */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"

/**
 * Options of refreshing ahead: when an entry that serves a request is renewed in the background. It goes on serving, within
 * its thresholds, until the renewed one takes its place.
 */
export interface Options {
  /**
   * Time before its maximum age at which a served entry is renewed. The exact moment is drawn for each entry, from the first
   * half of this period, so that many entries are not renewed at once. Less than `maxAge`. Default: a tenth of `maxAge`.
   */
  readonly gracePeriod?: Duration.Input | undefined
  /**
   * Share of its messages or bytes, between 0 and 1, past which a served entry is renewed. The exact share is drawn for each
   * entry, from the first half of what is left. Default 0.9.
   */
  readonly budgetShare?: number | undefined
  /**
   * Schedule by which a failed renewal is tried again, while the old entry is within its thresholds. No request waits for
   * the delay. Default: exponential, from 1 second.
   */
  readonly retry?: Schedule.Schedule<unknown> | undefined
}
