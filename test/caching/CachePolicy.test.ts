import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, DateTime, Duration, Effect, Schema } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { CachePolicy } from "effect-encryption-sdk/caching"
import { Arbitraries } from "effect-encryption-sdk/testing"

/** What an entry would have come to, were the request served from it. */
const Entry = Schema.Struct({
  age: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 120 })),
  messages: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 25 })),
  bytes: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 }))
})

/** The decision by which the laws are tested: may this request be served from such an entry? */
const admits = (
  policy: CachePolicy.CachePolicy,
  request: CachePolicy.RuleRequest,
  entry: typeof Entry.Type
): boolean => {
  const decision = CachePolicy.decide(policy, request)
  if (decision._tag === "Bypass") return false
  const { maxAge, maxBytesEncrypted, maxMessagesEncrypted } = decision.thresholds
  return (maxAge === undefined || entry.age * 1000 < Duration.toMillis(maxAge)) &&
    (maxMessagesEncrypted === undefined || entry.messages <= maxMessagesEncrypted) &&
    (maxBytesEncrypted === undefined || BigInt(entry.bytes) <= maxBytesEncrypted)
}

const law = (
  name: string,
  holds: (
    a: CachePolicy.CachePolicy,
    b: CachePolicy.CachePolicy,
    c: CachePolicy.CachePolicy,
    decide: (policy: CachePolicy.CachePolicy) => boolean
  ) => void
) =>
  it.effect.prop(
    name,
    {
      a: Arbitraries.policy,
      b: Arbitraries.policy,
      c: Arbitraries.policy,
      request: Arbitraries.ruleRequest,
      entry: Entry
    },
    ({ a, b, c, entry, request }) => Effect.sync(() => holds(a, b, c, (policy) => admits(policy, request, entry))),
    { arbitrary: { seed: name, runs: 500 } }
  )

const { tightest } = CachePolicy

describe("tightest, by its decisions", () => {
  law(
    "is associative",
    (a, b, c, decide) => assert.strictEqual(decide(tightest(tightest(a, b), c)), decide(tightest(a, tightest(b, c))))
  )
  law("is commutative", (a, b, _, decide) => assert.strictEqual(decide(tightest(a, b)), decide(tightest(b, a))))
  law("is idempotent", (a, _b, _c, decide) => assert.strictEqual(decide(tightest(a, a)), decide(a)))
  law("has the empty policy as its identity", (a, _b, _c, decide) => {
    assert.strictEqual(decide(tightest(a, CachePolicy.empty)), decide(a))
    assert.strictEqual(decide(tightest(CachePolicy.empty, a)), decide(a))
  })
  law(
    "admits what both parts admit, and never what one of them refuses",
    (a, b, _, decide) => assert.strictEqual(decide(tightest(a, b)), decide(a) && decide(b))
  )
  law("is the same data-last", (a, b, _, decide) => assert.strictEqual(decide(tightest(b)(a)), decide(tightest(a, b))))
})

describe("rules", () => {
  const request: CachePolicy.RuleRequest = {
    operation: "encrypt",
    encryptionContext: { tenant: "a" },
    algorithmSuite: AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
    plaintextLength: 10,
    time: DateTime.makeUnsafe(0)
  }

  it("are all given the request and the time", () => {
    const seen: Array<CachePolicy.RuleRequest> = []
    const rule = CachePolicy.rule((request) => {
      seen.push(request)
      return undefined
    })
    const other = CachePolicy.rule((request) => {
      seen.push(request)
      return undefined
    })
    CachePolicy.decide(tightest(rule, other), request)
    assert.deepStrictEqual(seen, [request, request])
  })

  it("can make a policy stricter, but never looser", () => {
    const policy = Effect.runSync(CachePolicy.make({ maxAge: "1 minute", maxMessagesEncrypted: 10 }))
    const loose = CachePolicy.rule(() => ({ maxAge: "1 hour", maxMessagesEncrypted: 5 }))
    assert.deepStrictEqual(CachePolicy.decide(tightest(policy, loose), request), {
      _tag: "Within",
      thresholds: { maxAge: Duration.minutes(1), maxMessagesEncrypted: 5 }
    })
  })

  for (
    const [title, rule] of [
      ["throws", () => {
        throw new Error("rule")
      }],
      ["answers what is no threshold", () => ({ maxAge: 5 as never })],
      ["answers a promise", () => Promise.resolve({}) as never],
      ["answers a number", () => 1 as never],
      ["answers null", () => null as never]
    ] as ReadonlyArray<readonly [string, CachePolicy.Rule]>
  ) {
    it(`a rule that ${title} means bypass`, () => {
      assert.deepStrictEqual(CachePolicy.decide(CachePolicy.rule(rule), request), { _tag: "Bypass" })
    })
  }
})

describe("what is no policy", () => {
  it("a rule that is no function is an error at once, and no bypass later", () => {
    for (const value of [undefined, null, "bypass", {}]) {
      assert.throws(() => CachePolicy.rule(value as never), TypeError, /must be a function/)
    }
  })

  it.effect("values are shown on one line, with a bound", () =>
    Effect.gen(function*() {
      const { message } = yield* Effect.flip(
        CachePolicy.make({ maxAge: `5 minutes\n\u202e${"x".repeat(10_000)}` as never })
      )
      assert.isBelow(message.length, 400)
      assert.notMatch(message, /[\n\u202e]/u)
    }))
})

describe("configuration", () => {
  const environment = (variables: Record<string, string>) =>
    CachePolicy.config(["esdk", "cache"]).parse(
      ConfigProvider.fromEnv({ env: variables }).pipe(ConfigProvider.constantCase)
    )

  it.effect("reads thresholds from the environment, exactly", () =>
    Effect.gen(function*() {
      const policy = yield* environment({
        ESDK_CACHE_MAX_AGE: "5 minutes",
        ESDK_CACHE_MAX_MESSAGES_ENCRYPTED: "4294967296",
        ESDK_CACHE_MAX_BYTES_ENCRYPTED: "9223372036854775807"
      })
      assert.deepStrictEqual(policy.thresholds, {
        maxAge: Duration.minutes(5),
        maxMessagesEncrypted: 2 ** 32,
        maxBytesEncrypted: 2n ** 63n - 1n
      })
    }))

  for (
    const [variable, value, message] of [
      ["ESDK_CACHE_MAX_AGE", "300", /a bare number is refused.*got 300/],
      ["ESDK_CACHE_MAX_MESSAGES_ENCRYPTED", "0", /an integer from 1 to 4294967296, got 0/],
      ["ESDK_CACHE_MAX_BYTES_ENCRYPTED", "9223372036854775808", /an integer from 0 to 9223372036854775807/]
    ] as const
  ) {
    it.effect(`${variable}=${value} is refused`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(environment({ [variable]: value }))
        assert.match(error.message, message)
      }))
  }

  it.effect.prop(
    "JSON round trip through the Schema",
    { thresholds: Arbitraries.thresholds },
    ({ thresholds }) =>
      Effect.gen(function*() {
        const decoded = yield* Schema.decodeUnknownEffect(CachePolicy.Thresholds)(thresholds)
        const encoded = yield* Schema.encodeEffect(CachePolicy.Thresholds)(decoded)
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(CachePolicy.Thresholds)(encoded), decoded)
      }),
    { arbitrary: { seed: "thresholds", runs: 100 } }
  )

  it.effect("lists every violation, and refuses names that are none", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        CachePolicy.make({ maxAge: 5, maxMessagesEncrypted: 0, maxBytesEncrypted: -1, maxBytes: 3 } as never)
      )
      assert.deepStrictEqual(error.violations.map(({ field }) => field), [
        "maxBytes",
        "maxAge",
        "maxMessagesEncrypted",
        "maxBytesEncrypted"
      ])
    }))
})
