/**
 * Keys of the embedded KMS: their material, states and aliases.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { AesKey, Primitives } from "../../../crypto/Primitives.ts"
import * as bytes from "../../../internal/bytes.ts"
import { quoted } from "../../../internal/printable.ts"
import * as DataKey from "../../../model/DataKey.ts"
import * as KeyArn from "../../KeyArn.ts"
import { EmbeddedKmsError } from "../EmbeddedKmsError.ts"
import type { Refusal } from "./refusal.ts"
import { refuse } from "./refusal.ts"

/** The states of a key. Only an enabled key encrypts, decrypts and makes data keys. */
export const KeyState = /*#__PURE__*/ Schema.Literals(["Enabled", "Disabled", "PendingDeletion"])

/** See the schema of the same name. */
export type KeyState = typeof KeyState.Type

/** Options of a key to be made. */
export const KeyOptions = /*#__PURE__*/ Schema.Struct({
  /** The key's ARN, which also chooses its Region and account. A key id that begins with `mrk-` makes a multi-Region key. Default: one with a random key id. */
  arn: /*#__PURE__*/ Schema.optional(Schema.String),
  /** The Region of a random ARN. Default: that of the layer. */
  region: /*#__PURE__*/ Schema.optional(Schema.String),
  /** Alias names of the key in its Region: `alias/orders`. */
  aliases: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Array(Schema.String)),
  /** Whether a random key id is that of a multi-Region key, which begins with `mrk-`. Default: false. */
  multiRegion: /*#__PURE__*/ Schema.optional(Schema.Boolean),
  /** Further Regions that have a replica of the multi-Region key: the same key id and key material. */
  replicaRegions: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Array(Schema.String))
})

/** See the schema of the same name. */
export type KeyOptions = typeof KeyOptions.Type

/** A key without its material. */
export interface KeyInfo {
  readonly arn: string
  readonly state: KeyState
  readonly aliases: ReadonlyArray<string>
}

/** A key. */
export interface Key {
  readonly arn: string
  readonly material: DataKey.DataKey
  readonly aesKey: AesKey
  state: KeyState
}

/** The keys by their ARN, and what ARNs are made with. */
export interface KeyStore {
  readonly primitives: Primitives
  readonly region: string
  readonly account: string
  /** The greatest number of characters of a context. */
  readonly maxContextLength: number
  readonly keys: Map<string, Key>
  /** Alias ARN to key ARN. */
  readonly aliases: Map<string, string>
}

const materialLength = 32

const Exported = /*#__PURE__*/ Schema.fromJsonString(
  /*#__PURE__*/ Schema.Struct({
    version: /*#__PURE__*/ Schema.Literal(1),
    keys: /*#__PURE__*/ Schema.Array(
      /*#__PURE__*/ Schema.Struct({
        arn: Schema.String,
        material: Schema.Uint8ArrayFromBase64,
        state: KeyState,
        aliases: /*#__PURE__*/ Schema.Array(Schema.String)
      })
    )
  })
)
const decodeExported = /*#__PURE__*/ Schema.decodeUnknownEffect(Exported)
const encodeExported = /*#__PURE__*/ Schema.encodeEffect(Exported)

/** Makes an empty key store. Its keys are zeroed when the scope closes. */
export const make = (
  options: Pick<KeyStore, "primitives" | "region" | "account" | "maxContextLength">
): Effect.Effect<KeyStore, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync((): KeyStore => ({ ...options, keys: new Map(), aliases: new Map() })),
    (store) => Effect.sync(() => store.keys.forEach((key) => destroy(store, key)))
  )

/** Removes a key and its aliases, and zeroes it. */
export const destroy = ({ aliases, keys }: KeyStore, key: Key): void => {
  keys.delete(key.arn)
  for (const [alias, arn] of aliases) if (arn === key.arn) aliases.delete(alias)
  DataKey.zero(key.material)
}

/** Returns the key that an identifier names, or the service's refusal where there is none. */
export const resolve = (
  { account, aliases, keys, region }: KeyStore,
  identifier: string
): Result.Result<Key, Refusal> => {
  const parsed = KeyArn.parse(identifier)
  if (Result.isFailure(parsed)) {
    return identifier.startsWith("arn:")
      ? refuse("Rejected", "InvalidArnException", parsed.failure.message)
      : refuse("KeyNotFound", "NotFoundException", `Invalid keyId ${identifier}`)
  }
  const id = parsed.success
  const arn = "region" in id
    ? identifier
    : `arn:aws:kms:${region}:${account}:${id._tag === "AliasName" ? id.aliasName : `key/${id.keyId}`}`
  const key = keys.get(aliases.get(arn) ?? arn)
  if (key !== undefined) return Result.succeed(key)
  return refuse(
    "KeyNotFound",
    "NotFoundException",
    id._tag === "AliasArn" || id._tag === "AliasName" ? `Alias ${arn} is not found.` : `Key '${arn}' does not exist`
  )
}

/** As `resolve`, for an enabled key. */
export const resolveEnabled = (store: KeyStore, identifier: string): Result.Result<Key, Refusal> =>
  Result.flatMap(resolve(store, identifier), (key) => {
    switch (key.state) {
      case "Enabled":
        return Result.succeed(key)
      case "Disabled":
        return refuse("KeyUnavailable", "DisabledException", `${key.arn} is disabled.`)
      case "PendingDeletion":
        return refuse("KeyUnavailable", "KMSInvalidStateException", `${key.arn} is pending deletion.`)
    }
  })

/** As `resolve`, for the management of keys. */
export const find = (store: KeyStore, identifier: string): Effect.Effect<Key, EmbeddedKmsError> =>
  Effect.suspend(() =>
    Effect.fromResult(Result.mapError(resolve(store, identifier), ({ description }) => invalid("keyId", description)))
  )

/** Makes a key and its replicas, and returns its ARN. Errors name the field behind `prefix`. */
export const createKey = Effect.fnUntraced(function*(store: KeyStore, key: KeyOptions, prefix: string) {
  const { account, primitives, region } = store
  const { aliases = [], multiRegion = false, replicaRegions = [] } = key
  const arn = key.arn ??
    `arn:aws:kms:${key.region ?? region}:${account}:key/${keyId(multiRegion, yield* primitives.randomBytes(16))}`
  if (multiRegion && !isMultiRegion(arn)) {
    return yield* invalid(`${prefix}multiRegion`, `${quoted(arn)} has no key id that begins with mrk-`)
  }
  const [replica] = replicasOf(store, arn)
  if (replica !== undefined) {
    return yield* invalid(`${prefix}arn`, `${replica} is that multi-Region key already: make a replica of it`)
  }
  const material = DataKey.make(yield* primitives.randomBytes(materialLength))
  yield* add(store, prefix, { arn, aliases, state: "Enabled" }, material)
  yield* Effect.onError(
    addReplicas(store, arn, replicaRegions, prefix),
    () => Effect.sync(() => [arn, ...replicasOf(store, arn)].forEach((made) => destroy(store, store.keys.get(made)!)))
  )
  return arn
})

/** Makes the replicas of a key that there are not yet. */
export const addReplicas = (
  store: KeyStore,
  arn: string,
  regions: ReadonlyArray<string>,
  prefix: string
): Effect.Effect<void, EmbeddedKmsError> =>
  Effect.forEach(regions, (region, index) =>
    store.keys.has(inRegion(arn, region))
      ? Effect.void
      : replicate(store, store.keys.get(arn)!, region, {
        key: `${prefix}replicaRegions`,
        region: `${prefix}replicaRegions[${index}]`
      }), { discard: true })

/**
 * Makes a replica of a multi-Region key in another Region, with the same key id and key material, and returns its ARN. Errors
 * name one of the two fields.
 */
export const replicate = Effect.fnUntraced(function*(
  store: KeyStore,
  { arn, material }: Key,
  region: string,
  fields: { readonly key: string; readonly region: string }
) {
  if (!isMultiRegion(arn)) return yield* invalid(fields.key, `${arn} is no multi-Region key, which begins with mrk-`)
  const replica = inRegion(arn, region)
  const parsed = KeyArn.parseKeyArn(replica)
  if (parsed?.region !== region) return yield* invalid(fields.region, `${quoted(region)} is no Region`)
  if (store.keys.has(replica)) return yield* invalid(fields.region, `there is a key ${replica} already`)
  const copy = DataKey.make(DataKey.value(material).slice())
  return yield* add(store, "", { arn: replica, aliases: [], state: "Enabled" }, copy)
})

const replicasOf = ({ keys }: KeyStore, arn: string): ReadonlyArray<string> =>
  [...keys.keys()].filter((other) => other !== arn && KeyArn.mrkMatchForDecrypt(arn, other))

const isMultiRegion = (arn: string): boolean => {
  const parsed = KeyArn.parseKeyArn(arn)
  return parsed !== undefined && KeyArn.isMultiRegion(parsed)
}

/** The ARN of a key's replica in a Region. */
const inRegion = (arn: string, region: string): string => KeyArn.format({ ...KeyArn.parseKeyArn(arn)!, region })

/** Lets an alias name a key, whatever it named before. */
export const setAlias = Effect.fnUntraced(function*({ aliases }: KeyStore, alias: string, key: Key) {
  aliases.set(yield* Effect.fromResult(aliasArn("alias", alias, key.arn)), key.arn)
})

/** Adds the keys of an exported key store. */
export const importKeys = Effect.fnUntraced(function*(store: KeyStore, exported: Redacted.Redacted) {
  const { keys } = yield* Effect.mapError(
    decodeExported(Redacted.value(exported)),
    () => invalid("keyStore", "is not what exportKeys gives")
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => keys.forEach(({ material }) => material.fill(0))))
  for (const { material, ...info } of keys) {
    if (material.length !== materialLength || bytes.isAllZero(material)) {
      return yield* invalid("keyStore", `the material of ${info.arn} is not ${materialLength} bytes, or all zero`)
    }
    yield* add(store, "keyStore.", info, DataKey.make(material))
  }
})

/** Returns all keys with their material as JSON text. */
export const exportKeys = (store: KeyStore): Effect.Effect<Redacted.Redacted> =>
  Effect.suspend(() =>
    encodeExported({
      version: 1,
      keys: [...store.keys.values()].map((key) => ({ ...infoOf(store, key), material: DataKey.value(key.material) }))
    })
  ).pipe(Effect.orDie, Effect.map((json) => Redacted.make(json, { label: "key-store" })))

/** Returns a key without its material. */
export const infoOf = ({ aliases }: KeyStore, { arn, state }: Key): KeyInfo => ({
  arn,
  state,
  aliases: [...aliases].filter(([, target]) => target === arn).map(([alias]) => alias.slice(alias.indexOf("alias/")))
})

/** Adds a key and returns its ARN. Takes the material over, and zeroes it where the key cannot be added. */
const add = Effect.fnUntraced(
  function*(store: KeyStore, prefix: string, { aliases, arn, state }: KeyInfo, material: DataKey.DataKey) {
    if (!KeyArn.isKeyArn(arn)) return yield* invalid(`${prefix}arn`, `${quoted(arn)} is no key ARN`)
    const aesKey = yield* Effect.orDie(store.primitives.importAesKey(material))
    if (store.keys.has(arn)) return yield* invalid(`${prefix}arn`, `there is a key ${arn} already`)
    const aliasArns: Array<string> = []
    for (const alias of aliases) {
      const parsed = yield* Effect.fromResult(aliasArn(`${prefix}aliases`, alias, arn))
      if (store.aliases.has(parsed)) return yield* invalid(`${prefix}aliases`, `${parsed} names another key already`)
      aliasArns.push(parsed)
    }
    store.keys.set(arn, { arn, material, aesKey, state })
    for (const alias of aliasArns) store.aliases.set(alias, arn)
    return arn
  },
  (effect, _store, _prefix, _info, material) =>
    Effect.onExit(effect, (exit) => Exit.isFailure(exit) ? Effect.sync(() => DataKey.zero(material)) : Effect.void)
)

/** The ARN of an alias in a key's Region and account. */
const aliasArn = (field: string, alias: string, arn: string): Result.Result<string, EmbeddedKmsError> => {
  const parsed = KeyArn.parse(alias)
  if (Result.isFailure(parsed) || parsed.success._tag !== "AliasName") {
    return Result.fail(invalid(field, `${quoted(alias)} is no alias name: it must begin with alias/`))
  }
  return Result.succeed(KeyArn.format({ ...KeyArn.parseKeyArn(arn)!, _tag: "AliasArn", aliasName: alias }))
}

const invalid = (field: string, description: string): EmbeddedKmsError => new EmbeddedKmsError({ field, description })

/** A key id from 16 random bytes: a version 4 UUID, or one of a multi-Region key. */
const keyId = (multiRegion: boolean, random: Uint8Array): string =>
  multiRegion ? `mrk-${uuid(random).replaceAll("-", "")}` : uuid(random)

/** A version 4 UUID from 16 random bytes. */
const uuid = (random: Uint8Array): string => {
  const hex = Array.from(random, (byte, index) => {
    const fixed = index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte
    return fixed.toString(16).padStart(2, "0")
  }).join("")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}
