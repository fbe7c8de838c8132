/** Types of the port to cryptography: keys are opaque, secret ones Redacted, and layers need nothing. */
import type { Effect, Layer, Redacted, Stream } from "effect"
import type { AlgorithmSuite, DataKey, NotLoaded } from "effect-encryption-sdk"
import { KeyDerivation, Primitives, type PrimitivesError } from "effect-encryption-sdk/crypto"
import { NodePrimitives, NodeStreams } from "effect-encryption-sdk/node"
import { WebPrimitives } from "effect-encryption-sdk/web"
import type { Duplex } from "node:stream"
import { expectTypeOf } from "vitest"

declare const primitives: Primitives.Primitives
declare const suite: AlgorithmSuite.AlgorithmSuite
declare const bytes: Uint8Array
declare const aesKey: Primitives.AesKey
declare const signingKey: Primitives.SigningKey
declare const verificationKey: Primitives.VerificationKey

// Layers of the platforms.
expectTypeOf(NodePrimitives.layer).toEqualTypeOf<Layer.Layer<Primitives.Primitives>>()
expectTypeOf(NodePrimitives.layerSynchronous).toEqualTypeOf<Layer.Layer<Primitives.Primitives>>()
expectTypeOf(WebPrimitives.layer).toEqualTypeOf<Layer.Layer<Primitives.Primitives>>()
expectTypeOf(WebPrimitives.make({ subtle: undefined, getRandomValues: () => {} })).toEqualTypeOf<
  Primitives.Primitives
>()
// @ts-expect-error: WebCrypto has random values
WebPrimitives.make({ subtle: undefined })

// Every operation needs nothing; only those that can fail have an error.
expectTypeOf(primitives.randomBytes(1)).toEqualTypeOf<Effect.Effect<Uint8Array<ArrayBuffer>>>()
expectTypeOf(primitives.seal(aesKey, [])).toEqualTypeOf<Effect.Effect<void>>()
expectTypeOf(primitives.open(aesKey, [])).toEqualTypeOf<Effect.Effect<void, PrimitivesError>>()
expectTypeOf(primitives.sign(signingKey, bytes)).toEqualTypeOf<Effect.Effect<Uint8Array<ArrayBuffer>>>()
expectTypeOf(primitives.verify(verificationKey, bytes, bytes)).toEqualTypeOf<Effect.Effect<boolean>>()
expectTypeOf(primitives.deriveKeys({} as DataKey.DataKey, KeyDerivation.parameters(suite, bytes))).toEqualTypeOf<
  Effect.Effect<
    { readonly encryptionKey: Primitives.AesKey; readonly commitment: Uint8Array<ArrayBuffer> | undefined },
    NotLoaded
  >
>()

// Secrets are Redacted, and handles of one kind are no handles of another.
expectTypeOf(primitives.importAesKey).parameter(0).toEqualTypeOf<Redacted.Redacted<Uint8Array>>()
expectTypeOf<Primitives.AesKey>().toExtend<Redacted.Redacted<unknown>>()
expectTypeOf<Primitives.SigningKey>().toExtend<Redacted.Redacted<unknown>>()
expectTypeOf<Primitives.RsaPrivateKey>().toExtend<Redacted.Redacted<unknown>>()
// @ts-expect-error: raw bytes are no key
primitives.seal(bytes, [])
// @ts-expect-error: a key for AES does not sign
primitives.sign(aesKey, bytes)
// @ts-expect-error: who verifies has no secret
primitives.verify(signingKey, bytes, bytes)
// @ts-expect-error: the private key is a secret
primitives.importRsaPrivateKey("pem", "PKCS1")
// @ts-expect-error: a data key is Redacted
primitives.rsaEncrypt({} as Primitives.RsaPublicKey, "PKCS1", bytes)

// Streams of Node.
expectTypeOf(NodeStreams.fromReadable).returns.toEqualTypeOf<
  Stream.Stream<Uint8Array, NodeStreams.NodeStreamError>
>()
expectTypeOf(NodeStreams.toDuplex((input) => input)).toEqualTypeOf<Effect.Effect<Duplex>>()
