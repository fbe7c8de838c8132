/** Functions of the user that a stream calls, and that break their contract: the error names them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import { BrokenContract, DecryptError, EncryptError, type EncryptionSdk } from "effect-encryption-sdk"
import { clientOf } from "../support/client.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { collect, pattern } from "../support/streams.ts"
import { unsigned } from "../support/suites.ts"

const mine = new Error("mine")
const plaintext = pattern(100)

/** How a function may break its contract, and what the error says of it. */
const breaches: ReadonlyArray<
  readonly [title: string, call: () => Effect.Effect<never>, description: string, cause?: Error]
> = [
  ["returns nothing", () => undefined as never, "returned undefined instead of an Effect"],
  ["returns a promise", () => Promise.resolve() as never, "returned a Promise instead of an Effect"],
  [
    "throws",
    () => {
      throw mine
    },
    "threw instead of failing",
    mine
  ]
]

const encrypted = Effect.gen(function*() {
  const sdk = yield* clientOf(staticKeyring(new Uint8Array(32).fill(0x42)))
  return { sdk, ...(yield* sdk.encrypt(plaintext, { algorithmSuite: unsigned, frameLength: 10 })) }
})

type Hooks = EncryptionSdk.StreamOptions
type Sdk = Effect.Success<typeof encrypted>["sdk"]

/** The operations that have hooks. */
const operations: Readonly<
  Record<string, (sdk: Sdk, message: Uint8Array, hooks: Hooks) => Stream.Stream<Uint8Array, unknown>>
> = {
  encryptStream: (sdk, _, hooks) => sdk.encryptStream(Stream.make(plaintext), { algorithmSuite: unsigned, ...hooks }),
  decryptStream: (sdk, message, hooks) => sdk.decryptStream(Stream.make(message), hooks),
  decryptRange: (sdk, message, hooks) =>
    sdk.decryptRange(
      {
        length: message.length,
        read: (offset, length) => Effect.succeed(message.slice(offset, offset + length))
      },
      { offset: 0 },
      hooks
    )
}

/** The error that a stream fails with. A defect is none. */
const failureOf = (stream: Stream.Stream<Uint8Array, unknown>) =>
  Effect.map(Effect.exit(collect(stream)), (exit) => {
    if (Exit.isSuccess(exit)) return assert.fail("it succeeded")
    const [failure] = exit.cause.reasons
    return failure?._tag === "Fail" ? failure.error : assert.fail(`no failure: ${String(exit.cause)}`)
  })

const reasonOf = (error: unknown): unknown =>
  error instanceof EncryptError || error instanceof DecryptError ? error.reason : error

const assertBroken = (error: unknown, part: string, description: string, cause: Error | undefined) => {
  const reason = reasonOf(error)
  if (!(reason instanceof BrokenContract)) return assert.fail(`not the error: ${String(error)}`)
  assert.deepStrictEqual([reason.part, reason.description, reason.cause], [part, description, cause])
}

describe.each(Object.keys(operations))("hooks of %s", (name) => {
  for (const hook of ["onHeader", "onProgress"] as const) {
    for (const [title, call, description, cause] of breaches) {
      it.effect(`${hook} that ${title}`, () =>
        Effect.gen(function*() {
          const { message, sdk } = yield* encrypted
          const error = yield* failureOf(operations[name]!(sdk, message, { [hook]: call }))
          assertBroken(error, `hook ${hook}`, description, cause)
        }))
    }

    it.effect(`${hook} that dies: its defect stays what it is`, () =>
      Effect.gen(function*() {
        const { message, sdk } = yield* encrypted
        const stream = operations[name]!(sdk, message, { [hook]: () => Effect.die(mine) })
        assert.strictEqual(yield* Effect.flip(Effect.catchDefect(collect(stream), Effect.fail)), mine)
      }))
  }

  it.effect("hooks that are left out", () =>
    Effect.gen(function*() {
      const { message, sdk } = yield* encrypted
      const result = yield* collect(operations[name]!(sdk, message, { onHeader: undefined, onProgress: undefined }))
      assert.isAtLeast(result.length, plaintext.length)
    }))
})

describe("source.read of decryptRange", () => {
  for (const [title, call, description, cause] of breaches) {
    it.effect(`that ${title}`, () =>
      Effect.gen(function*() {
        const { message, sdk } = yield* encrypted
        const stream = sdk.decryptRange({ length: message.length, read: call }, { offset: 0 })
        assertBroken(yield* failureOf(stream), "source.read", description, cause)
      }))
  }
})
