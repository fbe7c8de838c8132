/**
 * Keyrings make, wrap and unwrap data keys.
 *
 * A program may hold many keyrings, so a keyring is a value; `Keyring.Keyring` is the tag for the one that a program
 * uses.
 *
 * Specification: framework/keyring-interface.md
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BranchKeyUse } from "../model/BranchKeyUse.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import type { DataKey } from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { KeyringError, Skipped } from "../model/errors/KeyringError.ts"

const TypeId = "~effect-encryption-sdk/Keyring" as const

/**
 * Result of `onDecrypt`: the data key and the encrypted data key that it came from, or that none of the encrypted
 * data keys is this keyring's own, with a reason for each. "Mine but broken" is the failure `DataKeyNotUnwrapped`.
 */
export type OnDecryptResult =
  | {
    readonly _tag: "Unwrapped"
    readonly plaintextDataKey: DataKey
    readonly encryptedDataKey: EncryptedDataKey
    /** The branch key that it was unwrapped with: of a hierarchical keyring. */
    readonly branchKeys?: ReadonlyArray<BranchKeyUse> | undefined
  }
  | {
    readonly _tag: "NotMine"
    readonly skipped: ReadonlyArray<Skipped>
    /** Number of encrypted data keys that `skipped` leaves out, so that a long list costs no memory. Default: none. */
    readonly omitted?: number | undefined
  }

/**
 * The two operations of a keyring. Key material that an operation returns lives until the scope closes, and is zeroed
 * then: copy it to keep it longer.
 */
export interface Keyring {
  readonly [TypeId]: typeof TypeId
  /** Name in errors and reports: `KmsKeyring`, `RawAesKeyring`, … */
  readonly name: string
  /**
   * Returns the materials with at least one encrypted data key appended. Where they have no plaintext data key yet,
   * makes one; where they have one, keeps it as it is. It may append to `missingWrappings` and `branchKeys`, which receipts show.
   * Changes nothing else.
   */
  readonly onEncrypt: (
    materials: EncryptionMaterials
  ) => Effect.Effect<EncryptionMaterials, KeyringError, Scope.Scope>
  /** Tries the encrypted data keys that are its own, in order, until one unwraps. */
  readonly onDecrypt: (
    materials: DecryptionMaterials,
    encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
  ) => Effect.Effect<OnDecryptResult, KeyringError, Scope.Scope>
}

/** Whether a value is a keyring. */
export const isKeyring = (value: unknown): value is Keyring =>
  typeof value === "object" && value !== null && TypeId in value

/**
 * Makes a keyring from its operations. One that throws, returns no Effect, fails with another error than a `KeyringError`, or
 * returns a result of neither form fails the operation with `BrokenContract`, wherever the library calls it.
 */
export const make = (implementation: Omit<Keyring, typeof TypeId>): Keyring => ({
  name: implementation.name,
  onEncrypt: (materials) => implementation.onEncrypt(materials),
  onDecrypt: (materials, encryptedDataKeys) => implementation.onDecrypt(materials, encryptedDataKeys),
  [TypeId]: TypeId
})

/** The keyring that this program uses. */
export const Keyring: Context.Service<Keyring, Keyring> = /*#__PURE__*/ Context.Service<Keyring>(
  "effect-encryption-sdk/Keyring"
)
