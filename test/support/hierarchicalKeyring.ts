/** A hierarchical keyring over a store with two branch keys. */
import { Context, Effect, Redacted } from "effect"
import { BranchKeyAdmin, BranchKeyStore, HierarchicalKeyring } from "effect-encryption-sdk/hierarchical"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { buildStore, logicalKeyStoreName } from "./branchKeys.ts"
import type * as byHand from "./hierarchy.ts"
import { recordingPrimitives } from "./recordingPrimitives.ts"
import { TestPrimitives } from "./TestPrimitives.ts"

export const branchKeyId = "tenant-a"
export const maxAge = "1 hour"

/** A store with a branch key, and that key in the clear. */
export const prepared = Effect.gen(function*() {
  const services = yield* buildStore
  const admin = Context.get(services, BranchKeyAdmin.BranchKeyAdmin)
  const store = Context.get(services, BranchKeyStore.BranchKeyStore)
  yield* Effect.orDie(admin.createKey({ branchKeyId, encryptionContext: { department: "admin" } }))
  yield* Effect.orDie(admin.createKey({ branchKeyId: "tenant-b", encryptionContext: { department: "admin" } }))
  const branchOf = (id = branchKeyId): Effect.Effect<byHand.Branch> =>
    Effect.scoped(Effect.map(Effect.orDie(store.getActive(id)), ({ key, ...branch }) => ({
      ...branch,
      key: new Uint8Array(Redacted.value(key))
    })))
  const recording = recordingPrimitives()
  const make = (options: Partial<HierarchicalKeyring.Options> = { branchKeyId }) =>
    HierarchicalKeyring.make({ maxAge, ...options }).pipe(
      Effect.provideService(BranchKeyStore.BranchKeyStore, store),
      Effect.provide(recording.layer)
    )
  return { services, admin, store, branchOf, make, recording, script: Context.get(services, ScriptedKms.ScriptedKms) }
})

/** A keyring over a store of the test's own. */
export const over = (store: Partial<BranchKeyStore.BranchKeyStore>) =>
  HierarchicalKeyring.make({ branchKeyId, maxAge }).pipe(
    Effect.provideService(
      BranchKeyStore.BranchKeyStore,
      { info: { logicalKeyStoreName }, ...store } as BranchKeyStore.BranchKeyStore
    ),
    Effect.provide(TestPrimitives.layer)
  )
