/**
 * `Primitives` on node:crypto.
 */
import type * as Curves from "@noble/curves/nist.js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { CipherGCMTypes, KeyObject } from "node:crypto"
import * as crypto from "node:crypto"
import type { SignatureAlgorithm, SignatureCurve } from "../AlgorithmSuite.ts"
import * as Ecdsa from "../crypto/Ecdsa.ts"
import type { KeyHandle, OpenJob, RsaPadding, SealJob } from "../crypto/Primitives.ts"
import { Primitives } from "../crypto/Primitives.ts"
import { PrimitivesError } from "../crypto/PrimitivesError.ts"
import * as DataKey from "../DataKey.ts"
import * as Pem from "../internal/pem.ts"

const ivLength = 12
const tagLength = 16
const minimumModulusLength = 2048

const hashNames = { "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512" } as const

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
 * The operations. AES, HKDF and RSA run synchronously in one step; signatures and key pairs are made on the thread pool.
 *
 * **Gotchas**
 *
 * One job of `seal` or `open` takes at most 2^31 − 1 bytes.
 *
 * `rsaDecrypt` with `PKCS1` hardly ever fails: where the padding is wrong, it answers random bytes of a random length, so
 * that nobody can tell a wrong ciphertext by its failure. A length that is not the data key's shows it, or the
 * message's own checks do.
 */
export const make: Primitives["Service"] = /*#__PURE__*/ Primitives.of({
  randomBytes: (length) => Effect.sync(() => crypto.randomFillSync(new Uint8Array(length))),

  sha384: (data) => Effect.sync(() => new Uint8Array(crypto.hash("sha384", data, "buffer"))),

  timingSafeEqual: (a, b) => a.length === b.length && crypto.timingSafeEqual(a, b),

  deriveKeys: (dataKey, plan) =>
    Effect.sync(() => {
      const key = DataKey.value(dataKey)
      if (plan.hash === undefined) {
        if (key.length !== plan.encryptionKey.length) throw new RangeError("data key: has not the plan's length")
        return { encryptionKey: aesKey(key), commitment: undefined }
      }
      const hash = hashNames[plan.hash]
      const pseudoRandomKey = extract(hash, plan.salt, key)
      const derived = expand(hash, pseudoRandomKey, plan.encryptionKey.info, plan.encryptionKey.length)
      const encryptionKey = aesKey(derived)
      derived.fill(0)
      const { commitment } = plan
      return {
        encryptionKey,
        commitment: commitment && expand(hash, pseudoRandomKey, commitment.info, commitment.length)
      }
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
      const attemptOnce: Effect.Effect<Uint8Array> = Effect.callback<Uint8Array | undefined>((resume) => {
        crypto.sign(
          hashNames[algorithm.hash],
          message,
          { key: privateKey, dsaEncoding: "ieee-p1363" },
          (error, raw) =>
            resume(error === null ? Effect.sync(() => Ecdsa.derFromRaw(algorithm.curve, raw)) : Effect.die(error))
        )
      }).pipe(Effect.flatMap((der) => der === undefined ? attemptOnce : Effect.succeed(der)))
      return attemptOnce
    }),

  verify: (key, message, signature) =>
    Effect.callback((resume) => {
      const { algorithm, key: publicKey } = toEcKey(key)
      crypto.verify(
        hashNames[algorithm.hash],
        message,
        { key: publicKey, dsaEncoding: "der" },
        signature,
        (error, valid) => resume(error === null ? Effect.succeed(valid) : Effect.die(error))
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
export const makeSynchronous: Primitives["Service"] = /*#__PURE__*/ Primitives.of({
  ...make,

  generateSigningKey: (curve) =>
    Effect.sync(() => {
      const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: curve })
      return keyPair(curve, publicKey, privateKey)
    }),

  sign: (key, message) =>
    Effect.sync(() => {
      const { algorithm, key: privateKey } = toEcKey(Redacted.value(key))
      const options = { key: privateKey, dsaEncoding: "ieee-p1363" } as const
      let der: Uint8Array | undefined
      while (der === undefined) {
        der = Ecdsa.derFromRaw(algorithm.curve, crypto.sign(hashNames[algorithm.hash], message, options))
      }
      return der
    }),

  verify: (key, message, signature) =>
    Effect.sync(() => {
      const { algorithm, key: publicKey } = toEcKey(key)
      return crypto.verify(hashNames[algorithm.hash], message, { key: publicKey, dsaEncoding: "der" }, signature)
    })
})

/** `Primitives` on node:crypto, all of them synchronous: for tests under `TestClock`. */
export const layerSynchronous: Layer.Layer<Primitives> = /*#__PURE__*/ Layer.succeed(Primitives, makeSynchronous)

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
const loadCurves = /*#__PURE__*/ Effect.tryPromise({
  try: () => import("@noble/curves/nist.js"),
  catch: (cause) => new PrimitivesError({ method: "signer", reason: "NotLoaded", description: "@noble/curves", cause })
})

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

const seal = (cipherName: CipherGCMTypes, key: KeyObject, job: SealJob): void => {
  if (job.iv.length !== ivLength) throw new RangeError(`iv: is ${job.iv.length} bytes, must be ${ivLength}`)
  if (job.output.length !== job.plaintext.length + tagLength) throw new RangeError("output: has not the job's length")
  const cipher = crypto.createCipheriv(cipherName, key, job.iv, { authTagLength: tagLength })
  cipher.setAAD(job.aad)
  job.output.set(cipher.update(job.plaintext))
  cipher.final()
  job.output.set(cipher.getAuthTag(), job.plaintext.length)
}

const open = (cipherName: CipherGCMTypes, key: KeyObject, job: OpenJob): boolean => {
  if (job.output.length !== job.ciphertext.length) throw new RangeError("output: has not the job's length")
  // Node verifies no more of a tag than it is given, down to four bytes.
  if (job.tag.length !== tagLength || job.iv.length !== ivLength) return false
  const decipher = crypto.createDecipheriv(cipherName, key, job.iv, { authTagLength: tagLength })
  decipher.setAAD(job.aad)
  decipher.setAuthTag(job.tag)
  const unverified = decipher.update(job.ciphertext)
  const verified = attempt(() => decipher.final()) !== undefined
  if (verified) job.output.set(unverified)
  unverified.fill(0)
  return verified
}

/** HKDF of RFC 5869 in two steps, because one extract serves two expands; hkdfSync would do one for each. */
const extract = (hash: string, salt: Uint8Array, key: Uint8Array): KeyObject => {
  const digest = crypto.createHmac(hash, crypto.createSecretKey(salt)).update(key).digest()
  const out = crypto.createSecretKey(digest)
  digest.fill(0)
  return out
}

const expand = (hash: string, pseudoRandomKey: KeyObject, info: Uint8Array, length: number): Uint8Array => {
  const out = new Uint8Array(length)
  const input = new Uint8Array(info.length + 1)
  input.set(info)
  let block: Buffer | undefined
  for (let offset = 0, counter = 1; offset < length; offset += block.length, counter++) {
    const hmac = crypto.createHmac(hash, pseudoRandomKey)
    if (block !== undefined) {
      hmac.update(block)
      block.fill(0)
    }
    input[info.length] = counter
    block = hmac.update(input).digest()
    out.set(block.subarray(0, length - offset), offset)
  }
  block?.fill(0)
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
