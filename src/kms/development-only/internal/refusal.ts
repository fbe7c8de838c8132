import * as Result from "effect/Result"
import type { ProviderFailure } from "../../../model/errors/KeyringError.ts"

/** Refusal of a call, with the code of the service. No retry helps. */
export interface Refusal {
  readonly failure: ProviderFailure
  readonly code: string
  readonly description: string
}

export const refusal = (failure: ProviderFailure, code: string, description: string): Refusal => ({
  failure,
  code,
  description
})

export const refuse = (failure: ProviderFailure, code: string, description: string): Result.Result<never, Refusal> =>
  Result.fail(refusal(failure, code, description))
