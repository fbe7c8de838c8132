/**
 * One message in one call under a branch key that is cached: with a data key of its own, which both sides wrap and unwrap in the
 * process. And what a caching materials manager over the same keyring saves: its message beside that of the keyring alone.
 */
import { Context, Effect, Layer, ManagedRuntime } from "effect"
import { DefaultCmm, EncryptionSdk, type Receipt } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { BranchKeyAdmin, HierarchicalKeyring } from "effect-encryption-sdk/hierarchical"
import { NodePrimitives } from "effect-encryption-sdk/node"
import * as assert from "node:assert/strict"
import { TestStore } from "../../support/branchKeys.ts"
import { theirKeyringOf, theirStoreOf } from "../../support/javascriptBranchKeys.ts"
import { type Benchmark, isWanted, type Result } from "../support/benchmark.ts"
import { inTurns, measure } from "../support/measure.ts"
import * as sides from "../support/sides.ts"

const branchKeyId = "tenant-a"
const frameLength = 4096
const plaintext = new Uint8Array(1024).fill(0x61)

/** Clients over one store with one branch key: ours, ours with data keys in a cache too, and theirs. */
const partiesOf = async (suite: sides.SuiteId) => {
  const runtime = ManagedRuntime.make(TestStore)
  const services = await runtime.context()
  const client = (withCache: boolean) => {
    const caching = CachingCmm.layer({ policy: { maxAge: "1 hour" } }).pipe(
      Layer.provide(LocalCache.layer({ capacity: 1000 }))
    )
    const layer = EncryptionSdk.layer().pipe(
      Layer.provide(withCache ? caching : DefaultCmm.layer),
      Layer.provide(HierarchicalKeyring.layer({ branchKeyId, maxAge: "1 hour" })),
      Layer.provide(NodePrimitives.layer)
    )
    return sides.clientOf(Layer.provide(layer, Layer.succeedContext(services)))
  }
  await runtime.runPromise(
    Context.get(services, BranchKeyAdmin.BranchKeyAdmin).createKey({ branchKeyId, encryptionContext: { tenant: "a" } })
  )
  return {
    ours: await client(false),
    cached: await client(true),
    theirs: sides.theirClient(suite),
    theirKeyring: theirKeyringOf(theirStoreOf(services), branchKeyId, 3600)
  }
}

/** Calls of each over one plaintext, and over one message, which is ours. Each has been made, so that branch keys are cached. */
const contestOf = async (suite: sides.SuiteId) => {
  const { cached, ours, theirKeyring, theirs } = await partiesOf(suite)
  const algorithmSuite = sides.suites[suite]
  const options = () => ({ algorithmSuite, encryptionContext: sides.encryptionContext(), frameLength })
  const theirOptions = () => ({ suiteId: algorithmSuite.id, encryptionContext: sides.encryptionContext(), frameLength })
  const { message } = await Effect.runPromise(ours.encrypt(plaintext, options()))
  const encrypt = {
    ours: () => ours.encrypt(plaintext, options()),
    cached: () => cached.encrypt(plaintext, options()),
    peer: () => theirs.encrypt(theirKeyring, plaintext, theirOptions())
  }
  const decrypt = {
    ours: () => ours.decrypt(message),
    cached: () => cached.decrypt(message),
    peer: () => theirs.decrypt(theirKeyring, message)
  }
  type Call = () => Effect.Effect<{ readonly receipt: Receipt.Receipt }, unknown>
  const calls: ReadonlyArray<readonly [ours: Call, cached: Call]> = [
    [encrypt.ours, encrypt.cached],
    [decrypt.ours, decrypt.cached]
  ]
  for (const [ours, cached] of calls) {
    await Effect.runPromise(Effect.andThen(ours(), cached()))
    const [plain, withCache] = await Effect.runPromise(Effect.all([ours(), cached()]))
    assert.deepEqual([plain.receipt.branchKeys?.[0]?.outcome, withCache.receipt._tag], ["Hit", "Hit"])
  }
  assert.deepEqual((await theirs.decrypt(theirKeyring, message)).plaintext, Buffer.from(plaintext))
  return { encrypt, decrypt }
}

export const benchmarks: ReadonlyArray<Benchmark> = (["0x0478", "0x0578"] as const).map((suite) => ({
  name: suite,
  processes: 3,
  run: async (mode) => {
    const contest = await contestOf(suite)
    const results: Array<Result> = []
    for (const operation of ["encrypt", "decrypt"] as const) {
      const { cached, ours, peer } = contest[operation]
      const [plain, withCache] = [sides.inOneFiber<unknown, unknown>(ours), sides.inOneFiber<unknown, unknown>(cached)]
      const theirs = sides.awaitingEach(peer)
      const all = [
        { case: `${operation} ${suite}, 1 KiB, branch key cached`, ours: plain, peer: theirs },
        {
          case: `${operation} ${suite}, 1 KiB, data key cached beside the branch key alone`,
          ours: withCache,
          peer: plain
        }
      ]
      for (const each of all) {
        if (!isWanted(mode, each.case)) continue
        if (!mode.smoke) await inTurns([each.ours, each.peer], 10, mode.quick ? 300 : 3000)
        results.push({ case: each.case, unit: "ns", rounds: await measure(each, mode) })
      }
    }
    return results
  }
}))
