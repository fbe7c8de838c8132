/** ECDH without the library: key pairs, and encrypted data keys as WebCrypto alone makes and opens them. */
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { KeyAgreement, SecureRandom } from "effect/crypto"
import { type EncryptedDataKey, EncryptionContext } from "effect-encryption-sdk"
import { EncryptionContextCodec } from "effect-encryption-sdk/message"
import { concat, hex, toHex, uint32 } from "./bytes.ts"
import { exampleContext } from "./materials.ts"

const { subtle } = globalThis.crypto

export const curves = ["P-256", "P-384", "P-521"] as const
export type Curve = (typeof curves)[number]

/** Bytes of a coordinate, and of the shared secret. */
export const coordinateLengths = { "P-256": 32, "P-384": 48, "P-521": 66 } as const

/** Effect's ECDH, over the runtime's WebCrypto. */
export const keyAgreementLayer = Layer.provide(KeyAgreement.layerWebCrypto, SecureRandom.layerWebCrypto)

export const pemOf = (label: string, der: Uint8Array) =>
  `-----BEGIN ${label}-----\n${
    Buffer.from(der).toString("base64").replaceAll(/.{64}(?!$)/g, "$&\n")
  }\n-----END ${label}-----\n`

export interface KeyPair {
  readonly curve: Curve
  readonly privateKey: Awaited<ReturnType<typeof subtle.importKey>>
  readonly pkcs8: Uint8Array
  readonly privatePem: string
  readonly spki: Uint8Array
  readonly publicPem: string
  /** The uncompressed point. */
  readonly point: Uint8Array
  readonly compressed: Uint8Array
}

/** The compressed form of an uncompressed point: its first coordinate behind the parity of the second. */
export const compress = (point: Uint8Array): Uint8Array => {
  const length = (point.length - 1) / 2
  return concat(Uint8Array.of(2 + (point.at(-1)! & 1)), point.subarray(1, 1 + length))
}

export const generate = async (curve: Curve): Promise<KeyPair> => {
  const algorithm = { name: "ECDH", namedCurve: curve }
  const { privateKey, publicKey } = await subtle.generateKey(algorithm, true, ["deriveBits"])
  const pkcs8 = new Uint8Array(await subtle.exportKey("pkcs8", privateKey))
  const spki = new Uint8Array(await subtle.exportKey("spki", publicKey))
  const point = new Uint8Array(await subtle.exportKey("raw", publicKey))
  return {
    curve,
    privateKey,
    pkcs8,
    privatePem: pemOf("PRIVATE KEY", pkcs8),
    spki,
    publicPem: pemOf("PUBLIC KEY", spki),
    point,
    compressed: compress(point)
  }
}

/** The secret that two key pairs share, zeroes in front included. */
export const shared = async (own: KeyPair, peer: KeyPair): Promise<Uint8Array> => {
  const algorithm = { name: "ECDH", namedCurve: own.curve }
  const key = await subtle.importKey("raw", new Uint8Array(peer.point), algorithm, false, [])
  const bits = 8 * coordinateLengths[own.curve]
  return new Uint8Array(await subtle.deriveBits({ name: "ECDH", public: key }, own.privateKey, bits))
}

/** SP 800-108 in counter mode, by the runtime's HMAC. */
export const counterMode = async (
  hash: "SHA-256" | "SHA-384",
  secret: Uint8Array,
  fixedInput: Uint8Array,
  length: number
): Promise<Uint8Array> => {
  const key = await subtle.importKey("raw", new Uint8Array(secret), { name: "HMAC", hash }, false, ["sign"])
  let out = new Uint8Array(0) as Uint8Array
  for (let round = 1; out.length < length; round++) {
    out = concat(out, new Uint8Array(await subtle.sign("HMAC", key, new Uint8Array(concat(uint32(round), fixedInput)))))
  }
  return out.subarray(0, length)
}

/** Parts of an encrypted data key that a test makes otherwise than the specification says. */
export interface Changes {
  readonly context?: EncryptionContext.EncryptionContext
  readonly providerId?: string
  readonly label?: string
  readonly curveName?: string
  /** Public keys of the fixed information, in their order there. */
  readonly order?: ReadonlyArray<Uint8Array>
  readonly secret?: Uint8Array
}

const utf8 = (text: string) => new TextEncoder().encode(text)

const derive = async (sender: KeyPair, recipient: KeyPair, salt: Uint8Array, changes: Changes) => {
  const { context = exampleContext, order = [sender.compressed, recipient.compressed] } = changes
  const { curveName = sender.curve.toLowerCase().replace("-", ""), label = "ecdh-key-derivation" } = changes
  const zero = Uint8Array.of(0)
  const info = concat(
    utf8(label),
    zero,
    utf8(curveName),
    zero,
    utf8("HMAC_SHA384"),
    zero,
    ...order,
    Uint8Array.of(0, 1, 0),
    EncryptionContextCodec.encode(context)
  )
  const secret = changes.secret ?? await shared(sender, recipient)
  const derived = await counterMode("SHA-384", secret, concat(info, zero, salt, uint32(512)), 64)
  const key = await subtle.importKey("raw", new Uint8Array(derived.subarray(32)), "AES-GCM", false, [
    "encrypt",
    "decrypt"
  ])
  const algorithm = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: new Uint8Array(info) }
  return { commitment: derived.subarray(0, 32), key, algorithm }
}

/** DER of a `SubjectPublicKeyInfo` on P-256 up to the compressed point. */
export const compressedSpkiPrefix = hex("3039301306072a8648ce3d020106082a8648ce3d030107032200")

/** Key provider information of a sender's and a recipient's public key. */
export const infoOf = (sender: Uint8Array, recipient: Uint8Array): Uint8Array =>
  concat(Uint8Array.of(1), uint32(recipient.length), recipient, uint32(sender.length), sender)

/** An encrypted data key that the keyring under test had no part in. */
export const wrapByHand = (
  sender: KeyPair,
  recipient: KeyPair,
  dataKey: Uint8Array,
  changes: Changes = {}
): Effect.Effect<EncryptedDataKey.EncryptedDataKey> =>
  Effect.promise(async () => {
    const salt = globalThis.crypto.getRandomValues(new Uint8Array(32))
    const { algorithm, commitment, key } = await derive(sender, recipient, salt, changes)
    const wrapped = new Uint8Array(await subtle.encrypt(algorithm, key, new Uint8Array(dataKey)))
    return {
      keyProviderId: changes.providerId ?? "raw-ecdh",
      keyProviderInfo: infoOf(sender.compressed, recipient.compressed),
      ciphertext: concat(salt, commitment, wrapped)
    }
  })

/** The data key of an encrypted data key, whose private key either party's pair has. */
export const unwrapByHand = (
  sender: KeyPair,
  recipient: KeyPair,
  { ciphertext }: EncryptedDataKey.EncryptedDataKey,
  changes: Changes = {}
): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => {
    const { algorithm, commitment, key } = await derive(sender, recipient, ciphertext.subarray(0, 32), changes)
    assert.strictEqual(toHex(ciphertext.subarray(32, 64)), toHex(commitment), "the commitment")
    return new Uint8Array(await subtle.decrypt(algorithm, key, new Uint8Array(ciphertext.subarray(64))))
  })
