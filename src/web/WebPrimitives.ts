/**
 * `Primitives` on WebCrypto, for browsers, their workers, and every other runtime that has it.
 *
 * All algorithm suites. Chromium's WebCrypto lacks AES-192: `@noble/ciphers`, loaded with the first such key, does it there.
 * A method whose part cannot be loaded fails with `NotLoaded`. WebCrypto has no RSA with PKCS #1 v1.5 padding: importing a
 * key for it fails with `Unsupported`.
 *
 * Derived AES keys, ECDSA private keys and RSA private keys are `CryptoKey`s that cannot be exported: their bytes never are
 * in JavaScript's memory. Data keys are, for as long as their materials live.
 */
import * as WebCrypto from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { keyProblem } from "../crypto/aesGcm.ts"
import { readsOnly } from "../crypto/atOnce.ts"
import type { AesKey } from "../crypto/Primitives.ts"
import { Primitives } from "../crypto/Primitives.ts"
import type { PrimitivesError } from "../crypto/PrimitivesError.ts"
import { aesKey, invalidKey } from "../crypto/results.ts"
import type { NotLoaded } from "../model/errors/NotLoaded.ts"
import { orNotLoaded } from "../model/errors/load.ts"
import * as Ecdsa from "./internal/ecdsa.ts"
import * as AesGcm from "./internal/aesGcm.ts"
import * as AesKeys from "./internal/aesKeys.ts"
import * as Hkdf from "./internal/hkdf.ts"
import * as Rsa from "./internal/lazyRsa.ts"
import { plain, type Subtle, toBytes } from "./internal/subtle.ts"

/** The part of a runtime's `crypto` object that is used. */
export interface WebCryptoApi {
  /** Undefined where the page is no secure context. */
  readonly subtle: object | undefined
  getRandomValues(array: Uint8Array): unknown
}

/** Maximum length in bytes that `getRandomValues` fills at a time. */
const maxRandomLength = 65_536

/**
 * The operations over a `crypto` object. Throws if it has no `subtle`, as on pages that are no secure context: browsers
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
 * After an interruption WebCrypto finishes what it has begun, and its results are discarded.
 */
export const make = (webCrypto: WebCryptoApi): Primitives => {
  if (typeof webCrypto?.subtle !== "object") {
    throw new Error("WebCrypto is missing: browsers offer it in secure contexts alone, under https or on localhost")
  }
  const subtle = webCrypto.subtle as Subtle
  return Primitives.of({
    randomBytes: (length) =>
      Effect.sync(() => {
        const out = new Uint8Array(length)
        for (let offset = 0; offset < length; offset += maxRandomLength) {
          webCrypto.getRandomValues(out.subarray(offset, offset + maxRandomLength))
        }
        return out
      }),

    sha384: (data) => Effect.map(Effect.promise(() => subtle.digest("SHA-384", plain(data))), toBytes),

    timingSafeEqual: (a, b) => {
      if (a.length !== b.length) return false
      let difference = 0
      for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
      return difference === 0
    },

    deriveKeys: readsOnly.mark<Primitives["deriveKeys"]>((dataKey, parameters) =>
      Hkdf.derive(subtle, dataKey, parameters)
    ),

    importAesKey: (key) =>
      Effect.suspend((): Effect.Effect<AesKey, PrimitivesError | NotLoaded> => {
        const value = Redacted.value(key)
        const problem = keyProblem(value)
        return problem === undefined
          ? Effect.map(orNotLoaded(() => AesKeys.fromBytes(subtle, value)), aesKey)
          : invalidKey("importAesKey", problem)
      }),

    seal: AesGcm.seal,
    open: AesGcm.open,
    ...Ecdsa.operations(subtle),
    ...Rsa.operations(subtle)
  })
}

/** `Primitives` on the `WebCrypto` reference of Effect, which is `globalThis.crypto` unless something else is provided. */
export const layer: Layer.Layer<Primitives> = /*#__PURE__*/ Layer.effect(
  Primitives,
  /*#__PURE__*/ Effect.map(WebCrypto.WebCrypto, (webCrypto) => make(webCrypto as WebCryptoApi))
)
