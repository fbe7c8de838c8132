/**
 * A message with a non-framed body, made with node:crypto alone: no AWS Encryption SDK writes such messages any more, and
 * all must read them.
 */
import type { AlgorithmSuite } from "effect-encryption-sdk"
import * as crypto from "node:crypto"
import { field, uint32 } from "./bytes.ts"

export interface NonFramedOptions {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly plaintext: Uint8Array
  readonly encryptionContext: Readonly<Record<string, string>>
  /** The raw AES wrapping key of 32 bytes under which the data key stands in the message. */
  readonly wrappingKey: Uint8Array
  readonly keyNamespace: string
  readonly keyName: string
}

const uint16 = (value: number) => {
  const out = Buffer.alloc(2)
  out.writeUInt16BE(value)
  return out
}
const uint64 = (value: number) => {
  const out = Buffer.alloc(8)
  out.writeBigUInt64BE(BigInt(value))
  return out
}

const gcm = (key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) => {
  const cipher = crypto.createCipheriv(`aes-${8 * key.length}-gcm` as "aes-256-gcm", key, iv)
  cipher.setAAD(aad)
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return { ciphertext, tag: cipher.getAuthTag() }
}

/** The key pair of a suite that signs, and its public key as it stands in an encryption context. */
const signingKeyOf = ({ signature }: AlgorithmSuite.AlgorithmSuite) => {
  if (signature === undefined) return undefined
  const namedCurve = signature.curve === "P-256" ? "prime256v1" : "secp384r1"
  const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve })
  const { x, y } = publicKey.export({ format: "jwk" })
  const odd = Buffer.from(y!, "base64url").at(-1)! & 1
  const compressed = Buffer.concat([Buffer.of(2 + odd), Buffer.from(x!, "base64url")])
  return { privateKey, hash: hashName(signature.hash), publicKey: compressed.toString("base64") }
}

const hashName = (hash: string) => hash.replace("-", "").toLowerCase()

const serialise = (context: Readonly<Record<string, string>>): Uint8Array => {
  const pairs = Object.entries(context).map(([key, value]) => [Buffer.from(key), Buffer.from(value)] as const)
    .toSorted(([a], [b]) => Buffer.compare(a, b))
  return pairs.length === 0
    ? Buffer.alloc(0)
    : Buffer.concat([uint16(pairs.length), ...pairs.flatMap(([key, value]) => [field(key), field(value)])])
}

/** The keys of a message: the one that encrypts it, and the commitment to its data key. */
const keysOf = (suite: AlgorithmSuite.AlgorithmSuite, dataKey: Buffer, messageId: Buffer) => {
  const derive = (salt: Uint8Array, info: Uint8Array, length: number) =>
    suite.keyDerivation._tag === "Hkdf"
      ? Buffer.from(crypto.hkdfSync(hashName(suite.keyDerivation.hash), dataKey, salt, info, length))
      : dataKey
  const suiteId = uint16(suite.id)
  return suite.messageFormatVersion === 1
    ? {
      key: derive(Buffer.alloc(0), Buffer.concat([suiteId, messageId]), suite.dataKeyLength),
      commitment: Buffer.alloc(0)
    }
    : {
      key: derive(messageId, Buffer.concat([suiteId, Buffer.from("DERIVEKEY")]), suite.dataKeyLength),
      commitment: derive(messageId, Buffer.from("COMMITKEY"), 32)
    }
}

const headerOf = (
  suite: AlgorithmSuite.AlgorithmSuite,
  messageId: Buffer,
  context: Uint8Array,
  encryptedDataKeys: Uint8Array,
  commitment: Uint8Array
): Buffer => {
  const nonFramed = 1
  const common = [uint16(suite.id), messageId, field(context), encryptedDataKeys, Buffer.of(nonFramed)]
  return suite.messageFormatVersion === 1
    ? Buffer.concat([Buffer.of(1, 0x80), ...common, Buffer.of(0, 0, 0, 0, 12), uint32(0)])
    : Buffer.concat([Buffer.of(2), ...common, uint32(0), commitment])
}

const bodyOf = (key: Uint8Array, messageId: Uint8Array, plaintext: Uint8Array): Buffer => {
  const iv = Buffer.concat([Buffer.alloc(11), Buffer.of(1)])
  const name = Buffer.from("AWSKMSEncryptionClient Single Block")
  const length = uint64(plaintext.length)
  const { ciphertext, tag } = gcm(key, iv, Buffer.concat([messageId, name, uint32(1), length]), plaintext)
  return Buffer.concat([iv, length, ciphertext, tag])
}

export const nonFramedMessage = (options: NonFramedOptions): Uint8Array => {
  const { algorithmSuite: suite, encryptionContext, keyName, keyNamespace, plaintext, wrappingKey } = options
  const signing = signingKeyOf(suite)
  const context = serialise({
    ...encryptionContext,
    ...signing && { "aws-crypto-public-key": signing.publicKey }
  })
  const dataKey = crypto.randomBytes(suite.dataKeyLength)
  const messageId = crypto.randomBytes(suite.messageIdLength)
  const { commitment, key } = keysOf(suite, dataKey, messageId)

  const wrappingIv = crypto.randomBytes(12)
  const wrapped = gcm(wrappingKey, wrappingIv, context, dataKey)
  const encryptedDataKeys = Buffer.concat([
    uint16(1),
    field(Buffer.from(keyNamespace)),
    field(Buffer.concat([Buffer.from(keyName), uint32(128), uint32(12), wrappingIv])),
    field(Buffer.concat([wrapped.ciphertext, wrapped.tag]))
  ])
  const header = headerOf(suite, messageId, context, encryptedDataKeys, commitment)
  const headerIv = Buffer.alloc(12)
  const message = Buffer.concat([
    header,
    suite.messageFormatVersion === 1 ? headerIv : Buffer.alloc(0),
    gcm(key, headerIv, header, Buffer.alloc(0)).tag,
    bodyOf(key, messageId, plaintext)
  ])
  return new Uint8Array(
    signing === undefined
      ? message
      : Buffer.concat([message, field(crypto.sign(signing.hash, message, signing.privateKey))])
  )
}
