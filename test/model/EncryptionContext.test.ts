import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result } from "effect"
import { EncryptionContext, InvalidEncryptionContext } from "effect-encryption-sdk"
import { EncryptionContextCodec } from "effect-encryption-sdk/message"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { assertFails } from "../support/assertFails.ts"
import { concat, field, hex, toHex } from "../support/bytes.ts"
import { fromOtherRealm } from "../support/otherRealm.ts"

const validate = (input: unknown) => EncryptionContext.validate(input as EncryptionContext.EncryptionContext)
const valid = (input: unknown) => Result.getOrThrow(validate(input))

const assertRefused = (input: unknown, description: string, key?: string) =>
  assertFails(validate(input), InvalidEncryptionContext, { description, key })

const fromPairs = (...pairs: ReadonlyArray<readonly [string, string]>) => Object.fromEntries(pairs)

/** The serialisation as the specification has it, from pairs in the order given. */
const encode = (...pairs: ReadonlyArray<readonly [string, string]>) =>
  concat(hex(pairs.length.toString(16).padStart(4, "0")), ...pairs.flat().map(field))

describe("EncryptionContext", () => {
  describe("validate", () => {
    it("copies and freezes, so that the caller's object can change without effect", () => {
      const input: Record<string, string> = { b: "1", a: "2" }
      const context = valid(input)
      input["a"] = "changed"
      input["c"] = "added"
      assert.deepStrictEqual({ ...context }, { a: "2", b: "1" })
      assert.isTrue(Object.isFrozen(context))
    })

    it("answers what it has validated before as it is", () => {
      const context = valid({ a: "1" })
      assert.strictEqual(valid(context), context)
      const frozenByCaller = Object.freeze({ a: 1 })
      assertRefused(frozenByCaller, "value must be a string, got number", "a")
    })

    it("keeps __proto__ and the like as keys", () => {
      const input = JSON.parse("{\"__proto__\":\"x\",\"constructor\":\"y\",\"toString\":\"z\"}") as Record<
        string,
        string
      >
      const context = valid(input)
      assert.deepStrictEqual(Object.entries(context), [["__proto__", "x"], ["constructor", "y"], ["toString", "z"]])
      assert.strictEqual(Object.getPrototypeOf(context), Object.prototype)
    })

    it("takes objects without a prototype, and those of another realm", () => {
      assert.deepStrictEqual({ ...valid(Object.assign(Object.create(null), { a: "1" })) }, { a: "1" })
      assert.deepStrictEqual({ ...valid(fromOtherRealm("({ a: \"1\" })")) }, { a: "1" })
    })

    it("takes an empty context, empty keys and empty values", () => {
      assert.deepStrictEqual({ ...valid({}) }, {})
      assert.deepStrictEqual({ ...valid({ "": "" }) }, { "": "" })
    })

    it("refuses what is no plain object", () => {
      for (
        const input of [undefined, null, "a", 1, [], ["a"], new Map([["a", "1"]]), new Set(), new Date(0), () => {}]
      ) {
        assertRefused(input, "must be a plain object of strings")
      }
    })

    it("refuses a prototype whose pairs would be lost, and objects that are none of plain pairs", () => {
      class Own {
        readonly a = "1"
      }
      for (
        const input of [
          Object.create({ inherited: "1" }),
          Object.create(Object.assign(Object.create(null) as object, { inherited: "1" })),
          Object.create(Object.create(null) as object),
          new Own(),
          new Error("a"),
          fromOtherRealm("new Map()"),
          fromOtherRealm("Object.create({ inherited: '1' })")
        ]
      ) {
        assertRefused(input, "must be a plain object of strings")
      }
    })

    it("refuses symbols as keys, whose getters do not run, and names the first", () => {
      let ran = 0
      const getter = { get: () => String(++ran), enumerable: true }
      assertRefused({ a: "1", [Symbol("s")]: "1" }, "key is a symbol, must be a string", "Symbol(s)")
      assertRefused(
        Object.defineProperty({ a: "1" }, Symbol.toStringTag, getter),
        "key is a symbol, must be a string",
        "Symbol(Symbol.toStringTag)"
      )
      assertRefused(
        Object.defineProperty({}, Symbol("hidden"), { value: 1 }),
        "key is a symbol, must be a string",
        "Symbol(hidden)"
      )
      assert.strictEqual(ran, 0)
    })

    it("refuses getters, which do not run, and names the key", () => {
      let ran = 0
      const get = () => String(++ran)
      assertRefused(
        {
          a: "1",
          get b() {
            return get()
          }
        },
        "value is a getter, must be a string",
        "b"
      )
      assertRefused(
        Object.defineProperty({}, "__proto__", { get, enumerable: true }),
        "value is a getter, must be a string",
        "__proto__"
      )
      assertRefused(Object.defineProperty({}, "a", { get }), "value is a getter, must be a string", "a")
      assertRefused(
        Object.defineProperty({}, "a", { set: () => {}, enumerable: true }),
        "value must be a string, got undefined",
        "a"
      )
      assert.strictEqual(ran, 0)
    })

    it("refuses pairs that are not enumerable, and names the key", () => {
      for (const value of ["1", undefined]) {
        assertRefused(Object.defineProperty({ a: "1" }, "b", { value }), "property is not enumerable", "b")
      }
      assertRefused(Object.defineProperty({}, "a", { set: () => {} }), "property is not enumerable", "a")
    })

    it("refuses an object of a class, which has no pairs of its own", () => {
      class Tenant {
        get tenant() {
          return "b"
        }
      }
      assertRefused(new Tenant(), "must be a plain object of strings")
    })

    it("reads each value of a proxy once, and keeps its text", () => {
      let reads = 0
      const context = valid(new Proxy({ a: "" }, { get: () => String(++reads) }))
      assert.deepStrictEqual([context["a"], context["a"], reads], ["1", "1", 1])
      assert.deepStrictEqual(Object.getOwnPropertyDescriptor(context, "a"), {
        value: "1",
        enumerable: true,
        configurable: false,
        writable: false
      })
    })

    it("takes pairs that are named as the members of all objects", () => {
      const pairs = { constructor: "1", toString: "2", hasOwnProperty: "3", ["__proto__"]: "4" }
      assert.deepStrictEqual(Object.entries(valid(pairs)), Object.entries(pairs))
    })

    it("refuses what cannot be read, without what it threw", () => {
      const boom = () => {
        throw new Error("secret")
      }
      for (const trap of ["getPrototypeOf", "ownKeys", "get", "getOwnPropertyDescriptor"]) {
        assertRefused(new Proxy({ a: "1" }, { [trap]: boom }), "cannot be read")
      }
      const { proxy, revoke } = Proxy.revocable({ a: "1" }, {})
      revoke()
      assertRefused(proxy, "cannot be read")
    })

    it("refuses values that are no strings, and names the key", () => {
      assertRefused({ a: "1", b: undefined }, "value must be a string, got undefined", "b")
      assertRefused({ a: null }, "value must be a string, got object", "a")
      assertRefused({ a: 1 }, "value must be a string, got number", "a")
    })

    it("refuses text that is not well-formed, which would silently become another text", () => {
      assertRefused({ "\ud83d": "1" }, "key is not well-formed Unicode", "\ud83d")
      assertRefused({ a: "\ude00" }, "value is not well-formed Unicode", "a")
      assertRefused({ a: "x\ude00\ud83d" }, "value is not well-formed Unicode", "a")
    })

    it("refuses what is too long, at the exact limits", () => {
      assertRefused({ ["k".repeat(65_536)]: "" }, "key is 65536 bytes, at most 65535 fit")
      assertRefused({ a: "v".repeat(65_536) }, "value is 65536 bytes, at most 65535 fit", "a")
      assertRefused({ a: "é".repeat(32_768) }, "value is 65536 bytes, at most 65535 fit", "a")
      // 2 bytes of count, and 4 of lengths.
      assert.strictEqual(EncryptionContextCodec.encode(valid({ a: "v".repeat(65_528) })).length, 65_535)
      assertRefused({ a: "v".repeat(65_529) }, "serialised length is 65536 bytes, at most 65535 fit")
      assertRefused(
        { a: "v".repeat(40_000), b: "v".repeat(40_000) },
        "serialised length is 80012 bytes, at most 65535 fit"
      )
    })

    it("does not put values into errors", () => {
      const failure = assertFails(validate({ a: "secret\ud83d" }), InvalidEncryptionContext)
      assert.strictEqual(failure.message, "encryption context: key \"a\": value is not well-formed Unicode")
      assert.notInclude(JSON.stringify(failure), "secret")
    })
  })

  describe("serialize", () => {
    it("is nothing for an empty context", () => {
      assert.strictEqual(EncryptionContextCodec.encode(valid({})).length, 0)
      assert.strictEqual(EncryptionContextCodec.encode(EncryptionContext.empty).length, 0)
    })

    it("is the specification's example", () => {
      // data-format/message-header.md#example-bytes without its public key; the key of the first pair as in the bytes.
      assert.strictEqual(
        toHex(EncryptionContextCodec.encode(valid({ "2context": "example", "0this": "is", "1an": "encryption" }))),
        toHex(hex(`
          0003
          0005 3074686973 0002 6973
          0003 31616e 000a 656e6372797074696f6e
          0008 32636f6e74657874 0007 6578616d706c65
        `))
      )
    })

    it("orders by UTF-8 bytes, which is neither JavaScript's order nor a locale's", () => {
      const order = [
        "",
        "B",
        "Z",
        "_",
        "a",
        "ab",
        "b",
        "é",
        "\u{d7ff}",
        "\u{ff21}",
        "\u{ffee}",
        "\u{1f600}",
        "\u{10ffff}"
      ]
      const shuffled = order.toSorted()
      assert.notDeepEqual(shuffled, order, "JavaScript orders astral characters before U+FF21")
      assert.notDeepEqual(order.toSorted((a, b) => a.localeCompare(b)), order)
      for (const keys of [shuffled, order.toReversed()]) {
        assert.strictEqual(
          toHex(EncryptionContextCodec.encode(valid(Object.fromEntries(keys.map((key) => [key, key]))))),
          toHex(encode(...order.map((key) => [key, key] as const)))
        )
      }
    })

    it("answers the same bytes however often it is asked, and however long they are", () => {
      for (const value of ["1", "v", "\u{1F600}\u00ff\u0080", "v".repeat(5000)]) {
        const context = valid({ k: value })
        for (let i = 0; i < 4; i++) {
          const bytes = EncryptionContextCodec.encode(context)
          assert.deepStrictEqual(bytes, encode(["k", value]))
          bytes.fill(0)
        }
      }
    })

    it("of what was made of a validated context is its own", () => {
      const context = valid({ k: "v" })
      for (let i = 0; i < 3; i++) EncryptionContextCodec.encode(context)
      // It inherits the pairs, and not what says that they were validated.
      const heir = Object.create(context, { k: { value: "w", enumerable: true } }) as object
      assertRefused(heir, "must be a plain object of strings")
      const copies = [{ ...context, k: "w" }, Object.assign(Object.create(null) as object, context, { k: "w" })]
      for (const copy of copies) {
        assert.notStrictEqual(valid(copy), copy)
        assert.deepStrictEqual(EncryptionContextCodec.encode(valid(copy)), encode(["k", "w"]))
      }
    })

    it("orders a key before those that it begins", () => {
      assert.strictEqual(
        toHex(EncryptionContextCodec.encode(valid({ ab: "2", a: "1", "a\0": "3" }))),
        toHex(encode(["a", "1"], ["a\0", "3"], ["ab", "2"]))
      )
    })

    it.prop(
      "holds every pair once, in ascending order of bytes",
      [Arbitraries.encryptionContext({ maxPairs: 12 })],
      ([context]) => {
        const bytes = Buffer.from(EncryptionContextCodec.encode(valid(context)))
        const expected = Object.keys(context).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        assert.strictEqual(
          toHex(bytes),
          expected.length === 0 ? "" : toHex(encode(...expected.map((key) => [key, context[key]!] as const)))
        )
      },
      { arbitrary: { seed: "context", runs: 200 } }
    )
  })

  it("finds reserved keys, and only those", () => {
    assert.isUndefined(EncryptionContext.findReservedKey({ a: "1", "aws-cryptography": "2", "AWS-crypto-x": "3" }))
    assert.strictEqual(EncryptionContext.findReservedKey({ a: "1", "aws-crypto-": "2" }), "aws-crypto-")
    assert.strictEqual(
      EncryptionContext.findReservedKey({ [EncryptionContext.publicKeyKey]: "x" }),
      "aws-crypto-public-key"
    )
  })

  describe("findMismatch", () => {
    it("asks that every expected pair is there, and no more", () => {
      const actual = { a: "1", b: "2" }
      assert.isUndefined(EncryptionContext.findMismatch({}, actual))
      assert.isUndefined(EncryptionContext.findMismatch({ b: "2" }, actual))
      assert.isUndefined(EncryptionContext.findMismatch({ b: "2", a: "1" }, actual))
      assert.strictEqual(EncryptionContext.findMismatch({ a: "1", b: "3" }, actual), "b")
      assert.strictEqual(EncryptionContext.findMismatch({ c: "3" }, actual), "c")
      assert.strictEqual(EncryptionContext.findMismatch({ a: "1 " }, actual), "a")
    })

    it("is not deceived by inherited properties", () => {
      for (const key of ["toString", "__proto__", "constructor"]) {
        const expected = fromPairs([key, "x"])
        assert.strictEqual(EncryptionContext.findMismatch(expected, {}), key)
        assert.isUndefined(EncryptionContext.findMismatch(expected, fromPairs([key, "x"])))
      }
    })
  })

  it.prop("pick and omit divide a context", [
    Arbitrary.all({
      context: Arbitraries.encryptionContext({ maxPairs: 6 }),
      keys: Arbitrary.array(Arbitraries.text(), { maxLength: 3 })
    })
  ], ([{ context, keys }]) => {
    const chosen = [...keys, ...Object.keys(context).slice(0, 2)]
    const picked = EncryptionContext.pick(context, chosen)
    const omitted = EncryptionContext.omit(context, chosen)
    assert.isTrue(Object.keys(picked).every((key) => chosen.includes(key)))
    assert.isTrue(Object.keys(omitted).every((key) => !chosen.includes(key)))
    assert.deepStrictEqual({ ...picked, ...omitted }, { ...context })
    assert.strictEqual(Object.keys(picked).length + Object.keys(omitted).length, Object.keys(context).length)
  }, { arbitrary: { seed: "pick-omit", runs: 100 } })

  it("pick keeps __proto__ as a key", () => {
    assert.deepStrictEqual(
      Object.entries(EncryptionContext.pick(fromPairs(["__proto__", "x"], ["a", "1"]), ["__proto__"])),
      [["__proto__", "x"]]
    )
    assert.deepStrictEqual(
      Object.entries(EncryptionContext.omit(fromPairs(["__proto__", "x"], ["a", "1"]), ["a"])),
      [["__proto__", "x"]]
    )
  })
})
