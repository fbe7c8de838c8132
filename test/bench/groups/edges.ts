/** What it costs to come from outside of Effect, and what it costs when somebody listens. */
import { Effect, Metric, Tracer } from "effect"
import type { Benchmark } from "../support/benchmark.ts"
import * as Contest from "../support/contest.ts"
import { measure } from "../support/measure.ts"
import * as sides from "../support/sides.ts"

const suite = "0x0478"

/** A tracer that keeps the last thousand spans, as one does that exports them in batches. */
const recording = () => {
  const spans: Array<Tracer.Span> = []
  let next = 0
  return Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans[next++ % 1000] = span
      return span
    }
  })
}

const fromOutside: Benchmark = {
  name: "each call by Effect.runPromise",
  processes: 3,
  run: async (mode) => {
    const contest = Contest.small(await Contest.parties(suite))
    await Contest.warmUp([contest], mode, sides.eachFromOutside)
    return await Contest.results(contest, "0x0478, 1 KiB, each call by Effect.runPromise", mode, {
      calling: sides.eachFromOutside
    })
  }
}

const listened: Benchmark = {
  name: "where somebody listens; the floor is the same where nobody does",
  run: async (mode) => {
    const contest = Contest.small(await Contest.parties(suite))
    await Contest.warmUp([contest], { ...mode, withoutPeer: true })
    const { decrypt: { ours: decrypt }, encrypt: { ours: encrypt } } = contest
    const tracer = recording()
    const traced = (call: () => Effect.Effect<unknown, unknown>) => () => Effect.withTracer(call(), tracer)
    const registry = async () => {
      // A reader of the metrics, between calls: as an exporter that is scraped very often.
      await Effect.runPromise(Metric.snapshot)
    }
    const scraped = (call: () => Effect.Effect<unknown, unknown>): typeof inFiber => async (times) => {
      await sides.inOneFiber(call)(times)
      await registry()
    }
    const inFiber = sides.inOneFiber(encrypt)
    return [
      {
        case: "encrypt 0x0478, 1 KiB, a tracer listens; floor: nobody",
        unit: "ns",
        rounds: await measure({ ours: sides.inOneFiber(traced(encrypt)), floor: inFiber }, mode)
      },
      {
        case: "decrypt 0x0478, 1 KiB, a tracer listens; floor: nobody",
        unit: "ns",
        rounds: await measure({ ours: sides.inOneFiber(traced(decrypt)), floor: sides.inOneFiber(decrypt) }, mode)
      },
      {
        case: "encrypt 0x0478, 1 KiB, metrics are read every batch; floor: never",
        unit: "ns",
        rounds: await measure({ ours: scraped(encrypt), floor: inFiber }, mode)
      }
    ]
  }
}

export const benchmarks: ReadonlyArray<Benchmark> = [fromOutside, listened]
