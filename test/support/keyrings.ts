import { EncryptionContextCodec } from "effect-encryption-sdk/message"
import { Effect } from "effect"
import {
  type CryptographicMaterials,
  DataKey,
  EncryptedDataKey,
  EncryptionContext,
  Keyring,
  KeyringError
} from "effect-encryption-sdk"
import { toHex } from "./bytes.ts"

const randomBytes = (length: number) => crypto.getRandomValues(new Uint8Array(length))

/** What a recording keyring has seen: the very arrays of the data keys that it handed out, and the materials asked for. */
export interface Recording {
  readonly keyring: Keyring.Keyring
  readonly handedOut: Array<Uint8Array>
  readonly encryptions: Array<CryptographicMaterials.EncryptionMaterials>
  readonly decryptions: Array<CryptographicMaterials.DecryptionMaterials>
}

/**
 * A keyring that "wraps" by remembering: an encrypted data key is a random number under which key and context are kept.
 * Like a real one it unwraps only under the context that it wrapped with.
 */
export const recordingKeyring = (
  options: { readonly encryptedDataKeys?: number; readonly name?: string } = {}
): Recording => {
  const name = options.name ?? "RecordingKeyring"
  const wrapped = new Map<string, { readonly key: Uint8Array; readonly context: string }>()
  const handedOut: Array<Uint8Array> = []
  const encryptions: Array<CryptographicMaterials.EncryptionMaterials> = []
  const decryptions: Array<CryptographicMaterials.DecryptionMaterials> = []
  const handOut = (key: Uint8Array) => {
    const copy = new Uint8Array(key)
    handedOut.push(copy)
    return DataKey.acquire(Effect.sync(() => DataKey.make(copy)))
  }
  const contextOf = (context: EncryptionContext.EncryptionContext) => toHex(EncryptionContextCodec.encode(context))
  const keyring = Keyring.make({
    name,
    onEncrypt: Effect.fnUntraced(function*(materials) {
      encryptions.push(materials)
      const plaintextDataKey = materials.plaintextDataKey ??
        (yield* handOut(randomBytes(materials.algorithmSuite.dataKeyLength)))
      const added = Array.from({ length: options.encryptedDataKeys ?? 1 }, (_, index) => {
        const ciphertext = randomBytes(24)
        wrapped.set(toHex(ciphertext), {
          key: new Uint8Array(DataKey.value(plaintextDataKey)),
          context: contextOf(materials.encryptionContext)
        })
        return { keyProviderId: name, keyProviderInfo: Uint8Array.of(index >> 8, index & 0xff), ciphertext }
      })
      return { ...materials, plaintextDataKey, encryptedDataKeys: [...materials.encryptedDataKeys, ...added] }
    }),
    onDecrypt: Effect.fnUntraced(function*(materials, encryptedDataKeys) {
      decryptions.push(materials)
      const rows = encryptedDataKeys.map(({ keyProviderId, keyProviderInfo }, index) => ({
        keyring: name,
        index,
        keyProviderId,
        keyProviderInfo: EncryptedDataKey.printableInfo(keyProviderInfo)
      }))
      const mine = encryptedDataKeys.filter((edk) => edk.keyProviderId === name)
      for (const encryptedDataKey of mine) {
        const found = wrapped.get(toHex(encryptedDataKey.ciphertext))
        if (found?.context === contextOf(materials.encryptionContext)) {
          return { _tag: "Unwrapped", plaintextDataKey: yield* handOut(found.key), encryptedDataKey } as const
        }
      }
      if (mine.length === 0) {
        return {
          _tag: "NotMine",
          skipped: rows.map((row) => ({ _tag: "Skipped" as const, ...row, description: "it is another keyring's" }))
        } as const
      }
      return yield* new KeyringError.KeyringError({
        keyring: name,
        operation: "onDecrypt",
        reason: new KeyringError.DataKeyNotUnwrapped({
          encryptedDataKeys: rows.map((row) => ({
            _tag: "Attempted" as const,
            ...row,
            failure: "InvalidCiphertext" as const,
            code: "ContextOrCiphertext",
            isRetryable: false
          }))
        })
      })
    })
  })
  return { keyring, handedOut, encryptions, decryptions }
}

/** A keyring that answers the same data key whatever it is asked: what it protects is up to the message's own checks. */
export const staticKeyring = (dataKey: Uint8Array): Keyring.Keyring => {
  const handOut = DataKey.acquire(Effect.sync(() => DataKey.make(new Uint8Array(dataKey))))
  return Keyring.make({
    name: "StaticKeyring",
    onEncrypt: (materials) =>
      Effect.map(handOut, (plaintextDataKey) => ({
        ...materials,
        plaintextDataKey,
        encryptedDataKeys: [{
          keyProviderId: "static",
          keyProviderInfo: Uint8Array.of(1, 2, 3),
          ciphertext: Uint8Array.of(4, 5, 6, 7)
        }]
      })),
    onDecrypt: (_, encryptedDataKeys) =>
      Effect.map(handOut, (plaintextDataKey) => ({
        _tag: "Unwrapped",
        plaintextDataKey,
        encryptedDataKey: encryptedDataKeys[0]!
      }))
  })
}

/** As `staticKeyring`, but it registers its keys with no scope, and keeps the arrays that it handed out. */
export const carelessKeyring = (dataKey: Uint8Array) => {
  const handedOut: Array<Uint8Array> = []
  const handOut = Effect.sync(() => {
    const copy = new Uint8Array(dataKey)
    handedOut.push(copy)
    return DataKey.make(copy)
  })
  const keyring = Keyring.make({
    name: "CarelessKeyring",
    onEncrypt: (materials) =>
      Effect.map(handOut, (plaintextDataKey) => ({
        ...materials,
        plaintextDataKey,
        encryptedDataKeys: [{
          keyProviderId: "careless",
          keyProviderInfo: Uint8Array.of(1),
          ciphertext: Uint8Array.of(2)
        }]
      })),
    onDecrypt: (_, encryptedDataKeys) =>
      Effect.map(handOut, (plaintextDataKey) => ({
        _tag: "Unwrapped",
        plaintextDataKey,
        encryptedDataKey: encryptedDataKeys[0]!
      }))
  })
  return { keyring, handedOut }
}
