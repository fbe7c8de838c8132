/**
 * The example page. What it shows is what the library says of itself: receipts, eviction events, the usage of entries, the
 * header of the message. Here: what the controls do.
 */
import type { EncryptionSdk, Receipt } from "effect-encryption-sdk"
import { fieldsOf, lastByteOfBody } from "./anatomy.ts"
import { draw, log, showEviction } from "./cacheView.ts"
import * as client from "./client.ts"
import { element, input, setText } from "./dom.ts"
import { markChanged, showMessage } from "./messageView.ts"
import { count, cut, explain, keyName } from "./sentences.ts"

const say = (text: string) => {
  element("status").textContent = text
}

let last: EncryptionSdk.EncryptResult | undefined

const requestOf = () =>
  [input("text").value, (element("tenant") as HTMLSelectElement).value, input("sign").checked] as const

const encryptOne = async (request: ReturnType<typeof requestOf>) => {
  const began = performance.now()
  const result = await client.encrypt(...request)
  last = result
  const key = keyName(result.header.encryptionContext, result.header.encryptedDataKeys)
  const told = `Encrypted with the key ${key}: ${explain(result.receipt, "encrypt")}`
  log(result.receipt._tag, `${told}.`)
  return { result, told: `${told} (${Math.ceil(performance.now() - began)} ms).` }
}

const encrypt = async () => {
  const { result, told } = await encryptOne(requestOf())
  say(told)
  showMessage(fieldsOf(result))
}

const words: Readonly<Record<Receipt.Receipt["_tag"], string>> = {
  Miss: "asked KMS",
  Unoffered: "asked KMS for a key that no other request may use",
  Joined: "shared that answer",
  Hit: "used a cached key",
  Bypassed: "went past the cache to KMS",
  Uncached: "had no cache"
}

const report = (results: ReadonlyArray<EncryptionSdk.EncryptResult>, how: string) => {
  const tags = new Map<Receipt.Receipt["_tag"], number>()
  for (const { receipt } of results) tags.set(receipt._tag, (tags.get(receipt._tag) ?? 0) + 1)
  say(`${count(results.length, "message")}, ${how}: ${[...tags].map(([tag, n]) => `${n} ${words[tag]}`).join(", ")}.`)
  showMessage(fieldsOf(results.at(-1)!))
}

const tenInARow = async () => {
  const request = requestOf()
  const results = []
  for (let index = 0; index < 10; index++) results.push((await encryptOne(request)).result)
  report(results, "one after another")
}

const fiveAtOnce = async () => {
  const request = requestOf()
  await client.forget(request[1])
  const results = await Promise.all(Array.from({ length: 5 }, () => encryptOne(request)))
  report(results.map(({ result }) => result), "at once, on a cold cache")
}

const decrypt = async () => {
  if (last === undefined) return say("Encrypt something first.")
  const decrypted = await client.decrypt(last.message)
  if (client.isRefused(decrypted)) return say(`Refused: ${decrypted.failure.message}.`)
  const { encryptionContext, header, plaintext, receipt } = decrypted.success
  const told = explain(receipt, "decrypt")
  log(receipt._tag, `Decrypted with the key ${keyName(encryptionContext, header.encryptedDataKeys)}: ${told}.`)
  say(`Decrypted to “${cut(new TextDecoder().decode(plaintext))}”: ${told}.`)
}

const decryptChanged = async () => {
  if (last === undefined) return say("Encrypt something first.")
  const fields = fieldsOf(last)
  const position = lastByteOfBody(fields)
  const changed = last.message.slice()
  changed[position]! ^= 1
  const decrypted = await client.decrypt(changed)
  showMessage(fieldsOf({ ...last, message: changed }))
  markChanged(position)
  if (!client.isRefused(decrypted)) throw new Error("a changed message was decrypted")
  const { message, reason } = decrypted.failure
  log("refused", `${reason._tag} after one bit of byte ${position} was flipped.`)
  say(`${reason._tag}: one bit of byte ${position} was flipped, and nothing was decrypted (“${message}”).`)
}

const readPolicy = (): client.Policy => ({
  capacity: Number(input("capacity").value),
  age: Number(input("age").value),
  maxMessages: Number(input("maxMessages").value),
  maxBytes: Number(input("maxBytes").value)
})

/** Starts a new cache where the sliders stand elsewhere than when the old one was started. */
const applyPolicy = async () => {
  const [before, after] = [client.policyInUse(), readPolicy()]
  if (before !== undefined && JSON.stringify(before) === JSON.stringify(after)) return
  const size = client.entries.size
  await client.restart(after, showEviction)
  if (before === undefined) return
  const evicted = size === 0
    ? "the cache held no entry"
    : `${size} ${size === 1 ? "entry" : "entries"} evicted and zeroed`
  say(`New policy: ${evicted}.`)
}

/** One thing at a time, in the order in which it was asked for, each under the policy that the sliders show. */
let queue: Promise<unknown> = Promise.resolve()
const act = (action: () => Promise<unknown> | void) => {
  queue = queue.then(applyPolicy).then(action).catch((error: unknown) => say(String(error))).then(draw)
}

element("form").addEventListener("submit", (event) => {
  event.preventDefault()
  act(encrypt)
})
element("ten").addEventListener("click", () => act(tenInARow))
element("five").addEventListener("click", () => act(fiveAtOnce))
element("decrypt").addEventListener("click", () => act(decrypt))
element("flip").addEventListener("click", () => act(decryptChanged))
for (const button of document.querySelectorAll<HTMLButtonElement>(".ahead")) {
  button.addEventListener("click", () => {
    client.setAhead(Number(button.dataset["seconds"]))
    say(
      `The clock is ${button.textContent}. Entries that are too old go with the next sweep, or when they are asked for.`
    )
    draw()
  })
}

const units: Readonly<Record<string, string>> = { capacity: "entries", age: "seconds", maxMessages: "", maxBytes: "" }
const label = (slider: HTMLInputElement) => {
  const text = `${slider.value} ${units[slider.id]}`.trim()
  setText(slider.previousElementSibling!, text)
  slider.setAttribute("aria-valuetext", text)
}
for (const id of Object.keys(units)) label(input(id))

let pause: ReturnType<typeof setTimeout> | undefined
element("policy").addEventListener("input", (event) => {
  label(event.target as HTMLInputElement)
  clearTimeout(pause)
  pause = setTimeout(() => act(() => {}), 400)
})
element("policy").addEventListener("submit", (event) => event.preventDefault())

act(() => {})
setInterval(draw, 500)
