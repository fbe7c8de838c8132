/** The commands of a program, as they are done to the real managers. */
import { Effect, Exit, Scheduler, Scope } from "effect"
import type { CachingCmm, MaterialsCache } from "effect-encryption-sdk/caching"
import { TestClock } from "effect/testing"
import * as Program from "../Program.ts"
import type * as ReferenceModel from "../ReferenceModel.ts"
import type { Caches } from "./caches.ts"
import type { Observer } from "./observer.ts"
import type { Requests } from "./requests.ts"
import { wrappingKeyOf } from "./Run.ts"

export interface Commanded {
  readonly observer: Observer
  readonly managers: readonly [CachingCmm.CachingCmm, CachingCmm.CachingCmm]
  readonly managerScopes: readonly [Scope.Closeable, Scope.Closeable]
  readonly caches: Caches
  readonly requests: Requests
  readonly settle: Effect.Effect<void>
  readonly own: MaterialsCache.MaterialsCache | undefined
  /** By how much the clock was set back, in milliseconds. */
  setBack: number
}

export const execute = (run: Commanded, command: Program.Command): Effect.Effect<void> => {
  const { caches, requests } = run
  switch (command._tag) {
    case "Request": {
      const { fibers, inTurn, manager, shape } = command
      return Effect.forEach(
        Array.from({ length: fibers }),
        () => requests.request({ manager, shape, warm: false }, inTurn),
        { discard: true }
      )
    }
    case "Warm":
      return requests.request({ manager: command.manager, shape: warmed(command.context), warm: true }, 1)
    case "Adjust":
    case "SetBack":
    case "Skew":
      return moveTime(run, command)
    case "Interrupt":
      return Effect.sync(() => {
        const candidates = requests.running()
        if (candidates.length > 0) requests.interrupt(candidates[command.which % candidates.length]!)
      })
    case "InterruptAll":
      return Effect.sync(() => requests.running().forEach(requests.interrupt))
    case "Invalidate":
      return invalidate(run, command)
    case "Clear":
      return clear(run, command.manager)
    case "ClearCache":
      return run.own === undefined
        ? Effect.sync(() => [0, 1].forEach(caches.clear))
        : control(run, Effect.ignoreCause(run.own.clear))
    case "EndOperations":
      return requests.endOperations
    case "Close":
      return close(run, command.manager)
  }
}

/** A request that warming stands for. */
const warmed = (context: number): Program.RequestShape => ({
  operation: "encrypt",
  context,
  length: 0,
  suite: "default",
  policy: "RequireEncryptRequireDecrypt",
  bound: "nothing",
  edks: []
})

const moveTime = Effect.fnUntraced(function*(
  run: Commanded,
  command: Extract<Program.Command, { _tag: "Adjust" | "SetBack" | "Skew" }>
) {
  const { observer, settle } = run
  yield* settle
  if (command._tag === "Skew") return observer.skew(command.millis)
  if (command._tag === "Adjust") {
    yield* TestClock.adjust(command.millis)
  } else {
    run.setBack += command.millis
    yield* TestClock.setTime(observer.testClock.currentTimeMillisUnsafe() - command.millis)
  }
  observer.observe({ _tag: "Time" })
})

const withoutYield = Effect.provideService(Scheduler.PreventSchedulerYield, true)

/** What is observed and what it does are one step. A user's own cache is not waited for: it may need the clock to move. */
const control = ({ own }: Commanded, effect: Effect.Effect<void>): Effect.Effect<void> =>
  own === undefined ? withoutYield(effect) : Effect.asVoid(Effect.forkDetach(withoutYield(effect)))

const invalidate = (
  run: Commanded,
  { context, manager, wrappingKeyOfCall }: Extract<Program.Command, { _tag: "Invalidate" }>
): Effect.Effect<void> => {
  const { managers, observer: { observe } } = run
  const selector: ReferenceModel.Selector = {
    context: context === undefined ? undefined : Program.selectors[context],
    wrappingKey: wrappingKeyOfCall === undefined ? undefined : wrappingKeyOf(wrappingKeyOfCall)
  }
  return control(
    run,
    Effect.suspend(() => {
      observe({ _tag: "Invalidating", manager, selector })
      return Effect.map(
        Effect.orDie(
          managers[manager].invalidate({ encryptionContext: selector.context, wrappingKey: selector.wrappingKey })
        ),
        ({ evicted }) => observe({ _tag: "Invalidated", manager, count: evicted })
      )
    })
  )
}

const clear = (run: Commanded, manager: 0 | 1): Effect.Effect<void> => {
  const { managers, observer: { observe } } = run
  return control(
    run,
    Effect.suspend(() => {
      observe({ _tag: "Clearing", manager })
      return Effect.andThen(managers[manager].clear, Effect.sync(() => observe({ _tag: "Cleared", manager })))
    })
  )
}

const close = ({ managerScopes, observer: { observe } }: Commanded, manager: 0 | 1): Effect.Effect<void> =>
  withoutYield(Effect.suspend(() => {
    observe({ _tag: "Closing", manager })
    return Scope.close(managerScopes[manager], Exit.void)
  }))
