import { Console, Effect, Schema } from "effect"
import { DecryptError, EncryptError, TooManyEncryptedDataKeys } from "effect-encryption-sdk"

/** Errors of both operations as JSON text, for a queue or a worker. */
const errorJson = Schema.fromJsonString(Schema.toCodecJson(Schema.Union([EncryptError, DecryptError])))

const program = Effect.gen(function*() {
  const error = new DecryptError({ reason: new TooManyEncryptedDataKeys({ count: 3, maximum: 2 }) })

  // There: an instance again, with its reason.
  const json = yield* Schema.encodeEffect(errorJson)(error)
  yield* Console.log(json)
  yield* Schema.decodeEffect(errorJson)(json).pipe(
    Effect.flatMap((decoded) => Effect.fail(decoded)),
    Effect.catchReason(
      "DecryptError",
      "TooManyEncryptedDataKeys",
      ({ count, maximum }) => Console.log(`${count} keys, at most ${maximum} are allowed`)
    )
  )

  // A clone has the text alone.
  const { message, name } = structuredClone<Error>(error)
  yield* Console.log(`${name}: ${message}`)
})

await Effect.runPromise(program)

// {"_tag":"DecryptError","reason":{"_tag":"TooManyEncryptedDataKeys","count":3,"maximum":2}}
// 3 keys, at most 2 are allowed
// Error: decrypt: 3 encrypted data keys, at most maxEncryptedDataKeys = 2 are allowed
