import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import { EncryptionContext } from "effect-encryption-sdk"
import { EncryptionContextCodec } from "effect-encryption-sdk/message"
import { Arbitraries } from "effect-encryption-sdk/testing"
import * as contextMemo from "../../src/client/contextMemo.ts"
import { checked } from "../../src/internal/rejection.ts"

const make = () => {
  const memo = contextMemo.make()
  return { memo, valid: (context: object) => memo.check(context as Record<string, string>) }
}

/** Texts of few characters, so that one context might pass for another. */
const separators = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals(["0", "1", "2", ".", "a"])), { maxLength: 4 }),
  (parts) => parts.join("")
)
const pairs = Arbitrary.array(Arbitrary.all({ key: separators, value: separators }), { maxLength: 3 })

describe("the memory of contexts", () => {
  it("returns one frozen object for all equal contexts, whatever objects they come in", () => {
    const { valid } = make()
    const first = valid({ a: "1", b: "2" })
    assert.isTrue(Object.isFrozen(first))
    assert.deepStrictEqual(first, { a: "1", b: "2" })
    assert.strictEqual(valid({ a: "1", b: "2" }), first)
    assert.strictEqual(valid(Object.freeze({ a: "1", b: "2" })), first)
    assert.strictEqual(valid(Object.assign(Object.create(null) as object, { a: "1", b: "2" })), first)
    assert.strictEqual(valid(first), first)
    // The order of pairs is the caller's, and is kept.
    assert.deepStrictEqual(Object.keys(valid({ b: "2", a: "1" })), ["b", "a"])
  })

  it("hands no caller what an earlier caller's object had besides its pairs", () => {
    const { valid } = make()
    const poisoned = Object.defineProperty({ a: "1", [Symbol("s")]: "first" }, Symbol.toStringTag, {
      get: () => {
        throw new Error("poison")
      }
    })
    assert.throws(() => valid(poisoned))
    const context = valid({ a: "1" })
    assert.deepStrictEqual(Reflect.ownKeys(context), ["a"])
    assert.strictEqual(Object.prototype.toString.call(context), "[object Object]")
  })

  it.prop("never returns the object of another context", [Arbitrary.array(pairs, { minLength: 2, maxLength: 8 })], ([
    contexts
  ]) => {
    const { memo, valid } = make()
    const made = contexts.map((list) => {
      const context = Object.fromEntries(list.map(({ key, value }) => [key, value]))
      return { text: JSON.stringify(Object.entries(context)), context, validated: valid(context) }
    })
    for (const one of made) {
      assert.deepStrictEqual(Object.entries(one.validated), Object.entries(one.context))
      assert.deepStrictEqual(memo.encode(one.validated), EncryptionContextCodec.encode(one.context))
      for (const other of made) assert.strictEqual(one.validated === other.validated, one.text === other.text)
    }
  }, { arbitrary: { seed: "context-memo", runs: 500 } })

  it("takes none for another one that is as long and ends alike", () => {
    const { valid } = make()
    const end = "the same twelve characters at the end"
    for (const start of ["tenant a, ", "tenant b, ", "tenant a, "]) {
      assert.deepStrictEqual(valid({ tenant: start + end }), { tenant: start + end })
      assert.deepStrictEqual(valid({ [start + end]: "tenant" }), { [start + end]: "tenant" })
    }
  })

  it.prop("encodes as the codec does, every time", [Arbitraries.encryptionContext({ maxPairs: 6 })], ([context]) => {
    const { memo, valid } = make()
    const expected = EncryptionContextCodec.encode(context)
    for (let time = 0; time < 3; time++) {
      assert.deepStrictEqual(memo.encode(valid({ ...context })), expected)
      assert.deepStrictEqual(memo.encode(context), expected)
    }
  }, { arbitrary: { seed: "context-memo-encode", runs: 100 } })

  it("keeps what it was given, whatever the caller's object becomes", () => {
    const { memo, valid } = make()
    const context: Record<string, string> = { a: "1" }
    const first = valid(context)
    const encoded = memo.encode(first)
    context["a"] = "2"
    context["b"] = "3"
    assert.deepStrictEqual(first, { a: "1" })
    assert.deepStrictEqual(valid(context), { a: "2", b: "3" })
    assert.strictEqual(valid({ a: "1" }), first)
    assert.strictEqual(memo.encode(first), encoded)
    assert.deepStrictEqual(encoded, EncryptionContextCodec.encode({ a: "1" }))
    // What was never validated may change, so that its bytes are not kept.
    assert.deepStrictEqual(memo.encode(context), EncryptionContextCodec.encode({ a: "2", b: "3" }))
    context["a"] = "4"
    assert.deepStrictEqual(memo.encode(context), EncryptionContextCodec.encode({ a: "4", b: "3" }))
  })

  it("rejects what EncryptionContext.validate rejects, with its error, a second time too", () => {
    const { memo } = make()
    const wrong: ReadonlyArray<unknown> = [null, [], new Map(), { a: 1 }, { a: "\ud83d" }, { "\ude00": "" }, {
      a: "v".repeat(65_536)
    }]
    for (const context of [...wrong, ...wrong] as ReadonlyArray<EncryptionContext.EncryptionContext>) {
      const expected = EncryptionContext.validate(context)
      assert.isTrue(Result.isFailure(expected))
      assert.deepStrictEqual(checked(() => memo.check(context)), expected)
    }
  })

  it("holds 256 contexts, and forgets the first of them for one more", () => {
    const { memo, valid } = make()
    const contexts = Array.from({ length: 256 }, (_, i) => valid({ i: String(i) }))
    const encoded = contexts.map((context) => memo.encode(context))
    contexts.forEach((context, i) => {
      assert.strictEqual(valid({ i: String(i) }), context)
      assert.strictEqual(memo.encode(context), encoded[i])
    })
    memo.encode(valid({ i: "256" }))
    assert.strictEqual(valid({ i: "1" }), contexts[1])
    assert.strictEqual(memo.encode(contexts[1]!), encoded[1])
    assert.notStrictEqual(valid({ i: "0" }), contexts[0])
    assert.deepStrictEqual(valid({ i: "0" }), contexts[0])
    assert.notStrictEqual(memo.encode(contexts[0]!), encoded[0])
    assert.deepStrictEqual(memo.encode(contexts[0]!), encoded[0])
  })

  it("holds contexts of 1024 characters and of 32 pairs, and no larger ones; and encodings of 1024 bytes", () => {
    const { memo, valid } = make()
    const of = (length: number) => ({ k: "v".repeat(length) })
    assert.strictEqual(valid(of(1023)), valid(of(1023)))
    assert.notStrictEqual(valid(of(1024)), valid(of(1024)))
    assert.deepStrictEqual(valid(of(1024)), of(1024))
    const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, "v"]))
    assert.strictEqual(valid(pairs(32)), valid(pairs(32)))
    assert.notStrictEqual(valid(pairs(33)), valid(pairs(33)))
    assert.deepStrictEqual(valid(pairs(33)), pairs(33))
    // Two bytes of count, four of lengths, one of the key.
    const [longest, longer] = [valid(of(1024 - 7)), valid(of(1024 - 6))]
    assert.strictEqual(memo.encode(longest), memo.encode(longest))
    assert.notStrictEqual(memo.encode(longer), memo.encode(longer))
    assert.deepStrictEqual(memo.encode(longer), EncryptionContextCodec.encode(longer))
  })

  it("is each client's own", () => {
    assert.notStrictEqual(make().valid({ a: "1" }), make().valid({ a: "1" }))
  })
})

/** With a memory and without one. */
const validations = [
  ["EncryptionContext", () => EncryptionContext.validate],
  ["the memory of contexts", () => {
    const memo = contextMemo.make()
    return (context: EncryptionContext.EncryptionContext) => checked(() => memo.check(context))
  }]
] as const
for (const [name, make] of validations) {
  describe(`validate of ${name}, of what it has seen before`, () => {
    const validate = make()
    const validated = (context: EncryptionContext.EncryptionContext) =>
      Object.entries(Result.getOrThrow(validate(context)))

    it("takes each object as it is now", () => {
      const context: Record<string, string> = { a: "1", b: "2" }
      assert.deepStrictEqual(validated(context), [["a", "1"], ["b", "2"]])
      context["a"] = "2"
      assert.deepStrictEqual(validated(context), [["a", "2"], ["b", "2"]])
      delete context["b"]
      assert.deepStrictEqual(validated(context), [["a", "2"]])
      assert.deepStrictEqual(validated({ b: "2", a: "1" }), [["b", "2"], ["a", "1"]])
      assert.deepStrictEqual(validated({ a: "1", b: "2" }), [["a", "1"], ["b", "2"]])
    })

    it("takes none for another of the same characters", () => {
      const contexts = [
        { ab: "c" },
        { a: "bc" },
        { abc: "" },
        { "": "abc" },
        { a: "1.1.bc" },
        { a: "1", b: "c" },
        { a: "", "1.1": "bc" },
        { "a1.1.b": "c" }
      ]
      for (let time = 0; time < 2; time++) {
        for (const context of contexts) assert.deepStrictEqual(validated(context), Object.entries(context))
      }
    })

    it("reads a value once each time, and keeps what was read", () => {
      let asked = 0
      const context = new Proxy({ a: "" }, { get: () => String(asked++) })
      assert.deepStrictEqual(validated(context), [["a", "0"]])
      assert.deepStrictEqual(validated({ a: "0" }), [["a", "0"]])
      assert.deepStrictEqual(validated(context), [["a", "1"]])
    })

    it("however many there are", () => {
      for (let time = 0; time < 2; time++) {
        for (let i = 0; i < 600; i++) assert.deepStrictEqual(validated({ i: `${i}` }), [["i", `${i}`]])
      }
    })
  })
}
