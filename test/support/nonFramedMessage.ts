/**
 * A message with a non-framed body, made with node:crypto alone: no AWS Encryption SDK writes such messages any more, and
 * all must read them.
 */
import type { AlgorithmSuite } from "effect-encryption-sdk"
import * as crypto from "node:crypto"

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
const uint32 = (value: number) => {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value)
  return out
}
const uint64 = (value: number) => {
  const out = Buffer.alloc(8)
  out.writeBigUInt64BE(BigInt(value))
  return out
}
const field = (bytes: Uint8Array) => Buffer.concat([uint16(bytes.length), bytes])

const gcm = (key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) => {
  const cipher = crypto.createCipheriv(`aes-${8 * key.length}-gcm` as "aes-256-gcm", key, iv)
  cipher.setAAD(aad)
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return { ciphertext, tag: cipher.getAuthTag() }
}

export const nonFramedMessage = (options: NonFramedOptions): Uint8Array => {
  const { algorithmSuite: suite, keyName, keyNamespace, plaintext, wrappingKey } = options
  const signing = suite.signature &&
    crypto.generateKeyPairSync("ec", { namedCurve: suite.signature.curve === "P-256" ? "prime256v1" : "secp384r1" })
  const context = new Map(Object.entries(options.encryptionContext))
  if (signing !== undefined) {
    const { x, y } = signing.publicKey.export({ format: "jwk" })
    const odd = Buffer.from(y!, "base64url").at(-1)! & 1
    context.set(
      "aws-crypto-public-key",
      Buffer.concat([Buffer.of(2 + odd), Buffer.from(x!, "base64url")]).toString("base64")
    )
  }
  const pairs = [...context].map(([key, value]) => [Buffer.from(key), Buffer.from(value)] as const)
    .toSorted(([a], [b]) => Buffer.compare(a, b))
  const serialisedContext = pairs.length === 0
    ? Buffer.alloc(0)
    : Buffer.concat([uint16(pairs.length), ...pairs.flatMap(([key, value]) => [field(key), field(value)])])

  const dataKey = crypto.randomBytes(suite.dataKeyLength)
  const messageId = crypto.randomBytes(suite.messageIdLength)
  const suiteId = uint16(suite.id)
  const derive = (salt: Uint8Array, info: Uint8Array, length: number) =>
    suite.keyDerivation._tag === "Hkdf"
      ? Buffer.from(
        crypto.hkdfSync(suite.keyDerivation.hash.replace("-", "").toLowerCase(), dataKey, salt, info, length)
      )
      : dataKey
  const key = suite.messageFormatVersion === 1
    ? derive(Buffer.alloc(0), Buffer.concat([suiteId, messageId]), suite.dataKeyLength)
    : derive(messageId, Buffer.concat([suiteId, Buffer.from("DERIVEKEY")]), suite.dataKeyLength)

  const wrappingIv = crypto.randomBytes(12)
  const wrapped = gcm(wrappingKey, wrappingIv, serialisedContext, dataKey)
  const encryptedDataKeys = Buffer.concat([
    uint16(1),
    field(Buffer.from(keyNamespace)),
    field(Buffer.concat([Buffer.from(keyName), uint32(128), uint32(12), wrappingIv])),
    field(Buffer.concat([wrapped.ciphertext, wrapped.tag]))
  ])

  const nonFramed = 1
  const header = suite.messageFormatVersion === 1
    ? Buffer.concat([
      Buffer.of(1, 0x80),
      suiteId,
      messageId,
      field(serialisedContext),
      encryptedDataKeys,
      Buffer.of(nonFramed, 0, 0, 0, 0, 12),
      uint32(0)
    ])
    : Buffer.concat([
      Buffer.of(2),
      suiteId,
      messageId,
      field(serialisedContext),
      encryptedDataKeys,
      Buffer.of(nonFramed),
      uint32(0),
      derive(messageId, Buffer.from("COMMITKEY"), 32)
    ])
  const headerIv = Buffer.alloc(12)
  const authentication = Buffer.concat([
    suite.messageFormatVersion === 1 ? headerIv : Buffer.alloc(0),
    gcm(key, headerIv, header, Buffer.alloc(0)).tag
  ])

  const bodyIv = Buffer.concat([Buffer.alloc(11), Buffer.of(1)])
  const body = gcm(
    key,
    bodyIv,
    Buffer.concat([
      messageId,
      Buffer.from("AWSKMSEncryptionClient Single Block"),
      uint32(1),
      uint64(plaintext.length)
    ]),
    plaintext
  )
  const message = Buffer.concat([header, authentication, bodyIv, uint64(plaintext.length), body.ciphertext, body.tag])
  return new Uint8Array(
    signing === undefined
      ? message
      : Buffer.concat([
        message,
        field(crypto.sign(suite.signature!.hash.replace("-", "").toLowerCase(), message, signing.privateKey))
      ])
  )
}
