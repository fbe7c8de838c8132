/** Options and results of the operations on many values. The client's own module exports them. */
import type * as Result from "effect/Result"
import type { DecryptError } from "../model/errors/DecryptError.ts"
import type { EncryptError } from "../model/errors/EncryptError.ts"
import type { DecryptOptions, DecryptResult, EncryptOptions, EncryptResult } from "./Options.ts"

/** A plaintext among many, with the options of its own encryption. */
export interface EncryptItem extends EncryptOptions {
  readonly plaintext: Uint8Array | string
}

/** A message among many, with the options of its own decryption. */
export interface DecryptItem extends DecryptOptions {
  readonly message: Uint8Array
}

/** Options of `encryptMany` and `decryptMany`. */
export interface ManyOptions {
  /** Most values that are worked on at a time, 1 to 1024. Default: 16. */
  readonly concurrency?: number | undefined
}

/** The outcome of each plaintext, in the order of the plaintexts. */
export type EncryptManyResult = ReadonlyArray<Result.Result<EncryptResult, EncryptError>>

/** The outcome of each message, in the order of the messages. */
export type DecryptManyResult = ReadonlyArray<Result.Result<DecryptResult, DecryptError>>
