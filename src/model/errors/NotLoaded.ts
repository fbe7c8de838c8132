import * as Schema from "effect/Schema"
import { line } from "../../internal/printable.ts"
import { TaggedError } from "../../internal/TaggedError.ts"

/**
 * A part of the library that is loaded when it is first needed could not be loaded: the file is gone since the site was
 * published again, or the network is down. A retry can help.
 *
 * **Gotchas**
 *
 * Browsers older than Chromium 156 and Firefox 154, and Safari up to 27 at least, remember that a module could not be loaded:
 * in those only loading the page again helps.
 */
export class NotLoaded extends (/*#__PURE__*/ TaggedError<NotLoaded>()("NotLoaded", {
  /** Name of the part, such as `streams` or `RSA`. */
  part: Schema.String,
  /** Exception of the runtime. */
  cause: Schema.optionalKey(Schema.Defect())
})) {
  override get message(): string {
    return line`${this.part} could not be loaded`
  }

  /** Always true. */
  get isRetryable(): boolean {
    return true
  }
}
