/**
 * A KMS inside the process, for development, demonstrations and tests. **Not for production:** its keys are in the
 * memory of the process that uses them, and in exported key stores.
 *
 * The cryptography is real: AES-256-GCM of symmetric keys, RSA-OAEP of RSA keys (what another program encrypts with the public
 * key decrypts here), ECDH of elliptic curve keys. So is the binding of the encryption context: what was wrapped under one
 * context does not unwrap under another. Responses name the key by its ARN, and refusals carry the codes of the service:
 * `NotFoundException`, `DisabledException`, `KMSInvalidStateException`, `InvalidCiphertextException`,
 * `IncorrectKeyException`, `InvalidKeyUsageException`, `UnsupportedOperationException`, `InvalidArnException`,
 * `ValidationException`. There are no permissions, and grant tokens are ignored. A call goes to the Region that its key
 * identifier names, or else to `region`. Replicas of a multi-Region key have one key material, and unwrap what any of them
 * wrapped.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Primitives } from "../../crypto/Primitives.ts"
import { type Bound, checker, shown } from "../../internal/options.ts"
import * as Kms from "../Kms.ts"
import { EmbeddedKmsError } from "./EmbeddedKmsError.ts"
import * as Calls from "./internal/calls.ts"
import * as CiphertextBlob from "./internal/ciphertextBlob.ts"
import type { KeyInfo, KeyState } from "./internal/keyInfo.ts"
import { KeyOptions, keySpecs } from "./internal/keyInfo.ts"
import * as KeyStore from "./internal/keyStore.ts"

export { KeyOptions, KeySpec, KeyState, usageOf } from "./internal/keyInfo.ts"
export type { KeyInfo, KeyUsage } from "./internal/keyInfo.ts"

/** The Region and account that are used where the options name none. */
export const defaults: { readonly region: string; readonly account: string } = {
  region: "us-east-1",
  account: "111122223333"
}

/** Whether the value of a Redacted is text. One that was wiped has none. */
const isText = (value: Result.Result<unknown, unknown>): boolean =>
  Result.isSuccess(value) && typeof value.success === "string"

const isLength = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** Options of the embedded KMS. */
export const Options = /*#__PURE__*/ Schema.Struct({
  /**
   * Keys to make. One whose ARN the key store holds already is left as it is, so that a program can start again; without an ARN,
   * one whose first alias is there.
   */
  keys: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Array(KeyOptions)),
  /** Result of `exportKeys`, perhaps of another process. */
  keyStore: /*#__PURE__*/ Schema.optional(
    /*#__PURE__*/ Schema.declare((value): value is Redacted.Redacted =>
      Redacted.isRedacted(value) && isText(Result.try(() => Redacted.value(value)))
    )
  ),
  /** The Region of calls whose key identifier names none. Default: `us-east-1`. */
  region: /*#__PURE__*/ Schema.optional(Schema.String),
  /** The account, for ARNs that are made here. Default: `111122223333`. */
  account: /*#__PURE__*/ Schema.optional(Schema.String),
  /**
   * The greatest number of characters in the keys and values of a context. Default 8,192: longer ones have been seen to fail at AWS
   * KMS, whose documentation names no bound.
   */
  maxEncryptionContextLength: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isLength)),
  /** Duration of every call on the Clock, before anything is done. Default: no time. */
  latency: /*#__PURE__*/ Schema.optional(
    /*#__PURE__*/ Schema.declare((value): value is Duration.Input =>
      Option.isSome(Duration.fromInput(value as Duration.Input))
    )
  )
})

/** See the schema of the same name. */
export type Options = typeof Options.Type

/** Management of the keys, which `Kms` has no calls for: makes them, names them, changes their state, and exports them. */
export interface EmbeddedKms {
  /** Makes a key, and the replicas that are named, and returns its ARN. Fails where the ARN or an alias is malformed or in use. */
  readonly createKey: (options?: KeyOptions) => Effect.Effect<string, EmbeddedKmsError>
  /**
   * Makes a replica of a multi-Region key in another Region and returns its ARN: the same key id and key material, with a
   * state and aliases of its own. What one of them wrapped, all of them unwrap.
   */
  readonly replicateKey: (keyId: string, region: string) => Effect.Effect<string, EmbeddedKmsError>
  /** Lets an alias name a key, in the key's Region and account, whatever it named before. */
  readonly setAlias: (alias: string, keyId: string) => Effect.Effect<void, EmbeddedKmsError>
  /** The key that an identifier names, in any state. */
  readonly describeKey: (keyId: string) => Effect.Effect<KeyInfo, EmbeddedKmsError>
  /** Enables a key, disables it, or sets it on the way to deletion, without a date. */
  readonly setKeyState: (keyId: string, state: KeyState) => Effect.Effect<void, EmbeddedKmsError>
  /**
   * Sets a key on the way to deletion, after a waiting time of 7 to 30 days. Default: 30. Nothing deletes it when the time is
   * over; `setKeyState` takes it back before and after.
   */
  readonly scheduleKeyDeletion: (keyId: string, waitingDays?: number) => Effect.Effect<KeyInfo, EmbeddedKmsError>
  /** Deletes a key and its aliases at once. Ciphertexts under it are lost. */
  readonly deleteKey: (keyId: string) => Effect.Effect<void, EmbeddedKmsError>
  /** ARN of the key that a ciphertext of a symmetric key names; undefined of other bytes, a ciphertext of RSA among them. */
  readonly wrappedBy: (ciphertextBlob: Uint8Array) => string | undefined
  /** The keys, in the order in which they were made. */
  readonly keys: Effect.Effect<ReadonlyArray<KeyInfo>>
  /**
   * All keys with their material, states and aliases as JSON text, for the option `keyStore`. Redacted, because it holds
   * the keys in the clear.
   */
  readonly exportKeys: Effect.Effect<Redacted.Redacted>
}

/** The tag of the service. */
export const EmbeddedKms: Context.Service<EmbeddedKms, EmbeddedKms> = /*#__PURE__*/ Context.Service<EmbeddedKms>(
  "effect-encryption-sdk/kms/development-only/EmbeddedKms"
)

/** The calls, and the management of the keys behind them. */
export interface Services {
  readonly kms: Kms.Operations
  readonly control: EmbeddedKms
}

/**
 * Both services as values. Key material is zeroed when the scope closes.
 *
 * **Gotchas**
 *
 * Key pairs need WebCrypto. The runtime's own objects of them, and PEM texts on the way there, are only dropped: JavaScript
 * cannot zero those.
 */
export const make: (
  options?: Options
) => Effect.Effect<Services, EmbeddedKmsError, Primitives | Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: Options = {}) {
    const primitives = yield* Primitives
    const checked = yield* Effect.mapError(
      Effect.fromResult(checkOptions(options)),
      (invalid) => new EmbeddedKmsError(invalid)
    )
    const { account = defaults.account, keyStore, keys = [], latency, region = defaults.region } = checked
    const { maxEncryptionContextLength: maxContextLength = 8192 } = checked
    const store = yield* KeyStore.make({ primitives, region, account, maxContextLength })
    if (keyStore !== undefined) yield* KeyStore.importKeys(store, keyStore)
    const loaded = new Set(store.keys.keys())
    for (const [index, key] of keys.entries()) {
      const prefix = `keys[${index}].`
      const existing = KeyStore.findLoaded(store, loaded, key)
      yield* existing === undefined
        ? KeyStore.createKey(store, key, prefix)
        : KeyStore.keepKey(store, existing, key, prefix)
    }
    const wait = latency === undefined ? Effect.void : Effect.sleep(latency)
    return { kms: Calls.make(store, wait), control: makeControl(store) }
  }
)

const keySpecBound: Bound = (value) => `is ${shown(value)}, must be one of ${keySpecs.join(", ")}`

const checkOptions = /*#__PURE__*/ checker(Options, "the embedded KMS", {
  keys: "must be an array of keys to make",
  "keys[]": "must be an object",
  "keys[].arn": "must be a string",
  "keys[].region": "must be a string",
  "keys[].aliases": "must be an array of strings",
  "keys[].aliases[]": "must be a string",
  "keys[].keySpec": keySpecBound,
  "keys[].multiRegion": "must be a boolean",
  "keys[].replicaRegions": "must be an array of strings",
  "keys[].replicaRegions[]": "must be a string",
  keyStore: "must be a Redacted of text",
  region: "must be a string",
  account: "must be a string",
  maxEncryptionContextLength: "must be an integer from 0 to 2^53 - 1",
  latency: "must be a Duration"
})

const checkKey = (key: KeyOptions): Effect.Effect<KeyOptions, EmbeddedKmsError> =>
  Effect.mapError(Effect.fromResult(checkKeyOptions(key)), (invalid) => new EmbeddedKmsError(invalid))

const checkKeyOptions = /*#__PURE__*/ checker(KeyOptions, "a key", {
  arn: "must be a string",
  region: "must be a string",
  aliases: "must be an array of strings",
  "aliases[]": "must be a string",
  keySpec: keySpecBound,
  multiRegion: "must be a boolean",
  replicaRegions: "must be an array of strings",
  "replicaRegions[]": "must be a string"
})

const makeControl = (store: KeyStore.KeyStore): EmbeddedKms =>
  EmbeddedKms.of({
    createKey: (key = {}) => Effect.flatMap(checkKey(key), (checked) => KeyStore.createKey(store, checked, "")),
    replicateKey: (keyId, region) =>
      Effect.flatMap(
        KeyStore.find(store, keyId),
        (key) => KeyStore.replicate(store, key, region, { key: "keyId", region: "region" })
      ),
    setAlias: (alias, keyId) =>
      Effect.flatMap(KeyStore.find(store, keyId), (key) => KeyStore.setAlias(store, alias, key)),
    setKeyState: (keyId, state) =>
      Effect.flatMap(KeyStore.find(store, keyId), (key) => KeyStore.changeState(key, state)),
    scheduleKeyDeletion: (keyId, waitingDays = 30) =>
      Effect.flatMap(KeyStore.find(store, keyId), (key) => KeyStore.scheduleDeletion(store, key, waitingDays)),
    describeKey: (keyId) => Effect.map(KeyStore.find(store, keyId), (key) => KeyStore.infoOf(store, key)),
    wrappedBy: (ciphertextBlob) => CiphertextBlob.parse(ciphertextBlob)?.arn,
    deleteKey: (keyId) => Effect.map(KeyStore.find(store, keyId), (key) => KeyStore.destroy(store, key)),
    keys: Effect.sync(() => [...store.keys.values()].map((key) => KeyStore.infoOf(store, key))),
    exportKeys: KeyStore.exportKeys(store)
  })

/**
 * All ports of `Kms`, and the management, over keys that are made or loaded when the layer is built. Fails where an option is wrong.
 *
 * **Gotchas**
 *
 * Keys that are made here live as long as the layer: what they wrapped is lost with them, unless `exportKeys` has saved
 * them.
 */
export const layer = (
  options?: Options
): Layer.Layer<Kms.Ports | EmbeddedKms, EmbeddedKmsError, Primitives> =>
  Layer.effectContext(
    Effect.map(make(options), ({ control, kms }) => Context.add(Kms.contextOf(kms), EmbeddedKms, control))
  )
