import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Hash } from "../../crypto/hmac.ts"
import * as bytes from "../../internal/bytes.ts"
import { printable } from "../../internal/printable.ts"
import { SecretOf } from "../../internal/secretOf.ts"
import * as DataKey from "../../model/DataKey.ts"
import { optionsOf } from "../../model/errors/optionsOf.ts"
import { InvalidOption } from "../../model/errors/Reasons.ts"

/** Options of a blind index. */
export interface Options {
  /**
   * Key of its own, at least 32 random bytes: made for this, or the beacon key of a branch key. Copied: the array stays the
   * caller's.
   */
  readonly key: Redacted.Redacted<Uint8Array>
  /** A second key, under which `forSearch` looks too: the one that `key` takes the place of in a rotation. Default: none. */
  readonly previousKey?: Redacted.Redacted<Uint8Array> | undefined
  /** Name of the table. Text, not empty. Another table has other indexes. */
  readonly table: string
  /** Name of the column of the values. Text, not empty. Another column has other indexes. */
  readonly column: string
  /**
   * Schema that decodes a value to the text that is compared: trimmed, in lower case, in Unicode's form NFC. Default: the text as
   * it is.
   */
  readonly normalization?: Schema.Codec<string, string, any, any> | undefined
  /**
   * Length in bits, from 8 to that of the hash function: the leading bits of the HMAC. Default: all of them. Fewer leak less, and
   * a search finds rows of other values, one in 2 to the power of `bits`.
   */
  readonly bits?: number | undefined
  /** Hash function of the HMAC: 256 or 384 bits. Default: `SHA-256`. */
  readonly hash?: Hash | undefined
  /** Form of an index: text of hexadecimal digits in lower case, or bytes. Default: `Hex`. */
  readonly encoding?: "Hex" | "Bytes" | undefined
}

/** Options of an index, checked and copied. */
export interface IndexSettings {
  readonly indexName: string
  readonly table: string
  readonly column: string
  readonly normalization: Options["normalization"]
  readonly bits: number
  readonly hash: Hash
  readonly encoding: "Hex" | "Bytes"
  /** Zeroed with the scope. */
  readonly key: DataKey.DataKey
  readonly previousKey: DataKey.DataKey | undefined
}

/** Least length of a key, in bytes: that of the output of SHA-256. RFC 2104 discourages shorter ones. */
const minKeyLength = 32

const hashLength: Readonly<Record<Hash, number>> = { "SHA-256": 256, "SHA-384": 384 }
const minBits = 8

/** Greatest length of an index's name, in characters. */
const maxName = 128

const name = "must be text, not empty, of well-formed Unicode"
const secret = "must be a Redacted of a Uint8Array"
const bitsBound = (hash: Hash) => `must be an integer from ${minBits} to ${hashLength[hash]}, the bits of ${hash}`

const Name = /*#__PURE__*/ Schema.declare((value): value is string =>
  typeof value === "string" && value.length > 0 && bytes.isWellFormed(value)
)
const Key = /*#__PURE__*/ SecretOf(bytes.isBytes)

const check = /*#__PURE__*/ optionsOf(
  /*#__PURE__*/ Schema.Struct({
    key: Key,
    previousKey: /*#__PURE__*/ Schema.optional(Key),
    table: Name,
    column: Name,
    normalization: /*#__PURE__*/ Schema.optional(
      /*#__PURE__*/ Schema.declare((value): value is Schema.Codec<string, string, any, any> => Schema.isSchema(value))
    ),
    bits: /*#__PURE__*/ Schema.optional(Schema.Int),
    hash: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Literals(["SHA-256", "SHA-384"])),
    encoding: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Literals(["Hex", "Bytes"]))
  }),
  "a blind index",
  {
    key: secret,
    previousKey: secret,
    table: name,
    column: name,
    normalization: "must be a Schema from text to text",
    bits: `must be an integer from ${minBits} to the bits of the hash function`,
    hash: "must be SHA-256 or SHA-384",
    encoding: "must be Hex or Bytes"
  }
)

/** Checks and copies the options of an index. The copies of its keys are zeroed when the scope closes. */
export const checkOptions: (options: Options) => Effect.Effect<IndexSettings, InvalidOption, Scope.Scope> =
  /*#__PURE__*/ Effect.fnUntraced(function*(options: Options) {
    const { bits, column, encoding, hash = "SHA-256", key, normalization, previousKey, table } = yield* check(options)
    const length = hashLength[hash]
    if (bits !== undefined && (bits < minBits || bits > length)) {
      return yield* new InvalidOption({ field: "bits", description: bitsBound(hash) })
    }
    const ownKey = yield* copyKey("key", key)
    const ownPreviousKey = previousKey === undefined ? undefined : yield* copyKey("previousKey", previousKey)
    if (ownPreviousKey !== undefined && isSame(DataKey.value(ownKey), DataKey.value(ownPreviousKey))) {
      return yield* new InvalidOption({ field: "previousKey", description: "must be another key than key" })
    }
    return {
      indexName: printable(`${table}.${column}`, maxName),
      table,
      column,
      normalization,
      bits: bits ?? length,
      hash,
      encoding: encoding ?? "Hex",
      key: ownKey,
      previousKey: ownPreviousKey
    }
  })

const copyKey = (field: string, given: Redacted.Redacted<Uint8Array>) =>
  Effect.acquireRelease(
    Effect.suspend(() => Effect.fromResult(copied(field, Redacted.value(given)))),
    (key) => Effect.sync(() => DataKey.zero(key))
  )

/** The copy is what is checked: memory that is shared changes at any time. */
const copied = (field: string, given: Uint8Array): Result.Result<DataKey.DataKey, InvalidOption> => {
  const invalid = (description: string) => Result.fail(new InvalidOption({ field, description }))
  const gone = bytes.findGone(given)
  if (gone !== undefined) return invalid(gone)
  const key = DataKey.copyFrom(bytes.plainView(given))
  const { length } = DataKey.value(key)
  const isZero = DataKey.isAllZero(key)
  if (length >= minKeyLength && !isZero) return Result.succeed(key)
  DataKey.zero(key)
  return invalid(length < minKeyLength ? `is ${length} bytes, must be at least ${minKeyLength}` : "is all zero")
}

/** In a time that tells nothing but the lengths. */
const isSame = (a: Uint8Array, b: Uint8Array): boolean => {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0)
  return difference === 0
}
