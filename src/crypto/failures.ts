/** Failures of the operations of `Primitives`, for its layers. Not exported. */
import * as Effect from "effect/Effect"
import { PrimitivesError } from "./PrimitivesError.ts"

export const fail = (
  method: string,
  reason: PrimitivesError["reason"],
  description: string
): Effect.Effect<never, PrimitivesError> => Effect.fail(new PrimitivesError({ method, reason, description }))

/** Fails since a check of authenticity failed. The error carries nothing but the operation. */
export const failed = (method: string): Effect.Effect<never, PrimitivesError> => fail(method, "Failed", "")

/** Fails since a key from outside is rejected. */
export const invalidKey = (method: string, description: string): Effect.Effect<never, PrimitivesError> =>
  fail(method, "InvalidKey", description)
