/**
 * Blind indexes: an HMAC of a value, in a column beside the encrypted one, by which rows are found again that have this value.
 *
 * ```ts
 * const emails = yield* BlindIndex.make({ key, table: "customers", column: "email" })
 * const index = yield* emails.forWrite("ada@example.com")
 * ```
 *
 * **Gotchas**
 *
 * The column shows which rows have the same value, and how many there are of each. The guide says what follows from that.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as bytes from "../internal/bytes.ts"
import type * as DataKey from "../model/DataKey.ts"
import { load, orNotLoaded } from "../model/errors/load.ts"
import type { NotLoaded } from "../model/errors/NotLoaded.ts"
import type { InvalidOption } from "../model/errors/Reasons.ts"
import { BlindIndexError } from "./BlindIndexError.ts"
import * as IndexOf from "./internal/indexOf.ts"
import { checkOptions, type IndexSettings, type Options } from "./internal/indexOptions.ts"
import { withoutValues } from "./internal/withoutValues.ts"

export type { Options } from "./internal/indexOptions.ts"

/** The index of a value. */
export type Index<O extends Options> = O["encoding"] extends "Bytes" ? Uint8Array<ArrayBuffer> : string

/** Services that the normalization needs. */
export type Services<O extends Options> = O extends { readonly normalization: Schema.Constraint }
  ? O["normalization"]["DecodingServices"]
  : never

/** Computes indexes of the values of one column. */
export interface BlindIndex<I extends string | Uint8Array = string, R = never> {
  /** Table and column, joined by a dot: `customers.email`. It is in errors. */
  readonly indexName: string
  /** The index to store with a value. */
  readonly forWrite: (value: string) => Effect.Effect<I, BlindIndexError, R>
  /**
   * The indexes that a row with this value may have: that of `forWrite`, and behind it the one under the previous key, where there
   * is one. Search for all of them.
   */
  readonly forSearch: (value: string) => Effect.Effect<ReadonlyArray<I>, BlindIndexError, R>
}

/**
 * Makes the index of a column. Its keys are copies, which are zeroed when the scope closes: an index that is used afterwards
 * fails with `BlindIndexError`. Fails with `InvalidOption`, which names the option and its bound, and with `NotLoaded` where the
 * code for HMAC could not be loaded.
 *
 * **Gotchas**
 *
 * Where `bits` are fewer than those of the hash function, rows of other values are found as well: decrypt what was found, and
 * compare.
 */
export const make = <const O extends Options>(
  options: O
): Effect.Effect<BlindIndex<Index<O>, Services<O>>, InvalidOption | NotLoaded, Scope.Scope> => makeIndex(options)

const makeIndex = /*#__PURE__*/ Effect.fnUntraced(function*(options: Options) {
  // Before it waits: the caller may zero its keys once the effect runs.
  const settings = yield* checkOptions(options)
  const { hmac } = yield* loadHmac
  return indexOver(settings, IndexOf.make(hmac, settings))
})

const loadHmac = /*#__PURE__*/ orNotLoaded(() =>
  load("blind indexes (@noble/hashes)", () => import("../crypto/hmac.ts"))
)

const indexOver = (settings: IndexSettings, compute: ReturnType<typeof IndexOf.make>): BlindIndex<any, any> => {
  const { indexName, key, previousKey } = settings
  const normalize = normalizer(settings)
  const indexes = (value: string, keys: ReadonlyArray<DataKey.DataKey>) =>
    Effect.flatMap(normalize(value), (text) => {
      const found = keys.map((key) => compute(key, text))
      return found.includes(undefined)
        ? Effect.fail(new BlindIndexError({ index: indexName, reason: "Closed", description: closed }))
        : Effect.succeed(found)
    })
  return {
    indexName,
    forWrite: (value) => Effect.map(indexes(value, [key]), ([index]) => index),
    forSearch: (value) => indexes(value, previousKey === undefined ? [key] : [key, previousKey])
  }
}

const closed = "the scope that it was made in is closed: use it within that scope"

/** The text of a value that is compared. */
const normalizer = ({ indexName, normalization }: IndexSettings) => {
  const invalid = (description: string) =>
    new BlindIndexError({ index: indexName, reason: "InvalidValue", description })
  const decode = normalization === undefined ? undefined : Schema.decodeUnknownEffect(normalization)
  return (value: unknown): Effect.Effect<string, BlindIndexError, unknown> => {
    if (typeof value !== "string") return Effect.fail(invalid("a value must be text"))
    const text = decode === undefined ? Effect.succeed(value) : withoutValues(
      () => decode(value),
      (fault) => invalid(fault === "Threw" ? "the normalization threw" : "the normalization rejects the value")
    )
    return Effect.flatMap(text, (text) => {
      if (typeof text !== "string") return Effect.fail(invalid("the normalization must make text"))
      return bytes.isWellFormed(text)
        ? Effect.succeed(text)
        : Effect.fail(invalid("a value must be well-formed Unicode"))
    })
  }
}
