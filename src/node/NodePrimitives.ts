/**
 * `Primitives` on node:crypto.
 */
import type * as Curves from "@noble/curves/nist.js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { CipherGCMTypes, KeyObject } from "node:crypto"
import * as crypto from "node:crypto"
import type { SignatureAlgorithm, SignatureCurve } from "../model/AlgorithmSuite.ts"
import * as Ecdsa from "../crypto/Ecdsa.ts"
import type { KeyHandle, OpenJob, RsaPadding, SealJob } from "../crypto/Primitives.ts"
import { Primitives } from "../crypto/Primitives.ts"
import { PrimitivesError } from "../crypto/PrimitivesError.ts"
import * as DataKey from "../model/DataKey.ts"
import * as bytes from "../internal/bytes.ts"
import * as Pem from "../internal/pem.ts"
import { load, orNotLoaded } from "../model/errors/load.ts"

const ivLength = 12
const tagLength = 16
const minimumModulusLength = 2048

const hashNames = { "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512" } as const
type HashName = typeof hashNames[keyof typeof hashNames]
const blockLengths = { sha256: 64, sha384: 128, sha512: 128 } as const

const rsaOptions: Readonly<Record<RsaPadding, { readonly padding: number; readonly oaepHash?: string }>> = {
  "PKCS1": { padding: crypto.constants.RSA_PKCS1_PADDING },
  "OAEP-SHA1": { padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" },
  "OAEP-SHA256": { padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" },
  "OAEP-SHA384": { padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha384" },
  "OAEP-SHA512": { padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha512" }
}

interface EcKey {
  readonly algorithm: SignatureAlgorithm
  readonly key: KeyObject
}

/**
 * The operations. AES, HKDF and RSA run synchronously in one step. Key pairs are made on the thread pool, and so are and
 * are verified signatures, but for one that comes alone: the way there and back would add a tenth to its time.
 *
 * **Gotchas**
 *
 * `rsaDecrypt` with `PKCS1` hardly ever fails: where the padding is wrong, it answers random bytes of a random length, so
 * that nobody can tell a wrong ciphertext by its failure. A length that is not the data key's shows it, or the
 * message's own checks do.
 */
export const make: Primitives = /*#__PURE__*/ Primitives.of({
  randomBytes: (length) => Effect.sync(() => crypto.randomFillSync(new Uint8Array(length))),

  // A text costs half of what a Buffer does; what is asked for here is no secret.
  sha384: (data) => Effect.sync(() => bytes.fromLatin1(crypto.hash("sha384", data, "binary"))),

  timingSafeEqual: (a, b) => a.length === b.length && crypto.timingSafeEqual(a, b),

  deriveKeys: (dataKey, plan) =>
    Effect.sync(() => {
      const key = DataKey.value(dataKey)
      if (plan.hash === undefined) {
        if (key.length !== plan.encryptionKey.length) throw new RangeError("data key: has not the plan's length")
        return { encryptionKey: aesKey(key), commitment: undefined }
      }
      // HKDF of RFC 5869 in two steps, because one extract serves two expands; hkdfSync would do one for each.
      const hash = hashNames[plan.hash]
      const pseudoRandomKey = hmac(hash, plan.salt, key)
      const derived = expand(hash, pseudoRandomKey, plan.encryptionKey.info, plan.encryptionKey.length)
      const encryptionKey = aesKey(derived)
      derived.fill(0)
      const { commitment } = plan
      const out = {
        encryptionKey,
        commitment: commitment && expand(hash, pseudoRandomKey, commitment.info, commitment.length)
      }
      pseudoRandomKey.fill(0)
      return out
    }),

  importAesKey: (key) =>
    Effect.suspend(() => {
      const value = Redacted.value(key)
      return value.length === 16 || value.length === 24 || value.length === 32
        ? Effect.succeed(aesKey(value))
        : invalidKey("importAesKey", `is ${value.length} bytes, must be 16, 24 or 32`)
    }),

  seal: (key, jobs) =>
    Effect.sync(() => {
      const secret = toKeyObject(Redacted.value(key))
      const cipher = cipherOf(secret)
      for (const job of jobs) seal(cipher, secret, job)
    }),

  open: (key, jobs) =>
    Effect.suspend(() => {
      const secret = toKeyObject(Redacted.value(key))
      const cipher = cipherOf(secret)
      for (const job of jobs) {
        if (!open(cipher, secret, job)) return failed("open")
      }
      return Effect.void
    }),

  generateSigningKey: (curve) =>
    Effect.callback((resume) => {
      crypto.generateKeyPair("ec", { namedCurve: curve }, (error, publicKey, privateKey) => {
        resume(error === null ? Effect.sync(() => keyPair(curve, publicKey, privateKey)) : Effect.die(error))
      })
    }),

  importVerificationKey: (curve, publicKey) =>
    Effect.suspend(() => {
      const spki = Ecdsa.spkiFromCompressed(curve, publicKey)
      const key = spki &&
        attempt(() => crypto.createPublicKey({ key: spki as Buffer, format: "der", type: "spki" }))
      return key === undefined
        ? invalidKey("importVerificationKey", `is not a compressed point of ${curve}`)
        : Effect.succeed(toHandle<"VerificationKey">(ecKey(curve, key)))
    }),

  sign: (key, message) =>
    Effect.suspend(() => {
      const { algorithm, key: privateKey } = toEcKey(Redacted.value(key))
      const hash = hashNames[algorithm.hash]
      // The key itself, for DER: with an object of options each signature takes longer.
      const attemptOnce: Effect.Effect<Uint8Array> = Effect.flatMap(
        onThreadPool(
          message,
          (message) => crypto.sign(hash, message, privateKey),
          (message, done) => crypto.sign(hash, message, privateKey, done)
        ),
        (signature) => {
          const der = Ecdsa.derOfSuiteLength(algorithm.curve, signature)
          return der === undefined ? attemptOnce : Effect.succeed(der)
        }
      )
      return attemptOnce
    }),

  verify: (key, message, signature) =>
    Effect.suspend(() => {
      const { algorithm, key: publicKey } = toEcKey(key)
      const hash = hashNames[algorithm.hash]
      const given = new Uint8Array(signature)
      return onThreadPool(
        message,
        (message) => crypto.verify(hash, message, publicKey, given),
        (message, done) => crypto.verify(hash, message, publicKey, given, done)
      )
    }),

  signer: (key) =>
    Effect.map(loadCurves, (curves) => {
      const { algorithm, key: privateKey } = toEcKey(Redacted.value(key))
      const hash = crypto.createHash(hashNames[algorithm.hash])
      return {
        update: (part) => void hash.update(part),
        finish: Effect.sync(() => signDigest(curves, algorithm.curve, privateKey, hash.digest()))
      }
    }),

  verifier: (key) =>
    Effect.sync(() => {
      const { algorithm, key: publicKey } = toEcKey(key)
      const verify = crypto.createVerify(hashNames[algorithm.hash])
      return {
        update: (part) => void verify.update(part),
        finish: (signature) => Effect.sync(() => verify.verify({ key: publicKey, dsaEncoding: "der" }, signature))
      }
    }),

  importRsaPublicKey: (pem) =>
    Effect.suspend(() => {
      const key = rsaKey(pem, "PUBLIC KEY", "SubjectPublicKeyInfo", (text) => crypto.createPublicKey(text))
      return typeof key === "string"
        ? invalidKey("importRsaPublicKey", key)
        : Effect.succeed(toHandle<"RsaPublicKey">(key))
    }),

  importRsaPrivateKey: (pem) =>
    Effect.suspend(() => {
      const key = rsaKey(
        Redacted.value(pem),
        "PRIVATE KEY",
        "PKCS #8 PrivateKeyInfo",
        (text) => crypto.createPrivateKey(text)
      )
      return typeof key === "string"
        ? invalidKey("importRsaPrivateKey", key)
        : Effect.succeed(Redacted.make(toHandle<"RsaPrivateKey">(key), { label: "rsa-private-key" }))
    }),

  rsaEncrypt: (key, padding, plaintext) =>
    Effect.suspend(() => {
      const value = Redacted.value(plaintext)
      const ciphertext = attempt(() => crypto.publicEncrypt({ key: toKeyObject(key), ...rsaOptions[padding] }, value))
      return ciphertext === undefined ? failed("rsaEncrypt") : Effect.succeed(new Uint8Array(ciphertext))
    }),

  rsaDecrypt: (key, padding, ciphertext) =>
    Effect.suspend(() => {
      const privateKey = toKeyObject(Redacted.value(key))
      const plaintext = attempt(() => crypto.privateDecrypt({ key: privateKey, ...rsaOptions[padding] }, ciphertext))
      return plaintext === undefined ? failed("rsaDecrypt") : Effect.succeed(DataKey.make(take(plaintext)))
    })
})

/** `Primitives` on node:crypto. */
export const layer: Layer.Layer<Primitives> = /*#__PURE__*/ Layer.succeed(Primitives, make)

/**
 * The same operations, with signatures and key pairs made in one step too, instead of on the thread pool: for tests under
 * `TestClock`, which waits for fibers but not for threads.
 *
 * **Gotchas**
 *
 * Each signature, verification and key pair holds up the whole process for about a millisecond.
 */
export const makeSynchronous: Primitives = /*#__PURE__*/ Primitives.of({
  ...make,

  generateSigningKey: (curve) =>
    Effect.sync(() => {
      const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: curve })
      return keyPair(curve, publicKey, privateKey)
    }),

  sign: (key, message) =>
    Effect.sync(() => {
      const { algorithm, key: privateKey } = toEcKey(Redacted.value(key))
      let der: Uint8Array | undefined
      while (der === undefined) {
        der = Ecdsa.derOfSuiteLength(algorithm.curve, crypto.sign(hashNames[algorithm.hash], message, privateKey))
      }
      return der
    }),

  verify: (key, message, signature) =>
    Effect.sync(() => {
      const { algorithm, key: publicKey } = toEcKey(key)
      return crypto.verify(hashNames[algorithm.hash], message, publicKey, signature)
    })
})

/** `Primitives` on node:crypto, all of them synchronous: for tests under `TestClock`. */
export const layerSynchronous: Layer.Layer<Primitives> = /*#__PURE__*/ Layer.succeed(Primitives, makeSynchronous)

/** Messages above it go to the pool at once: to hash them takes longer than the way there. */
const longestHere = 65_536

/** How many have come up in this turn of the event loop, and how many are on the pool. */
let waiting = 0
let onPool = 0

/**
 * Runs what takes a millisecond on the thread pool, so that several run beside each other. One that comes alone in its turn
 * of the event loop, while none is on the pool, runs in this thread instead: the way to the pool and back takes a tenth of
 * that time. Takes the message as it is now.
 */
const onThreadPool = <A>(
  message: Uint8Array,
  here: (message: Uint8Array) => A,
  there: (message: Uint8Array, done: (error: Error | null, value: A) => void) => void
): Effect.Effect<A> => {
  const run = (message: Uint8Array): Effect.Effect<A> =>
    Effect.callback((resume) => {
      onPool++
      there(message, (error, value) => {
        onPool--
        resume(error === null ? Effect.succeed(value) : Effect.die(error))
      })
    })
  return Effect.suspend(() => {
    if (message.length > longestHere) return run(message)
    const copy = new Uint8Array(message)
    return Effect.flatMap(
      turn,
      () => waiting === 0 && onPool === 0 ? Effect.sync(() => here(copy)) : run(copy)
    )
  })
}

/** Until the end of this turn of the event loop. */
const turn: Effect.Effect<void> = /*#__PURE__*/ Effect.acquireUseRelease(
  /*#__PURE__*/ Effect.sync(() => void waiting++),
  () => Effect.yieldNow,
  () => Effect.sync(() => void waiting--)
)

const keyPair = (curve: SignatureCurve, publicKey: KeyObject, privateKey: KeyObject) => ({
  signingKey: Redacted.make(toHandle<"SigningKey">(ecKey(curve, privateKey)), { label: "signing-key" }),
  publicKey: Ecdsa.compress(
    curve,
    Ecdsa.uncompressedFromSpki(curve, publicKey.export({ format: "der", type: "spki" }))
  )
})

const invalidKey = (method: string, description: string) =>
  Effect.fail(new PrimitivesError({ method, reason: "InvalidKey", description }))

const failed = (method: string) => Effect.fail(new PrimitivesError({ method, reason: "Failed", description: "" }))

/** OpenSSL's exceptions say nothing that a caller could act on. */
const attempt = <A>(f: () => A): A | undefined => {
  try {
    return f()
  } catch {
    return undefined
  }
}

const toHandle = <Kind extends string>(value: KeyObject | EcKey) => value as unknown as KeyHandle<Kind>

const toKeyObject = (handle: KeyHandle<string>) => handle as unknown as KeyObject

const toEcKey = (handle: KeyHandle<string>) => handle as unknown as EcKey

/** A plain copy of what node:crypto answered; the answer itself is zeroed. */
const take = (secret: Buffer): Uint8Array => {
  const out = new Uint8Array(secret)
  secret.fill(0)
  return out
}

const aesKey = (key: Uint8Array) => Redacted.make(toHandle<"AesKey">(crypto.createSecretKey(key)), { label: "aes-key" })

const ecKey = (curve: SignatureCurve, key: KeyObject): EcKey => ({ algorithm: Ecdsa.algorithm(curve), key })

// Loaded when the first stream is signed, and by nothing else.
const loadCurves = /*#__PURE__*/ orNotLoaded(() => load("@noble/curves", () => import("@noble/curves/nist.js")))

/**
 * The signature over a digest, of the suite's length. OpenSSL's signatures through node:crypto hash the message themselves,
 * and a state that has been signed once is gone; but in about one of 256 messages the signature has another length, and
 * must be made again, of a message that has long been passed on. So a library signs that takes the digest.
 */
const signDigest = (
  { p256, p384 }: typeof Curves,
  curve: SignatureCurve,
  key: KeyObject,
  digest: Uint8Array
): Uint8Array => {
  const secret = privateScalar(key)
  try {
    for (;;) {
      const extraEntropy = crypto.randomFillSync(new Uint8Array(secret.length))
      const raw = (curve === "P-256" ? p256 : p384).sign(digest, secret, { prehash: false, lowS: false, extraEntropy })
      const der = Ecdsa.derFromRaw(curve, raw)
      if (der !== undefined) return der
    }
  } finally {
    secret.fill(0)
  }
}

/** The secret number of an EC key. */
const privateScalar = (key: KeyObject): Uint8Array => {
  // SEQUENCE { INTEGER 1, OCTET STRING of the number, … }: its length is in the byte before it.
  const der = key.export({ format: "der", type: "sec1" })
  const offset = (der[1]! < 0x80 ? 2 : 3) + 5
  const scalar = new Uint8Array(der.subarray(offset, offset + der[offset - 1]!))
  der.fill(0)
  return scalar
}

const cipherOf = (key: KeyObject): CipherGCMTypes => `aes-${8 * key.symmetricKeySize!}-gcm` as CipherGCMTypes

const gcm = { authTagLength: tagLength } as const

const seal = (cipherName: CipherGCMTypes, key: KeyObject, { aad, iv, output, plaintext }: SealJob): void => {
  if (iv.length !== ivLength) throw new RangeError(`iv: is ${iv.length} bytes, must be ${ivLength}`)
  if (output.length !== plaintext.length + tagLength) throw new RangeError("output: has not the job's length")
  const cipher = crypto.createCipheriv(cipherName, key, iv, gcm)
  cipher.setAAD(aad)
  for (let offset = 0; offset < plaintext.length; offset += pieceLength) {
    const ciphertext = cipher.update(plaintext.subarray(offset, offset + pieceLength))
    output.set(ciphertext, offset)
    bytes.free(ciphertext)
  }
  cipher.final()
  output.set(cipher.getAuthTag(), plaintext.length)
}

const open = (cipherName: CipherGCMTypes, key: KeyObject, { aad, ciphertext, iv, output, tag }: OpenJob): boolean => {
  if (output.length !== ciphertext.length) throw new RangeError("output: has not the job's length")
  // Node verifies no more of a tag than it is given, down to four bytes.
  if (tag.length !== tagLength || iv.length !== ivLength) return false
  const decipher = crypto.createDecipheriv(cipherName, key, iv, gcm)
  decipher.setAAD(aad)
  decipher.setAuthTag(tag)
  const pieces: Array<Buffer> = []
  for (let offset = 0; offset < ciphertext.length; offset += pieceLength) {
    pieces.push(decipher.update(ciphertext.subarray(offset, offset + pieceLength)))
  }
  const verified = attempt(() => decipher.final()) !== undefined
  let offset = 0
  for (const piece of pieces) {
    if (verified) output.set(piece, offset)
    offset += piece.length
    piece.fill(0)
    bytes.free(piece)
  }
  return verified
}

/** So many bytes at a time go to a cipher, which takes 2^31 − 1 at most. */
const pieceLength = 2 ** 20

// One for all, since each array of more than 64 bytes is memory of its own outside of the heap. Zeroed after use.
const scratch = /*#__PURE__*/ new Uint8Array(512)
const starts: Array<Uint8Array> = []
const startOfScratch = (length: number): Uint8Array => starts[length] ??= scratch.subarray(0, length)

/**
 * HMAC of RFC 2104. Two digests cost half of what an Hmac costs, with the key that must be imported for it and the garbage
 * that all of these leave.
 */
const hmac = (hash: HashName, key: Uint8Array, message: Uint8Array): Buffer => {
  const block = blockLengths[hash]
  if (key.length > block) return hmac(hash, crypto.hash(hash, key, "buffer"), message)
  const length = block + message.length
  const fits = length <= scratch.length
  const input = fits ? scratch : new Uint8Array(length)
  input.set(key)
  for (let i = 0; i < block; i++) input[i]! ^= 0x36
  input.set(message, block)
  const inner = crypto.hash(hash, fits ? startOfScratch(length) : input, "buffer")
  for (let i = 0; i < block; i++) input[i]! ^= 0x36 ^ 0x5c
  input.set(inner, block)
  const both = block + inner.length
  const out = crypto.hash(hash, fits ? startOfScratch(both) : input.subarray(0, both), "buffer")
  input.fill(0)
  inner.fill(0)
  return out
}

const expand = (hash: HashName, pseudoRandomKey: Uint8Array, info: Uint8Array, length: number): Uint8Array => {
  const out = new Uint8Array(length)
  let block: Uint8Array = bytes.empty
  for (let offset = 0, counter = 1; offset < length; offset += block.length, counter++) {
    const input = bytes.concat([block, info, Uint8Array.of(counter)])
    block.fill(0)
    block = hmac(hash, pseudoRandomKey, input)
    input.fill(0)
    out.set(block.subarray(0, length - offset), offset)
  }
  block.fill(0)
  return out
}

/** The key, or what is wrong with it. Never quotes the text. */
const rsaKey = (
  pem: string,
  label: "PUBLIC KEY" | "PRIVATE KEY",
  structure: string,
  parse: (pem: string) => KeyObject
): KeyObject | string => {
  // createPublicKey would make a public key of a private one, and of a certificate.
  const problem = Pem.problem(pem, label, structure)
  if (problem !== undefined) return problem
  const key = attempt(() => parse(pem.trim()))
  if (key === undefined) return `is no valid ${structure}`
  if (key.asymmetricKeyType !== "rsa") return `is a key for ${key.asymmetricKeyType}, expected rsa`
  const modulusLength = key.asymmetricKeyDetails!.modulusLength!
  return modulusLength < minimumModulusLength
    ? `has a modulus of ${modulusLength} bits, at least ${minimumModulusLength} are needed`
    : key
}
