/**
 * The encryption context: non-secret text pairs that are bound to a message and authenticated with it.
 *
 * Specification: framework/structures.md#encryption-context
 */
import type * as Result from "effect/Result"
import { InvalidEncryptionContext } from "./errors/Reasons.ts"
import { makeBrand } from "../internal/brand.ts"
import * as bytes from "../internal/bytes.ts"
import { checked, reject, Rejection } from "../internal/rejection.ts"

/** Text pairs. Keys and values are at most 65,535 bytes of UTF-8 each, and so is the whole when serialised. */
export type EncryptionContext = Readonly<Record<string, string>>

/** The mark of contexts that were validated. */
const validated = /*#__PURE__*/ makeBrand()

/** No pairs. */
export const empty: EncryptionContext = /*#__PURE__*/ Object.freeze(/*#__PURE__*/ validated.mark({}))

/** Prefix of the keys of the AWS Encryption SDK itself, which are rejected in a caller's context. */
export const reservedPrefix = "aws-crypto-"

/** The key under which a signed message carries its verification key. */
export const publicKeyKey = "aws-crypto-public-key"

/**
 * Validates a context and returns a frozen copy, so that later changes of the caller's object change nothing. A context that
 * `validate` returned is returned as it is. Rejects, naming the key: a value that is no string, text that is not
 * well-formed Unicode, a field or a whole that is too long to serialise. Rejects what looks like other pairs than it has, too:
 * what is no plain object (a `Map` would pass for an empty context, and so would an object of a class whose pairs are getters),
 * symbols as keys, getters, and properties that are not enumerable.
 *
 * **Gotchas**
 *
 * Reserved keys are accepted here, since managers add one; `findReservedKey` finds them.
 */
export const validate = (input: EncryptionContext): Result.Result<EncryptionContext, InvalidEncryptionContext> =>
  checked(() => check(input))

/**
 * `validate` among other checks: rejects with `InvalidEncryptionContext`.
 *
 * @internal
 */
export const check = (input: EncryptionContext): EncryptionContext => {
  const context = copy(input)
  return context === input ? input : checkPairs(context)
}

/**
 * Checks the pairs of a copy that `copy` made, and freezes it. Rejects with `InvalidEncryptionContext`.
 *
 * @internal
 */
export const checkPairs = (context: EncryptionContext): EncryptionContext => {
  const keys = Object.keys(context)
  let length = 2
  for (const key of keys) {
    const value: unknown = context[key]
    if (typeof value !== "string") return invalid(`value must be a string, got ${typeof value}`, key)
    if (!bytes.isWellFormed(key)) return invalid("key is not well-formed Unicode", key)
    if (!bytes.isWellFormed(value)) return invalid("value is not well-formed Unicode", key)
    const keyLength = bytes.utf8(key).length
    const valueLength = bytes.utf8(value).length
    if (keyLength > maxLength) return invalid(`key is ${keyLength} bytes, at most ${maxLength} fit`)
    if (valueLength > maxLength) return invalid(`value is ${valueLength} bytes, at most ${maxLength} fit`, key)
    length += 4 + keyLength + valueLength
  }
  if (length > maxLength && keys.length > 0) invalid(`serialised length is ${length} bytes, at most ${maxLength} fit`)
  return Object.freeze(validated.mark(context))
}

/**
 * A copy of a plain object whose pairs are still to be checked, or a validated context itself. The copy has all that the
 * object has: own, enumerable values with text as keys. Each value is read once. Rejects with `InvalidEncryptionContext`.
 *
 * @internal
 */
export const copy = (input: EncryptionContext): EncryptionContext => {
  if (typeof input !== "object" || input === null) return invalid(noPlainObject)
  if (validated.has(input)) return input
  try {
    if (!isPlain(Object.getPrototypeOf(input) as object | null)) return invalid(noPlainObject)
    const names = Reflect.ownKeys(input)
    for (const name of names) checkProperty(input, name)
    // A spread defines own properties, so a key such as "__proto__" is kept like any other.
    const context = { ...input }
    if (Object.keys(context).length !== names.length) checkEnumerable(input)
    return context
  } catch (thrown) {
    // A getter or a proxy may throw whatever it likes.
    return thrown instanceof Rejection ? reject(thrown.error as Error) : invalid("cannot be read")
  }
}

const noPlainObject = "must be a plain object of strings"

/** Finds a getter without an object that describes it, which would cost more than all else of a small context. */
const lookUpGetter = (Object.prototype as unknown as {
  readonly __lookupGetter__?: (this: object, name: string) => unknown
}).__lookupGetter__

// Runtimes may leave it out.
const hasGetter = (input: object, name: string): boolean =>
  lookUpGetter === undefined
    ? !Object.hasOwn(Object.getOwnPropertyDescriptor(input, name)!, "value")
    : lookUpGetter.call(input, name) !== undefined

const checkProperty = (input: EncryptionContext, name: string | symbol): void => {
  if (typeof name === "symbol") invalid("key is a symbol, must be a string", String(name))
  else if (hasGetter(input, name)) invalid("value is a getter, must be a string", name)
}

const checkEnumerable = (input: EncryptionContext): void => {
  const hidden = Object.getOwnPropertyNames(input).find((name) =>
    !Object.prototype.propertyIsEnumerable.call(input, name)
  )
  invalid("property is not enumerable", hidden)
}

/** Whether a prototype is that of plain objects, in any realm, or none. Pairs of another prototype would be lost. */
const isPlain = (prototype: object | null): boolean =>
  prototype === Object.prototype || prototype === null ||
  (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf") &&
    Object.keys(prototype).length === 0)

const invalid = (description: string, key?: string): never =>
  reject(new InvalidEncryptionContext({ description, ...(key === undefined ? {} : { key }) }))

/**
 * Whether a context is one that `validate` returned, and so can no longer change.
 *
 * @internal
 */
export const isValidated = (context: EncryptionContext): boolean => validated.has(context)

const maxLength = 0xffff

/** The first key of a context that only the library may set, or `undefined`. */
export const findReservedKey = (context: EncryptionContext): string | undefined => {
  for (const key of Object.keys(context)) if (key.startsWith(reservedPrefix)) return key
  return undefined
}

/**
 * Validates a context to encrypt under, which has no keys that only the library may set. Rejects with
 * `InvalidEncryptionContext`.
 *
 * Specification: client-apis/encrypt.md#encryption-context
 *
 * @internal
 */
export const checkUnreserved = (context: EncryptionContext): void => {
  const key = findReservedKey(context)
  if (key !== undefined) invalid(`keys that begin with ${reservedPrefix} are reserved`, key)
}

/**
 * The first key, in the order of `expected`, whose pair in `expected` is not the same in `actual`, or `undefined` where
 * all of them are. Values are not secret and are compared as text.
 */
export const findMismatch = (expected: EncryptionContext, actual: EncryptionContext): string | undefined =>
  Object.keys(expected).find((key) => !Object.hasOwn(actual, key) || actual[key] !== expected[key])

/**
 * Whether two contexts have the same pairs, in whatever order.
 *
 * @internal
 */
export const isEqual = (a: EncryptionContext, b: EncryptionContext): boolean =>
  a === b || (Object.keys(a).length === Object.keys(b).length && findMismatch(a, b) === undefined)

/**
 * The pairs whose keys are listed; keys that are not in the context are passed over.
 *
 * @internal
 */
export const pick = (context: EncryptionContext, keys: ReadonlyArray<string>): EncryptionContext =>
  Object.fromEntries(Object.entries(context).filter(([key]) => keys.includes(key)))

/**
 * The pairs whose keys are not listed.
 *
 * @internal
 */
export const omit = (context: EncryptionContext, keys: ReadonlyArray<string>): EncryptionContext =>
  Object.fromEntries(Object.entries(context).filter(([key]) => !keys.includes(key)))
