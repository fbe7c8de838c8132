/** What the library says of itself, in the words of the page. */
import { Duration } from "effect"
import type { EncryptedDataKey, EncryptionSdk, Receipt } from "effect-encryption-sdk"
import type { CacheEntry } from "effect-encryption-sdk/caching"
import type { Policy } from "./client.ts"
import { toHex } from "./hex.ts"

export const count = (number: number | bigint, thing: string) =>
  `${number.toLocaleString("en")} ${thing}${Number(number) === 1 ? "" : "s"}`
export const seconds = (millis: number) => `${(millis / 1000).toFixed(0)} s`

/** The beginning of a long text, and how much more there is. */
export const cut = (text: string, length = 200) =>
  text.length <= length ? text : `${text.slice(0, length)}… and ${count(text.length - length, "more character")}`

const numbers = new Map<string, number>()
const lastNumbers = new Map<string, number>()

/** Alice #2 is the second data key that was made for Alice, wherever it is met. */
export const keyName = (
  context: Readonly<Record<string, string>>,
  [encryptedDataKey]: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
): string => {
  const tenant = context["tenant"] ?? "nobody"
  const id = toHex(encryptedDataKey!.ciphertext)
  const number = numbers.get(id) ?? (lastNumbers.get(tenant) ?? 0) + 1
  if (!numbers.has(id)) lastNumbers.set(tenant, number)
  numbers.set(id, number)
  return `${tenant} #${number}`
}

export const entryName = (metadata: CacheEntry.EntryMetadata) =>
  `${keyName(metadata.encryptionContext, metadata.encryptedDataKeys)}, to ${metadata.operation}`

export const suiteName = ({ id, signature }: EncryptionSdk.EncryptResult["algorithmSuite"]) =>
  `0x${id.toString(16).padStart(4, "0")}, ${signature === undefined ? "not signed" : `ECDSA ${signature.curve}`}`

const bypassed: Readonly<Record<Receipt.BypassReason, string>> = {
  SuiteWithoutKeyDerivation: "keys of this algorithm suite may never be cached",
  MaterialsNotCacheable: "keys of this algorithm suite may never be cached",
  UnknownPlaintextLength: "the length of the message was not known",
  LargerThanMaxBytesEncrypted: "the message alone is longer than the maximum of bytes",
  Rule: "a rule of the policy says so",
  CachingOff: "the capacity is 0"
}

/** What was done to get the data key. */
export const explain = (receipt: Receipt.Receipt, operation: "encrypt" | "decrypt"): string => {
  const call = operation === "encrypt" ? "KMS made a new data key" : "KMS unwrapped the data key"
  switch (receipt._tag) {
    case "Miss":
      return `nothing in the cache, so ${call}`
    case "Unoffered":
      return `nothing in the cache, so ${call}, which is not cached: it is used up, or was invalidated meanwhile`
    case "Joined":
      return "another request had just asked KMS, and they shared its answer"
    case "Hit": {
      const age = seconds(Duration.toMillis(receipt.age))
      const { bytes, messages } = receipt.usage
      return operation === "decrypt"
        ? `a cached key, ${age} old, and no call to KMS`
        : `a cached key, ${age} old, that now protects ${count(messages, "message")} and ${count(bytes, "byte")}`
    }
    case "Bypassed":
      return `past the cache, since ${bypassed[receipt.reason]}: ${call}`
    case "Uncached":
      return `no cache, so ${call}`
  }
}

const evicted: Readonly<Record<CacheEntry.EvictionCause, string>> = {
  capacity: "made room for another, being the least recently used",
  age: "too old",
  messages: "protects as many messages as it may",
  bytes: "one message more would exceed its bytes",
  replaced: "replaced by a newer one",
  deleted: "deleted",
  invalidated: "dropped, so that the cache is cold",
  revoked: "KMS refuses its key",
  cleared: "cleared",
  scope: "the policy changed"
}

/** Why an entry is gone. */
export const whyEvicted = ({ cause }: CacheEntry.EvictionEvent) => evicted[cause]

export const explainEviction = (event: CacheEntry.EvictionEvent): string => {
  const { age, metadata, usage } = event
  const used = metadata.operation === "decrypt"
    ? ""
    : `${count(usage.messages, "message")}, ${count(usage.bytes, "byte")} and `
  return `${entryName(metadata)}: ${whyEvicted(event)}. Zeroed after ${used}${seconds(Duration.toMillis(age))}.`
}

/** Why the cache holds nothing. */
export const explainEmpty = ({ capacity, maxBytes, maxMessages }: Policy): string => {
  if (capacity === 0) return "Nothing is kept at a capacity of 0: every message needs a call to KMS."
  if (maxMessages === 1) {
    return "A key for one message is used up by that message, so none is kept to encrypt with: every message needs a call to KMS."
  }
  if (maxBytes === 0) return "A key for 0 bytes serves no message but an empty one: every other needs a call to KMS."
  return "Empty. The next message needs a call to KMS."
}
