/**
 * The calls of KMS that a fleet makes in a day, in closed form, for traffic that is steady: requests come at random, each context as
 * often as any other, half of them encrypt, and half decrypt what was written in the last day.
 */

/** A fleet and its traffic. */
export interface Fleet {
  readonly processes: number
  readonly contexts: number
  /** Operations of each process in a second. */
  readonly operationsPerSecond: number
  /** Seconds that a data key or a branch key stays in a cache. */
  readonly maxAge: number
}

export const secondsOfDay = 86_400

/**
 * Calls in a day for keys that each are used `rate` times a second in one cache: a call, then `maxAge` seconds without one, then the
 * time until the next use.
 */
const callsOf = (keys: number, rate: number, maxAge: number): number => keys * secondsOfDay / (maxAge + 1 / rate)

/** Operations of a day, one half of which encrypt. */
export const operations = ({ operationsPerSecond, processes }: Fleet): number =>
  processes * operationsPerSecond * secondsOfDay

/** No cache: a call for each operation. */
export const withoutCache = operations

/** A caching CMM in `owners` processes for each context: in all of them, or in the one that the context is routed to. */
const cachedDataKeys = (fleet: Fleet, owners: number): number => {
  const { contexts, maxAge, operationsPerSecond, processes } = fleet
  const half = processes * operationsPerSecond / 2
  const caches = contexts * owners
  // Each of them writes under a data key of its own.
  const generated = callsOf(caches, half / caches, maxAge)
  // A reader meets the data keys of a day, of its context where contexts are routed.
  const met = generated * owners
  return generated + callsOf(met, half / met, maxAge)
}

/** A caching CMM in each process. */
export const localCaches = (fleet: Fleet): number => cachedDataKeys(fleet, fleet.processes)

/** The same, where all requests of a context go to one process. */
export const routed = (fleet: Fleet): number => cachedDataKeys(fleet, 1)

/** The hierarchical keyring with this many branch keys: the active version of each to write, its version to read. */
export const hierarchical = (fleet: Fleet, branchKeys: number): number => {
  const { maxAge, operationsPerSecond, processes } = fleet
  const caches = processes * branchKeys
  return 2 * callsOf(caches, processes * operationsPerSecond / 2 / caches, maxAge)
}
