/**
 * Exceptions of the AWS SDK's clients, whatever service they are for. Rooms for one service say what its own codes mean.
 */

/** Codes of credentials that could not be had, or have expired: the AWS SDK asks its providers again with the next call. */
export const credentials: ReadonlySet<string> = /*#__PURE__*/ new Set([
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
export interface Thrown {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly $fault?: unknown
  readonly $retryable?: { readonly throttling?: unknown } | null
  readonly $metadata?: { readonly httpStatusCode?: unknown; readonly attempts?: unknown } | null
  readonly $response?: { readonly statusCode?: unknown } | null
}

/** The metadata of something that was thrown. */
export interface Metadata {
  /** It as an object, empty where it is none. */
  readonly thrown: Thrown
  /** Its name, which is the service's code where the service sent it. */
  readonly name: string
  /** Node's code of a connection that failed. */
  readonly network: string | undefined
  /** HTTP status, 0 where there is none. */
  readonly status: number
}

/** Reads what was thrown. Throws itself where a getter of it does. */
export const metadataOf = (error: unknown): Metadata => {
  const thrown: Thrown = typeof error === "object" && error !== null ? error : {}
  const statusCode = thrown.$metadata?.httpStatusCode ?? thrown.$response?.statusCode
  return {
    thrown,
    name: typeof thrown.name === "string" && thrown.name !== "" ? thrown.name : "UnknownError",
    network: typeof thrown.code === "string" && networkCodes.test(thrown.code) ? thrown.code : undefined,
    status: typeof statusCode === "number" ? statusCode : 0
  }
}

/** Whether a browser's `fetch` has failed to reach the service. */
export const isBrowserNetworkError = ({ message, name }: Thrown): boolean =>
  name === "TypeError" && typeof message === "string" &&
  /failed to fetch|fetch failed|load failed|networkerror|network request failed|appears to be offline/i.test(message)
