/** Nothing that a field encrypts or decrypts is in an error, a log or a span, whatever its schema says. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Logger, Redacted, References, Schema, SchemaGetter, SchemaIssue, Tracer } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { EncryptedField } from "effect-encryption-sdk/fields"
import { errorOf, sdkLayer } from "../support/fields.ts"
import { recordingTracer } from "../support/recordingTracer.ts"
import { exported, shownOf } from "../support/shown.ts"

const secret = "tangerine-4711"
const encryptionContext = { table: "customers", column: "email" }

const talkative = Schema.String.check(
  Schema.makeFilter((value) => value.length > 1000 ? undefined : `too short: ${value}`)
)
const throwing = (operation: "decode" | "encode") => {
  const fail = (value: string): string => {
    throw new Error(`cannot ${operation} ${value}`)
  }
  const pass = (value: string): string => value
  return Schema.String.pipe(Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transform(operation === "decode" ? fail : pass),
    encode: SchemaGetter.transform(operation === "encode" ? fail : pass)
  }))
}
const dying = Schema.String.pipe(Schema.decodeTo(Schema.String, {
  decode: SchemaGetter.transformEffect((value: string) => Effect.die(new Error(value))),
  encode: SchemaGetter.transformEffect((value: string) => Effect.die(new Error(value)))
}))
const failing = Schema.String.pipe(Schema.decodeTo(Schema.String, {
  decode: SchemaGetter.transformEffect((value: string) =>
    Effect.fail(new SchemaIssue.InvalidValue({ message: value }, value))
  ),
  encode: SchemaGetter.transformEffect((value: string) =>
    Effect.fail(new SchemaIssue.InvalidValue({ message: value }, value))
  )
}))

const schemas: Record<string, Schema.Codec<any, any>> = {
  "a check that quotes": talkative,
  "a getter that throws on decode": throwing("decode"),
  "a getter that throws on encode": throwing("encode"),
  "a getter that dies": dying,
  "a getter that fails with the value": failing,
  "a record with the value as a key": Schema.Record(Schema.String, talkative),
  "a struct": Schema.Struct({ a: talkative, b: Schema.Array(talkative) }),
  "a number": Schema.Number
}

const values = [secret, { [secret]: secret }, { a: secret, b: [secret] }, [secret]]

describe("no error, log or span of a field holds its value", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    it.effect(`of ${name}`, () =>
      Effect.gen(function*() {
        const logged: Array<unknown> = []
        const { spans, tracer } = recordingTracer()
        const field = EncryptedField.make(schema, { encryptionContext, plaintext: "Accepted" })
        const watched = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          effect.pipe(
            Effect.withSpan("request"),
            Effect.provideService(Tracer.Tracer, tracer),
            Effect.provideService(References.MinimumLogLevel, "All"),
            Effect.provide(Logger.layer([Logger.make((options) => void logged.push(options))]))
          )
        let failures = 0
        const check = <A, R>(effect: Effect.Effect<A, Schema.SchemaError, R>) =>
          Effect.map(Effect.exit(watched(effect)), (exit) => {
            if (Exit.isSuccess(exit)) return
            failures++
            assert.notInclude(Cause.pretty(exit.cause), secret)
            assert.notInclude(shownOf(exit.cause), secret)
            assert.include(Cause.pretty(exit.cause), "encrypted field customers.email: ")
          })
        const sdk = yield* EncryptionSdk.EncryptionSdk
        const encode = Schema.encodeUnknownEffect(field)
        const encodeRedacted = Schema.encodeUnknownEffect(
          EncryptedField.make(schema, { encryptionContext, redacted: true })
        )
        for (const value of values) {
          yield* check(encode(value))
          yield* check(encode(value, { errors: "all" }))
          yield* check(encodeRedacted(Redacted.make(value), { reportInput: true, errors: "all" }))
          const plaintext = typeof value === "string" ? value : JSON.stringify(value)
          const { message } = yield* sdk.encrypt(plaintext, { encryptionContext })
          for (const encoded of [Buffer.from(message).toString("base64"), plaintext]) {
            yield* check(Schema.decodeUnknownEffect(field)(encoded))
            yield* check(Schema.decodeUnknownEffect(field)(encoded, { errors: "all" }))
            if (encoded !== plaintext) yield* check(Schema.decodeUnknownEffect(field)(encoded, { reportInput: true }))
          }
        }
        assert.isAbove(failures, 3)
        assert.notInclude(shownOf(logged), secret)
        assert.notInclude(shownOf(spans.map(exported)), secret)
      }).pipe(Effect.provide(sdkLayer)))
  }

  it.effect("where a schema is interrupted, the field is", () =>
    Effect.gen(function*() {
      const schema = Schema.String.pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.transformEffect((): Effect.Effect<string> => Effect.interrupt),
        encode: SchemaGetter.transformEffect((): Effect.Effect<string> => Effect.interrupt)
      }))
      const field = EncryptedField.make(schema, { encryptionContext })
      const exit = yield* Effect.exit(Schema.encodeEffect(field)("x"))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
    }).pipe(Effect.provide(sdkLayer)))
})

describe("the causes of an issue", () => {
  it.effect("are the library's errors, of each field, in their order", () =>
    Effect.gen(function*() {
      const Field = EncryptedField.make(Schema.String, { encryptionContext })
      const Row = Schema.Struct({ a: Field, b: Field, c: Schema.Number })
      const message = yield* Schema.encodeEffect(Field)("x")
      const bad = `${message.slice(0, -8)}AAAAAAA=`
      const error = yield* errorOf(Schema.decodeUnknownEffect(Row)({ a: bad, b: "AAAA", c: "no" }, { errors: "all" }))
      const causes = EncryptedField.causes(error)
      assert.deepStrictEqual(causes.map(({ _tag }) => _tag), ["DecryptError", "DecryptError"])
      assert.deepStrictEqual(causes.map(({ isRetryable }) => isRetryable), [false, false])
      assert.deepStrictEqual(EncryptedField.causes(error.issue), causes)
      const other = yield* errorOf(Schema.decodeUnknownEffect(Row)({ a: message, b: message, c: "no" }))
      assert.deepStrictEqual(EncryptedField.causes(other), [])
      const none = yield* errorOf(Schema.decodeUnknownEffect(Field)("!"))
      assert.deepStrictEqual(EncryptedField.causes(none), [])
    }).pipe(Effect.provide(sdkLayer)))
})
