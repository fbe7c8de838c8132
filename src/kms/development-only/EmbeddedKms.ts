/**
 * A KMS inside the process, for development, demonstrations and tests. **Not for production:** its keys are in the
 * memory of the process that uses them, and whoever reads that memory, or an exported key store, has them.
 *
 * The cryptography is real (AES-256-GCM), and so is the binding of the encryption context: what was wrapped under one
 * context does not unwrap under another. Answers name the key by its ARN, and refusals carry the codes of the service:
 * `NotFoundException`, `DisabledException`, `KMSInvalidStateException`, `InvalidCiphertextException`,
 * `IncorrectKeyException`, `InvalidArnException`, `ValidationException`. There are no permissions, and grant tokens are
 * ignored. A call goes to the Region that its key identifier names, or else to `region`.
 */
import * as EncryptionContextCodec from "../../message/EncryptionContextCodec.ts"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { AesKey } from "../../crypto/Primitives.ts"
import { Primitives } from "../../crypto/Primitives.ts"
import * as DataKey from "../../model/DataKey.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import * as bytes from "../../internal/bytes.ts"
import type { ProviderFailure } from "../../model/errors/KeyringError.ts"
import * as KeyArn from "../KeyArn.ts"
import type { KmsRequest } from "../Kms.ts"
import { Kms } from "../Kms.ts"
import { KmsError } from "../KmsError.ts"
import { EmbeddedKmsError } from "./EmbeddedKmsError.ts"

/** The states of a key. Only an enabled key encrypts, decrypts and makes data keys. */
export type KeyState = "Enabled" | "Disabled" | "PendingDeletion"

/** A key to be made. */
export interface KeyOptions {
  /** The key's ARN, which also chooses its Region and account. Default: one with a random key id. */
  readonly arn?: string | undefined
  /** The Region of a random ARN. Default: that of the layer. */
  readonly region?: string | undefined
  /** Alias names of the key in its Region: `alias/orders`. */
  readonly aliases?: ReadonlyArray<string> | undefined
}

/** What there is to know of a key, its material aside. */
export interface KeyInfo {
  readonly arn: string
  readonly state: KeyState
  readonly aliases: ReadonlyArray<string>
}

/** What the embedded KMS starts with. */
export interface EmbeddedKmsOptions {
  /** Keys to make. One whose ARN the key store holds already is left as it is, so that a program can start again. */
  readonly keys?: ReadonlyArray<KeyOptions> | undefined
  /** What `exportKeys` gave, perhaps in another process. */
  readonly keyStore?: Redacted.Redacted | undefined
  /** The Region of calls whose key identifier names none. Default: `us-east-1`. */
  readonly region?: string | undefined
  /** The account, for ARNs that are made here. Default: `111122223333`. */
  readonly account?: string | undefined
  /** How long every call takes on the Clock, before anything is done. Default: no time. */
  readonly latency?: Duration.Input | undefined
}

/** What `Kms` cannot do: make keys, name them, change their state, and save them. */
export interface EmbeddedKms {
  /** Makes a key and answers its ARN. Fails where the ARN or an alias is malformed or in use. */
  readonly createKey: (options?: KeyOptions) => Effect.Effect<string, EmbeddedKmsError>
  /** Lets an alias name a key, in the key's Region and account, whatever it named before. */
  readonly setAlias: (alias: string, keyId: string) => Effect.Effect<void, EmbeddedKmsError>
  /** Enables a key, disables it, or sets it on the way to deletion. */
  readonly setKeyState: (keyId: string, state: KeyState) => Effect.Effect<void, EmbeddedKmsError>
  /** Deletes a key and its aliases at once. What it wrapped is lost. */
  readonly deleteKey: (keyId: string) => Effect.Effect<void, EmbeddedKmsError>
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

/** The calls, and the control over the keys behind them. */
export interface Services {
  readonly kms: Kms
  readonly control: EmbeddedKms
}

const KeyStore = /*#__PURE__*/ Schema.fromJsonString(
  /*#__PURE__*/ Schema.Struct({
    version: Schema.Literal(1),
    keys: Schema.Array(Schema.Struct({
      arn: Schema.String,
      material: Schema.Uint8ArrayFromBase64,
      state: Schema.Literals(["Enabled", "Disabled", "PendingDeletion"]),
      aliases: Schema.Array(Schema.String)
    }))
  })
)
const decodeKeyStore = /*#__PURE__*/ Schema.decodeUnknownEffect(KeyStore)
const encodeKeyStore = /*#__PURE__*/ Schema.encodeEffect(KeyStore)

interface Key {
  readonly arn: string
  readonly material: DataKey.DataKey
  readonly aesKey: AesKey
  state: KeyState
}

const materialLength = 32
const ivLength = 12
const tagLength = 16
const blobVersion = 1

/** Both services as values. Key material is zeroed when the scope closes. */
export const make: (
  options?: EmbeddedKmsOptions
) => Effect.Effect<Services, EmbeddedKmsError, Primitives | Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: EmbeddedKmsOptions = {}) {
    const primitives = yield* Primitives
    const { account = "111122223333", latency, region = "us-east-1" } = options
    const wait = latency === undefined ? Effect.void : Effect.sleep(latency)
    const keys = new Map<string, Key>()
    /** Alias ARN to key ARN. */
    const aliases = new Map<string, string>()

    const destroy = (key: Key) => {
      keys.delete(key.arn)
      for (const [alias, arn] of aliases) if (arn === key.arn) aliases.delete(alias)
      DataKey.zero(key.material)
    }
    yield* Effect.addFinalizer(() => Effect.sync(() => keys.forEach(destroy)))

    /** The key that an identifier names, with what the service says where there is none. */
    const resolve = (identifier: string): Result.Result<Key, Refusal> => {
      const parsed = KeyArn.parse(identifier)
      if (Result.isFailure(parsed)) {
        return identifier.startsWith("arn:")
          ? refuse("Rejected", "InvalidArnException", parsed.failure.message)
          : refuse("KeyNotFound", "NotFoundException", `Invalid keyId ${identifier}`)
      }
      const id = parsed.success
      const arn = "region" in id ? identifier : `arn:aws:kms:${region}:${account}:${resourceOf(id)}`
      const key = keys.get(aliases.get(arn) ?? arn)
      return key === undefined
        ? refuse(
          "KeyNotFound",
          "NotFoundException",
          id._tag === "AliasArn" || id._tag === "AliasName"
            ? `Alias ${arn} is not found.`
            : `Key '${arn}' does not exist`
        )
        : Result.succeed(key)
    }

    const managed = (identifier: string): Effect.Effect<Key, EmbeddedKmsError> =>
      Effect.suspend(() =>
        Effect.fromResult(Result.mapError(resolve(identifier), ({ description }) => invalid("keyId", description)))
      )

    /** The ARN that an alias has beside a key. */
    const aliasArn = (field: string, alias: string, arn: string): Result.Result<string, EmbeddedKmsError> => {
      const parsed = KeyArn.parse(alias)
      if (Result.isFailure(parsed) || parsed.success._tag !== "AliasName") {
        return Result.fail(invalid(field, `${JSON.stringify(alias)} is no alias name: it must begin with alias/`))
      }
      const key = KeyArn.parseKeyArn(arn)!
      return Result.succeed(KeyArn.format({ ...key, _tag: "AliasArn", aliasName: alias }))
    }

    const add = Effect.fnUntraced(
      function*(field: string, arn: string, names: ReadonlyArray<string>, state: KeyState, material: DataKey.DataKey) {
        if (!KeyArn.isKeyArn(arn)) return yield* invalid(`${field}arn`, `${JSON.stringify(arn)} is no key ARN`)
        const aesKey = yield* Effect.orDie(primitives.importAesKey(material))
        if (keys.has(arn)) return yield* invalid(`${field}arn`, `there is a key ${arn} already`)
        const aliasArns: Array<string> = []
        for (const alias of names) {
          const parsed = yield* Effect.fromResult(aliasArn(`${field}aliases`, alias, arn))
          if (aliases.has(parsed)) return yield* invalid(`${field}aliases`, `${parsed} names another key already`)
          aliasArns.push(parsed)
        }
        keys.set(arn, { arn, material, aesKey, state })
        for (const alias of aliasArns) aliases.set(alias, arn)
        return arn
      },
      (effect, _field, _arn, _names, _state, material) =>
        Effect.onExit(effect, (exit) => Exit.isFailure(exit) ? Effect.sync(() => DataKey.zero(material)) : Effect.void)
    )

    const createKey = Effect.fnUntraced(function*(key: KeyOptions, field: string) {
      const arn = key.arn ??
        `arn:aws:kms:${key.region ?? region}:${account}:key/${uuid(yield* primitives.randomBytes(16))}`
      const material = DataKey.make(yield* primitives.randomBytes(materialLength))
      return yield* add(field, arn, key.aliases ?? [], "Enabled", material)
    })

    if (options.keyStore !== undefined) {
      const store = yield* Effect.mapError(
        decodeKeyStore(Redacted.value(options.keyStore)),
        () => invalid("keyStore", "is not what exportKeys gives")
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => store.keys.forEach(({ material }) => material.fill(0))))
      for (const { aliases, arn, material, state } of store.keys) {
        if (material.length !== materialLength || bytes.isAllZero(material)) {
          return yield* invalid("keyStore", `the material of ${arn} is not ${materialLength} bytes, or all zero`)
        }
        yield* add("keyStore.", arn, aliases, state, DataKey.make(material))
      }
    }
    for (const [index, key] of (options.keys ?? []).entries()) {
      if (key.arn === undefined || !keys.has(key.arn)) yield* createKey(key, `keys[${index}].`)
    }

    const infoOf = ({ arn, state }: Key): KeyInfo => ({
      arn,
      state,
      aliases: [...aliases].filter(([, target]) => target === arn).map(([alias]) =>
        alias.slice(alias.indexOf("alias/"))
      )
    })

    const control = EmbeddedKms.of({
      createKey: (key = {}) => createKey(key, ""),
      setAlias: Effect.fnUntraced(function*(alias, keyId) {
        const key = yield* managed(keyId)
        aliases.set(yield* Effect.fromResult(aliasArn("alias", alias, key.arn)), key.arn)
      }),
      setKeyState: (keyId, state) =>
        Effect.map(managed(keyId), (key) => {
          key.state = state
        }),
      deleteKey: (keyId) => Effect.map(managed(keyId), destroy),
      keys: Effect.sync(() => [...keys.values()].map(infoOf)),
      exportKeys: Effect.suspend(() =>
        encodeKeyStore({
          version: 1,
          keys: [...keys.values()].map((key) => ({ ...infoOf(key), material: DataKey.value(key.material) }))
        })
      ).pipe(Effect.orDie, Effect.map((json) => Redacted.make(json, { label: "key-store" })))
    })

    const failWith = (operation: KmsError["operation"], { keyId }: KmsRequest) => (refusal: Refusal): KmsError =>
      new KmsError({ operation, keyId, ...refusal, isRetryable: false })

    const usable = (keyId: string): Result.Result<Key, Refusal> =>
      Result.flatMap(resolve(keyId), (key) => {
        switch (key.state) {
          case "Enabled":
            return Result.succeed(key)
          case "Disabled":
            return refuse("KeyUnavailable", "DisabledException", `${key.arn} is disabled.`)
          case "PendingDeletion":
            return refuse("KeyUnavailable", "KMSInvalidStateException", `${key.arn} is pending deletion.`)
        }
      })

    const contextOf = ({ encryptionContext }: KmsRequest): Result.Result<Uint8Array, Refusal> =>
      Result.mapBoth(EncryptionContext.validate(encryptionContext), {
        onFailure: (error) => refusal("Rejected", "ValidationException", error.message),
        onSuccess: EncryptionContextCodec.encode
      })

    /** Header (version, key ARN), IV, ciphertext, tag. The header and the context are authenticated. */
    const wrap = Effect.fnUntraced(function*(key: Key, context: Uint8Array, plaintext: Uint8Array) {
      const arn = bytes.utf8(key.arn)
      const header = bytes.concat([Uint8Array.of(blobVersion, arn.length >> 8, arn.length & 0xff), arn])
      const blob = new Uint8Array(header.length + ivLength + plaintext.length + tagLength)
      blob.set(header)
      blob.set(yield* primitives.randomBytes(ivLength), header.length)
      yield* primitives.seal(key.aesKey, [{
        iv: blob.slice(header.length, header.length + ivLength),
        aad: bytes.concat([header, context]),
        plaintext,
        output: blob.subarray(header.length + ivLength)
      }])
      return blob
    })

    const kms = Kms.of({
      generateDataKey: (request) =>
        Effect.gen(function*() {
          yield* wait
          const { numberOfBytes } = request
          if (!Number.isInteger(numberOfBytes) || numberOfBytes < 1 || numberOfBytes > 1024) {
            return yield* Effect.fail(
              refusal("Rejected", "ValidationException", `numberOfBytes is ${numberOfBytes}, must be 1 to 1024`)
            )
          }
          const context = yield* Effect.fromResult(contextOf(request))
          const key = yield* Effect.fromResult(usable(request.keyId))
          const plaintext = yield* primitives.randomBytes(numberOfBytes)
          const ciphertextBlob = yield* Effect.onExit(
            wrap(key, context, plaintext),
            (exit) => Exit.isFailure(exit) ? Effect.sync(() => plaintext.fill(0)) : Effect.void
          )
          return { keyId: key.arn, plaintext: DataKey.make(plaintext), ciphertextBlob }
        }).pipe(Effect.mapError(failWith("GenerateDataKey", request))),

      encrypt: (request) =>
        Effect.gen(function*() {
          yield* wait
          const plaintext = DataKey.value(request.plaintext)
          if (plaintext.length < 1 || plaintext.length > 4096) {
            return yield* Effect.fail(
              refusal("Rejected", "ValidationException", `plaintext is ${plaintext.length} bytes, must be 1 to 4096`)
            )
          }
          const context = yield* Effect.fromResult(contextOf(request))
          const key = yield* Effect.fromResult(usable(request.keyId))
          return { keyId: key.arn, ciphertextBlob: yield* wrap(key, context, plaintext) }
        }).pipe(Effect.mapError(failWith("Encrypt", request))),

      decrypt: (request) =>
        Effect.gen(function*() {
          yield* wait
          const invalidCiphertext = refusal("InvalidCiphertext", "InvalidCiphertextException", "")
          const context = yield* Effect.fromResult(contextOf(request))
          const blob = parseBlob(request.ciphertextBlob)
          if (blob === undefined) return yield* Effect.fail(invalidCiphertext)
          const named = yield* Effect.fromResult(resolve(request.keyId))
          if (named.arn !== blob.arn) {
            return yield* Effect.fail(refusal(
              "InvalidCiphertext",
              "IncorrectKeyException",
              "The key ID in the request does not identify a CMK that can perform this operation."
            ))
          }
          const key = yield* Effect.fromResult(usable(request.keyId))
          const plaintext = new Uint8Array(blob.ciphertext.length)
          yield* Effect.onExit(
            Effect.mapError(
              primitives.open(key.aesKey, [{
                iv: blob.iv,
                aad: bytes.concat([blob.header, context]),
                ciphertext: blob.ciphertext,
                tag: blob.tag,
                output: plaintext
              }]),
              () => invalidCiphertext
            ),
            (exit) => Exit.isFailure(exit) ? Effect.sync(() => plaintext.fill(0)) : Effect.void
          )
          return { keyId: key.arn, plaintext: DataKey.make(plaintext) }
        }).pipe(Effect.mapError(failWith("Decrypt", request)))
    })

    return { kms, control }
  }
)

/**
 * Both services, over keys that are made or loaded when the layer is built. Fails where an option is wrong.
 *
 * **Gotchas**
 *
 * Keys that are made here live as long as the layer: what they wrapped is lost with them, unless `exportKeys` has saved
 * them.
 */
export const layer = (
  options?: EmbeddedKmsOptions
): Layer.Layer<Kms | EmbeddedKms, EmbeddedKmsError, Primitives> =>
  Layer.effectContext(
    Effect.map(make(options), ({ control, kms }) => Context.make(Kms, kms).pipe(Context.add(EmbeddedKms, control)))
  )

interface Refusal {
  readonly failure: ProviderFailure
  readonly code: string
  readonly description: string
}

const refusal = (failure: ProviderFailure, code: string, description: string): Refusal => ({
  failure,
  code,
  description
})

const refuse = (failure: ProviderFailure, code: string, description: string): Result.Result<never, Refusal> =>
  Result.fail(refusal(failure, code, description))

const invalid = (field: string, description: string): EmbeddedKmsError => new EmbeddedKmsError({ field, description })

const resourceOf = (identifier: KeyArn.AliasName | KeyArn.KeyId): string =>
  identifier._tag === "AliasName" ? identifier.aliasName : `key/${identifier.keyId}`

/** A version 4 UUID from 16 random bytes. */
const uuid = (random: Uint8Array): string => {
  const hex = Array.from(random, (byte, index) => {
    const fixed = index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte
    return fixed.toString(16).padStart(2, "0")
  }).join("")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}

/** The parts of a ciphertext blob, or `undefined` where it is none. */
const parseBlob = (blob: Uint8Array) => {
  if (blob.length < 3 || blob[0] !== blobVersion) return undefined
  const headerLength = 3 + ((blob[1]! << 8) | blob[2]!)
  const body = headerLength + ivLength
  if (blob.length <= body + tagLength) return undefined
  return {
    header: blob.subarray(0, headerLength),
    arn: bytes.fromUtf8(blob.subarray(3, headerLength)),
    iv: blob.subarray(headerLength, body),
    ciphertext: blob.subarray(body, blob.length - tagLength),
    tag: blob.subarray(blob.length - tagLength)
  }
}
