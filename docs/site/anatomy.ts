/** A message taken apart: header, frames and footer, field by field. */
import { EncryptedDataKey, type EncryptionSdk } from "effect-encryption-sdk"
import { MessageBody, MessageHeader } from "effect-encryption-sdk/message"
import { Result } from "effect"
import { toHex } from "./hex.ts"

export interface Field {
  readonly name: string
  readonly offset: number
  readonly bytes: Uint8Array
  /** What the bytes say. Where there is nothing: they are shown as they are. */
  readonly content?: string
}

const utf8 = (text: string) => new TextEncoder().encode(text).length

/** The fields of a message of version 2, in their order. Together they are the whole message. */
export const fieldsOf = ({ algorithmSuite, header, message }: EncryptionSdk.EncryptResult): ReadonlyArray<Field> => {
  const fields: Array<Field> = []
  let offset = 0
  const add = (name: string, length: number, content?: string) => {
    const bytes = message.subarray(offset, offset + length)
    fields.push({ name, offset, bytes, ...(content === undefined ? {} : { content }) })
    offset += length
  }

  add("Version", 1, "2")
  add("Algorithm suite", 2, `0x${algorithmSuite.id.toString(16).padStart(4, "0")} ${algorithmSuite.name}`)
  add("Message ID, also the salt of the key derivation", 32)
  const pairs = Object.entries(header.encryptionContext)
  const contextLength = pairs.reduce((length, [key, value]) => length + 4 + utf8(key) + utf8(value), 2)
  add("Length of the encryption context", 2, String(contextLength))
  add("Encryption context", contextLength, pairs.map(([key, value]) => `${key} = ${value}`).join(", "))
  add("Number of encrypted data keys", 2, String(header.encryptedDataKeys.length))
  for (const { ciphertext, keyProviderId, keyProviderInfo } of header.encryptedDataKeys) {
    add("Key provider", 2 + utf8(keyProviderId), keyProviderId)
    add("Key provider information", 2 + keyProviderInfo.length, EncryptedDataKey.printableInfo(keyProviderInfo))
    add("Encrypted data key", 2 + ciphertext.length)
  }
  add("Content type", 1, header.contentType)
  add("Frame length", 4, `${header.frameLength} bytes`)
  add("Commitment to the data key", header.suiteData.length)
  add("Header's authentication tag", algorithmSuite.tagLength)

  const { length } = Result.getOrThrow(MessageHeader.decode(message))
  const layout = Result.getOrThrow(MessageBody.decode(header, message, length))
  for (const { ciphertext, content, iv, sequenceNumber, tag } of MessageBody.frames(header, message, layout)) {
    const isFinal = content === "finalFrame"
    const frame = isFinal ? "Final frame" : `Frame ${sequenceNumber}`
    if (isFinal) add(`${frame}: mark of the end`, 4)
    add(`${frame}: sequence number`, 4, String(sequenceNumber))
    add(`${frame}: IV`, iv.length)
    if (isFinal) add(`${frame}: length of its content`, 4, String(ciphertext.length))
    if (ciphertext.length > 0) add(`${frame}: ciphertext`, ciphertext.length)
    add(`${frame}: authentication tag`, tag.length)
  }
  if (offset < message.length) add("Footer: the signature", message.length - offset)
  return fields
}

/** Where the last byte of the ciphertext is; that of its tag where there is no ciphertext. */
export const lastByteOfBody = (fields: ReadonlyArray<Field>): number => {
  const [field] = fields.filter(({ name }) => name.endsWith(": ciphertext")).slice(-1)
  const { bytes, offset } = field ?? fields.findLast(({ name }) => name.endsWith(": authentication tag"))!
  return offset + bytes.length - 1
}

export const contentOf = ({ bytes, content }: Field): string => content ?? toHex(bytes)
