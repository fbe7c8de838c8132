/** Errors of a branch key store as rows of a keyring. */
import { refusalOf } from "../../materials/keyringFailures.ts"
import type { BrokenContract } from "../../model/errors/BrokenContract.ts"
import type { ProviderRefusal } from "../../model/errors/KeyringError.ts"
import type { BranchKeyStoreError } from "../BranchKeyStoreError.ts"

/** The refusal of a branch key that could not be read. A broken contract stays one: it fails the whole operation. */
export const toRefusal = ({ reason }: BranchKeyStoreError): ProviderRefusal | BrokenContract => {
  switch (reason._tag) {
    case "BrokenContract":
      return reason
    case "KmsError":
      return refusalOf(reason)
    case "NotFound":
      return refused("KeyNotFound", reason)
    case "StorageFailed":
      return {
        failure: reason.isRetryable ? "Unreachable" : "Rejected",
        code: reason.code,
        description: reason.description,
        isRetryable: reason.isRetryable
      }
    case "RecordRejected":
      return refused("InvalidAnswer", reason)
    case "InvalidOption":
    case "AlreadyExists":
    case "Conflict":
      return refused("Rejected", reason)
  }
}

const refused = (
  failure: ProviderRefusal["failure"],
  { _tag, message }: { readonly _tag: string; readonly message: string }
): ProviderRefusal => ({ failure, code: `BranchKey${_tag}`, description: message, isRetryable: false })
