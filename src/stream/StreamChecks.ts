/** What is checked of the options of streams alone. Not exported. */
import * as Result from "effect/Result"
import { invalidOption } from "../client/ClientRequests.ts"
import type { InvalidOption } from "../model/errors/Reasons.ts"

/** Whether a length in bytes is one, or left out. */
export const checkLength = (field: string, length: number | undefined): Result.Result<void, InvalidOption> =>
  length === undefined || (Number.isSafeInteger(length) && length >= 0)
    ? Result.void
    : invalidOption(field, "must be an integer from 0 to 2^53 - 1, or left out")

/** Whether the functions among the options of a stream are functions, or left out. */
export const checkHooks = (
  options: { readonly onHeader?: unknown; readonly onProgress?: unknown }
): Result.Result<void, InvalidOption> => {
  for (const field of ["onHeader", "onProgress"] as const) {
    if (options[field] !== undefined && typeof options[field] !== "function") {
      return invalidOption(field, "must be a function, or left out")
    }
  }
  return Result.void
}
