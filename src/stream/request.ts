/**
 * Checks of the arguments and options of operations on streams: options in, settings out. All of them reject with reasons of
 * `EncryptError` or `DecryptError`.
 */
import type { Client } from "../client/Client.ts"
import type {
  DecryptRangeOptions,
  DecryptStreamOptions,
  EncryptStreamOptions,
  PlaintextRange,
  RandomAccessSource,
  StreamOptions
} from "../client/Options.ts"
import * as request from "../client/request.ts"
import { findUnknown, type NamesOf, type OptionNames, optionNames } from "../internal/optionNames.ts"

/** The known length of a plaintext, or its upper bound, in bytes, by the option that gave it. */
export interface LengthLimit {
  readonly field: "plaintextLength" | "maxPlaintextLength"
  readonly expected: number
}

/** Options of one encryption of a stream, checked and copied. */
export interface EncryptStreamSettings extends request.EncryptSettings {
  readonly limit: LengthLimit | undefined
}

export const hookNames = { onHeader: true, onProgress: true } as const

const encryptNames = /*#__PURE__*/ optionNames(
  "encryptStream",
  {
    ...hookNames,
    encryptionContext: true,
    algorithmSuite: true,
    frameLength: true,
    materialsManager: true,
    plaintextLength: true,
    maxPlaintextLength: true
  } satisfies NamesOf<EncryptStreamOptions>
)

/** Checks the options of `encryptStream`. */
export const encryptStreamSettings = (
  client: Client,
  options: EncryptStreamOptions<unknown, unknown>
): EncryptStreamSettings => {
  const settings = request.encryptSettings(client, options, encryptNames)
  const { maxPlaintextLength, plaintextLength } = options
  checkLength("plaintextLength", plaintextLength)
  checkLength("maxPlaintextLength", maxPlaintextLength)
  checkHooks(options)
  if (plaintextLength === undefined) {
    const limit = maxPlaintextLength === undefined
      ? undefined
      : { field: "maxPlaintextLength", expected: maxPlaintextLength } as const
    return { ...settings, limit }
  }
  if (maxPlaintextLength !== undefined) {
    request.invalidOption("plaintextLength", "cannot be given together with maxPlaintextLength")
  }
  request.checkFrames(plaintextLength, settings.frameLength)
  return { ...settings, limit: { field: "plaintextLength", expected: plaintextLength } }
}

/** Default of `maxWithheldBytes`. */
const defaultMaxWithheldBytes = 2 ** 24

/** Options of one decryption of a stream, checked and copied. */
export interface DecryptStreamSettings extends request.DecryptSettings {
  readonly maxWithheldBytes: number
  readonly unsignedOnly: boolean
}

const rangeOptions = {
  ...hookNames,
  expectedEncryptionContext: true,
  materialsManager: true,
  maxWithheldBytes: true
} as const

const decryptNames = /*#__PURE__*/ optionNames(
  "decryptStream",
  {
    ...rangeOptions,
    unsignedOnly: true
  } satisfies NamesOf<DecryptStreamOptions>
)

const rangeNames = /*#__PURE__*/ optionNames("decryptRange", rangeOptions satisfies NamesOf<DecryptRangeOptions>)

const plaintextRangeNames = /*#__PURE__*/ optionNames(
  "a range",
  { offset: true, length: true } satisfies NamesOf<PlaintextRange>
)

/** Checks the options of `decryptStream` and `decryptStreamUnverified`, or those of another operation that has these names. */
export const decryptStreamSettings = (
  client: Client,
  options: DecryptStreamOptions<unknown, unknown>,
  names: OptionNames = decryptNames
): DecryptStreamSettings => {
  const settings = request.decryptSettings(client, options, names)
  const { maxWithheldBytes = defaultMaxWithheldBytes, unsignedOnly = false } = options
  checkLength("maxWithheldBytes", maxWithheldBytes)
  if (typeof unsignedOnly !== "boolean") {
    request.invalidOption("unsignedOnly", "must be true or false, or left out")
  }
  checkHooks(options)
  return { ...settings, maxWithheldBytes, unsignedOnly }
}

/** Checks the arguments and options of `decryptRange`. */
export const decryptRangeSettings = (
  client: Client,
  source: RandomAccessSource<unknown, unknown>,
  range: PlaintextRange,
  options: DecryptRangeOptions<unknown, unknown>
): DecryptStreamSettings => {
  const settings = decryptStreamSettings(client, options, rangeNames)
  if (
    typeof source !== "object" || source === null || typeof source.read !== "function" ||
    !Number.isSafeInteger(source.length) || source.length < 0
  ) request.invalidOption("source", "must have a length in bytes and a function read")
  if (typeof range !== "object" || range === null || range.offset === undefined) {
    request.invalidOption("range", "must have an offset")
  }
  const unknown = findUnknown(range, plaintextRangeNames)
  if (unknown !== undefined) request.invalidOption(`range.${unknown.field}`, unknown.description)
  checkLength("range.offset", range.offset)
  checkLength("range.length", range.length)
  return settings
}

const checkLength = (field: string, length: number | undefined): void => {
  if (length !== undefined && (!Number.isSafeInteger(length) || length < 0)) {
    request.invalidOption(field, "must be an integer from 0 to 2^53 - 1, or left out")
  }
}

const checkHooks = (options: StreamOptions<unknown, unknown, never>): void => {
  for (const field of ["onHeader", "onProgress"] as const) {
    if (options[field] !== undefined && typeof options[field] !== "function") {
      request.invalidOption(field, "must be a function, or left out")
    }
  }
}
