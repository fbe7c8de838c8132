/**
 * Keys of the embedded KMS: their material, states and aliases.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Primitives } from "../../../crypto/Primitives.ts"
import { quoted, shown } from "../../../internal/printable.ts"
import { uuid } from "../../../internal/uuid.ts"
import * as DataKey from "../../../model/DataKey.ts"
import * as KeyArn from "../../KeyArn.ts"
import { EmbeddedKmsError } from "../EmbeddedKmsError.ts"
import * as ExportedKeys from "./exportedKeys.ts"
import type { KeyInfo, KeyOptions } from "./keyInfo.ts"
import { KeyState, usageOf } from "./keyInfo.ts"
import type { Material, Materials } from "./keyMaterial.ts"
import * as KeyMaterial from "./keyMaterial.ts"
import type { Refusal } from "./refusal.ts"
import { refuse } from "./refusal.ts"

/** A key. `secret` is 32 bytes, or the PKCS #8 of a private key. */
export interface Key extends Pick<KeyInfo, "arn" | "keySpec" | "creationDate"> {
  readonly secret: DataKey.DataKey
  readonly material: Material
  state: KeyState
  deletionDate: number | undefined
}

/** The keys by their ARN, and what ARNs are made with. */
export interface KeyStore {
  readonly primitives: Primitives
  readonly region: string
  readonly account: string
  /** The greatest number of characters of a context. */
  readonly maxContextLength: number
  readonly materials: Materials
  readonly keys: Map<string, Key>
  /** Alias ARN to key ARN. */
  readonly aliases: Map<string, string>
}

/** Makes an empty key store. Its keys are zeroed when the scope closes. */
export const make = (
  options: Pick<KeyStore, "primitives" | "region" | "account" | "maxContextLength">
): Effect.Effect<KeyStore, never, Scope.Scope> =>
  Effect.flatMap(KeyMaterial.make(options.primitives), (materials) =>
    Effect.acquireRelease(
      Effect.sync((): KeyStore => ({ ...options, materials, keys: new Map(), aliases: new Map() })),
      (store) => Effect.sync(() => store.keys.forEach((key) => destroy(store, key)))
    ))

/** Removes a key and its aliases, and zeroes it. */
export const destroy = ({ aliases, keys }: KeyStore, key: Key): void => {
  keys.delete(key.arn)
  for (const [alias, arn] of aliases) if (arn === key.arn) aliases.delete(alias)
  DataKey.zero(key.secret)
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

/** The service's refusal of a key that is not enabled. */
export const requireEnabled = ({ arn, state }: Key): Result.Result<void, Refusal> => {
  switch (state) {
    case "Enabled":
      return Result.succeed(undefined)
    case "Disabled":
      return refuse("KeyUnavailable", "DisabledException", `${arn} is disabled.`)
    case "PendingDeletion":
      return refuse("KeyUnavailable", "KMSInvalidStateException", `${arn} is pending deletion.`)
  }
}

/** As `resolve`, for the management of keys. */
export const find = (store: KeyStore, identifier: string): Effect.Effect<Key, EmbeddedKmsError> =>
  Effect.suspend(() =>
    Effect.fromResult(Result.mapError(resolve(store, identifier), ({ description }) => invalid("keyId", description)))
  )

/** Makes a key and its replicas, and returns its ARN. Errors name the field behind `prefix`. */
export const createKey = Effect.fnUntraced(function*(store: KeyStore, key: KeyOptions, prefix: string) {
  const { account, primitives, region } = store
  const { aliases = [], keySpec = "SYMMETRIC_DEFAULT", multiRegion = false, replicaRegions = [] } = key
  const arn = key.arn ??
    `arn:aws:kms:${key.region ?? region}:${account}:key/${keyId(multiRegion, yield* primitives.randomBytes(16))}`
  if (multiRegion && !isMultiRegion(arn)) {
    return yield* invalid(`${prefix}multiRegion`, `${quoted(arn)} has no key id that begins with mrk-`)
  }
  const [replica] = replicasOf(store, arn)
  if (replica !== undefined) {
    return yield* invalid(`${prefix}arn`, `${replica} is that multi-Region key already: make a replica of it`)
  }
  const creationDate = yield* Clock.currentTimeMillis
  const info: NewKey = { arn, aliases, keySpec, state: "Enabled", creationDate, deletionDate: undefined }
  // A key pair takes time to make: only for a key that can be added.
  yield* Effect.fromResult(check(store, prefix, info))
  const secret = yield* Effect.mapError(
    store.materials.generate(keySpec),
    ({ message }) => invalid(`${prefix}keySpec`, `${keySpec} cannot be made in this runtime: ${message}`)
  )
  yield* add(store, prefix, info, secret, ({ message }) => invalid(`${prefix}keySpec`, message))
  yield* Effect.onError(
    addReplicas(store, arn, replicaRegions, prefix),
    () => Effect.sync(() => [arn, ...replicasOf(store, arn)].forEach((made) => destroy(store, store.keys.get(made)!)))
  )
  return arn
})

/** Leaves a key that there is as it is, but for replicas that it lacks. It must have the key spec that the options name. */
export const keepKey = (
  store: KeyStore,
  { arn, keySpec }: Key,
  options: KeyOptions,
  prefix: string
): Effect.Effect<void, EmbeddedKmsError> =>
  options.keySpec === undefined || options.keySpec === keySpec
    ? addReplicas(store, arn, options.replicaRegions ?? [], prefix)
    : Effect.fail(invalid(`${prefix}keySpec`, `is ${options.keySpec}, and the key store has ${arn} as ${keySpec}`))

/** Makes the replicas of a key that there are not yet. */
const addReplicas = (
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
  { arn, keySpec, material, secret }: Key,
  region: string,
  fields: { readonly key: string; readonly region: string }
) {
  if (!isMultiRegion(arn)) return yield* invalid(fields.key, `${arn} is no multi-Region key, which begins with mrk-`)
  const replica = inRegion(arn, region)
  const parsed = KeyArn.parseKeyArn(replica)
  if (parsed?.region !== region) return yield* invalid(fields.region, `${quoted(region)} is no Region`)
  if (store.keys.has(replica)) return yield* invalid(fields.region, `there is a key ${replica} already`)
  store.keys.set(replica, {
    arn: replica,
    keySpec,
    creationDate: yield* Clock.currentTimeMillis,
    secret: DataKey.copy(secret),
    material,
    state: "Enabled",
    deletionDate: undefined
  })
  return replica
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

/** Sets the state of a key. Fails where there is no such state. */
export const changeState = (key: Key, state: KeyState): Effect.Effect<void, EmbeddedKmsError> =>
  KeyState.literals.includes(state)
    ? Effect.sync(() => setState(key, state))
    : Effect.fail(invalid("state", `is ${shown(state)}, must be one of ${KeyState.literals.join(", ")}`))

/** Sets the state of a key, and the date of its deletion where it is on the way to that. */
const setState = (key: Key, state: KeyState, deletionDate?: number): void => {
  key.state = state
  key.deletionDate = deletionDate
}

/** Sets a key on the way to deletion, after a waiting time in days. */
export const scheduleDeletion = Effect.fnUntraced(function*(store: KeyStore, key: Key, waitingDays: number) {
  if (!Number.isInteger(waitingDays) || waitingDays < 7 || waitingDays > 30) {
    return yield* invalid("waitingDays", `is ${shown(waitingDays)}, must be 7 to 30`)
  }
  const now = yield* Clock.currentTimeMillis
  setState(key, "PendingDeletion", now + Duration.toMillis(Duration.days(waitingDays)))
  return infoOf(store, key)
})

/** Adds the keys of an exported key store. */
export const importKeys = Effect.fnUntraced(function*(store: KeyStore, exported: Redacted.Redacted) {
  const keys = yield* Effect.mapError(
    ExportedKeys.decode(Redacted.value(exported), yield* Clock.currentTimeMillis),
    () => invalid("keyStore", "is not what exportKeys gives")
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => keys.forEach(({ material }) => material.fill(0))))
  for (const { material, ...key } of keys) {
    const info = { ...key, deletionDate: key.deletionDate }
    yield* add(
      store,
      "keyStore.",
      info,
      DataKey.make(material),
      ({ message }) => invalid("keyStore", `the material of ${info.arn} ${message}`)
    )
  }
})

/** Returns all keys with their material as JSON text. */
export const exportKeys = (store: KeyStore): Effect.Effect<Redacted.Redacted> =>
  Effect.suspend(() =>
    ExportedKeys.encode([...store.keys.values()].map((key) => {
      const { deletionDate, keyUsage: _, ...info } = infoOf(store, key)
      const date = deletionDate === undefined ? {} : { deletionDate }
      return { ...info, ...date, material: DataKey.value(key.secret) }
    }))
  ).pipe(Effect.map((json) => Redacted.make(json, { label: "key-store" })))

/** Returns a key without its material. */
export const infoOf = ({ aliases }: KeyStore, { arn, creationDate, deletionDate, keySpec, state }: Key): KeyInfo => ({
  arn,
  keySpec,
  keyUsage: usageOf(keySpec),
  state,
  aliases: [...aliases].filter(([, target]) => target === arn).map(([alias]) => alias.slice(alias.indexOf("alias/"))),
  creationDate,
  deletionDate
})

type NewKey = Omit<KeyInfo, "keyUsage">

/** Adds a key. Takes the secret over, and zeroes it where the key cannot be added. */
const add = (
  store: KeyStore,
  prefix: string,
  info: NewKey,
  secret: DataKey.DataKey,
  invalidSecret: (error: { readonly message: string }) => EmbeddedKmsError
): Effect.Effect<void, EmbeddedKmsError> =>
  Effect.mapError(store.materials.read(info.keySpec, secret), invalidSecret).pipe(
    Effect.flatMap((material) =>
      Effect.fromResult(Result.map(check(store, prefix, info), (aliasArns) => {
        const { aliases: _, ...key } = info
        store.keys.set(info.arn, { ...key, secret, material })
        for (const alias of aliasArns) store.aliases.set(alias, info.arn)
      }))
    ),
    Effect.onError(() => Effect.sync(() => DataKey.zero(secret)))
  )

/** The key of these options that was loaded with a key store: by its ARN, or else by its first alias. */
export const findLoaded = (
  { account, aliases, keys, region }: KeyStore,
  loaded: ReadonlySet<string>,
  key: KeyOptions
): Key | undefined => {
  if (key.arn !== undefined) return keys.get(key.arn)
  const [alias] = key.aliases ?? []
  const arn = aliases.get(`arn:aws:kms:${key.region ?? region}:${account}:${alias}`)
  return arn !== undefined && loaded.has(arn) ? keys.get(arn) : undefined
}

/** Whether a key can be added: the ARNs of its aliases, or what stands against it. */
const check = (
  store: KeyStore,
  prefix: string,
  { aliases, arn }: NewKey
): Result.Result<ReadonlyArray<string>, EmbeddedKmsError> => {
  if (!KeyArn.isKeyArn(arn)) return Result.fail(invalid(`${prefix}arn`, `${quoted(arn)} is no key ARN`))
  if (store.keys.has(arn)) return Result.fail(invalid(`${prefix}arn`, `there is a key ${arn} already`))
  return Result.all(
    aliases.map((alias) =>
      Result.flatMap(aliasArn(`${prefix}aliases`, alias, arn), (parsed) =>
        store.aliases.has(parsed)
          ? Result.fail(invalid(`${prefix}aliases`, `${parsed} names another key already`))
          : Result.succeed(parsed))
    )
  )
}

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
