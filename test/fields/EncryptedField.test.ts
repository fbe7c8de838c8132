import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Inspectable, Option, Redacted, Result, Schema } from "effect"
import { AlgorithmSuite, EncryptionSdk } from "effect-encryption-sdk"
import { CurrentEncryptionContext, EncryptedField, withEncryptionContext } from "effect-encryption-sdk/fields"
import { MessageHeader } from "effect-encryption-sdk/message"
import { failureOf } from "../support/client.ts"
import { arbitraryDescription, issueOf, schemaOf, sdkLayer } from "../support/fields.ts"

const email = { table: "customers", column: "email" }
const Email = EncryptedField.make(Schema.String, { encryptionContext: email })
const Bound = EncryptedField.make(Schema.String, { encryptionContext: email, requiredKeys: ["tenant", "customer"] })
const row = { tenant: "t1", customer: "c1" }
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")
const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, "base64"))

describe("a field", () => {
  it.effect("is text of a message with the pairs of the field, without JSON around the text", () =>
    Effect.gen(function*() {
      const text = yield* Schema.encodeEffect(Email)("ada@example.com")
      const { encryptionContext, plaintext } = yield* (yield* EncryptionSdk.EncryptionSdk).decrypt(fromBase64(text))
      assert.strictEqual(new TextDecoder().decode(plaintext), "ada@example.com")
      assert.containsSubset(encryptionContext, email)
      assert.strictEqual(yield* Schema.decodeEffect(Email)(text), "ada@example.com")
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("of bytes has the bytes as its plaintext", () =>
    Effect.gen(function*() {
      const field = EncryptedField.make(Schema.Uint8Array, { encryptionContext: email, encoding: "Bytes" })
      const value = Uint8Array.of(0, 255, 1)
      const message = yield* Schema.encodeEffect(field)(value)
      assert.deepStrictEqual((yield* (yield* EncryptionSdk.EncryptionSdk).decrypt(message)).plaintext, value)
      const decoded = yield* Schema.decodeEffect(field)(message)
      assert.deepStrictEqual(new Uint8Array(decoded), value)
      assert.isTrue(decoded.some((byte) => byte !== 0), "the bytes are the caller's: they are not zeroed")
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("of anything else has JSON of the schema's codec", () =>
    Effect.gen(function*() {
      const field = EncryptedField.make(Schema.Struct({ at: Schema.Date, big: Schema.BigInt }), {
        encryptionContext: email
      })
      const value = { at: new Date(0), big: 12345678901234567890n }
      const text = yield* Schema.encodeEffect(field)(value)
      const { plaintext } = yield* (yield* EncryptionSdk.EncryptionSdk).decrypt(fromBase64(text))
      assert.deepStrictEqual(JSON.parse(new TextDecoder().decode(plaintext)), {
        at: "1970-01-01T00:00:00.000Z",
        big: "12345678901234567890"
      })
      assert.deepStrictEqual(yield* Schema.decodeEffect(field)(text), value)
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("has the suite that it says", () =>
    Effect.gen(function*() {
      const algorithmSuite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
      const field = EncryptedField.make(Schema.String, { encryptionContext: email, algorithmSuite })
      const text = yield* Schema.encodeEffect(field)("x")
      const header = Result.getOrThrow(MessageHeader.decode(fromBase64(text)))
      assert.strictEqual(header.header.algorithmSuite.id, algorithmSuite.id)
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("is redacted where it says so", () =>
    Effect.gen(function*() {
      const field = EncryptedField.make(Schema.String, { encryptionContext: email, redacted: true })
      const text = yield* Schema.encodeEffect(field)(Redacted.make("secret value"))
      const decoded = yield* Schema.decodeEffect(field)(text)
      assert.isTrue(Redacted.isRedacted(decoded))
      assert.notInclude(JSON.stringify(decoded) + Inspectable.toStringUnknown(decoded), "secret value")
      assert.strictEqual(Redacted.value(decoded), "secret value")
      assert.include(
        yield* issueOf(Schema.encodeUnknownEffect(field)("secret value")),
        "no value of the field's schema"
      )
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("stands in a struct, and its issues have the path there", () =>
    Effect.gen(function*() {
      const Customer = Schema.Struct({ id: Schema.String, email: Email, name: Schema.NullOr(Email) })
      const encoded = yield* Schema.encodeEffect(Customer)({ id: "1", email: "ada@example.com", name: null })
      assert.deepStrictEqual(yield* Schema.decodeEffect(Customer)(encoded), {
        id: "1",
        email: "ada@example.com",
        name: null
      })
      const issue = yield* issueOf(Schema.decodeEffect(Customer)({ ...encoded, email: "!" }))
      assert.include(issue, `encrypted field customers.email: is no base64 text`)
      assert.include(issue, `["email"]`)
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("zeroes the bytes of a text and of JSON, also those that it rejects", () =>
    Effect.gen(function*() {
      const sdk = yield* EncryptionSdk.EncryptionSdk
      const plaintexts: Array<Uint8Array> = []
      const watched = Effect.provideService(EncryptionSdk.EncryptionSdk, {
        ...sdk,
        decrypt: (message, options) =>
          Effect.tap(
            sdk.decrypt(message, options),
            ({ plaintext }) => Effect.sync(() => void plaintexts.push(plaintext))
          )
      })
      const Json = EncryptedField.make(Schema.Struct({ a: Schema.String }), { encryptionContext: email })
      yield* watched(Schema.decodeEffect(Email)(yield* Schema.encodeEffect(Email)("x")))
      yield* watched(Schema.decodeEffect(Json)(yield* Schema.encodeEffect(Json)({ a: "x" })))
      yield* watched(issueOf(Schema.decodeEffect(Json)(yield* Schema.encodeEffect(Email)("no JSON"))))
      const elsewhere = yield* withEncryptionContext(Schema.encodeEffect(Email)("x"), { tenant: "t1" })
      yield* watched(issueOf(Schema.decodeEffect(Email)(elsewhere)))
      assert.strictEqual(plaintexts.length, 4)
      for (const plaintext of plaintexts) assert.isTrue(plaintext.length > 0 && plaintext.every((byte) => byte === 0))
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("has one text for each message", () =>
    Effect.gen(function*() {
      let others = 0
      for (const value of ["x", "xx", "xxx"]) {
        const text = yield* Schema.encodeEffect(Email)(value)
        const at = text.indexOf("=") - 1
        for (const last of at < 0 ? [] : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
          const other = `${text.slice(0, at)}${last}${text.slice(at + 1)}`
          if (other === text || base64(fromBase64(other)) !== text) continue
          others++
          assert.include(yield* issueOf(Schema.decodeEffect(Email)(other)), "is no base64 text")
        }
      }
      assert.isAbove(others, 2)
    }).pipe(Effect.provide(sdkLayer)))

  it("has a name made of its pairs", () => assert.strictEqual(Email.fieldName, "customers.email"))

  it.effect("has the arbitrary values of its schema", () =>
    Effect.gen(function*() {
      const field = EncryptedField.make(Schema.Literals(["a", "b"]), { encryptionContext: email })
      for (const value of yield* Arbitrary.sampleEffect(Arbitrary.schema(field), { count: 5, seed: "values" })) {
        assert.include(["a", "b"], value)
      }
    }))
})

describe("the row's context", () => {
  it.effect("has the pairs of the request, of outer calls and of inner ones", () =>
    Effect.gen(function*() {
      const text = yield* Schema.encodeEffect(Bound)("x").pipe(
        withEncryptionContext({ customer: "c1", tenant: "inner" }),
        withEncryptionContext({ tenant: "outer", region: "r" })
      )
      const { encryptionContext } = yield* (yield* EncryptionSdk.EncryptionSdk).decrypt(fromBase64(text))
      assert.containsSubset(encryptionContext, { ...email, customer: "c1", tenant: "inner", region: "r" })
      assert.deepStrictEqual(yield* CurrentEncryptionContext, {})
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("decodes a value where it was encoded, and nowhere else", () =>
    Effect.gen(function*() {
      const text = yield* withEncryptionContext(Schema.encodeEffect(Bound)("x"), row)
      assert.strictEqual(yield* withEncryptionContext(Schema.decodeEffect(Bound)(text), row), "x")
      for (const other of [{ ...row, tenant: "t2" }, { ...row, customer: "c2" }, { ...row, more: "pairs" }]) {
        const issue = yield* failureOf(withEncryptionContext(Schema.decodeEffect(Bound)(text), other))
        const [cause] = EncryptedField.causes(issue as Schema.SchemaError)
        assert.include(["EncryptionContextMismatch", "NoDataKeyUnwrapped"], cause?.reason._tag)
      }
      const Other = EncryptedField.make(Schema.String, { encryptionContext: { ...email, column: "name" } })
      const moved = yield* failureOf(withEncryptionContext(Schema.decodeEffect(Other)(text), row))
      assert.strictEqual(
        EncryptedField.causes(moved as Schema.SchemaError)[0]?.reason._tag,
        "EncryptionContextMismatch"
      )
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("does not decode a value outside of the row that it was encoded in", () =>
    Effect.gen(function*() {
      const text = yield* withEncryptionContext(Schema.encodeEffect(Email)("x"), { tenant: "t1" })
      assert.include(yield* issueOf(Schema.decodeEffect(Email)(text)), `the message has the pair "tenant"`)
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("must have the required keys, to encode and to decode", () =>
    Effect.gen(function*() {
      const text = yield* withEncryptionContext(Schema.encodeEffect(Bound)("x"), row)
      const tenant = withEncryptionContext({ tenant: "t1" })
      const encoded = yield* failureOf(tenant(Schema.encodeEffect(Bound)("x")))
      const decoded = yield* failureOf(tenant(Schema.decodeEffect(Bound)(text)))
      for (const { message } of [encoded, decoded]) assert.include(message, `the request has no pair "customer"`)
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("cannot have another value for a pair of the field", () =>
    Effect.gen(function*() {
      const issue = yield* failureOf(withEncryptionContext(Schema.encodeEffect(Email)("x"), { table: "orders" }))
      assert.include(issue.message, `the request has another value for "table"`)
      const same = yield* withEncryptionContext(Schema.encodeEffect(Email)("x"), { table: "customers" })
      assert.strictEqual(yield* Schema.decodeEffect(Email)(same), "x")
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("is rejected where no message can have it, before the effect runs", () =>
    Effect.gen(function*() {
      let ran = false
      const effect = Effect.sync(() => void (ran = true))
      for (const pairs of [{ id: undefined }, { id: 1 }, null, new Map([["id", "1"]]), { "aws-crypto-x": "1" }]) {
        const error = yield* failureOf(withEncryptionContext(effect, pairs as never))
        assert.strictEqual(error._tag, "InvalidEncryptionContext")
      }
      assert.isFalse(ran)
    }))

  it.effect("that was set past the check fails in the field", () =>
    Effect.gen(function*() {
      const set = Effect.provideService(CurrentEncryptionContext, { id: 1 } as never)
      assert.include(yield* issueOf(set(Schema.encodeEffect(Email)("x"))), "value must be a string")
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("that changes later changes nothing", () =>
    Effect.gen(function*() {
      const pairs = { tenant: "t1" }
      const text = yield* withEncryptionContext(pairs)(Effect.gen(function*() {
        pairs.tenant = "t2"
        return yield* Schema.encodeEffect(Email)("x")
      }))
      assert.strictEqual(yield* withEncryptionContext(Schema.decodeEffect(Email)(text), { tenant: "t1" }), "x")
      const mutable = { tenant: "t1" }
      const set = Effect.provideService(CurrentEncryptionContext, mutable)
      yield* set(Schema.encodeEffect(Email)("x"))
      mutable.tenant = "t2"
      const changed = yield* set(Schema.encodeEffect(Email)("x"))
      const decoded = yield* Effect.exit(withEncryptionContext(Schema.decodeEffect(Email)(changed), { tenant: "t2" }))
      assert.deepStrictEqual(decoded, Exit.succeed("x"))
    }).pipe(Effect.provide(sdkLayer)))
})

/** Options as a title has them. */
const inspect = (options: unknown) =>
  JSON.stringify(options, (_, value: unknown) => value instanceof Map ? "a map" : value)

describe("options of a field", () => {
  const wrong: ReadonlyArray<readonly [field: string, options: unknown]> = [
    ["options", undefined],
    ["encryptionContext", {}],
    ["encryptionContext", { encryptionContext: {} }],
    ["encryptionContext", { encryptionContext: { table: 1 } }],
    ["encryptionContext", { encryptionContext: { "aws-crypto-public-key": "x" } }],
    ["encryptionContext", { encryptionContext: new Map([["table", "x"]]) }],
    ["requiredKeys", { encryptionContext: email, requiredKeys: "tenant" }],
    ["requiredKeys[0]", { encryptionContext: email, requiredKeys: [""] }],
    ["requiredKeys[1]", { encryptionContext: email, requiredKeys: ["a", "aws-crypto-b"] }],
    ["algorithmSuite", { encryptionContext: email, algorithmSuite: "0x0478" }],
    ["encoding", { encryptionContext: email, encoding: "base64" }],
    ["redacted", { encryptionContext: email, redacted: "yes" }],
    ["plaintext", { encryptionContext: email, plaintext: true }],
    ["onPlaintext", { encryptionContext: email, onPlaintext: "log" }],
    ["requiredKey", { encryptionContext: email, requiredKey: ["tenant"] }]
  ]
  for (const [field, options] of wrong) {
    it(`are rejected: ${field} of ${inspect(options)}`, () => {
      const made = Result.try(() => EncryptedField.make(Schema.String, options as EncryptedField.Options))
      assert.isTrue(Result.isFailure(made))
      const { cause } = made as unknown as { readonly cause?: unknown }
      const error = (Result.isFailure(made) ? made.failure : undefined) as { readonly cause?: unknown } & Error
      const invalid = (cause ?? error.cause ?? error) as { readonly _tag: string; readonly field: string }
      assert.strictEqual(invalid._tag, "InvalidOption")
      assert.strictEqual(invalid.field, field)
    })
  }

  it.effect("are taken as they were", () =>
    Effect.gen(function*() {
      const requiredKeys: Array<string> = []
      const encryptionContext = { ...email }
      const field = EncryptedField.make(Schema.String, { encryptionContext, requiredKeys })
      requiredKeys.push("tenant")
      encryptionContext.table = "other"
      const encoded = yield* Effect.exit(Schema.encodeEffect(field)("x"))
      assert.isTrue(Exit.isSuccess(encoded))
      assert.deepStrictEqual(yield* Effect.exit(Effect.flatMap(encoded, Schema.decodeEffect(Email))), Exit.succeed("x"))
    }).pipe(Effect.provide(sdkLayer)))
})

describe("values", () => {
  const arbitraryCase = {
    description: arbitraryDescription,
    seed: Arbitrary.schema(Schema.String.check(Schema.isMinLength(1))),
    bytes: Arbitrary.schema(Schema.Boolean)
  }

  it.effect.prop(
    "of any schema come back, and no changed byte or text does",
    { ...arbitraryCase, at: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 20 }))) },
    ({ at, bytes, description, seed }) =>
      Effect.gen(function*() {
        const schema = schemaOf(description)
        const [value] = yield* Arbitrary.sampleEffect(Arbitrary.schema(schema), { count: 1, seed })
        const field = EncryptedField.make(schema, {
          encryptionContext: email,
          encoding: bytes ? "Bytes" : "Base64",
          requiredKeys: ["tenant"]
        })
        const here = withEncryptionContext(row)
        const encoding = yield* Effect.exit(here(Schema.encodeEffect(field)(value)))
        // Text with a lone surrogate has no UTF-8.
        if (description === "String" && /\p{Surrogate}/u.test(value as string)) {
          return assert.isTrue(Exit.isFailure(encoding))
        }
        const encoded = yield* encoding
        const again = yield* here(Schema.decodeEffect(field)(encoded))
        assert.deepStrictEqual(plain(again), plain(value))
        assert.isTrue(Exit.isFailure(yield* Effect.exit(here(Schema.decodeUnknownEffect(field)(changed(encoded, at))))))
      }).pipe(Effect.provide(sdkLayer)),
    { timeout: 120_000, arbitrary: { seed: "any schema", runs: 300, size: 20 } }
  )
})

/** Bytes may be of a Buffer here, and of none there. JSON has no negative zero. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return base64(value)
  if (typeof value === "number") return value + 0
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null || value instanceof Date) return value
  if (Option.isOption(value)) return Option.map(value, plain)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

/** The encoded value with a bit, or a character, of it changed. */
const changed = (encoded: string | Uint8Array, at: number): string | Uint8Array => {
  if (typeof encoded !== "string") {
    const copy = new Uint8Array(encoded)
    copy[at % copy.length]! ^= 1
    return copy
  }
  const index = at % encoded.length
  return `${encoded.slice(0, index)}${encoded[index] === "A" ? "B" : "A"}${encoded.slice(index + 1)}`
}
