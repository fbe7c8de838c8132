/** The id of a message's branch key. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { overdue, within } from "../../internal/deadline.ts"
import { called } from "../../materials/contract.ts"
import { failKeyring, failNotUnwrapped } from "../../materials/keyringFailures.ts"
import { Reports } from "../../materials/reports.ts"
import { reportFields } from "../../materials/unwrapFirst.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../../model/CryptographicMaterials.ts"
import type { EncryptedDataKey } from "../../model/EncryptedDataKey.ts"
import type { EncryptionContext } from "../../model/EncryptionContext.ts"
import { BrokenContract } from "../../model/errors/BrokenContract.ts"
import type { EncryptedDataKeyReport, KeyringError, ProviderRefusal } from "../../model/errors/KeyringError.ts"
import { isName } from "./storeOptions.ts"

/** The id of the branch key for these materials. */
export type Supply = (
  materials: Pick<EncryptionMaterials | DecryptionMaterials, "encryptionContext">
) => Effect.Effect<string, ProviderRefusal | BrokenContract>

const part = "branchKeyIdSupplier"

/** The supply of a static id, or of a supplier of the user's own, which has until its deadline. */
export const supplyOf = (
  given: string | ((encryptionContext: EncryptionContext) => Effect.Effect<string, unknown>),
  deadline: Duration.Duration
): Supply => {
  if (typeof given === "string") {
    const supplied = Effect.succeed(given)
    return () => supplied
  }
  const late = (): ProviderRefusal => ({
    failure: "Unreachable",
    code: "DeadlineExceeded",
    description: overdue(deadline),
    isRetryable: true
  })
  return ({ encryptionContext }) =>
    called(
      part,
      // A copy: what the supplier does to it changes no message.
      () => {
        const effect = given({ ...encryptionContext })
        if (!Effect.isEffect(effect)) return effect
        const refused: Effect.Effect<string, ProviderRefusal> = Effect.mapError(effect, refusalOf)
        return Exit.isExit(effect) ? refused : within(refused, deadline, late)
      },
      (breach) => breach
    ).pipe(
      Effect.flatMap((id: unknown) =>
        isName(id)
          ? Effect.succeed(id)
          : Effect.fail(new BrokenContract({ part, description: "returned no text of 1 to 65,535 bytes of UTF-8" }))
      )
    )
}

/** Any error of a supplier, as a refusal. */
const refusalOf = (error: unknown): ProviderRefusal => {
  const { _tag, isRetryable, message } = fieldsOf(error)
  const description = typeof error === "string" ? error : typeof message === "string" ? message : undefined
  return {
    failure: isRetryable === true ? "Unreachable" : "Rejected",
    code: typeof _tag === "string" ? _tag : "BranchKeyIdNotSupplied",
    ...description === undefined ? {} : { description },
    isRetryable: isRetryable === true
  }
}

const fieldsOf = (error: unknown): Readonly<Record<"_tag" | "isRetryable" | "message", unknown>> => {
  const none = { _tag: undefined, isRetryable: undefined, message: undefined }
  if (typeof error !== "object" || error === null) return none
  try {
    const { _tag, isRetryable, message } = error as Partial<typeof none>
    return { _tag, isRetryable, message }
  } catch {
    return none
  }
}

/** Fails a decrypt whose branch key is not known, with a row for each encrypted data key. */
export const failUnsupplied = (
  keyring: string,
  providerId: string,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>,
  error: ProviderRefusal | BrokenContract
): Effect.Effect<never, KeyringError> => {
  if ("_tag" in error) return failKeyring(keyring, "onDecrypt", error)
  const reports = new Reports<EncryptedDataKeyReport>()
  for (const [index, encryptedDataKey] of encryptedDataKeys.entries()) {
    const fields = () => reportFields(keyring, index, encryptedDataKey)
    if (encryptedDataKey.keyProviderId === providerId) {
      reports.add("Attempted", () => ({ _tag: "Attempted", ...fields(), ...error }))
    } else {
      const description = `its key provider is not ${providerId}`
      reports.add("Skipped", () => ({ _tag: "Skipped", ...fields(), description }))
    }
  }
  return failNotUnwrapped(keyring, reports)
}
