/**
 * `Primitives` on node:crypto.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as crypto from "node:crypto"
import { withSynchronous } from "../crypto/atOnce.ts"
import { Primitives } from "../crypto/Primitives.ts"
import * as bytes from "../internal/bytes.ts"
import * as AesGcm from "./internal/aesGcm.ts"
import { deriveKeys } from "./internal/hkdf.ts"
import * as Rsa from "./internal/rsa.ts"
import * as Signatures from "./internal/signatures.ts"
import { type Runner, synchronous, threadPool } from "./internal/threadPool.ts"

const randomBytes = (length: number): Uint8Array<ArrayBuffer> => crypto.randomFillSync(new Uint8Array(length))

// A text costs half of what a Buffer does; a digest of public data is no secret.
const sha384 = (data: Uint8Array): Uint8Array<ArrayBuffer> => bytes.fromLatin1(crypto.hash("sha384", data, "binary"))

const over = (runner: Runner): Primitives =>
  Primitives.of({
    randomBytes: withSynchronous("randomBytes", (length) => Effect.sync(() => randomBytes(length)), randomBytes),
    sha384: withSynchronous("sha384", (data) => Effect.sync(() => sha384(data)), sha384),
    timingSafeEqual: (a, b) => a.length === b.length && crypto.timingSafeEqual(a, b),
    deriveKeys,
    ...AesGcm.operations,
    ...Signatures.operations(runner),
    ...Rsa.operations
  })

/**
 * The operations. AES, HKDF and RSA run synchronously in one step. Key pairs are made on the thread pool, where signatures
 * are made and verified too, except for one that comes alone.
 *
 * **Gotchas**
 *
 * `rsaDecrypt` with `PKCS1` hardly ever fails: for a wrong padding it returns random bytes of a random length, so that
 * failures tell nothing about a ciphertext. A length other than the data key's shows it, or the message's own checks do.
 */
export const make: Primitives = /*#__PURE__*/ over(threadPool)

/** `Primitives` on node:crypto. */
export const layer: Layer.Layer<Primitives> = /*#__PURE__*/ Layer.succeed(Primitives, make)

/**
 * The same operations, with signatures and key pairs made in one step too, instead of on the thread pool: for tests under
 * `TestClock`, which waits for fibers but not for threads.
 *
 * **Gotchas**
 *
 * Each signature, verification and key pair blocks the whole process for about a millisecond.
 */
export const makeSynchronous: Primitives = /*#__PURE__*/ over(synchronous)

/** `Primitives` on node:crypto, all of them synchronous: for tests under `TestClock`. */
export const layerSynchronous: Layer.Layer<Primitives> = /*#__PURE__*/ Layer.succeed(Primitives, makeSynchronous)
