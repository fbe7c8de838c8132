/** Random programs: calls that come, take their time, fail and are interrupted at any moment, with the order of fibers varied. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, type Exit, Fiber, Random } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { KmsGovernor } from "effect-encryption-sdk/kms/governor"
import { TestClock } from "effect/testing"
import { own } from "../../../src/kms/calls.ts"
import { arbitraryInterleaving, interleaved } from "../../caching/model/permutingScheduler.ts"
import { arbitraryInt } from "../../support/arbitraryBytes.ts"
import { callsOf, directedKms, keyIn, kmsError, mostWithin, stubborn } from "../../support/governedKms.ts"

/** One call of a program. Times are in steps of 10 milliseconds. */
interface Step {
  readonly wait: number
  readonly latency: number
  readonly failure: "none" | "Throttled" | "Unreachable" | "AccessDenied" | "hangs"
  readonly isBackground: boolean
  readonly region: "us-east-1" | "eu-west-1"
  /** Steps after its start at which it is interrupted, if ever. */
  readonly interruptedAfter: number | undefined
}

const failures = ["none", "none", "none", "Throttled", "Unreachable", "AccessDenied", "hangs"] as const
const step: Arbitrary.Arbitrary<Step> = Arbitrary.map(
  Arbitrary.all([
    arbitraryInt(0, 6),
    arbitraryInt(0, 20),
    arbitraryInt(0, failures.length - 1),
    arbitraryInt(0, 3),
    arbitraryInt(0, 3),
    arbitraryInt(-40, 30)
  ]),
  ([wait, latency, failure, kind, region, interrupted]) => ({
    wait,
    latency,
    failure: failures[failure]!,
    isBackground: kind === 0,
    region: region === 0 ? "eu-west-1" : "us-east-1",
    interruptedAfter: interrupted < 0 ? undefined : interrupted
  })
)

const rate = 40
const burst = 4
const concurrency = 3
const share = 0.2
const reserve = 2

const run = Effect.fnUntraced(function*(steps: ReadonlyArray<Step>, settle: Effect.Effect<void>, isStubborn: boolean) {
  const inFlight = new Map<string, number>()
  let most = 0
  const kms = directedKms((_number, { keyId, grantTokens: [index] }) => {
    const { failure, latency } = steps[Number(index)]!
    most = Math.max(most, (inFlight.get(keyId) ?? 0) + 1)
    inFlight.set(keyId, (inFlight.get(keyId) ?? 0) + 1)
    const rest = failure === "hangs"
      ? Effect.never
      : Effect.andThen(Effect.sleep(latency * 10), failure === "none" ? Effect.void : Effect.fail(kmsError(failure)))
    return Effect.ensuring(rest, Effect.sync(() => void inFlight.set(keyId, inFlight.get(keyId)! - 1)))
  })
  const governor = yield* KmsGovernor.make({
    rate,
    burst: "100 millis",
    concurrency,
    deadline: "2 seconds",
    retries: { share, burst: reserve, baseDelay: "50 millis", maxAttempts: 4 },
    adaptation: { floor: 0.5 },
    circuit: { failures: 5, openFor: "1 second" }
  })
  const { calls } = callsOf(governor.govern(isStubborn ? stubborn(kms.operations) : kms.operations))
  const ends: Array<Array<Exit.Exit<unknown, unknown>>> = []
  const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  const interruptions: Array<readonly [at: number, index: number]> = []
  let now = 0
  const move = Effect.fnUntraced(function*(to: number) {
    for (; now < to; now++) {
      yield* settle
      for (const [at, index] of interruptions) if (at === now) fibers[index]!.interruptUnsafe()
      yield* settle
      yield* TestClock.adjust("10 millis")
    }
    yield* settle
  })
  for (const [index, { interruptedAfter, isBackground, region, wait }] of steps.entries()) {
    yield* move(now + wait)
    const request = { keyId: keyIn(region), grantTokens: [String(index)], encryptionContext: {}, numberOfBytes: 32 }
    const call = Effect.scoped(Effect.asVoid(own(calls.generateDataKey(request))))
    const fiber = yield* Effect.forkChild(isBackground ? KmsGovernor.background(call) : call)
    fibers.push(fiber)
    ends.push([])
    fiber.addObserver((exit) => void ends[index]!.push(exit))
    if (interruptedAfter !== undefined) interruptions.push([now + interruptedAfter, index])
  }
  // Until the last deadline, and until a circuit that opens there lets a call through again.
  yield* move(now + 320)
  return { ...kms, ends, most, calls, move }
})

const check = Effect.fnUntraced(
  function*(steps: ReadonlyArray<Step>, settle: Effect.Effect<void>, isStubborn: boolean) {
    const result = yield* run(steps, settle, isStubborn)
    assert.isTrue(result.ends.every((exits) => exits.length === 1), "each call ends once, by its deadline")
    if (!isStubborn) assert.isAtMost(result.most, concurrency, "in flight in a Region")
    // Effect drops what an effect returns that is not interruptible, where the fiber around it is interrupted.
    if (!isStubborn) assert.isTrue(result.handedOut.every((key) => !DataKey.isDataKey(key)), "a plaintext is left")
    for (const region of ["us-east-1", "eu-west-1"]) {
      const sent = result.sent.filter(({ request }) => request.keyId === keyIn(region))
      const times = sent.map(({ at }) => at)
      for (const span of [100, 500, 1000]) {
        assert.isAtMost(mostWithin(times, span), burst + Math.ceil(rate * span / 1000), `calls in ${span} ms`)
      }
      const attempts = new Map<string, number>()
      for (const { request: { grantTokens: [index] } } of sent) attempts.set(index!, (attempts.get(index!) ?? 0) + 1)
      const requests = steps.filter((one) => one.region === region && !one.isBackground).length
      assert.isAtMost(sent.length - attempts.size, reserve + share * requests, "retries")
      for (const [index, count] of attempts) if (steps[Number(index)]!.isBackground) assert.strictEqual(count, 1)
    }
    if (isStubborn) return
    // No place is lost: as many as there are can be in flight again, once the circuit is closed.
    const call = result.calls.generateDataKey({
      keyId: keyIn("us-east-1"),
      grantTokens: [String(steps.length - 1)],
      encryptionContext: {},
      numberOfBytes: 1
    })
    yield* Effect.forkChild(call)
    yield* settle
    yield* TestClock.adjust("2 seconds")
    yield* settle
    const before = result.sent.length
    const fibers = yield* Effect.forEach(
      Array.from({ length: concurrency }),
      () => Effect.forkChild(Effect.result(call))
    )
    yield* settle
    assert.strictEqual(result.sent.length - before, concurrency, "places")
    yield* Fiber.interruptAll(fibers)
  }
)

const last: Step = {
  wait: 20,
  latency: 1,
  failure: "none",
  isBackground: false,
  region: "us-east-1",
  interruptedAfter: undefined
}

describe("random programs", () => {
  for (const isStubborn of [false, true]) {
    it.effect.prop(
      `${isStubborn ? "no interruption ends a call" : "calls end where they are interrupted"}: the invariants hold`,
      {
        steps: Arbitrary.array(step, { minLength: 1, maxLength: 40 }),
        interleaving: arbitraryInterleaving
      },
      ({ interleaving, steps }) =>
        interleaved(
          interleaving,
          (settle) => Random.withSeed(Effect.scoped(check([...steps, last], settle, isStubborn)), interleaving.seed)
        ),
      {
        timeout: 180_000,
        arbitrary: { seed: "governed programs", runs: isStubborn ? 50 : 150, size: 40, maxShrinks: 300 }
      }
    )
  }
})
