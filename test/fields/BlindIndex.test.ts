import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Context, Effect, Exit, Redacted, Schema, SchemaGetter, SchemaTransformation } from "effect"
import { BlindIndex, BlindIndexError } from "effect-encryption-sdk/fields"
import { arbitraryBytes, arbitraryInt } from "../support/arbitraryBytes.ts"
import { bitsOf, bitsOfHex, column, expectedBits, indexOf, key, messageOf } from "../support/blindIndex.ts"
import { failureOf } from "../support/client.ts"

const ada = "5a9700910097e348ac10a4b17871490f31f0ab5441c22910d3e239c5c7b1f31e"
const ada384 = "a5031b634c1025a9be6e569ba3567eeb4042e11748a3caba6f85219cc56d502d899a30c3f13dfa101186ebf6243caf7f"

const lowerCase = Schema.Trim.pipe(Schema.decodeTo(Schema.String, SchemaTransformation.toLowerCase()))
const text = Arbitrary.map(
  Arbitrary.schema(Schema.String),
  (value) => value.replaceAll(/\p{Surrogate}/gu, "")
)
const name = Arbitrary.map(text, (value) => `a${value}`)

describe("a blind index", () => {
  it.effect("is the HMAC that node:crypto and Python make of the bytes of the guide", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* indexOf(column, "ada@example.com"), ada)
      assert.strictEqual(yield* indexOf({ ...column, hash: "SHA-384" }, "ada@example.com"), ada384)
      assert.strictEqual(
        yield* indexOf({ ...column, column: "name" }, "Zoë 🦊"),
        "1a5c917a5f304e5c4d9778a4cbf413d278e479e0a39f961cb7b5bfd03703e94d"
      )
      assert.strictEqual(
        yield* indexOf(column, ""),
        "5461478f19e2bbd9564f3b0c6e26bdeebf3f8d677e416afcaba32efbb92b7974"
      )
    }))

  it.effect("is bytes where it says so, which are the caller's", () =>
    Effect.gen(function*() {
      const emails = yield* BlindIndex.make({ ...column, encoding: "Bytes" })
      const first = yield* emails.forWrite("ada@example.com")
      assert.strictEqual(bitsOf(first), bitsOfHex(ada))
      first.fill(0)
      assert.strictEqual(bitsOf(yield* emails.forWrite("ada@example.com")), bitsOfHex(ada))
    }))

  it.effect("has the bytes of each part counted: a letter with an accent is two", () =>
    Effect.gen(function*() {
      const index = yield* indexOf({ ...column, table: "Kundé", column: "Größe" }, "ä")
      const whole = yield* expectedBits("SHA-256", key, messageOf("Kundé", "Größe", "ä"))
      assert.strictEqual(bitsOfHex(index), whole)
    }))

  it.effect("has zeros behind its bits", () =>
    Effect.gen(function*() {
      const shortened = Effect.forEach([8, 9, 12, 15, 16], (bits) => indexOf({ ...column, bits }, "ada@example.com"))
      assert.deepStrictEqual(yield* shortened, ["5a", "5a80", "5a90", "5a96", "5a97"])
    }))

  it.effect("has a name, which errors show", () =>
    Effect.gen(function*() {
      const emails = yield* BlindIndex.make(column)
      assert.strictEqual(emails.indexName, "customers.email")
      const error = yield* failureOf(emails.forWrite("\ud800"))
      assert.instanceOf(error, BlindIndexError)
      assert.strictEqual(error.message, "blind index customers.email: a value must be well-formed Unicode")
      const long = yield* BlindIndex.make({ ...column, table: "t".repeat(1000), column: "a\nb" })
      assert.isAtMost(long.indexName.length, 160)
      assert.notInclude((yield* BlindIndex.make({ ...column, column: "a\nb" })).indexName, "\n")
    }))

  it.effect.prop(
    "is the truncated HMAC of what the guide says, for any key, names and value",
    {
      secret: arbitraryBytes(32, 200),
      table: name,
      column: name,
      value: text,
      bits: arbitraryInt(8, 384),
      is384: Arbitrary.schema(Schema.Boolean)
    },
    ({ bits, column, is384, secret, table, value }) =>
      Effect.gen(function*() {
        secret[0]! |= 1
        const hash = is384 ? "SHA-384" : "SHA-256"
        const length = Math.min(bits, is384 ? 384 : 256)
        const index = bitsOfHex(
          yield* indexOf({ key: Redacted.make(secret), table, column, hash, bits: length }, value)
        )
        const whole = yield* expectedBits(hash, secret, messageOf(table, column, value))
        assert.strictEqual(index.length, 8 * Math.ceil(length / 8))
        assert.strictEqual(index.slice(0, length), whole.slice(0, length))
        assert.notInclude(index.slice(length), "1")
      }),
    { timeout: 60_000, arbitrary: { seed: "as the guide", runs: 300 } }
  )

  it.effect.prop(
    "is another one where table, column, value or key is another one",
    { table: name, column: name, value: text, other: name, which: arbitraryInt(0, 3) },
    ({ column, other, table, value, which }) =>
      Effect.gen(function*() {
        const parts = [table, column, value, "key"]
        const changed = parts.map((part, i) => i === which ? other : part)
        const secret = which === 3 ? Uint8Array.from(key, (byte) => byte ^ 1) : key
        const one = yield* indexOf({ key: Redacted.make(key), table, column }, value)
        const two = yield* indexOf(
          { key: Redacted.make(secret), table: changed[0]!, column: changed[1]! },
          changed[2]!
        )
        assert.strictEqual(one === two, parts[which] === other)
      }),
    { arbitrary: { seed: "other parts", runs: 300 } }
  )

  it.effect.prop(
    "is another one where characters move across the end of table or column",
    { first: name, second: name, third: name, at: arbitraryInt(0, 2 ** 20) },
    ({ at, first, second, third }) =>
      Effect.gen(function*() {
        const all = Array.from(first + second + third)
        const part = (start: number, end?: number) => all.slice(start, end).join("")
        const one = 1 + at % (all.length - 1)
        const splits = [[one, all.length], ...one > 1 ? [[one - 1, one], [one - 1, all.length]] : []] as const
        const indexes = yield* Effect.forEach(splits, ([end, next]) =>
          indexOf({ ...column, table: part(0, end), column: part(end, next) }, part(next)))
        assert.strictEqual(new Set(indexes).size, splits.length)
        assert.notInclude(indexes, yield* indexOf({ ...column, table: first, column: `${second}x` }, third))
      }),
    { arbitrary: { seed: "moved", runs: 200 } }
  )

  it.effect("is spread evenly over its bits", () =>
    Effect.gen(function*() {
      const emails = yield* BlindIndex.make({ ...column, bits: 12, encoding: "Bytes" })
      const rows = 4096
      const ones = Array.from({ length: 12 }, () => 0)
      const counts = new Map<string, number>()
      for (let row = 0; row < rows; row++) {
        const bits = bitsOf(yield* emails.forWrite(`customer ${row}`))
        for (let bit = 0; bit < 12; bit++) ones[bit]! += Number(bits[bit])
        counts.set(bits, (counts.get(bits) ?? 0) + 1)
      }
      // Five standard deviations of half of the rows.
      for (const [bit, count] of ones.entries()) assert.isBelow(Math.abs(count - rows / 2), 160, `bit ${bit}`)
      // A search finds rows / 2^bits of others: one more besides its own, on average over the rows.
      const found = [...counts.values()].reduce((sum, count) => sum + count * count, 0) / rows
      assert.approximately(found - 1, rows / 2 ** 12, 0.15)
    }), 30_000)
})

describe("normalization", () => {
  it.effect.prop(
    "makes one index of all values that it makes the same text of, and no other",
    {
      value: text,
      spaces: Arbitrary.schema(Schema.Literals(["", " ", "\t\n"])),
      isUpper: Arbitrary.schema(Schema.Boolean)
    },
    ({ isUpper, spaces, value }) =>
      Effect.gen(function*() {
        const options = { ...column, normalization: lowerCase }
        const written = `${spaces}${isUpper ? value.toUpperCase() : value}${spaces}`
        const normalized = (text: string) => text.trim().toLowerCase()
        const one = yield* indexOf(options, written)
        assert.strictEqual(one === (yield* indexOf(options, value)), normalized(written) === normalized(value))
        assert.strictEqual(one, yield* indexOf(column, normalized(written)))
      }),
    { arbitrary: { seed: "normalized", runs: 300 } }
  )

  it.effect("is of the text that it makes, not of the value", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* indexOf({ ...column, normalization: lowerCase }, " Ada@Example.COM"), ada)
    }))

  it.effect("is none by default: upper case, spaces and forms of Unicode count", () =>
    Effect.gen(function*() {
      const emails = yield* BlindIndex.make(column)
      const indexes = yield* Effect.forEach(["é", "e\u0301", "É", " é"], emails.forWrite)
      assert.strictEqual(new Set(indexes).size, 4)
    }))

  it.effect("may need services, and takes its time", () =>
    Effect.gen(function*() {
      const Suffix = Context.Service<{ readonly suffix: string }>("test/Suffix")
      const suffixed = (value: string) =>
        Effect.map(Effect.andThen(Effect.yieldNow, Suffix), ({ suffix }) => value + suffix)
      const normalization = Schema.String.pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.transformEffect(suffixed),
        encode: SchemaGetter.transform((value: string) => value)
      }))
      const index = indexOf({ ...column, normalization }, "ada@")
      assert.strictEqual(yield* Effect.provideService(index, Suffix, { suffix: "example.com" }), ada)
    }))

  for (
    const [title, made, description] of [
      ["half a character", "\ud800x", "a value must be well-formed Unicode"],
      ["a number", 1, "the normalization must make text"],
      ["nothing", undefined, "the normalization must make text"]
    ] as const
  ) {
    it.effect(`that makes ${title} is an error`, () =>
      Effect.gen(function*() {
        const normalization = Schema.String.pipe(Schema.decodeTo(Schema.Unknown, {
          decode: SchemaGetter.transform((): unknown => made),
          encode: SchemaGetter.transform(String)
        })) as unknown as typeof Schema.String
        const error = yield* failureOf(indexOf({ ...column, normalization }, "x"))
        assert.deepInclude(error, { reason: "InvalidValue", description })
      }))
  }
})

describe("rotation", () => {
  const next = Redacted.make(Uint8Array.from(key, (byte) => byte + 1))

  it.effect("writes under the key, and searches under the previous one too", () =>
    Effect.gen(function*() {
      const before = yield* BlindIndex.make(column)
      const during = yield* BlindIndex.make({ ...column, key: next, previousKey: column.key, normalization: lowerCase })
      const after = yield* BlindIndex.make({ ...column, key: next })
      const old = yield* before.forWrite("ada@example.com")
      const written = yield* during.forWrite(" Ada@example.com")
      assert.notStrictEqual(written, old)
      assert.deepStrictEqual(yield* during.forSearch("ADA@example.com"), [written, old])
      assert.deepStrictEqual(yield* after.forSearch("ada@example.com"), [written])
      assert.deepStrictEqual(yield* before.forSearch("ada@example.com"), [old])
    }))

  it.effect("must have two keys", () =>
    Effect.gen(function*() {
      for (const same of [column.key, Redacted.make(Uint8Array.from(key))]) {
        const error = yield* failureOf(BlindIndex.make({ ...column, previousKey: same }))
        assert.deepInclude(error, { field: "previousKey", description: "must be another key than key" })
      }
      const longer = Redacted.make(Uint8Array.from([...key, 1]))
      for (const [one, two] of [[longer, column.key], [column.key, longer]] as const) {
        const made = yield* Effect.exit(BlindIndex.make({ ...column, key: one, previousKey: two }))
        assert.isTrue(Exit.isSuccess(made))
      }
    }))
})

describe("options of a blind index", () => {
  const short = (length: number) => Redacted.make(new Uint8Array(length).fill(1))
  const bits256 = "must be an integer from 8 to 256, the bits of SHA-256"
  const integer = "must be an integer from 8 to the bits of the hash function"
  const secret = "must be a Redacted of a Uint8Array"
  const names = "must be text, not empty, of well-formed Unicode"
  const wiped = Redacted.make(key)
  Redacted.wipeUnsafe(wiped)

  const wrong: ReadonlyArray<readonly [title: string, field: string, options: unknown, description: string]> = [
    ["none", "options", undefined, "must be an object"],
    ["no key", "key", { ...column, key: undefined }, secret],
    ["a bare key", "key", { ...column, key }, secret],
    ["a key of text", "key", { ...column, key: Redacted.make("x".repeat(32)) }, secret],
    ["a wiped key", "key", { ...column, key: wiped }, secret],
    ["31 bytes", "key", { ...column, key: short(31) }, "is 31 bytes, must be at least 32"],
    ["an empty key", "key", { ...column, key: short(0) }, "is 0 bytes, must be at least 32"],
    ["a key of zeros", "key", { ...column, key: Redacted.make(new Uint8Array(32)) }, "is all zero"],
    ["a short previous key", "previousKey", { ...column, previousKey: short(31) }, "is 31 bytes, must be at least 32"],
    ["a previous key of text", "previousKey", { ...column, previousKey: "x" }, secret],
    ["no table", "table", { ...column, table: undefined }, names],
    ["an empty table", "table", { ...column, table: "" }, names],
    ["an empty column", "column", { ...column, column: "" }, names],
    ["half a character", "column", { ...column, column: "a\udfff" }, names],
    ["7 bits", "bits", { ...column, bits: 7 }, bits256],
    ["257 bits", "bits", { ...column, bits: 257 }, bits256],
    ["385 bits", "bits", { ...column, bits: 385, hash: "SHA-384" }, bits256.replaceAll("256", "384")],
    ["half a bit", "bits", { ...column, bits: 8.5 }, integer],
    ["no number of bits", "bits", { ...column, bits: NaN }, integer],
    ["a hash function", "hash", { ...column, hash: "SHA-1" }, "must be SHA-256 or SHA-384"],
    ["an encoding", "encoding", { ...column, encoding: "hex" }, "must be Hex or Bytes"],
    ["a function", "normalization", { ...column, normalization: () => "" }, "must be a Schema from text to text"]
  ]
  for (const [title, field, options, description] of wrong) {
    it.effect(`are rejected: ${title}`, () =>
      Effect.gen(function*() {
        const error = yield* failureOf(BlindIndex.make(options as BlindIndex.Options))
        assert.deepInclude(error, { _tag: "InvalidOption", field, description })
      }))
  }

  it.effect("are rejected: one that does not exist", () =>
    Effect.gen(function*() {
      const options = { ...column, length: 12 }
      assert.deepInclude(yield* failureOf(BlindIndex.make(options)), { _tag: "InvalidOption", field: "length" })
    }))

  it.effect("are accepted at their bounds", () =>
    Effect.gen(function*() {
      assert.lengthOf(yield* indexOf({ ...column, bits: 8 }, "x"), 2)
      assert.lengthOf(yield* indexOf({ ...column, bits: 256 }, "x"), 64)
      assert.lengthOf(yield* indexOf({ ...column, bits: 384, hash: "SHA-384" }, "x"), 96)
      assert.lengthOf(yield* indexOf({ ...column, key: short(32) }, "x"), 64)
    }))

  it.effect("are taken as they were", () =>
    Effect.gen(function*() {
      const options = { ...column, bits: 16 as number }
      const emails = yield* BlindIndex.make(options)
      Object.assign(options, { table: "orders", column: "name", bits: 8 })
      assert.strictEqual(yield* emails.forWrite("ada@example.com"), "5a97")
    }))

  it.effect("are read once: a getter cannot change them behind the check", () =>
    Effect.gen(function*() {
      let reads = 0
      const options = {
        ...column,
        get bits() {
          return reads++ === 0 ? 16 : 1
        }
      }
      const index = yield* Effect.exit(indexOf(options, "ada@example.com"))
      assert.deepStrictEqual(index._tag === "Success" ? index.value : index._tag, "5a97")
      const throwing = Object.defineProperty({ ...column }, "key", {
        enumerable: true,
        get: () => {
          throw new Error("no key")
        }
      })
      assert.deepInclude(yield* failureOf(BlindIndex.make(throwing)), {
        field: "options",
        description: "cannot be read"
      })
    }))
})
