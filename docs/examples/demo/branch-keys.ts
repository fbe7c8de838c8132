/**
 * The demo with `--hierarchical`: data keys are wrapped under branch keys, one for each value of the column, by the
 * process itself. KMS is called for branch keys alone.
 */
import { Context, type Duration, Effect, Layer, Metric } from "effect"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import {
  BranchKeyAdmin,
  BranchKeyMetrics,
  BranchKeyStorage,
  BranchKeyStore,
  HierarchicalKeyring,
  MemoryBranchKeyStorage
} from "effect-encryption-sdk/hierarchical"
import type { Done } from "./messages.ts"
import * as Phase from "./phase.ts"
import type { Source } from "./records.ts"
import { forDecryption, type RequiredCalls, type Requirement } from "./required-calls.ts"

/** Settings of the store, and of the cache of branch keys that each phase has. */
export interface Settings {
  readonly keyArn: string
  readonly maxAge: Duration.Duration
  readonly capacity: number
}

/** The id of the branch key for a value of the column. */
const branchKeyId = (value: string): string => `value ${value}`

/** Values of the column, each once. */
export const valuesOf = ({ column, records }: Source): ReadonlySet<string> =>
  new Set(records.map(({ encryptionContext }) => encryptionContext[column]!))

/** A store in memory with a branch key for each value of the column, whose reads are counted. */
export const store = Effect.fnUntraced(function*({ keyArn }: Settings, source: Source) {
  const options = { logicalKeyStoreName: "demo", kmsConfiguration: { _tag: "SingleKey", keyArn } } as const
  const memory = yield* MemoryBranchKeyStorage.make
  let reads = 0
  const storage = BranchKeyStorage.BranchKeyStorage.of({
    ...memory,
    read: (...record) =>
      Effect.suspend(() => {
        reads++
        return memory.read(...record)
      })
  })
  const services = yield* Layer.build(
    Layer.merge(BranchKeyStore.layer(options), BranchKeyAdmin.layer(options)).pipe(
      Layer.provide(Layer.succeed(BranchKeyStorage.BranchKeyStorage, storage))
    )
  )
  const admin = Context.get(services, BranchKeyAdmin.BranchKeyAdmin)
  for (const value of valuesOf(source)) {
    yield* admin.createKey({
      branchKeyId: branchKeyId(value),
      encryptionContext: { [source.column]: value }
    })
  }
  return {
    branchKeyStore: Layer.succeed(BranchKeyStore.BranchKeyStore, Context.get(services, BranchKeyStore.BranchKeyStore)),
    reads: Effect.sync(() => reads)
  }
})

/** Runs the work with a client of its own, whose cache of branch keys is empty, and counts reads of the storage too. */
export const run = Effect.fnUntraced(function*<A, E, R>(
  { branchKeyStore, reads }: Effect.Success<ReturnType<typeof store>>,
  operation: "encrypt" | "decrypt",
  { capacity, maxAge }: Settings,
  { column }: Source,
  work: Effect.Effect<Done<A>, E, R | EncryptionSdk.EncryptionSdk>
) {
  const keyring = HierarchicalKeyring.layer({
    branchKeyIdSupplier: (context) => Effect.succeed(branchKeyId(context[column]!)),
    maxAge,
    capacity
  })
  const client = EncryptionSdk.layer().pipe(
    Layer.provide(DefaultCmm.layer),
    Layer.provide(keyring),
    Layer.provide(branchKeyStore)
  )
  const before = yield* reads
  const measured = yield* Phase.measure(client, work, counts(operation === "encrypt" ? "active" : "version"))
  return { ...measured, reads: (yield* reads) - before }
})

/** Counts of the branch key cache, by its metrics. */
const counts = Effect.fnUntraced(function*(operation: "active" | "version") {
  const count = <State extends { readonly count: number | bigint }>(metric: Metric.Metric<never, State>) =>
    Effect.map(Metric.value(metric), ({ count }) => Number(count))
  const requests = (outcome: string) => count(BranchKeyMetrics.requests({ operation, outcome }))
  const evicted = (cause: string) => count(BranchKeyMetrics.evictions({ operation, cause }))
  const evictions = { age: yield* evicted("age"), capacity: yield* evicted("capacity"), scope: yield* evicted("scope") }
  return {
    hits: yield* requests("hit"),
    misses: yield* requests("miss"),
    joined: yield* requests("joined"),
    bypassed: 0,
    renewed: 0,
    evictions: Object.fromEntries(Object.entries(evictions).filter(([, number]) => number > 0))
  }
})

/**
 * The calls that branch keys require: each is unwrapped once in each phase, and again where the cache had no room for it.
 * Requests that run in parallel share a read; where room is short, the order of responses decides who makes room.
 */
export const requiredCalls = (
  { column, records }: Source,
  capacity: number,
  parallel: number
): RequiredCalls => {
  const numbers = new Map<string, number>()
  const used = records.map(({ encryptionContext }) => {
    const value = encryptionContext[column]!
    if (!numbers.has(value)) numbers.set(value, numbers.size)
    return numbers.get(value)!
  })
  const isExact = parallel === 1 || numbers.size <= capacity
  const requirement: Requirement = {
    exactly: isExact ? forDecryption(used, capacity).calls : undefined,
    atLeast: numbers.size
  }
  return { encryption: requirement, decryption: requirement }
}
