/** framework/branch-key-store.md#createkey and #versionkey */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Deferred, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import {
  BranchKeyAdmin,
  BranchKeyRecord,
  BranchKeyStorage,
  BranchKeyStore,
  BranchKeyStoreError,
  MemoryBranchKeyStorage
} from "effect-encryption-sdk/hierarchical"
import { Kms } from "effect-encryption-sdk/kms"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import {
  adminOver,
  counting,
  logicalKeyStoreName,
  multi,
  other,
  replica,
  single,
  singleKey,
  storeOver,
  TestKms,
  TestStore
} from "../support/branchKeys.ts"
import { failureOf } from "../support/client.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const tenant = { branchKeyId: "tenant-a", encryptionContext: { department: "admin" } }

const reasonOf = <A, R>(effect: Effect.Effect<A, BranchKeyStoreError, R>) =>
  Effect.map(failureOf(effect), (error) => {
    assert.instanceOf(error, BranchKeyStoreError)
    return error.reason
  })

const recordsOf = (branchKeyId: string, version: string) =>
  Effect.gen(function*() {
    const storage = yield* BranchKeyStorage.BranchKeyStorage
    return {
      active: yield* storage.read(branchKeyId, "branch:ACTIVE"),
      version: yield* storage.read(branchKeyId, BranchKeyRecord.versionType(version)),
      beacon: yield* storage.read(branchKeyId, "beacon:ACTIVE")
    }
  })

describe("createKey", () => {
  it.effect("writes the three records of the specification, with two new keys and a copy under the ACTIVE context", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2026, 0, 2, 3, 4, 5, 6))
      const admin = yield* BranchKeyAdmin.BranchKeyAdmin
      const { branchKeyId, version } = yield* admin.createKey(tenant)
      yield* ScriptedKms.assertCalls({ GenerateDataKeyWithoutPlaintext: 2, ReEncrypt: 1 })
      assert.strictEqual(branchKeyId, "tenant-a")
      assert.match(version, uuid)
      const records = yield* recordsOf(branchKeyId, version)
      const common = {
        "branch-key-id": "tenant-a",
        "kms-arn": single,
        "create-time": "2026-01-02T03:04:05.006000Z",
        "hierarchy-version": 1,
        "aws-crypto-ec:department": "admin"
      }
      const without = (attributes: BranchKeyRecord.Attributes) =>
        Object.fromEntries(Object.entries(attributes).filter(([name]) => name !== "enc"))
      assert.deepStrictEqual(without(BranchKeyRecord.encode(records.active)), {
        ...common,
        type: "branch:ACTIVE",
        version: `branch:version:${version}`
      })
      assert.deepStrictEqual(without(BranchKeyRecord.encode(records.version)), {
        ...common,
        type: `branch:version:${version}`
      })
      assert.deepStrictEqual(without(BranchKeyRecord.encode(records.beacon)), { ...common, type: "beacon:ACTIVE" })
      const wrapped = Object.values(records).map(({ wrappedKey }) => wrappedKey.join())
      assert.strictEqual(new Set(wrapped).size, 3)
    }).pipe(Effect.provide(TestStore)))

  it.effect("makes an id where none is given, and takes no encryption context then, or one", () =>
    Effect.gen(function*() {
      const admin = yield* BranchKeyAdmin.BranchKeyAdmin
      const store = yield* BranchKeyStore.BranchKeyStore
      const [one, two] = [yield* admin.createKey(), yield* admin.createKey({ encryptionContext: { a: "b" } })]
      for (const { branchKeyId, version } of [one, two]) {
        assert.match(branchKeyId, uuid)
        assert.match(version, uuid)
        assert.notStrictEqual(branchKeyId, version)
      }
      assert.notStrictEqual(one.branchKeyId, two.branchKeyId)
      assert.deepStrictEqual((yield* store.getActive(one.branchKeyId)).encryptionContext, {})
      assert.deepStrictEqual((yield* store.getBeaconKey(two.branchKeyId)).encryptionContext, { a: "b" })
    }).pipe(Effect.provide(TestStore)))

  it.effect.each<readonly [string, unknown, string, RegExp]>([
    ["an id without context", { branchKeyId: "a" }, "encryptionContext", /^must not be empty where a branchKeyId is/],
    ["an id with an empty context", { ...tenant, encryptionContext: {} }, "encryptionContext", /^must not be empty/],
    ["an empty id", { ...tenant, branchKeyId: "" }, "branchKeyId", /^must be a text of 1 to 2048 bytes/],
    ["a long id", { ...tenant, branchKeyId: "é".repeat(1025) }, "branchKeyId", /^must be a text of 1 to 2048 bytes/],
    ["a broken id", { ...tenant, branchKeyId: "\ud800" }, "branchKeyId", /^must be a text of 1 to 2048 bytes/],
    ["an id that is no text", { ...tenant, branchKeyId: 1 }, "branchKeyId", /^must be a string, got number/],
    ["a context of other values", { encryptionContext: { a: 1 } }, "encryptionContext", /must be a string, got number/],
    ["a Map as context", { encryptionContext: new Map([["a", "b"]]) }, "encryptionContext", /plain object of strings/],
    ["no object", null, "options", /^must be an object/],
    ["an unknown option", { ...tenant, context: {} }, "context", /^is no option of createKey: did you mean encryption/],
    ["a context that fills a record", { encryptionContext: { a: "x".repeat(65_300) } }, "encryptionContext", /too much/]
  ])("takes not %s, and calls nothing", ([, options, field, description]) =>
    Effect.gen(function*() {
      const admin = yield* BranchKeyAdmin.BranchKeyAdmin
      const reason = yield* reasonOf(admin.createKey(options as BranchKeyAdmin.CreateOptions))
      if (reason._tag !== "InvalidOption") return assert.fail(reason.message)
      assert.strictEqual(reason.field, field)
      assert.match(reason.description, description)
      yield* ScriptedKms.assertCalls({})
    }).pipe(Effect.provide(TestStore)))

  it.effect("of two at once with one id, one succeeds, and the branch key is its", () =>
    Effect.gen(function*() {
      const admin = yield* BranchKeyAdmin.BranchKeyAdmin
      const store = yield* BranchKeyStore.BranchKeyStore
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ operation: "ReEncrypt" }, (real) => Effect.andThen(Effect.yieldNow, real))
      const exits = yield* Effect.forEach([1, 2, 3], () => Effect.exit(admin.createKey(tenant)), {
        concurrency: "unbounded"
      })
      const made = exits.filter(Exit.isSuccess)
      assert.lengthOf(made, 1)
      for (const exit of exits.filter(Exit.isFailure)) {
        assert.strictEqual((yield* reasonOf(exit))._tag, "AlreadyExists")
      }
      assert.strictEqual((yield* store.getActive("tenant-a")).version, made[0]!.value.version)
      const error = yield* failureOf(admin.createKey(tenant))
      assert.strictEqual(error.message, "branch key store, createKey of tenant-a: it exists already")
      assert.isFalse(error.isRetryable)
    }).pipe(Effect.provide(TestStore)))
})

describe("versionKey", () => {
  it.effect("adds a version: encrypts under the new one, and reads the old one", () =>
    Effect.gen(function*() {
      const admin = yield* BranchKeyAdmin.BranchKeyAdmin
      const store = yield* BranchKeyStore.BranchKeyStore
      const script = yield* ScriptedKms.ScriptedKms
      const first = yield* admin.createKey(tenant)
      const before = yield* recordsOf(first.branchKeyId, first.version)
      yield* script.clearLog
      yield* TestClock.setTime(Date.UTC(2026, 0, 2))
      const second = yield* admin.versionKey(first.branchKeyId)
      yield* ScriptedKms.assertCalls({ GenerateDataKeyWithoutPlaintext: 1, ReEncrypt: 2 })
      assert.match(second.version, uuid)
      assert.notStrictEqual(second.version, first.version)
      const active = yield* store.getActive(first.branchKeyId)
      assert.strictEqual(active.version, second.version)
      const old = yield* store.getVersion(first.branchKeyId, first.version)
      assert.notDeepEqual(Redacted.value(old.key), Redacted.value(active.key))
      const again = yield* store.getVersion(first.branchKeyId, second.version)
      assert.deepStrictEqual(Redacted.value(again.key), Redacted.value(active.key))
      for (const key of [active, old]) assert.deepStrictEqual(key.encryptionContext, { department: "admin" })
      const after = yield* recordsOf(first.branchKeyId, second.version)
      const { wrappedKey: _, ...expected } = before.version
      const { wrappedKey: __, ...found } = after.version
      assert.deepStrictEqual(found, {
        ...expected,
        type: BranchKeyRecord.versionType(second.version),
        createTime: "2026-01-02T00:00:00.000000Z"
      })
      assert.deepStrictEqual(after.beacon, before.beacon)
    }).pipe(Effect.provide(TestStore)))

  it.effect("keeps the stored KMS key, also where another replica of it is configured", () =>
    Effect.gen(function*() {
      const storage = yield* MemoryBranchKeyStorage.make
      const admin = yield* adminOver(storage, { _tag: "MultiRegionKey", keyArn: multi })
      const { branchKeyId } = yield* admin.createKey()
      const another = yield* adminOver(storage, { _tag: "MultiRegionKey", keyArn: replica })
      const { version } = yield* another.versionKey(branchKeyId)
      const script = yield* ScriptedKms.ScriptedKms
      const calls = yield* script.calls
      assert.deepStrictEqual(calls.slice(3).map(({ keyId }) => keyId), [replica, replica, replica])
      const active = yield* storage.read(branchKeyId, "branch:ACTIVE")
      assert.strictEqual(active.kmsArn, multi)
      const store = yield* storeOver(storage, { _tag: "MultiRegionDiscovery", region: "us-east-1" })
      assert.strictEqual((yield* store.getActive(branchKeyId)).version, version)
    }).pipe(Effect.provide(TestKms)))

  it.effect("keeps attributes that others have added", () =>
    Effect.gen(function*() {
      const { reEncrypt } = yield* Kms.KmsWithoutPlaintext
      const storage = yield* MemoryBranchKeyStorage.make
      const admin = yield* adminOver(storage)
      const { branchKeyId } = yield* admin.createKey(tenant)
      const active = yield* storage.read(branchKeyId, "branch:ACTIVE")
      const extended = { ...active, attributes: { ...active.attributes, Owner: "b" } }
      const { ciphertextBlob } = yield* reEncrypt({
        keyId: single,
        sourceKeyId: single,
        grantTokens: [],
        ciphertextBlob: active.wrappedKey,
        sourceEncryptionContext: BranchKeyRecord.contextOf(active, logicalKeyStoreName),
        encryptionContext: BranchKeyRecord.contextOf(extended, logicalKeyStoreName)
      })
      const record = { ...extended, wrappedKey: ciphertextBlob }
      let written: BranchKeyStorage.NewVersion | undefined
      const other = yield* adminOver({
        read: () => Effect.succeed(record),
        addVersion: (records) => Effect.sync(() => void (written = records))
      })
      yield* other.versionKey(branchKeyId)
      assert.deepStrictEqual(written!.active.attributes, extended.attributes)
      assert.deepStrictEqual(written!.version.attributes, extended.attributes)
      assert.deepStrictEqual(written!.replaces, ciphertextBlob)
      assert.notProperty(written!.version, "version")
    }).pipe(Effect.provide(TestKms)))

  it.effect("of two at once, one succeeds, and the other is a Conflict", () =>
    Effect.gen(function*() {
      const admin = yield* BranchKeyAdmin.BranchKeyAdmin
      const store = yield* BranchKeyStore.BranchKeyStore
      const script = yield* ScriptedKms.ScriptedKms
      const { branchKeyId } = yield* admin.createKey(tenant)
      yield* script.when({ operation: "ReEncrypt" }, (real) => Effect.andThen(Effect.yieldNow, real))
      const exits = yield* Effect.forEach([1, 2, 3], () => Effect.exit(admin.versionKey(branchKeyId)), {
        concurrency: "unbounded"
      })
      const made = exits.filter(Exit.isSuccess)
      assert.lengthOf(made, 1)
      for (const exit of exits.filter(Exit.isFailure)) {
        const error = yield* failureOf(exit)
        assert.strictEqual(error.reason._tag, "Conflict")
        assert.isTrue(error.isRetryable)
      }
      assert.strictEqual((yield* store.getActive(branchKeyId)).version, made[0]!.value.version)
    }).pipe(Effect.provide(TestStore)))

  it.effect("while others read, they get the old version or the new one", () =>
    Effect.gen(function*() {
      const admin = yield* BranchKeyAdmin.BranchKeyAdmin
      const store = yield* BranchKeyStore.BranchKeyStore
      const script = yield* ScriptedKms.ScriptedKms
      const { branchKeyId, version } = yield* admin.createKey(tenant)
      yield* script.when({}, (real) => Effect.andThen(Effect.yieldNow, real))
      const read = Effect.scoped(Effect.map(store.getActive(branchKeyId), ({ version }) => version))
      const reads = yield* Effect.forkChild(Effect.forEach(Array.from({ length: 20 }), () => read, { concurrency: 4 }))
      const { version: next } = yield* admin.versionKey(branchKeyId)
      const seen = yield* Fiber.join(reads)
      assert.deepStrictEqual(seen.filter((found) => found !== version && found !== next), [])
      assert.strictEqual(yield* read, next)
    }).pipe(Effect.provide(TestStore)))

  it.effect("writes nothing where the record was tampered with, is under another key, or is not there", () =>
    Effect.gen(function*() {
      const storage = yield* MemoryBranchKeyStorage.make
      const admin = yield* adminOver(storage)
      const { branchKeyId } = yield* admin.createKey(tenant)
      const active = yield* storage.read(branchKeyId, "branch:ACTIVE")
      const reasonFor = (record: BranchKeyRecord.BranchKeyRecord) =>
        Effect.flatMap(
          adminOver({ read: () => Effect.succeed(record), addVersion: () => Effect.die("written") }),
          (admin) => reasonOf(admin.versionKey(branchKeyId))
        )
      for (
        const change of [
          { createTime: "2026-01-01T00:00:00.000000Z" },
          { attributes: { "aws-crypto-ec:department": "b" } },
          { attributes: {} }
        ]
      ) {
        const reason = yield* reasonFor({ ...active, ...change })
        assert.deepInclude(reason, { _tag: "KmsError", operation: "ReEncrypt", failure: "InvalidCiphertext" })
      }
      const rejected = yield* reasonFor({ ...active, kmsArn: other })
      assert.deepInclude(rejected, { _tag: "RecordRejected", attribute: "kms-arn" })
      assert.strictEqual((yield* reasonFor({ ...active, hierarchyVersion: 2 }))._tag, "RecordRejected")
      assert.strictEqual((yield* reasonOf(admin.versionKey("none")))._tag, "NotFound")
      assert.strictEqual((yield* reasonOf(admin.versionKey("")))._tag, "InvalidOption")
    }).pipe(Effect.provide(TestKms)))

  it.effect("interrupted while it waits for AWS KMS, writes nothing", () =>
    Effect.gen(function*() {
      const { reads, storage } = counting(yield* MemoryBranchKeyStorage.make)
      const admin = yield* adminOver(storage)
      const { branchKeyId, version } = yield* admin.createKey(tenant)
      const script = yield* ScriptedKms.ScriptedKms
      const begun = yield* Deferred.make<void>()
      yield* script.when(
        { operation: "GenerateDataKeyWithoutPlaintext" },
        () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      )
      const fiber = yield* Effect.forkChild(admin.versionKey(branchKeyId))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* storage.read(branchKeyId, "branch:ACTIVE")).version, `branch:version:${version}`)
      assert.lengthOf(reads, 2)
    }).pipe(Effect.provide(TestKms)))
})

describe("a branch key admin", () => {
  it.effect("sends the configured key and its tokens with each call", () =>
    Effect.gen(function*() {
      const admin = yield* BranchKeyAdmin.make({
        logicalKeyStoreName,
        kmsConfiguration: singleKey,
        grantTokens: ["token"]
      })
      const { branchKeyId } = yield* admin.createKey()
      yield* admin.versionKey(branchKeyId)
      const script = yield* ScriptedKms.ScriptedKms
      for (const { grantTokens, keyId } of yield* script.calls) {
        assert.deepStrictEqual([keyId, ...grantTokens], [single, "token"])
      }
    }).pipe(Effect.provide(TestStore)))

  it.effect("needs KmsWithoutPlaintext of the ports of KMS, and no other; layers make it", () =>
    Effect.gen(function*() {
      const services = yield* Layer.build(TestKms)
      const layer = BranchKeyAdmin.layerConfig({
        logicalKeyStoreName: Config.String("NAME"),
        kmsConfiguration: singleKey
      }).pipe(
        Layer.provide([MemoryBranchKeyStorage.layer, TestPrimitives.layer]),
        Layer.provide(Layer.succeed(Kms.KmsWithoutPlaintext, Context.get(services, Kms.KmsWithoutPlaintext)))
      )
      const admin = yield* Effect.provide(BranchKeyAdmin.BranchKeyAdmin, layer).pipe(
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ NAME: "orders" })))
      )
      assert.match((yield* admin.createKey()).branchKeyId, uuid)
      assert.deepInclude(admin.info, { logicalKeyStoreName: "orders", kmsConfiguration: singleKey })
    }))

  it.effect.each([{ _tag: "Discovery" }, { _tag: "MultiRegionDiscovery", region: "us-east-1" }])(
    "is not made with %j, which only reads",
    (kmsConfiguration) =>
      Effect.gen(function*() {
        const options = { logicalKeyStoreName, kmsConfiguration } as unknown as BranchKeyAdmin.Options
        const error = yield* failureOf(BranchKeyAdmin.make(options))
        assert.deepInclude(error, {
          field: "kmsConfiguration",
          description: "must be an object whose _tag is one of SingleKey, MultiRegionKey"
        })
      }).pipe(Effect.provide(TestStore))
  )

  it.effect.each<
    readonly [string, ScriptedKms.Operation, (response: ScriptedKms.Response) => Partial<ScriptedKms.Response>, string]
  >([
    ["another key", "GenerateDataKeyWithoutPlaintext", () => ({ keyId: other }), "KeyIdMismatch"],
    [
      "no ciphertext",
      "GenerateDataKeyWithoutPlaintext",
      () => ({ ciphertextBlob: new Uint8Array(0) }),
      "CiphertextBlobEmpty"
    ],
    ["another key", "ReEncrypt", () => ({ keyId: other }), "KeyIdMismatch"],
    ["another source", "ReEncrypt", () => ({ sourceKeyId: other }), "KeyIdMismatch"],
    ["no ciphertext", "ReEncrypt", () => ({ ciphertextBlob: new Uint8Array(0) }), "CiphertextBlobEmpty"]
  ])("writes nothing where KMS returns %s to %s", ([, operation, change, code]) =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ operation }, ScriptedKms.tamper(change))
      const admin = yield* adminOver({ create: () => Effect.die("written") })
      const reason = yield* reasonOf(admin.createKey(tenant))
      assert.deepInclude(reason, { _tag: "KmsError", operation, failure: "InvalidAnswer", code })
    }).pipe(Effect.provide(TestKms)))

  it.effect("a failure of KMS or of the storage is the reason", () =>
    Effect.gen(function*() {
      const reason = new BranchKeyStorage.StorageFailed({ code: "Lost", description: "", isRetryable: true })
      const failing = yield* adminOver({
        create: () =>
          Effect.fail(new BranchKeyStorage.BranchKeyStorageError({ operation: "create", branchKeyId: "", reason }))
      })
      assert.deepStrictEqual(yield* reasonOf(failing.createKey(tenant)), reason)
      const throwing = yield* adminOver({})
      assert.strictEqual((yield* reasonOf(throwing.createKey(tenant)))._tag, "BrokenContract")
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ operation: "ReEncrypt" }, ScriptedKms.fail("AccessDenied"))
      assert.deepInclude(yield* reasonOf(throwing.createKey(tenant)), { _tag: "KmsError", failure: "AccessDenied" })
    }).pipe(Effect.provide(TestKms)))
})
