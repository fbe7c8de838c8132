/** A run of the day of branch keys: what it counts, what it checks, and what is broken in it on purpose. */
import { Context, Effect, Layer, Redacted } from "effect"
import { DataKey, type EncryptedDataKey } from "effect-encryption-sdk"
import {
  BranchKeyAdmin,
  BranchKeyCache,
  BranchKeyStorage,
  BranchKeyStore,
  HierarchicalKeyring,
  MemoryBranchKeyStorage
} from "effect-encryption-sdk/hierarchical"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import * as checks from "./checks.ts"
import * as dataKeyArrays from "./dataKeyArrays.ts"
import { arn, behaviour } from "./setting.ts"
import * as traffic from "./traffic.ts"

const names = {
  age: "no version was served that another had replaced a maximum age ago",
  invalidated: "no request after an invalidation was served with a version before it",
  bytes: "every version had one and the same key",
  intact: "no request's branch key was zeroed under it",
  released: "every request's branch key was zeroed when it ended",
  memory: "all branch keys but those of entries and running requests were zeroed",
  kmsReleased: "every plaintext of the KMS was zeroed",
  capacity: "the cache held no more entries than its capacity",
  requests: "requests in the metrics were those made",
  reads: "reads in the metrics were those of the storage, and the calls of the KMS",
  old: "messages under versions before were decrypted",
  errors: "requests failed by faults of the KMS, and by nothing else",
  ended: "every request ended",
  everything: "the day met every way of being served, and every cause of evictions",
  scope: "nothing was left when the scope had closed",
  heap: "heap at no later tenth more than 5 MiB above that after the first or the second"
}

/** What can be broken. */
export const sabotages = {
  halfAsOldAgain: "entries are served for half as long again",
  forgottenInvalidation: "an invalidation is forgotten",
  oneEntryMore: "the cache keeps one entry more",
  neverZeroed: "requests keep their branch keys",
  zeroedEarly: "branch keys are zeroed while they are in use",
  otherKey: "some reads return another key for the version",
  uncountedRead: "some reads are not counted",
  uncountedRequest: "some requests are not counted",
  lostVersion: "versions before the last are lost",
  spoiltMessage: "messages are changed before they are decrypted"
} as const

export type Sabotage = keyof typeof sabotages

export const capacity = 90
export const maxAgeMillis = 60_000
const keyCount = 100

/** A branch key as the day knows it: its versions in order, and when each was replaced. */
export interface Known {
  readonly id: string
  readonly versions: Array<{ readonly version: string; replacedAt: number }>
  /** Place of the first version that may still be served, since an invalidation. */
  valid: number
  message: { readonly edk: EncryptedDataKey.EncryptedDataKey; readonly version: string } | undefined
}

const options = { logicalKeyStoreName: "soak", kmsConfiguration: { _tag: "SingleKey", keyArn: arn } } as const

/** Reads of the storage, each of which is to be one call of the KMS. */
const countingStorage = (
  memory: BranchKeyStorage.BranchKeyStorage,
  broken: ReadonlySet<Sabotage>
) => {
  const counted = { reads: 0, all: 0 }
  const storage = BranchKeyStorage.BranchKeyStorage.of({
    ...memory,
    read: (id, type) =>
      Effect.suspend(() => {
        counted.all++
        if (!broken.has("uncountedRead") || counted.all % 50 > 0) counted.reads++
        return broken.has("lostVersion") && type.startsWith("branch:version:")
          ? memory.read(id, "branch:version:lost")
          : memory.read(id, type)
      })
  })
  return { storage, counted }
}

/** A store whose every fiftieth branch key is another one. */
const withOtherKeys = (store: BranchKeyStore.BranchKeyStore): BranchKeyStore.BranchKeyStore => {
  let reads = 0
  return {
    ...store,
    getActive: (id) =>
      Effect.tap(store.getActive(id), ({ key }) =>
        Effect.sync(() => {
          if (++reads % 50 === 0) Redacted.value(key)[0]! ^= 1
        }))
  }
}

/** Branch keys over a scripted KMS, which begins to have faults once they are there; a cache over them, and a keyring. */
export const make = Effect.fnUntraced(function*(now: () => number, seed: number, broken: ReadonlySet<Sabotage>) {
  const script = yield* ScriptedKms.ScriptedKms
  const memory = yield* MemoryBranchKeyStorage.make
  const { counted, storage } = countingStorage(memory, broken)
  const over = <A, E, R>(layer: Layer.Layer<A, E, R>, storage: BranchKeyStorage.BranchKeyStorage) =>
    Layer.provide(layer, Layer.succeed(BranchKeyStorage.BranchKeyStorage, storage))
  const services = yield* Layer.build(
    Layer.merge(over(BranchKeyStore.layer(options), storage), over(BranchKeyAdmin.layer(options), memory))
  )
  const admin = Context.get(services, BranchKeyAdmin.BranchKeyAdmin)
  const built = Context.get(services, BranchKeyStore.BranchKeyStore)
  const store = broken.has("otherKey") ? withOtherKeys(built) : built
  const keys = yield* Effect.forEach(traffic.tenants(keyCount), ({ encryptionContext: { tenant } }) =>
    Effect.map(
      admin.createKey({ branchKeyId: tenant!, encryptionContext: { tenant: tenant! } }),
      ({ branchKeyId: id, version }): Known => ({
        id,
        versions: [{ version, replacedAt: Infinity }],
        valid: 0,
        message: undefined
      })
    ))
  yield* script.when({ operation: "Decrypt" }, behaviour(traffic.random(seed)))
  const cache = yield* BranchKeyCache.make({
    maxAge: broken.has("halfAsOldAgain") ? maxAgeMillis * 1.5 : maxAgeMillis,
    capacity: broken.has("oneEntryMore") ? capacity + 1 : capacity,
    refreshAhead: 0.9,
    fetchDeadline: "10 seconds"
  })
  const keyring = yield* Effect.provideService(
    HierarchicalKeyring.make({
      branchKeyIdSupplier: ({ tenant }) => Effect.succeed(tenant!),
      maxAge: "1 hour",
      cache,
      partitionId: "soak"
    }),
    BranchKeyStore.BranchKeyStore,
    store
  )
  const source: BranchKeyCache.Source = { store, partitionId: "soak" }
  return { admin, broken, cache, counted, keyring, keys, now, script, source }
})

export type Parts = Effect.Success<ReturnType<typeof make>>

/** Counts and checks of a run. Records data keys from now on; `arrays.stop` ends that. */
export const makeRun = (broken: ReadonlySet<Sabotage>) => ({
  broken,
  ...checks.make(names),
  arrays: dataKeyArrays.record(),
  outcomes: { served: 0, failed: 0 },
  begun: 0,
  made: 0,
  rotations: 0,
  running: 0,
  /** Requests that have a branch key, and those of the keyring that have a data key. */
  holding: 0,
  /** Key of each version, to see that it is always the same. */
  bytes: new Map<string, string>(),
  called: 0,
  unreleased: [] as ReadonlyArray<ScriptedKms.HandedOut>
})

export type Run = ReturnType<typeof makeRun>

/** The array of a branch key. */
export const arrayOf = ({ key }: BranchKeyStore.BranchKey): Uint8Array => DataKey.value(key)
