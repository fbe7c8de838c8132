import type { CommitmentPolicy } from "effect-encryption-sdk"

const uncommitted = [0x0014, 0x0046, 0x0078, 0x0114, 0x0146, 0x0178, 0x0214, 0x0346, 0x0378]
const committing = [0x0478, 0x0578]

/**
 * The suites, by identifier, that each policy allows to encrypt and to decrypt.
 *
 * Specification: framework/commitment-policy.md
 */
export const policies: Readonly<
  Record<CommitmentPolicy.CommitmentPolicy, Readonly<Record<"encrypts" | "decrypts", ReadonlyArray<number>>>>
> = {
  ForbidEncryptAllowDecrypt: { encrypts: uncommitted, decrypts: [...uncommitted, ...committing] },
  RequireEncryptAllowDecrypt: { encrypts: committing, decrypts: [...uncommitted, ...committing] },
  RequireEncryptRequireDecrypt: { encrypts: committing, decrypts: committing }
}
