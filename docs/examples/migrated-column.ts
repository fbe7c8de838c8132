import { Console, Effect, Metric, Schema } from "effect"
import { EncryptedField, FieldMetrics } from "effect-encryption-sdk/fields"
import { client } from "./fields/client.ts"

const Note = EncryptedField.make(Schema.String, {
  encryptionContext: { table: "customers", column: "notes" },
  plaintext: "Accepted",
  onPlaintext: ({ field }) => console.log(`plaintext in ${field}`)
})

const program = Effect.gen(function*() {
  const column = ["likes tea", yield* Schema.encodeEffect(Note)("owes 3 euros")]

  // Reads both kinds, and writes messages. Run twice, it encrypts nothing twice.
  const migrated = yield* Effect.forEach(
    column,
    (text) => Effect.flatMap(Schema.decodeEffect(Note)(text), Schema.encodeEffect(Note))
  )
  yield* Console.log(yield* Effect.forEach(migrated, (text) => Schema.decodeEffect(Note)(text)))

  const { count } = yield* Metric.value(FieldMetrics.plaintexts({ field: Note.fieldName }))
  yield* Console.log(`${count} of ${column.length} values were plaintext`)
  yield* Console.log((yield* Effect.flip(Schema.encodeEffect(Note)(migrated[0]!))).message)
})

await Effect.runPromise(Effect.provide(program, client))

// plaintext in customers.notes
// [ 'likes tea', 'owes 3 euros' ]
// 1 of 2 values were plaintext
// encrypted field customers.notes: is a message of the AWS Encryption SDK already, and is not encrypted again
