/**
 * Exceptions of the AWS SDK, in the words of `KmsError`.
 */
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

/** Credentials that could not be had, or have expired: the AWS SDK asks its providers again with the next call. */
const credentials: ReadonlySet<string> = new Set([
  "CredentialsProviderError",
  "TokenProviderError",
  "ExpiredToken",
  "ExpiredTokenException",
  "TokenRefreshRequired"
])

/** Node's codes for a connection that could not be made, or that broke. */
const networkCodes =
  /^(ECONN(ABORTED|REFUSED|RESET)|EPIPE|ETIMEDOUT|E(HOST|NET)(DOWN|UNREACH)|ENOTFOUND|EAI_AGAIN|ERR_HTTP2_\w+)$/

/** Fields of what the AWS SDK throws. Any of them may be missing. */
interface Thrown {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly $fault?: unknown
  readonly $retryable?: { readonly throttling?: unknown } | null
  readonly $metadata?: { readonly httpStatusCode?: unknown } | null
  readonly $response?: { readonly statusCode?: unknown } | null
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
  const thrown: Thrown = typeof error === "object" && error !== null ? error : {}
  const name = typeof thrown.name === "string" && thrown.name !== "" ? thrown.name : "UnknownError"
  const network = typeof thrown.code === "string" && networkCodes.test(thrown.code) ? thrown.code : undefined
  const statusCode = thrown.$metadata?.httpStatusCode ?? thrown.$response?.statusCode
  const status = typeof statusCode === "number" ? statusCode : 0
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

const isBrowserNetworkError = ({ message, name }: Thrown): boolean =>
  name === "TypeError" && typeof message === "string" &&
  /failed to fetch|fetch failed|load failed|networkerror|network request failed|appears to be offline/i.test(message)
