/** Defects of the governor of calls to KMS. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const adaptiveRate = "src/kms/governor/internal/adaptiveRate.ts"
const flight = "src/kms/governor/internal/flight.ts"
const govern = "src/kms/governor/internal/govern.ts"
const lane = "src/kms/governor/internal/Lane.ts"
const quotas = "src/kms/governor/internal/quotas.ts"
const region = "src/kms/governor/internal/Region.ts"
const retryBudget = "src/kms/governor/internal/RetryBudget.ts"
const sharedRate = "src/kms/governor/internal/SharedRate.ts"
const circuits = "src/kms/governor/internal/circuits.ts"
const keyFlights = "src/hierarchical/internal/keyFlights.ts"

const by = places.byFolder("kms/governor")
const byRate = by("rate", "the rate > ")
const byAdaptive = by("adaptation", "the adaptive rate > ")
const byRetries = by("retries", "retries > ")
const byPriority = by("priority", "requests and work in the background > ")
const byCaches = by("priority", "caches over a governor > ")
const byOwnership = by("ownership", "secrets of calls that are given up > ")
const byCircuit = by("circuits", "the circuit of a Region > ")
const byShared = by("store", "a rate that processes share > ")
const byAttackedStore = by("attacked", "a store that was lost > ")

export const governor: ReadonlyArray<Mutant> = [
  {
    name: "governor: a bucket fills at twice its rate",
    file: "src/kms/governor/internal/TokenBucket.ts",
    find: "this.#tokens + this.#rate * elapsed",
    replace: "this.#tokens + 2 * this.#rate * elapsed",
    killedBy: byRate("lets the burst through at once, and the others at the rate, in order")
  },
  {
    name: "governor: each Region that a message invents has a rate",
    file: quotas,
    find: "this.#known.size >= maxRegions || ",
    replace: "this.#known.size > 2 * maxRegions || ",
    killedBy: byRate("Regions that a message invents share one rate")
  },
  {
    name: "governor: RSA counts as symmetric",
    file: quotas,
    find: "rsa.test(algorithm) ? \"RSA\"",
    replace: "rsa.test(algorithm) ? \"symmetric\"",
    killedBy: byRate("is shared by the symmetric operations, and public keys and RSA have a tenth of their own")
  },
  {
    name: "governor: a call that cannot be in time waits all the same",
    file: region,
    find: "if (now + lane.leastWait(ahead, now) >= deadlineAt) {",
    replace: "if (now + lane.leastWait(ahead, now) > 2 * deadlineAt) {",
    killedBy: by("rate", "the deadline > ")("a call that cannot have its turn in time fails at once")
  },
  {
    name: "governor: the background takes the last place from a request of another quota",
    file: region,
    find: "return requests < this.#places ? oldest",
    replace: "return requests <= this.#places ? oldest",
    killedBy: byPriority("the background takes no place that a request waits for, of another quota too")
  },
  {
    name: "governor: the oldest goes first, whatever its priority",
    file: region,
    find: "    if (request !== undefined) return request\n",
    replace:
      "    const other = oldest(lanes, \"background\")\n    if (request !== undefined && other === undefined) return request\n",
    killedBy: byPriority("requests go first at the rate, in order, and the background goes when none waits")
  },
  {
    name: "governor: a call that is promoted stays where it waited",
    file: region,
    find: "      waiter.leave()\n      this.#wait(lane, waiter)\n",
    replace: "",
    killedBy: byPriority(
      "a call in the background that waits is promoted with its work, and then is behind those that waited"
    )
  },
  {
    name: "governor: every throttle of a burst lowers the rate",
    file: adaptiveRate,
    find: "sentAt <= this.#decreasedAt || now - this.#decreasedAt < windowMillis",
    replace: "sentAt <= this.#decreasedAt || now - this.#decreasedAt < windowMillis / 1000",
    killedBy: byAdaptive("falls by the factor at a throttle, once in a window, and never below the floor")
  },
  {
    name: "governor: a throttle of a call from before the decrease lowers the rate again",
    file: adaptiveRate,
    find: "sentAt <= this.#decreasedAt || now",
    replace: "sentAt > now || now",
    killedBy: byAdaptive("does not fall for what was sent before it fell, however late that ends")
  },
  {
    name: "governor: each success raises the rate as a second does",
    file: adaptiveRate,
    find: "Math.min(1, Math.max(0, now - this.#changedAt) / 1000)",
    replace: "Math.max(0.5, Math.min(1, (now - this.#changedAt) / 1000))",
    killedBy: byAdaptive(
      "rises by the share in a second of successful calls, their number does not matter, up to the rate"
    )
  },
  {
    name: "governor: the budget of retries is never spent",
    file: retryBudget,
    find: "    this.#tokens -= 1\n",
    replace: "",
    killedBy: byRetries("are a share of the calls, and a few in reserve, in each Region")
  },
  {
    name: "governor: work in the background is tried again",
    file: govern,
    find: "call.priority.isBackground || number >= maxAttempts",
    replace: "number >= (call.priority.isBackground ? 2 : maxAttempts)",
    killedBy: byPriority("the background is not tried again, and leaves the budget to requests")
  },
  {
    name: "governor: the delay of a retry is not drawn",
    file: govern,
    find: "(share) => share * longest",
    replace: "() => longest",
    killedBy: byRetries("the delay is drawn between nothing and a bound that doubles, from the random service")
  },
  {
    name: "governor: a secret that no caller takes stays in memory",
    file: flight,
    find: "if (Exit.isSuccess(exit)) zeroSecrets(exit.value)",
    replace: "if (Exit.isFailure(exit)) zeroSecrets(exit.cause)",
    killedBy: byOwnership("a plaintext or shared secret that has come and that the caller has not taken yet is zeroed")
  },
  {
    name: "governor: a call that goes on reads the plaintext of its caller",
    file: flight,
    find: "return { sent: { ...request, plaintext: copy }, copy }",
    replace: "return { sent: request, copy }",
    killedBy: by("ownership", "the plaintext of a request > ")(
      "stays the caller's, and a call that goes on has its own until it ends"
    )
  },
  {
    name: "governor: throttles open the circuit",
    file: circuits,
    find: "if (failure.isSilence)",
    replace: "if (failure.isSilence || failure.error.isRetryable)",
    killedBy: byCircuit("stays closed: Throttled")
  },
  {
    name: "governor: tokens of the store are taken for calls that have no place",
    file: lane,
    find: "Math.min(waiting, places, ahead, this.#bucket.available)",
    replace: "Math.min(waiting, ahead, this.#bucket.available)",
    killedBy: byShared("takes no token for a call that has no place")
  },
  {
    name: "governor: without its store a process uses the whole rate",
    file: lane,
    find: "Math.min(this.adaptive.current, this.#max * this.#ownShare)",
    replace: "this.adaptive.current",
    killedBy: by("store", "a store that is lost > ")(
      "one that fails: calls go on at the local share, with one warning, until it is back"
    )
  },
  {
    name: "governor: each failure of a lost store is a warning",
    file: sharedRate,
    find: "if (wasLost) return Effect.succeed(undefined)",
    replace: "if (wasLost && store.retryMillis === 0) return Effect.succeed(undefined)",
    killedBy: by("store", "a store that is lost > ")(
      "one that fails: calls go on at the local share, with one warning, until it is back"
    )
  },
  {
    name: "governor: a refresh of the caching CMM has the priority of a request",
    file: places.fetching,
    find: "new CallPriority(trigger === \"refresh\")",
    replace: "new CallPriority(false)",
    killedBy: byCaches(
      "a fetch of the caching CMM for a request is one, a refresh ahead is in the background until it is joined"
    )
  },
  {
    name: "governor: a refresh of a branch key that a request joins stays in the background",
    file: keyFlights,
    find: "  flight.priority.promote()\n",
    replace: "",
    killedBy: byCaches("a refresh of a branch key is in the background until a request joins it")
  },
  {
    name: "governor: a call is sent at its deadline",
    file: region,
    find: "if (waiter.deadlineAt <= now) {",
    replace: "if (waiter.deadlineAt < now) {",
    killedBy: by("ownership", "a caller that cannot be interrupted > ")(
      "has its deadline too, while it waits and while the call is in flight"
    )
  },
  {
    name: "governor: a breach of a Kms under it is described twice",
    file: "src/kms/calls.ts",
    find: "breach.cause.part === breach.part ? breach.cause : breach",
    replace: "breach.cause.part !== breach.part ? breach.cause : breach",
    killedBy: by("KmsGovernor", "a Kms of the user's own under a governor > ")(
      "that throws is seen as it is without one"
    )
  },
  {
    name: "governor: a lost store is tried again by calls that wait alone",
    file: lane,
    find: "if (this.#shared?.claimsRetry(now) === true)",
    replace: "if (this.request.size > 0 && this.#shared?.claimsRetry(now) === true)",
    killedBy: byAttackedStore("is tried again after a while by calls that need not wait")
  },
  {
    name: "governor: the error of a store is logged as it is",
    file: sharedRate,
    find: "=> printable(message)",
    replace: "=> printable(message) && message",
    killedBy: byAttackedStore("is in the log as one short line, whatever its error says")
  },
  {
    name: "governor: a store may owe any number of tokens",
    file: sharedRate,
    find: "owed <= maxOwed",
    replace: "owed <= maxOwed * 1e9",
    killedBy: by("store", "a store that is lost > ")(
      "one that owes more than a fleet can: calls go on at the local share, with one warning, until it is back"
    )
  },
  {
    name: "governor: a store that owes nothing may be waited for",
    file: sharedRate,
    find: "millis <= 1 + owed",
    replace: "-millis <= 1 + owed",
    killedBy: by("store", "a store that is lost > ")(
      "one that has a token, in a thousand years: calls go on at the local share, with one warning, until it is back"
    )
  },
  {
    name: "governor: a Map is Regions",
    file: "src/kms/governor/internal/settings.ts",
    find: "call(value) === \"[object Object]\"",
    replace: "call(value) !== \"[object Array]\"",
    killedBy: by("attacked", "rates of Regions > ")("are rejected: a Map, which has none that can be seen")
  }
]
