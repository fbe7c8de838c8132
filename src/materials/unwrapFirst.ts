/**
 * The loop over the encrypted data keys of a message that every keyring decrypts by. For keyrings of the library: no entry point exports it.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { printable } from "../internal/printable.ts"
import { checked } from "../internal/rejection.ts"
import type * as Scope from "effect/Scope"
import type { DecryptionMaterials } from "../model/CryptographicMaterials.ts"
import { checkDataKey } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import { BrokenContract } from "../model/errors/BrokenContract.ts"
import type { EncryptedDataKeyReport, KeyringError, ProviderRefusal, Skipped } from "../model/errors/KeyringError.ts"
import type { OnDecryptResult } from "./Keyring.ts"
import { checkLocked, failKeyring, failNotUnwrapped } from "./keyringFailures.ts"
import { omittedOf, Reports } from "./reports.ts"

/** Fields that the rows of an encrypted data key begin with. */
export const reportFields = (
  keyring: string,
  index: number,
  { keyProviderId, keyProviderInfo }: EncryptedDataKey.EncryptedDataKey
) => ({
  keyring,
  index,
  keyProviderId: printable(keyProviderId),
  keyProviderInfo: EncryptedDataKey.printableInfo(keyProviderInfo)
})

/** Refusal of a data key that the key provider must not return. */
export const invalidAnswer = (code: string): ProviderRefusal => ({ failure: "InvalidAnswer", code, isRetryable: false })

/** Chooses the encrypted data keys of a keyring's own: the input of `unwrap`, or the reason why one is not. */
type Select<A> = (encryptedDataKey: EncryptedDataKey.EncryptedDataKey) => Result.Result<A, string>

type Unwrap<A> = (selected: A) => Effect.Effect<DataKey.DataKey, ProviderRefusal | BrokenContract, Scope.Scope>

/**
 * Tries encrypted data keys in order, and returns the first that unwraps.
 *
 * `select` returns the input of `unwrap`, or the reason why the encrypted data key is not the keyring's own. The data key
 * that `unwrap` succeeds with belongs to the scope; one that does not fit the algorithm suite is zeroed at once.
 *
 * Fails with `BrokenContract` when `unwrap` does, and with `DataKeyNotUnwrapped` when there were encrypted data keys of the keyring's own and none unwraps.
 *
 * Specification: framework/keyring-interface.md#ondecrypt
 */
export const unwrapFirst = Effect.fnUntraced(function*<A>(
  keyring: string,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>,
  select: Select<A>,
  unwrap: Unwrap<A>
): Effect.fn.Return<OnDecryptResult, KeyringError, Scope.Scope> {
  yield* checkLocked(keyring, materials)
  const reports = new Reports<EncryptedDataKeyReport>()
  const unwrapped = yield* tryInOrder(reports, keyring, materials, encryptedDataKeys, select, unwrap)
  return unwrapped ?? (yield* noneUnwrapped(keyring, reports))
})

/** `unwrapFirst` of a keyring that goes through the list more than once: adds rows, and returns `undefined` where none unwraps. */
export const tryInOrder = Effect.fnUntraced(function*<A>(
  reports: Reports<EncryptedDataKeyReport>,
  keyring: string,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>,
  select: Select<A>,
  unwrap: Unwrap<A>
): Effect.fn.Return<OnDecryptResult | undefined, KeyringError, Scope.Scope> {
  for (const [index, encryptedDataKey] of encryptedDataKeys.entries()) {
    const fields = () => reportFields(keyring, index, encryptedDataKey)
    const gone = EncryptedDataKey.findGone(encryptedDataKey)
    const selected = gone === undefined ? select(encryptedDataKey) : Result.fail(gone)
    if (Result.isFailure(selected)) {
      reports.add("Skipped", () => ({ _tag: "Skipped", ...fields(), description: selected.failure }))
      continue
    }
    const unwrapped = yield* Effect.result(unwrap(selected.success))
    if (Result.isFailure(unwrapped)) {
      const { failure } = unwrapped
      // There is no use in trying others: all of them would go the same way.
      if (failure instanceof BrokenContract) return yield* failKeyring(keyring, "onDecrypt", failure)
      reports.add("Attempted", () => ({ _tag: "Attempted", ...fields(), ...failure }))
      continue
    }
    const plaintextDataKey = unwrapped.success
    if (Result.isSuccess(checked(() => checkDataKey(materials.algorithmSuite, plaintextDataKey)))) {
      return { _tag: "Unwrapped", plaintextDataKey, encryptedDataKey }
    }
    DataKey.zero(plaintextDataKey)
    reports.add("Attempted", () => ({ _tag: "Attempted", ...fields(), ...invalidAnswer("InvalidDataKey") }))
  }
  return undefined
})

/** Ends a decrypt without a data key: no encrypted data key was the keyring's own, or none of its own unwraps. */
export const noneUnwrapped = (
  keyring: string,
  reports: Reports<EncryptedDataKeyReport>
): Effect.Effect<OnDecryptResult, KeyringError> =>
  reports.counts.Attempted === 0
    ? Effect.succeed({ _tag: "NotMine", skipped: reports.rows as ReadonlyArray<Skipped>, ...omittedOf(reports) })
    : failNotUnwrapped(keyring, reports)
