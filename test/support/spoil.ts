import { Redacted } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"

/**
 * Changes all that can be changed of a value that was handed out: bytes, lists, fields. Keys and suites stay: the first are given
 * to be used, the second are the same for all.
 */
export const spoil = (value: unknown, seen = new Set<unknown>()): void => {
  if (typeof value !== "object" || value === null || seen.has(value)) return
  seen.add(value)
  if (Redacted.isRedacted(value) || AlgorithmSuite.isAlgorithmSuite(value)) return
  if (value instanceof Uint8Array) {
    value.fill(0xee)
    return
  }
  for (const part of Object.values(value)) spoil(part, seen)
  if (Object.isFrozen(value)) return
  if (Array.isArray(value)) {
    value.reverse()
    value.push(value[0])
    return
  }
  for (const key of Object.keys(value)) Reflect.set(value, key, "spoiled")
  Reflect.set(value, "spoiled", "spoiled")
}
