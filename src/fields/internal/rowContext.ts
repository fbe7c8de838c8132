import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { quoted } from "../../internal/printable.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import { CurrentEncryptionContext } from "../CurrentEncryptionContext.ts"

/** The pairs of a field or a store, and what the request must add. */
export interface ContextRule {
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly requiredKeys: ReadonlyArray<string>
}

type Merged = Result.Result<EncryptionContext.EncryptionContext, string>

/**
 * Makes the context of each value: the fixed pairs and those of the request. Fails with a sentence where the request lacks a
 * required key, or has another value for a key of the fixed pairs.
 */
export const make = (rule: ContextRule): Effect.Effect<EncryptionContext.EncryptionContext, string> => {
  const known = new WeakMap<EncryptionContext.EncryptionContext, Merged>()
  return Effect.flatMap(CurrentEncryptionContext, (input) => {
    // One request decodes many fields of many rows: validated pairs never change.
    const remembered = known.get(input)
    if (remembered !== undefined) return Effect.fromResult(remembered)
    const request = EncryptionContext.validate(input)
    if (Result.isFailure(request)) return Effect.fail(request.failure.message)
    const merged = merge(rule, request.success)
    if (request.success === input) known.set(input, merged)
    return Effect.fromResult(merged)
  })
}

const merge = (
  { encryptionContext, requiredKeys }: ContextRule,
  request: EncryptionContext.EncryptionContext
): Merged => {
  const missing = requiredKeys.find((key) => !Object.hasOwn(request, key))
  if (missing !== undefined) {
    return Result.fail(`the request has no pair ${quoted(missing, 128)}: withEncryptionContext sets it`)
  }
  const changed = Object.keys(request).find((key) =>
    Object.hasOwn(encryptionContext, key) && encryptionContext[key] !== request[key]
  )
  if (changed !== undefined) return Result.fail(`the request has another value for ${quoted(changed, 128)}`)
  return Result.mapError(
    EncryptionContext.validate({ ...request, ...encryptionContext }),
    (invalid) => invalid.message
  )
}

/**
 * The first pair that a message has besides the expected ones; undefined where it has none. Those of the AWS Encryption SDK
 * itself do not count.
 */
export const findOther = (
  actual: EncryptionContext.EncryptionContext,
  expected: EncryptionContext.EncryptionContext
): string | undefined =>
  Object.keys(actual).find((key) => !Object.hasOwn(expected, key) && !key.startsWith(EncryptionContext.reservedPrefix))
