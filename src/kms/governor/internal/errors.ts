/** Failures of calls that the governor did not let through, or gave up. */
import * as Duration from "effect/Duration"
import { KmsError, type KmsOperation } from "../../KmsError.ts"

/** A failed attempt: that of AWS KMS, or of the governor. */
export interface Failure {
  readonly by: "kms" | "governor"
  readonly outcome: "failed" | "throttled" | "deadline" | "rate" | "circuit"
  readonly error: KmsError
  /** Whether a call was made. */
  readonly wasMade: boolean
  /** Whether the Region was silent for long enough to count against it. */
  readonly isSilence: boolean
}

/** The call that fails. */
export interface Subject {
  readonly operation: KmsOperation
  readonly keyId: string
}

const failure = (
  { keyId, operation }: Subject,
  outcome: Failure["outcome"],
  fields: Pick<KmsError, "failure" | "code" | "description" | "isRetryable">,
  response: Pick<Failure, "wasMade" | "isSilence"> = { wasMade: false, isSilence: false }
): Failure => ({ by: "governor", outcome, error: new KmsError({ operation, keyId, ...fields }), ...response })

/** The deadline passed while the call waited for its turn. */
export const noTurn = (subject: Subject, deadline: Duration.Duration): Failure =>
  failure(subject, "deadline", {
    failure: "Throttled",
    code: "GovernorDeadlineExceeded",
    description: `had no turn within ${Duration.format(deadline)}`,
    isRetryable: true
  })

/** The deadline passed while the call was in flight. */
export const noResponse = (subject: Subject, deadline: Duration.Duration, isSilence: boolean): Failure =>
  failure(subject, "deadline", {
    failure: "Unreachable",
    code: "GovernorDeadlineExceeded",
    description: `no response within ${Duration.format(deadline)}`,
    isRetryable: true
  }, { wasMade: true, isSilence })

/** The call cannot have its turn before its deadline, and did not wait for it. */
export const exceeded = (subject: Subject, deadline: Duration.Duration): Failure =>
  failure(subject, "rate", {
    failure: "Throttled",
    code: "GovernorRateExceeded",
    description: `cannot have a turn within ${Duration.format(deadline)}`,
    isRetryable: true
  })

/** The circuit of the Region lets no calls through. */
export const circuitOpen = (subject: Subject, region: string): Failure =>
  failure(subject, "circuit", {
    failure: "Unreachable",
    code: "GovernorCircuitOpen",
    description: `the circuit of ${region} is open, since calls had no response`,
    isRetryable: true
  })

/** The governor has ended. */
export const closed = (subject: Subject): Failure =>
  failure(subject, "failed", {
    failure: "Unreachable",
    code: "GovernorClosed",
    description: "the scope of the governor is closed",
    isRetryable: false
  })
