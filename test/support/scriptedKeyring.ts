/** A keyring that does what a test tells it to, without cryptography. */
import { Effect } from "effect"
import { DataKey, Keyring } from "effect-encryption-sdk"
import type { EncryptionMaterials } from "../../src/model/CryptographicMaterials.ts"
import type { EncryptedDataKey } from "../../src/model/EncryptedDataKey.ts"
import type { KeyringError } from "../../src/model/errors/KeyringError.ts"
import { errorsOf, keyBytes } from "./keyringContract.ts"

/** An encrypted data key of a scripted keyring. */
export const edk = (name: string): EncryptedDataKey => ({
  keyProviderId: "user",
  keyProviderInfo: Buffer.from(name),
  ciphertext: Uint8Array.of(1)
})

/** The error of a keyring whose key provider does not respond. */
export const unavailable = (name: string) =>
  errorsOf(name).notWrapped(name, { failure: "Unreachable", code: "Down", isRetryable: true })

/** A keyring of the user's own, that writes down its calls. */
export const scripted = (
  name: string,
  log: Array<string>,
  behaviour: {
    readonly onEncrypt?: (materials: EncryptionMaterials) => Effect.Effect<EncryptionMaterials, KeyringError>
    readonly onDecrypt?: (
      encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
    ) => Effect.Effect<Keyring.OnDecryptResult, KeyringError>
  } = {}
) =>
  Keyring.make({
    name,
    onEncrypt: (materials) =>
      Effect.suspend(() => {
        log.push(`${name}.onEncrypt`)
        return behaviour.onEncrypt?.(materials) ?? Effect.succeed({
          ...materials,
          plaintextDataKey: materials.plaintextDataKey ?? DataKey.make(keyBytes(32)),
          encryptedDataKeys: [...materials.encryptedDataKeys, edk(name)]
        })
      }),
    onDecrypt: (_, encryptedDataKeys) =>
      Effect.suspend(() => {
        log.push(`${name}.onDecrypt`)
        return behaviour.onDecrypt?.(encryptedDataKeys) ?? Effect.succeed<Keyring.OnDecryptResult>({
          _tag: "NotMine",
          skipped: encryptedDataKeys.map((edk, index) => ({
            _tag: "Skipped",
            ...row(name, index, edk),
            description: "no"
          }))
        })
      })
  })

/** The fields of a row. */
export const row = (keyring: string, index: number, { keyProviderId, keyProviderInfo }: EncryptedDataKey) => ({
  keyring,
  index,
  keyProviderId,
  keyProviderInfo: Buffer.from(keyProviderInfo).toString()
})
