/** What a console shows of a value: that of Node in Node, and in a browser every own property, however deep and hidden. */
import { inBrowser } from "./TestPrimitives.ts"

type Inspect = (value: unknown, options?: {
  readonly depth?: number
  readonly showHidden?: boolean
  readonly showProxy?: boolean
  readonly getters?: boolean
  readonly maxArrayLength?: null
}) => string

const custom = Symbol.for("nodejs.util.inspect.custom")

const walk = (value: unknown, seen: Set<unknown>): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return String(value)
  if (seen.has(value)) return "[seen]"
  seen.add(value)
  const inspectable = value as { readonly [custom]?: unknown }
  if (typeof inspectable[custom] === "function") return walk((inspectable[custom] as () => unknown).call(value), seen)
  if (ArrayBuffer.isView(value)) {
    return `[${new Uint8Array(value.buffer, value.byteOffset, value.byteLength).join(",")}]`
  }
  const entries = value instanceof Map || value instanceof Set ? [...value].map((entry) => walk(entry, seen)) : []
  const own = Reflect.ownKeys(value).map((key) =>
    `${String(key)}: ${walk((value as Record<PropertyKey, unknown>)[key], seen)}`
  )
  return `${value.constructor?.name ?? ""} { ${[...entries, ...own].join(", ")} }`
}

const inBrowserInspect: Inspect = (value) => {
  const text = walk(value, new Set())
  return text.startsWith("\"") ? JSON.parse(text) as string : text
}

export const inspect: Inspect = inBrowser ? inBrowserInspect : (await import("node:util")).inspect
