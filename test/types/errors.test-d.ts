/** Types of errors: their unions can be matched to the last member, and each has the fields that programs read. */
import { Effect } from "effect"
import {
  type DecryptError,
  type DecryptErrorReason,
  type EncryptError,
  type EncryptErrorReason,
  type KeyringError,
  type UnverifiedPlaintextReleased
} from "effect-encryption-sdk"
import type { InvalidPolicy, MaterialsCacheError } from "effect-encryption-sdk/caching"
import type { PrimitivesError } from "effect-encryption-sdk/crypto"
import type { KmsError } from "effect-encryption-sdk/kms"
import type { MalformedMessage } from "effect-encryption-sdk/message"
import { expectTypeOf } from "vitest"

declare const encryptError: EncryptError
declare const decryptError: DecryptError

// Every error has a tag, a message, and says whether a retry can help.
expectTypeOf(encryptError._tag).toEqualTypeOf<"EncryptError">()
expectTypeOf(decryptError._tag).toEqualTypeOf<"DecryptError">()
expectTypeOf(encryptError.isRetryable).toEqualTypeOf<boolean>()
expectTypeOf(decryptError.isRetryable).toEqualTypeOf<boolean>()
expectTypeOf(encryptError).toExtend<Error>()
expectTypeOf(encryptError.reason).toEqualTypeOf<EncryptErrorReason>()
expectTypeOf(decryptError.reason).toEqualTypeOf<DecryptErrorReason>()
expectTypeOf<UnverifiedPlaintextReleased["reason"]>().toEqualTypeOf<DecryptErrorReason | undefined>()
expectTypeOf<UnverifiedPlaintextReleased["releasedBytes"]>().toEqualTypeOf<number>()
expectTypeOf<UnverifiedPlaintextReleased["cause"]>().toEqualTypeOf<unknown>()
expectTypeOf<UnverifiedPlaintextReleased["isRetryable"]>().toEqualTypeOf<boolean>()

const ofEncrypt = (reason: EncryptErrorReason): string | number | undefined => {
  switch (reason._tag) {
    case "InvalidOption":
    case "InvalidMaterials":
      return `${reason.field}: ${reason.description}`
    case "InvalidEncryptionContext":
      return reason.key
    case "CommitmentPolicyViolation":
      return `${reason.commitmentPolicy} ${reason.algorithmSuite}`
    case "TooManyEncryptedDataKeys":
      return reason.count - reason.maximum
    case "KeyringError":
      return ofKeyring(reason.reason)
    case "MaterialsManagerFailed":
      return `${reason.description} ${reason.isRetryable}`
    case "NotLoaded":
    case "BrokenContract":
      return reason.part
    case "WrongPlaintextLength":
      return reason.expected
    default:
      return reason satisfies never
  }
}

const ofDecrypt = (reason: DecryptErrorReason): string | number | undefined => {
  switch (reason._tag) {
    case "InvalidOption":
    case "InvalidMaterials":
      return `${reason.field}: ${reason.description}`
    case "InvalidEncryptionContext":
    case "EncryptionContextMismatch":
      return reason.key
    case "MalformedMessage":
      return `${reason.field} ${reason.offset}`
    case "NotAMessage":
    case "MessageNotAccepted":
      return reason.message
    case "CommitmentPolicyViolation":
      return reason.commitmentPolicy
    case "TooManyEncryptedDataKeys":
      return reason.count
    case "NoDataKeyUnwrapped":
      return reason.encryptedDataKeys.map((report) => ofReport(report)).join("\n")
    case "KeyringError":
      return ofKeyring(reason.reason)
    case "AuthenticationFailed":
      expectTypeOf(reason.check).toEqualTypeOf<"commitment" | "header" | "body" | "signature">()
      return reason.check
    case "MaterialsManagerFailed":
      return reason.description
    case "NotLoaded":
    case "BrokenContract":
      return reason.part
    case "WithheldPlaintextTooLong":
      return reason.maxWithheldBytes
    default:
      return reason satisfies never
  }
}

const ofKeyring = (reason: KeyringError.KeyringErrorReason): string => {
  switch (reason._tag) {
    case "DataKeyNotWrapped":
    case "PublicKeyNotRead":
      return `${reason.keyName} ${reason.code}`
    case "DataKeyNotUnwrapped":
      return reason.encryptedDataKeys.map((report) => ofReport(report)).join("\n")
    case "KeyringMisconfigured":
      return `${reason.field}: ${reason.description}`
    case "NotLoaded":
    case "BrokenContract":
      return reason.part
    default:
      return reason satisfies never
  }
}

const ofReport = (report: KeyringError.EncryptedDataKeyReport): string => {
  switch (report._tag) {
    case "Skipped":
      return `${report.keyring} ${report.index} ${report.description}`
    case "Attempted":
      return `${report.keyring} ${report.index} ${report.failure} ${report.code} ${report.isRetryable}`
    default:
      return report satisfies never
  }
}

expectTypeOf(ofEncrypt).parameter(0).toEqualTypeOf<EncryptErrorReason>()
expectTypeOf(ofDecrypt).parameter(0).toEqualTypeOf<DecryptErrorReason>()

// What a provider failed of.
expectTypeOf<KeyringError.ProviderFailure>().toEqualTypeOf<
  | "AccessDenied"
  | "KeyUnavailable"
  | "KeyNotFound"
  | "InvalidCiphertext"
  | "Throttled"
  | "Unreachable"
  | "InvalidAnswer"
  | "Rejected"
>()
expectTypeOf<KmsError["failure"]>().toEqualTypeOf<KeyringError.ProviderFailure>()
expectTypeOf<KmsError["operation"]>().toEqualTypeOf<
  | "GenerateDataKey"
  | "Encrypt"
  | "Decrypt"
  | "GetPublicKey"
  | "DeriveSharedSecret"
  | "GenerateDataKeyWithoutPlaintext"
  | "ReEncrypt"
>()
expectTypeOf<PrimitivesError["reason"]>().toEqualTypeOf<"InvalidKey" | "Unsupported" | "Failed">()
expectTypeOf<MaterialsCacheError["operation"]>().toEqualTypeOf<
  "get" | "put" | "delete" | "deleteWhere" | "clear" | "size"
>()
expectTypeOf<InvalidPolicy["violations"][number]["field"]>().toEqualTypeOf<string>()
expectTypeOf<MalformedMessage["offset"]>().toEqualTypeOf<number>()

// Tags and reasons can be caught, and what was caught is gone.
declare const failing: Effect.Effect<1, DecryptError | EncryptError>
expectTypeOf(Effect.catchTag(failing, "DecryptError", () => Effect.succeed(2 as const))).toEqualTypeOf<
  Effect.Effect<1 | 2, EncryptError>
>()
// @ts-expect-error: no such tag
Effect.catchTag(failing, "DecryptionError", () => Effect.succeed(2))

// No error holds a key or a plaintext under a name.
// @ts-expect-error: only the name of the failed check is told
expectTypeOf(decryptError.plaintext)
