import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type { EncryptionSdk } from "../../EncryptionSdk.ts"
import type { AlgorithmSuite } from "../../model/AlgorithmSuite.ts"
import type { EncryptionContext } from "../../model/EncryptionContext.ts"
import { DecryptError, failDecrypt } from "../../model/errors/DecryptError.ts"
import type { EncryptError } from "../../model/errors/EncryptError.ts"
import { EncryptionContextMismatch, InvalidOption } from "../../model/errors/Reasons.ts"
import * as MessageText from "./messageText.ts"
import type { Failure, Options, Row, Value } from "./rotationTypes.ts"
import * as RowContext from "./rowContext.ts"

/** The outcome of one row, in values. */
export interface Outcome<Id> {
  readonly current: number
  readonly rotated: number
  readonly plaintext: number
  readonly conflicts: number
  readonly failures: ReadonlyArray<Failure<Id>>
}

/** The new value of a column; `current` and `plaintext` stay as they are, and `due` does in a dry run. */
type Rotated = "current" | "plaintext" | "due" | { readonly next: Value }

/** Rotates the values of a row that are not current, and writes them together. */
export const rotateRow = Effect.fnUntraced(function*<Id, E, R>(
  sdk: EncryptionSdk,
  settings: Options<Id, E, R>,
  row: Row<Id>
): Effect.fn.Return<Outcome<Id>, E, R> {
  const counts = { current: 0, rotated: 0, plaintext: 0, conflicts: 0 }
  const failures: Array<Failure<Id>> = []
  const values: Record<string, Value> = {}
  const previous: Record<string, Value> = {}
  for (const [column, field] of Object.entries(settings.columns)) {
    const value = row.values[column]
    if (value === null || value === undefined) continue
    const context = { ...row.encryptionContext, ...field.encryptionContext }
    const outcome = yield* Effect.result(rotateValue(sdk, settings, context, field.algorithmSuite, value))
    if (Result.isFailure(outcome)) failures.push({ id: row.id, column, error: outcome.failure })
    else if (outcome.success === "current") counts.current++
    else if (outcome.success === "plaintext") counts.plaintext++
    else {
      counts.rotated++
      if (outcome.success === "due") continue
      values[column] = outcome.success.next
      previous[column] = value
    }
  }
  const changed = Object.keys(values).length
  if (changed === 0 || (yield* settings.write({ id: row.id, values, previous }))) return { ...counts, failures }
  return { ...counts, rotated: 0, conflicts: 1, failures }
})

const rotateValue = <Id, E, R>(
  sdk: EncryptionSdk,
  { dryRun = false, rewrap, wrappingKeys }: Options<Id, E, R>,
  expectedEncryptionContext: EncryptionContext,
  fieldSuite: AlgorithmSuite | undefined,
  value: Value
): Effect.Effect<Rotated, DecryptError | EncryptError> => {
  if (!MessageText.beginsAsMessage(value)) return Effect.succeed("plaintext")
  const message = typeof value === "string" ? MessageText.decode(value) : value
  if (message === undefined) {
    return failDecrypt(new InvalidOption({ field: "message", description: "must be base64 text without line ends" }))
  }
  const { algorithmSuite = fieldSuite, materialsManager } = rewrap ?? {}
  const compared = sdk.isCurrent(message, { expectedEncryptionContext, algorithmSuite, materialsManager, wrappingKeys })
  return Effect.flatMap(compared, ({ isCurrent }): Effect.Effect<Rotated, DecryptError | EncryptError> => {
    if (isCurrent) return Effect.succeed("current")
    if (dryRun) return Effect.succeed("due")
    return Effect.flatMap(
      sdk.rewrap(message, { ...rewrap, algorithmSuite, expectedEncryptionContext }),
      ({ message: next, source }) => {
        // As a field has it: a message with other pairs is none of this row.
        const other = RowContext.findOther(source.encryptionContext, expectedEncryptionContext)
        return other === undefined
          ? Effect.succeed({ next: typeof value === "string" ? Base64.encode(next) : next })
          : Effect.fail(new DecryptError({ reason: new EncryptionContextMismatch({ key: other }) }))
      }
    )
  })
}
