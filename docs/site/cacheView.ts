/** The entries of the cache, each drawn once and then kept up to date, and the log. */
import type { CacheEntry } from "effect-encryption-sdk/caching"
import { entries, now, policyInUse, type Shown, tally, usageOf } from "./client.ts"
import { element, make, setText } from "./dom.ts"
import { entryName, explainEmpty, explainEviction, seconds, suiteName, whyEvicted } from "./sentences.ts"

export const log = (kind: string, text: string) => {
  const list = element("log")
  list.prepend(make("li", kind, make("b", "", kind.toLowerCase()), text))
  while (list.children.length > 60) list.lastChild!.remove()
}

const meter = (label: string) => {
  const bar = make("meter")
  const figure = make("span")
  bar.setAttribute("aria-label", label)
  const update = (value: number, max: number, text: string) => {
    bar.max = Math.max(max, 1)
    bar.high = bar.max * 0.8
    bar.value = Math.min(value, bar.max)
    setText(figure, text)
  }
  return { row: make("div", "meter", make("span", "", label), bar, figure), update }
}

interface Drawn {
  readonly item: HTMLElement
  readonly update: () => void
}

const drawn = new Map<CacheEntry.EntryMetadata, Drawn>()

const drawEntry = ({ bornAt, entry, policy }: Shown): Drawn => {
  const title = make(
    "strong",
    "",
    entryName(entry.metadata),
    make("span", "", suiteName(entry.metadata.algorithmSuite))
  )
  const [age, messages, bytes] = [meter("Age"), meter("Messages"), meter("Bytes")]
  const meters = entry.metadata.operation === "encrypt" ? [age, messages, bytes] : [age]
  return {
    item: make("li", "", title, ...meters.map(({ row }) => row)),
    update: () => {
      const old = now() - bornAt
      const used = usageOf(entry)
      age.update(old / 1000, policy.age, `${seconds(old)} of ${policy.age} s`)
      messages.update(used.messages, policy.maxMessages, `${used.messages} of ${policy.maxMessages}`)
      bytes.update(Number(used.bytes), policy.maxBytes, `${used.bytes} of ${policy.maxBytes}`)
    }
  }
}

/** An evicted entry stays for a moment, and says what became of it. */
export const showEviction = (event: CacheEntry.EvictionEvent) => {
  log("evicted", explainEviction(event))
  const item = drawn.get(event.metadata)?.item
  drawn.delete(event.metadata)
  if (item === undefined) return
  item.className = "zeroed"
  item.append(make("p", "", `${"00 ".repeat(8)}zeroed: ${whyEvicted(event)}`))
  setTimeout(() => item.remove(), 1500)
}

/** Brings the figures and the entries up to date. */
export const draw = () => {
  setText(element("messages"), String(tally.messages))
  setText(element("calls"), String(tally.calls))
  setText(element("saved"), String(Math.max(0, tally.messages - tally.calls)))
  for (const [metadata, shown] of entries) {
    if (!drawn.has(metadata)) {
      const made = drawEntry(shown)
      drawn.set(metadata, made)
      element("entries").append(made.item)
    }
    drawn.get(metadata)!.update()
  }
  const policy = policyInUse()
  element("none").hidden = entries.size > 0
  if (policy !== undefined) setText(element("none"), explainEmpty(policy))
}
