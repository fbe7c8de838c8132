/**
 * Checks of the options of `rewrapStream`. Not exported.
 */
import type { Client } from "../client/Client.ts"
import { rewrapOptions, type RewrapSettings, rewrapSettings } from "../client/rewrapRequest.ts"
import type { RewrapStreamOptions } from "../client/RotationOptions.ts"
import { type NamesOf, optionNames } from "../internal/optionNames.ts"
import { decryptStreamSettings, encryptStreamSettings, hookNames } from "./request.ts"

/** The options of one rotation of a stream, checked and copied. */
export interface RewrapStreamSettings extends RewrapSettings {
  readonly maxWithheldBytes: number
  readonly lengths: {
    readonly plaintextLength: number | undefined
    readonly maxPlaintextLength: number | undefined
  }
}

const names = /*#__PURE__*/ optionNames(
  "rewrapStream",
  {
    ...rewrapOptions,
    ...hookNames,
    plaintextLength: true,
    maxPlaintextLength: true,
    maxWithheldBytes: true
  } satisfies NamesOf<RewrapStreamOptions>
)

/** Checks options. Rejects with `InvalidOption`. */
export const rewrapStreamSettings = (
  client: Client,
  options: RewrapStreamOptions<unknown, unknown>
): RewrapStreamSettings => {
  const settings = rewrapSettings(client, options, names)
  const { maxPlaintextLength, onHeader, onProgress, plaintextLength } = options
  const lengths = { plaintextLength, maxPlaintextLength }
  encryptStreamSettings(client, { ...lengths, frameLength: settings.encrypt.frameLength })
  const { maxWithheldBytes } = decryptStreamSettings(client, {
    maxWithheldBytes: options.maxWithheldBytes,
    onHeader: onHeader as undefined,
    onProgress
  })
  return { ...settings, lengths, maxWithheldBytes }
}
