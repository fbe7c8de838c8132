import type { Primitives } from "../crypto/Primitives.ts"
import type { CryptographicMaterialsManager } from "../materials/CryptographicMaterialsManager.ts"
import type { CommitmentPolicy } from "../model/CommitmentPolicy.ts"
import type { ContextMemo } from "./contextMemo.ts"

/** A client: its checked options and its dependencies. */
export interface Client {
  readonly commitmentPolicy: CommitmentPolicy
  readonly maxEncryptedDataKeys: number | undefined
  readonly primitives: Primitives
  readonly materialsManager: CryptographicMaterialsManager
  readonly contexts: ContextMemo
}
