/**
 * `Primitives` on WebCrypto, for browsers, their workers, and every other runtime that has it.
 *
 * All algorithm suites. AES-192, which Chromium's WebCrypto lacks, is done by `@noble/ciphers`, loaded when such a key is
 * first met. What is loaded later and cannot be is an error, `NotLoaded`. RSA with PKCS #1 v1.5 padding is not to be had: importing a key for it fails with `Unsupported`.
 *
 * AES keys that are derived, ECDSA and RSA private keys are `CryptoKey`s that cannot be exported: their bytes never are in
 * JavaScript's memory. Data keys are, for as long as their materials live.
 */
import * as WebCrypto from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { SignatureCurve } from "../model/AlgorithmSuite.ts"
import * as Ecdsa from "../crypto/Ecdsa.ts"
import type { AesKey, KeyDerivationPlan, KeyHandle, OpenJob, SealJob } from "../crypto/Primitives.ts"
import { Primitives } from "../crypto/Primitives.ts"
import { PrimitivesError } from "../crypto/PrimitivesError.ts"
import * as DataKey from "../model/DataKey.ts"
import * as bytes from "../internal/bytes.ts"
import type { NotLoaded } from "../model/errors/NotLoaded.ts"
import { load, orNotLoaded } from "../model/errors/load.ts"
import { runAll } from "./internal/jobs.ts"
import * as RawSignature from "./internal/rawSignature.ts"
import { type AesGcm, plain, type Subtle, type WebKey, withPlain } from "./internal/subtle.ts"

/** The part of a runtime's `crypto` object that is used. */
export interface WebCryptoApi {
  /** Undefined where the page is no secure context. */
  readonly subtle: object | undefined
  getRandomValues(array: Uint8Array): unknown
}

const ivLength = 12
const tagLength = 16
/** The most that `getRandomValues` answers at a time. */
const maxRandomLength = 65_536

const aesUsages = ["encrypt", "decrypt"]

interface EcKey {
  readonly curve: SignatureCurve
  readonly key: WebKey
}

interface VerificationEcKey extends EcKey {
  /** Compressed. */
  readonly point: Uint8Array
}

/**
 * The operations over a `crypto` object. Throws where it has no `subtle`, as on pages that are no secure context: browsers
 * have it under https and on localhost alone.
 *
 * `seal` and `open` keep up to 16 frames with WebCrypto at a time, and wait once for a whole message.
 *
 * **Gotchas**
 *
 * `signer` keeps a copy of all parts, because WebCrypto cannot sign in steps: a stream that is signed takes memory for the
 * whole message, and twice that at its end, which has to be within the longest array that the runtime makes. `verifier`
 * takes none; `@noble/curves`, which is loaded with the first one, hashes and verifies.
 *
 * An RSA key is bound to the padding that it was imported for; under another one it fails.
 *
 * After an interruption WebCrypto finishes what it has begun, and what it answers is thrown away.
 */
export const make = (webCrypto: WebCryptoApi): Primitives => {
  if (typeof webCrypto?.subtle !== "object") {
    throw new Error("WebCrypto is missing: browsers offer it in secure contexts alone, under https or on localhost")
  }
  const subtle = webCrypto.subtle as Subtle

  const native = (key: WebKey): AesGcm => {
    const parameters = (iv: Uint8Array, aad: Uint8Array) => ({
      name: "AES-GCM",
      iv: plain(iv),
      additionalData: plain(aad),
      tagLength: 8 * tagLength
    })
    return {
      encrypt: (iv, aad, plaintext) =>
        withPlain(plaintext, (plaintext) => subtle.encrypt(parameters(iv, aad), key, plaintext)).then(toBytes),
      decrypt: (iv, aad, sealed) =>
        subtle.decrypt(parameters(iv, aad), key, plain(sealed)).then(toBytes, (error: unknown) => {
          // The one name that a wrong tag has.
          if ((error as Error | undefined)?.name === "OperationError") return undefined
          throw error
        })
    }
  }

  const importNative = (key: Uint8Array): Promise<AesGcm> =>
    withPlain(key, (key) => subtle.importKey("raw", key, "AES-GCM", false, aesUsages)).then(native)

  /** AES-192 without WebCrypto. Takes the bytes over, and zeroes them. */
  const portable = (key: Uint8Array): Promise<AesGcm> =>
    load("AES-192 (@noble/ciphers)", () => import("./internal/aes192.ts"))
      .then(({ make }) => make(subtle, key))
      .finally(() => key.fill(0))

  /** An AES key from its bytes, of which a copy is made before this answers. */
  const importAes = (key: Uint8Array): Promise<AesGcm> => {
    if (key.length !== 24) return importNative(key)
    const copy = new Uint8Array(key)
    return importNative(copy).then(
      (imported) => {
        copy.fill(0)
        return imported
      },
      () => portable(copy)
    )
  }

  /** HKDF, from a key that WebCrypto keeps. */
  const deriveAes = (key: WebKey, hkdf: { readonly name: string }, length: number): Promise<AesGcm> => {
    const derived = () =>
      subtle.deriveKey(hkdf, key, { name: "AES-GCM", length: 8 * length }, false, aesUsages).then(native)
    return length !== 24
      ? derived()
      : derived().catch(() => subtle.deriveBits(hkdf, key, 8 * length).then((bits) => portable(toBytes(bits))))
  }

  const derive = (key: Uint8Array, { commitment, encryptionKey, hash, salt }: KeyDerivationPlan) => {
    if (hash === undefined) {
      if (key.length !== encryptionKey.length) throw new RangeError("data key: has not the plan's length")
      return importAes(key).then((aes) => ({ encryptionKey: aesKey(aes), commitment: undefined }))
    }
    const hkdf = (info: Uint8Array) => ({ name: "HKDF", hash, salt: plain(salt), info })
    return withPlain(
      key,
      (key) => subtle.importKey("raw", key, "HKDF", false, ["deriveKey", "deriveBits"])
    ).then((imported) =>
      Promise.all([
        deriveAes(imported, hkdf(encryptionKey.info), encryptionKey.length),
        commitment && subtle.deriveBits(hkdf(commitment.info), imported, 8 * commitment.length).then(toBytes)
      ])
    ).then(([aes, committed]) => ({ encryptionKey: aesKey(aes), commitment: committed }))
  }

  const importEc = (curve: SignatureCurve, point: Uint8Array): Promise<WebKey> =>
    subtle.importKey("raw", point, { name: "ECDSA", namedCurve: curve }, true, ["verify"])

  const rsa = Effect.map(
    orNotLoaded(() => load("RSA", () => import("./internal/rsa.ts"))),
    (rsa) => rsa.make(subtle)
  )

  /** For those who have a key, for which it was loaded. */
  const loadedRsa = Effect.orDie(rsa)

  const sign = ({ curve, key }: EcKey, message: Uint8Array): Promise<Uint8Array> =>
    subtle.sign({ name: "ECDSA", hash: Ecdsa.algorithm(curve).hash }, key, plain(message)).then(
      (raw) => Ecdsa.derFromRaw(curve, toBytes(raw)) ?? sign({ curve, key }, message)
    )

  const verify = ({ curve, key }: EcKey, message: Uint8Array, signature: Uint8Array): Effect.Effect<boolean> => {
    const raw = rawSignature(curve, signature)
    return raw === undefined
      ? Effect.succeed(false)
      : Effect.promise(() =>
        subtle.verify({ name: "ECDSA", hash: Ecdsa.algorithm(curve).hash }, key, raw, plain(message))
      )
  }

  return Primitives.of({
    randomBytes: (length) =>
      Effect.sync(() => {
        const out = new Uint8Array(length)
        for (let offset = 0; offset < length; offset += maxRandomLength) {
          webCrypto.getRandomValues(out.subarray(offset, offset + maxRandomLength))
        }
        return out
      }),

    sha384: (data) => Effect.promise(() => subtle.digest("SHA-384", plain(data)).then(toBytes)),

    timingSafeEqual: (a, b) => {
      if (a.length !== b.length) return false
      let difference = 0
      for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
      return difference === 0
    },

    deriveKeys: (dataKey, plan) => orNotLoaded(() => derive(DataKey.value(dataKey), plan)),

    importAesKey: (key) =>
      Effect.suspend((): Effect.Effect<AesKey, PrimitivesError | NotLoaded> => {
        const value = Redacted.value(key)
        if (value.length !== 16 && value.length !== 24 && value.length !== 32) {
          return invalidKey("importAesKey", `is ${value.length} bytes, must be 16, 24 or 32`)
        }
        return Effect.map(orNotLoaded(() => importAes(value)), aesKey)
      }),

    seal: (key, jobs) => {
      const aes = toAes(key)
      return Effect.asVoid(
        Effect.promise((signal) => runAll(jobs, (job) => seal(aes, job, signal), signal))
      )
    },

    open: (key, jobs) => {
      const aes = toAes(key)
      return Effect.flatMap(
        Effect.promise((signal) => runAll(jobs, (job) => open(aes, job, signal), signal)),
        (authentic) => authentic ? Effect.void : failed("open")
      )
    },

    generateSigningKey: (curve) =>
      Effect.promise(() =>
        subtle.generateKey({ name: "ECDSA", namedCurve: curve }, false, ["sign", "verify"]).then(
          ({ privateKey, publicKey }) =>
            subtle.exportKey("raw", publicKey).then((point) => ({
              signingKey: Redacted.make(toHandle<"SigningKey">({ curve, key: privateKey } satisfies EcKey), {
                label: "signing-key"
              }),
              publicKey: Ecdsa.compress(curve, toBytes(point))
            }))
        )
      ),

    importVerificationKey: (curve, publicKey) =>
      Effect.suspend(() => {
        const invalid = invalidKey("importVerificationKey", `is not a compressed point of ${curve}`)
        if (!Ecdsa.isCompressed(curve, publicKey)) return invalid
        const point = new Uint8Array(publicKey)
        return Effect.flatMap(
          orNotLoaded(() =>
            importEc(curve, point).catch(() =>
              // Not every browser takes a compressed point.
              load("compressed points", () => import("../crypto/decompress.ts")).then(({ decompress }) => {
                const uncompressed = decompress(curve, point)
                return uncompressed && importEc(curve, uncompressed)
              })
            )
          ),
          (key) =>
            key === undefined
              ? invalid
              : Effect.succeed(toHandle<"VerificationKey">({ curve, key, point } satisfies VerificationEcKey))
        )
      }),

    sign: (key, message) => Effect.promise(() => sign(toEcKey(Redacted.value(key)), message)),

    verify: (key, message, signature) => Effect.suspend(() => verify(toEcKey(key), message, signature)),

    signer: (key) =>
      Effect.sync(() => {
        // WebCrypto signs whole messages alone, and gives nobody else the key.
        const parts: Array<Uint8Array> = []
        return {
          update: (part) => void parts.push(new Uint8Array(part)),
          finish: Effect.promise(() => sign(toEcKey(Redacted.value(key)), bytes.concat(parts)))
        }
      }),

    verifier: (key) =>
      Effect.map(
        orNotLoaded(() => load("signatures of streams (@noble/curves)", () => import("./internal/verifier.ts"))),
        ({ make }) => {
          const { curve, point } = toEcKey(key) as VerificationEcKey
          const { update, verify } = make(curve)
          return {
            update,
            finish: (signature) =>
              Effect.sync(() => {
                const raw = rawSignature(curve, signature)
                return raw !== undefined && verify(raw, point)
              })
          }
        }
      ),

    importRsaPublicKey: (pem, padding) => Effect.flatMap(rsa, (rsa) => rsa.importRsaPublicKey(pem, padding)),

    importRsaPrivateKey: (pem, padding) => Effect.flatMap(rsa, (rsa) => rsa.importRsaPrivateKey(pem, padding)),

    rsaEncrypt: (key, padding, plaintext) =>
      Effect.flatMap(loadedRsa, (rsa) => rsa.rsaEncrypt(key, padding, plaintext)),

    rsaDecrypt: (key, padding, ciphertext) =>
      Effect.flatMap(loadedRsa, (rsa) => rsa.rsaDecrypt(key, padding, ciphertext))
  })
}

/** `Primitives` on the `WebCrypto` reference of Effect, which is `globalThis.crypto` unless something else is provided. */
export const layer: Layer.Layer<Primitives> = /*#__PURE__*/ Layer.effect(
  Primitives,
  /*#__PURE__*/ Effect.map(WebCrypto.WebCrypto, (webCrypto) => make(webCrypto as WebCryptoApi))
)

const rawSignature = (curve: SignatureCurve, signature: Uint8Array) =>
  RawSignature.rawSignature(signature, Ecdsa.coordinateLength(curve))

const failure = (method: string) => new PrimitivesError({ method, reason: "Failed", description: "" })

const failed = (method: string) => Effect.fail(failure(method))

const invalidKey = (method: string, description: string) =>
  Effect.fail(new PrimitivesError({ method, reason: "InvalidKey", description }))

const toBytes = (buffer: ArrayBuffer): Uint8Array => new Uint8Array(buffer)

const toHandle = <Kind extends string>(value: EcKey | VerificationEcKey | AesGcm) => value as unknown as KeyHandle<Kind>

const toEcKey = (handle: KeyHandle<string>) => handle as unknown as EcKey

const aesKey = (aes: AesGcm): AesKey => Redacted.make(toHandle<"AesKey">(aes), { label: "aes-key" })

const toAes = (key: AesKey): AesGcm => Redacted.value(key) as unknown as AesGcm

const seal = (aes: AesGcm, { aad, iv, output, plaintext }: SealJob, signal: AbortSignal): Promise<boolean> => {
  if (iv.length !== ivLength) throw new RangeError(`iv: is ${iv.length} bytes, must be ${ivLength}`)
  if (output.length !== plaintext.length + tagLength) throw new RangeError("output: has not the job's length")
  return aes.encrypt(iv, aad, plaintext, signal).then((sealed) => {
    if (!signal.aborted) output.set(sealed)
    return true
  })
}

const open = (
  aes: AesGcm,
  { aad, ciphertext, iv, output, tag }: OpenJob,
  signal: AbortSignal
): Promise<boolean> => {
  if (output.length !== ciphertext.length) throw new RangeError("output: has not the job's length")
  if (tag.length !== tagLength || iv.length !== ivLength) return Promise.resolve(false)
  return aes.decrypt(iv, aad, adjacent(ciphertext, tag), signal).then((plaintext) => {
    if (plaintext === undefined) return false
    if (!signal.aborted) output.set(plaintext)
    plaintext.fill(0)
    return true
  })
}

/** Both arrays as one. In a message the tag stands behind the ciphertext already, and nothing is copied. */
const adjacent = (ciphertext: Uint8Array, tag: Uint8Array): Uint8Array => {
  if (ciphertext.buffer === tag.buffer && ciphertext.byteOffset + ciphertext.length === tag.byteOffset) {
    return new Uint8Array(ciphertext.buffer, ciphertext.byteOffset, ciphertext.length + tag.length)
  }
  const out = new Uint8Array(ciphertext.length + tag.length)
  out.set(ciphertext)
  out.set(tag, ciphertext.length)
  return out
}
