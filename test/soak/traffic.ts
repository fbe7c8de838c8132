/**
 * What comes in during a simulated day: when, under which context, how long. Everything is drawn from one seed, so that a
 * run can be repeated.
 */
import type { EncryptionContext } from "effect-encryption-sdk"

/** A generator of numbers from 0 to 1, 1 excluded (mulberry32). */
export const random = (seed: number) => {
  let state = seed | 0
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export type Random = ReturnType<typeof random>

/** How many requests come in each second, at a share of the day that has passed: the evening has nine times the night's. */
export const diurnal = (average: number, share: number): number => average * (1 - 0.8 * Math.cos(2 * Math.PI * share))

export const purposes = ["orders", "sessions", "secrets", "audit"] as const

/** What a context is for decides how it is cached. */
export type Purpose = typeof purposes[number]

export interface Tenant {
  readonly purpose: Purpose
  /** One object that all requests of the tenant share, as they do in programs that keep it. */
  readonly encryptionContext: EncryptionContext.EncryptionContext
}

/** One tenant in 50 has audit records, which are never cached, and one in eight has secrets, with stricter thresholds. */
export const tenants = (count: number): ReadonlyArray<Tenant> =>
  Array.from({ length: count }, (_, index) => {
    const purpose = index % 50 === 49 ? "audit" : index % 8 === 1 ? "secrets" : index % 2 === 0 ? "orders" : "sessions"
    return { purpose, encryptionContext: { tenant: `tenant-${index}`, purpose } }
  })

/** Draws a tenant by a Zipf distribution: the n-th is asked for 1/n^1.1 times as often as the first. */
export const popularity = (tenants: ReadonlyArray<Tenant>, draw: Random) => {
  const cumulative = new Float64Array(tenants.length)
  let sum = 0
  for (let index = 0; index < tenants.length; index++) cumulative[index] = sum += (index + 1) ** -1.1
  return (): Tenant => {
    const wanted = draw() * sum
    let low = 0
    let high = tenants.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (cumulative[middle]! > wanted) high = middle
      else low = middle + 1
    }
    return tenants[low]!
  }
}

/** A length in bytes: mostly small, at times zero or unknown, and rarely more than a data key may encrypt. */
export const length = (draw: Random, purpose: Purpose): number | undefined => {
  const kind = draw()
  if (kind < 0.01) return undefined
  if (kind < 0.012) return 200_000
  if (kind < 0.05) return 0
  return Math.floor(purpose === "secrets" ? 4 + 33 * draw() : 20 * 100 ** draw())
}
