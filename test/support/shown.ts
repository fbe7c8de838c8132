/** Everything that errors, logs and spans show, to look for secrets in. */
import { Exit, type Tracer } from "effect"

/** All that an object shows, of itself and of what it holds. */
export const shownOf = (value: unknown, seen = new Set<unknown>()): string => {
  if (typeof value === "function" || seen.has(value)) return ""
  if (typeof value !== "object" || value === null) return String(value)
  seen.add(value)
  const entries = Reflect.ownKeys(value).map((key) => {
    const descriptor = Object.getOwnPropertyDescriptor(value, key)
    return `${String(key)} ${shownOf(descriptor !== undefined && "value" in descriptor ? descriptor.value : "", seen)}`
  })
  return [value instanceof Error ? `${value.message} ${value.stack ?? ""}` : "", ...entries].join(" ")
}

/** What a tracer exports of a span. It keeps the value of a success besides, which is the caller's. */
export const exported = ({ annotations, attributes, events, links, name, status }: Tracer.NativeSpan) => ({
  name,
  attributes: [...attributes],
  events,
  links: links.map((link) => link.attributes),
  annotations,
  failure: status._tag === "Ended" && Exit.isFailure(status.exit) ? status.exit.cause : undefined
})
