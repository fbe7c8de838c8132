/**
 * The encryption context: non-secret text pairs that are bound to a message and authenticated with it.
 *
 * Specification: framework/structures.md#encryption-context
 */
import * as Result from "effect/Result"
import { InvalidEncryptionContext } from "./errors/Reasons.ts"
import * as bytes from "../internal/bytes.ts"
import { Validated } from "../internal/validated.ts"

/** Text pairs. Keys and values are at most 65,535 bytes of UTF-8 each, and so is the whole when serialised. */
export type EncryptionContext = Readonly<Record<string, string>>

/** No pairs. */
export const empty: EncryptionContext = /*#__PURE__*/ Object.freeze(/*#__PURE__*/ Validated.mark({}))

/** Keys that begin so belong to the AWS Encryption SDK, and are refused in a context that a caller gives. */
export const reservedPrefix = "aws-crypto-"

/** The key under which a signed message carries its verification key. */
export const publicKeyKey = "aws-crypto-public-key"

/**
 * A validated and frozen copy of what a caller gave as a context, so that later changes to the caller's object change
 * nothing; such a copy itself is answered as it is. Refused, naming the key: a value that is no string, text that is not
 * well-formed Unicode, a field or a whole that is too long to serialise. Refused too: what is no plain object (a `Map`
 * would pass for an empty context).
 *
 * **Gotchas**
 *
 * Reserved keys are let through here, since managers add one; `findReservedKey` finds them.
 */
export const validate = (input: EncryptionContext): Result.Result<EncryptionContext, InvalidEncryptionContext> => {
  const fail = (description: string, key?: string) =>
    Result.fail(new InvalidEncryptionContext({ description, ...(key === undefined ? {} : { key }) }))
  if (Object.prototype.toString.call(input) !== "[object Object]") return fail("must be a plain object of strings")
  if (Validated.of(input) !== undefined) return Result.succeed(input)
  // A spread defines own properties, so a key such as "__proto__" is kept like any other.
  const context: EncryptionContext = { ...input }
  let length = 2
  let text = ""
  for (const key of Object.keys(context)) {
    const value: unknown = context[key]
    if (typeof value !== "string") return fail(`value must be a string, got ${typeof value}`, key)
    text += `${key.length}.${value.length}.${key}${value}`
  }
  const known = recent.get(text)
  if (known !== undefined) return Result.succeed(known)
  const keys = Object.keys(context)
  for (const key of keys) {
    const value = context[key]!
    if (!bytes.isWellFormed(key)) return fail("key is not well-formed Unicode", key)
    if (!bytes.isWellFormed(value)) return fail("value is not well-formed Unicode", key)
    const keyLength = bytes.utf8(key).length
    const valueLength = bytes.utf8(value).length
    if (keyLength > maxLength) return fail(`key is ${keyLength} bytes, at most ${maxLength} fit`)
    if (valueLength > maxLength) return fail(`value is ${valueLength} bytes, at most ${maxLength} fit`, key)
    length += 4 + keyLength + valueLength
  }
  if (length > maxLength && keys.length > 0) {
    return fail(`serialised length is ${length} bytes, at most ${maxLength} fit`)
  }
  Object.freeze(Validated.mark(context))
  if (text.length <= maxRecentLength) {
    if (recent.size >= maxRecent) recent.delete(recent.keys().next().value!)
    recent.set(text, context)
  }
  return Result.succeed(context)
}

/**
 * Contexts that were validated lately, by all that is in them. A program has few, and makes an object of each for every
 * request: what was found out of one, its serialisation for one, holds for all that are equal.
 */
const recent = /*#__PURE__*/ new Map<string, EncryptionContext>()
const maxRecent = 256
const maxRecentLength = 1024

const maxLength = 0xffff

/** The first key of a context that only the library may set, or `undefined`. */
export const findReservedKey = (context: EncryptionContext): string | undefined => {
  for (const key of Object.keys(context)) if (key.startsWith(reservedPrefix)) return key
  return undefined
}

/**
 * `validate` for a context to encrypt under, in which keys that only the library may set are rejected.
 *
 * Specification: client-apis/encrypt.md#encryption-context
 */
export const validateUnreserved = (
  input: EncryptionContext
): Result.Result<EncryptionContext, InvalidEncryptionContext> => {
  const context = validate(input)
  if (Result.isFailure(context)) return context
  const key = findReservedKey(context.success)
  return key === undefined
    ? context
    : Result.fail(
      new InvalidEncryptionContext({ key, description: `keys that begin with ${reservedPrefix} are reserved` })
    )
}

/**
 * The canonical bytes of a validated context: a two-byte count and the pairs in the order of their keys' UTF-8 bytes,
 * which is neither JavaScript's string order nor that of a locale. An empty context is no bytes at all.
 *
 * Specification: framework/structures.md#serialization
 */
export const serialize = (context: EncryptionContext): Uint8Array => {
  const remembered = Validated.of(context)
  if (remembered?.serialized !== undefined) return bytes.fromLatin1(remembered.serialized)
  const serialized = write(context)
  // Most contexts are asked once, and one that is asked twice will be asked again.
  if (remembered?.asked === true && serialized.length <= 1024) remembered.serialized = bytes.toLatin1(serialized)
  if (remembered !== undefined) remembered.asked = true
  return serialized
}

const write = (context: EncryptionContext): Uint8Array => {
  const keys = Object.keys(context)
  if (keys.length === 0) return new Uint8Array(0)
  let length = 2
  const pairs = keys.map((key) => {
    const pair = { key: bytes.utf8(key), value: bytes.utf8(context[key]!) }
    length += 4 + pair.key.length + pair.value.length
    return pair
  })
  pairs.sort((a, b) => bytes.compare(a.key, b.key))
  const out = new Uint8Array(length)
  const view = new DataView(out.buffer)
  view.setUint16(0, pairs.length)
  let offset = 2
  for (const { key, value } of pairs) {
    for (const field of [key, value]) {
      view.setUint16(offset, field.length)
      out.set(field, offset + 2)
      offset += 2 + field.length
    }
  }
  return out
}

/**
 * The first key, in the order of `expected`, whose pair in `expected` is not the same in `actual`, or `undefined` where
 * all of them are. Values are not secret and are compared as text.
 */
export const findMismatch = (expected: EncryptionContext, actual: EncryptionContext): string | undefined =>
  Object.keys(expected).find((key) => !Object.hasOwn(actual, key) || actual[key] !== expected[key])

/** The pairs whose keys are listed; keys that are not in the context are passed over. */
export const pick = (context: EncryptionContext, keys: ReadonlyArray<string>): EncryptionContext =>
  Object.fromEntries(Object.entries(context).filter(([key]) => keys.includes(key)))

/** The pairs whose keys are not listed. */
export const omit = (context: EncryptionContext, keys: ReadonlyArray<string>): EncryptionContext =>
  Object.fromEntries(Object.entries(context).filter(([key]) => !keys.includes(key)))
