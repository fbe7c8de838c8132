/** The tests that hold for every storage of branch keys. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, type Layer } from "effect"
import { BranchKeyRecord, BranchKeyStorage } from "effect-encryption-sdk/hierarchical"
import { failureOf } from "./client.ts"

type Record = BranchKeyRecord.BranchKeyRecord

const versions = [
  "11111111-1111-4111-8111-111111111111",
  "22222222-2222-4222-8222-222222222222",
  "33333333-3333-4333-8333-333333333333"
] as const

let ids = 0

/** Records of a branch key that no other test has. Ids are awkward on purpose. */
const keyOf = (wrapped: number, version: string = versions[0], branchKeyId = `é "\u{1f600}\u0000' ${ids++}`) => {
  const common: Omit<Record, "type" | "wrappedKey"> = {
    branchKeyId,
    kmsArn: "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    createTime: "2026-11-27T09:34:48.123000Z",
    hierarchyVersion: 1,
    attributes: { "aws-crypto-ec:Tenant": "a", "aws-crypto-ec:": "", "\u{1f600}": "é\u0000", another: "x".repeat(1000) }
  }
  const type = BranchKeyRecord.versionType(version)
  return {
    version: { ...common, type, wrappedKey: Uint8Array.of(wrapped, 0, 255) },
    active: { ...common, type: BranchKeyRecord.activeType, version: type, wrappedKey: Uint8Array.of(wrapped, 1) },
    beacon: { ...common, type: BranchKeyRecord.beaconType, wrappedKey: Uint8Array.of(wrapped, 2) }
  } satisfies BranchKeyStorage.NewBranchKey
}

/** Records of a branch key that no other test has, unless it is named. */
export const exampleRecords = ({ branchKeyId }: { readonly branchKeyId?: string } = {}) =>
  keyOf(1, versions[0], branchKeyId)

const plain = (record: Record) => ({ ...record, wrappedKey: [...record.wrappedKey] })

const reasonOf = <A, R>(
  operation: BranchKeyStorage.BranchKeyStorageError["operation"],
  effect: Effect.Effect<A, BranchKeyStorage.BranchKeyStorageError, R>
) =>
  Effect.map(failureOf(effect), (error) => {
    assert.instanceOf(error, BranchKeyStorage.BranchKeyStorageError)
    assert.strictEqual(error.operation, operation)
    return error.reason._tag
  })

export const branchKeyStorageContract = <E>(
  title: string,
  layer: Layer.Layer<BranchKeyStorage.BranchKeyStorage, E>
) =>
  describe(`${title}, as every storage of branch keys`, () => {
    const test = (
      name: string,
      body: (storage: BranchKeyStorage.BranchKeyStorage) => Effect.Effect<void, BranchKeyStorage.BranchKeyStorageError>
    ) => it.effect(name, () => Effect.provide(Effect.flatMap(BranchKeyStorage.BranchKeyStorage, body), layer))

    test("has a name", (storage) => Effect.sync(() => assert.isString(storage.name)))

    test("reads what was created, field by field", (storage) =>
      Effect.gen(function*() {
        const records = keyOf(1)
        yield* storage.create(records)
        for (const record of Object.values(records)) {
          assert.deepStrictEqual(plain(yield* storage.read(record.branchKeyId, record.type)), plain(record))
        }
      }))

    test("has no record that was not written", (storage) =>
      Effect.gen(function*() {
        const { active } = keyOf(1)
        yield* storage.create(keyOf(1))
        for (const type of [BranchKeyRecord.activeType, BranchKeyRecord.beaconType, active.version] as const) {
          assert.strictEqual(yield* reasonOf("read", storage.read(active.branchKeyId, type)), "NotFound")
        }
        const error = yield* failureOf(storage.read(active.branchKeyId, BranchKeyRecord.activeType))
        assert.isFalse(error.isRetryable)
        assert.strictEqual(error.branchKeyId, active.branchKeyId)
      }))

    test("creates a branch key once, and writes nothing the second time", (storage) =>
      Effect.gen(function*() {
        const records = keyOf(1)
        const { branchKeyId } = records.active
        yield* storage.create(records)
        const again = keyOf(2, versions[1], branchKeyId)
        assert.strictEqual(yield* reasonOf("create", storage.create(again)), "AlreadyExists")
        assert.deepStrictEqual(
          plain(yield* storage.read(branchKeyId, BranchKeyRecord.activeType)),
          plain(records.active)
        )
        assert.deepStrictEqual(
          plain(yield* storage.read(branchKeyId, BranchKeyRecord.beaconType)),
          plain(records.beacon)
        )
        assert.strictEqual(yield* reasonOf("read", storage.read(branchKeyId, again.version.type)), "NotFound")
      }))

    test("of creators at once, one succeeds, and all records are its own", (storage) =>
      Effect.gen(function*() {
        const { branchKeyId } = keyOf(0).active
        const all = versions.map((version, index) => keyOf(index, version, branchKeyId))
        const exits = yield* Effect.forEach(all, (records) => Effect.exit(storage.create(records)), {
          concurrency: "unbounded"
        })
        const winners = all.filter((_, index) => Exit.isSuccess(exits[index]!))
        assert.lengthOf(winners, 1)
        for (const record of Object.values(winners[0]!)) {
          assert.deepStrictEqual(plain(yield* storage.read(branchKeyId, record.type)), plain(record))
        }
        for (const { version } of all.filter((records) => records !== winners[0])) {
          assert.strictEqual(yield* reasonOf("read", storage.read(branchKeyId, version.type)), "NotFound")
        }
      }))

    test("adds a version: the active one is replaced, the one before and the beacon stay", (storage) =>
      Effect.gen(function*() {
        const first = keyOf(1)
        const { branchKeyId } = first.active
        yield* storage.create(first)
        const { active, version } = keyOf(2, versions[1], branchKeyId)
        yield* storage.addVersion({ active, version, replaces: first.active.wrappedKey })
        for (const record of [active, version, first.version, first.beacon]) {
          assert.deepStrictEqual(plain(yield* storage.read(branchKeyId, record.type)), plain(record))
        }
      }))

    test("adds no version over another one than it was read over", (storage) =>
      Effect.gen(function*() {
        const first = keyOf(1)
        const { branchKeyId } = first.active
        const second = keyOf(2, versions[1], branchKeyId)
        yield* storage.create(first)
        for (const replaces of [Uint8Array.of(1), Uint8Array.of(9, 1), first.version.wrappedKey, new Uint8Array(0)]) {
          const error = yield* failureOf(storage.addVersion({ ...second, replaces }))
          assert.deepStrictEqual([error.reason._tag, error.isRetryable], ["Conflict", true])
        }
        const none = keyOf(3)
        assert.strictEqual(
          yield* reasonOf("addVersion", storage.addVersion({ ...none, replaces: none.active.wrappedKey })),
          "Conflict"
        )
        assert.deepStrictEqual(
          plain(yield* storage.read(branchKeyId, BranchKeyRecord.activeType)),
          plain(first.active)
        )
        assert.strictEqual(yield* reasonOf("read", storage.read(branchKeyId, second.version.type)), "NotFound")
        assert.strictEqual(yield* reasonOf("read", storage.read(none.active.branchKeyId, "branch:ACTIVE")), "NotFound")
      }))

    test("overwrites no version", (storage) =>
      Effect.gen(function*() {
        const first = keyOf(1)
        const { branchKeyId } = first.active
        yield* storage.create(first)
        const again = keyOf(2, versions[0], branchKeyId)
        assert.strictEqual(
          yield* reasonOf("addVersion", storage.addVersion({ ...again, replaces: first.active.wrappedKey })),
          "AlreadyExists"
        )
        for (const record of [first.version, first.active]) {
          assert.deepStrictEqual(plain(yield* storage.read(branchKeyId, record.type)), plain(record))
        }
      }))

    test("of versioners at once, one succeeds, and the active version is a version", (storage) =>
      Effect.gen(function*() {
        const first = keyOf(1)
        const { branchKeyId } = first.active
        yield* storage.create(first)
        const all = versions.slice(1).map((version, index) => keyOf(2 + index, version, branchKeyId))
        const exits = yield* Effect.forEach(
          all,
          (records) => Effect.exit(storage.addVersion({ ...records, replaces: first.active.wrappedKey })),
          { concurrency: "unbounded" }
        )
        const winners = all.filter((_, index) => Exit.isSuccess(exits[index]!))
        assert.lengthOf(winners, 1)
        const active = yield* storage.read(branchKeyId, BranchKeyRecord.activeType)
        assert.deepStrictEqual(plain(active), plain(winners[0]!.active))
        assert.deepStrictEqual(
          plain(yield* storage.read(branchKeyId, winners[0]!.version.type)),
          plain(winners[0]!.version)
        )
      }))

    test("a reader sees the old or the new active version, whose version is there", (storage) =>
      Effect.gen(function*() {
        const first = keyOf(1)
        const { branchKeyId } = first.active
        const second = keyOf(2, versions[1], branchKeyId)
        yield* storage.create(first)
        const read = Effect.gen(function*() {
          const { version } = yield* storage.read(branchKeyId, BranchKeyRecord.activeType)
          assert.strictEqual((yield* storage.read(branchKeyId, version!)).type, version)
        })
        const write = storage.addVersion({ ...second, replaces: first.active.wrappedKey })
        yield* Effect.all(
          [...Array.from({ length: 10 }, () => read), write, ...Array.from({ length: 10 }, () => read)],
          {
            concurrency: "unbounded"
          }
        )
      }))

    test("keeps records of its own: what was given and what was returned may change", (storage) =>
      Effect.gen(function*() {
        const records = keyOf(1)
        const { branchKeyId, type } = records.active
        yield* storage.create(records)
        const expected = plain(records.active)
        records.active.wrappedKey.fill(9)
        Object.assign(records.active.attributes, { more: "x" })
        const read = yield* storage.read(branchKeyId, type)
        assert.deepStrictEqual(plain(read).wrappedKey, expected.wrappedKey)
        assert.notProperty(read.attributes, "more")
        read.wrappedKey.fill(9)
        assert.deepStrictEqual(plain(yield* storage.read(branchKeyId, type)).wrappedKey, expected.wrappedKey)
      }))
  })
