/**
 * The keyrings that a multi-keyring is made of. For keyrings of the library: no entry point exports it.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import type { EncryptedDataKeyReport, KeyringError, Skipped } from "../model/errors/KeyringError.ts"
import type * as contract from "./contract.ts"
import type * as Keyring from "./Keyring.ts"
import { checkLocked, failNotUnwrapped, refusalOf } from "./keyringFailures.ts"
import { omittedOf, Reports } from "./reports.ts"
import { reportFields } from "./unwrapFirst.ts"

/** A keyring of a multi-keyring. */
export interface Member {
  /** The option that the keyring was given as. */
  readonly field: string
  readonly keyring: Keyring.Keyring
}

/**
 * The keyrings that the effects of a layer's option make, each once. What is no list, or no effect, is returned as it is: the
 * check of the options says what is wrong.
 */
export const makeAll = Effect.fnUntraced(function*<Made extends Effect.Effect<Keyring.Keyring, any, any>>(
  made: Map<Made, Keyring.Keyring>,
  effects: ReadonlyArray<Made> | undefined
): Effect.fn.Return<ReadonlyArray<Keyring.Keyring>, Effect.Error<Made>, Effect.Services<Made>> {
  if (!Array.isArray(effects)) return effects as never
  const keyrings: Array<Keyring.Keyring> = []
  for (const effect of effects as ReadonlyArray<Made>) {
    const keyring = made.get(effect) ?? (Effect.isEffect(effect) ? yield* effect : effect)
    made.set(effect, keyring)
    keyrings.push(keyring)
  }
  return keyrings
})

/**
 * The problem with the materials that a member returned, as a sentence's end. A keyring that wraps one key and hands on another
 * would make messages that only some keyrings can read.
 */
export const problemOf = (given: EncryptionMaterials, filled: EncryptionMaterials): string | undefined =>
  typeof filled !== "object" || filled === null
    ? "returned no materials"
    : filled.plaintextDataKey === undefined
    ? "made no data key"
    : given.plaintextDataKey !== undefined && filled.plaintextDataKey !== given.plaintextDataKey
    ? "replaced the data key"
    : undefined

/**
 * Decrypts by the first member that can. `call` calls a member's `onDecrypt`.
 *
 * Specification: framework/multi-keyring.md#ondecrypt
 */
export const decryptByFirst = Effect.fnUntraced(function*(
  name: string,
  members: ReadonlyArray<Member>,
  call: typeof contract.onDecrypt,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
): Effect.fn.Return<Keyring.OnDecryptResult, KeyringError, Scope.Scope> {
  yield* checkLocked(name, materials)
  const reports = new Reports<EncryptedDataKeyReport>()
  let failed = false
  for (const { keyring } of members) {
    // Copies: no member can change what the next one is given.
    const copies = EncryptedDataKey.copyAll(encryptedDataKeys)
    const result = yield* Effect.result(call(keyring, { ...materials }, copies))
    if (Result.isFailure(result)) {
      failed = true
      addReports(reports, result.failure, encryptedDataKeys)
    } else if (result.success._tag === "Unwrapped") {
      const encryptedDataKey = encryptedDataKeys[copies.indexOf(result.success.encryptedDataKey)]
      return encryptedDataKey === undefined ? result.success : { ...result.success, encryptedDataKey }
    } else {
      reports.addAll(result.success.skipped, result.success.omitted)
    }
  }
  return failed
    ? yield* failNotUnwrapped(name, reports)
    : { _tag: "NotMine", skipped: reports.rows as ReadonlyArray<Skipped>, ...omittedOf(reports) }
})

/** Adds the rows of a keyring's failure. One without rows of its own is reported for each encrypted data key. */
const addReports = (
  reports: Reports<EncryptedDataKeyReport>,
  { keyring, reason }: KeyringError,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
): void => {
  if (reason._tag === "DataKeyNotUnwrapped") return reports.addAll(reason.encryptedDataKeys, reason.omitted)
  const row = rowOf(reason)
  for (const [index, encryptedDataKey] of encryptedDataKeys.entries()) {
    reports.add(row._tag, () => ({ ...row, ...reportFields(keyring, index, encryptedDataKey) }))
  }
}

/** A row, without the fields that name the encrypted data key. */
type RowOf<Row> = Row extends unknown ? Omit<Row, keyof ReturnType<typeof reportFields>> : never

const rowOf = (
  reason: Exclude<KeyringError["reason"], { readonly _tag: "DataKeyNotUnwrapped" }>
): RowOf<EncryptedDataKeyReport> => {
  switch (reason._tag) {
    case "KeyringMisconfigured":
      return { _tag: "Skipped", description: reason.message }
    case "NotLoaded":
      return {
        _tag: "Attempted",
        failure: "Unreachable",
        code: reason._tag,
        description: reason.message,
        isRetryable: true
      }
    case "BrokenContract":
      return {
        _tag: "Attempted",
        failure: "InvalidAnswer",
        code: reason._tag,
        description: reason.message,
        isRetryable: false
      }
    case "DataKeyNotWrapped":
    case "PublicKeyNotRead":
      return { _tag: "Attempted", ...refusalOf(reason) }
  }
}
