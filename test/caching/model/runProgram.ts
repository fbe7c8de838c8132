/**
 * Runs a program against the real managers, and keeps what an observer sees: the events, in order and with the fiber that
 * they happened in, the calls, the evictions, and what became of each request.
 */
import { Cause, Clock, Effect, Exit, Fiber, Schedule, Scheduler, Scope } from "effect"
import { type CryptographicMaterialsManager, DataKey, EncryptionContext } from "effect-encryption-sdk"
import {
  CacheEntry,
  CachePolicy,
  CachingCmm,
  type CachingEvent,
  LocalCache,
  MaterialsCache
} from "effect-encryption-sdk/caching"
import { Primitives } from "effect-encryption-sdk/crypto"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { TestClock } from "effect/testing"
import { Entry as InternalEntry } from "../../../src/caching/internal/entry.ts"
import type { Receipt } from "../../../src/model/Receipt.ts"
import { failed, keyBytes, keyNumber, scriptedManager } from "../../support/scriptedManager.ts"
import * as Program from "./Program.ts"
import type * as ReferenceModel from "./ReferenceModel.ts"

/** `scheduled` is the time that sleeps go by: the wall clock without its skew. */
export interface Moment extends ReferenceModel.Instant {
  readonly scheduled: number
}

/** A request that the program made. */
export interface Made {
  readonly manager: 0 | 1
  readonly shape: Program.RequestShape
  readonly warm: boolean
  outcome:
    | { readonly _tag: "Pending" | "Interrupted" | "Warmed" }
    | { readonly _tag: "Served"; readonly call: number; readonly receipt: Receipt }
    | { readonly _tag: "Failed"; readonly cause: Cause.Cause<unknown>; readonly message: string }
  /** The program interrupted its fiber. */
  interrupted: boolean
}

export type Observation =
  & {
    readonly at: Moment
    readonly fiber: number | undefined
    /** What the fiber worked for, if it made a request. */
    readonly request: number | undefined
  }
  & (
    | { readonly _tag: "Event"; readonly manager: 0 | 1; readonly event: CachingEvent }
    | {
      readonly _tag: "Evicted"
      readonly cache: number
      /** Part of a put or of a deletion, whose observation follows. */
      readonly within: boolean
      readonly event: CacheEntry.EvictionEvent
    }
    | { readonly _tag: "Asked"; readonly call: number }
    | { readonly _tag: "Drawn"; readonly draw: number }
    | { readonly _tag: "Put"; readonly manager: 0 | 1; readonly call: number; readonly usage: ReferenceModel.Usage }
    | { readonly _tag: "Deleted"; readonly manager: 0 | 1; readonly cache: number; readonly count: number }
    | { readonly _tag: "Invalidating"; readonly manager: 0 | 1; readonly selector: ReferenceModel.Selector }
    | { readonly _tag: "Clearing"; readonly manager: 0 | 1 }
    | { readonly _tag: "Cleared"; readonly manager: 0 | 1 }
    | { readonly _tag: "Invalidated"; readonly manager: 0 | 1; readonly count: number }
    | { readonly _tag: "CacheCleared"; readonly cache: number }
    | { readonly _tag: "Closing"; readonly manager: 0 | 1 }
    | { readonly _tag: "Time" }
  )

export interface Run {
  readonly log: ReadonlyArray<Observation>
  /** The evictions that the managers told of. */
  readonly told: ReadonlyArray<Extract<CachingEvent, { _tag: "Evicted" }>>
  readonly made: ReadonlyArray<Made>
  readonly calls: ReadonlyArray<ReturnType<typeof scriptedManager>["calls"][number]>
  readonly callSpec: (call: number) => Program.CallSpec
  /** What the caches hold at the end: by the number of the call, how much each key was used. */
  readonly entries: ReadonlyMap<number, ReferenceModel.Usage>
  readonly sizes: ReadonlyArray<number>
  /** Closes the managers and the caches, and then the operations; fails where a key is not what it must be. */
  readonly close: Effect.Effect<void>
}

export const wrappingKeyOf = (call: number): string => `key-${call}`

/** What went wrong with the real thing, as opposed to what it answered. */
export class Broken extends Error {}

const check = (condition: boolean, message: string): void => {
  if (!condition) throw new Broken(message)
}

const usageOf = (usage: { readonly messages: number; readonly bytes: bigint }): ReferenceModel.Usage => ({
  messages: usage.messages,
  bytes: Number(usage.bytes)
})

const withoutYield = Effect.provideService(Scheduler.PreventSchedulerYield, true)

export interface Options {
  /** Runs before the clock moves; by default nothing, since fibers come to rest by themselves. */
  readonly settle?: Effect.Effect<void>
  /** Run before an entry is put into the local cache, and before one is deleted; by default nothing. */
  readonly beforePut?: Effect.Effect<void>
  readonly beforeDelete?: Effect.Effect<void>
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
  const testClock = yield* TestClock.testClockWith(Effect.succeed)
  let skew = 0
  const wallMillis = () => testClock.currentTimeMillisUnsafe() + skew
  const clock: TestClock.TestClock = {
    ...testClock,
    currentTimeMillisUnsafe: wallMillis,
    currentTimeNanosUnsafe: () => BigInt(wallMillis()) * 1_000_000n,
    currentTimeMillis: Effect.sync(wallMillis),
    currentTimeNanos: Effect.sync(() => BigInt(wallMillis()) * 1_000_000n)
  }

  const log: Array<Observation> = []
  const told: Array<Extract<CachingEvent, { _tag: "Evicted" }>> = []
  const current = new Map<number, number>()
  let observing = true
  type Distribute<T> = T extends unknown ? Omit<T, "at" | "fiber" | "request"> : never
  const observe = (observation: Distribute<Observation>): void => {
    if (!observing) return
    const fiber = Fiber.getCurrent()?.id
    const at: Moment = {
      wall: wallMillis(),
      monotonic: Number(testClock.monotonicTimeNanosUnsafe()) / 1e6,
      scheduled: testClock.currentTimeMillisUnsafe()
    }
    log.push(
      { ...observation, at, fiber, request: fiber === undefined ? undefined : current.get(fiber) }
    )
  }

  const callSpec = (call: number): Program.CallSpec => program.calls[(call - 1) % program.calls.length]!
  const scripted = scriptedManager({
    before: (call) => {
      const { latency, outcome } = callSpec(call)
      const wait = latency === "hangs"
        ? Effect.sleep(Program.hang)
        : latency === "hangs, uninterruptibly"
        ? Effect.uninterruptible(Effect.sleep(Program.hang))
        : Effect.sleep(latency)
      return Effect.sync(() => observe({ _tag: "Asked", call })).pipe(
        Effect.andThen(wait),
        Effect.andThen(
          outcome === "fails"
            ? Effect.fail(failed(`fault of call ${call}`))
            : outcome === "dies"
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

  let draws = 0
  const primitives: Primitives.Primitives = {
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

  // The caches. Each manager gets its own view of them, which says who puts and deletes.
  const cacheScope = yield* Scope.make()
  const handles: Array<CacheEntry.CacheEntry> = []
  let within = false
  const inOneStep = <A, E>(effect: Effect.Effect<A, E>): A => {
    within = true
    try {
      return Effect.runSync(effect)
    } finally {
      within = false
    }
  }
  const caches: Array<MaterialsCache.MaterialsCache> = []
  for (const [cache, capacity] of [program.capacity, program.decryptCapacity ?? 1].entries()) {
    caches.push(
      yield* LocalCache.make({
        capacity,
        sweepInterval: program.sweepInterval,
        onEviction: (event) => observe({ _tag: "Evicted", cache, within, event })
      }).pipe(
        Effect.provideService(Scope.Scope, cacheScope),
        Effect.provideService(Clock.Clock, clock),
        Effect.orDie
      )
    )
  }
  const viewOf = (manager: 0 | 1, cache: number): MaterialsCache.MaterialsCache => {
    if (own !== undefined) return own.cache
    const real = caches[cache]!
    return MaterialsCache.make({
      stores: real.stores,
      get: real.get,
      getUnsafe: real.getUnsafe,
      put: (entry) =>
        Effect.andThen(
          beforePut,
          Effect.sync(() => {
            const { plaintextDataKey } = (entry as InternalEntry).copyMaterials() ?? {}
            const usage = usageOf(inOneStep(CacheEntry.usage(entry)))
            handles.push(entry)
            inOneStep(real.put(entry))
            // An entry that was evicted on its way is not stored: the cache sees to that, and there is nothing to observe.
            if (plaintextDataKey === undefined) return
            observe({ _tag: "Put", manager, call: keyNumber({ materials: { plaintextDataKey } }), usage })
            DataKey.zero(plaintextDataKey)
          })
        ),
      delete: (entry, cause) => Effect.andThen(beforeDelete, real.delete(entry, cause)),
      deleteWhere: (predicate, cause) =>
        Effect.sync(() => {
          const count = inOneStep(real.deleteWhere(predicate, cause))
          observe({ _tag: "Deleted", manager, cache, count })
          return count
        }),
      clear: real.clear,
      size: real.size
    })
  }

  const managerScopes = [yield* Scope.make(), yield* Scope.make()] as const
  const makeManager = Effect.fnUntraced(function*(manager: 0 | 1) {
    const spec = program.managers[manager]
    const thresholds = yield* CachePolicy.make({
      maxAge: `${spec.maxAge} millis`,
      maxMessagesEncrypted: spec.maxMessages,
      maxBytesEncrypted: spec.maxBytes
    })
    return yield* CachingCmm.make({
      policy: CachePolicy.tightest(thresholds, CachePolicy.rule(Program.rule(spec.rule))),
      partitionId: spec.partition,
      cache: viewOf(manager, 0),
      decryptCache: program.decryptCapacity === undefined ? undefined : viewOf(manager, 1),
      materialsManager: scripted.manager,
      fetchDeadline: Program.fetchDeadline,
      refreshAhead: spec.refreshes
        ? {
          gracePeriod: Program.gracePeriod,
          budgetShare: Program.budgetShare,
          retry: Schedule.spaced(Program.retryDelay)
        }
        : undefined,
      onEvent: (event) => {
        if (event._tag !== "Evicted") observe({ _tag: "Event", manager, event })
        else if (observing) told.push(event)
      }
    }).pipe(Effect.provideService(Scope.Scope, managerScopes[manager]))
  }, (effect) =>
    effect.pipe(
      Effect.provideService(Primitives.Primitives, primitives),
      Effect.provideService(Clock.Clock, clock),
      Effect.orDie
    ))
  const managers = [yield* makeManager(0), yield* makeManager(1)] as const

  // The requests.
  const made: Array<Made> = []
  const operations: Array<
    {
      readonly key: DataKey.DataKey
      readonly bytes: Uint8Array
      readonly call: number
      readonly scope: Scope.Closeable
    }
  > = []
  const fibers: Array<{ readonly fiber: Fiber.Fiber<void>; readonly numbers: ReadonlyArray<number> }> = []

  const arrived = (
    number: number,
    scope: Scope.Closeable,
    answer: CryptographicMaterialsManager.MaterialsResponse<{ readonly plaintextDataKey: DataKey.DataKey }> | undefined
  ): void => {
    const request = made[number]!
    if (answer === undefined) {
      request.outcome = { _tag: "Warmed" }
      return
    }
    const { materials, receipt } = answer
    const call = keyNumber(answer)
    request.outcome = { _tag: "Served", call, receipt }
    operations.push({
      key: materials.plaintextDataKey,
      bytes: DataKey.value(materials.plaintextDataKey),
      call,
      scope
    })
    checkMaterials(request, call, scripted.calls[call - 1]!, materials)
  }

  const ask = (
    number: number
  ): Effect.Effect<
    CryptographicMaterialsManager.MaterialsResponse<{ readonly plaintextDataKey: DataKey.DataKey }> | undefined,
    unknown,
    Scope.Scope
  > => {
    const { manager, shape, warm } = made[number]!
    const cmm = managers[manager]
    return warm
      ? Effect.as(cmm.warm({ encryptionContext: Program.contexts[shape.context]! }), undefined)
      : shape.operation === "encrypt"
      ? cmm.getEncryptionMaterials(Program.encryptionOf(shape))
      : cmm.decryptMaterials(Program.decryptionOf(shape))
  }

  const one = (number: number): Effect.Effect<void> =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Effect.withFiber((fiber) => {
        current.set(fiber.id, number)
        return ask(number)
      }).pipe(
        Effect.provideService(Scope.Scope, scope),
        Effect.onExit((exit) => {
          if (Exit.isSuccess(exit)) return Effect.sync(() => arrived(number, scope, exit.value))
          const { cause } = exit
          made[number]!.outcome = Cause.hasInterruptsOnly(cause)
            ? { _tag: "Interrupted" }
            : { _tag: "Failed", cause, message: Cause.pretty(cause) }
          return Scope.close(scope, exit)
        }),
        Effect.exit
      )
    })

  const request = (requested: Omit<Made, "outcome" | "interrupted">, inTurn: number): Effect.Effect<void> =>
    Effect.gen(function*() {
      const numbers = Array.from(
        { length: inTurn },
        () => made.push({ ...requested, outcome: { _tag: "Pending" }, interrupted: false }) - 1
      )
      const chain = Effect.forEach(
        numbers,
        (number) => Effect.suspend(() => made[number]!.interrupted ? Effect.void : one(number)),
        {
          discard: true
        }
      )
      fibers.push({ fiber: yield* Effect.forkDetach(chain), numbers })
    })

  const interrupt = ({ fiber, numbers }: (typeof fibers)[number]): void => {
    for (const number of numbers) made[number]!.interrupted = true
    fiber.interruptUnsafe()
  }
  const running = () => fibers.filter(({ fiber }) => fiber.pollUnsafe() === undefined)

  const endOperations = Effect.gen(function*() {
    for (const { bytes, call, key, scope } of operations.splice(0)) {
      check(
        DataKey.value(key) === bytes && isKeyOf(call, bytes),
        `an operation met another key than that of call ${call}`
      )
      yield* Scope.close(scope, Exit.void)
      check(bytes.every((byte) => byte === 0), `the copy of an operation that ended, of call ${call}`)
    }
  })

  /** What is observed and what it does are one step. Nobody waits for a user's own cache: it may need the clock to move. */
  const control = (effect: Effect.Effect<void>): Effect.Effect<void> =>
    own === undefined ? withoutYield(effect) : Effect.asVoid(Effect.forkDetach(withoutYield(effect)))

  let setBack = 0
  const execute = Effect.fnUntraced(function*(command: Program.Command) {
    switch (command._tag) {
      case "Request": {
        const { fibers, inTurn, manager, shape } = command
        for (let i = 0; i < fibers; i++) yield* request({ manager, shape, warm: false }, inTurn)
        return
      }
      case "Warm": {
        const shape: Program.RequestShape = {
          operation: "encrypt",
          context: command.context,
          length: 0,
          suite: "default",
          policy: "RequireEncryptRequireDecrypt",
          bound: "nothing",
          edks: []
        }
        return yield* request({ manager: command.manager, shape, warm: true }, 1)
      }
      case "Adjust":
        yield* settle
        yield* TestClock.adjust(command.millis)
        return observe({ _tag: "Time" })
      case "SetBack":
        setBack += command.millis
        yield* settle
        yield* TestClock.setTime(testClock.currentTimeMillisUnsafe() - command.millis)
        return observe({ _tag: "Time" })
      case "Skew":
        yield* settle
        skew += command.millis
        return
      case "Interrupt": {
        const candidates = running()
        if (candidates.length > 0) interrupt(candidates[command.which % candidates.length]!)
        return
      }
      case "InterruptAll":
        return running().forEach(interrupt)
      case "Invalidate": {
        const { context, manager, wrappingKeyOfCall } = command
        const selector: ReferenceModel.Selector = {
          context: context === undefined ? undefined : Program.selectors[context],
          wrappingKey: wrappingKeyOfCall === undefined ? undefined : wrappingKeyOf(wrappingKeyOfCall)
        }
        return yield* control(Effect.suspend(() => {
          observe({ _tag: "Invalidating", manager, selector })
          return Effect.map(
            managers[manager].invalidate({ encryptionContext: selector.context, wrappingKey: selector.wrappingKey }),
            (count) => observe({ _tag: "Invalidated", manager, count })
          )
        }))
      }
      case "Clear": {
        const { manager } = command
        return yield* control(Effect.suspend(() => {
          observe({ _tag: "Clearing", manager })
          return Effect.andThen(managers[manager].clear, Effect.sync(() => observe({ _tag: "Cleared", manager })))
        }))
      }
      case "ClearCache":
        if (own !== undefined) return yield* control(Effect.ignoreCause(own.cache.clear))
        return [0, 1].forEach((cache) => {
          inOneStep(caches[cache]!.clear)
          observe({ _tag: "CacheCleared", cache })
        })
      case "EndOperations":
        return yield* endOperations
      case "Close":
        return yield* withoutYield(Effect.suspend(() => {
          observe({ _tag: "Closing", manager: command.manager })
          return Scope.close(managerScopes[command.manager], Exit.void)
        }))
    }
  })

  for (const command of program.commands) yield* execute(command)
  // Until everybody has an answer, and the last fetch has landed or met its deadline.
  yield* settle
  for (let i = 0; i < 10 && running().length > 0; i++) {
    yield* TestClock.adjust((i < 5 ? 2 * Program.fetchDeadline : Program.hang) + setBack)
  }
  yield* TestClock.adjust(2 * Program.fetchDeadline + setBack)
  observe({ _tag: "Time" })
  check(running().length === 0, "a request was never answered")

  const entries = new Map<number, ReferenceModel.Usage>()
  for (const handle of handles) {
    const { plaintextDataKey } = (handle as InternalEntry).copyMaterials() ?? {}
    if (plaintextDataKey === undefined) continue
    entries.set(keyNumber({ materials: { plaintextDataKey } }), usageOf(inOneStep(CacheEntry.usage(handle))))
    DataKey.zero(plaintextDataKey)
  }
  const sizes: Array<number> = []
  for (const cache of caches) sizes.push(inOneStep(cache.size))
  observing = false

  const close = Effect.gen(function*() {
    for (const scope of [...managerScopes, cacheScope]) yield* Scope.close(scope, Exit.void)
    if (own !== undefined) yield* own.close
    // What hangs uninterruptibly goes on in fibers of a manager that nobody waits for. Its answer must be zeroed too.
    yield* TestClock.adjust(Program.hang + setBack)
    yield* endOperations
    for (const [index, { key }] of scripted.calls.entries()) {
      check(key === undefined || key.every((byte) => byte === 0), `the array that call ${index + 1} answered`)
    }
  })

  return {
    log,
    told,
    made,
    calls: scripted.calls,
    callSpec,
    entries,
    sizes,
    close
  }
})

const byText = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

const isKeyOf = (call: number, bytes: Uint8Array): boolean =>
  keyBytes(call, bytes.length).every((byte, index) => byte === bytes[index])

/** Promises 1, 3 and 4: whoever is served could have asked for these very materials. */
const checkMaterials = (
  { shape }: Made,
  number: number,
  call: ReturnType<typeof scriptedManager>["calls"][number],
  materials: unknown
): void => {
  const given = shape.operation === "encrypt" ? Program.encryptionOf(shape) : Program.decryptionOf(shape)
  const { operation, request } = call
  const essence = (value: typeof given) =>
    JSON.stringify([
      EncryptionContext.serialize(value.encryptionContext).toString(),
      value.commitmentPolicy,
      value.algorithmSuite?.name,
      "requiredEncryptionContextKeys" in value
        ? value.requiredEncryptionContextKeys
        : EncryptionContext.serialize(value.expectedEncryptionContext).toString(),
      "encryptedDataKeys" in value
        ? value.encryptedDataKeys.map(({ ciphertext }) => ciphertext.toString()).toSorted(byText)
        : []
    ])
  check(
    operation === shape.operation && essence(request) === essence(given),
    `call ${number} was made for another request than one that it served`
  )
  const { encryptionContext } = materials as { readonly encryptionContext: Readonly<Record<string, string>> }
  check(
    Object.entries(given.encryptionContext).every(([name, value]) => encryptionContext[name] === value),
    `the materials of call ${number} have another context`
  )
}
