import { Console, Effect, Layer, Schema, Stream } from "effect"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { FieldRotation, withEncryptionContext } from "effect-encryption-sdk/fields"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { Base64 } from "effect/encoding"
import { Customer } from "./fields/customer.ts"

const oldKey = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const newKey = "arn:aws:kms:eu-central-1:111122223333:key/9876abcd-12ab-34cd-56ef-1234567890ab"

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provide(KmsKeyring.layer({ generatorKeyId: newKey })),
  Layer.provideMerge(EmbeddedKms.layer({ keys: [{ arn: oldKey }, { arn: newKey }] })),
  Layer.provideMerge(NodePrimitives.layer)
)

// In a program, these are two statements of SQL.
const table = new Map<string, string>()
const read = (after: string | undefined, limit: number) =>
  // SELECT id, email FROM customers WHERE id > $after ORDER BY id LIMIT $limit
  Effect.sync(() =>
    [...table].filter(([id]) => id > (after ?? "")).slice(0, limit).map(([id, email]) => ({
      id,
      values: { email },
      encryptionContext: { customer: id }
    }))
  )
const write = ({ id, previous, values }: FieldRotation.Update<string>) =>
  // UPDATE customers SET email = $email WHERE id = $id AND email = $previous
  Effect.sync(() => table.get(id) === previous["email"] && table.set(id, String(values["email"])) === table)

const program = Effect.gen(function*() {
  const sourceMaterialsManager = yield* DefaultCmm.make(yield* KmsKeyring.make({ generatorKeyId: oldKey }))
  const sdk = yield* EncryptionSdk.EncryptionSdk
  for (const id of ["c1", "c2", "c3"]) {
    const { message } = yield* sdk.encrypt(`${id}@example.com`, {
      encryptionContext: { ...Customer.fields.email.encryptionContext, customer: id },
      materialsManager: sourceMaterialsManager
    })
    table.set(id, Base64.encode(message))
  }

  const columns = { email: Customer.fields.email }
  const wrappingKeys = [{ keyProviderId: "aws-kms", keyProviderInfo: newKey }]
  const options = { read, write, columns, wrappingKeys, rewrap: { sourceMaterialsManager }, batchSize: 2 }
  for (const dryRun of [true, false, false]) {
    yield* FieldRotation.rotate({ ...options, dryRun }).pipe(
      Stream.runForEach(({ after, current, failed, rotated, rows }) =>
        Console.log({ after, rows, current, rotated, failed })
      )
    )
  }
  const customer = { id: "c1", email: table.get("c1")! }
  yield* Console.log(yield* Schema.decodeEffect(Customer)(customer).pipe(withEncryptionContext({ customer: "c1" })))
}).pipe(Effect.scoped)

await Effect.runPromise(Effect.provide(program, layer))

// { after: 'c2', rows: 2, current: 0, rotated: 2, failed: 0 }
// { after: 'c3', rows: 3, current: 0, rotated: 3, failed: 0 }
// { after: 'c2', rows: 2, current: 0, rotated: 2, failed: 0 }
// { after: 'c3', rows: 3, current: 0, rotated: 3, failed: 0 }
// { after: 'c2', rows: 2, current: 2, rotated: 0, failed: 0 }
// { after: 'c3', rows: 3, current: 3, rotated: 0, failed: 0 }
// { id: 'c1', email: 'c1@example.com' }
