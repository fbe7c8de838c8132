/** What managers stand on: a manager that does what the program says, and primitives that draw what it says. */
import { Effect } from "effect"
import type { Primitives } from "effect-encryption-sdk/crypto"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { failed, scriptedManager } from "../../../support/scriptedManager.ts"
import * as Program from "../Program.ts"
import type { Observer } from "./observer.ts"

export const callSpecOf = (program: Program.Program) => (call: number): Program.CallSpec =>
  program.calls[(call - 1) % program.calls.length]!

export const makeUnderlying = (program: Program.Program, { observe }: Observer) => {
  const callSpec = callSpecOf(program)
  return scriptedManager({
    before: (call) => {
      const spec = callSpec(call)
      return Effect.sync(() => observe({ _tag: "Asked", call })).pipe(
        Effect.andThen(latencyOf(spec)),
        Effect.andThen(
          spec.outcome === "fails"
            ? Effect.fail(failed(`fault of call ${call}`))
            : spec.outcome === "dies"
            ? Effect.die(`fault of call ${call}`)
            : Effect.void
        )
      )
    },
    suite: (call, requested) =>
      callSpec(call).outcome === "answers what may not be cached"
        ? Program.uncacheableSuite
        : requested ?? Program.suites.explicit
  })
}

const latencyOf = ({ latency }: Program.CallSpec): Effect.Effect<void> =>
  latency === "hangs"
    ? Effect.sleep(Program.hang)
    : latency === "hangs, uninterruptibly"
    ? Effect.uninterruptible(Effect.sleep(Program.hang))
    : Effect.sleep(latency)

export const makePrimitives = (program: Program.Program, { observe }: Observer): Primitives.Primitives => {
  let draws = 0
  return {
    ...NodePrimitives.make,
    randomBytes: (length) =>
      Effect.sync(() => {
        const bytes = new Uint8Array(length)
        if (length === 4) {
          const draw = program.draws[draws++ % program.draws.length]!
          observe({ _tag: "Drawn", draw })
          new DataView(bytes.buffer).setUint32(0, draw * 2 ** 32)
        }
        return bytes
      })
  }
}
