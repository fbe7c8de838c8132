/** Checks of the arguments and options of operations on streams: options in, settings out. */
import * as Result from "effect/Result"
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
import type { DecryptErrorReason } from "../model/errors/DecryptError.ts"
import type { EncryptErrorReason } from "../model/errors/EncryptError.ts"
import type { InvalidOption } from "../model/errors/Reasons.ts"

/** The known length of a plaintext, or its upper bound, in bytes, by the option that gave it. */
export interface LengthLimit {
  readonly field: "plaintextLength" | "maxPlaintextLength"
  readonly expected: number
}

/** Options of one encryption of a stream, checked and copied. */
export interface EncryptStreamSettings extends request.EncryptSettings {
  readonly limit: LengthLimit | undefined
}

/** Checks the options of `encryptStream`. */
export const encryptStreamSettings = (
  client: Client,
  options: EncryptStreamOptions<unknown, unknown>
): Result.Result<EncryptStreamSettings, EncryptErrorReason> =>
  Result.gen(function*() {
    const settings = yield* request.encryptSettings(client, options)
    const { maxPlaintextLength, plaintextLength } = options
    yield* checkLength("plaintextLength", plaintextLength)
    yield* checkLength("maxPlaintextLength", maxPlaintextLength)
    yield* checkHooks(options)
    if (plaintextLength === undefined) {
      const limit = maxPlaintextLength === undefined
        ? undefined
        : { field: "maxPlaintextLength", expected: maxPlaintextLength } as const
      return { ...settings, limit }
    }
    if (maxPlaintextLength !== undefined) {
      return yield* request.invalidOption("plaintextLength", "cannot be given together with maxPlaintextLength")
    }
    yield* request.checkFrames(plaintextLength, settings.frameLength)
    return { ...settings, limit: { field: "plaintextLength", expected: plaintextLength } }
  })

/** Default of `maxWithheldBytes`. */
const defaultMaxWithheldBytes = 2 ** 24

/** Options of one decryption of a stream, checked and copied. */
export interface DecryptStreamSettings extends request.DecryptSettings {
  readonly maxWithheldBytes: number
  readonly unsignedOnly: boolean
}

/** Checks the options of `decryptStream` and `decryptStreamUnverified`. */
export const decryptStreamSettings = (
  client: Client,
  options: DecryptStreamOptions<unknown, unknown>
): Result.Result<DecryptStreamSettings, DecryptErrorReason> =>
  Result.gen(function*() {
    const settings = yield* request.decryptSettings(client, options)
    const { maxWithheldBytes = defaultMaxWithheldBytes, unsignedOnly = false } = options
    yield* checkLength("maxWithheldBytes", maxWithheldBytes)
    if (typeof unsignedOnly !== "boolean") {
      return yield* request.invalidOption("unsignedOnly", "must be true or false, or left out")
    }
    yield* checkHooks(options)
    return { ...settings, maxWithheldBytes, unsignedOnly }
  })

/** Checks the arguments and options of `decryptRange`. */
export const decryptRangeSettings = (
  client: Client,
  source: RandomAccessSource<unknown, unknown>,
  range: PlaintextRange,
  options: DecryptRangeOptions<unknown, unknown>
): Result.Result<DecryptStreamSettings, DecryptErrorReason> =>
  Result.gen(function*() {
    const settings = yield* decryptStreamSettings(client, options)
    if (
      typeof source !== "object" || source === null || typeof source.read !== "function" ||
      !Number.isSafeInteger(source.length) || source.length < 0
    ) {
      return yield* request.invalidOption("source", "must have a length in bytes and a function read")
    }
    if (typeof range !== "object" || range === null || range.offset === undefined) {
      return yield* request.invalidOption("range", "must have an offset")
    }
    yield* checkLength("range.offset", range.offset)
    yield* checkLength("range.length", range.length)
    return settings
  })

const checkLength = (field: string, length: number | undefined): Result.Result<void, InvalidOption> =>
  length === undefined || (Number.isSafeInteger(length) && length >= 0)
    ? Result.void
    : request.invalidOption(field, "must be an integer from 0 to 2^53 - 1, or left out")

const checkHooks = (options: StreamOptions<unknown, unknown>): Result.Result<void, InvalidOption> => {
  for (const field of ["onHeader", "onProgress"] as const) {
    if (options[field] !== undefined && typeof options[field] !== "function") {
      return request.invalidOption(field, "must be a function, or left out")
    }
  }
  return Result.void
}
