import * as Schema from "effect/Schema"

/**
 * A primitive refused its input, or is not there.
 *
 * - `InvalidKey`: a key that was given from outside is malformed, of the wrong kind or of the wrong size.
 * - `Unsupported`: this runtime cannot do it, such as RSA PKCS #1 v1.5 in browsers.
 * - `NotLoaded`: a part of the layer that is loaded when it is first needed could not be: a file of a page that is gone, or a
 *   network that is down. A retry can help. `description` names the part.
 * - `Failed`: decryption or a tag check failed. Carries no detail, whatever the cause.
 */
export class PrimitivesError extends (/*#__PURE__*/ Schema.TaggedError<PrimitivesError>(
  "effect-encryption-sdk/PrimitivesError"
)("PrimitivesError", {
  method: Schema.String,
  reason: Schema.Literals(["InvalidKey", "Unsupported", "NotLoaded", "Failed"]),
  /** Empty for `Failed`. */
  description: Schema.String,
  /** What the runtime said, of `NotLoaded` alone. */
  cause: Schema.optionalKey(Schema.Defect())
})) {
  override get message(): string {
    return `${this.method}: ${this.reason}${this.description === "" ? "" : `: ${this.description}`}`
  }
}
