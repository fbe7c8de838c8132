import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { type Bounds, checker } from "../../internal/options.ts"
import { InvalidOption } from "./Reasons.ts"

/** Makes the check of an object's options, as `checker` does. The check fails with `InvalidOption`. */
export const optionsOf = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  owner: string,
  bounds: Bounds<S["Type"]>,
  nested?: ReadonlyArray<string>
): (options: unknown) => Effect.Effect<S["Type"], InvalidOption> => {
  const check = checker(schema, owner, bounds, nested)
  return (options) => Effect.mapError(Effect.fromResult(check(options)), (invalid) => new InvalidOption(invalid))
}
