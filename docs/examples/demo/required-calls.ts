/**
 * The KMS calls that thresholds require for an input, counted without running anything: an independent model of the
 * caching rules, which the run is compared with.
 *
 * The maximum age is not part of it, since it depends on the clock and not on the input. A run that is over before the
 * maximum age has passed makes exactly these calls. In a longer one, data keys expire and are fetched again, so that only
 * a lower bound holds.
 */

/** One record to be encrypted: under which encryption context, and how many bytes. */
export interface Request {
  /** Any text that is the same for equal contexts. */
  readonly context: string
  readonly length: number
}

/** Thresholds of a cache that an input can meet by itself. */
export interface Limits {
  readonly maxMessages: number
  readonly maxBytes: bigint
  /** The most entries that the cache keeps; the least recently used one makes room. 0 turns caching off. */
  readonly capacity: number
}

/** Calls, hits and evictions of a cache for an input, one record after the other. */
export interface Plan {
  /** Each one is a data key that is generated, or unwrapped. */
  readonly calls: number
  readonly hits: number
  /** Calls whose data key was offered to the cache. The other calls went past it. */
  readonly misses: number
  readonly evictions: { readonly messages: number; readonly bytes: number; readonly capacity: number }
  /** Number of each record's data key, in the order of the records: records with equal numbers share one. */
  readonly dataKeys: ReadonlyArray<number>
}

/**
 * Encryption. A data key serves one context, `maxMessages` messages and `maxBytes` bytes:
 *
 * - a message that is larger than `maxBytes` by itself goes past the cache, which it leaves as it is;
 * - a message that would take a data key over `maxBytes` evicts it and gets a new one;
 * - a data key that has served its last message is dropped at once.
 */
export const forEncryption = (requests: Iterable<Request>, limits: Limits): Plan => {
  const { capacity, maxBytes, maxMessages } = limits
  /** In the order of their last use. */
  const entries = new Map<string, { readonly dataKey: number; readonly messages: number; readonly bytes: bigint }>()
  const evictions = { messages: 0, bytes: 0, capacity: 0 }
  const dataKeys: Array<number> = []
  let calls = 0
  let hits = 0
  let misses = 0
  for (const { context, length } of requests) {
    const bytes = BigInt(length)
    if (capacity === 0 || bytes > maxBytes) {
      dataKeys.push(calls++)
      continue
    }
    const found = entries.get(context)
    entries.delete(context)
    const fits = found !== undefined && found.bytes + bytes <= maxBytes
    const used = fits
      ? { dataKey: found.dataKey, messages: found.messages + 1, bytes: found.bytes + bytes }
      : { dataKey: calls++, messages: 1, bytes }
    if (fits) hits++
    else misses++
    if (found !== undefined && !fits) evictions.bytes++
    dataKeys.push(used.dataKey)
    if (used.messages < maxMessages) {
      entries.set(context, used)
      if (dropLeastRecentlyUsed(entries, capacity)) evictions.capacity++
    } else if (fits) {
      evictions.messages++
    }
  }
  return { calls, hits, misses, evictions, dataKeys }
}

/** Decryption. A data key serves any number of messages, as long as it is in the cache. */
export const forDecryption = (dataKeys: Iterable<number>, capacity: number): Plan => {
  const entries = new Map<number, true>()
  const used: Array<number> = []
  const evictions = { messages: 0, bytes: 0, capacity: 0 }
  let hits = 0
  for (const dataKey of dataKeys) {
    used.push(dataKey)
    if (entries.delete(dataKey)) hits++
    entries.set(dataKey, true)
    if (dropLeastRecentlyUsed(entries, capacity) && capacity > 0) evictions.capacity++
  }
  const calls = used.length - hits
  return { calls, hits, misses: capacity === 0 ? 0 : calls, evictions, dataKeys: used }
}

const dropLeastRecentlyUsed = (entries: Map<unknown, unknown>, capacity: number): boolean =>
  entries.size > capacity && entries.delete(entries.keys().next().value)

/** Number of calls that a run must make. */
export interface Requirement {
  /** The calls of a run that no data key expires in; undefined where they depend on the order of responses. */
  readonly exactly: number | undefined
  /** The calls that no run can do without, however long it takes. */
  readonly atLeast: number
}

/** The calls that are required to encrypt the records, and then to decrypt them in the same order with an empty cache. */
export interface RequiredCalls {
  readonly encryption: Requirement
  readonly decryption: Requirement
}

/**
 * Calls that an input requires.
 *
 * Requests that run in parallel make the calls of the same requests one after another, since those that need the same data
 * key share one fetch. That cannot hold where a cache is too small for what is in use at once: then the order of
 * responses decides which entry makes room.
 *
 * With no lack of room, the records of a context are cut into runs that share a data key, each as long as the thresholds
 * allow, and there is no way to cut them into fewer. Expired and displaced data keys only add cuts. That is the lower bound.
 */
export const requiredCalls = (requests: ReadonlyArray<Request>, limits: Limits, parallel: number): RequiredCalls => {
  const roomy = limits.capacity === 0 ? 0 : Number.POSITIVE_INFINITY
  const encryption = forEncryption(requests, limits)
  const fewest = forEncryption(requests, { ...limits, capacity: roomy })
  const fitsAtOnce = (needed: Iterable<unknown>) =>
    parallel === 1 || limits.capacity === 0 || new Set(needed).size <= limits.capacity
  const encryptionIsExact = fitsAtOnce(requests.map(({ context }) => context))
  const decryptionIsExact = encryptionIsExact && fitsAtOnce(encryption.dataKeys)
  return {
    encryption: { exactly: encryptionIsExact ? encryption.calls : undefined, atLeast: fewest.calls },
    decryption: {
      exactly: decryptionIsExact ? forDecryption(encryption.dataKeys, limits.capacity).calls : undefined,
      atLeast: forDecryption(fewest.dataKeys, roomy).calls
    }
  }
}
