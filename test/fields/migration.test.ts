/** Columns that still hold plaintext: strict by default, read as they are by option, and never encrypted twice. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Metric, Schema } from "effect"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { EncryptedField, FieldMetrics, withEncryptionContext } from "effect-encryption-sdk/fields"
import { failureOf } from "../support/client.ts"
import { issueOf, sdkLayer } from "../support/fields.ts"

const email = { table: "customers", column: "email" }
const accepting = { encryptionContext: email, plaintext: "Accepted" } as const
const Strict = EncryptedField.make(Schema.String, { encryptionContext: email })
const Migrated = EncryptedField.make(Schema.String, accepting)
const Other = EncryptedField.make(Schema.String, { ...accepting, encryptionContext: { ...email, column: "name" } })

const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, "base64"))
const already = "is a message of the AWS Encryption SDK already"

/** A message in the forms that it takes by mistake. */
const forms = (text: string): ReadonlyArray<readonly [name: string, form: string]> => {
  const message = Buffer.from(text, "base64")
  return [
    ["base64", text],
    ["base64url", text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")],
    ["hex", message.toString("hex")],
    ["the hex format of PostgreSQL", `\\x${message.toString("hex")}`],
    ["base64 in quotation marks", JSON.stringify(text)],
    ["base64 with a line end", `${text}\n`],
    ["base64 behind a space", ` ${text}`],
    ["base64 that is cut off", text.slice(0, 255)],
    ["base64 that is cut off early", text.slice(0, 20)]
  ]
}

const counted = (field: string) => Effect.map(Metric.value(FieldMetrics.plaintexts({ field })), ({ count }) => count)

describe("a strict field", () => {
  it.effect("reads no plaintext", () =>
    Effect.gen(function*() {
      for (const text of ["ada@example.com", "", "QUJD", "null"]) {
        const exit = yield* Effect.exit(Schema.decodeEffect(Strict)(text))
        assert.isTrue(Exit.isFailure(exit), text)
      }
      assert.include(
        yield* issueOf(Schema.decodeEffect(Strict)("ada@example.com")),
        "is no base64 text, and so no message"
      )
    }).pipe(Effect.provide(sdkLayer)))
})

describe("a field that accepts plaintext", () => {
  it.effect("reads it as it is, counts it and reports it, without its value", () =>
    Effect.gen(function*() {
      const events: Array<EncryptedField.PlaintextRead> = []
      const field = EncryptedField.make(Schema.String, {
        ...accepting,
        onPlaintext: (event) => void events.push(event)
      })
      const before = yield* counted("customers.email")
      const decode = withEncryptionContext(Schema.decodeEffect(field)("ada@example.com"), { customer: "c1" })
      assert.strictEqual(yield* decode, "ada@example.com")
      assert.deepStrictEqual(events, [{ field: "customers.email", encryptionContext: { ...email, customer: "c1" } }])
      assert.strictEqual(yield* counted("customers.email"), before + 1)
      const message = yield* Schema.encodeEffect(field)("ada@example.com")
      assert.strictEqual(yield* Schema.decodeEffect(field)(message), "ada@example.com")
      assert.strictEqual(events.length, 1, "a message is no plaintext")
      assert.strictEqual(yield* counted("customers.email"), before + 1)
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("does not count or report what is no value of the schema", () =>
    Effect.gen(function*() {
      let reported = 0
      const field = EncryptedField.make(Schema.Number, { ...accepting, onPlaintext: () => void reported++ })
      assert.include(yield* issueOf(Schema.decodeEffect(field)("{")), "is no value of the field's schema")
      assert.strictEqual(reported, 0)
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("goes on where the callback throws", () =>
    Effect.gen(function*() {
      const field = EncryptedField.make(Schema.String, {
        ...accepting,
        onPlaintext: () => {
          throw new Error("full")
        }
      })
      assert.deepStrictEqual(yield* Effect.exit(Schema.decodeEffect(field)("ada")), Exit.succeed("ada"))
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("reads JSON of structured values, base64 of bytes, and UTF-8 of text in a column of bytes", () =>
    Effect.gen(function*() {
      const Json = EncryptedField.make(Schema.Struct({ at: Schema.Date }), accepting)
      assert.deepStrictEqual(yield* Schema.decodeEffect(Json)(`{"at":"1970-01-01T00:00:00.000Z"}`), { at: new Date(0) })
      const Bytes = EncryptedField.make(Schema.Uint8Array, accepting)
      assert.deepStrictEqual(yield* Schema.decodeEffect(Bytes)("AQID"), Uint8Array.of(1, 2, 3))
      assert.include(yield* issueOf(Schema.decodeEffect(Bytes)("!")), "is no message, and no base64 text of bytes")
      const Text = EncryptedField.make(Schema.String, { ...accepting, encoding: "Bytes" })
      const column = new TextEncoder().encode("ada")
      assert.strictEqual(yield* Schema.decodeEffect(Text)(column), "ada")
      assert.deepStrictEqual(column, new TextEncoder().encode("ada"), "the caller's bytes stay as they are")
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("does not take a message of another field or row for plaintext", () =>
    Effect.gen(function*() {
      const message = yield* withEncryptionContext(Schema.encodeEffect(Other)("x"), { customer: "c1" })
      for (const customer of ["c1", "c2"]) {
        const error = yield* failureOf(withEncryptionContext(Schema.decodeEffect(Migrated)(message), { customer }))
        assert.strictEqual(EncryptedField.causes(error as Schema.SchemaError).length, 1)
      }
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("takes no form of a message for plaintext", () =>
    Effect.gen(function*() {
      const message = yield* Schema.encodeEffect(Migrated)("x")
      for (const [name, form] of forms(message)) {
        const exit = yield* Effect.exit(Schema.decodeEffect(Migrated)(form))
        if (name === "base64") assert.deepStrictEqual(exit, Exit.succeed("x"))
        else assert.isTrue(Exit.isFailure(exit), name)
      }
      const Bytes = EncryptedField.make(Schema.Uint8Array, { ...accepting, encoding: "Bytes" })
      const bytes = fromBase64(message)
      for (const form of [bytes.subarray(0, 40), new TextEncoder().encode(message)]) {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(Schema.decodeEffect(Bytes)(form))))
      }
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("reads texts that only look a little like one", () =>
    Effect.gen(function*() {
      for (const text of ["AYAKO", "AGRIPPA", "0180 555 1234", "020478", "data:,x", "\x02", "Ag"]) {
        assert.deepStrictEqual(yield* Effect.exit(Schema.decodeEffect(Migrated)(text)), Exit.succeed(text))
      }
    }).pipe(Effect.provide(sdkLayer)))
})

describe("a message", () => {
  it.effect("is not encrypted again: as text, as bytes, and within JSON", () =>
    Effect.gen(function*() {
      const message = yield* Schema.encodeEffect(Strict)("x")
      for (const field of [Strict, Migrated, Other]) {
        assert.include(yield* issueOf(Schema.encodeEffect(field)(message)), already)
      }
      const Union = EncryptedField.make(Schema.Union([Schema.String, Schema.Number]), { encryptionContext: email })
      assert.include(yield* issueOf(Schema.encodeEffect(Union)(message)), already)
      const Bytes = EncryptedField.make(Schema.Uint8Array, { encryptionContext: email })
      for (const bytes of [fromBase64(message), new TextEncoder().encode(message)]) {
        assert.include(yield* issueOf(Schema.encodeEffect(Bytes)(bytes)), already)
      }
    }).pipe(Effect.provide(sdkLayer)))

  it.effect("that only begins as one is a plaintext", () =>
    Effect.gen(function*() {
      for (const text of ["AgR4", "AYADeQ==", "AYABRAHAM", "AgV4\u{1f600}"]) {
        const encoded = yield* Effect.exit(Schema.encodeEffect(Migrated)(text))
        assert.isTrue(Exit.isSuccess(encoded), text)
        assert.strictEqual(yield* Schema.decodeEffect(Migrated)(yield* encoded), text)
      }
    }).pipe(Effect.provide(sdkLayer)))
})

describe("of any text", () => {
  const start = Arbitrary.schema(Schema.Literals(["", "AYAD", "AgR4", "AgV4", "0180037", "\\x0204", " ", "\"", "{"]))
  const cases = { start, text: Arbitraries.text({ maxLength: 60 }), cut: Arbitrary.schema(Schema.Int) }

  it.effect.prop(
    "no mode reads a message as plaintext, or a plaintext as a message",
    cases,
    ({ cut, start, text }) =>
      Effect.gen(function*() {
        const plaintext = start + text
        assert.isTrue(Exit.isFailure(yield* Effect.exit(Schema.decodeEffect(Strict)(plaintext))))
        const read = yield* Effect.exit(Schema.decodeEffect(Migrated)(plaintext))
        if (Exit.isSuccess(read)) assert.strictEqual(read.value, plaintext)
        const message = yield* Schema.encodeEffect(Migrated)(plaintext)
        assert.notStrictEqual(message, plaintext)
        assert.strictEqual(yield* Schema.decodeEffect(Migrated)(message), plaintext)
        assert.strictEqual(yield* Schema.decodeEffect(Strict)(message), plaintext)
        const length = 8 + Math.abs(cut) % (message.length - 8)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(Schema.decodeEffect(Migrated)(message.slice(0, length)))))
        assert.include(yield* issueOf(Schema.encodeEffect(Migrated)(message)), already)
      }).pipe(Effect.provide(sdkLayer)),
    { timeout: 60_000, arbitrary: { seed: "migration", runs: 300 } }
  )
})
