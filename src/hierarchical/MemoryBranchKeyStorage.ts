/**
 * A storage of branch keys in memory, for tests and for programs of one process.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as bytes from "../internal/bytes.ts"
import { activeType, type BranchKeyRecord, type Type } from "./BranchKeyRecord.ts"
import * as Storage from "./BranchKeyStorage.ts"

/**
 * An empty storage.
 *
 * **Gotchas**
 *
 * Its branch keys end with the process, and so does all that was encrypted under them.
 */
export const make: Effect.Effect<Storage.BranchKeyStorage> = /*#__PURE__*/ Effect.sync(() => {
  const records = new Map<string, BranchKeyRecord>()
  const find = (branchKeyId: string, type: Type) => records.get(keyOf(branchKeyId, type))
  const isThere = ({ branchKeyId, type }: BranchKeyRecord) => find(branchKeyId, type) !== undefined
  const put = (record: BranchKeyRecord) => records.set(keyOf(record.branchKeyId, record.type), copy(record))
  return {
    name: "memory",
    create: ({ active, beacon, version }) =>
      Effect.suspend(() => {
        const all = [version, active, beacon]
        if (all.some(isThere)) return fail("create", version.branchKeyId, new Storage.AlreadyExists({}))
        all.forEach(put)
        return Effect.void
      }),
    addVersion: ({ active, replaces, version }) =>
      Effect.suspend(() => {
        const { branchKeyId } = active
        const current = find(branchKeyId, activeType)
        if (current === undefined || !bytes.equals(current.wrappedKey, replaces)) {
          return fail("addVersion", branchKeyId, new Storage.Conflict({}))
        }
        if (isThere(version)) return fail("addVersion", branchKeyId, new Storage.AlreadyExists({}))
        put(version)
        put(active)
        return Effect.void
      }),
    read: (branchKeyId, type) =>
      Effect.suspend(() => {
        const record = find(branchKeyId, type)
        return record === undefined
          ? fail("read", branchKeyId, new Storage.NotFound({ type }))
          : Effect.succeed(copy(record))
      })
  }
})

/** `make` as the storage of this program. */
export const layer: Layer.Layer<Storage.BranchKeyStorage> = /*#__PURE__*/ Layer.effect(Storage.BranchKeyStorage, make)

/** A key that no other pair of texts has. */
const keyOf = (branchKeyId: string, type: string): string => JSON.stringify([branchKeyId, type])

const copy = (record: BranchKeyRecord): BranchKeyRecord => ({
  ...record,
  wrappedKey: new Uint8Array(record.wrappedKey),
  attributes: { ...record.attributes }
})

const fail = (
  operation: Storage.BranchKeyStorageError["operation"],
  branchKeyId: string,
  reason: Storage.BranchKeyStorageError["reason"]
): Effect.Effect<never, Storage.BranchKeyStorageError> =>
  Effect.fail(new Storage.BranchKeyStorageError({ operation, branchKeyId, reason }))
