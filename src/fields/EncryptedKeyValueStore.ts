/**
 * A `KeyValueStore` of Effect whose values are encrypted: the store beneath, such as files, a table or a browser's storage, holds
 * messages.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import { EncryptionSdk } from "../EncryptionSdk.ts"
import { utf8 } from "../internal/bytes.ts"
import type { InvalidOption } from "../model/errors/Reasons.ts"
import * as StoreCipher from "./internal/storeCipher.ts"

export type { StoreOptions as Options } from "./internal/storeCipher.ts"

/**
 * The store beneath with its values encrypted. Fails with `InvalidOption`, which names the option.
 *
 * Each value is encrypted with its key: one that was moved to another key is an error, not a value there. All values have the
 * context of the options, so that a cached data key serves the whole store.
 *
 * Where keys are blinded, `keys` and `clearPrefix` decrypt every value of the store beneath to find them. Errors are
 * `KeyValueStoreError` with the library's error as cause. They name the key, unless keys are blinded, and no value.
 *
 * **Gotchas**
 *
 * A store can lose values, and put back an older one of the same key: that is not noticed. `modify` reads and writes in two steps,
 * whatever the store beneath could do in one. A value that is no message is an error.
 */
export const make: (
  store: KeyValueStore.KeyValueStore,
  options: StoreCipher.StoreOptions
) => Effect.Effect<KeyValueStore.KeyValueStore, InvalidOption, EncryptionSdk> = /*#__PURE__*/ Effect.fnUntraced(
  function*(store: KeyValueStore.KeyValueStore, options: StoreCipher.StoreOptions) {
    const cipher = yield* StoreCipher.make(yield* EncryptionSdk, options)
    const parts: Parts = { store, cipher }
    const keys = keysOf(parts)
    const remove = (key: string) => Effect.flatMap(keyOf(parts, "remove", key), store.remove)
    return KeyValueStore.make({
      get: (key) => Effect.map(read(parts, "get", key), toText),
      getUint8Array: (key) => Effect.map(read(parts, "getUint8Array", key), toBytes),
      set: (key, value) =>
        Effect.flatMap(
          Effect.mapError(cipher.seal(key, value), errorOf(parts, "set", key)),
          (message) => Effect.flatMap(keyOf(parts, "set", key), (beneath) => store.set(beneath, message))
        ),
      remove,
      clear: store.clear,
      size: store.size,
      isEmpty: store.isEmpty,
      has: (key) => Effect.flatMap(keyOf(parts, "has", key), store.has),
      keys,
      clearPrefix: cipher.isBlind
        ? (prefix) =>
          Effect.flatMap(
            keys,
            (all) => Effect.forEach(all.filter((key) => key.startsWith(prefix)), remove, { discard: true })
          )
        : store.clearPrefix
    })
  }
)

/** The program's store with its values encrypted, in the place of that store. */
export const layer = (
  options: StoreCipher.StoreOptions
): Layer.Layer<
  KeyValueStore.KeyValueStore,
  InvalidOption,
  KeyValueStore.KeyValueStore | EncryptionSdk
> =>
  Layer.effect(
    KeyValueStore.KeyValueStore,
    Effect.flatMap(KeyValueStore.KeyValueStore, (store) => make(store, options))
  )

interface Parts {
  readonly store: KeyValueStore.KeyValueStore
  readonly cipher: StoreCipher.StoreCipher
}

type Value = string | Uint8Array | undefined

const read = (parts: Parts, method: string, key: string): Effect.Effect<Value, KeyValueStore.KeyValueStoreError> =>
  Effect.flatMap(
    keyOf(parts, method, key),
    (beneath) =>
      Effect.flatMap(parts.store.getUint8Array(beneath), (message) =>
        message === undefined
          ? Effect.undefined
          : Effect.mapBoth(parts.cipher.open(key, message), {
            onFailure: errorOf(parts, method, key),
            onSuccess: ({ value }) => value
          }))
  )

/** As the stores of Effect have it: bytes that are read as text are base64, text that is read as bytes is UTF-8. */
const toText = (value: Value): string | undefined => value instanceof Uint8Array ? Base64.encode(value) : value
const toBytes = (value: Value): Uint8Array | undefined => typeof value === "string" ? utf8(value) : value

const keyOf = (parts: Parts, method: string, key: string) =>
  Effect.mapError(parts.cipher.keyOf(key), errorOf(parts, method, key))

const errorOf = ({ cipher }: Parts, method: string, key?: string) => ({ cause, sentence }: StoreCipher.StoreFault) =>
  new KeyValueStore.KeyValueStoreError({
    method,
    message: `encrypted store: ${sentence}`,
    ...key === undefined || cipher.isBlind ? {} : { key },
    ...cause === undefined ? {} : { cause }
  })

const keysOf = (parts: Parts): Effect.Effect<ReadonlyArray<string>, KeyValueStore.KeyValueStoreError> =>
  parts.cipher.isBlind
    ? Effect.flatMap(
      parts.store.keys,
      (all) =>
        Effect.map(
          Effect.forEach(all, (beneath) => nameOf(parts, beneath)),
          (names) => names.filter((name) => name !== undefined)
        )
    )
    : parts.store.keys

/** The key of a value, which is encrypted with it. Undefined where the value is gone meanwhile. */
const nameOf = (parts: Parts, beneath: string): Effect.Effect<string | undefined, KeyValueStore.KeyValueStoreError> =>
  Effect.flatMap(parts.store.getUint8Array(beneath), (message) =>
    message === undefined
      ? Effect.undefined
      : Effect.mapBoth(parts.cipher.open(undefined, message), {
        onFailure: errorOf(parts, "keys"),
        onSuccess: ({ name }) => name
      }))
