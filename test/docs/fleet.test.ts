/** That the guide's formulas for fleets say what the library does: a small fleet under TestClock, its calls counted. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { DefaultCmm, EncryptionSdk, type Keyring } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { BranchKeyAdmin, HierarchicalKeyring } from "effect-encryption-sdk/hierarchical"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { TestClock } from "effect/testing"
import * as costs from "../../docs/examples/fleet/costs.ts"
import { single, TestStore } from "../support/branchKeys.ts"
import { unsigned as algorithmSuite } from "../support/suites.ts"
import * as traffic from "../soak/traffic.ts"

const fleet: costs.Fleet = { processes: 3, contexts: 4, operationsPerSecond: 0.025, maxAge: 600 }

type Client = EncryptionSdk.EncryptionSdk

/** Two days of requests at random moments, of which the second counts; the first fills caches and the messages of a day. */
const callsOfDay = Effect.fnUntraced(function*(
  client: Effect.Effect<Client, unknown, any>,
  processOf: (drawn: number, context: number) => number
) {
  const draw = traffic.random(7)
  const pick = (count: number) => Math.floor(draw() * count)
  const script = yield* ScriptedKms.ScriptedKms
  const clients = yield* Effect.forEach(Array.from({ length: fleet.processes }), () => Effect.orDie(client))
  const messages: Array<{ readonly at: number; readonly context: number; readonly message: Uint8Array }> = []
  const rate = fleet.processes * fleet.operationsPerSecond
  let calls = 0
  let seconds = 0
  while (seconds < 2 * costs.secondsOfDay) {
    const wait = -Math.log(1 - draw()) / rate
    seconds += wait
    yield* TestClock.adjust(wait * 1000)
    while (messages.length > 0 && messages[0]!.at < seconds - costs.secondsOfDay) messages.shift()
    const read = draw() < 0.5 ? messages[pick(messages.length)] : undefined
    if (read === undefined) {
      const context = pick(fleet.contexts)
      const sdk = clients[processOf(pick(fleet.processes), context)]!
      const { message } = yield* sdk.encrypt("", { encryptionContext: { tenant: `t${context}` }, algorithmSuite })
      messages.push({ at: seconds, context, message })
    } else {
      yield* clients[processOf(pick(fleet.processes), read.context)]!.decrypt(read.message)
    }
    const { calls: ended } = yield* script.takeEnded
    if (seconds >= costs.secondsOfDay) calls += ended.length
  }
  return calls
})

const clientOf = <R>(materials: Layer.Layer<any, unknown, R>) =>
  Effect.map(
    Layer.build(EncryptionSdk.layer().pipe(Layer.provide(materials), Layer.provide(NodePrimitives.layer))),
    (context) => context.mapUnsafe.get(EncryptionSdk.EncryptionSdk.key) as Client
  )

const cached = (keyring: Layer.Layer<Keyring.Keyring, unknown, any>) =>
  CachingCmm.layer({ policy: { maxAge: `${fleet.maxAge} seconds` } }).pipe(
    Layer.provide(LocalCache.layer({ capacity: 1000 })),
    Layer.provide(keyring)
  )

const kmsKeyring = KmsKeyring.layer({ generatorKeyId: single })

const hierarchical = (branchKeyOf: (tenant: string) => string) =>
  DefaultCmm.layer.pipe(Layer.provide(HierarchicalKeyring.layer({
    branchKeyIdSupplier: ({ tenant }) => Effect.succeed(branchKeyOf(tenant!)),
    maxAge: `${fleet.maxAge} seconds`
  })))

const anyProcess = (drawn: number) => drawn

describe("the formulas of the guide for fleets", () => {
  for (
    const [title, layer, processOf, expected] of [
      ["caching CMM", cached(kmsKeyring), anyProcess, costs.localCaches(fleet)],
      [
        "and routed",
        cached(kmsKeyring),
        (_: number, context: number) => context % fleet.processes,
        costs.routed(fleet)
      ],
      ["a branch key for each context", hierarchical((tenant) => tenant), anyProcess, costs.hierarchical(fleet, 4)],
      [
        "two branch keys",
        hierarchical((tenant) => `t${Number(tenant[1]) % 2}`),
        anyProcess,
        costs.hierarchical(fleet, 2)
      ],
      ["one branch key", hierarchical(() => "t0"), anyProcess, costs.hierarchical(fleet, 1)]
    ] as const
  ) {
    it.effect(`are within 8 % of the library's calls in a simulated day: ${title}`, () =>
      Effect.gen(function*() {
        const admin = yield* BranchKeyAdmin.BranchKeyAdmin
        for (const branchKeyId of ["t0", "t1", "t2", "t3"]) {
          yield* admin.createKey({ branchKeyId, encryptionContext: { of: branchKeyId } })
        }
        const calls = yield* callsOfDay(clientOf(layer), processOf)
        assert.closeTo(calls / expected, 1, 0.08, `${calls} calls, ${expected.toFixed(0)} by the formula`)
      }).pipe(Effect.provide(TestStore)), 120_000)
  }

  it("agree with each other where they must", () => {
    const alone = { ...fleet, processes: 1 }
    assert.strictEqual(costs.routed(alone), costs.localCaches(alone))
    assert.isBelow(costs.hierarchical(fleet, 1), costs.hierarchical(fleet, 4))
    assert.isBelow(costs.localCaches(fleet), costs.withoutCache(fleet))
    assert.approximately(costs.hierarchical({ ...fleet, operationsPerSecond: 1e9 }, 1), 2 * 3 * 86_400 / 600, 1e-3)
  })
})
