import * as Effect from "effect/Effect"

/** Error response of the service. */
export interface Fault {
  readonly code: string
  readonly message: string
  /** Of HTTP. */
  readonly status: 400 | 500
}

export const fault = (code: string, message: string, status: Fault["status"] = 400): Fault => ({
  code,
  message,
  status
})

export const fail = (code: string, message: string): Effect.Effect<never, Fault> => Effect.fail(fault(code, message))

/** Of a field that is not as it must be. */
export const invalid = (field: string, description: string): Fault =>
  fault("ValidationException", `${field}: ${description}`)
