/** framework/required-encryption-context-cmm.md, requirement by requirement. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import {
  CryptographicMaterialsManager,
  EncryptionSdk,
  Keyring,
  RequiredEncryptionContextCmm
} from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { decryptFailure, encryptFailure, failureOf, fieldsOf, managerOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { decryptRequest, edk, encryptRequest, scriptedManager } from "../support/scriptedManager.ts"
import { collect } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

type Manager = CryptographicMaterialsManager.CryptographicMaterialsManager

const required = (materialsManager: Manager, ...requiredEncryptionContextKeys: ReadonlyArray<string>) =>
  RequiredEncryptionContextCmm.make({ materialsManager, requiredEncryptionContextKeys })

const clientOver = (manager: Manager) =>
  Effect.provideService(
    EncryptionSdk.make(),
    CryptographicMaterialsManager.CryptographicMaterialsManager,
    manager
  ).pipe(Effect.provide(TestPrimitives.layer))

const context = { tenant: "a", purpose: "orders" }

describe("initialization", () => {
  it.effect("the keys and a manager must be there: each fault is named", () =>
    Effect.gen(function*() {
      const { manager } = scriptedManager()
      const keys =
        "requiredEncryptionContextKeys: must be an array of at least one text, each well-formed Unicode that does not begin with aws-crypto-"
      const make = (options: object) => failureOf(RequiredEncryptionContextCmm.make(options as never))
      const faults: ReadonlyArray<readonly [options: object, message: string]> = [
        [{ materialsManager: manager }, keys],
        ...[[], ["tenant", 1], ["\ud800"], ["aws-crypto-public-key"], "tenant", null].map((given) =>
          [{ materialsManager: manager, requiredEncryptionContextKeys: given }, keys] as const
        ),
        [{ requiredEncryptionContextKeys: ["tenant"] }, "materialsManager: must be a materials manager"],
        [
          { materialsManager: manager, requiredEncryptionContextKey: ["tenant"] },
          "requiredEncryptionContextKey: is no option of a materials manager that requires pairs: did you mean requiredEncryptionContextKeys?"
        ]
      ]
      for (const [options, message] of faults) assert.strictEqual((yield* make(options)).message, message)
    }))

  it.effect("over a keyring: the manager under it is the default one", () =>
    Effect.gen(function*() {
      const { encryptions, keyring } = recordingKeyring()
      const layer = EncryptionSdk.layer().pipe(
        Layer.provide(RequiredEncryptionContextCmm.layer({ requiredEncryptionContextKeys: ["tenant"] })),
        Layer.provide(Layer.succeed(Keyring.Keyring, keyring)),
        Layer.provide(TestPrimitives.layer)
      )
      const sdk = yield* Effect.provide(EncryptionSdk.EncryptionSdk, layer)
      const { header } = yield* sdk.encrypt("a", { encryptionContext: context })
      assert.deepStrictEqual(Object.keys(header.encryptionContext), ["purpose", "aws-crypto-public-key"])
      assert.deepStrictEqual(encryptions[0]?.requiredEncryptionContextKeys, ["tenant"])
    }))
})

describe("get encryption materials", () => {
  it.effect("a request without one of the pairs fails, and the manager under it is not called", () =>
    Effect.gen(function*() {
      const { count, manager } = scriptedManager()
      const sdk = yield* clientOver(yield* required(manager, "tenant", "region"))
      for (
        const [encryptionContext, key] of [[{}, "tenant"], [{ region: "x" }, "tenant"], [context, "region"]] as const
      ) {
        assert.deepStrictEqual(fieldsOf(yield* encryptFailure(sdk.encrypt("a", { encryptionContext }))), {
          _tag: "InvalidEncryptionContext",
          key,
          description: "is required, and missing"
        })
      }
      // A pair that all objects seem to have is none.
      const odd = yield* clientOver(yield* required(manager, "toString"))
      assert.strictEqual(
        (yield* encryptFailure(odd.encrypt("a", { encryptionContext: context })))._tag,
        "InvalidEncryptionContext"
      )
      assert.strictEqual(count(), 0)
    }))

  it.effect("the request to the manager under it has all keys, those of the caller too, each once", () =>
    Effect.gen(function*() {
      const { calls, manager } = scriptedManager()
      const cmm = yield* required(manager, "tenant", "tenant")
      for (const each of ["purpose", "tenant"]) {
        yield* Effect.exit(cmm.getEncryptionMaterials(encryptRequest({ context, required: [each] })))
      }
      assert.deepStrictEqual(
        calls.map(({ request }) => "requiredEncryptionContextKeys" in request && request.requiredEncryptionContextKeys),
        [["purpose", "tenant"], ["tenant"]]
      )
    }))

  it.effect("materials without one of the keys are rejected", () =>
    Effect.gen(function*() {
      const { manager } = scriptedManager()
      const forgetful = CryptographicMaterialsManager.make({
        ...manager,
        getEncryptionMaterials: (request) =>
          manager.getEncryptionMaterials({ ...request, requiredEncryptionContextKeys: ["purpose"] })
      })
      const sdk = yield* clientOver(yield* required(forgetful, "purpose", "tenant"))
      assert.deepStrictEqual(fieldsOf(yield* encryptFailure(sdk.encrypt("a", { encryptionContext: context }))), {
        _tag: "InvalidMaterials",
        field: "requiredEncryptionContextKeys",
        description: "do not have \"tenant\""
      })
    }))

  it.effect("a manager that returns nothing is named, and nothing dies", () =>
    Effect.gen(function*() {
      const nothing = CryptographicMaterialsManager.make({
        getEncryptionMaterials: () => Effect.succeed(undefined as never),
        decryptMaterials: () => Effect.succeed({} as never)
      })
      const cmm = yield* required(nothing, "tenant")
      const encrypting = yield* encryptFailure(cmm.getEncryptionMaterials(encryptRequest({ context })))
      assert.strictEqual(encrypting._tag, "InvalidMaterials")
      const decrypting = yield* decryptFailure(cmm.decryptMaterials(decryptRequest({ expected: { tenant: "a" } })))
      assert.strictEqual(decrypting._tag, "InvalidMaterials")
    }))
})

describe("decrypt materials", () => {
  it.effect("an expected context without one of the pairs fails, and the manager under it is not called", () =>
    Effect.gen(function*() {
      const { count, manager } = scriptedManager()
      const cmm = yield* required(manager, "tenant", "region")
      for (const [expected, key] of [[{}, "tenant"], [{ tenant: "a" }, "region"]] as const) {
        const request = decryptRequest({ context: { tenant: "a", region: "x" }, expected })
        assert.deepStrictEqual(fieldsOf(yield* decryptFailure(cmm.decryptMaterials(request))), {
          _tag: "InvalidEncryptionContext",
          key,
          description: "is required in the expected context, and missing"
        })
      }
      assert.strictEqual(count(), 0)
    }))

  it.effect("the request goes on unchanged", () =>
    Effect.gen(function*() {
      const { calls, manager } = scriptedManager()
      const cmm = yield* required(manager, "tenant")
      const request = decryptRequest({ context: { purpose: "orders" }, expected: { tenant: "a" }, edks: [edk(7)] })
      yield* cmm.decryptMaterials(request)
      assert.deepStrictEqual(calls[0]?.request, request)
    }))

  it.effect("materials whose context lacks one of the pairs are rejected", () =>
    Effect.gen(function*() {
      const { manager } = scriptedManager()
      const forgetful = CryptographicMaterialsManager.make({
        ...manager,
        decryptMaterials: (request) => manager.decryptMaterials({ ...request, expectedEncryptionContext: {} })
      })
      const cmm = yield* required(forgetful, "tenant")
      const request = decryptRequest({ context: { purpose: "orders" }, expected: { tenant: "a" } })
      assert.deepStrictEqual(fieldsOf(yield* decryptFailure(cmm.decryptMaterials(request))), {
        _tag: "InvalidMaterials",
        field: "encryptionContext",
        description: "does not have \"tenant\""
      })
    }))
})

/** Managers that keep the tenant out of messages, over one keyring: alone, and with a cache in either order. */
const stacks = {
  "over the default manager": (under: Manager) => required(under, "tenant"),
  "over a caching manager": (under: Manager) => Effect.flatMap(caching(under), (cached) => required(cached, "tenant")),
  "under a caching manager": (under: Manager) => Effect.flatMap(required(under, "tenant"), caching)
}

const caching = (materialsManager: Manager) =>
  Effect.flatMap(
    LocalCache.make({ capacity: 10 }),
    (cache) => CachingCmm.make({ cache, materialsManager, policy: { maxAge: "1 minute" } })
  ).pipe(Effect.provide(TestPrimitives.layer))

describe.each(Object.keys(stacks) as ReadonlyArray<keyof typeof stacks>)("messages, %s", (stack) => {
  for (const algorithmSuite of [unsigned, signed]) {
    it.effect(`the pair is authenticated and not stored, twice and in streams: ${algorithmSuite.name}`, () =>
      Effect.gen(function*() {
        const { keyring } = recordingKeyring()
        const sdk = yield* clientOver(yield* stacks[stack](yield* managerOf(keyring)))
        const plain = yield* clientOver(yield* managerOf(keyring))
        const options = { encryptionContext: context, algorithmSuite }
        const expected = { expectedEncryptionContext: { tenant: "a" } }
        const bytes = new TextEncoder().encode("secret")
        for (let time = 0; time < 2; time++) {
          const { header, message } = yield* sdk.encrypt(bytes, options)
          const streamed = yield* collect(sdk.encryptStream(Stream.make(bytes), { ...options, plaintextLength: 6 }))
          assert.notProperty(header.encryptionContext, "tenant")
          for (const each of [message, streamed]) {
            assert.deepStrictEqual((yield* sdk.decrypt(each, expected)).plaintext, bytes)
            assert.deepStrictEqual(yield* collect(sdk.decryptStream(Stream.make(each), expected)), bytes)
            // A default manager authenticates it too.
            const { encryptionContext } = yield* plain.decrypt(each, expected)
            assert.strictEqual(encryptionContext["tenant"], "a")
            const missing = yield* decryptFailure(sdk.decrypt(each))
            assert.strictEqual(missing._tag, "InvalidEncryptionContext")
            for (const reader of [sdk, plain]) {
              const other = yield* decryptFailure(reader.decrypt(each, { expectedEncryptionContext: { tenant: "b" } }))
              assert.strictEqual(other._tag, "NoDataKeyUnwrapped")
            }
            assert.strictEqual((yield* decryptFailure(plain.decrypt(each)))._tag, "NoDataKeyUnwrapped")
          }
        }
      }).pipe(Effect.scoped))
  }
})

describe("as a layer over the program's manager", () => {
  it.effect("takes its place", () =>
    Effect.gen(function*() {
      const { keyring } = recordingKeyring()
      const layer = EncryptionSdk.layer().pipe(
        Layer.provide(RequiredEncryptionContextCmm.layerManager({ requiredEncryptionContextKeys: ["tenant"] })),
        Layer.provide(CachingCmm.layer({ policy: { maxAge: "1 minute" } })),
        Layer.provide(LocalCache.layer({ capacity: 10 })),
        Layer.provide(Layer.succeed(Keyring.Keyring, keyring)),
        Layer.provide(TestPrimitives.layer)
      )
      const receipts = yield* Effect.provide(
        Effect.gen(function*() {
          const sdk = yield* EncryptionSdk.EncryptionSdk
          yield* sdk.encrypt("a", { encryptionContext: context })
          const failure = yield* encryptFailure(sdk.encrypt("a"))
          assert.strictEqual(failure._tag, "InvalidEncryptionContext")
          return (yield* sdk.encrypt("a", { encryptionContext: context })).receipt._tag
        }),
        layer
      )
      assert.strictEqual(receipts, "Hit")
    }))
})
