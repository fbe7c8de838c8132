/**
 * A simulated day of traffic on the virtual clock, through a caching manager over a scripted KMS, and what must hold of it.
 *
 * At the level of the materials manager, because all that is looked at happens there: what is handed out, how often, how
 * old, and what is left in memory. The cryptography of a million messages would only take time.
 */
import { Effect, Layer, Metric } from "effect"
import type { MaterialsCacheError } from "effect-encryption-sdk/caching"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { ScriptedKms, SeededRandom } from "effect-encryption-sdk/testing"
import { TestClock } from "effect/testing"
import { type HeapOptions, makeHeaps } from "./heaps.ts"
import { checkEverything, checkpoint, compareMetrics } from "./inspection.ts"
import * as operations from "./operations.ts"
import * as Run from "./Run.ts"
import type * as sabotage from "./sabotage.ts"
import * as setting from "./setting.ts"
import * as traffic from "./traffic.ts"

/** Number of requests of a day. A run of fewer is a shorter day, with as many requests in each second. */
export const requestsOfADay = 1_000_000
export const requestsPerSecond = requestsOfADay / 86_400
const tenantCount = 2000
const requestsPerCheckpoint = 1000

export interface SoakOptions extends HeapOptions {
  readonly requests: number
  readonly seed: number
  /** What is broken on purpose. Default: nothing. */
  readonly sabotages?: ReadonlyArray<sabotage.Sabotage> | undefined
}

type Clock = Effect.Success<ReturnType<typeof TestClock.make>>

/** Sends the requests of one day. Inspects the run at checkpoints, between two steps of the clock, and after each tenth. */
const requests = Effect.fnUntraced(function*(
  options: SoakOptions,
  run: Run.Run,
  { cmm }: setting.Setting,
  clock: Clock,
  inspect: Readonly<Record<"checkpoint" | "tenth", Effect.Effect<void, MaterialsCacheError>>>
) {
  const draw = traffic.random(options.seed)
  const tenants = traffic.tenants(tenantCount)
  const drawTenant = traffic.popularity(tenants, draw)
  const { decrypt, encrypt, warm } = operations.make(run, cmm, draw)
  const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })
  const secondsOfDay = options.requests / requestsPerSecond
  const at = (share: number) => Math.floor(options.requests * share)
  let sent = 0
  let arrived = 0
  let checkedAt = 0
  let tenths = 0
  while (sent < options.requests) {
    yield* clock.adjust(operations.tickMillis)
    const seconds = clock.currentTimeMillisUnsafe() / 1000
    arrived += traffic.diurnal(requestsPerSecond, seconds / secondsOfDay) * operations.tickMillis / 1000
    // What rounding leaves over comes at the end of the day.
    const until = seconds >= secondsOfDay ? options.requests : Math.min(options.requests, Math.floor(arrived))
    if (sent - checkedAt >= requestsPerCheckpoint) {
      checkedAt = sent
      yield* inspect.checkpoint
    }
    for (; sent < until; sent++) {
      const message = run.book.message(draw() ** 4)
      yield* fork(message !== undefined && draw() < 0.4 ? decrypt(message) : encrypt(drawTenant()))
      if (sent % 500 === 0) {
        const { tenant = "" } = drawTenant().encryptionContext
        yield* cmm.invalidate({ encryptionContext: { tenant } })
      }
      if (sent % 2000 === 0) yield* Effect.forEach(tenants.slice(0, 10), (tenant) => fork(warm(tenant)))
      if (sent === at(0.25) || sent === at(0.75)) yield* cmm.clear
      if (sent === at(0.5)) yield* cmm.invalidate({ wrappingKey: setting.arn })
      if (tenths < 9 && sent === at((tenths + 1) / 10)) {
        tenths++
        yield* inspect.tenth
      }
    }
  }
})

/** One day, and what must hold at its end. */
const day = Effect.fnUntraced(function*(options: SoakOptions, run: Run.Run, clock: Clock) {
  const { check, outcomes } = run
  const arraysBefore = run.arrays.alive()
  const heaps = makeHeaps(options)
  const made = yield* setting.make(run, options.seed + 1)
  yield* requests(options, run, made, clock, {
    checkpoint: checkpoint(run, made, arraysBefore),
    tenth: Effect.andThen(compareMetrics(run, made), Effect.sync(heaps.record))
  })
  yield* clock.adjust("1 minute")
  yield* checkpoint(run, made, arraysBefore)
  const counts = yield* compareMetrics(run, made)
  heaps.record()
  const { holding, running, unreleased } = run
  check("ended", running === 0 && holding === 0, () => `${running} have not, ${holding} hold a data key`)
  check("kmsReleased", unreleased.length === 0, () => `${unreleased.length} at the end`)
  check("errors", outcomes.failed > 0, () => "none failed, though the KMS had faults")
  heaps.check(check)
  checkEverything(run, counts)
  return { counts, heaps: heaps.heaps, seconds: clock.currentTimeMillisUnsafe() / 1000 }
}, Effect.scoped)

/** One run. */
export const soak = (options: SoakOptions) =>
  Effect.gen(function*() {
    const clock = yield* TestClock.testClockWith(Effect.succeed)
    const run = Run.make(() => clock.currentTimeMillisUnsafe(), options.sabotages ?? [])
    yield* Effect.addFinalizer(() => Effect.sync(run.arrays.stop))
    const arraysAtFirst = run.arrays.alive()
    const figures = yield* Effect.provide(
      day(options, run, clock),
      ScriptedKms.layer({ keys: [{ arn: setting.arn }] }).pipe(
        Layer.provideMerge(SeededRandom.layer(`soak ${options.seed}`).pipe(Layer.provide(NodePrimitives.layer)))
      )
    )
    const left = run.arrays.alive() - arraysAtFirst
    run.check("scope", left === 0, () => `${left} data keys are not zeroed`)
    const { arrays, book, called, evicted, made, outcomes, results } = run
    return {
      ...figures,
      made,
      outcomes,
      called,
      evicted,
      arrays: arrays.recorded(),
      checks: { ...book.results, ...results }
    }
  }).pipe(
    Effect.scoped,
    Effect.provide(TestClock.layer()),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

export type Report = Effect.Success<ReturnType<typeof soak>>
