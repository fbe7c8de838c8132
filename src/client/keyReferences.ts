import { BoundedMap } from "../internal/BoundedMap.ts"
import { printable } from "../internal/printable.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import type { KeyReference, UnwrappedDataKey } from "./Options.ts"

/** The references of results to the encrypted data keys of their messages. */
export interface KeyReferences {
  /** References to all of a list that never changes. */
  readonly ofList: (encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>) => ReadonlyArray<KeyReference>
  /** The reference to the encrypted data key that was unwrapped, which never changes, in the list of a message. */
  readonly ofUnwrapped: (
    unwrapped: EncryptedDataKey.EncryptedDataKey,
    encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
  ) => UnwrappedDataKey
}

/** Number of lists and encrypted data keys that are remembered. */
const capacity = 256

/**
 * Makes the memory of one client. Messages of one data key have the very same list on encrypt, and the same unwrapped one on
 * decrypt: to make their texts again for each message would take a twentieth of its time.
 */
export const make = (): KeyReferences => {
  const lists = new BoundedMap<ReadonlyArray<EncryptedDataKey.EncryptedDataKey>, ReadonlyArray<KeyReference>>(capacity)
  const texts = new BoundedMap<EncryptedDataKey.EncryptedDataKey, Texts>(capacity)
  return {
    ofList: (encryptedDataKeys) => {
      let references = lists.get(encryptedDataKeys)
      if (references === undefined) {
        references = Object.freeze(
          encryptedDataKeys.map((encryptedDataKey, index) => Object.freeze({ index, ...textsOf(encryptedDataKey) }))
        )
        lists.set(encryptedDataKeys, references)
      }
      return references
    },
    ofUnwrapped: (unwrapped, encryptedDataKeys) => {
      let known = texts.get(unwrapped)
      if (known === undefined) {
        known = textsOf(unwrapped)
        texts.set(unwrapped, known)
      }
      const index = encryptedDataKeys.findIndex((encryptedDataKey) =>
        EncryptedDataKey.equals(encryptedDataKey, unwrapped)
      )
      const { keyProviderId, keyProviderInfo } = known
      return { index: index < 0 ? undefined : index, keyProviderId, keyProviderInfo }
    }
  }
}

type Texts = Omit<KeyReference, "index">

const textsOf = ({ keyProviderId, keyProviderInfo }: EncryptedDataKey.EncryptedDataKey): Texts => ({
  keyProviderId: printable(keyProviderId),
  keyProviderInfo: EncryptedDataKey.printableInfo(keyProviderInfo)
})
