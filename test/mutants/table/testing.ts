/** Defects of the test kit, whose assertions must not hold by mistake. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const script = "src/testing/internal/script.ts"
const scriptedKms = "src/testing/ScriptedKms.ts"

const by = places.byFolder("testing")
const byKms = by("ScriptedKms", "ScriptedKms > ")
const byAssertions = by("ScriptedKms")
const byCache = by("FaultyCache", "FaultyCache > ")
const byManager = by("FaultyCache", "a caching manager over a cache that > ")

export const testing: ReadonlyArray<Mutant> = [
  {
    name: "more calls than were expected are as good",
    file: scriptedKms,
    find: "actual[operation] === wanted[operation]",
    replace: "actual[operation]! >= wanted[operation]!",
    killedBy: byAssertions("assertCalls > fails where there are more, fewer, or others, and lists the calls")
  },
  {
    name: "one plaintext that is not zeroed is as good as none",
    file: scriptedKms,
    find: "if (unreleased.length === 0) return Effect.void",
    replace: "if (unreleased.length <= 1) return Effect.void",
    killedBy: byAssertions("assertAllReleased > fails while a plaintext is not zeroed, and names the calls")
  },
  {
    name: "the log has a copy of a plaintext, which nothing zeroes",
    file: scriptedKms,
    find: "bytes: Redacted.value(secret) }",
    replace: "bytes: Redacted.value(secret).slice() }",
    killedBy: byKms("keeps the very arrays that it handed out, and tells which are not zeroed")
  },
  {
    name: "a plaintext that a rule replaced is not zeroed",
    file: scriptedKms,
    find: "if (response[secret] !== undefined) DataKey.zero(response[secret])",
    replace: "if (response[secret] !== undefined) DataKey.value(response[secret])",
    killedBy: byKms("an answer can be tampered with; a plaintext that is replaced is zeroed and not counted")
  },
  {
    name: "an unreachable provider cannot be retried",
    file: scriptedKms,
    find: "failure === \"Throttled\" || failure === \"Unreachable\"",
    replace: "failure === \"Throttled\"",
    killedBy: byKms("a failure that is Unreachable has the code TimeoutError, retryable true")
  },
  {
    name: "a rule applies once less than it says",
    file: script,
    find: "rule.matched > times",
    replace: "rule.matched >= times",
    killedBy: byKms("a rule applies by operation, key, number, times and predicate, and to nothing else")
  },
  {
    name: "a call that outlives its log is in the next one",
    file: script,
    find: "const { calls, kept } = entries\n",
    replace: "const { calls } = entries\n",
    also: {
      find: "if (item !== undefined) kept.push(item)",
      replace: "if (item !== undefined) entries.kept.push(item)"
    },
    killedBy: byKms("clearing the log starts anew, also for calls that still run")
  },
  {
    name: "a call that died was interrupted",
    file: script,
    find: "Exit.hasInterrupts(exit) ? \"Interrupted\" : \"Died\"",
    replace: "Exit.isFailure(exit) ? \"Interrupted\" : \"Died\"",
    killedBy: byCache("logs its calls: which, when, and what became of them")
  },
  {
    name: "an entry that a cache lost is not evicted",
    file: "src/testing/FaultyCache.ts",
    find: "return entry === undefined ? Effect.void : CacheEntry.evict(entry, \"capacity\")",
    replace: "return entry === undefined ? CacheEntry.evict(entry!, \"capacity\") : Effect.void",
    killedBy: byManager("loses entries fetches anew; what is lost is zeroed, or is still there")
  },
  {
    name: "seeded randomness repeats within a long array",
    file: "src/testing/SeededRandom.ts",
    find: "counter.setUint32(8, index)",
    replace: "counter.setUint32(8, index & 1)",
    killedBy: by("SeededRandom", "SeededRandom > ")("is the SHA-384 counter stream that it says it is")
  },
  {
    name: "counts of one run are those of the run before too",
    file: "src/testing/CachingCounts.ts",
    find: "Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))",
    replace: "Effect.provideService(effect, Metric.MetricRegistry, new Map())",
    killedBy: by("CachingCounts", "CachingCounts > ")("is isolated from what others count, in every run anew")
  }
]
