/** Types of the client: layers, options, results, and what each operation fails with and needs. */
import { type Config, Effect, Layer, type Result, type Scope, Stream } from "effect"
import {
  AlgorithmSuite,
  CommitmentPolicy,
  CryptographicMaterialsManager,
  type DecryptError,
  DefaultCmm,
  type EncryptError,
  EncryptionContext,
  EncryptionSdk,
  FileSource,
  type InvalidOption,
  type Keyring,
  type KeyringError,
  MultiKeyring,
  type Receipt,
  type UnverifiedPlaintextReleased,
  WebStreams
} from "effect-encryption-sdk"
import type { Primitives } from "effect-encryption-sdk/crypto"
import type { MessageHeader } from "effect-encryption-sdk/message"
import type { FileSystem, PlatformError } from "effect"
import { expectTypeOf } from "vitest"
import type { Fields } from "./Fields.ts"

type Manager = CryptographicMaterialsManager.CryptographicMaterialsManager

declare const sdk: EncryptionSdk.EncryptionSdk
declare const manager: Manager
declare const keyring: Keyring.Keyring
declare const bytes: Uint8Array
declare const suite: AlgorithmSuite.AlgorithmSuite

// Many values: an outcome for each, and the errors of the call itself.
expectTypeOf(sdk.encryptMany([{ plaintext: "x", encryptionContext: { a: "b" } }], { concurrency: 2 })).toEqualTypeOf<
  Effect.Effect<ReadonlyArray<Result.Result<EncryptionSdk.EncryptResult, EncryptError>>, EncryptError>
>()
expectTypeOf(sdk.decryptMany([{ message: bytes }])).toEqualTypeOf<
  Effect.Effect<ReadonlyArray<Result.Result<EncryptionSdk.DecryptResult, DecryptError>>, DecryptError>
>()
// @ts-expect-error: a message that is a plaintext
sdk.decryptMany([{ plaintext: bytes }])

// Layers: services, errors, requirements.
expectTypeOf(EncryptionSdk.layer()).toEqualTypeOf<
  Layer.Layer<EncryptionSdk.EncryptionSdk, InvalidOption, Manager | Primitives.Primitives>
>()
expectTypeOf(EncryptionSdk.layerConfig({})).toEqualTypeOf<
  Layer.Layer<EncryptionSdk.EncryptionSdk, InvalidOption | Config.ConfigError, Manager | Primitives.Primitives>
>()
expectTypeOf(EncryptionSdk.make()).toEqualTypeOf<
  Effect.Effect<EncryptionSdk.EncryptionSdk, InvalidOption, Manager | Primitives.Primitives>
>()
expectTypeOf(DefaultCmm.layer).toEqualTypeOf<Layer.Layer<Manager, never, Keyring.Keyring | Primitives.Primitives>>()
expectTypeOf(DefaultCmm.make(keyring)).toEqualTypeOf<Effect.Effect<Manager, never, Primitives.Primitives>>()
expectTypeOf(MultiKeyring.make({ generator: keyring })).toEqualTypeOf<
  Effect.Effect<Keyring.Keyring, KeyringError.KeyringError>
>()

// A service's tag gives the service of the same name.
Effect.gen(function*() {
  expectTypeOf(yield* EncryptionSdk.EncryptionSdk).toEqualTypeOf<EncryptionSdk.EncryptionSdk>()
  expectTypeOf(yield* CryptographicMaterialsManager.CryptographicMaterialsManager).toEqualTypeOf<Manager>()
})

// A program that lacks a layer does not run.
const program = Effect.provide(EncryptionSdk.EncryptionSdk.use((sdk) => sdk.encrypt("")), EncryptionSdk.layer())
// @ts-expect-error: the manager and the cryptography are missing
void Effect.runPromise(program)

// Options of the client.
EncryptionSdk.layer({ commitmentPolicy: "ForbidEncryptAllowDecrypt", maxEncryptedDataKeys: 3 })
EncryptionSdk.layer({ maxEncryptedDataKeys: undefined })
// @ts-expect-error: no such policy
EncryptionSdk.layer({ commitmentPolicy: "AllowEncryptAllowDecrypt" })
// @ts-expect-error: no such option
EncryptionSdk.layer({ maxEncryptedDatakeys: 3 })
// @ts-expect-error: a number
EncryptionSdk.layer({ maxEncryptedDataKeys: "3" })
// @ts-expect-error: null is no default
EncryptionSdk.layer(null)

// Operations need nothing of the environment, and fail with one error each.
expectTypeOf(sdk.encrypt(bytes)).toEqualTypeOf<Effect.Effect<EncryptionSdk.EncryptResult, EncryptError>>()
expectTypeOf(sdk.encrypt("text")).toEqualTypeOf<Effect.Effect<EncryptionSdk.EncryptResult, EncryptError>>()
expectTypeOf(sdk.decrypt(bytes)).toEqualTypeOf<Effect.Effect<EncryptionSdk.DecryptResult, DecryptError>>()
expectTypeOf(sdk.inspect(bytes)).toEqualTypeOf<Effect.Effect<EncryptionSdk.InspectedHeader, DecryptError>>()
// @ts-expect-error: the plaintext is bytes or text
sdk.encrypt({ secret: 1 })
// @ts-expect-error: a message is bytes
sdk.decrypt("AgV4")

// Options of the operations.
interface EncryptOptions {
  readonly encryptionContext?: EncryptionContext.EncryptionContext | undefined
  readonly algorithmSuite?: AlgorithmSuite.AlgorithmSuite | undefined
  readonly frameLength?: number | undefined
  readonly materialsManager?: Manager | undefined
}
interface DecryptOptions {
  readonly expectedEncryptionContext?: EncryptionContext.EncryptionContext | undefined
  readonly materialsManager?: Manager | undefined
}
expectTypeOf<Fields<Parameters<typeof sdk.encrypt>[1]>>().toEqualTypeOf<Fields<EncryptOptions | undefined>>()
expectTypeOf<Fields<Parameters<typeof sdk.decrypt>[1]>>().toEqualTypeOf<Fields<DecryptOptions | undefined>>()
expectTypeOf<Fields<Parameters<typeof EncryptionSdk.layer>[0]>>().toEqualTypeOf<
  Fields<
    {
      readonly commitmentPolicy?: CommitmentPolicy.CommitmentPolicy | undefined
      readonly maxEncryptedDataKeys?: number | undefined
      readonly portability?: "MessageFormat" | "AllImplementations" | undefined
    } | undefined
  >
>()
sdk.encrypt(bytes, { encryptionContext: { a: "b" }, algorithmSuite: suite, frameLength: 1, materialsManager: manager })
// @ts-expect-error: a suite is a value of AlgorithmSuite
sdk.encrypt(bytes, { algorithmSuite: 0x0478 })
// @ts-expect-error: a suite has no name in the options
sdk.encrypt(bytes, { algorithmSuite: "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY" })
// @ts-expect-error: values of a context are text
sdk.encrypt(bytes, { encryptionContext: { tenant: 1 } })
// @ts-expect-error: a context expected is an option of decrypt
sdk.encrypt(bytes, { expectedEncryptionContext: {} })
// @ts-expect-error: a keyring is no manager
sdk.encrypt(bytes, { materialsManager: keyring })
sdk.decrypt(bytes, { expectedEncryptionContext: { a: "b" }, materialsManager: manager })
// @ts-expect-error: a context that is given is an option of encrypt
sdk.decrypt(bytes, { encryptionContext: {} })
// @ts-expect-error: the message says its frame length
sdk.decrypt(bytes, { frameLength: 1 })

// Results.
interface Common {
  readonly header: MessageHeader.MessageHeader
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly receipt: Receipt.Receipt
}
interface Encrypted extends Common {
  readonly wrappingKeys: ReadonlyArray<EncryptionSdk.KeyReference>
}
interface Decrypted extends Common {
  readonly unwrappedDataKey: EncryptionSdk.UnwrappedDataKey
}
expectTypeOf<Fields<EncryptionSdk.EncryptResult>>().toEqualTypeOf<
  Fields<Encrypted & { readonly message: Uint8Array<ArrayBuffer> }>
>()
expectTypeOf<Fields<EncryptionSdk.DecryptResult>>().toEqualTypeOf<
  Fields<Decrypted & { readonly plaintext: Uint8Array<ArrayBuffer> }>
>()
expectTypeOf<EncryptionSdk.KeyReference>().toEqualTypeOf<
  { readonly index: number; readonly keyProviderId: string; readonly keyProviderInfo: string }
>()
expectTypeOf<EncryptionSdk.UnwrappedDataKey["index"]>().toEqualTypeOf<number | undefined>()
expectTypeOf<EncryptionSdk.InspectedHeader["authenticated"]>().toEqualTypeOf<false>()
expectTypeOf<EncryptionSdk.InspectedHeader>().toExtend<MessageHeader.MessageHeader>()
declare const result: EncryptionSdk.EncryptResult
// @ts-expect-error: results are not changed
result.message = bytes

// Options of streams.
interface OfStreams<Metadata> {
  readonly onHeader?: ((metadata: Metadata) => Effect.Effect<unknown>) | undefined
  readonly onProgress?: ((progress: EncryptionSdk.Progress) => Effect.Effect<unknown>) | undefined
}
interface OfReading extends DecryptOptions, OfStreams<EncryptionSdk.DecryptMetadata> {
  readonly maxWithheldBytes?: number | undefined
}
expectTypeOf<Fields<EncryptionSdk.EncryptStreamOptions>>().toEqualTypeOf<
  Fields<
    EncryptOptions & OfStreams<EncryptionSdk.EncryptMetadata> & {
      readonly plaintextLength?: number | undefined
      readonly maxPlaintextLength?: number | undefined
    }
  >
>()
expectTypeOf<Fields<EncryptionSdk.DecryptStreamOptions>>().toEqualTypeOf<
  Fields<OfReading & { readonly unsignedOnly?: boolean | undefined }>
>()
expectTypeOf<Fields<EncryptionSdk.DecryptRangeOptions>>().toEqualTypeOf<Fields<OfReading>>()
expectTypeOf<EncryptionSdk.Progress>().toEqualTypeOf<{ readonly frames: number; readonly bytes: number }>()
expectTypeOf<EncryptionSdk.UnverifiedPlaintext>().toEqualTypeOf<{ readonly unverified: Uint8Array<ArrayBuffer> }>()
expectTypeOf<Fields<EncryptionSdk.MessageMetadata>>().toEqualTypeOf<Fields<Common>>()

// Streams: errors and requirements of the source, and of onHeader, are those of the stream.
declare const source: Stream.Stream<Uint8Array, "source", Scope.Scope>
declare const onHeader: (
  metadata: EncryptionSdk.MessageMetadata
) => Effect.Effect<void, "header", FileSystem.FileSystem>
expectTypeOf(sdk.encryptStream(source, { plaintextLength: 1, onHeader })).toEqualTypeOf<
  Stream.Stream<Uint8Array<ArrayBuffer>, "source" | "header" | EncryptError, Scope.Scope | FileSystem.FileSystem>
>()
expectTypeOf(sdk.decryptStream(source, { onHeader })).toEqualTypeOf<
  Stream.Stream<Uint8Array<ArrayBuffer>, "source" | "header" | DecryptError, Scope.Scope | FileSystem.FileSystem>
>()
expectTypeOf(sdk.decryptStream(Stream.make(bytes))).toEqualTypeOf<
  Stream.Stream<Uint8Array<ArrayBuffer>, DecryptError>
>()
expectTypeOf(sdk.decryptStreamUnverified(Stream.make(bytes))).toEqualTypeOf<
  Stream.Stream<EncryptionSdk.UnverifiedPlaintext, DecryptError | UnverifiedPlaintextReleased>
>()
expectTypeOf(sdk.decryptRange({ length: 1, read: () => Effect.fail("read" as const) }, { offset: 0 })).toEqualTypeOf<
  Stream.Stream<Uint8Array<ArrayBuffer>, "read" | DecryptError>
>()
// @ts-expect-error: a stream of text is no stream of bytes
sdk.encryptStream(Stream.make("text"))
// @ts-expect-error: unverified plaintext is no plaintext
sdk.encryptStream(sdk.decryptStreamUnverified(Stream.make(bytes)))
// @ts-expect-error: lengths are of encryption
sdk.decryptStream(source, { plaintextLength: 1 })
// @ts-expect-error: a range says where it begins
sdk.decryptRange({ length: 1, read: () => Effect.succeed(bytes) }, { length: 1 })
// @ts-expect-error: a range of a signed message fails always
sdk.decryptRange({ length: 1, read: () => Effect.succeed(bytes) }, { offset: 0 }, { unsignedOnly: true })
// @ts-expect-error: progress cannot fail
sdk.encryptStream(source, { onProgress: () => Effect.fail("progress") })

// Rotation: it decrypts and encrypts, and may fail as either.
expectTypeOf(sdk.rewrap(bytes)).toEqualTypeOf<
  Effect.Effect<EncryptionSdk.RewrapResult, DecryptError | EncryptError>
>()
expectTypeOf(sdk.isCurrent(bytes)).toEqualTypeOf<
  Effect.Effect<EncryptionSdk.IsCurrentResult, DecryptError | EncryptError>
>()
expectTypeOf(sdk.rewrapStream(source, { plaintextLength: 1, onHeader })).toEqualTypeOf<
  Stream.Stream<
    Uint8Array<ArrayBuffer>,
    "source" | "header" | DecryptError | EncryptError,
    Scope.Scope | FileSystem.FileSystem
  >
>()
interface RewrapOptions extends DecryptOptions {
  readonly sourceMaterialsManager?: Manager | undefined
  readonly algorithmSuite?: AlgorithmSuite.AlgorithmSuite | undefined
  readonly frameLength?: number | undefined
  readonly keepBody?: { readonly keyring: Keyring.Keyring } | undefined
}
expectTypeOf<Fields<Fields<EncryptionSdk.RewrapOptions>>>().toEqualTypeOf<Fields<RewrapOptions>>()
expectTypeOf<Fields<EncryptionSdk.RewrapStreamOptions>>().toEqualTypeOf<
  Fields<
    RewrapOptions & OfStreams<EncryptionSdk.RewrapMetadata> & {
      readonly plaintextLength?: number | undefined
      readonly maxPlaintextLength?: number | undefined
      readonly maxWithheldBytes?: number | undefined
    }
  >
>()
expectTypeOf<Fields<EncryptionSdk.RewrapResult>>().toEqualTypeOf<
  Fields<
    Encrypted & {
      readonly message: Uint8Array<ArrayBuffer>
      readonly body: "Reencrypted" | "Kept"
      readonly source: EncryptionSdk.DecryptMetadata
    }
  >
>()
expectTypeOf<Fields<EncryptionSdk.IsCurrentOptions>>().toEqualTypeOf<
  Fields<
    DecryptOptions & {
      readonly algorithmSuite?: AlgorithmSuite.AlgorithmSuite | undefined
      readonly wrappingKeys?: ReadonlyArray<EncryptionSdk.WrappingKey> | undefined
    }
  >
>()
sdk.isCurrent(bytes, { wrappingKeys: result.wrappingKeys })
const describeReason = (reason: EncryptionSdk.NotCurrentReason): string => {
  switch (reason._tag) {
    case "CommitmentPolicy":
      return reason.commitmentPolicy
    case "AlgorithmSuite":
      return `${reason.actual.name}, not ${reason.expected.name}`
    case "WrappingKeys":
      return [...reason.missing, ...reason.unexpected].map(({ keyProviderInfo }) => keyProviderInfo).join(" ")
    default:
      return reason satisfies never
  }
}
expectTypeOf(describeReason).returns.toEqualTypeOf<string>()
// @ts-expect-error: a body is kept under a keyring
sdk.rewrap(bytes, { keepBody: true })
// @ts-expect-error: a manager may have a cache, and makes data keys of its own
sdk.rewrap(bytes, { keepBody: { keyring: manager } })
// @ts-expect-error: the context is that of the old message
sdk.rewrap(bytes, { encryptionContext: {} })
// @ts-expect-error: lengths are for streams
sdk.rewrap(bytes, { plaintextLength: 1 })

// Receipts.
const describeReceipt = (receipt: Receipt.Receipt): string | number | bigint => {
  switch (receipt._tag) {
    case "Uncached":
      return receipt._tag
    case "Hit":
      return receipt.refreshStarted ? receipt.usage.messages : receipt.usage.bytes
    case "Miss":
    case "Unoffered":
    case "Joined":
      return receipt.usage.messages
    case "Bypassed":
      return receipt.reason
    default:
      return receipt satisfies never
  }
}
expectTypeOf(describeReceipt).parameter(0).toEqualTypeOf<Receipt.Receipt>()
expectTypeOf<Receipt.BypassReason>().toEqualTypeOf<
  | "SuiteWithoutKeyDerivation"
  | "UnknownPlaintextLength"
  | "LargerThanMaxBytesEncrypted"
  | "Rule"
  | "CachingOff"
  | "MaterialsNotCacheable"
>()

// Sources and streams of the platform.
expectTypeOf(FileSource.make("path")).toEqualTypeOf<
  Effect.Effect<
    EncryptionSdk.RandomAccessSource<PlatformError.PlatformError>,
    PlatformError.PlatformError,
    FileSystem.FileSystem | Scope.Scope
  >
>()
expectTypeOf(WebStreams.toTransform((input) => sdk.decryptStream(input))).toEqualTypeOf<
  Effect.Effect<WebStreams.ReadableWritablePair>
>()

// Models.
expectTypeOf(CommitmentPolicy.defaultPolicy).toEqualTypeOf<
  "ForbidEncryptAllowDecrypt" | "RequireEncryptAllowDecrypt" | "RequireEncryptRequireDecrypt"
>()
expectTypeOf(AlgorithmSuite.fromId(0x0478)).toEqualTypeOf<AlgorithmSuite.AlgorithmSuite | undefined>()
expectTypeOf(suite.messageFormatVersion).toEqualTypeOf<1 | 2>()
expectTypeOf(suite.dataKeyLength).toEqualTypeOf<16 | 24 | 32>()
expectTypeOf(EncryptionContext.empty).toEqualTypeOf<Readonly<Record<string, string>>>()

// A manager of one's own: what it may fail with, and what it has while an operation lasts.
CryptographicMaterialsManager.make({
  getEncryptionMaterials: (request) => {
    expectTypeOf(request.algorithmSuite).toEqualTypeOf<AlgorithmSuite.AlgorithmSuite | undefined>()
    expectTypeOf(request.maxPlaintextLength).toEqualTypeOf<number | undefined>()
    return Effect.andThen(Effect.scope, manager.getEncryptionMaterials(request))
  },
  decryptMaterials: (request) => manager.decryptMaterials(request)
})
// @ts-expect-error: both methods are needed
CryptographicMaterialsManager.make({ getEncryptionMaterials: manager.getEncryptionMaterials })
CryptographicMaterialsManager.make({
  // @ts-expect-error: it fails with errors of encryption
  getEncryptionMaterials: () => Effect.fail("no"),
  decryptMaterials: manager.decryptMaterials
})
// @ts-expect-error: implementations are made by make, which checks them
const unbranded: Manager = {
  getEncryptionMaterials: manager.getEncryptionMaterials,
  decryptMaterials: manager.decryptMaterials
}
expectTypeOf(unbranded).toExtend<object>()

// Layers of several keyrings need what their members need.
declare const needy: Effect.Effect<Keyring.Keyring, "needy", FileSystem.FileSystem | Scope.Scope>
expectTypeOf(MultiKeyring.layer({ generator: needy, children: [Effect.succeed(keyring)] })).toEqualTypeOf<
  Layer.Layer<Keyring.Keyring, KeyringError.KeyringError | "needy", FileSystem.FileSystem>
>()
// @ts-expect-error: members are effects of keyrings
MultiKeyring.layer({ generator: keyring })
// @ts-expect-error: the discovery of members has no option
MultiKeyring.make({ discovery: true })

expectTypeOf(Layer.mergeAll(DefaultCmm.layer)).toEqualTypeOf<typeof DefaultCmm.layer>()
