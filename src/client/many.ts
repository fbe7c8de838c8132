import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as bytes from "../internal/bytes.ts"
import { findUnknown, type NamesOf, type OptionNames, optionNames } from "../internal/optionNames.ts"
import { checked, reject } from "../internal/rejection.ts"
import * as KeySection from "../message/KeySection.ts"
import { DecryptError, failDecrypt } from "../model/errors/DecryptError.ts"
import { EncryptError, failEncrypt } from "../model/errors/EncryptError.ts"
import { InvalidOption } from "../model/errors/Reasons.ts"
import type { Client } from "./Client.ts"
import { decrypt } from "./decrypt.ts"
import { encrypt } from "./encrypt.ts"
import type { DecryptItem, DecryptManyResult, EncryptItem, EncryptManyResult, ManyOptions } from "./ManyOptions.ts"
import { checkBytes, invalidOption } from "./request.ts"

/** See `EncryptionSdk.encryptMany`. */
export const encryptMany = (
  client: Client,
  items: ReadonlyArray<EncryptItem>,
  options: ManyOptions | undefined
): Effect.Effect<EncryptManyResult, EncryptError> =>
  Effect.suspend(() => {
    const request = requestOf("encryptMany", "plaintext", items, options)
    if (Result.isFailure(request)) return failEncrypt(request.failure)
    return each(request.success, (item) =>
      Effect.result(
        item.invalid === undefined
          ? encrypt(client, item.value as Uint8Array | string, item.options)
          : failEncrypt(item.invalid)
      ), contextKey)
  })

/** See `EncryptionSdk.decryptMany`. */
export const decryptMany = (
  client: Client,
  items: ReadonlyArray<DecryptItem>,
  options: ManyOptions | undefined
): Effect.Effect<DecryptManyResult, DecryptError> =>
  Effect.suspend(() => {
    const request = requestOf("decryptMany", "message", items, options)
    if (Result.isFailure(request)) return failDecrypt(request.failure)
    return each(request.success, (item) =>
      Effect.result(
        item.invalid === undefined
          ? decrypt(client, item.value as Uint8Array, item.options)
          : failDecrypt(item.invalid)
      ), sectionKey)
  })

/** A value as it was when the operation began: bytes are a copy, and so is the context among the options. */
interface Item {
  readonly value: unknown
  readonly options: object
  readonly invalid: InvalidOption | undefined
}

interface Request {
  readonly items: ReadonlyArray<Item>
  readonly concurrency: number
}

const names = (operation: string): OptionNames =>
  optionNames(operation, { concurrency: true } satisfies NamesOf<ManyOptions>)

/** Checks the arguments of a call, and takes its values. What is wrong with one value is that value's own failure. */
const requestOf = (
  operation: string,
  name: "plaintext" | "message",
  items: unknown,
  options: ManyOptions = {}
): Result.Result<Request, InvalidOption> =>
  checked(() => {
    if (typeof options !== "object" || options === null) invalidOption("options", "must be an object")
    const unknown = findUnknown(options, names(operation))
    if (unknown !== undefined) reject(new InvalidOption(unknown))
    const { concurrency = 16 } = options
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1024) {
      invalidOption("concurrency", "must be an integer from 1 to 1024")
    }
    if (!Array.isArray(items)) return invalidOption("items", "must be an array")
    // A list with holes has a value for each of them: none that can be encrypted.
    const taken = Result.try(() => Array.from(items as ReadonlyArray<unknown>, (item) => take(name, item)))
    return Result.isSuccess(taken)
      ? { concurrency, items: taken.success }
      : invalidOption("items", "cannot be read")
  })

/** A getter or a proxy may throw anything, which may hold the value. */
const take = (name: "plaintext" | "message", item: unknown): Item => {
  const taken = Result.try(() => checked<Item, InvalidOption>(() => copy(name, item)))
  if (Result.isFailure(taken)) return invalid(new InvalidOption({ field: "item", description: "cannot be read" }))
  return Result.isFailure(taken.success) ? invalid(taken.success.failure) : taken.success.success
}

const invalid = (error: InvalidOption): Item => ({ value: undefined, options: {}, invalid: error })

const copy = (name: "plaintext" | "message", item: unknown): Item => {
  if (typeof item !== "object" || item === null) return invalidOption("item", `must be an object with a ${name}`)
  const { [name]: value, ...options } = item as Readonly<Record<string, unknown>>
  if (typeof value === "string" && name === "plaintext") return { value, options: own(options), invalid: undefined }
  const kind = name === "plaintext" ? "a Uint8Array or a string" : "a Uint8Array"
  const view = checkBytes(name, value as Uint8Array, kind)
  return { value: new Uint8Array(view), options: own(options), invalid: undefined }
}

/** Contexts that are no plain objects stay as they are: the check of the operation says what is wrong with them. */
const own = (options: Record<string, unknown>): object => {
  for (const name of ["encryptionContext", "expectedEncryptionContext"]) {
    const context = options[name]
    if (isPlain(context) && !Object.isFrozen(context)) {
      options[name] = Object.defineProperties({}, Object.getOwnPropertyDescriptors(context))
    }
  }
  return options
}

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

/**
 * Works on all values, in the order of their groups. The values of a group need the same data key: a cache is done with one key
 * before it needs another, but for as many as are worked on at a time.
 */
const each = <A>(
  { concurrency, items }: Request,
  run: (item: Item) => Effect.Effect<A>,
  keyOf: (item: Item) => string | undefined
): Effect.Effect<ReadonlyArray<A>> => {
  const out: Array<A> = []
  const all = Effect.forEach(
    grouped(items, keyOf),
    (index) => Effect.map(run(items[index]!), (result) => void (out[index] = result)),
    { concurrency, discard: true }
  )
  return Effect.as(Effect.ensuring(all, Effect.sync(() => items.forEach(zero))), out)
}

const zero = ({ value }: Item): void => {
  if (bytes.isBytes(value)) value.fill(0)
}

/** The indices of all items, group after group; a group stands where its first item does. */
const grouped = (items: ReadonlyArray<Item>, keyOf: (item: Item) => string | undefined): ReadonlyArray<number> => {
  const groups = new Map<string, Array<number>>()
  items.forEach((item, index) => {
    // An item without a key is not valid, and needs no data key: an option of it may even throw.
    const key = item.invalid === undefined ? Result.getOrUndefined(Result.try(() => keyOf(item))) ?? "" : ""
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [index])
    else group.push(index)
  })
  return [...groups.values()].flat()
}

/** The context and suite of a plaintext, as text. */
const contextKey = ({ options }: Item): string | undefined => {
  const { algorithmSuite, encryptionContext } = options as EncryptItem
  const pairs = Object.entries(encryptionContext ?? {}).toSorted(byKey)
  return pairs.every(([, value]) => typeof value === "string") ? JSON.stringify([algorithmSuite?.id, pairs]) : undefined
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => a < b ? -1 : a > b ? 1 : 0

/** Offset of the encryption context of a message, behind version, suite and message ID. */
const sectionStart = (message: Uint8Array): number => message[0] === 1 ? 20 : 35

/** The end of a message's key section: that section is the same in all messages of one data key, and ends in a tag most often. */
const sectionKey = ({ value }: Item): string | undefined => {
  const message = value as Uint8Array
  const start = sectionStart(message)
  const end = KeySection.endOf(message, start)
  return end === undefined
    ? undefined
    : `${end - start} ${bytes.toLatin1(message.subarray(Math.max(start, end - 64), end))}`
}
