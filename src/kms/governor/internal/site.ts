import type * as Context from "effect/Context"
import type { Background } from "../../../internal/background.ts"
import type { Settings } from "./settings.ts"

/** The place of a governor's construction, for all its parts. */
export interface Site {
  readonly settings: Settings
  readonly background: Background
  readonly context: Context.Context<never>
  /** Monotonic time in milliseconds. */
  readonly now: () => number
}
