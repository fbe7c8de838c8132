/**
 * The hierarchical keyring and the branch key store, both ways, with those of the AWS Encryption SDK for JavaScript, over one table and
 * one embedded KMS. Their table is DynamoDB's: its attributes are those of our records.
 */
import type { KeyringNode } from "@aws-crypto/client-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { BranchKeyAdmin, BranchKeyStore, HierarchicalKeyring } from "effect-encryption-sdk/hierarchical"
import { buildStore } from "../support/branchKeys.ts"
import { clientOf } from "../support/client.ts"
import { theirKeyringOf, theirStoreOf } from "../support/javascriptBranchKeys.ts"
import { decrypt, encrypt } from "../support/javascriptSdk.ts"
import { pattern } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"

const both = Effect.gen(function*() {
  const services = yield* buildStore
  const theirStore = theirStoreOf(services)
  const theirs = (branchKeyId: string): KeyringNode => theirKeyringOf(theirStore, branchKeyId, 1)
  const ours = (branchKeyId: string) =>
    Effect.provideContext(HierarchicalKeyring.make({ branchKeyId, maxAge: "1 second" }), services)
  return {
    admin: Context.get(services, BranchKeyAdmin.BranchKeyAdmin),
    store: Context.get(services, BranchKeyStore.BranchKeyStore),
    theirStore,
    theirs,
    ours
  }
})

const encryptionContext = { tenant: "a", "\u{1f600}": "astral", "\u{ff21}": "full width", B: "", a: "é" }
const plaintext = pattern(1000)

/** What each writes under a branch key, both read. */
const exchange = (parts: Effect.Success<typeof both>, branchKeyId: string) =>
  Effect.gen(function*() {
    const [ours, theirs] = [yield* parts.ours(branchKeyId), parts.theirs(branchKeyId)]
    const sdk = yield* clientOf(ours)
    const options = { algorithmSuite: unsigned, encryptionContext, frameLength: 512 }
    for (const algorithmSuite of [unsigned, signed]) {
      const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite, encryptionContext })
      const foreign = yield* encrypt(theirs, plaintext, { ...options, algorithmSuite })
      for (const each of [message, foreign]) {
        assert.deepStrictEqual(new Uint8Array((yield* sdk.decrypt(each)).plaintext), plaintext)
        assert.deepStrictEqual((yield* decrypt(theirs, each, algorithmSuite)).plaintext, plaintext)
      }
    }
  })

describe("branch keys and the AWS Encryption SDK for JavaScript", () => {
  it.effect("what each writes under a branch key of ours, both read, also after we made a version", () =>
    Effect.gen(function*() {
      const parts = yield* both
      const { branchKeyId } = yield* parts.admin.createKey({ encryptionContext: { tenant: "é" } })
      yield* exchange(parts, branchKeyId)
      yield* parts.admin.versionKey(branchKeyId)
      yield* exchange(parts, branchKeyId)
    }))

  it.effect("what each writes under a branch key of theirs, both read, also after either made a version", () =>
    Effect.gen(function*() {
      const parts = yield* both
      const { branchKeyIdentifier: id } = yield* Effect.promise(() =>
        parts.theirStore.createKey({ branchKeyIdentifier: "theirs", encryptionContext: { tenant: "é" } })
      )
      yield* exchange(parts, id)
      const before = yield* parts.store.getActive(id)
      assert.deepStrictEqual(before.encryptionContext, { tenant: "é" })
      yield* parts.admin.versionKey(id)
      yield* exchange(parts, id)
      yield* Effect.promise(() => parts.theirStore.versionKey({ branchKeyIdentifier: id }))
      yield* exchange(parts, id)
      assert.notStrictEqual((yield* parts.store.getActive(id)).version, before.version)
      assert.strictEqual((yield* parts.store.getBeaconKey(id)).branchKeyId, id)
    }))
})
