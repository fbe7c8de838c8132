/**
 * Single flight with reservations: which requests share one fetch, and what of its data key they have reserved.
 *
 * Plain state and its transitions. Nothing here calls a cache, a clock, a key provider or a listener: the callers do
 * that.
 *
 * A flight begins open, which means that newcomers may join it. It is closed to newcomers when another flight takes its
 * key, when it is invalidated, when it fails, and when its entry is in the cache. It is settled once its fetch has
 * succeeded, failed or been abandoned. An open flight that is settled is one whose entry is on its way into the cache.
 */
import type { Usage } from "../../model/Receipt.ts"
import { exceeded, type Limits } from "./limits.ts"
import { minus, noUsage, plus } from "./usage.ts"

/** A request that waits for a flight. */
export interface Waiter {
  /** Its reservation of the flight's data key. */
  readonly charge: Usage
  /** Whether the flight was opened for it. */
  readonly leader: boolean
}

/** One fetch of materials. */
interface Fetch {
  /** The key under which its entry will be stored. */
  readonly key: string
  readonly trigger: "request" | "refresh"
  /** Whether it ends with its last waiter: a fetch for a request always, a refresh from its deadline on. */
  needsWaiters: boolean
  /** The sum of what its waiters have reserved. */
  reserved: Usage
  settled: boolean
}

/** One fetch of materials, and the requests that wait for it. */
export interface Flight<W extends Waiter> extends Fetch {
  readonly waiters: Set<W>
}

/** The flights of one manager. */
export interface Flights<F> {
  /** The flights that accept newcomers, at most one for each key. */
  readonly open: Map<string, F>
  readonly unsettled: Set<F>
}

/** No flights. */
export const make = <F>(): Flights<F> => ({ open: new Map(), unsettled: new Set() })

/** A flight without waiters. */
export const unreserved = <W extends Waiter>(key: string, trigger: Fetch["trigger"]): Flight<W> => ({
  key,
  trigger,
  needsWaiters: trigger === "request",
  waiters: new Set(),
  reserved: noUsage,
  settled: false
})

/** Opens a flight. The open one of the same key is closed to newcomers, and goes on for those who wait for it. */
export const open = <F extends Fetch>(flights: Flights<F>, flight: F): void => {
  flights.open.delete(flight.key)
  flights.open.set(flight.key, flight)
  flights.unsettled.add(flight)
}

/** Whether a flight accepts newcomers. */
export const isOpen = <F extends Fetch>(flights: Flights<F>, flight: F): boolean =>
  flights.open.get(flight.key) === flight

/** Closes a flight to newcomers. */
export const close = <F extends Fetch>(flights: Flights<F>, flight: F): void => {
  if (isOpen(flights, flight)) flights.open.delete(flight.key)
}

/** Whether a request fits beside what is reserved already. */
export const fits = (flight: Fetch, charge: Usage, limits: Limits): boolean =>
  exceeded(plus(flight.reserved, charge), limits) === undefined

/** Adds a waiter, with its reservation. */
export const reserve = <W extends Waiter>(flight: Flight<W>, waiter: W): void => {
  flight.reserved = plus(flight.reserved, waiter.charge)
  flight.waiters.add(waiter)
}

/**
 * Takes a waiter out, while the fetch is unsettled: its reservation returns. Returns whether the flight is to be abandoned,
 * since it was the last one.
 */
export const leave = <W extends Waiter>(flight: Flight<W>, waiter: W): boolean => {
  if (flight.settled || !flight.waiters.delete(waiter)) return false
  flight.reserved = minus(flight.reserved, waiter.charge)
  return flight.waiters.size === 0 && flight.needsWaiters
}

/** Settles a flight, which leaves it as open as it was. Returns false where it was settled before. */
export const settle = <F extends Fetch>(flights: Flights<F>, flight: F): boolean => {
  if (flight.settled) return false
  flight.settled = true
  flights.unsettled.delete(flight)
  return true
}

/** Settles a flight without materials: it cannot be joined any more. Returns false where it was settled before. */
export const fail = <F extends Fetch>(flights: Flights<F>, flight: F): boolean => {
  if (flight.settled) return false
  close(flights, flight)
  return settle(flights, flight)
}

/** The waiters in the order of their admission, each with what the data key has been charged by then. */
export const inTurn = <W extends Waiter>(
  flight: Flight<W>
): ReadonlyArray<{ readonly waiter: W; readonly usage: Usage }> => {
  let usage = noUsage
  return Array.from(flight.waiters, (waiter) => {
    usage = plus(usage, waiter.charge)
    return { waiter, usage }
  })
}
