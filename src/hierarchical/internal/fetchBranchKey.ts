/** Reads of a branch key store, which may be the user's own. */
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as bytes from "../../internal/bytes.ts"
import * as uuids from "../../internal/uuid.ts"
import { guarded } from "../../materials/contract.ts"
import * as DataKey from "../../model/DataKey.ts"
import { BrokenContract } from "../../model/errors/BrokenContract.ts"
import { type BranchKey, type BranchKeyStore, keyLength } from "../BranchKeyStore.ts"
import { BranchKeyStoreError } from "../BranchKeyStoreError.ts"
import { errorOf, type Operation } from "./records.ts"

/**
 * The active version of a branch key, or the version that is named, which is zeroed when the scope closes. From the moment that it
 * arrives, the fiber yields to no other until the scope knows of it.
 */
export const fetchBranchKey = (
  store: BranchKeyStore,
  branchKeyId: string,
  version: string | undefined
): Effect.Effect<BranchKey, BranchKeyStoreError, Scope.Scope> => {
  const operation: Operation = { operation: version === undefined ? "getActive" : "getVersion", branchKeyId }
  const part = `BranchKeyStore.${operation.operation}`
  const call = guarded(
    part,
    BranchKeyStoreError,
    () => version === undefined ? store.getActive(branchKeyId) : store.getVersion(branchKeyId, version),
    (breach) => errorOf(operation, breach)
  )
  const checked = Effect.flatMap(call, (response) => {
    const fields = fieldsOf(response)
    const fault = faultOf(fields, branchKeyId, version)
    if (fault === undefined) return Effect.succeed(fields as BranchKey)
    if (DataKey.isDataKey(fields.key)) DataKey.zero(fields.key)
    return Effect.fail(errorOf(operation, new BrokenContract({ part, description: `returned a branch key ${fault}` })))
  })
  return Effect.acquireRelease(checked, ({ key }) => Effect.sync(() => DataKey.zero(key)), { interruptible: true })
    .pipe(
      Effect.provideService(References.PreventSchedulerYield, true)
    )
}

type Fields = { readonly [Name in keyof BranchKey]?: unknown }

/** The fields of a response, each read once. */
const fieldsOf = (response: unknown): Fields => {
  if (typeof response !== "object" || response === null) return {}
  try {
    const { branchKeyId, encryptionContext, key, version } = response as Fields
    return { branchKeyId, encryptionContext, key, version }
  } catch {
    return {}
  }
}

const faultOf = (
  { branchKeyId, key, version }: Fields,
  requestedId: string,
  requestedVersion: string | undefined
): string | undefined => {
  if (branchKeyId !== requestedId) return "of another branchKeyId than the requested one"
  if (typeof version !== "string" || uuids.parse(version) === undefined) return "whose version is no UUID in lower case"
  if (requestedVersion !== undefined && version !== requestedVersion) return "of another version than the requested one"
  if (!DataKey.isDataKey(key)) return "without key, a Redacted of bytes"
  const value = DataKey.value(key)
  if (bytes.findGone(value) !== undefined || value.length !== keyLength) {
    return `whose key is not ${keyLength} bytes long`
  }
  return bytes.isAllZero(value) ? "whose key is all zero" : undefined
}
