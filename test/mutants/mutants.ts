/**
 * The defects that the tests of data key caching must notice, by the promises that they break, and the test that does.
 *
 * A mutant's text is as short as makes it unique. It is a mistake that somebody could make, not a crash.
 */
import type { Mutant, NamedTest } from "./Mutant.ts"

const flights = "src/caching/internal/materialsFlights.ts"
const manager = "src/caching/CachingCmm.ts"
const entry = "src/caching/internal/cacheEntry.ts"
const localCache = "src/caching/LocalCache.ts"

const test = (file: string) => (title: string): NamedTest => ({ file: `test/caching/${file}.test.ts`, title })

const thresholds = test("thresholds")
const promises = test("promises")
const flightTests = test("flights")
const zeroing = test("zeroing")
const refresh = test("refresh")
const control = test("control")
const local = test("LocalCache")
const policies = test("CachePolicy")
const found = test("model/found")

/** What may be cached, and for whom: promises 1 to 4. */
const cached: ReadonlyArray<Mutant> = [
  {
    name: "materials of a suite without key derivation are cached",
    file: flights,
    find: "if (!AlgorithmSuite.isCacheable(materials.algorithmSuite)) {",
    replace: "if (!AlgorithmSuite.isCacheable(materials.algorithmSuite) && flight.trigger === \"refresh\") {",
    killedBy: promises(
      "promise 1: only suites with key derivation are cached > materials that may not be cached serve the request " +
        "that fetched them, and every waiter fetches for itself at once"
    )
  },
  {
    name: "a request for a suite without key derivation is not passed on",
    file: manager,
    find: "if (algorithmSuite !== undefined && !AlgorithmSuite.isCacheable(algorithmSuite)) {",
    replace: "if (false as boolean) {",
    killedBy: thresholds(
      "the rules of the thresholds guide > suites without key derivation are never cached: " +
        "ALG_AES_256_GCM_IV12_TAG16_NO_KDF"
    )
  },
  {
    name: "a request of unknown length is cached as an empty one",
    file: manager,
    find: "maxPlaintextLength: length } = request",
    replace: "maxPlaintextLength: length = 0 } = request",
    killedBy: thresholds(
      "the rules of the thresholds guide > a request of unknown plaintext length goes straight through, unchanged"
    )
  },
  {
    name: "a request larger than the limit evicts the entry",
    file: manager,
    find: "if (charge.bytes > requestLimits.maxBytesEncrypted) return Effect.succeed(\"LargerThanMaxBytesEncrypted\")",
    replace: "",
    killedBy: thresholds(
      "the rules of the thresholds guide > a request larger than the byte limit by itself goes straight through and " +
        "evicts nothing"
    )
  },
  {
    name: "a request as large as the limit goes straight through",
    file: manager,
    find: "if (charge.bytes > requestLimits.maxBytesEncrypted)",
    replace: "if (charge.bytes >= requestLimits.maxBytesEncrypted)",
    killedBy: thresholds(
      "the rules of the thresholds guide > the first use of a data key is exempt from the thresholds but counted"
    )
  },
  {
    name: "a partition is no part of the key",
    file: manager,
    find: "encryptionPreimage({ partitionId, algorithmSuite,",
    replace: "encryptionPreimage({ partitionId: \"\", algorithmSuite,",
    killedBy: thresholds(
      "the rules of the thresholds guide > managers share entries if and only if they share a cache and an equal " +
        "partition ID"
    )
  },
  {
    name: "managers without a partition ID share one",
    file: manager,
    find: "options.partitionId ?? Hex.encode(yield* primitives.randomBytes(16))",
    replace: "options.partitionId ?? \"default\"",
    killedBy: thresholds(
      "the rules of the thresholds guide > managers share entries if and only if they share a cache and an equal " +
        "partition ID"
    )
  },
  {
    name: "joining across contexts, encrypt",
    file: manager,
    find: "encryptionPreimage({ partitionId, algorithmSuite, encryptionContext })",
    replace: "encryptionPreimage({ partitionId, algorithmSuite, encryptionContext: {} })",
    killedBy: flightTests("promise 8: single flight with reservations > encrypts of another context do not join")
  },
  {
    name: "joining across contexts, decrypt",
    file: manager,
    find: "decryptionPreimage({ partitionId, ...request })",
    replace: "decryptionPreimage({ partitionId, ...request, encryptionContext: {} })",
    killedBy: flightTests("promise 8: single flight with reservations > decrypts of another context do not join")
  },
  {
    name: "joining across encrypted data keys",
    file: manager,
    find: "decryptionPreimage({ partitionId, ...request })",
    replace: "decryptionPreimage({ partitionId, ...request, encryptedDataKeys: [] })",
    killedBy: flightTests(
      "promise 8: single flight with reservations > decrypts of another encrypted data key do not join"
    )
  },
  {
    name: "joining across commitment policies, encrypt",
    file: manager,
    find: "commitmentPolicy,\n      EncryptionContext.serialize(Object",
    replace: "\"\",\n      EncryptionContext.serialize(Object",
    killedBy: flightTests(
      "promise 8: single flight with reservations > encrypts of another commitment policy do not join"
    )
  },
  {
    name: "the key that a context was given is taken for another commitment policy",
    file: manager,
    find: "cacheKey.commitmentPolicy === commitmentPolicy",
    replace: "commitmentPolicy.length > 0",
    killedBy: thresholds(
      "the rules of the thresholds guide > a context object that is used again and again is served by what separates its " +
        "entries, each time"
    )
  },
  {
    name: "the key that a context was given is taken for another partition",
    file: manager,
    find: "cacheKey.partitionId === partitionId",
    replace: "cacheKey.partitionId.length > 0",
    killedBy: thresholds(
      "the rules of the thresholds guide > a context object that is used again and again is served by what separates its " +
        "entries, each time"
    )
  },
  {
    name: "joining across commitment policies, decrypt",
    file: manager,
    find: "request.commitmentPolicy,\n      EncryptionContext.serialize(expected)",
    replace: "\"\",\n      EncryptionContext.serialize(expected)",
    killedBy: flightTests(
      "promise 8: single flight with reservations > decrypts of another commitment policy do not join"
    )
  },
  {
    name: "joining across required context keys",
    file: manager,
    find: "requiredEncryptionContextKeys.map((name)",
    replace: "requiredEncryptionContextKeys.slice(1).map((name)",
    killedBy: flightTests(
      "promise 8: single flight with reservations > encrypts of other required context keys do not join"
    )
  },
  {
    name: "joining across expected contexts",
    file: manager,
    find: "decryptionKey(copied, expectedEncryptionContext)",
    replace: "decryptionKey(copied, {})",
    killedBy: flightTests(
      "promise 8: single flight with reservations > decrypts of another expected context do not join"
    )
  },
  {
    name: "the underlying manager is not told the expected context",
    file: manager,
    find: "askForDecryption({ ...copied, expectedEncryptionContext })",
    replace: "askForDecryption({ ...copied, expectedEncryptionContext: {} })",
    killedBy: promises(
      "promise 4: the underlying manager learns nothing of the plaintext > a cacheable decrypt asks for all that the " +
        "request asked for"
    )
  },
  {
    name: "the underlying manager is told the length",
    file: manager,
    find: "maxPlaintextLength: undefined\n",
    replace: "maxPlaintextLength: request.maxPlaintextLength\n",
    killedBy: promises(
      "promise 4: the underlying manager learns nothing of the plaintext > a cacheable request has no length"
    )
  },
  {
    name: "an all-zero key is accepted",
    file: "src/model/CryptographicMaterials.ts",
    find: "return bytes.isAllZero(value) ? invalid(\"plaintextDataKey\", \"is all zero\") : Result.void",
    replace: "return Result.void",
    killedBy: promises(
      "promise 14: keys in memory > an all-zero key that the underlying manager answers is refused, and not cached"
    )
  }
]

/** How it is charged: promises 5 to 7. */
const charged: ReadonlyArray<Mutant> = [
  {
    name: "off-by-one: maximum age, served when it is reached",
    file: flights,
    find: "entry.ageMillis(now) >= request.limits.maxAgeMillis",
    replace: "entry.ageMillis(now) > request.limits.maxAgeMillis",
    killedBy: promises(
      "promise 7: age > an entry is served only while it is young enough, whatever the cache implementation answers"
    )
  },
  {
    name: "off-by-one: maximum age, refused one millisecond early",
    file: flights,
    find: "entry.ageMillis(now) >= request.limits.maxAgeMillis",
    replace: "entry.ageMillis(now) >= request.limits.maxAgeMillis - 1",
    killedBy: thresholds("the rules of the thresholds guide > maximum age: an entry is served only while it is younger")
  },
  {
    name: "off-by-one: maximum age, kept when it is reached",
    file: entry,
    find: "this.ageMillis(now) >= Duration",
    replace: "this.ageMillis(now) > Duration",
    killedBy: local("operations > get answers the entry, and never an expired one")
  },
  {
    name: "off-by-one: maximum messages, one too many in a flight",
    file: flights,
    find: "usage.messages > limits.maxMessagesEncrypted",
    replace: "usage.messages > limits.maxMessagesEncrypted + 1",
    killedBy: flightTests(
      "promise 8: single flight with reservations > a request that does not fit beside what is reserved closes the " +
        "flight, and starts another beside it"
    )
  },
  {
    name: "off-by-one: maximum messages, one too few",
    file: flights,
    find: "usage.messages > limits.maxMessagesEncrypted",
    replace: "usage.messages >= limits.maxMessagesEncrypted",
    killedBy: thresholds(
      "the rules of the thresholds guide > maximum messages: the current request is counted, and meeting the limit " +
        "exactly is within it"
    )
  },
  {
    name: "off-by-one: maximum messages, a spent entry is kept",
    file: entry,
    find: "messages >= this.#owner.maxMessagesEncrypted",
    replace: "messages > this.#owner.maxMessagesEncrypted",
    killedBy: thresholds("the rules of the thresholds guide > an entry whose messages are spent is dropped at once")
  },
  {
    name: "off-by-one: maximum bytes, one too many",
    file: flights,
    find: "usage.bytes > limits.maxBytesEncrypted",
    replace: "usage.bytes > limits.maxBytesEncrypted + 1n",
    killedBy: thresholds(
      "the rules of the thresholds guide > maximum bytes: the current request is counted, and meeting the limit " +
        "exactly is within it"
    )
  },
  {
    name: "off-by-one: maximum bytes, one too few",
    file: flights,
    find: "usage.bytes > limits.maxBytesEncrypted",
    replace: "usage.bytes >= limits.maxBytesEncrypted",
    killedBy: thresholds(
      "the rules of the thresholds guide > an entry whose bytes are spent still serves empty messages"
    )
  },
  {
    name: "bytes are counted in floating point",
    file: flights,
    find: "bytes: a.bytes + b.bytes }",
    replace: "bytes: BigInt(Number(a.bytes) + Number(b.bytes)) }",
    killedBy: thresholds("the rules of the thresholds guide > maximum bytes is exact beyond 2^53")
  },
  {
    name: "charge after hand-out",
    file: flights,
    find: "entry.usage.ref.current = usage\n",
    replace: "fork(Effect.andThen(Effect.yieldNow, Effect.sync(() => void (entry.usage.ref.current = usage))))\n",
    killedBy: promises(
      "promise 5: charging > charges before the materials are handed out, so that parallel requests never exceed a limit"
    )
  },
  {
    name: "an entry that a request would take over a limit is kept for smaller ones",
    file: flights,
    find: "        evict(entry, cache, usage, now)\n",
    replace: "",
    killedBy: thresholds(
      "the rules of the thresholds guide > an entry that a request would take over a limit is evicted, though a smaller " +
        "one might have fit"
    )
  },
  {
    name: "the first use is not counted",
    file: flights,
    find: "kept, flight.reserved,",
    replace: "kept, noUsage,",
    killedBy: thresholds(
      "the rules of the thresholds guide > the first use of a data key is exempt from the thresholds but counted"
    )
  },
  {
    name: "receipts tell what all waiters were charged together",
    file: flights,
    find: "usage = plus(usage, waiter.charge)",
    replace: "usage = flight.reserved",
    killedBy: flightTests(
      "promise 8: single flight with reservations > receipts tell what each request was charged in its turn"
    )
  },
  {
    name: "a decrypt limited by messages",
    file: manager,
    find: "charge: { messages: 0, bytes: 0n },\n",
    replace: "charge: { messages: 1, bytes: 0n },\n",
    killedBy: thresholds("the rules of the thresholds guide > decryption is bounded by age alone")
  },
  {
    name: "sliding age",
    file: flights,
    find: "entry.usage.ref.current = usage\n",
    replace: "entry.usage.ref.current = usage\n    ;(entry as { createdAt: Instant }).createdAt = now\n",
    killedBy: thresholds(
      "the rules of the thresholds guide > maximum age never slides: use does not make an entry younger"
    )
  },
  {
    name: "wall-clock-only age",
    file: "src/caching/internal/instant.ts",
    find: "Math.max(to.wallMillis - from.wallMillis, Number(to.monotonicNanos - from.monotonicNanos) / 1e6)",
    replace: "to.wallMillis - from.wallMillis",
    killedBy: promises(
      "promise 7: age > is the larger of wall and monotonic time elapsed: monotonic time alone has reached it: the wall " +
        "clock was set back"
    )
  },
  {
    name: "monotonic-only age",
    file: "src/caching/internal/instant.ts",
    find: "Math.max(to.wallMillis - from.wallMillis, Number(to.monotonicNanos - from.monotonicNanos) / 1e6)",
    replace: "Number(to.monotonicNanos - from.monotonicNanos) / 1e6",
    killedBy: promises(
      "promise 7: age > is the larger of wall and monotonic time elapsed: wall time alone has reached it: the machine slept"
    )
  },
  {
    name: "age is counted from the start of the fetch",
    file: flights,
    find: "flight.reserved, arrivedAt,",
    replace: "flight.reserved, flight.startedAt,",
    killedBy: promises(
      "promise 7: age > is counted from the arrival of the underlying answer, for everybody who got it"
    )
  },
  {
    name: "an entry's own maximum age instead of the request's",
    file: flights,
    find: "if (entry.ageMillis(now) >= request.limits.maxAgeMillis) return \"age\"",
    replace: "if (entry.isExpired(now)) return \"age\"",
    killedBy: promises(
      "promise 7: age > a manager with a smaller maximum age does not take an older entry that another one made"
    )
  }
]

/** Single flight, failures and interruption: promises 8 to 11 and 13. */
const inFlight: ReadonlyArray<Mutant> = [
  {
    name: "no joining",
    file: flights,
    find: "const flight = flights.get(key)\n",
    replace: "const flight = flights.get(key)?.entry === undefined ? undefined : flights.get(key)\n",
    killedBy: flightTests(
      "promise 8: single flight with reservations > equal requests on a cold cache make one call, for encrypt and for decrypt"
    )
  },
  {
    name: "joining under the null cache, encrypt",
    file: manager,
    find: "if (!cache.stores) return Effect.succeed(\"CachingOff\")",
    replace: "",
    killedBy: thresholds(
      "the rules of the thresholds guide > null cache: N requests make N calls with N data keys"
    )
  },
  {
    name: "joining under the null cache, decrypt",
    file: manager,
    find: "if (!decryptCache.stores) return Effect.succeed(\"CachingOff\")",
    replace: "",
    killedBy: thresholds(
      "the rules of the thresholds guide > null cache: N requests make N calls with N data keys"
    )
  },
  {
    name: "joining under a cache of capacity 0",
    file: localCache,
    find: "stores: capacity > 0",
    replace: "stores: capacity >= 0",
    killedBy: thresholds(
      "the rules of the thresholds guide > a local cache of capacity 0: N requests make N calls with N data keys"
    )
  },
  {
    name: "no reservations: a flight takes whoever fits beside the last one",
    file: flights,
    find: "flight.reserved = plus(flight.reserved, request.charge)",
    replace: "flight.reserved = request.charge",
    killedBy: flightTests(
      "promise 8: single flight with reservations > a request that does not fit beside what is reserved closes the " +
        "flight, and starts another beside it"
    )
  },
  {
    name: "leftovers of a closed flight cached",
    file: flights,
    find: "if (!isOpen || entry.isSpent()) {",
    replace: "if (entry.isSpent()) {",
    killedBy: flightTests(
      "promise 8: single flight with reservations > the leftovers of a closed flight are dropped"
    )
  },
  {
    name: "a flight is joinable only until its put starts",
    file: flights,
    find: "put(entry, request.cache, () => close(flight))",
    replace: "close(flight)\n      put(entry, request.cache, () => {})",
    killedBy: flightTests(
      "promise 8: single flight with reservations > a flight stays joinable until its put has ended"
    )
  },
  {
    name: "the failed flight cached",
    file: flights,
    find: "close(flight)\n    settle(flight, outcome",
    replace: "settle(flight, outcome",
    also: {
      find: "flight.waiters.add(waiter)\n",
      replace: "flight.waiters.add(waiter)\n" +
        "    if (flight.settled) fork(Deferred.into(Deferred.await(flight.ended) as Effect.Effect<never>, waiter.delivery))\n"
    },
    killedBy: flightTests(
      "promise 9: a failed fetch > fails everyone who joined it with the same error, caches nothing, and the next request " +
        "tries anew"
    )
  },
  {
    name: "the deadline is missing",
    file: flights,
    find: "Effect.sleep(options.fetchDeadline),",
    replace: "Effect.never,",
    killedBy: flightTests("promise 9: a failed fetch > the deadline is 30 seconds by default")
  },
  {
    name: "an interrupted waiter's reservation kept",
    file: flights,
    find: "flight.reserved = minus(flight.reserved, waiter.charge)",
    replace: "flight.reserved = minus(flight.reserved, noUsage)",
    killedBy: flightTests(
      "promise 8: single flight with reservations > an interrupted waiter's reservation returns while the fetch is unanswered"
    )
  },
  {
    name: "the leader's interruption kills the flight",
    file: flights,
    find: "if (flight.waiters.size > 0 || flight.trigger === \"refresh\") return",
    replace: "if (!waiter.leader && (flight.waiters.size > 0 || flight.trigger === \"refresh\")) return",
    killedBy: flightTests("promise 10: interruption > of one waiter, the first one included, disturbs no other")
  },
  {
    name: "a flight with no waiters goes on",
    file: flights,
    find: "fail(flight, \"abandoned\", Cause.interrupt())\n    flight.fetching?.interruptUnsafe()",
    replace: "fail(flight, \"abandoned\", Cause.interrupt())",
    killedBy: flightTests(
      "promise 10: interruption > when all are interrupted the fetch is interrupted, and the flight accepts nobody"
    )
  },
  {
    name: "a flight with no waiters accepts one",
    file: flights,
    find: "fail(flight, \"abandoned\", Cause.interrupt())\n    flight.fetching?.interruptUnsafe()",
    replace: "flight.fetching?.interruptUnsafe()",
    killedBy: flightTests(
      "promise 10: interruption > nobody waits for the interruption of a fetch to finish, and a flight without waiters " +
        "accepts none"
    )
  },
  {
    name: "a closed manager goes on fetching",
    file: flights,
    find: "closed = true\n    for (const flight of unsettled)",
    replace: "for (const flight of unsettled)",
    killedBy: flightTests(
      "promise 10: interruption > closing the manager's scope interrupts flights and those who wait for them"
    )
  },
  {
    name: "a closed manager admits who was looked up before",
    file: flights,
    find: "): Admission<M> => {\n    if (closed) return { _tag: \"Closed\" }\n",
    replace: "): Admission<M> => {\n",
    killedBy: found(
      "found by the model > a request that is looked up while the manager closes is not admitted, and nothing is fetched"
    )
  },
  {
    name: "the closing of the scope leaves waiters to fetches that cannot be interrupted",
    file: flights,
    find: "for (const flight of unsettled) fail(flight, \"abandoned\", Cause.interrupt())\n",
    replace: "",
    killedBy: flightTests(
      "promise 10: interruption > closing the manager's scope waits for nothing, and nor do they who wait for a fetch " +
        "that cannot be interrupted"
    )
  },
  {
    name: "a caller's span is the parent of a flight",
    file: flights,
    find: "withSpan(\"CachingCmm.fetch\", { root: true },",
    replace: "withSpan(\"CachingCmm.fetch\", { parent: Fiber.getCurrent()?.cache.span } as {},",
    killedBy: flightTests(
      "promise 10: interruption > spans of those who waited are linked to the fetch's, which is a root"
    )
  },
  {
    name: "a caller's references reach a flight",
    file: flights,
    find: "Effect.runForkWith(options.context)(effect)",
    replace: "Effect.runForkWith(Fiber.getCurrent()?.context as typeof options.context)(effect)",
    killedBy: flightTests(
      "promise 10: interruption > nothing of a caller reaches a flight: no span, no annotations, no references, no " +
        "uninterruptibility"
    )
  }
]

/** Refresh ahead: promise 12. */
const refreshed: ReadonlyArray<Mutant> = [
  {
    name: "refresh past a hard limit: age",
    file: flights,
    find: "if (entry.ageMillis(now) >= request.limits.maxAgeMillis) return",
    replace: "if (entry.ageMillis(now) >= request.limits.maxAgeMillis && !refreshing.has(request.key)) return",
    killedBy: refresh(
      "promise 12: refresh ahead > while a renewal is in flight the old entry is not served past its maximum age"
    )
  },
  {
    name: "refresh past a hard limit: bytes",
    file: flights,
    find: "if (threshold !== undefined) return threshold",
    replace: "if (threshold !== undefined && !refreshing.has(request.key)) return threshold",
    killedBy: refresh(
      "promise 12: refresh ahead > while a renewal is in flight the old entry is not served past its maximum bytes"
    )
  },
  {
    name: "refresh past a hard limit: messages",
    file: flights,
    find: "if (entry.isSpent()) evict(entry, request.cache, \"messages\", now)",
    replace: "if (entry.isSpent() && !refreshing.has(request.key)) evict(entry, request.cache, \"messages\", now)",
    killedBy: refresh(
      "promise 12: refresh ahead > the message that spends an entry drops it, also while a renewal is in flight"
    )
  },
  {
    name: "refresh is retried past a hard limit",
    file: flights,
    find: "!entry.evicted && entry.ageMillis(nowUnsafe(clock)) < request.limits.maxAgeMillis",
    replace: "!entry.evicted",
    killedBy: refresh("promise 12: refresh ahead > no retry after the old entry met its maximum age, swept or not")
  },
  {
    name: "a refresh that succeeds after an invalidation is kept",
    file: flights,
    find: "if (!fits({ encryptionContext, metadata: flight.entry?.metadata })) continue",
    replace:
      "if (flight.trigger === \"refresh\" || !fits({ encryptionContext, metadata: flight.entry?.metadata })) continue",
    killedBy: refresh("promise 12: refresh ahead > what succeeds after an invalidation is dropped")
  },
  {
    name: "refresh by a timer",
    file: flights,
    find: "put(entry, request.cache, () => close(flight))",
    replace: "put(entry, request.cache, () => close(flight))\n" +
      "      if (refresh !== undefined) {\n" +
      "        const renew = Effect.sync(() => start(open(request, \"refresh\", nowUnsafe(clock))))\n" +
      "        fork(Effect.delay(renew, refresh.ageMillis))\n" +
      "      }",
    killedBy: refresh("promise 12: refresh ahead > not before, and never by a timer: idle entries are left to expire")
  },
  {
    name: "refresh is joined by nobody",
    file: flights,
    find: "flight !== undefined && flight.entry === undefined &&\n",
    replace: "flight !== undefined && flight.entry === undefined && flight.trigger === \"request\" &&\n",
    killedBy: refresh(
      "promise 12: refresh ahead > a miss joins the refresh, also after the old entry expired, and only while it fits"
    )
  },
  {
    name: "a request waits for the delay of a retry",
    file: flights,
    find: "Effect.flatMap(fetch, (materials) =>",
    replace: "Effect.flatMap(flight.trigger === \"refresh\" ? Effect.retry(fetch, options.refresh!.retry) : fetch, " +
      "(materials) =>",
    killedBy: refresh("promise 12: refresh ahead > no request waits for a retry delay")
  },
  {
    name: "a failed refresh is closed after it is tried again",
    file: flights,
    find: "close(flight)\n    settle(flight, outcome, Exit.failCause(cause))",
    replace: "settle(flight, outcome, Exit.failCause(cause))\n    close(flight)",
    killedBy: refresh("promise 12: refresh ahead > a schedule without delays retries too")
  },
  {
    name: "a byte budget of 0 is always due for a refresh",
    file: entry,
    find: "(bytes > 0n && bytes >= this.refresh.bytes)",
    replace: "bytes >= this.refresh.bytes",
    killedBy: found("found by the model > a byte budget of 0 is never past its share: no refresh with each encrypt")
  },
  {
    name: "a request during the delay of a retry starts another refresh",
    file: flights,
    find: "if (flights.has(request.key) || refreshing.has(request.key)) return false",
    replace: "if (flights.has(request.key)) return false",
    killedBy: refresh(
      "promise 12: refresh ahead > failures are retried with the schedule while the old entry is within its limits, and " +
        "fail no request that it serves"
    )
  },
  {
    name: "an interrupted joiner ends a refresh",
    file: flights,
    find: "if (flight.waiters.size > 0 || flight.trigger === \"refresh\") return",
    replace: "if (flight.waiters.size > 0) return",
    killedBy: refresh("promise 12: refresh ahead > an interrupted joiner does not end a refresh")
  },
  {
    name: "refreshes are counted as requests",
    file: flights,
    find: "open(request, \"refresh\", nowUnsafe(clock))",
    replace: "open(request, \"request\", nowUnsafe(clock))",
    killedBy: refresh(
      "promise 12: refresh ahead > failures are retried with the schedule while the old entry is within its limits, and " +
        "fail no request that it serves"
    )
  },
  {
    name: "the point of a refresh is not jittered",
    file: "src/caching/RefreshAhead.ts",
    find: ".getUint32(0) / 2 ** 33",
    replace: ".getUint32(0) * 0",
    killedBy: refresh("promise 12: refresh ahead > the point is jittered, drawn when the entry is made")
  }
]

/** Keys in memory: promise 14. */
const inMemory: ReadonlyArray<Mutant> = [
  {
    name: "eviction that zeroes an operation's copy: it is the entry's own key",
    file: entry,
    find: "DataKey.copyFrom(this.#dataKey)",
    replace: "DataKey.make(this.#dataKey)",
    killedBy: promises("promise 14: keys in memory > an eviction leaves the copies of running operations alone")
  },
  {
    name: "eviction that zeroes an operation's copy: it is a view of the entry's key",
    file: "src/model/DataKey.ts",
    find: "make(new Uint8Array(key))",
    replace: "make(key.subarray())",
    killedBy: zeroing("promise 14: eviction zeroes the entry's own bytes at once, and no operation's > cleared")
  },
  {
    name: "an entry's bytes not zeroed on replacement",
    file: entry,
    find: "if (!this.discard()) return false",
    replace: "if (cause !== \"replaced\" && !this.discard()) return false",
    killedBy: zeroing(
      "promise 14: eviction zeroes the entry's own bytes at once, and no operation's > replaced: by a manager that shares " +
        "the cache and the partition"
    )
  },
  {
    name: "a replaced entry is not evicted",
    file: localCache,
    find: "entries.get(entry.metadata.key)?.evict(\"replaced\", now)",
    replace: "",
    killedBy: zeroing(
      "promise 14: eviction zeroes the entry's own bytes at once, and no operation's > replaced: by a manager that shares " +
        "the cache and the partition"
    )
  },
  {
    name: "an entry's bytes not zeroed on eviction",
    file: entry,
    find: "this.#dataKey.fill(0)\n",
    replace: "",
    killedBy: zeroing("promise 14: eviction zeroes the entry's own bytes at once, and no operation's > capacity")
  },
  {
    name: "an entry's bytes not zeroed when the scope of its cache closes",
    file: localCache,
    find: "evictWhere(() => true, \"scope\")\n",
    replace: "entries.clear()\n",
    killedBy: promises(
      "promise 14: keys in memory > the closing of the cache's scope zeroes every entry, and what is put later is not kept"
    )
  },
  {
    name: "an entry keeps a view of the message that it came from",
    file: manager,
    find: "EncryptedDataKey.copy(materials.unwrappedDataKey)",
    replace: "materials.unwrappedDataKey",
    killedBy: promises(
      "what an entry keeps > is its own: no larger buffer stays alive for it, and nobody else's array changes it"
    )
  },
  {
    name: "an entry's bytes not zeroed when its put fails",
    file: flights,
    find: "evict(entry, cache, closed ? \"scope\" : \"deleted\", nowUnsafe(clock))",
    replace: "if (closed) evict(entry, cache, \"scope\", nowUnsafe(clock))",
    killedBy: zeroing(
      "promise 14: eviction zeroes the entry's own bytes at once, and no operation's > an entry that its cache fails to " +
        "store is zeroed too"
    )
  },
  {
    name: "an entry on its way into the cache outlives the manager",
    file: flights,
    find: "evict(entry, cache, closed ? \"scope\" : \"deleted\", nowUnsafe(clock))",
    replace: "if (!closed) evict(entry, cache, \"deleted\", nowUnsafe(clock))",
    killedBy: found("found by the model > an entry that is on its way into the cache is zeroed when the manager closes")
  },
  {
    name: "a cache is not told that its put failed",
    file: flights,
    find: "evict(entry, cache, closed ? \"scope\" : \"deleted\", nowUnsafe(clock))",
    replace: "entry.discard()",
    killedBy: found(
      "found by the model > an entry whose put failed leaves the cache that stored it all the same: its capacity stays " +
        "its capacity"
    )
  },
  {
    name: "the leftovers of a closed flight are not zeroed",
    file: flights,
    find: "close(flight)\n      entry.discard()",
    replace: "close(flight)",
    killedBy: zeroing(
      "promise 14: eviction zeroes the entry's own bytes at once, and no operation's > the leftovers of a flight that " +
        "nobody can join any more are zeroed too"
    )
  },
  {
    name: "an operation's copy outlives it",
    file: flights,
    find: "if (claim.materials !== undefined) DataKey",
    replace: "if (claim.materials !== undefined && closed) DataKey",
    killedBy: promises("promise 14: keys in memory > each operation owns a copy, which is zeroed when it ends")
  },
  {
    name: "a released key is dropped, not zeroed",
    file: "src/model/DataKey.ts",
    find: "bytes.success.fill(0)",
    replace: "",
    killedBy: promises("promise 14: keys in memory > each operation owns a copy, which is zeroed when it ends")
  }
]

/** Faults of a cache: promise 16. */
const faulty: ReadonlyArray<Mutant> = [
  {
    name: "an entry of another key is accepted",
    file: flights,
    find: "found.metadata.key === key",
    replace: "found.metadata.key.length === key.length",
    killedBy: promises(
      "promise 16: a cache's faults are misses > an entry of the wrong kind, or of another key, is a miss"
    )
  },
  {
    name: "an evicted entry is served",
    file: flights,
    find: "found instanceof Entry && !found.evicted &&",
    replace: "found instanceof Entry &&",
    killedBy: promises(
      "promise 16: a cache's faults are misses > an entry that was evicted is a miss, though the cache still answers it"
    )
  },
  {
    name: "a put is waited for",
    file: flights,
    find: "put(entry, request.cache, () => close(flight))",
    replace: "put(entry, request.cache, () => {\n" +
      "        close(flight)\n" +
      "        for (const waiter of waiters) deliver(waiter, waiter.claim.materials!, { _tag: \"Miss\", usage: waiter.charge })\n" +
      "      })\n" +
      "      return",
    killedBy: promises("promise 16: a cache's faults are misses > nobody waits for a put")
  },
  {
    name: "a cache that hangs is waited for",
    file: flights,
    find: "Effect.timeoutOption(answer, options.cacheTimeout)",
    replace: "Effect.timeoutOption(answer, Duration.infinity)",
    killedBy: promises(
      "promise 16: a cache's faults are misses > get timedOut: never a failed encrypt or decrypt, and counted"
    )
  }
]

/** Control: promise 17, warming, revocation and seeding. */
const controlled: ReadonlyArray<Mutant> = [
  {
    name: "a fetch in flight survives an invalidation",
    file: flights,
    find: "cause, now)\n      close(flight)\n    }\n  }",
    replace: "cause, now)\n    }\n  }",
    killedBy: control(
      "promise 17: invalidate and clear > invalidate: fetches in flight serve their waiters, and nothing of them is cached"
    )
  },
  {
    name: "invalidation by a pair that is not stored misses the fetch in flight",
    file: manager,
    find: ": { ...copied.encryptionContext, ...expectedEncryptionContext },",
    replace: ": copied.encryptionContext,",
    killedBy: found(
      "found by the model > an invalidation by a pair that is reproduced, and not stored, closes the flight"
    )
  },
  {
    name: "an entry on its way into the cache survives an invalidation",
    file: flights,
    find: "if (flight.entry !== undefined) evict(flight.entry, flight.request.cache, cause, now)\n",
    replace: "if (flight.trigger === \"refresh\") evict(flight.entry!, flight.request.cache, cause, now)\n",
    killedBy: control(
      "promise 17: invalidate and clear > what was invalidated while its put was in flight is not served"
    )
  },
  {
    name: "clear of another partition",
    file: manager,
    find: "metadata.partitionId === partitionId && fits(metadata)",
    replace: "fits(metadata)",
    killedBy: control("promise 17: invalidate and clear > clear clears this manager's partition, and no other")
  },
  {
    name: "clear forgets the cache of decryption entries",
    file: manager,
    find: "new Set([cache, decryptCache])",
    replace: "new Set([cache])",
    killedBy: control("promise 17: invalidate and clear > clear clears this manager's partition, and no other")
  },
  {
    name: "invalidation by a part of a wrapping key's name",
    file: manager,
    find: "wrappingKeyName(edk) === wrappingKey",
    replace: "wrappingKeyName(edk).startsWith(wrappingKey)",
    killedBy: control("promise 17: invalidate and clear > by the key that generated or unwrapped the data key")
  },
  {
    name: "warming is charged a message",
    file: manager,
    find: "charge: { messages: 0, bytes: 0n } }",
    replace: "charge: { messages: 1, bytes: 0n } }",
    killedBy: control("warm > fetches before traffic, charges nothing, and does not fetch again")
  },
  {
    name: "a denial empties other contexts too",
    file: manager,
    find: "(denied && metadata.key === key) ||",
    replace: "(denied && metadata.key?.length === key.length) ||",
    killedBy: control("evictRevoked > access denied drops only the entry whose own refresh was denied")
  },
  {
    name: "a denial drops entries unasked",
    file: manager,
    find: "if (options.evictRevoked === true)",
    replace: "if (options.evictRevoked !== false)",
    killedBy: control("evictRevoked > is off by default")
  },
  {
    name: "a disabled key takes the entries of other keys with it",
    file: manager,
    find: "unavailable.has(EncryptedDataKey.printableInfo(keyProviderInfo))",
    replace: "unavailable.size > 0 && keyProviderInfo.length > 0",
    killedBy: control("evictRevoked > a key that is Disabled takes all entries of that key with it, and no other key's")
  },
  {
    name: "the decrypt cache is seeded unasked",
    file: manager,
    find: "options.seedDecryptCache === true && decryptCache.stores",
    replace: "options.seedDecryptCache !== false && decryptCache.stores",
    killedBy: control("seedDecryptCache > is off by default")
  },
  {
    name: "a seeded entry serves another manager",
    file: manager,
    find: "const managerId = Hex.encode(yield* primitives.randomBytes(16))",
    replace: "const managerId = partitionId",
    killedBy: control("seedDecryptCache > another manager with the same partition must ask")
  },
  {
    name: "decryption entries go to the cache of encryption entries",
    file: manager,
    find: "cache: decryptCache,",
    replace: "cache,",
    killedBy: promises(
      "a cache of its own for decryption > many distinct decrypts do not evict the encryption entries"
    )
  }
]

/** Policies. */
const decided: ReadonlyArray<Mutant> = [
  {
    name: "a rule that throws admits",
    file: "src/caching/CachePolicy.ts",
    find: "catch {\n      return bypass\n",
    replace: "catch {\n      continue\n",
    killedBy: control(
      "rules, over the running manager > a rule that throws means bypass, for encrypt and decrypt, and is passed on unchanged"
    )
  },
  {
    name: "a rule's bypass is not obeyed",
    file: "src/caching/CachePolicy.ts",
    find: "if (decoded === undefined) return bypass",
    replace: "if (decoded === undefined) continue",
    killedBy: control(
      "rules, over the running manager > a rule by context keeps a tenant out of the cache, and binds another more strictly"
    )
  },
  {
    name: "a rule's thresholds are not obeyed",
    file: manager,
    find: "maxMessagesEncrypted: thresholds.maxMessagesEncrypted ?? limits",
    replace: "maxMessagesEncrypted: limits",
    killedBy: control(
      "rules, over the running manager > a rule by context keeps a tenant out of the cache, and binds another more strictly"
    )
  },
  {
    name: "tightest takes the looser threshold",
    file: "src/caching/CachePolicy.ts",
    find: "order(b, a) ? b : a",
    replace: "order(b, a) ? a : b",
    killedBy: policies("rules > can make a policy stricter, but never looser")
  }
]

/** The local cache. */
const kept: ReadonlyArray<Mutant> = [
  {
    name: "local cache evicts the most recently used",
    file: localCache,
    find: "entries.values().next().value?.evict(\"capacity\", now)",
    replace: "[...entries.values()].at(-2)?.evict(\"capacity\", now)",
    killedBy: local("capacity > the least recently used entry makes room, for encryption and decryption alike")
  },
  {
    name: "local cache evicts the oldest, however recently used",
    file: localCache,
    find: "entries.delete(key)\n",
    replace: "",
    killedBy: local("capacity > the least recently used entry makes room, for encryption and decryption alike")
  },
  {
    name: "local cache keeps one entry more than its capacity",
    file: localCache,
    find: "if (entries.size > capacity)",
    replace: "if (entries.size > capacity + 1)",
    killedBy: local("capacity > the least recently used entry makes room, for encryption and decryption alike")
  },
  {
    name: "sweep skips what was used after a younger entry",
    file: localCache,
    find: "evictWhere((entry) => entry.isExpired(now), \"age\")",
    replace: "let young = false\n        evictWhere((entry) => !(young ||= !entry.isExpired(now)), \"age\")",
    killedBy: local("sweep > evicts what is expired wherever it stands in the order of use")
  },
  {
    name: "sweep keeps the process alive",
    file: localCache,
    find: "while (entries.size > 0)",
    replace: "while (!closed)",
    killedBy: local("sweep > sleeps only while there are entries")
  },
  {
    name: "a delete evicts the entry that took the place",
    file: localCache,
    find: "if (current === entry) current.evict(",
    replace: "if (current !== undefined) current.evict(",
    killedBy: local("operations > delete evicts this very entry, and leaves one that took its place")
  }
]

export const mutants: ReadonlyArray<Mutant> = [
  ...cached,
  ...charged,
  ...inFlight,
  ...refreshed,
  ...inMemory,
  ...faulty,
  ...controlled,
  ...decided,
  ...kept
]
