import { Console, Effect, Result } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { client } from "./fields/client.ts"

const rows = [
  { id: 1, tenant: "a", note: "likes tea" },
  { id: 2, tenant: "b", note: "owes 3 euros" },
  { id: 3, tenant: "a", note: "moved" }
]

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const encrypted = yield* sdk.encryptMany(
    rows.map(({ note, tenant }) => ({ plaintext: note, encryptionContext: { tenant } }))
  )
  const messages = encrypted.map((result) => ({ message: Result.getOrThrow(result).message }))

  // A row that was damaged hides no other.
  messages[1] = { message: new Uint8Array(messages[1]!.message.length) }
  for (const result of yield* sdk.decryptMany(messages)) {
    yield* Console.log(
      Result.isSuccess(result) ? new TextDecoder().decode(result.success.plaintext) : result.failure.message
    )
  }
})

await Effect.runPromise(Effect.provide(program, client))

// likes tea
// decrypt: malformed message: Version at byte 0: must be 1 or 2, is 0
// moved
