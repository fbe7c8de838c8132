/**
 * Steps of `onEncrypt` that keyrings share. For keyrings of the library: no entry point exports it.
 */
import * as EncryptionContextCodec from "../message/EncryptionContextCodec.ts"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Primitives } from "../crypto/Primitives.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import type { KeyringError } from "../model/errors/KeyringError.ts"
import { failMisconfigured } from "./keyringFailures.ts"

/**
 * Returns the canonical bytes of the encryption context. Validates it: a keyring can be called by others than managers.
 *
 * Specification: framework/structures.md#encryption-context
 */
export const serializeContext = (
  keyring: string,
  operation: KeyringError["operation"],
  { encryptionContext }: EncryptionMaterials | DecryptionMaterials
): Effect.Effect<Uint8Array, KeyringError> =>
  Result.match(EncryptionContext.validate(encryptionContext), {
    onFailure: (error) => failMisconfigured(keyring, operation, "encryptionContext", error.message),
    onSuccess: (context) => Effect.succeed(EncryptionContextCodec.encode(context))
  })

/**
 * Returns the plaintext data key of the materials, or makes one that is zeroed when the scope closes.
 *
 * Specification: framework/keyring-interface.md#generate-data-key
 */
export const ensureDataKey = (
  primitives: Primitives,
  { algorithmSuite, plaintextDataKey }: EncryptionMaterials
): Effect.Effect<DataKey.DataKey, never, Scope.Scope> =>
  plaintextDataKey === undefined
    ? Effect.acquireRelease(
      Effect.map(primitives.randomBytes(algorithmSuite.dataKeyLength), DataKey.make),
      (key) => Effect.sync(() => DataKey.zero(key))
    )
    : Effect.succeed(plaintextDataKey)

/** Returns the materials with a plaintext data key and further encrypted data keys of it. */
export const append = (
  materials: EncryptionMaterials,
  plaintextDataKey: DataKey.DataKey,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
): EncryptionMaterials => ({
  ...materials,
  plaintextDataKey,
  encryptedDataKeys: [...materials.encryptedDataKeys, ...encryptedDataKeys]
})
