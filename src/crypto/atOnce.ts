/**
 * The cryptography of a message, at once where the layer of `Primitives` computes in this thread. Not exported.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { andThen, compute } from "../internal/atOnce.ts"
import { makeBrand } from "../internal/brand.ts"
import { makeCounterparts } from "../internal/counterpart.ts"
import type { OpenJob, SealJob } from "../model/AesGcm.ts"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import * as DataKey from "../model/DataKey.ts"
import type { NotLoaded } from "../model/errors/NotLoaded.ts"
import type { AesKey, KeyHandle } from "../model/KeyHandles.ts"
import * as KeyDerivation from "./KeyDerivation.ts"
import type { KeyDerivationParameters, Primitives } from "./Primitives.ts"
import type { PrimitivesError } from "./PrimitivesError.ts"
import { aesKey, failed } from "./results.ts"

/** The synchronous form of the operations that a message without a signature takes: results instead of Effects. */
export interface Synchronous {
  readonly randomBytes: (length: number) => Uint8Array<ArrayBuffer>
  readonly sha384: (data: Uint8Array) => Uint8Array<ArrayBuffer>
  readonly deriveKeys: (dataKey: Uint8Array, parameters: KeyDerivationParameters) => DerivedKeys<KeyHandle<"AesKey">>
  readonly seal: (key: KeyHandle<"AesKey">, jobs: Iterable<SealJob>) => void
  /** Whether all tags are right. Reads no job behind a wrong one. */
  readonly open: (key: KeyHandle<"AesKey">, jobs: Iterable<OpenJob>) => boolean
}

/** The keys of one message. */
interface DerivedKeys<Key> {
  readonly encryptionKey: Key
  readonly commitment: Uint8Array<ArrayBuffer> | undefined
}

const counterparts = /*#__PURE__*/ makeCounterparts<object, Synchronous[keyof Synchronous]>()

/** An operation that has a synchronous form, which must do the same. */
export const withSynchronous = <Name extends keyof Synchronous>(
  _name: Name,
  operation: Primitives[Name],
  synchronous: Synchronous[Name]
): Primitives[Name] => counterparts.give(operation, synchronous)

/** The synchronous form of an operation; undefined where it has none, or is wrapped. */
export const synchronousOf = <Name extends keyof Synchronous>(primitives: Primitives, name: Name) =>
  counterparts.of(primitives[name]) as Synchronous[Name] | undefined

/**
 * The mark of a `deriveKeys` that is known to read its parameters only: those of all messages share arrays then. WebCrypto takes a
 * microsecond for each array that it sees for the first time.
 */
export const readsOnly = /*#__PURE__*/ makeBrand()

/** The key of one message: bare in this thread, where it would be redacted a thousand times for each that is printed. */
export type MessageKey = AesKey | KeyHandle<"AesKey">

/**
 * Operations of `Primitives` that start when they are called. The result is an `Exit` where the operation has a synchronous
 * form.
 */
export interface AtOnce {
  /** Whether all of them have a synchronous form. */
  readonly isSynchronous: boolean
  readonly randomBytes: (length: number) => Effect.Effect<Uint8Array<ArrayBuffer>>
  readonly sha384: (data: Uint8Array) => Effect.Effect<Uint8Array<ArrayBuffer>>
  /** The keys of the message with this ID. */
  readonly deriveKeys: (
    dataKey: Uint8Array,
    algorithmSuite: AlgorithmSuite,
    messageId: Uint8Array
  ) => Effect.Effect<DerivedKeys<MessageKey>, NotLoaded>
  readonly seal: (key: MessageKey, jobs: Iterable<SealJob>) => Effect.Effect<void>
  readonly open: (key: MessageKey, jobs: Iterable<OpenJob>) => Effect.Effect<void, PrimitivesError>
}

/** The operations of a layer, at once where they can be. A wrapper of an operation runs as an Effect. */
export const make = (primitives: Primitives): AtOnce => {
  const randomBytes = synchronousOf(primitives, "randomBytes")
  const sha384 = synchronousOf(primitives, "sha384")
  const deriveKeys = synchronousOf(primitives, "deriveKeys")
  const seal = synchronousOf(primitives, "seal")
  const open = synchronousOf(primitives, "open")
  const parameters = readsOnly.has(primitives.deriveKeys) ? KeyDerivation.sharing : KeyDerivation.parameters
  return {
    isSynchronous: [randomBytes, deriveKeys, seal, open].every((form) => form !== undefined),
    randomBytes: randomBytes === undefined
      ? (length) => primitives.randomBytes(length)
      : (length) => compute(() => randomBytes(length)),
    sha384: sha384 === undefined ? (data) => primitives.sha384(data) : (data) => compute(() => sha384(data)),
    deriveKeys: deriveKeys === undefined
      ? (dataKey, algorithmSuite, messageId) =>
        primitives.deriveKeys(DataKey.make(dataKey), parameters(algorithmSuite, messageId))
      : (dataKey, algorithmSuite, messageId) =>
        compute(() => deriveKeys(dataKey, KeyDerivation.sharing(algorithmSuite, messageId))),
    seal: seal === undefined
      ? (key, jobs) => primitives.seal(redacted(key), jobs)
      : (key, jobs) => compute(() => seal(bare(key), jobs)),
    open: open === undefined
      ? (key, jobs) => primitives.open(redacted(key), jobs)
      : (key, jobs) =>
        andThen(compute(() => open(bare(key), jobs)), (isAuthentic) => isAuthentic ? Effect.void : failed("open"))
  }
}

const bare = (key: MessageKey): KeyHandle<"AesKey"> => Redacted.isRedacted(key) ? Redacted.value(key) : key

const redacted = (key: MessageKey): AesKey => Redacted.isRedacted(key) ? key : aesKey(key)
