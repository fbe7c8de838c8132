import type * as Cause from "effect/Cause"
import { DecryptError } from "../../model/errors/DecryptError.ts"
import { EncryptError } from "../../model/errors/EncryptError.ts"
import type { EncryptedDataKeyReport } from "../../model/errors/KeyringError.ts"

/** What the key provider's refusals say about keys: whether this caller is denied, and which keys nobody can use. */
export const refusals = (
  cause: Cause.Cause<unknown>
): { readonly denied: boolean; readonly unavailable: Set<string> } => {
  const refused = cause.reasons.flatMap((reason) => {
    if (reason._tag !== "Fail" || !(reason.error instanceof EncryptError || reason.error instanceof DecryptError)) {
      return []
    }
    const error = reason.error.reason
    if (error._tag === "NoDataKeyUnwrapped") return attempts(error.encryptedDataKeys)
    if (error._tag !== "KeyringError") return []
    if (error.reason._tag === "DataKeyNotUnwrapped") return attempts(error.reason.encryptedDataKeys)
    return error.reason._tag === "DataKeyNotWrapped"
      ? [{ failure: error.reason.failure, key: error.reason.keyName }]
      : []
  })
  return {
    denied: refused.some(({ failure }) => failure === "AccessDenied"),
    unavailable: new Set(refused.flatMap(({ failure, key }) => failure === "KeyUnavailable" ? [key] : []))
  }
}

const attempts = (reports: ReadonlyArray<EncryptedDataKeyReport>) =>
  reports.flatMap((report) =>
    report._tag === "Attempted" ? [{ failure: report.failure, key: report.keyProviderInfo }] : []
  )
