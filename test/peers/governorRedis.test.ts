/** Governors of a fleet over one Redis server: they share the rate, and go on without it. */
import { NodeRedis } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import { KmsGovernor, KmsGovernorMetrics } from "effect-encryption-sdk/kms/governor"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { callsOf, directedKms } from "../support/governedKms.ts"
import * as RedisServer from "./support/redisServer.ts"

const rate = 100

/** A process of the fleet: a connection and a governor of its own. */
const process = Effect.fnUntraced(function*(url: string) {
  const kms = directedKms()
  const store = RateLimiter.layerStoreRedis().pipe(Layer.provide(NodeRedis.layer({ url })))
  const context = yield* Layer.build(store)
  const governor = yield* Effect.provide(
    KmsGovernor.makeShared({
      rate,
      deadline: "2 seconds",
      store: { deadline: "500 millis", localShare: 0.2, retryAfter: "500 millis" }
    }),
    context
  )
  return { ...kms, ...callsOf(governor.govern(kms.operations)) }
})

const fleet = Effect.gen(function*() {
  const server = yield* RedisServer.make
  const processes = yield* Effect.all([process(server.url), process(server.url)])
  /** Calls of each process above the rate, for a time, and the number that got through. */
  const load = Effect.fnUntraced(function*(seconds: number) {
    const before = processes.map(({ sent }) => sent.length)
    for (let step = 0; step < seconds * 20; step++) {
      for (const { decrypt } of processes) {
        yield* Effect.forEach(
          Array.from({ length: 8 }),
          () => Effect.forkScoped(Effect.result(decrypt())),
          { discard: true }
        )
      }
      yield* Effect.sleep("50 millis")
    }
    return processes.map(({ sent }, index) => sent.length - before[index]!)
  })
  return { server, processes, load }
})

const lost = Effect.map(Metric.value(KmsGovernorMetrics.storeLost({})), ({ count }) => count)

describe("governors over one Redis", () => {
  it.live("share one rate, each with a part of it", () =>
    Effect.gen(function*() {
      const { load } = yield* fleet
      yield* load(1)
      const [one, other] = yield* load(4)
      assert.isAtMost(one! + other!, rate * 4 * 1.15)
      assert.isAtLeast(one! + other!, rate * 4 * 0.5)
      assert.isAtLeast(Math.min(one!, other!), rate * 4 * 0.15)
    }).pipe(Effect.scoped), 60_000)

  it.live(
    "go on within their local share when it is lost, and share again when it is back",
    () =>
      Effect.gen(function*() {
        const { load, server } = yield* fleet
        yield* load(1)
        const before = yield* lost
        yield* server.kill
        // What had its token already, and the time until the loss is seen.
        yield* load(1)
        const local = yield* load(4)
        for (const count of local) {
          assert.isAtMost(count, rate * 0.2 * 4 * 1.25)
          assert.isAtLeast(count, rate * 0.2 * 4 * 0.5)
        }
        assert.isAtLeast((yield* lost) - before, 2)
        yield* server.start
        yield* load(5)
        const together = (yield* load(3)).reduce((sum, count) => sum + count, 0)
        assert.isAtMost(together, rate * 3 * 1.2)
        assert.isAtLeast(together, rate * 3 * 0.5)
      }).pipe(Effect.scoped),
    60_000
  )
})
