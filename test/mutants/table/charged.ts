import type { Mutant } from "../Mutant.ts"
import {
  admission,
  byFlights,
  byLocalCache,
  byPromises,
  byThresholds,
  entry,
  fetching,
  instant,
  limits,
  operations,
  singleFlight,
  usage
} from "./places.ts"

/** How it is charged: promises 5 to 7. */
export const charged: ReadonlyArray<Mutant> = [
  {
    name: "off-by-one: maximum age, served when it is reached",
    file: admission,
    find: "entry.ageMillis(now) >= limits.maxAgeMillis",
    replace: "entry.ageMillis(now) > limits.maxAgeMillis",
    killedBy: byPromises(
      "promise 7: age > an entry is served only while it is young enough, whatever the cache " +
        "implementation answers"
    )
  },
  {
    name: "off-by-one: maximum age, rejected one millisecond early",
    file: admission,
    find: "entry.ageMillis(now) >= limits.maxAgeMillis",
    replace: "entry.ageMillis(now) >= limits.maxAgeMillis - 1",
    killedBy: byThresholds("maximum age: an entry is served only while it is younger")
  },
  {
    name: "off-by-one: maximum age, kept when it is reached",
    file: entry,
    find: "this.ageMillis(now) >= this.#owner",
    replace: "this.ageMillis(now) > this.#owner",
    killedBy: byLocalCache("operations > get answers the entry, and never an expired one")
  },
  {
    name: "off-by-one: maximum messages, one too many in a flight",
    file: limits,
    find: "usage.messages > limits.maxMessagesEncrypted",
    replace: "usage.messages > limits.maxMessagesEncrypted + 1",
    killedBy: byFlights(
      "promise 8: single flight with reservations > a request that does not fit beside what is reserved " +
        "closes the flight, and starts another beside it"
    )
  },
  {
    name: "off-by-one: maximum messages, one too few",
    file: limits,
    find: "usage.messages > limits.maxMessagesEncrypted",
    replace: "usage.messages >= limits.maxMessagesEncrypted",
    killedBy: byThresholds(
      "maximum messages: the current request is counted, and meeting the limit exactly is within it"
    )
  },
  {
    name: "off-by-one: maximum messages, a spent entry is kept",
    file: entry,
    find: "messages >= this.#owner.limits.maxMessagesEncrypted",
    replace: "messages > this.#owner.limits.maxMessagesEncrypted",
    killedBy: byThresholds("an entry whose messages are spent is dropped at once")
  },
  {
    name: "off-by-one: maximum bytes, one too many",
    file: limits,
    find: "usage.bytes > limits.maxBytesEncrypted",
    replace: "usage.bytes > limits.maxBytesEncrypted + 1n",
    killedBy: byThresholds("maximum bytes: the current request is counted, and meeting the limit exactly is within it")
  },
  {
    name: "off-by-one: maximum bytes, one too few",
    file: limits,
    find: "usage.bytes > limits.maxBytesEncrypted",
    replace: "usage.bytes >= limits.maxBytesEncrypted",
    killedBy: byThresholds("an entry whose bytes are spent still serves empty messages")
  },
  {
    name: "bytes are counted in floating point",
    file: usage,
    find: "bytes: a.bytes + b.bytes }",
    replace: "bytes: BigInt(Number(a.bytes) + Number(b.bytes)) }",
    killedBy: byThresholds("maximum bytes is exact beyond 2^53")
  },
  {
    name: "charge after hand-out",
    file: admission,
    find: "entry.charge(usage)\n",
    replace: "void Promise.resolve().then(() => entry.charge(usage))\n",
    killedBy: byPromises(
      "promise 5: charging > charges before the materials are handed out, so that parallel requests " +
        "never exceed a limit"
    )
  },
  {
    name: "an entry that a request would take over a limit is kept for smaller ones",
    file: admission,
    find: "  evict(manager, entry, request.cache, usage, now)\n  return undefined\n",
    replace: "  return undefined\n",
    killedBy: byThresholds(
      "an entry that a request would take over a limit is evicted, though a smaller one might have fit"
    )
  },
  {
    name: "the first use is not counted",
    file: fetching,
    find: "usage: reserved,",
    replace: "usage: { ...reserved, messages: 0, bytes: 0n },",
    killedBy: byThresholds("the first use of a data key is exempt from the thresholds but counted")
  },
  {
    name: "receipts tell what all waiters were charged together",
    file: singleFlight,
    find: "usage = plus(usage, waiter.charge)",
    replace: "usage = flight.reserved",
    killedBy: byFlights(
      "promise 8: single flight with reservations > receipts tell what each request was charged in its " +
        "turn"
    )
  },
  {
    name: "a decrypt limited by messages",
    file: operations,
    find: "charge: noUsage,\n",
    replace: "charge: { ...noUsage, messages: 1 },\n",
    killedBy: byThresholds("decryption is bounded by age alone")
  },
  {
    name: "sliding age",
    file: admission,
    find: "entry.charge(usage)\n",
    replace: "entry.charge(usage)\n  ;(entry as { createdAt: Instant }).createdAt = now\n",
    killedBy: byThresholds("maximum age never slides: use does not make an entry younger")
  },
  {
    name: "wall-clock-only age",
    file: instant,
    find: "Math.max(to.wallMillis - from.wallMillis, Number(to.monotonicNanos - from.monotonicNanos) / 1e6)",
    replace: "to.wallMillis - from.wallMillis",
    killedBy: byPromises(
      "promise 7: age > is the larger of wall and monotonic time elapsed: monotonic time alone has " +
        "reached it: the wall clock was set back"
    )
  },
  {
    name: "monotonic-only age",
    file: instant,
    find: "Math.max(to.wallMillis - from.wallMillis, Number(to.monotonicNanos - from.monotonicNanos) / 1e6)",
    replace: "Number(to.monotonicNanos - from.monotonicNanos) / 1e6",
    killedBy: byPromises(
      "promise 7: age > is the larger of wall and monotonic time elapsed: wall time alone has reached " +
        "it: the machine slept"
    )
  },
  {
    name: "age is counted from the start of the fetch",
    file: fetching,
    find: "createdAt: arrivedAt,",
    replace: "createdAt: arrivedAt && startedAt,",
    also: {
      find: "{ request, reserved }: Flight",
      replace: "{ request, reserved, startedAt }: Flight"
    },
    killedBy: byPromises(
      "promise 7: age > is counted from the arrival of the underlying answer, for everybody who got it"
    )
  },
  {
    name: "an entry's own maximum age instead of the request's",
    file: admission,
    find: "if (entry.ageMillis(now) >= limits.maxAgeMillis) return \"age\"",
    replace: "if (entry.isExpired(now)) return \"age\"",
    killedBy: byPromises(
      "promise 7: age > a manager with a smaller maximum age does not take an older entry that another " +
        "one made"
    )
  }
]
