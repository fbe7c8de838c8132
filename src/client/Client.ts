import type { AtOnce } from "../crypto/atOnce.ts"
import type { Primitives } from "../crypto/Primitives.ts"
import type { CryptographicMaterialsManager } from "../materials/CryptographicMaterialsManager.ts"
import type { CommitmentPolicy } from "../model/CommitmentPolicy.ts"
import type { ContextMemo } from "./contextMemo.ts"
import type { KeyReferences } from "./keyReferences.ts"
import type { KeySections } from "./keySections.ts"
import type { Turns } from "./turns.ts"

/** A client: its checked options and its dependencies. */
export interface Client {
  readonly commitmentPolicy: CommitmentPolicy
  readonly maxEncryptedDataKeys: number
  /** Whether every implementation must be able to read what is encrypted. */
  readonly isPortable: boolean
  readonly primitives: Primitives
  readonly materialsManager: CryptographicMaterialsManager
  /** The primitives, started when they are called. */
  readonly atOnce: AtOnce
  readonly contexts: ContextMemo
  readonly keySections: KeySections
  readonly keyReferences: KeyReferences
  readonly turns: Turns
}
