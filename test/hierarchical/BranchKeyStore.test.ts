/** framework/branch-key-store.md: reading. */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Exit, Layer, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import {
  BranchKeyAdmin,
  BranchKeyRecord,
  BranchKeyStorage,
  BranchKeyStore,
  BranchKeyStoreError,
  type KmsConfiguration,
  MemoryBranchKeyStorage
} from "effect-encryption-sdk/hierarchical"
import { Kms } from "effect-encryption-sdk/kms"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import {
  adminOver,
  always,
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
import { isZero } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import { printsNone } from "../support/keyringContract.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

type Record = BranchKeyRecord.BranchKeyRecord

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const reasonOf = <A, R>(effect: Effect.Effect<A, BranchKeyStoreError, R>) =>
  Effect.map(failureOf(effect), (error) => {
    assert.instanceOf(error, BranchKeyStoreError)
    return error.reason
  })

/** A new branch key, and its three records. */
const created = Effect.gen(function*() {
  const admin = yield* BranchKeyAdmin.BranchKeyAdmin
  const storage = yield* BranchKeyStorage.BranchKeyStorage
  const { branchKeyId, version } = yield* admin.createKey({
    branchKeyId: "tenant-a",
    encryptionContext: { department: "admin" }
  })
  const read = (type: BranchKeyRecord.Type) => Effect.orDie(storage.read(branchKeyId, type))
  return {
    branchKeyId,
    version,
    active: yield* read(BranchKeyRecord.activeType),
    versionRecord: yield* read(BranchKeyRecord.versionType(version)),
    beacon: yield* read(BranchKeyRecord.beaconType)
  }
})

const requests = (operation: ScriptedKms.Operation) =>
  Effect.gen(function*() {
    const script = yield* ScriptedKms.ScriptedKms
    const seen: Array<ScriptedKms.Request> = []
    yield* script.when({ operation, predicate: (_, request) => seen.push(request) > 0 }, (real) => real)
    return seen
  })

describe("a branch key store", () => {
  it.effect("reads the active version, each version and the beacon key, with one Decrypt each", () =>
    Effect.gen(function*() {
      const store = yield* BranchKeyStore.BranchKeyStore
      const { branchKeyId, version } = yield* created
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.clearLog
      const active = yield* store.getActive(branchKeyId)
      const same = yield* store.getVersion(branchKeyId, version)
      const beacon = yield* store.getBeaconKey(branchKeyId)
      yield* ScriptedKms.assertCalls({ Decrypt: 3 })
      assert.match(version, uuid)
      for (const key of [active, same]) {
        assert.deepInclude(key, { branchKeyId, version, encryptionContext: { department: "admin" } })
        assert.strictEqual(Redacted.value(key.key).length, 32)
      }
      assert.deepStrictEqual(Redacted.value(active.key), Redacted.value(same.key), "ACTIVE is a copy of its version")
      assert.deepInclude(beacon, { branchKeyId, encryptionContext: { department: "admin" } })
      assert.notProperty(beacon, "version")
      assert.notDeepEqual(Redacted.value(beacon.key), Redacted.value(active.key))
    }).pipe(Effect.provide(TestStore)))

  it.effect("#aws-kms-branch-key-decryption: sends the key, the ciphertext, the tokens, and every attribute as context", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2026, 10, 27, 9, 34, 48, 123))
      const { active, branchKeyId, version, versionRecord } = yield* created
      const seen = yield* requests("Decrypt")
      const storage = yield* BranchKeyStorage.BranchKeyStorage
      const store = yield* BranchKeyStore.make({
        logicalKeyStoreName,
        kmsConfiguration: singleKey,
        grantTokens: ["token"]
      })
      yield* store.getActive(branchKeyId)
      yield* store.getVersion(branchKeyId, version)
      yield* store.getBeaconKey(branchKeyId)
      const common = {
        "branch-key-id": "tenant-a",
        "create-time": "2026-11-27T09:34:48.123000Z",
        tablename: "orders",
        "kms-arn": single,
        "hierarchy-version": "1",
        "aws-crypto-ec:department": "admin"
      }
      assert.deepStrictEqual(
        seen.map(({ encryptionContext, grantTokens, keyId }) => ({ encryptionContext, grantTokens, keyId })),
        [
          { ...common, type: "branch:ACTIVE", version: `branch:version:${version}` },
          { ...common, type: `branch:version:${version}` },
          { ...common, type: "beacon:ACTIVE" }
        ].map((encryptionContext) => ({ encryptionContext, grantTokens: ["token"], keyId: single }))
      )
      assert.strictEqual(storage.name, "memory")
      assert.strictEqual(active.version, versionRecord.type)
    }).pipe(Effect.provide(TestStore)))

  it.effect("needs KmsDecrypt of the ports of KMS, and no other", () =>
    Effect.gen(function*() {
      const services = yield* Layer.build(TestStore)
      const { branchKeyId } = yield* Effect.provideContext(created, services)
      const { decrypt } = yield* Effect.provideContext(Kms.KmsDecrypt, services)
      const storage = yield* Effect.provideContext(BranchKeyStorage.BranchKeyStorage, services)
      const store = yield* BranchKeyStore.make({ logicalKeyStoreName, kmsConfiguration: singleKey }).pipe(
        Effect.provideService(Kms.KmsDecrypt, { decrypt }),
        Effect.provideService(BranchKeyStorage.BranchKeyStorage, storage),
        Effect.provide(TestPrimitives.layer)
      )
      assert.strictEqual((yield* store.getActive(branchKeyId)).branchKeyId, branchKeyId)
    }))

  it.effect("keys are there until the scope closes, and zero afterwards, and nothing prints them", () =>
    Effect.gen(function*() {
      const store = yield* BranchKeyStore.BranchKeyStore
      const { branchKeyId, version } = yield* created
      const scope = yield* Scope.make()
      const keys = [
        yield* Scope.provide(store.getActive(branchKeyId), scope),
        yield* Scope.provide(store.getVersion(branchKeyId, version), scope),
        yield* Scope.provide(store.getBeaconKey(branchKeyId), scope)
      ]
      const arrays = keys.map(({ key }) => Redacted.value(key))
      assert.isFalse(arrays.some(isZero))
      printsNone([store, ...keys], arrays[0]!)
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(arrays.every(isZero))
      assert.throws(() => Redacted.value(keys[0]!.key))
      yield* ScriptedKms.assertAllReleased
    }).pipe(Effect.provide(TestStore)))

  it.effect("#getkeystoreinfo: describes itself", () =>
    Effect.gen(function*() {
      const options = { logicalKeyStoreName, kmsConfiguration: singleKey, grantTokens: ["a"] }
      const one = yield* BranchKeyStore.make(options)
      const two = yield* BranchKeyStore.make({ ...options, keyStoreId: "mine" })
      const { keyStoreId, ...info } = one.info
      assert.match(keyStoreId, uuid)
      assert.deepStrictEqual<unknown>(info, { ...options, keyStoreName: "memory" })
      assert.strictEqual(two.info.keyStoreId, "mine")
      assert.isTrue(Object.isFrozen(one.info) && Object.isFrozen(one.info.grantTokens))
    }).pipe(Effect.provide(TestStore)))

  it.effect("layers make it, from configuration too", () =>
    Effect.gen(function*() {
      const { branchKeyId } = yield* created
      const services = Layer.succeed(BranchKeyStorage.BranchKeyStorage, yield* BranchKeyStorage.BranchKeyStorage)
      const decrypt = Layer.succeed(Kms.KmsDecrypt, yield* Kms.KmsDecrypt)
      const layer = BranchKeyStore.layerConfig({
        logicalKeyStoreName: Config.String("NAME"),
        kmsConfiguration: singleKey
      }).pipe(Layer.provide([services, decrypt, TestPrimitives.layer]))
      const store = yield* Effect.provide(BranchKeyStore.BranchKeyStore, layer).pipe(
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ NAME: "orders" })))
      )
      assert.strictEqual((yield* store.getActive(branchKeyId)).branchKeyId, branchKeyId)
    }).pipe(Effect.provide(TestStore)))

  it.effect.each<readonly [string, object, string, RegExp]>([
    ["no name", { logicalKeyStoreName: undefined }, "logicalKeyStoreName", /^must be a text of 1 to 65,535 bytes/],
    ["an empty name", { logicalKeyStoreName: "" }, "logicalKeyStoreName", /^must be a text of 1 to 65,535 bytes/],
    ["a broken name", { logicalKeyStoreName: "\ud800" }, "logicalKeyStoreName", /^must be a text/],
    [
      "no configuration",
      { kmsConfiguration: undefined },
      "kmsConfiguration",
      /^must be an object whose _tag is one of/
    ],
    ["another configuration", { kmsConfiguration: { _tag: "Any" } }, "kmsConfiguration", /one of SingleKey, Multi/],
    [
      "an alias",
      { kmsConfiguration: { _tag: "SingleKey", keyArn: "alias/a" } },
      "kmsConfiguration.keyArn",
      /a key ARN, got "alias\/a"$/
    ],
    [
      "an alias ARN",
      { kmsConfiguration: { _tag: "MultiRegionKey", keyArn: single.replace(/key\/.*/, "alias/a") } },
      "kmsConfiguration.keyArn",
      /^must be a key ARN/
    ],
    [
      "no Region",
      { kmsConfiguration: { _tag: "MultiRegionDiscovery" } },
      "kmsConfiguration.region",
      /^must be the name of a Region/
    ],
    [
      "a part of an ARN as Region",
      { kmsConfiguration: { _tag: "MultiRegionDiscovery", region: "a:b" } },
      "kmsConfiguration.region",
      /^must be the name of a Region/
    ],
    ["an empty token", { grantTokens: [""] }, "grantTokens[0]", /not empty/],
    ["a wrong id", { keyStoreId: 1 }, "keyStoreId", /^must be a string/],
    ["an unknown option", { tableName: "a" }, "tableName", /^is no option of a branch key store/]
  ])("is not made with %s", ([, change, field, description]) =>
    Effect.gen(function*() {
      const options = { logicalKeyStoreName, kmsConfiguration: singleKey, ...change }
      const error = yield* failureOf(BranchKeyStore.make(options))
      assert.strictEqual(error.field, field)
      assert.match(error.description, description)
    }).pipe(Effect.provide(TestStore)))

  it.effect.each([["", "branchKeyId"], ["\ud800", "branchKeyId"], [undefined, "branchKeyId"], [{}, "branchKeyId"]])(
    "reads no branch key of the id %j",
    ([id, field]) =>
      Effect.gen(function*() {
        const store = yield* BranchKeyStore.BranchKeyStore
        for (
          const read of [store.getActive, store.getBeaconKey, (id: string) => store.getVersion(id, versionOf("1"))]
        ) {
          const reason = yield* reasonOf(read(id as string))
          if (reason._tag !== "InvalidOption") return assert.fail(reason._tag)
          assert.strictEqual(reason.field, field)
        }
      }).pipe(Effect.provide(TestStore))
  )

  it.effect("reads no version that is no UUID in lower case, and none that is not there", () =>
    Effect.gen(function*() {
      const store = yield* BranchKeyStore.BranchKeyStore
      const { branchKeyId, version } = yield* created
      for (const wrong of ["", `branch:version:${version}`, version.toUpperCase(), undefined as never]) {
        assert.strictEqual((yield* reasonOf(store.getVersion(branchKeyId, wrong)))._tag, "InvalidOption")
      }
      const reason = yield* reasonOf(store.getVersion(branchKeyId, versionOf("1")))
      assert.deepInclude(reason, { _tag: "NotFound", type: `branch:version:${versionOf("1")}` })
      for (const read of [store.getActive, store.getBeaconKey]) {
        const error = yield* failureOf(read("no\nother"))
        assert.strictEqual(error.reason._tag, "NotFound")
        assert.isFalse(error.isRetryable)
        assert.match(error.message, /^branch key store, get\w+ of no\\u\{a\}other: there is no record of the type /)
      }
    }).pipe(Effect.provide(TestStore)))
})

const versionOf = (digit: string) =>
  `${digit.repeat(8)}-${digit.repeat(4)}-4${digit.repeat(3)}-8${digit.repeat(3)}-${digit.repeat(12)}`

describe("records that were changed", () => {
  const changes: ReadonlyArray<readonly [string, (record: Record) => unknown]> = [
    ["another create-time", (record) => ({ ...record, createTime: "2026-11-27T09:34:48.123001Z" })],
    [
      "a create-time with milliseconds",
      (record) => ({ ...record, createTime: record.createTime.replace("000Z", "Z") })
    ],
    ["a changed value", (record) => ({ ...record, attributes: { "aws-crypto-ec:department": "Admin" } })],
    ["a changed key", (record) => ({ ...record, attributes: { "aws-crypto-ec:Department": "admin" } })],
    ["an attribute less", (record) => ({ ...record, attributes: {} })],
    ["an attribute more", (record) => ({ ...record, attributes: { ...record.attributes, more: "" } })],
    [
      "a changed byte of the wrapped key",
      (record) => ({
        ...record,
        wrappedKey: record.wrappedKey.map((byte, index, all) => index === all.length - 1 ? byte ^ 1 : byte)
      })
    ]
  ]

  it.effect.each(changes)("are not readable: %s", ([, change]) =>
    Effect.gen(function*() {
      const { active, beacon, branchKeyId, version, versionRecord } = yield* created
      for (const record of [active, beacon, versionRecord]) {
        const store = yield* storeOver(always(change(record)))
        const reason = yield* reasonOf<unknown, Scope.Scope>(
          record === active
            ? store.getActive(branchKeyId)
            : record === beacon
            ? store.getBeaconKey(branchKeyId)
            : store.getVersion(branchKeyId, version)
        )
        assert.deepInclude(reason, { _tag: "KmsError", failure: "InvalidCiphertext" })
      }
    }).pipe(Effect.provide(TestStore)))

  it.effect("are not readable as those of another table, of another id, or of another type", () =>
    Effect.gen(function*() {
      const { active, beacon, branchKeyId, version, versionRecord } = yield* created
      const rejected = (attribute: string) => (reason: BranchKeyStoreError["reason"]) =>
        assert.deepInclude(reason, { _tag: "RecordRejected", attribute })
      const table = yield* storeOver(always(active), singleKey, "Orders")
      assert.strictEqual((yield* reasonOf(table.getActive(branchKeyId)))._tag, "KmsError")
      // As they are, they are whole: what names them must be what was asked for.
      const asked = yield* storeOver(always(active))
      rejected("branch-key-id")(yield* reasonOf(asked.getActive("tenant-b")))
      rejected("type")(yield* reasonOf(asked.getBeaconKey(branchKeyId)))
      rejected("type")(yield* reasonOf(asked.getVersion(branchKeyId, version)))
      const another = yield* storeOver(always(versionRecord))
      rejected("type")(yield* reasonOf(another.getActive(branchKeyId)))
      rejected("type")(yield* reasonOf(another.getVersion(branchKeyId, versionOf("1"))))
      rejected("type")(yield* reasonOf((yield* storeOver(always(beacon))).getActive(branchKeyId)))
      // Renamed, their context is another one.
      const renamed = yield* storeOver(always({ ...active, branchKeyId: "tenant-b" }))
      assert.strictEqual((yield* reasonOf(renamed.getActive("tenant-b")))._tag, "KmsError")
      const old = yield* storeOver(always({ ...active, version: `branch:version:${versionOf("1")}` }))
      assert.strictEqual((yield* reasonOf(old.getActive(branchKeyId)))._tag, "KmsError")
      const typed = yield* storeOver(always({ ...beacon, type: "branch:ACTIVE", version: active.version }))
      assert.strictEqual((yield* reasonOf(typed.getActive(branchKeyId)))._tag, "KmsError")
    }).pipe(Effect.provide(TestStore)))

  it.effect.each<readonly [string, object, string]>([
    [
      "hierarchy version 2",
      { hierarchyVersion: 2 },
      "hierarchy-version is 2: branch keys of hierarchy version 2 are not supported, only those of version 1"
    ],
    ["hierarchy version 3", { hierarchyVersion: 3 }, "hierarchy-version must be the number 1, is 3"],
    [
      "an attribute of the logical name",
      { attributes: { tablename: "orders" } },
      "tablename is no attribute of its own"
    ],
    ["an empty wrapped key", { wrappedKey: new Uint8Array(0) }, "enc is empty"],
    ["no KMS key", { kmsArn: "alias/a" }, "kms-arn is no key ARN: \"alias/a\""],
    [
      "a context that is too long",
      { attributes: { a: "x".repeat(65_535) } },
      "record has a context whose serialised length is"
    ]
  ])("are rejected before any call: %s", ([, change, message]) =>
    Effect.gen(function*() {
      const { active, branchKeyId } = yield* created
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.clearLog
      const store = yield* storeOver(always({ ...active, ...change }))
      const reason = yield* reasonOf(store.getActive(branchKeyId))
      assert.strictEqual(reason._tag, "RecordRejected")
      assert.include(reason.message, message)
      yield* ScriptedKms.assertCalls({})
    }).pipe(Effect.provide(TestStore)))

  it.effect("whose version is no UUID are rejected, and the key is zeroed", () =>
    Effect.gen(function*() {
      const { decrypt } = yield* Kms.KmsDecrypt
      const { encrypt } = yield* Kms.Kms
      const { DataKey } = yield* Effect.promise(() => import("effect-encryption-sdk"))
      const type = "branch:version:1" as const
      const record = {
        branchKeyId: "a",
        type: "branch:ACTIVE",
        version: type,
        kmsArn: single,
        createTime: "t",
        hierarchyVersion: 1,
        attributes: {}
      } as const
      const { ciphertextBlob } = yield* encrypt({
        keyId: single,
        grantTokens: [],
        encryptionContext: BranchKeyRecord.contextOf(record, logicalKeyStoreName),
        plaintext: DataKey.make(new Uint8Array(32).fill(1))
      })
      const store = yield* storeOver(always({ ...record, wrappedKey: ciphertextBlob })).pipe(
        Effect.provideService(Kms.KmsDecrypt, { decrypt })
      )
      const reason = yield* reasonOf(Effect.scoped(store.getActive("a")))
      assert.strictEqual(reason.message, "version names no UUID in lower case")
      yield* ScriptedKms.assertAllReleased
    }).pipe(Effect.provide(TestKms)))
})

describe("#aws-key-arn-compatibility: the configured KMS key", () => {
  const named = (_tag: "SingleKey" | "MultiRegionKey", keyArn: string) => ({ _tag, keyArn })
  const rows: ReadonlyArray<readonly [KmsConfiguration.KmsConfiguration, string, string]> = [
    [named("SingleKey", single), single, single],
    [named("SingleKey", single), other, `kms-arn is "${other}", the store is configured for "${single}"`],
    [named("SingleKey", multi), multi, multi],
    [named("SingleKey", multi), replica, "another replica of that multi-Region key: configure MultiRegionKey"],
    [named("MultiRegionKey", single), single, single],
    [named("MultiRegionKey", single), other, "the store is configured for"],
    [named("MultiRegionKey", single), single.replace("us-east-1", "eu-central-1"), "the store is configured for"],
    [named("MultiRegionKey", multi), multi, multi],
    [named("MultiRegionKey", multi), replica, multi],
    [named("MultiRegionKey", replica), multi, replica],
    [named("MultiRegionKey", multi), single, "the store is configured for"],
    [{ _tag: "Discovery" }, single, single],
    [{ _tag: "Discovery" }, replica, replica],
    [{ _tag: "MultiRegionDiscovery", region: "eu-central-1" }, multi, replica],
    [{ _tag: "MultiRegionDiscovery", region: "us-east-1" }, replica, multi],
    [{ _tag: "MultiRegionDiscovery", region: "eu-central-1" }, single, single],
    [{ _tag: "Discovery" }, single.replace(/key\/.*/, "alias/a"), "kms-arn is no key ARN"],
    [{ _tag: "MultiRegionDiscovery", region: "eu-central-1" }, "alias/mrk-a", "kms-arn is no key ARN"]
  ]

  const short = (text: string) =>
    Object.entries({ single, multi, replica, other }).reduce((text, [name, arn]) => text.replaceAll(arn, name), text)
  const titled = rows.map((row) =>
    [short(`under ${JSON.stringify(row[0])}, a record of ${row[1]}: ${row[2]}`), ...row] as const
  )
  it.effect.each(titled)("%s", ([, configuration, keyArn, expected]) =>
    Effect.gen(function*() {
      const storage = yield* MemoryBranchKeyStorage.make
      const isKey = keyArn.startsWith("arn:") && keyArn.includes(":key/")
      const admin = yield* adminOver(storage, named("SingleKey", keyArn.includes("mrk-") ? multi : single))
      const { branchKeyId } = yield* admin.createKey()
      const active = yield* storage.read(branchKeyId, "branch:ACTIVE")
      const seen = yield* requests("Decrypt")
      const store = yield* storeOver(always({ ...active, kmsArn: keyArn }), configuration)
      const exit = yield* Effect.exit(store.getActive(branchKeyId))
      if (expected.startsWith("arn:")) {
        assert.deepStrictEqual(seen.map(({ keyId }) => keyId), [expected])
        // Its context names the key that it was created under, so that only that record unwraps.
        assert.strictEqual(Exit.isSuccess(exit), active.kmsArn === keyArn)
      } else {
        assert.deepStrictEqual(seen, [])
        const reason = yield* reasonOf(exit)
        assert.strictEqual(reason._tag, "RecordRejected")
        assert.include(reason.message, expected)
      }
      assert.strictEqual(isKey, !expected.includes("is no key ARN"))
    }).pipe(Effect.provide(TestKms)))
})

describe("storages and a KMS that break their contract", () => {
  const cases: ReadonlyArray<readonly [string, Partial<BranchKeyStorage.BranchKeyStorage>, RegExp]> = [
    ["throws", {
      read: () => {
        throw new Error("secret")
      }
    }, /BranchKeyStorage.read threw instead of failing$/],
    [
      "returns a promise",
      { read: (() => Promise.reject(new Error("no"))) as never },
      /returned a Promise instead of an Effect$/
    ],
    [
      "fails with another error",
      { read: () => Effect.fail(new Error("no")) as never },
      /failed with an error that is no BranchKeyStorageError$/
    ],
    ["has no read", {}, /threw instead of failing$/],
    ["returns nothing", always(undefined), /record is no object$/],
    ["returns a list", always([]), /hierarchy-version must be the number 1, is undefined$/]
  ]
  it.effect.each(cases)("a storage that %s", ([, storage, message]) =>
    Effect.gen(function*() {
      const store = yield* storeOver(storage)
      const error = yield* failureOf(store.getActive("a"))
      assert.instanceOf(error, BranchKeyStoreError)
      assert.match(error.message, message)
    }).pipe(Effect.provide(TestKms)))

  it.effect("a storage's own failure is the reason, and says whether a retry helps", () =>
    Effect.gen(function*() {
      for (const isRetryable of [true, false]) {
        const reason = new BranchKeyStorage.StorageFailed({ code: "Throttled", description: "slow\ndown", isRetryable })
        const store = yield* storeOver({
          read: () =>
            Effect.fail(new BranchKeyStorage.BranchKeyStorageError({ operation: "read", branchKeyId: "a", reason }))
        })
        const error = yield* failureOf(store.getActive("a"))
        assert.deepStrictEqual(error.reason, reason)
        assert.strictEqual(error.isRetryable, isRetryable)
        assert.strictEqual(error.message, "branch key store, getActive of a: Throttled: slow\\u{a}down")
      }
    }).pipe(Effect.provide(TestKms)))

  it.effect.each<readonly [string, (response: ScriptedKms.Response) => Partial<ScriptedKms.Response>, string]>([
    ["another key", () => ({ keyId: other }), "KeyIdMismatch"],
    ["a short key", () => ({ plaintext: Redacted.make(new Uint8Array(31).fill(1)) }), "PlaintextLengthMismatch"],
    ["a long key", () => ({ plaintext: Redacted.make(new Uint8Array(33).fill(1)) }), "PlaintextLengthMismatch"],
    ["a key of zeroes", () => ({ plaintext: Redacted.make(new Uint8Array(32)) }), "PlaintextAllZero"]
  ])("a KMS that returns %s: rejected, and zeroed at once", ([, change, code]) =>
    Effect.gen(function*() {
      const { branchKeyId } = yield* created
      const script = yield* ScriptedKms.ScriptedKms
      const store = yield* BranchKeyStore.BranchKeyStore
      yield* script.when({ operation: "Decrypt" }, ScriptedKms.tamper(change))
      const reason = yield* reasonOf(store.getActive(branchKeyId))
      assert.deepInclude(reason, { _tag: "KmsError", failure: "InvalidAnswer", code, isRetryable: false })
      yield* ScriptedKms.assertAllReleased
    }).pipe(Effect.provide(TestStore)))

  it.effect("a KMS that fails: its error is the reason", () =>
    Effect.gen(function*() {
      const { branchKeyId } = yield* created
      const script = yield* ScriptedKms.ScriptedKms
      const store = yield* BranchKeyStore.BranchKeyStore
      yield* script.when({ operation: "Decrypt" }, ScriptedKms.fail("Throttled"))
      const error = yield* failureOf(store.getActive(branchKeyId))
      assert.deepInclude(error.reason, { _tag: "KmsError", failure: "Throttled", keyId: single })
      assert.isTrue(error.isRetryable)
    }).pipe(Effect.provide(TestStore)))
})
