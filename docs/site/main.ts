/**
 * The example page: the real client over a caching manager, a local cache and the embedded KMS, on WebCrypto. What the page
 * shows is what the library says of itself: receipts, eviction events, the usage of entries, the header of the message.
 */
import { Clock, Duration, Effect, Exit, Layer, ManagedRuntime, Scope } from "effect"
import {
  AlgorithmSuite,
  CryptographicMaterialsManager,
  DefaultCmm,
  EncryptedDataKey,
  EncryptionSdk,
  type Receipt
} from "effect-encryption-sdk"
import { CacheEntry, CachingCmm, LocalCache, MaterialsCache } from "effect-encryption-sdk/caching"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { WebPrimitives } from "effect-encryption-sdk/web"

const element = (id: string) => document.getElementById(id)!
const input = (id: string) => element(id) as HTMLInputElement

/** A clock that can be set forward; it never goes back. */
let aheadMillis = 0
const clock = (live: Clock.Clock): Clock.Clock => {
  const millis = () => live.currentTimeMillisUnsafe() + aheadMillis
  const nanos = () => live.currentTimeNanosUnsafe() + BigInt(aheadMillis) * 1_000_000n
  const monotonic = () => live.monotonicTimeNanosUnsafe() + BigInt(aheadMillis) * 1_000_000n
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: monotonic,
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep: (duration) => live.sleep(duration)
  }
}

const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

const tally = { messages: 0, calls: 0 }
const countedKms = Layer.effect(
  Kms.Kms,
  Effect.map(Kms.Kms, (kms) => {
    const count = <A, E>(call: Effect.Effect<A, E>) => Effect.suspend(() => (tally.calls++, call))
    return {
      generateDataKey: (request) => count(kms.generateDataKey(request)),
      encrypt: (request) => count(kms.encrypt(request)),
      decrypt: (request) => count(kms.decrypt(request))
    }
  })
)

const runtime = ManagedRuntime.make(
  countedKms.pipe(
    Layer.provide(EmbeddedKms.layer({ keys: [{ arn }] })),
    Layer.provideMerge(WebPrimitives.layer),
    Layer.provideMerge(Layer.effect(Clock.Clock, Effect.map(Clock.Clock, clock)))
  )
)

interface Shown {
  readonly entry: CacheEntry.CacheEntry
  readonly bornAt: number
  readonly policy: Policy
}
interface Policy {
  readonly capacity: number
  readonly age: number
  readonly maxMessages: number
  readonly maxBytes: number
}

const shown = new Map<string, Shown>()
const now = () => performance.now() + aheadMillis

const readPolicy = (): Policy => ({
  capacity: Number(input("capacity").value),
  age: Number(input("age").value),
  maxMessages: Number(input("maxMessages").value),
  maxBytes: Number(input("maxBytes").value)
})

const log = (kind: string, text: string) => {
  const item = document.createElement("li")
  const label = document.createElement("b")
  label.textContent = kind.toLowerCase()
  item.className = kind
  item.append(label, text)
  element("log").prepend(item)
  while (element("log").children.length > 60) element("log").lastChild!.remove()
}

const tenantOf = ({ encryptionContext }: CacheEntry.EntryFacts) => encryptionContext["tenant"] ?? "nobody"
const seconds = (millis: number) => `${(millis / 1000).toFixed(0)} s`

/** A client over a new cache under this policy, which lives until the scope is closed. */
const start = Effect.fn(function*(policy: Policy) {
  const local = yield* LocalCache.make({
    capacity: policy.capacity,
    sweepInterval: "1 second",
    onEviction: ({ age, cause, facts, usage }) => {
      shown.delete(facts.key)
      const used = `after ${usage.messages} messages, ${usage.bytes} bytes and ${seconds(Duration.toMillis(age))}`
      log("evicted", `${tenantOf(facts)}'s ${facts.operation} key, by ${cause}: zeroed ${used}`)
    }
  })
  const cache = MaterialsCache.make({
    stores: local.stores,
    get: (key) => local.get(key),
    put: (entry) =>
      Effect.andThen(
        Effect.sync(() => shown.set(entry.facts.key, { entry, bornAt: now(), policy })),
        local.put(entry)
      ),
    delete: (entry, cause) => local.delete(entry, cause),
    deleteWhere: (predicate, cause) => local.deleteWhere(predicate, cause),
    clear: local.clear,
    size: local.size
  })
  const manager = yield* CachingCmm.make({
    cache,
    materialsManager: yield* DefaultCmm.make(yield* KmsKeyring.make({ generatorKeyId: arn })),
    policy: {
      maxAge: Duration.seconds(policy.age),
      maxMessagesEncrypted: policy.maxMessages,
      maxBytesEncrypted: policy.maxBytes
    }
  })
  return yield* EncryptionSdk.make().pipe(Effect.provideService(CryptographicMaterialsManager.Service, manager))
})

let open: { readonly scope: Scope.Closeable; readonly sdk: EncryptionSdk.EncryptionSdk["Service"] } | undefined

const restart = () =>
  runtime.runPromise(Effect.gen(function*() {
    if (open !== undefined) yield* Scope.close(open.scope, Exit.void)
    const scope = yield* Scope.make()
    open = { scope, sdk: yield* Scope.provide(start(readPolicy()), scope) }
  }))

const explain = (receipt: Receipt.Receipt): string => {
  switch (receipt._tag) {
    case "Miss":
      return "asked KMS for a new data key"
    case "Joined":
      return "shared the KMS call of another request"
    case "Hit":
      return `a cached key, ${
        seconds(Duration.toMillis(receipt.age))
      } old, charged ${receipt.usage.messages} messages and ${receipt.usage.bytes} bytes`
    case "Bypassed":
      return `went past the cache: ${receipt.reason}`
    case "Uncached":
      return "no cache"
  }
}

interface Field {
  readonly name: string
  readonly length: number
  readonly content: string
}

const toHex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
const utf8 = (text: string) => new TextEncoder().encode(text).length

/** The fields of a message of format 2, by the lengths that its header tells. */
const fieldsOf = ({ algorithmSuite, header, message }: EncryptionSdk.EncryptResult): ReadonlyArray<Field> => {
  const fields: Array<Field> = [
    { name: "Version", length: 1, content: "2" },
    {
      name: "Algorithm suite",
      length: 2,
      content: `0x${algorithmSuite.id.toString(16).padStart(4, "0")} ${algorithmSuite.name}`
    },
    { name: "Message ID, also the salt of the key derivation", length: 32, content: toHex(header.messageId) }
  ]
  const pairs = Object.entries(header.encryptionContext)
  const contextLength = pairs.length === 0
    ? 0
    : pairs.reduce((length, [key, value]) => length + 4 + utf8(key) + utf8(value), 2)
  fields.push({ name: "Length of the encryption context", length: 2, content: String(contextLength) })
  if (contextLength > 0) {
    fields.push({
      name: "Encryption context",
      length: contextLength,
      content: pairs.map(([key, value]) => `${key} = ${value}`).join(", ")
    })
  }
  fields.push({ name: "Number of encrypted data keys", length: 2, content: String(header.encryptedDataKeys.length) })
  for (const { ciphertext, keyProviderId, keyProviderInfo } of header.encryptedDataKeys) {
    fields.push(
      { name: "Key provider", length: 2 + utf8(keyProviderId), content: keyProviderId },
      {
        name: "Key provider information",
        length: 2 + keyProviderInfo.length,
        content: EncryptedDataKey.printableInfo(keyProviderInfo)
      },
      { name: "Encrypted data key", length: 2 + ciphertext.length, content: toHex(ciphertext) }
    )
  }
  fields.push(
    { name: "Content type", length: 1, content: header.contentType },
    { name: "Frame length", length: 4, content: `${header.frameLength} bytes` },
    { name: "Commitment to the data key", length: header.suiteData.length, content: toHex(header.suiteData) },
    { name: "Header's authentication tag", length: 16, content: toHex(header.authentication.tag) }
  )
  const headerLength = fields.reduce((length, field) => length + field.length, 0)
  const signature = algorithmSuite.signature === undefined ? 0 : 2 + algorithmSuite.signature.signatureLength
  fields.push({
    name: "Body: the encrypted frames",
    length: message.length - headerLength - signature,
    content: toHex(message.subarray(headerLength, message.length - signature))
  })
  if (signature > 0) {
    fields.push({
      name: "Footer: the signature",
      length: signature,
      content: toHex(message.subarray(message.length - signature))
    })
  }
  return fields
}

const takeApart = (result: EncryptionSdk.EncryptResult) => {
  const fields = fieldsOf(result)
  element("summary").textContent = `${result.message.length} bytes in ${fields.length} fields.`
  const hex: Array<Node> = []
  const rows: Array<Node> = []
  let offset = 0
  for (const [index, { content, length, name }] of fields.entries()) {
    const hue = String((index * 47 + 210) % 360)
    const span = document.createElement("span")
    span.style.setProperty("--hue", hue)
    span.title = name
    span.textContent = toHex(result.message.subarray(offset, offset + length))
    hex.push(span)
    const row = document.createElement("tr")
    const title = document.createElement("td")
    const swatch = document.createElement("i")
    swatch.style.setProperty("--hue", hue)
    title.append(swatch, name)
    row.append(
      title,
      ...[String(offset), String(length), content].map((text) => {
        const cell = document.createElement("td")
        cell.textContent = text
        return cell
      })
    )
    rows.push(row)
    offset += length
  }
  element("hex").replaceChildren(...hex)
  element("fields").replaceChildren(...rows)
}

const meter = (label: string, value: number, max: number, text: string) => {
  const row = document.createElement("div")
  const bar = document.createElement("meter")
  const [name, figure] = [document.createElement("span"), document.createElement("span")]
  row.className = "meter"
  name.textContent = label
  figure.textContent = text
  bar.max = Math.max(max, 1)
  bar.high = bar.max * 0.8
  bar.value = Math.min(value, bar.max)
  bar.setAttribute("aria-label", label)
  row.append(name, bar, figure)
  return row
}

const draw = () => {
  element("messages").textContent = String(tally.messages)
  element("calls").textContent = String(tally.calls)
  element("saved").textContent = String(Math.max(0, tally.messages - tally.calls))
  const items = [...shown.values()].map(({ bornAt, entry, policy }) => {
    const item = document.createElement("li")
    const title = document.createElement("strong")
    const key = document.createElement("span")
    title.textContent = `${tenantOf(entry.facts)}, to ${entry.facts.operation}`
    key.textContent = entry.facts.key.slice(0, 10)
    title.append(key)
    item.append(title)
    const age = now() - bornAt
    item.append(meter("Age", age / 1000, policy.age, `${seconds(age)} of ${policy.age} s`))
    if (entry.facts.operation === "encrypt") {
      const { bytes, messages } = Effect.runSync(CacheEntry.usage(entry))
      item.append(
        meter("Messages", messages, policy.maxMessages, `${messages} of ${policy.maxMessages}`),
        meter("Bytes", Number(bytes), policy.maxBytes, `${bytes} of ${policy.maxBytes}`)
      )
    }
    return item
  })
  if (items.length === 0) {
    const none = document.createElement("li")
    none.className = "none"
    none.textContent = "Empty. The next message needs a call to KMS."
    items.push(none)
  }
  element("entries").replaceChildren(...items)
}

const say = (text: string) => {
  element("status").textContent = text
}

let last: EncryptionSdk.EncryptResult | undefined

const encrypt = async () => {
  const text = input("text").value
  const algorithmSuite = input("sign").checked
    ? AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
    : AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
  const tenant = (element("tenant") as HTMLSelectElement).value
  last = await runtime.runPromise(open!.sdk.encrypt(text, { algorithmSuite, encryptionContext: { tenant } }))
  tally.messages++
  const told = explain(last.receipt)
  log(last.receipt._tag, `encrypted for ${tenant}: ${told}`)
  say(`${last.receipt._tag}: encrypted for ${tenant}, ${told}.`)
  takeApart(last)
}

const decrypt = async () => {
  if (last === undefined) return say("Encrypt something first.")
  const { plaintext, receipt } = await runtime.runPromise(open!.sdk.decrypt(last.message))
  tally.messages++
  log(receipt._tag, `decrypted: ${receipt._tag === "Miss" ? "asked KMS to unwrap the data key" : explain(receipt)}`)
  say(`${receipt._tag}: decrypted to “${new TextDecoder().decode(plaintext)}”.`)
}

/** One thing at a time, in the order in which it was asked for. */
let queue: Promise<unknown> = Promise.resolve()
const act = (action: () => Promise<unknown>) => {
  queue = queue.then(action).catch((error: unknown) => say(String(error))).then(draw)
}

element("form").addEventListener("submit", (event) => {
  event.preventDefault()
  act(encrypt)
})
element("decrypt").addEventListener("click", () => act(decrypt))
for (const button of document.querySelectorAll<HTMLButtonElement>(".ahead")) {
  button.addEventListener("click", () => {
    aheadMillis += 1000 * Number(button.dataset["seconds"])
    say(
      `The clock is ${button.textContent}. Entries that are too old go with the next sweep, or when they are asked for.`
    )
    draw()
  })
}
const units: Readonly<Record<string, string>> = { capacity: "entries", age: "seconds", maxMessages: "", maxBytes: "" }
const label = () => {
  for (const [id, unit] of Object.entries(units)) {
    const text = `${input(id).value} ${unit}`.trim()
    document.querySelector(`output[for="${id}"]`)!.textContent = text
    input(id).setAttribute("aria-valuetext", text)
  }
}
element("policy").addEventListener("input", label)
element("policy").addEventListener("change", () => act(restart))

label()
act(restart)
setInterval(draw, 500)
