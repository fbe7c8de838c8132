/** A cache of branch keys over a store whose reads a test directs. */
import { Effect, Redacted, type Scope } from "effect"
import {
  BranchKeyCache,
  type BranchKeyStorage,
  type BranchKeyStore,
  BranchKeyStoreError
} from "effect-encryption-sdk/hierarchical"
import { TestClock } from "./TestClock.ts"
import { TestPrimitives } from "./TestPrimitives.ts"

/** Happens before a read succeeds. The number is that of the read, from 1. */
export type Before = (read: number) => Effect.Effect<unknown, BranchKeyStoreError>

const versionOf = (read: number) => `${String(read).padStart(8, "0")}-1111-4111-8111-111111111111`

/** The read that a branch key came from. */
export const readOf = ({ key, version }: BranchKeyStore.BranchKey): number => {
  const bytes = Redacted.value(key)
  const read = Number(version.slice(0, 8))
  if (!bytes.every((byte) => byte === read)) throw new Error("not the key of its version")
  return read
}

/** A store whose active version is another one with each read, numbered from 1. */
export const scriptedStore = (before: Before = () => Effect.void, logicalKeyStoreName = "orders") => {
  const reads: Array<string> = []
  const arrays: Array<Uint8Array> = []
  let interrupted = 0
  const read = (branchKeyId: string, version?: string): Effect.Effect<
    BranchKeyStore.BranchKey,
    BranchKeyStoreError,
    Scope.Scope
  > =>
    Effect.suspend(() => {
      const number = reads.push(version === undefined ? branchKeyId : `${branchKeyId} ${version}`)
      return Effect.onInterrupt(before(number), () => Effect.sync(() => void interrupted++)).pipe(
        Effect.andThen(Effect.sync(() => {
          const key = new Uint8Array(32).fill(number)
          arrays.push(key)
          return { branchKeyId, version: version ?? versionOf(number), encryptionContext: {}, key: Redacted.make(key) }
        }))
      )
    })
  const store = {
    info: {
      keyStoreId: "",
      keyStoreName: "",
      logicalKeyStoreName,
      grantTokens: [],
      kmsConfiguration: { _tag: "Discovery" as const }
    },
    getActive: (id: string) => read(id),
    getVersion: (id: string, version: string) => read(id, version),
    getBeaconKey: () => Effect.die("not cached")
  } satisfies BranchKeyStore.BranchKeyStore
  return { store, reads, arrays, interrupted: () => interrupted }
}

/** A cache over such a store. */
export const cached = Effect.fnUntraced(function*(
  options: Partial<BranchKeyCache.Options> = {},
  before: Before = () => Effect.void
) {
  const scripted = scriptedStore(before)
  const cache = yield* Effect.provide(
    BranchKeyCache.make({ maxAge: "1 minute", ...options }),
    TestPrimitives.layer
  )
  const source: BranchKeyCache.Source = { store: scripted.store, partitionId: "p" }
  /** The read that a request is served from. */
  const get = (branchKeyId = "a", from: Partial<BranchKeyCache.Source> = {}, version?: string) =>
    Effect.scoped(Effect.map(cache.get({ ...source, ...from }, branchKeyId, version), readOf))
  return { ...scripted, cache, source, get }
})

/** Lets everything that can run do so. */
export const settle = TestClock.adjust(0)

/** An error of a store. */
export const failure = (reason: BranchKeyStorage.StorageFailed): BranchKeyStoreError =>
  new BranchKeyStoreError({ operation: "getActive", branchKeyId: "a", reason })
