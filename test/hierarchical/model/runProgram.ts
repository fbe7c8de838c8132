/** Runs a program against the real cache, command by command, beside the reference model. */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Redacted, Result, Scope } from "effect"
import {
  BranchKeyCache,
  BranchKeyStorage,
  type BranchKeyStore,
  BranchKeyStoreError
} from "effect-encryption-sdk/hierarchical"
import { Primitives } from "effect-encryption-sdk/crypto"
import type { Coverage } from "../../caching/model/coverage.ts"
import { scriptedStore } from "../../support/branchKeyCache.ts"
import { type Command, ids, maxAge, namedVersion, type Program, sources } from "./Program.ts"
import { ReferenceModel } from "./ReferenceModel.ts"

interface Running {
  readonly fiber: Fiber.Fiber<string>
  outcome: string | undefined
}

const down = new BranchKeyStoreError({
  operation: "getActive",
  branchKeyId: "a",
  reason: new BranchKeyStorage.StorageFailed({ code: "Down", description: "", isRetryable: true })
})

/** A store whose reads end as the program says. */
const storeOf = () => {
  const outstanding = new Map<number, Deferred.Deferred<void, BranchKeyStoreError>>()
  const scripted = scriptedStore((read) =>
    Effect.suspend(() => {
      const end = Deferred.makeUnsafe<void, BranchKeyStoreError>()
      outstanding.set(read, end)
      return Effect.ensuring(Deferred.await(end), Effect.sync(() => outstanding.delete(read)))
    })
  )
  return { ...scripted, outstanding }
}

/** The number of the read that a branch key came from is its bytes. */
const numberOf = ({ key }: BranchKeyStore.BranchKey) => Redacted.value(key)[0]!

/**
 * Runs a program. After each command the cache has done what the model says: outcomes of all requests, reads of the store,
 * those that were interrupted, and the number of entries. At the end no key is left in memory that the store has handed out.
 */
export const runProgram = Effect.fnUntraced(function*(
  { commands, options }: Program,
  coverage: Coverage,
  inOrder: boolean,
  settle: Effect.Effect<void>,
  adjust: (millis: number) => Effect.Effect<void>
) {
  const model = new ReferenceModel(options, coverage)
  const store = storeOf()
  const scope = yield* Scope.make()
  const { capacity, fetchDeadline, random, refreshAhead } = options
  const cache = yield* BranchKeyCache.make({ capacity, fetchDeadline, maxAge, refreshAhead }).pipe(
    Scope.provide(scope),
    // It draws shares of refreshes, and needs nothing else.
    Effect.provideService(
      Primitives.Primitives,
      { randomBytes: (length: number) => Effect.succeed(new Uint8Array(length).fill(random)) } as Primitives.Primitives
    )
  )
  const requests: Array<ReadonlyArray<Running>> = []
  // Of requests at once, any may be the first where the order of fibers is another.
  const outcomesOf = (group: ReadonlyArray<{ readonly outcome: string | undefined }>) =>
    group.map(({ outcome = "waits" }) => inOrder ? outcome : outcome.replace("Joined", "Miss"))
      .toSorted((one, other) => one < other ? -1 : one > other ? 1 : 0)
  const waiting = () => requests.flat().filter(({ outcome }) => outcome === undefined)

  const request = Effect.fnUntraced(function*({ fibers, id, isNamed, source }: Extract<Command, { _tag: "Request" }>) {
    const get = Effect.scoped(
      Effect.map(
        cache.get({ ...sources[source]!, store: store.store }, ids[id]!, isNamed ? namedVersion : undefined),
        (branchKey) => `${branchKey.outcome} ${numberOf(branchKey)}`
      )
    )
    const outcome = Effect.map(
      Effect.result(get),
      (result) =>
        Result.isSuccess(result) ? result.success : "code" in result.failure.reason ? result.failure.reason.code : "?"
    )
    const group: Array<Running> = []
    requests.push(group)
    for (let i = 0; i < fibers; i++) {
      const running: Running = { fiber: yield* Effect.forkChild(outcome), outcome: undefined }
      running.fiber.addObserver((exit) => {
        running.outcome = Exit.isSuccess(exit) ? exit.value : "interrupted"
      })
      group.push(running)
    }
  })

  const run = (command: Command): Effect.Effect<unknown> => {
    switch (command._tag) {
      case "Request":
        return request(command)
      case "End": {
        const reads = [...store.outstanding.values()]
        const read = reads[command.which % reads.length]
        return read === undefined ? Effect.void : Deferred.done(read, command.succeeds ? Exit.void : Exit.fail(down))
      }
      case "Adjust":
        return adjust(command.millis)
      case "Interrupt": {
        const found = waiting()[command.which % waiting().length]
        return found === undefined ? Effect.void : Fiber.interrupt(found.fiber)
      }
      case "Invalidate":
        return cache.invalidate(ids[command.id]!)
      case "Clear":
        return cache.clear
      case "Close":
        return Scope.close(scope, Exit.void)
    }
  }

  for (const [index, command] of commands.entries()) {
    const at = `after command ${index}, ${JSON.stringify(command)}`
    yield* run(command)
    yield* settle
    model.run(command)
    assert.deepStrictEqual(requests.map(outcomesOf), model.requests.map(outcomesOf), `requests ${at}`)
    assert.strictEqual(store.reads.length, model.reads.length, `reads ${at}`)
    assert.strictEqual(store.interrupted(), model.interrupted, `interrupted reads ${at}`)
    assert.strictEqual(yield* cache.size, model.byUse.length, `entries ${at}`)
  }
  assert.isTrue(
    store.arrays.every((array) => array.every((byte) => byte === 0)),
    "keys that the store returned are left"
  )
})
