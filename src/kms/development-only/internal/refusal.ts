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

/** Of a field that is not as it must be. */
export const invalid = (description: string): Refusal => refusal("Rejected", "ValidationException", description)

export const invalidCiphertext: Refusal = /*#__PURE__*/ refusal("InvalidCiphertext", "InvalidCiphertextException", "")
