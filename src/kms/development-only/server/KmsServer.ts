/**
 * The embedded KMS behind the protocol of AWS KMS, on 127.0.0.1, **for development and tests only**: the AWS SDKs of all
 * languages and the AWS CLI are its clients. Its keys are in the memory of this process, and in the file of `keyStoreFile`.
 *
 * ```ts
 * const server = KmsServer.layer({ port: 4566, keyStoreFile: "kms.json" }).pipe(Layer.provide(NodePrimitives.layer))
 * Effect.runFork(Layer.launch(server))
 * ```
 *
 * It has the operations CreateKey, ReplicateKey, DescribeKey, EnableKey, DisableKey, ScheduleKeyDeletion, CreateAlias,
 * GenerateDataKey, GenerateDataKeyWithoutPlaintext, Encrypt, Decrypt, ReEncrypt, GetPublicKey and DeriveSharedSecret.
 *
 * **Gotchas**
 *
 * Signatures are not verified, there are no permissions, and grant tokens are passed over. The Region of a call is that of its
 * signature. Secrets stand in texts of requests and responses too, which JavaScript cannot zero.
 *
 * API reference of AWS KMS: https://docs.aws.amazon.com/kms/latest/APIReference/
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { Primitives } from "../../../crypto/Primitives.ts"
import { checker } from "../../../internal/options.ts"
import { quoted } from "../../../internal/printable.ts"
import * as Kms from "../../Kms.ts"
import * as EmbeddedKms from "../EmbeddedKms.ts"
import { EmbeddedKmsError } from "../EmbeddedKmsError.ts"
import * as Http from "./internal/http.ts"
import * as KeyStoreFile from "./internal/keyStoreFile.ts"
import * as Protocol from "./internal/protocol.ts"

/** Options of the server alone. */
const ServerOptions = /*#__PURE__*/ Schema.Struct({
  port: /*#__PURE__*/ Schema.optional(
    /*#__PURE__*/ Schema.Int.check(/*#__PURE__*/ Schema.isBetween({ minimum: 0, maximum: 65_535 }))
  ),
  keyStoreFile: /*#__PURE__*/ Schema.optional(Schema.NonEmptyString)
})

/** Options of the server, besides those of the embedded KMS. */
export interface Options extends EmbeddedKms.Options {
  /** Port of 127.0.0.1. Default: 0, which is any free one. */
  readonly port?: number | undefined
  /**
   * Path of a file that keeps the keys. It is loaded at the start if it is there, instead of `keyStore`, and written after each
   * change, for its owner alone. It holds the keys in the clear. One process at a time may use it.
   */
  readonly keyStoreFile?: string | undefined
}

/** A server that runs. */
export interface KmsServer {
  /** For `endpoint` of an AWS SDK, or `AWS_ENDPOINT_URL_KMS`: `http://127.0.0.1:4566`. */
  readonly url: string
  readonly port: number
}

/** The tag of the service. */
export const KmsServer: Context.Service<KmsServer, KmsServer> = /*#__PURE__*/ Context.Service<KmsServer>(
  "effect-encryption-sdk/kms/development-only/server/KmsServer"
)

/** The server, and the embedded KMS behind it for calls and control without the network. */
export interface Running extends KmsServer, EmbeddedKms.Services {}

/**
 * Starts a server, which ends with the scope, open connections too.
 *
 * Fails where an option is wrong: `port` where it is in use, `keyStoreFile` where it is no key store. A change of a key that
 * cannot be written to the file fails too; it is in memory then, and written with the next one.
 */
export const make: (
  options?: Options
) => Effect.Effect<Running, EmbeddedKmsError, Primitives | Scope.Scope> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: Options = {}) {
    const primitives = yield* Primitives
    if (typeof options !== "object" || options === null) {
      return yield* new EmbeddedKmsError({ field: "options", description: "must be an object" })
    }
    const { keyStoreFile, port: wanted, ...embedded } = options
    const { port: free = 0 } = yield* Effect.mapError(
      Effect.fromResult(checkOptions({ keyStoreFile, port: wanted })),
      (invalid) => new EmbeddedKmsError(invalid)
    )
    const { control, kms } = keyStoreFile === undefined
      ? yield* EmbeddedKms.make(embedded)
      : yield* persistent(embedded, keyStoreFile)
    const { account = EmbeddedKms.defaults.account, region = EmbeddedKms.defaults.region } = embedded
    const port = yield* Http.listen(primitives, Protocol.make({ control, kms }, { account, region }), free)
    const url = `http://127.0.0.1:${port}`
    yield* Effect.logInfo(
      `KMS for development and tests only: ${url}. No signature is verified, all calls are permitted.`
    )
    return { url, port, control, kms }
  }
)

const checkOptions = /*#__PURE__*/ checker(ServerOptions, "a KMS server", {
  port: "must be an integer from 0 to 65535",
  keyStoreFile: "must be a path"
})

/** An embedded KMS whose keys are in a file. */
const persistent = Effect.fnUntraced(function*(options: EmbeddedKms.Options, path: string) {
  if (options.keyStore !== undefined) {
    return yield* new EmbeddedKmsError({
      field: "keyStore",
      description: "is given with keyStoreFile: give one of them"
    })
  }
  const keyStore = yield* KeyStoreFile.load(path)
  const { control, kms } = yield* Effect.mapError(
    EmbeddedKms.make({ ...options, keyStore }),
    (error) =>
      /^keyStore\b/.test(error.field)
        ? new EmbeddedKmsError({ field: "keyStoreFile", description: `${quoted(path)} ${error.description}` })
        : error
  )
  const oneAtATime = (yield* Semaphore.make(1)).withPermits(1)
  const save = oneAtATime(Effect.flatMap(control.exportKeys, (keyStore) => KeyStoreFile.save(path, keyStore)))
  yield* save
  const saved = <A>(change: Effect.Effect<A, EmbeddedKmsError>): Effect.Effect<A, EmbeddedKmsError> =>
    Effect.uninterruptibleMask((restore) => Effect.tap(restore(change), () => save))
  return {
    kms,
    control: EmbeddedKms.EmbeddedKms.of({
      ...control,
      createKey: (options) => saved(control.createKey(options)),
      replicateKey: (keyId, region) => saved(control.replicateKey(keyId, region)),
      setAlias: (alias, keyId) => saved(control.setAlias(alias, keyId)),
      setKeyState: (keyId, state) => saved(control.setKeyState(keyId, state)),
      scheduleKeyDeletion: (keyId, waitingDays) => saved(control.scheduleKeyDeletion(keyId, waitingDays)),
      deleteKey: (keyId) => saved(control.deleteKey(keyId))
    })
  }
})

/** The server, the control of its keys, and the ports of `Kms` without the network. */
export const layer = (
  options?: Options
): Layer.Layer<KmsServer | EmbeddedKms.EmbeddedKms | Kms.Ports, EmbeddedKmsError, Primitives> =>
  Layer.effectContext(
    Effect.map(make(options), ({ control, kms, port, url }) =>
      Kms.contextOf(kms).pipe(
        Context.add(EmbeddedKms.EmbeddedKms, control),
        Context.add(KmsServer, { url, port })
      ))
  )
