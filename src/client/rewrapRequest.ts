/**
 * Checks of the options of `rewrap` and `rewrapStream`. Not exported.
 */
import { findUnknown, type NamesOf, type OptionNames, optionNames } from "../internal/optionNames.ts"
import { isCryptographicMaterialsManager } from "../materials/CryptographicMaterialsManager.ts"
import { isKeyring, type Keyring } from "../materials/Keyring.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import type { Client } from "./Client.ts"
import type { DecryptMetadata, EncryptOptions } from "./Options.ts"
import { type DecryptSettings, decryptSettings, encryptSettings, invalidOption } from "./request.ts"
import type { KeepBodyOptions, RewrapOptions } from "./RotationOptions.ts"

/** The options of one rotation, checked and copied. */
export interface RewrapSettings {
  /** Options that decrypt the old message. */
  readonly decrypt: DecryptSettings
  /** Options that encrypt the new one, without those that come from the old one. */
  readonly encrypt: EncryptOptions
  readonly keyring: Keyring | undefined
}

export const rewrapOptions = {
  expectedEncryptionContext: true,
  materialsManager: true,
  sourceMaterialsManager: true,
  algorithmSuite: true,
  frameLength: true,
  keepBody: true
} as const satisfies NamesOf<RewrapOptions>

export const rewrapNames = /*#__PURE__*/ optionNames("rewrap", rewrapOptions)

const keepBodyNames = /*#__PURE__*/ optionNames("keepBody", { keyring: true } satisfies NamesOf<KeepBodyOptions>)

/** Checks options, which have no others than these names, before any key provider is called. Rejects with `InvalidOption`. */
export const rewrapSettings = (client: Client, options: RewrapOptions, names: OptionNames): RewrapSettings => {
  if (typeof options !== "object" || options === null) invalidOption("options", "must be an object")
  const unknown = findUnknown(options, names)
  if (unknown !== undefined) invalidOption(unknown.field, unknown.description)
  const { algorithmSuite, expectedEncryptionContext, frameLength, keepBody, materialsManager } = options
  const { sourceMaterialsManager = materialsManager } = options
  const encrypt = encryptSettings(client, { algorithmSuite, frameLength, materialsManager })
  if (
    sourceMaterialsManager !== undefined && sourceMaterialsManager !== materialsManager &&
    !isCryptographicMaterialsManager(sourceMaterialsManager)
  ) invalidOption("sourceMaterialsManager", "must be a CryptographicMaterialsManager, or left out")
  return {
    decrypt: decryptSettings(client, { expectedEncryptionContext, materialsManager: sourceMaterialsManager }),
    encrypt: { algorithmSuite: encrypt.algorithmSuite, frameLength, materialsManager: encrypt.materialsManager },
    keyring: keepBody === undefined ? undefined : keyringOf(keepBody)
  }
}

const keyringOf = (keepBody: KeepBodyOptions): Keyring => {
  if (typeof keepBody !== "object" || keepBody === null) {
    return invalidOption("keepBody", "must be an object, or left out")
  }
  const unknown = findUnknown(keepBody, keepBodyNames)
  if (unknown !== undefined) return invalidOption(`keepBody.${unknown.field}`, unknown.description)
  const { keyring } = keepBody
  return isKeyring(keyring) ? keyring : invalidOption("keepBody.keyring", "must be a keyring")
}

/** Whether a body of this suite can be kept: a signature could not, and a body is of one suite. */
export const canKeep = ({ encrypt }: RewrapSettings, suite: AlgorithmSuite): boolean =>
  suite.signature === undefined && (encrypt.algorithmSuite ?? suite) === suite

/** Options that encrypt the plaintext of a message again, and the keys of pairs that neither message stores. */
export const again = (
  { encrypt }: RewrapSettings,
  { encryptionContext, header }: DecryptMetadata
): { readonly options: EncryptOptions; readonly requiredEncryptionContextKeys: ReadonlyArray<string> } => {
  // The library's own pairs are those of the old message alone.
  const keys = Object.keys(encryptionContext).filter((key) => !key.startsWith(EncryptionContext.reservedPrefix))
  const { frameLength = header.contentType === "framed" ? header.frameLength : MessageHeader.defaultFrameLength } =
    encrypt
  return {
    options: { ...encrypt, frameLength, encryptionContext: EncryptionContext.pick(encryptionContext, keys) },
    requiredEncryptionContextKeys: keys.filter((key) => !Object.hasOwn(header.encryptionContext, key))
  }
}
