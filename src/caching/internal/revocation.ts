/** Evictions that follow from a key provider's rejections. */
import type * as Cause from "effect/Cause"
import * as EncryptedDataKey from "../../model/EncryptedDataKey.ts"
import { DecryptError } from "../../model/errors/DecryptError.ts"
import { EncryptError } from "../../model/errors/EncryptError.ts"
import type { EncryptedDataKeyReport } from "../../model/errors/KeyringError.ts"
import { evictWhere, type Invalidating } from "./invalidation.ts"
import { ownEncryptedDataKeys } from "./metadata.ts"
import { baseOf } from "./reserves.ts"

/**
 * Evicts what a failed fetch of this key shows to be revoked: its own entry and the reserves where the caller is denied, and all
 * entries of a wrapping key that is unavailable.
 */
export const evictRevoked = (manager: Invalidating, key: string, cause: Cause.Cause<unknown>): void => {
  const { denied, unavailable } = rejections(cause)
  if (!denied && unavailable.size === 0) return
  const base = baseOf(key)
  manager.background.fork(
    evictWhere(manager, (metadata) =>
      (denied && metadata.key !== undefined && baseOf(metadata.key) === base) ||
      (ownEncryptedDataKeys(metadata) ?? []).some(({ keyProviderInfo }) =>
        unavailable.has(EncryptedDataKey.printableInfo(keyProviderInfo))
      ), "revoked")
  )
}

/** The key provider's rejections: whether the caller was denied, and the wrapping keys that are unavailable to all. */
const rejections = (
  cause: Cause.Cause<unknown>
): { readonly denied: boolean; readonly unavailable: Set<string> } => {
  const rejected = cause.reasons.flatMap((reason) => {
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
    denied: rejected.some(({ failure }) => failure === "AccessDenied"),
    unavailable: new Set(rejected.flatMap(({ failure, key }) => failure === "KeyUnavailable" ? [key] : []))
  }
}

const attempts = (reports: ReadonlyArray<EncryptedDataKeyReport>) =>
  reports.flatMap((report) =>
    report._tag === "Attempted" ? [{ failure: report.failure, key: report.keyProviderInfo }] : []
  )
