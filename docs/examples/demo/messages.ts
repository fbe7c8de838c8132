/**
 * The work itself: records to text, and text to records. Neither knows of a cache.
 */
import { Data, Effect } from "effect"
import type { AlgorithmSuite, DecryptError, EncryptError } from "effect-encryption-sdk"
import { EncryptionSdk } from "effect-encryption-sdk"
import * as Base64 from "effect/encoding/Base64"
import type { EncodingError } from "effect/encoding/EncodingError"
import type { SourceRecord } from "./records.ts"
import type { DecryptedRecord } from "./verification.ts"

/** A record could not be encrypted, or a message not decrypted. `number` counts from 1. */
export class RecordFailed extends Data.TaggedError("RecordFailed")<{
  readonly number: number
  readonly cause: DecryptError | EncryptError | EncodingError
}> {
  override get message(): string {
    return `record ${this.number}: ${this.cause.message}`
  }
}

/** Options of encrypting and of decrypting all records. */
export interface Work {
  /** Number of records that are worked on at once. */
  readonly parallel: number
  /** Runs after each record. */
  readonly step: Effect.Effect<void>
}

/** Results in the order of the records, and the number of records. */
export interface Done<A> {
  readonly result: A
  readonly records: number
}

/** Encrypts each record by itself and serialises the messages: one a line, in base64. */
export const encryptRecords = Effect.fnUntraced(function*(
  records: ReadonlyArray<SourceRecord>,
  algorithmSuite: AlgorithmSuite.AlgorithmSuite,
  { parallel, step }: Work
): Effect.fn.Return<Done<string>, RecordFailed, EncryptionSdk.EncryptionSdk> {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const done = yield* Effect.forEach(
    records,
    ({ encryptionContext, plaintext }, index) =>
      sdk.encrypt(plaintext, { encryptionContext, algorithmSuite }).pipe(
        Effect.mapBoth({
          onFailure: (cause) => new RecordFailed({ number: index + 1, cause }),
          onSuccess: ({ message }) => `${Base64.encode(message)}\n`
        }),
        Effect.tap(step)
      ),
    { concurrency: parallel }
  )
  return { result: done.join(""), records: done.length }
})

/** Reads the messages that `encryptRecords` serialised, and decrypts them. */
export const decryptMessages = Effect.fnUntraced(function*(
  text: string,
  { parallel, step }: Work
): Effect.fn.Return<Done<ReadonlyArray<DecryptedRecord>>, RecordFailed, EncryptionSdk.EncryptionSdk> {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const lines = text.split("\n").slice(0, -1)
  const done = yield* Effect.forEach(lines, (line, index) =>
    Effect.fromResult(Base64.decode(line)).pipe(
      Effect.flatMap((message) => sdk.decrypt(message)),
      Effect.mapError((cause) => new RecordFailed({ number: index + 1, cause })),
      Effect.tap(step)
    ), { concurrency: parallel })
  return { result: done, records: done.length }
})
