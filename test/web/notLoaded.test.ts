/** Parts that are loaded when they are first needed, where that fails: typed, isRetryable, and never taken for a verdict. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Stream } from "effect"
import { AlgorithmSuite, DataKey, DefaultCmm, EncryptionSdk, NotLoaded } from "effect-encryption-sdk"
import { KeyDerivation, Primitives } from "effect-encryption-sdk/crypto"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring, RawEcdhKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import { WebPrimitives } from "effect-encryption-sdk/web"
import { vi } from "vitest"
import { generate, keyAgreementLayer } from "../support/ecdh.ts"
import { rsaPublicKey } from "../support/rsaKeys.ts"
import { replaceSubtle, uncompressedOnly, withoutAes192 } from "../support/withoutAes192.ts"

const parts = {
  streams: "../../src/stream/index.ts",
  RSA: "../../src/web/internal/rsa.ts",
  "AES-192 (@noble/ciphers)": "../../src/web/internal/aes192.ts",
  "compressed points": "../../src/crypto/decompress.ts",
  "signatures of streams (@noble/curves)": "../../src/web/internal/verifier.ts",
  "@noble/curves": "@noble/curves/nist.js",
  "ECDH (@noble/curves)": "../../src/materials/ecdhWrapping.ts"
} as const

type Part = keyof typeof parts

const offline = new TypeError("Failed to fetch dynamically imported module")

/** Runs with a part gone, and then again with the part there: the error, and what became of the retry. */
const withPart = <A, E, R>(part: Part, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    vi.doMock(parts[part], () => {
      throw offline
    })
    const error = yield* Effect.flip(effect)
    vi.doUnmock(parts[part])
    return { error, retried: yield* effect }
  })

const web = WebPrimitives.make(globalThis.crypto)
const keyOf = (length: number) => Redacted.make(new Uint8Array(length).fill(1))

const sdkOver = (primitives: Primitives.Primitives) =>
  Effect.map(
    Layer.build(
      EncryptionSdk.layer({ commitmentPolicy: "ForbidEncryptAllowDecrypt" }).pipe(
        Layer.provide(DefaultCmm.layer),
        Layer.provide(RawAesKeyring.layer({ keyNamespace: "a", keyName: "b", wrappingKey: keyOf(32) })),
        Layer.provide(Layer.succeed(Primitives.Primitives, primitives))
      )
    ),
    Context.get(EncryptionSdk.EncryptionSdk)
  )

describe("a part that cannot be loaded", () => {
  const parameters = KeyDerivation.parameters(AlgorithmSuite.ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA256, new Uint8Array(16))
  const direct = KeyDerivation.parameters(AlgorithmSuite.ALG_AES_192_GCM_IV12_TAG16_NO_KDF, new Uint8Array(16))
  const aes192 = "AES-192 (@noble/ciphers)"
  const point = Effect.map(web.generateSigningKey("P-384"), ({ publicKey }) => publicKey)

  it.effect.each<{ method: string; part: Part; effect: Effect.Effect<unknown, unknown> }>([
    { method: "importAesKey", part: aes192, effect: withoutAes192().primitives.importAesKey(keyOf(24)) },
    {
      method: "deriveKeys",
      part: aes192,
      effect: withoutAes192().primitives.deriveKeys(DataKey.make(new Uint8Array(24)), parameters)
    },
    {
      method: "deriveKeys",
      part: aes192,
      effect: withoutAes192().primitives.deriveKeys(DataKey.make(new Uint8Array(24)), direct)
    },
    { method: "importRsaPublicKey", part: "RSA", effect: web.importRsaPublicKey(rsaPublicKey, "OAEP-SHA256") },
    {
      method: "importVerificationKey",
      part: "compressed points",
      effect: Effect.flatMap(point, (point) => uncompressedOnly().primitives.importVerificationKey("P-384", point))
    },
    {
      method: "verifier",
      part: "signatures of streams (@noble/curves)",
      effect: Effect.flatMap(point, (point) => Effect.flatMap(web.importVerificationKey("P-384", point), web.verifier))
    },
    {
      method: "signer",
      part: "@noble/curves",
      effect: Effect.flatMap(
        NodePrimitives.make.generateSigningKey("P-384"),
        ({ signingKey }) => NodePrimitives.make.signer(signingKey)
      )
    }
  ])("$method: the port says which", ({ effect, part }) =>
    Effect.gen(function*() {
      const { error } = yield* withPart(part, effect)
      assert.instanceOf(error, NotLoaded)
      assert.strictEqual(error.part, part)
      assert.instanceOf(error.cause, Error)
    }))

  it.effect("what WebCrypto rejects for another reason is not called a missing part", () =>
    Effect.gen(function*() {
      const broken = WebPrimitives.make(replaceSubtle((_, name) =>
        name === "importKey" ? () => Promise.reject(new DOMException("", "QuotaExceededError")) : undefined
      ))
      const exit = yield* Effect.exit(broken.importAesKey(keyOf(32)))
      assert.include(String(exit), "QuotaExceededError")
      assert.notInclude(String(exit), "192")
    }))

  it.effect("the client fails with it, both ways and streaming, and a retry goes on", () =>
    Effect.gen(function*() {
      const algorithmSuite = AlgorithmSuite.ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA256
      const signing = { algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384 }
      const unsigned = { algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256 }
      const node = yield* sdkOver(NodePrimitives.make)
      const chromium = yield* sdkOver(withoutAes192().primitives)
      const old = yield* sdkOver(uncompressedOnly().primitives)
      const { message } = yield* node.encrypt("hello", { algorithmSuite })
      const { message: plain } = yield* node.encrypt("hello", unsigned)
      const { message: signed } = yield* node.encrypt("hello", signing)
      const input = Stream.make(new Uint8Array(5))
      const run = <A, E>(stream: Stream.Stream<A, E>) => Stream.runCollect(stream)
      const cases: ReadonlyArray<readonly [string, Part, Effect.Effect<unknown, unknown>]> = [
        ["EncryptError", "streams", run(node.encryptStream(input, unsigned))],
        ["DecryptError", "streams", run(node.decryptStream(Stream.make(plain)))],
        ["DecryptError", "streams", run(node.decryptStreamUnverified(Stream.make(plain)))],
        [
          "DecryptError",
          "streams",
          run(node.decryptRange(
            { length: plain.length, read: (offset, length) => Effect.succeed(plain.slice(offset, offset + length)) },
            { offset: 0, length: 1 }
          ))
        ],
        ["EncryptError", aes192, chromium.encrypt("hello", { algorithmSuite })],
        ["DecryptError", aes192, chromium.decrypt(message)],
        ["DecryptError", "compressed points", old.decrypt(signed)],
        ["EncryptError", aes192, run(chromium.encryptStream(input, { algorithmSuite }))],
        ["DecryptError", aes192, run(chromium.decryptStream(Stream.make(message)))],
        [
          "DecryptError",
          "signatures of streams (@noble/curves)",
          run(chromium.decryptStream(Stream.make(signed)))
        ],
        [
          "EncryptError",
          "@noble/curves",
          run(node.encryptStream(input, signing))
        ]
      ]
      for (const [tag, part, effect] of cases) {
        const { error } = yield* withPart(part, effect)
        const { _tag, isRetryable, message, reason } = error as EncryptionSdk.EncryptionSdk & {
          _tag: string
          isRetryable: boolean
          message: string
          reason: NotLoaded
        }
        assert.deepStrictEqual([_tag, reason._tag, reason.part, isRetryable], [tag, "NotLoaded", part, true])
        assert.match(message, /^(en|de)crypt: .* could not be loaded$/)
        assert.isDefined(reason.cause)
      }
    }))

  it.effect("a keyring that is made fails with it, and a retry makes it", () =>
    Effect.gen(function*() {
      const names = { keyNamespace: "a", keyName: "b" }
      const rsa = RawRsaKeyring.make({ ...names, padding: "OAEP-SHA256", publicKey: rsaPublicKey })
      const aes = RawAesKeyring.make({ ...names, wrappingKey: keyOf(24) })
      const { publicPem } = yield* Effect.promise(() => generate("P-256"))
      const ecdh = RawEcdhKeyring.make({
        curve: "P-256",
        keyAgreement: { _tag: "EphemeralPrivateKeyToStaticPublicKey", recipientPublicKey: publicPem }
      }).pipe(Effect.provide(keyAgreementLayer))
      for (
        const [part, effect] of [
          ["ECDH (@noble/curves)", Effect.provideService(ecdh, Primitives.Primitives, web)],
          ["RSA", Effect.provideService(rsa, Primitives.Primitives, web)],
          [aes192, Effect.provideService(aes, Primitives.Primitives, withoutAes192().primitives)]
        ] as const
      ) {
        const { error, retried } = yield* withPart(part, effect)
        assert.deepInclude(error, { _tag: "KeyringError", operation: "make", isRetryable: true })
        assert.deepInclude(error.reason, { _tag: "NotLoaded", part })
        assert.isFunction(retried.onEncrypt)
      }
    }))
})
