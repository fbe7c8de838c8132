import { Console, Effect, Redacted, Schema, SchemaTransformation } from "effect"
import { BlindIndex, EncryptedField } from "effect-encryption-sdk/fields"
import { client } from "./fields/client.ts"

const Email = EncryptedField.make(Schema.String, { encryptionContext: { table: "customers", column: "email" } })

// Trimmed, in lower case, and one form of Unicode for letters with accents.
const Normalized = Schema.Trim.pipe(
  Schema.decodeTo(Schema.String, SchemaTransformation.toLowerCase()),
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({ decode: (text) => text.normalize("NFC"), encode: (text) => text })
  )
)

// In your program: 32 random bytes of a store of secrets.
const key = Redacted.make(Uint8Array.from({ length: 32 }, (_, i) => i))

const program = Effect.gen(function*() {
  const emails = yield* BlindIndex.make({
    key,
    table: "customers",
    column: "email",
    normalization: Normalized,
    bits: 12
  })

  // What the database holds.
  const rows = yield* Effect.forEach(
    ["ada@example.com", "grace@example.com", "alan@example.com"],
    (email) => Effect.all({ email: Schema.encodeEffect(Email)(email), emailIndex: emails.forWrite(email) })
  )
  yield* Console.log(rows.map(({ emailIndex }) => emailIndex))

  // SELECT … WHERE email_index IN (…). Rows of other values may be among them: decrypt, and compare.
  const wanted = " Ada@Example.com"
  const indexes = yield* emails.forSearch(wanted)
  const found = rows.filter(({ emailIndex }) => indexes.includes(emailIndex))
  const decrypted = yield* Effect.forEach(found, ({ email }) => Schema.decodeEffect(Email)(email))
  const normalize = Schema.decodeSync(Normalized)
  yield* Console.log(decrypted.filter((email) => normalize(email) === normalize(wanted)))

  // Rows of other values that a search finds: rows / 2^bits.
  const sizes = [10_000, 1_000_000, 100_000_000]
  yield* Console.log(`bits ${sizes.map((size) => `${size.toLocaleString("en")} rows`.padStart(18)).join("")}`)
  const format = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 })
  for (const bits of [8, 12, 16, 20, 24, 32]) {
    const others = sizes.map((size) => format.format(size / 2 ** bits).padStart(18))
    yield* Console.log(`${bits}`.padStart(4), others.join(""))
  }

  // And counted.
  const counts = new Map<string, number>()
  for (let row = 0; row < 10_000; row++) {
    const index = yield* emails.forWrite(`customer${row}@example.com`)
    counts.set(index, (counts.get(index) ?? 0) + 1)
  }
  const others = [...counts.values()].reduce((sum, count) => sum + count * (count - 1), 0) / 10_000
  yield* Console.log(`12 bits, 10,000 rows: ${others.toFixed(1)} of others, on average`)
})

await Effect.runPromise(Effect.scoped(Effect.provide(program, client)))

// [ '5a90', '6890', 'c520' ]
// [ 'ada@example.com' ]
// bits        10,000 rows    1,000,000 rows  100,000,000 rows
//    8                 39             3,900           390,000
//   12                2.4               240            24,000
//   16               0.15                15             1,500
//   20             0.0095              0.95                95
//   24             0.0006              0.06                 6
//   32          0.0000023           0.00023             0.023
// 12 bits, 10,000 rows: 2.4 of others, on average
