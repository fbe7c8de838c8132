/** Answers of the AWS SDK that are not of its form: each ends the call, and none is quoted. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber } from "effect"
import type { Kms, KmsError } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { Adversary } from "effect-encryption-sdk/testing"
import { inspect } from "node:util"
import { failureOf } from "../support/client.ts"
import { arn, clientOf, deriveSharedSecret, each, generate, secret, throwing } from "../support/awsKms.ts"

const told = Adversary.secret
const answering = (answer: () => unknown) => AwsKms.layerClient(clientOf(() => Promise.resolve(answer())))
const whole = { KeyId: arn, CiphertextBlob: Uint8Array.of(9), Plaintext: secret }

const throwingGetter = (field: string) =>
  Object.defineProperty({ ...whole, Plaintext: new Uint8Array(secret) }, field, {
    get: () => {
      throw new Error(told)
    }
  })

const quotes = (error: KmsError) =>
  [String(error), JSON.stringify(error), inspect(error, { depth: 10 }), Cause.pretty(Cause.fail(error))]
    .some((text) => text.includes(told))

describe("AwsKms, where the answer is not of its form", () => {
  it.live.each(Adversary.malformedResponses)(
    "$title is an InvalidAnswer, which ends the call",
    ({ make: answer }) =>
      Effect.gen(function*() {
        for (const [operation, call] of each) {
          const error = yield* Effect.flip<unknown, KmsError, Kms.Ports>(call()).pipe(
            Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.die(new Error("never ended")) }),
            Effect.provide(answering(answer))
          )
          assert.deepInclude(error, {
            operation,
            failure: "InvalidAnswer",
            code: "UnreadableAnswer",
            description: "the answer is not of the form that AWS KMS gives it",
            isRetryable: false
          })
          assert.isFalse(quotes(error))
        }
      })
  )

  it.live("a plaintext that is not returned is zeroed", () =>
    Effect.gen(function*() {
      const Plaintext = new Uint8Array(secret)
      yield* Effect.flip(generate()).pipe(Effect.provide(answering(() => ({ ...whole, KeyId: 1, Plaintext }))))
      assert.isTrue(Plaintext.every((byte) => byte === 0))
    }))

  it.live("and so is a shared secret", () =>
    Effect.gen(function*() {
      const SharedSecret = new Uint8Array(secret)
      const answer = () => ({ KeyId: 1, SharedSecret })
      yield* failureOf(Effect.provide(deriveSharedSecret(), answering(answer)))
      assert.isTrue(SharedSecret.every((byte) => byte === 0))
    }))

  it.live("an answer after an interruption may have any form", () =>
    Effect.gen(function*() {
      for (const answer of [undefined, throwingGetter("Plaintext"), { ...whole, Plaintext: told }]) {
        const pending = Promise.withResolvers<unknown>()
        const layer = AwsKms.layerClient(clientOf(() => pending.promise))
        const fiber = yield* Effect.forkChild(Effect.provide(generate(), layer), { startImmediately: true })
        yield* Effect.sleep("1 millis")
        yield* Fiber.interrupt(fiber)
        pending.resolve(answer)
        // An unhandled rejection of this turn fails the run.
        yield* Effect.sleep("1 millis")
      }
    }))

  it.live("a client that throws, or returns no promise, fails the call", () =>
    Effect.gen(function*() {
      const thrown = AwsKms.layerClient(clientOf(() => {
        throw new RangeError("no such endpoint")
      }))
      assert.deepInclude(yield* Effect.flip(generate()).pipe(Effect.provide(thrown)), {
        failure: "Rejected",
        code: "RangeError",
        description: "no such endpoint"
      })
      const nothing = AwsKms.layerClient(clientOf(() => undefined as never))
      assert.strictEqual((yield* Effect.flip(generate()).pipe(Effect.provide(nothing))).code, "UnreadableAnswer")
    }))

  const fault = (fields: object) =>
    Object.defineProperties(Object.assign(new Error(told), fields), { $fault: { value: undefined } })
  const odd: ReadonlyArray<readonly [string, object, string]> = [
    ["an error whose name throws", throwingField("name"), "UnreadableError"],
    ["an error whose metadata throws", throwingField("$metadata"), "UnreadableError"],
    ["an error whose message throws", throwingField("message"), "UnreadableError"],
    ["an error about an answer", fault({ $metadata: { httpStatusCode: 200 } }), "Error"],
    ["an error with an answer", fault({ $response: { statusCode: 200 } }), "Error"]
  ]
  it.live.each(odd)("%s ends the call, and is not quoted", ([, thrown, code]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(generate()).pipe(
        Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.die(new Error("never ended")) }),
        Effect.provide(throwing(thrown))
      )
      assert.deepInclude(error, { code, description: "the request failed, or its answer could not be read" })
      assert.isFalse(error.isRetryable)
      assert.isFalse(quotes(error))
    }))
})

/** An error of which one field cannot be read. */
function throwingField(field: string): Error {
  return Object.defineProperty(new Error("why"), field, {
    get: () => {
      throw new Error(told)
    }
  })
}
