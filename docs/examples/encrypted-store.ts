import { Console, Effect, Layer, Schema } from "effect"
import { EncryptedKeyValueStore, EncryptedPersistence } from "effect-encryption-sdk/fields"
import { KeyValueStore, Persistable, PersistedCache, Persistence } from "effect/persistence"
import { client } from "./fields/client.ts"

class Profile extends Persistable.Class<{ payload: { readonly id: string } }>()("Profile", {
  primaryKey: ({ id }) => id,
  success: Schema.Struct({ name: Schema.String })
}) {}

const program = Effect.gen(function*() {
  const sessions = yield* KeyValueStore.KeyValueStore
  yield* sessions.set("session 1", "ada")
  yield* Console.log(yield* sessions.get("session 1"))

  const profiles = yield* PersistedCache.make((profile: Profile) => Effect.succeed({ name: `name of ${profile.id}` }), {
    storeId: "profiles",
    timeToLive: () => "1 hour"
  })
  yield* Console.log(yield* profiles.get(new Profile({ id: "c1" })))
})

// Each layer takes the place of the one that it is given: files, a table, Redis.
const store = EncryptedKeyValueStore.layer({ encryptionContext: { store: "sessions" } }).pipe(
  Layer.provide(KeyValueStore.layerMemory)
)
const persistence = Persistence.layer.pipe(
  Layer.provide(EncryptedPersistence.layerBacking({ encryptionContext: { store: "profiles" } })),
  Layer.provide(Persistence.layerBackingMemory)
)

await Effect.runPromise(
  Effect.provide(Effect.scoped(program), Layer.merge(store, persistence).pipe(Layer.provide(client)))
)

// ada
// { name: 'name of c1' }
