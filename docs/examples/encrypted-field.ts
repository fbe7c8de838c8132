import { Console, Effect, Schema } from "effect"
import { EncryptedField, withEncryptionContext } from "effect-encryption-sdk/fields"
import { client } from "./fields/client.ts"
import { Customer } from "./fields/customer.ts"

const ada = { id: "c1", email: "ada@example.com" }

const program = Effect.gen(function*() {
  // What the database holds.
  const row = yield* Schema.encodeEffect(Customer)(ada).pipe(withEncryptionContext({ customer: ada.id }))
  yield* Console.log(row.id, `${row.email.slice(0, 4)}…`, row.email.length)

  const decode = (id: string) => Schema.decodeEffect(Customer)(row).pipe(withEncryptionContext({ customer: id }))
  yield* Console.log((yield* decode("c1")).email)

  // A value that was copied to another row.
  const error = yield* Effect.flip(decode("c2"))
  yield* Console.log(error.message)
  if (error._tag === "SchemaError") yield* Console.log(EncryptedField.causes(error).map(({ reason }) => reason._tag))
})

await Effect.runPromise(Effect.provide(program, client))

// c1 AgV4… 828
// ada@example.com
// encrypted field customers.email: decrypt: encryption context: key "customer" is missing or has another value than expected
//   at ["email"]
// [ 'EncryptionContextMismatch' ]
