/**
 * Exceptions of the AWS SDK, in the words of `KmsError`.
 */
import { credentials, isBrowserNetworkError, metadataOf } from "../../../internal/awsSdkErrors.ts"
import type { ProviderFailure } from "../../../model/errors/KeyringError.ts"
import type { KmsError } from "../../KmsError.ts"

/** Error codes of the service and the AWS SDK. Codes that are missing here are explained by status and network code. */
const failures: Readonly<Record<string, ProviderFailure>> = {
  AccessDeniedException: "AccessDenied",
  DisabledException: "KeyUnavailable",
  KMSInvalidStateException: "KeyUnavailable",
  KeyUnavailableException: "KeyUnavailable",
  NotFoundException: "KeyNotFound",
  InvalidCiphertextException: "InvalidCiphertext",
  IncorrectKeyException: "InvalidCiphertext",
  LimitExceededException: "Throttled",
  RequestLimitExceeded: "Throttled",
  RequestThrottled: "Throttled",
  RequestThrottledException: "Throttled",
  SlowDown: "Throttled",
  Throttling: "Throttled",
  ThrottlingException: "Throttled",
  TooManyRequestsException: "Throttled",
  DependencyTimeoutException: "Unreachable",
  InternalFailure: "Unreachable",
  KMSInternalException: "Unreachable",
  ServiceUnavailable: "Unreachable",
  ServiceUnavailableException: "Unreachable",
  AbortError: "Unreachable",
  RequestTimeout: "Unreachable",
  RequestTimeoutException: "Unreachable",
  TimeoutError: "Unreachable"
}

/** The fields of a `KmsError` that say why a call failed. */
export type Explanation = Pick<KmsError, "failure" | "code" | "description" | "isRetryable">

/** Fields of the `KmsError` for an exception of the AWS SDK, whatever was thrown. One that cannot be read is not quoted. */
export const explain = (error: unknown): Explanation => {
  try {
    return explained(error)
  } catch {
    return { failure: "Rejected", code: "UnreadableError", description: notReadable, isRetryable: false }
  }
}

const notReadable = "the request failed, or its answer could not be read"

const explained = (error: unknown): Explanation => {
  const { name, network, status, thrown } = metadataOf(error)
  const known = Object.hasOwn(failures, name) ? failures[name] : undefined
  // A response that cannot be read is quoted in the message, and may be one with a plaintext in it.
  // Errors of another realm, as in a test runner, are of classes of their own.
  const unreadable = error instanceof SyntaxError || name === "SyntaxError" ||
    (thrown.$fault === undefined &&
      (error instanceof TypeError || name === "TypeError" || (status > 0 && known === undefined)))
  const failure = known ??
    (network !== undefined || status >= 500
      ? "Unreachable"
      : status === 429 || thrown.$retryable?.throttling === true
      ? "Throttled"
      : unreadable && status > 0
      ? "InvalidAnswer"
      : isBrowserNetworkError(thrown)
      ? "Unreachable"
      : "Rejected")
  const ownCode = name === "Error" && typeof thrown.code === "string" ? thrown.code : name
  const code = known === undefined ? network ?? ownCode : name
  return {
    failure,
    code,
    description: unreadable
      ? notReadable
      : typeof thrown.message === "string" && thrown.message !== ""
      ? thrown.message
      : code,
    isRetryable: failure === "Throttled" || failure === "Unreachable" || name === "KeyUnavailableException" ||
      credentials.has(name) ||
      (typeof thrown.$retryable === "object" && thrown.$retryable !== null)
  }
}
