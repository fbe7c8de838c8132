/** Results are what the platform takes, and inputs are of any memory. Checked without the types of browsers, and with them (docs/site). */
import { type Arbitrary, Effect, Stream } from "effect"
import { DataKey, type EncryptedDataKey, type EncryptionSdk, WebStreams } from "effect-encryption-sdk"
import { type CacheEntry, CacheEntryIdentifier } from "effect-encryption-sdk/caching"
import { Ecdsa, type Primitives } from "effect-encryption-sdk/crypto"
import {
  EncryptedDataKeyCodec,
  EncryptionContextCodec,
  MessageBody,
  MessageFooter,
  MessageHeader
} from "effect-encryption-sdk/message"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { expectTypeOf } from "vitest"

type Own = Uint8Array<ArrayBuffer>
type Shared = Uint8Array<SharedArrayBuffer>

declare const sdk: EncryptionSdk.EncryptionSdk
declare const primitives: Primitives.Primitives
declare const encrypted: EncryptionSdk.EncryptResult
declare const decrypted: EncryptionSdk.DecryptResult
declare const unverified: EncryptionSdk.UnverifiedPlaintext
declare const shared: Shared
declare const readable: ReadableStream<Own>

// What the platform takes.
const { header, message } = encrypted
const [edk] = header.encryptedDataKeys
for (
  const bytes of [
    message,
    decrypted.plaintext,
    unverified.unverified,
    header.messageId,
    header.suiteData,
    header.authentication.tag,
    edk!.ciphertext,
    MessageHeader.encode(header)
  ]
) {
  expectTypeOf(bytes).toEqualTypeOf<Own>()
  void new Response(bytes)
  void new Blob([bytes])
  void fetch("https://example.com", { method: "POST", body: bytes })
  void crypto.subtle.digest("SHA-256", bytes)
}

// Streams.
expectTypeOf<Stream.Success<ReturnType<typeof sdk.encryptStream>>>().toEqualTypeOf<Own>()
expectTypeOf<Stream.Success<ReturnType<typeof sdk.decryptStream>>>().toEqualTypeOf<Own>()
expectTypeOf<Stream.Success<ReturnType<typeof sdk.decryptRange>>>().toEqualTypeOf<Own>()
expectTypeOf<Stream.Success<ReturnType<typeof sdk.rewrapStream>>>().toEqualTypeOf<Own>()
expectTypeOf(WebStreams.toTransform((input) => sdk.encryptStream(input))).toEqualTypeOf<
  Effect.Effect<WebStreams.ReadableWritablePair>
>()
Effect.map(WebStreams.toTransform((input) => sdk.encryptStream(input)), (transform) => {
  expectTypeOf(readable.pipeThrough(transform)).toEqualTypeOf<ReadableStream<Own>>()
  void new Response(readable.pipeThrough(transform))
})
expectTypeOf(WebStreams.fromReadable(readable)).toEqualTypeOf<Stream.Stream<Own, WebStreams.WebStreamError>>()

// Codecs, identifiers, cryptography, metadata, the test kit.
expectTypeOf(MessageFooter.encode).returns.toEqualTypeOf<Own>()
expectTypeOf(MessageBody.iv).returns.toEqualTypeOf<Own>()
expectTypeOf(MessageBody.aad).returns.toEqualTypeOf<Own>()
expectTypeOf(EncryptedDataKeyCodec.encode).returns.toEqualTypeOf<Own>()
expectTypeOf(EncryptionContextCodec.encode).returns.toEqualTypeOf<Own>()
expectTypeOf(CacheEntryIdentifier.encryptionPreimage).returns.toEqualTypeOf<Own>()
expectTypeOf(CacheEntryIdentifier.decryptionPreimage).returns.toEqualTypeOf<Own>()
expectTypeOf<CacheEntry.CacheEntry["metadata"]["encryptedDataKeys"][number]["ciphertext"]>().toEqualTypeOf<Own>()
expectTypeOf(Ecdsa.compress).returns.toEqualTypeOf<Own>()
expectTypeOf(Ecdsa.derFromRaw).returns.toEqualTypeOf<Own | undefined>()
expectTypeOf(primitives.randomBytes(1)).toEqualTypeOf<Effect.Effect<Own>>()
expectTypeOf(Arbitraries.encryptedDataKey).toEqualTypeOf<
  Arbitrary.Arbitrary<EncryptedDataKey.EncryptedDataKey<ArrayBuffer>>
>()

// A data key, and the signature in a message, are over the memory that was given.
expectTypeOf(DataKey.value(DataKey.make(shared))).toEqualTypeOf<Shared>()
expectTypeOf(DataKey.value(DataKey.copy(DataKey.make(shared)))).toEqualTypeOf<Own>()

// Inputs are of any memory.
sdk.encrypt(shared)
sdk.decrypt(shared)
sdk.inspect(shared)
sdk.rewrap(shared)
sdk.isCurrent(shared)
sdk.rewrapStream(Stream.make(shared))
sdk.encryptStream(Stream.make(shared))
sdk.decryptStream(Stream.make(shared))
sdk.decryptStreamUnverified(Stream.make(shared))
sdk.decryptRange({ length: 1, read: () => Effect.succeed(shared) }, { offset: 0 })
MessageHeader.decode(shared)
MessageHeader.encode({ ...header, messageId: shared, authentication: { iv: undefined, tag: shared } })
MessageFooter.encode(shared)
EncryptedDataKeyCodec.encode({ keyProviderId: "a", keyProviderInfo: shared, ciphertext: shared })
primitives.sha384(shared)
// @ts-expect-error: a view of memory that others share is no result
const result: Own = shared
void result
