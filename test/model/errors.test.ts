/**
 * What every error class of every entry point prints.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Effect, Equal, Logger, Schema } from "effect"
import * as main from "effect-encryption-sdk"
import * as caching from "effect-encryption-sdk/caching"
import * as crypto from "effect-encryption-sdk/crypto"
import * as hierarchical from "effect-encryption-sdk/hierarchical"
import * as kms from "effect-encryption-sdk/kms"
import * as developmentOnly from "effect-encryption-sdk/kms/development-only"
import * as message from "effect-encryption-sdk/message"
import * as raw from "effect-encryption-sdk/raw"
import * as testing from "effect-encryption-sdk/testing"
import * as web from "effect-encryption-sdk/web"
import { inspect } from "../support/inspect.ts"
import { inBrowser } from "../support/TestPrimitives.ts"

const entryPoints: ReadonlyArray<object> = [
  main,
  caching,
  crypto,
  hierarchical,
  kms,
  developmentOnly,
  message,
  raw,
  testing,
  web,
  // Those need Node.
  ...inBrowser
    ? []
    : [
      await import("effect-encryption-sdk/node"),
      await import("effect-encryption-sdk/kms/aws"),
      await import("effect-encryption-sdk/hierarchical/dynamodb")
    ]
]

type TaggedErrorClass = Schema.Codec<Error & { readonly _tag: string }> & { readonly name: string }

const isErrorClass = (value: unknown): value is TaggedErrorClass =>
  typeof value === "function" && value.prototype instanceof Error && "fields" in value

/** The classes of the entry points and of their namespaces, each once. */
const classes = new Set(
  entryPoints.flatMap((module) =>
    Object.values(module).flatMap((member) =>
      typeof member === "object" && member !== null ? Object.values(member) : [member]
    )
  ).filter(isErrorClass)
)

const stacks = (text: string) => text.split("\n").filter((line) => /^\s+at /.test(line)).length

/** What a program prints of an error that it logs. */
const logged = Effect.fnUntraced(function*(error: unknown) {
  const out: Array<string> = []
  const capture = (logger: Logger.Logger<unknown, string>) =>
    Logger.make<unknown, void>((options) => {
      out.push(logger.log(options))
    })
  const loggers = [Logger.formatSimple, Logger.formatLogFmt, Logger.formatJson].map(capture)
  yield* Effect.logError(error).pipe(Effect.provide(Logger.layer(loggers)))
  yield* Effect.logError(Cause.fail(error)).pipe(Effect.provide(Logger.layer(loggers)))
  return out
})

const each = [...classes].map((errorClass) => ({ name: errorClass.name, errorClass }))

describe("every error class", () => {
  it("is found", () => {
    const names = [...classes].map(({ name }) => name).toSorted()
    assert.includeMembers(names, [
      "BranchKeyStorageError",
      "BranchKeyStoreError",
      "DecryptError",
      "EmbeddedKmsError",
      "EncryptError",
      "InvalidKeyIdentifier",
      "InvalidPolicy",
      "KeyringError",
      "KmsError",
      "MalformedMessage",
      "MaterialsCacheError",
      "NoDataKeyUnwrapped",
      "NotLoaded",
      "PrimitivesError",
      "UnverifiedPlaintextReleased",
      "WebStreamError",
      ...inBrowser ? [] : ["BranchKeyTableError", "NodeStreamError"]
    ])
    assert.strictEqual(new Set(names).size, names.length)
  })

  it.effect.each(each)(
    "$name prints as its tag and message, and with no stack but its own",
    ({ errorClass, name }) =>
      Effect.gen(function*() {
        for (const error of yield* Arbitrary.sampleEffect(Arbitrary.schema(errorClass), { count: 5, seed: name })) {
          assert.strictEqual(error._tag, name)
          assert.strictEqual(error.name, name)
          assert.notStrictEqual(error.message, "")
          assert.strictEqual(String(error), `${name}: ${error.message}`)
          assert.include([`${name}: `, `${name}\n `], error.stack?.slice(0, name.length + 2))
          for (const text of [inspect(error), Cause.pretty(Cause.fail(error)), ...yield* logged(error)]) {
            assert.isAtMost(stacks(text), stacks(error.stack ?? ""))
          }
        }
      })
  )

  it.effect.each(each)("$name keeps its message where it is cloned", ({ errorClass, name }) =>
    Effect.gen(function*() {
      for (const error of yield* Arbitrary.sampleEffect(Arbitrary.schema(errorClass), { count: 20, seed: name })) {
        const { message } = error
        assert.strictEqual(structuredClone(error).message, message)
        assert.isFalse(Object.keys(error).includes("message"))
        assert.notProperty(JSON.parse(JSON.stringify(error)), "message")
        // Chromium takes the first line of a stack before an error has its fields, and so without the message.
        if (!inBrowser) assert.isTrue(error.stack?.startsWith(`${name}: ${message}\n`))
      }
    }))

  it.effect.each(each)(
    "$name is the same error after it went through JSON text",
    ({ errorClass, name }) =>
      Effect.gen(function*() {
        const codec = Schema.fromJsonString(Schema.toCodecJson(errorClass))
        for (const error of yield* Arbitrary.sampleEffect(Arbitrary.schema(errorClass), { count: 50, seed: name })) {
          const text = yield* Schema.encodeEffect(codec)(error)
          const decoded = yield* Schema.decodeEffect(codec)(text)
          assert.strictEqual(decoded.constructor, errorClass)
          assert.strictEqual(decoded.message, error.message)
          assert.strictEqual(yield* Schema.encodeEffect(codec)(decoded), text)
          assert.isTrue(Equal.equals(decoded, error), text)
        }
      })
  )
  it.effect("goes through JSON text with whatever another part threw as its cause", () =>
    Effect.gen(function*() {
      const circular: Record<string, unknown> = {}
      circular["itself"] = circular
      const own = new main.InvalidOption({ field: "a", description: "b" })
      const causes = [
        new TypeError("outer", { cause: new Error("inner") }),
        Object.assign(new Error("with fields"), { circular, big: 1n, call: () => 1 }),
        own,
        circular,
        1n,
        NaN,
        undefined,
        null,
        Symbol("s"),
        () => 1,
        Uint8Array.of(1, 2),
        new Map([[1n, circular]]),
        Effect.void,
        Object.create(null)
      ]
      for (const cause of causes) {
        const reason = new main.BrokenContract({ part: "keyring", description: "threw", cause })
        const error = new main.EncryptError({
          reason: new main.KeyringError.KeyringError({ keyring: "k", operation: "onEncrypt", reason })
        })
        const codec = Schema.fromJsonString(Schema.toCodecJson(main.EncryptError))
        const decoded = yield* Schema.decodeEffect(codec)(yield* Schema.encodeEffect(codec)(error))
        assert.strictEqual(decoded.message, error.message)
        if (!(cause instanceof Error)) continue
        const inner = (decoded.reason as typeof error.reason & { reason: main.BrokenContract }).reason.cause as Error
        assert.deepStrictEqual([inner.name, inner.message], [cause.name, cause.message])
      }
    }))
  it("cannot be cloned where its cause cannot", () => {
    const error = new main.BrokenContract({ part: "keyring", description: "threw", cause: () => 1 })
    assert.throws(() => structuredClone(error), DOMException)
  })
})
