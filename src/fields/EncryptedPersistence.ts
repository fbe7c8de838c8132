/**
 * A backing of Effect's `Persistence` whose values are encrypted, so that `PersistedCache`, sessions and queues keep messages alone:
 * in memory, in a table, in Redis.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Layer from "effect/Layer"
import * as Persistence from "effect/persistence/Persistence"
import * as Result from "effect/Result"
import { EncryptionSdk } from "../EncryptionSdk.ts"
import type { InvalidOption } from "../model/errors/Reasons.ts"
import * as StoreCipher from "./internal/storeCipher.ts"

export type { StoreOptions as Options } from "./internal/storeCipher.ts"

type Backing = Persistence.BackingPersistence["Service"]

/**
 * The backing beneath with its values encrypted. Fails with `InvalidOption`, which names the option.
 *
 * Each value is encrypted with the id of its store and its key: one that was moved is an error. All values have the context
 * of the options, so that a cached data key serves all of them. Errors are `PersistenceError` with the library's error as cause;
 * they hold no value and no key.
 *
 * **Gotchas**
 *
 * The ids of stores and the times to live are those of the backing, in the clear: it can lose values, put back an older one of the
 * same key, or keep one for longer. A value that is no message is an error.
 */
export const make: (
  backing: Backing,
  options: StoreCipher.StoreOptions
) => Effect.Effect<Backing, InvalidOption, EncryptionSdk> = /*#__PURE__*/ Effect.fnUntraced(
  function*(backing: Backing, options: StoreCipher.StoreOptions) {
    const cipher = yield* StoreCipher.make(yield* EncryptionSdk, options)
    return Persistence.BackingPersistence.of({
      make: (storeId) => Effect.map(backing.make(storeId), (store) => encrypted(store, storeId, cipher))
    })
  }
)

/** The program's backing with its values encrypted, in the place of that backing. */
export const layerBacking = (
  options: StoreCipher.StoreOptions
): Layer.Layer<
  Persistence.BackingPersistence,
  InvalidOption,
  Persistence.BackingPersistence | EncryptionSdk
> =>
  Layer.effect(
    Persistence.BackingPersistence,
    Effect.flatMap(Persistence.BackingPersistence, (backing) => make(backing, options))
  )

/** Most values that are encrypted or decrypted at a time. */
const concurrency = 16

const encrypted = (
  store: Persistence.BackingPersistenceStore,
  storeId: string,
  cipher: StoreCipher.StoreCipher
): Persistence.BackingPersistenceStore => {
  const keyOf = (key: string) => Effect.mapError(cipher.keyOf(key), errorOf)
  const nameOf = (key: string) => JSON.stringify([storeId, key])
  const seal = (key: string, value: object) =>
    Effect.flatMap(jsonOf(value), (json) =>
      Effect.mapBoth(cipher.seal(nameOf(key), json), {
        onFailure: errorOf,
        onSuccess: (message) => ({ message: Base64.encode(message) })
      }))
  const open = (key: string, stored: object | undefined) =>
    stored === undefined
      ? Effect.undefined
      : Effect.flatMap(messageOf(stored), (message) =>
        Effect.flatMap(Effect.mapError(cipher.open(nameOf(key), message), errorOf), ({ value }) =>
          typeof value === "string"
            ? Effect.succeed(JSON.parse(value) as object)
            : Effect.fail(errorOf({ sentence: "the value is none of a persistence" }))))
  return {
    get: (key) =>
      Effect.flatMap(keyOf(key), (beneath) => Effect.flatMap(store.get(beneath), (stored) => open(key, stored))),
    getMany: (keys) =>
      Effect.gen(function*() {
        const stored = yield* store.getMany(yield* Effect.forEach(keys, keyOf))
        return yield* Effect.forEach(keys, (key, index) => open(key, stored[index]), { concurrency })
      }),
    set: (key, value, ttl) =>
      Effect.flatMap(
        seal(key, value),
        (sealed) => Effect.flatMap(keyOf(key), (beneath) => store.set(beneath, sealed, ttl))
      ),
    setMany: (entries) =>
      Effect.flatMap(
        Effect.forEach(entries, ([key, value, ttl]) =>
          Effect.map(Effect.all([seal(key, value), keyOf(key)]), ([sealed, beneath]) =>
            [beneath, sealed, ttl] as const), { concurrency }),
        store.setMany
      ),
    remove: (key) => Effect.flatMap(keyOf(key), store.remove),
    clear: store.clear
  }
}

const errorOf = ({ cause, sentence }: StoreCipher.StoreFault) =>
  new Persistence.PersistenceError({
    message: `encrypted persistence: ${sentence}`,
    ...cause === undefined ? {} : { cause }
  })

/** The error of a value that has no JSON may hold the value. */
const jsonOf = (value: object): Effect.Effect<string, Persistence.PersistenceError> =>
  Effect.suspend(() => {
    const json = Result.try(() => JSON.stringify(value) as string | undefined)
    return Result.isSuccess(json) && json.success !== undefined
      ? Effect.succeed(json.success)
      : Effect.fail(errorOf({ sentence: "the value has no JSON" }))
  })

/** The message of what a backing returned, which may be anything. */
const messageOf = (stored: object): Effect.Effect<Uint8Array, Persistence.PersistenceError> => {
  const text = (stored as { readonly message?: unknown } | null)?.message
  const message = typeof text === "string" ? Base64.decode(text) : undefined
  return message !== undefined && Result.isSuccess(message)
    ? Effect.succeed(message.success)
    : Effect.fail(errorOf({ sentence: "the backing returned no message" }))
}
