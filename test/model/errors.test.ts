/**
 * What every error class of every entry point prints.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Effect, Logger, Schema } from "effect"
import * as main from "effect-encryption-sdk"
import * as caching from "effect-encryption-sdk/caching"
import * as crypto from "effect-encryption-sdk/crypto"
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
  kms,
  developmentOnly,
  message,
  raw,
  testing,
  web,
  // Those need Node.
  ...inBrowser
    ? []
    : [await import("effect-encryption-sdk/node"), await import("effect-encryption-sdk/kms/aws")]
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

describe("every error class", () => {
  it("is found", () => {
    const names = [...classes].map(({ name }) => name).toSorted()
    assert.includeMembers(names, [
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
      ...inBrowser ? [] : ["NodeStreamError"]
    ])
    assert.strictEqual(new Set(names).size, names.length)
  })

  it.effect.each([...classes].map((errorClass) => ({ name: errorClass.name, errorClass })))(
    "$name prints as its tag and message, and with no stack but its own",
    ({ errorClass, name }) =>
      Effect.gen(function*() {
        for (const error of yield* Arbitrary.sampleEffect(Arbitrary.schema(errorClass), { count: 5, seed: name })) {
          assert.strictEqual(error._tag, name)
          assert.strictEqual(error.name, name)
          assert.notStrictEqual(error.message, "")
          assert.strictEqual(String(error), `${name}: ${error.message}`)
          // Chromium takes the first line of a stack before an error has its fields, and so without the message.
          assert.include([`${name}: `, `${name}\n `], error.stack?.slice(0, name.length + 2))
          for (const text of [inspect(error), Cause.pretty(Cause.fail(error)), ...yield* logged(error)]) {
            assert.isAtMost(stacks(text), stacks(error.stack ?? ""))
          }
        }
      })
  )
})
