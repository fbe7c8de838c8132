/**
 * Runs a program against the real managers, and keeps what an observer sees: the events, in order and with the fiber that
 * they happened in, the calls, the evictions, and the outcome of each request.
 */
import { Effect, Exit, Scope } from "effect"
import type { MaterialsCache } from "effect-encryption-sdk/caching"
import { TestClock } from "effect/testing"
import * as Program from "./Program.ts"
import { type Delays, makeCaches } from "./run/caches.ts"
import { type Commanded, execute } from "./run/commands.ts"
import { makeManager } from "./run/managers.ts"
import { makeObserver } from "./run/observer.ts"
import { makeRequests } from "./run/requests.ts"
import { check, type Run } from "./run/Run.ts"
import { callSpecOf, makePrimitives, makeUnderlying } from "./run/underlying.ts"

export interface Options extends Partial<Delays> {
  /** Runs before the clock moves; by default nothing, since fibers come to rest by themselves. */
  readonly settle?: Effect.Effect<void>
  /** A user's own cache in the place of the local one; what it does is not observed. */
  readonly cache?: {
    readonly cache: MaterialsCache.MaterialsCache
    readonly close: Effect.Effect<void>
  }
}

export const runProgram = Effect.fnUntraced(function*(
  program: Program.Program,
  { beforeDelete = Effect.void, beforePut = Effect.void, cache: own, settle = Effect.void }: Options = {}
): Effect.fn.Return<Run> {
  const observer = yield* makeObserver
  const scripted = makeUnderlying(program, observer)
  const primitives = makePrimitives(program, observer)
  const cacheScope = yield* Scope.make()
  const caches = yield* makeCaches(program, observer, { beforePut, beforeDelete }, cacheScope)
  const viewOf = own === undefined ? caches.viewOf : () => own.cache
  const managerScopes = [yield* Scope.make(), yield* Scope.make()] as const
  const manager = (index: 0 | 1) =>
    makeManager(program, index, scripted.manager, viewOf, observer, primitives, managerScopes[index])
  const managers = [yield* manager(0), yield* manager(1)] as const
  const requests = makeRequests(managers, scripted.calls)
  const run: Commanded = { observer, managers, managerScopes, caches, requests, settle, own: own?.cache, setBack: 0 }

  for (const command of program.commands) yield* execute(run, command)
  yield* comeToRest(run)
  const [entries, sizes] = [caches.entries(), caches.sizes()]
  observer.stop()

  const close = Effect.gen(function*() {
    for (const scope of [...managerScopes, cacheScope]) yield* Scope.close(scope, Exit.void)
    if (own !== undefined) yield* own.close
    // What hangs uninterruptibly goes on in fibers of a manager that is closed. Its response must be zeroed too.
    yield* TestClock.adjust(Program.hang + run.setBack)
    yield* requests.endOperations
    for (const [index, { key }] of scripted.calls.entries()) {
      check(key === undefined || key.every((byte) => byte === 0), `the array that call ${index + 1} answered`)
    }
  })
  const { log, told } = observer
  return {
    log,
    told,
    made: requests.made,
    calls: scripted.calls,
    callSpec: callSpecOf(program),
    entries,
    sizes,
    close
  }
})

/** Until all requests have their responses, and the last fetch has succeeded or met its deadline. */
const comeToRest = Effect.fnUntraced(function*({ observer, requests: { running }, setBack, settle }: Commanded) {
  yield* settle
  for (let i = 0; i < 10 && running().length > 0; i++) {
    yield* TestClock.adjust((i < 5 ? 2 * Program.fetchDeadline : Program.hang) + setBack)
  }
  yield* TestClock.adjust(2 * Program.fetchDeadline + setBack)
  observer.observe({ _tag: "Time" })
  check(running().length === 0, "a request was never answered")
})
