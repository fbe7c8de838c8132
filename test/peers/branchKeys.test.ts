/**
 * Branch keys of three implementations over one table of DynamoDB and one KMS: each makes some, each makes versions of them, and all use
 * all of them.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Exit, Redacted, Result } from "effect"
import { BranchKeyStore } from "effect-encryption-sdk/hierarchical"
import { BranchKeyTable } from "effect-encryption-sdk/hierarchical/dynamodb"
import { MessageHeader } from "effect-encryption-sdk/message"
import * as Parties from "./support/branchKeyParties.ts"
import { count } from "./support/counts.ts"
import * as DynamoDb from "./support/dynamoDb.ts"
import * as Python from "./support/python.ts"
import { fromBase64 } from "../support/bytes.ts"
import { pattern } from "../support/streams.ts"

type All = Effect.Success<ReturnType<typeof Parties.make>>

const plaintext = pattern(300)
const custom: Record<string, string> = { tenant: "é", "ключ": "значение", "\u{1f600}": "\uff21" }
const encryptionContext = { tenant: "a", "\u{1f600}": "astral", "\uff21": "full width" }

const oursMakesTable = ({ tableName }: Python.KeyStore) => BranchKeyTable.create({ tableName, client: DynamoDb.config })

const pythonMakesTable = (store: Python.KeyStore) =>
  Effect.flatMap(Python.Python, ({ keyStore }) => keyStore({ store, call: "createTable" }))

/** The version of the branch key that a message's data key is wrapped under. */
const versionOf = (message: Uint8Array) => {
  const { encryptedDataKeys } = Result.getOrThrow(MessageHeader.decode(message)).header
  const version = encryptedDataKeys[0]!.ciphertext.subarray(28, 44)
  return Array.from(version, (byte) => byte.toString(16).padStart(2, "0")).join("")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
}

/** Counts what went from one to the other, where one of them is ours. */
const counted = (what: string, from: Parties.Party, to: Parties.Party) => {
  if (from.name !== "ours" && to.name === "ours") count(what, "read")
  if (from.name === "ours" && to.name !== "ours") count(what, "written")
}

/** All read a message. */
const allRead = Effect.fnUntraced(
  function*(all: All, choice: Parties.Choice, from: Parties.Party, message: Uint8Array) {
    for (const reader of all.all) {
      assert.deepStrictEqual(yield* reader.decrypt(choice, message), plaintext, `${from.name} to ${reader.name}`)
      counted("HierarchicalKeyring", from, reader)
    }
  }
)

/** Each writes a message, which all read. Returns the messages. */
const exchange = (all: All, choice: Parties.Choice) =>
  Effect.forEach(all.all, (writer) =>
    Effect.tap(
      writer.encrypt(choice, plaintext, encryptionContext),
      (message) => allRead(all, choice, writer, message)
    ))

/** A branch key as ours and as Python read it, which must be the same. */
const activeOf = Effect.fnUntraced(function*({ services, store }: All, branchKeyId: string) {
  const { keyStore } = yield* Python.Python
  const ours = Context.get(services, BranchKeyStore.BranchKeyStore)
  const { key, ...active } = yield* ours.getActive(branchKeyId)
  const { key: theirs, ...expected } = yield* keyStore({ store, call: "getActive", branchKeyId })
  assert.deepStrictEqual({ ...active, encryptionContext: { ...active.encryptionContext } }, expected as never)
  assert.deepStrictEqual(new Uint8Array(Redacted.value(key)), fromBase64(String(theirs)))
  const beacon = yield* ours.getBeaconKey(branchKeyId)
  const { key: theirBeacon } = yield* keyStore({ store, call: "getBeaconKey", branchKeyId })
  assert.deepStrictEqual(new Uint8Array(Redacted.value(beacon.key)), fromBase64(String(theirBeacon)))
  return active
}, Effect.scoped)

const makers = ["ours", "Python", "JavaScript"] as const

for (const [title, makeTable] of [["ours", oursMakesTable], ["Python", pythonMakesTable]] as const) {
  describe(`a table made by ${title}`, () => {
    layer(Python.layer, { excludeTestServices: true })((it) => {
      for (const maker of makers) {
        it.effect(`a branch key of ${maker} is used and versioned by all`, () =>
          Effect.gen(function*() {
            const all = yield* Parties.make(makeTable)
            const branchKeyId = yield* all[maker].createKey("tenant é", custom)
            assert.strictEqual(branchKeyId, "tenant é")
            const choice = { branchKeyId }
            let active = yield* activeOf(all, branchKeyId)
            assert.deepStrictEqual({ ...active.encryptionContext }, custom)
            const old = yield* exchange(all, choice)
            for (const message of old) assert.strictEqual(versionOf(message), active.version)
            for (const user of all.all) counted("branch keys created", all[maker], user)
            for (const versioner of all.all) {
              yield* versioner.versionKey(branchKeyId)
              const next = yield* activeOf(all, branchKeyId)
              assert.notStrictEqual(next.version, active.version)
              assert.deepStrictEqual(next.encryptionContext, active.encryptionContext)
              active = next
              const messages = yield* exchange(all, choice)
              for (const message of messages) assert.strictEqual(versionOf(message), active.version)
              for (const [index, message] of old.entries()) yield* allRead(all, choice, all.all[index]!, message)
              for (const user of all.all) counted("branch keys versioned", versioner, user)
            }
          }), 120_000)
      }

      it.effect("branch keys that suppliers choose by the tenant, with ids of their makers' choice", () =>
        Effect.gen(function*() {
          const all = yield* Parties.make(makeTable)
          const choice = { tenantPrefix: "tenant-" }
          yield* all.Python.createKey("tenant-a", custom)
          yield* exchange(all, choice)
          for (const party of all.all) {
            const branchKeyId = yield* party.createKey()
            assert.match(branchKeyId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
            assert.deepStrictEqual({ ...(yield* activeOf(all, branchKeyId)).encryptionContext }, {})
            for (const user of all.all) {
              const message = yield* user.encrypt({ branchKeyId }, plaintext, encryptionContext)
              yield* allRead(all, { branchKeyId }, user, message)
              counted("branch keys created", party, user)
            }
          }
        }))
    })
  })
}

describe("a table of either", () => {
  layer(Python.layer, { excludeTestServices: true })((it) => {
    it.effect("is the table that the other would make", () =>
      Effect.gen(function*() {
        for (const makeTable of [oursMakesTable, pythonMakesTable]) {
          const { store } = yield* Parties.make(makeTable)
          const arn = yield* BranchKeyTable.check({ tableName: store.tableName, client: DynamoDb.config })
          assert.strictEqual(yield* oursMakesTable(store), arn)
          assert.deepStrictEqual(yield* pythonMakesTable(store), { tableArn: arn })
        }
      }))

    it.effect("has one branch key of an id, whichever of them makes another one", () =>
      Effect.gen(function*() {
        const all = yield* Parties.make(oursMakesTable)
        for (const maker of makers) {
          yield* all[maker].createKey(maker, custom)
          const before = yield* activeOf(all, maker)
          for (const other of all.all) {
            assert.strictEqual((yield* Effect.exit(other.createKey(maker, custom)))._tag, "Failure")
          }
          assert.deepStrictEqual(yield* activeOf(all, maker), before)
        }
      }))

    it.effect("has one branch key of an id where all make it at once", () =>
      Effect.gen(function*() {
        const all = yield* Parties.make(pythonMakesTable)
        const exits = yield* Effect.forEach(all.all, (party) => Effect.exit(party.createKey("id", custom)), {
          concurrency: "unbounded"
        })
        assert.lengthOf(exits.filter(Exit.isSuccess), 1)
        assert.deepStrictEqual({ ...(yield* activeOf(all, "id")).encryptionContext }, custom)
        yield* exchange(all, { branchKeyId: "id" })
      }))

    it.effect("has an active version that all use where all make versions at once", () =>
      Effect.gen(function*() {
        const all = yield* Parties.make(oursMakesTable)
        yield* all.ours.createKey("id", custom)
        const before = yield* activeOf(all, "id")
        const old = yield* exchange(all, { branchKeyId: "id" })
        const exits = yield* Effect.forEach(all.all, (party) => Effect.exit(party.versionKey("id")), {
          concurrency: "unbounded"
        })
        assert.isNotEmpty(exits.filter(Exit.isSuccess))
        assert.notStrictEqual((yield* activeOf(all, "id")).version, before.version)
        yield* exchange(all, { branchKeyId: "id" })
        for (const [index, message] of old.entries()) {
          yield* allRead(all, { branchKeyId: "id" }, all.all[index]!, message)
        }
      }))
  })
})
