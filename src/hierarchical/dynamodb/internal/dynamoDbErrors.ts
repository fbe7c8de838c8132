/**
 * Exceptions of DynamoDB and of the AWS SDK, in the words of `StorageFailed`.
 */
import { credentials, isBrowserNetworkError, type Metadata, metadataOf } from "../../../internal/awsSdkErrors.ts"
import { quoted } from "../../../internal/printable.ts"
import { StorageFailed } from "../../BranchKeyStorage.ts"

/** Codes of the service and of a transaction's reasons that say: not now. Nothing was done. */
const busy: ReadonlySet<string> = /*#__PURE__*/ new Set([
  "LimitExceededException",
  "ProvisionedThroughputExceeded",
  "ProvisionedThroughputExceededException",
  "ReplicatedWriteConflictException",
  "RequestLimitExceeded",
  "RequestThrottled",
  "RequestThrottledException",
  "SlowDown",
  "Throttling",
  "ThrottlingError",
  "ThrottlingException",
  "TooManyRequestsException",
  "TransactionConflict",
  "TransactionConflictException"
])

/** Codes after which no one knows whether the request was carried out. */
const unknown: ReadonlySet<string> = /*#__PURE__*/ new Set([
  "AbortError",
  "InternalFailure",
  "InternalServerError",
  "RequestTimeout",
  "RequestTimeoutException",
  "ServiceUnavailable",
  "ServiceUnavailableException",
  "TimeoutError",
  "TransactionInProgressException"
])

/** A request, as its errors are explained. */
export interface Request {
  readonly tableName: string
  /** Whether it writes: where its outcome is unknown, the error says so. */
  readonly isWrite: boolean
}

/** The failure for a response that cannot be used. */
export const unreadable = (request: Request): StorageFailed =>
  new StorageFailed({
    code: "UnreadableAnswer",
    description: described("the response is not of the form that DynamoDB gives it", request.isWrite),
    isRetryable: false
  })

/** The failure for an exception of the AWS SDK, whatever was thrown. One that cannot be read is not quoted. */
export const explain = (request: Request, error: unknown): StorageFailed => {
  try {
    return explained(request, error)
  } catch {
    return unreadable(request)
  }
}

const explained = ({ isWrite, tableName }: Request, error: unknown): StorageFailed => {
  const { name, network, status, thrown } = metadataOf(error)
  const reason = reasonsOf(error).find(({ Code }) => Code !== undefined && Code !== "None")
  const code = reason?.Code ?? network ?? (name === "Error" && typeof thrown.code === "string" ? thrown.code : name)
  const isBusy = busy.has(code) || status === 429 || credentials.has(code) || isMarkedRetryable(thrown)
  const isUnknown = unknown.has(code) || network !== undefined || status >= 500 || isBrowserNetworkError(thrown)
  const isRetryable = isBusy || isUnknown
  // An attempt before the last may have been carried out, and its response lost.
  const isInDoubt = isUnknown || !isOfService(thrown, status, code) || Number(thrown.$metadata?.attempts) > 1
  const message = reason?.Message ?? thrown.message
  const text = typeof message === "string" && message !== "" ? message : code
  const description = name === "ResourceNotFoundException"
    ? `there is no table ${quoted(tableName)} in this account and Region (${text})`
    : text
  return new StorageFailed({
    code,
    description: described(description, isWrite && isInDoubt),
    isRetryable,
    ...error instanceof Error ? { cause: error } : {}
  })
}

const described = (description: string, mayHaveHappened: boolean): string =>
  mayHaveHappened ? `${description}; the write may have happened all the same` : description

/** Whether the AWS SDK itself would send the request again. */
const isMarkedRetryable = ({ $retryable }: Metadata["thrown"]): boolean =>
  typeof $retryable === "object" && $retryable !== null

/** Whether the service itself has rejected the request, or there were no credentials to send it with. */
const isOfService = ({ $fault }: Metadata["thrown"], status: number, code: string): boolean =>
  $fault === "client" || (status >= 400 && status < 500) || credentials.has(code)

/** One item's part in the cancellation of a transaction. */
interface Reason {
  readonly Code: string | undefined
  readonly Message: string | undefined
}

const noReason: Reason = { Code: undefined, Message: undefined }

/** The reasons of a transaction that was cancelled, in the order of its items; none of any other error. */
const reasonsOf = (error: unknown): ReadonlyArray<Reason> => {
  if (typeof error !== "object" || error === null || !("CancellationReasons" in error)) return []
  const { CancellationReasons: reasons } = error
  return !Array.isArray(reasons) ? [] : reasons.map((reason: unknown) => {
    if (typeof reason !== "object" || reason === null) return noReason
    const { Code, Message } = reason as { readonly Code?: unknown; readonly Message?: unknown }
    return { Code: textOf(Code), Message: textOf(Message) }
  })
}

const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

/** The positions of the items whose conditions have failed. Empty for errors that are of something else. */
export const failedConditions = (error: unknown): ReadonlySet<number> => {
  try {
    return new Set(reasonsOf(error).flatMap(({ Code }, index) => Code === "ConditionalCheckFailed" ? [index] : []))
  } catch {
    return new Set()
  }
}

/** Whether an error is of this code. */
export const isNamed = (error: unknown, code: string): boolean => {
  try {
    return metadataOf(error).name === code
  } catch {
    return false
  }
}
