/** Whether an error says that the same request may succeed later. Without `isRetryable` it is final. */
export const isRetryable = (error: { readonly _tag: string; readonly isRetryable?: boolean }): boolean =>
  error.isRetryable === true
