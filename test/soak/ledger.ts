/**
 * What became of every data key: when it was born, and what it was used for since. It knows nothing of caches, and decides
 * by the bytes that are handed out.
 */
import { Duration } from "effect"
import { DataKey, type EncryptedDataKey, type Receipt } from "effect-encryption-sdk"
import * as checks from "./checks.ts"
import type { Purpose, Tenant } from "./traffic.ts"

/** What the policy of the run says, written down a second time. Undefined: nothing is cached. */
export const limits: Readonly<
  Record<
    Purpose,
    { readonly maxAgeMillis: number; readonly maxMessages: number; readonly maxBytes: number } | undefined
  >
> = {
  orders: { maxAgeMillis: 600_000, maxMessages: 100, maxBytes: 40_000 },
  sessions: { maxAgeMillis: 600_000, maxMessages: 100, maxBytes: 40_000 },
  secrets: { maxAgeMillis: 60_000, maxMessages: 10, maxBytes: 180 },
  audit: undefined
}

/** After so long nobody can be handed a data key any more. */
const forgottenAfterMillis = 1_200_000

/** Messages that are decrypted again are drawn from so many. */
const remembered = 1500

interface Issued {
  readonly tenant: string
  readonly bornAt: number
  /** It was fetched for one request, past the cache. */
  alone: boolean
  messages: number
  bytes: number
}

/** A message that was encrypted, as far as decrypting it needs. */
export interface Message {
  readonly tenant: Tenant
  readonly encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
  readonly dataKey: string
}

/** The first bytes of a data key stand for all of it. */
export const identityOf = (dataKey: Uint8Array): string =>
  Buffer.from(dataKey.buffer, dataKey.byteOffset, 16).toString("latin1")

export const identityOfKey = ({ plaintextDataKey }: { readonly plaintextDataKey: DataKey.DataKey }): string =>
  identityOf(DataKey.value(plaintextDataKey))

const names = {
  messages: "no data key encrypted more messages than its limit",
  bytes: "no data key encrypted more bytes than its limit",
  age: "no data key was handed out at its maximum age or later",
  known: "every data key that was handed out came from the manager below",
  tenant: "every data key served one encryption context",
  alone: "what was fetched past the cache served one request",
  rightKey: "every message was decrypted with the data key that it was encrypted with",
  receipts: "receipts told the age, and no fewer uses than there were"
}

/** A request to encrypt; `place`, from 0 to 1, decides whose place its message takes. */
interface EncryptRequest {
  readonly tenant: Tenant
  readonly length: number | undefined
  readonly place: number
}

type EncryptResponse = Pick<Message, "encryptedDataKeys"> & { readonly context: Readonly<Record<string, string>> }

export const make = (now: () => number) => {
  const { check, results } = checks.make(names)
  const encryption = new Map<string, Issued>()
  /** When the same data key was unwrapped. */
  const decryption = new Map<string, Array<number>>()
  const messages: Array<Message> = []

  return {
    results,
    /** A message that was encrypted some time ago, by a number from 0 to 1: recent ones have the low numbers. */
    message: (draw: number): Message | undefined => messages[Math.floor(messages.length * draw)],
    generated: (identity: string, tenant: string): void => {
      check("known", !encryption.has(identity), () => `the same data key was generated again, for ${tenant}`)
      encryption.set(identity, { tenant, bornAt: now(), alone: false, messages: 0, bytes: 0 })
    },
    unwrapped: (identity: string): void => {
      const births = decryption.get(identity)
      if (births === undefined) decryption.set(identity, [now()])
      else births.push(now())
    },
    /** A data key was handed out to encrypt. */
    encrypted: (
      identity: string,
      request: EncryptRequest,
      response: EncryptResponse,
      receipt: Receipt.Receipt
    ): void => {
      const { tenant } = request
      const issued = encryption.get(identity)
      check("known", issued !== undefined, () => `for ${tenant.encryptionContext["tenant"]}: ${receipt._tag}`)
      if (issued === undefined) return
      charge(check, issued, request, response, receipt)
      const message = { tenant, encryptedDataKeys: response.encryptedDataKeys, dataKey: identity }
      if (messages.length < remembered) messages.push(message)
      else messages[Math.floor(request.place * remembered)] = message
      if (!issued.alone) checkLimits(check, issued, tenant, now() - issued.bornAt, receipt)
    },
    decrypted: (identity: string, message: Message, receipt: Receipt.Receipt): void => {
      const { tenant } = message.tenant.encryptionContext
      check("rightKey", identity === message.dataKey, () => `for ${tenant}`)
      const births = decryption.get(identity)
      check("known", births !== undefined, () => `to decrypt for ${tenant}: ${receipt._tag}`)
      const bounds = limits[message.tenant.purpose]
      if (births === undefined || bounds === undefined) return
      const age = ageOf(receipt)
      check("age", age < bounds.maxAgeMillis, () => `${age} ms of ${bounds.maxAgeMillis}, to decrypt for ${tenant}`)
      check("receipts", births.includes(now() - age), () => `the data key was not unwrapped ${age} ms ago`)
    },
    /** Drops what cannot be handed out any more. Should it be all the same, it is unknown. */
    forget: (): void => {
      const before = now() - forgottenAfterMillis
      for (const [identity, { bornAt }] of encryption) if (bornAt < before) encryption.delete(identity)
      for (const [identity, births] of decryption) {
        const recent = births.filter((bornAt) => bornAt >= before)
        if (recent.length === 0) decryption.delete(identity)
        else decryption.set(identity, recent)
      }
    }
  }
}

type Check = (id: keyof typeof names, holds: boolean, describe: () => string) => void

/** Enters one use of a data key. */
const charge = (
  check: Check,
  issued: Issued,
  { length = 0, tenant: { encryptionContext: { tenant } } }: EncryptRequest,
  { context }: EncryptResponse,
  receipt: Receipt.Receipt
): void => {
  issued.messages++
  issued.bytes += length
  check(
    "tenant",
    issued.tenant === tenant && context["tenant"] === tenant,
    () => `the data key of ${issued.tenant} was handed out to ${tenant}`
  )
  if (receipt._tag === "Bypassed") issued.alone = true
  check("alone", !issued.alone || issued.messages === 1, () => `it served ${issued.messages} requests`)
}

const checkLimits = (
  check: Check,
  { bytes, messages }: Issued,
  { encryptionContext: { tenant }, purpose }: Tenant,
  age: number,
  receipt: Receipt.Receipt
): void => {
  const bounds = limits[purpose]
  if (bounds === undefined) return
  const { maxAgeMillis, maxBytes, maxMessages } = bounds
  check("messages", messages <= maxMessages, () => `${messages} of ${maxMessages}, for ${tenant}`)
  check("bytes", bytes <= maxBytes, () => `${bytes} of ${maxBytes}, for ${tenant}`)
  check("age", age < maxAgeMillis, () => `${age} ms of ${maxAgeMillis}, to encrypt for ${tenant}`)
  if (!("usage" in receipt)) return
  const { usage } = receipt
  check(
    "receipts",
    ageOf(receipt) === age && usage.messages >= messages && usage.bytes >= bytes,
    () => `${ageOf(receipt)} ms and ${usage.messages} messages, it was ${age} ms and ${messages}`
  )
}

const ageOf = (receipt: Receipt.Receipt): number => receipt._tag === "Hit" ? Duration.toMillis(receipt.age) : 0
