/** What multi-keyrings make of members that are a user's own, and of layers' options that are wrong. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { DataKey, MultiKeyring, ResilientMultiKeyring } from "effect-encryption-sdk"
import type { EncryptionMaterials } from "../../src/model/CryptographicMaterials.ts"
import { failureOf } from "../support/client.ts"
import { errorsOf, keyBytes, unwrapped } from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { isZero } from "../support/recordingPrimitives.ts"
import { edk, scripted, unavailable } from "../support/scriptedKeyring.ts"

const wrappers = ({ encryptedDataKeys }: EncryptionMaterials) =>
  encryptedDataKeys.map(({ keyProviderInfo }) => Buffer.from(keyProviderInfo).toString())

const good = scripted("good", [])
const down = scripted("down", [], { onEncrypt: () => Effect.fail(unavailable("down")) })

/** A keyring that makes this data key, and registers nothing with the scope. */
const forgetful = (dataKey: Uint8Array) =>
  scripted("forgetful", [], {
    onEncrypt: (materials) =>
      Effect.succeed({
        ...materials,
        plaintextDataKey: DataKey.make(dataKey),
        encryptedDataKeys: [edk("forgetful")]
      }),
    onDecrypt: ([encryptedDataKey]) =>
      Effect.succeed({
        _tag: "Unwrapped",
        plaintextDataKey: DataKey.make(dataKey),
        encryptedDataKey: encryptedDataKey!
      })
  })

describe("the data key of a member that registers nothing with the scope", () => {
  it.effect("is zeroed where another member fails", () =>
    Effect.gen(function*() {
      for (
        const make of [
          (generator: typeof good) => MultiKeyring.make({ generator, children: [down] }),
          (generator: typeof good) => ResilientMultiKeyring.make({ generators: [generator], children: [down] })
        ]
      ) {
        const dataKey = keyBytes(32)
        const keyring = yield* make(forgetful(dataKey))
        yield* failureOf(Effect.scoped(keyring.onEncrypt(encryptionMaterials())))
        assert.isTrue(isZero(dataKey))
      }
    }))

  it.effect("lives until the scope closes", () =>
    Effect.gen(function*() {
      const dataKey = keyBytes(32)
      const keyring = yield* MultiKeyring.make({ children: [forgetful(dataKey)] })
      yield* Effect.scoped(Effect.gen(function*() {
        const { plaintextDataKey } = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [edk("x")]))
        assert.deepStrictEqual(DataKey.value(plaintextDataKey), keyBytes(32))
      }))
      assert.isTrue(isZero(dataKey))
    }))
})

describe("a member of a ResilientMultiKeyring", () => {
  it.effect("that goes on to change its list of encrypted data keys takes away no other's", () =>
    Effect.gen(function*() {
      const list = [edk("g")]
      const generator = scripted("g", [], {
        onEncrypt: (materials) =>
          Effect.succeed({ ...materials, plaintextDataKey: DataKey.make(keyBytes(32)), encryptedDataKeys: list })
      })
      const child = scripted("a", [], {
        onEncrypt: (materials) =>
          Effect.sync(() => {
            list.push(edk("late"))
            return { ...materials, encryptedDataKeys: [...materials.encryptedDataKeys, edk("a")] }
          })
      })
      const keyring = yield* ResilientMultiKeyring.make({ generators: [generator], children: [child] })
      const result = yield* Effect.result(keyring.onEncrypt(encryptionMaterials()))
      if (Result.isFailure(result)) return assert.fail(result.failure.message)
      assert.deepStrictEqual(wrappers(result.success), ["g", "a"])
    }))

  it.effect("that returns missing wrappings which are no rows fails the operation", () =>
    Effect.gen(function*() {
      for (const row of [null, undefined, 1, {}, { keyring: "a", member: "b", code: "c", failure: "d" }]) {
        const bad = scripted("bad", [], {
          onEncrypt: (materials) =>
            Effect.succeed({
              ...materials,
              plaintextDataKey: DataKey.make(keyBytes(32)),
              encryptedDataKeys: [edk("x")],
              missingWrappings: [row as never]
            })
        })
        const keyring = yield* ResilientMultiKeyring.make({ generators: [bad] })
        assert.deepStrictEqual(
          yield* failureOf(keyring.onEncrypt(encryptionMaterials())),
          errorsOf("ResilientMultiKeyring").misconfigured(
            "onEncrypt",
            "generators[0]",
            "bad returned missing wrappings that hold what is no row of a keyring that did not wrap"
          )
        )
      }
    }))
})

describe("wrong options of a layer are typed errors", () => {
  const noKeyring = "is no keyring"
  const noGenerator = "is missing, and so are children: give at least one keyring"
  const noList = "must be an array of at least one keyring"
  it.effect.each<[options: unknown, field: string, description: string]>([
    [undefined, "generators", noList],
    [null, "generators", noList],
    [{}, "generators", noList],
    [{ generators: 1 }, "generators", noList],
    [{ generators: [1] }, "generators[0]", noKeyring],
    [{ generators: [Effect.succeed(good)], children: "none" }, "children", "must be an array of keyrings"],
    [{ generators: [Effect.succeed(good)], children: [null] }, "children[0]", noKeyring]
  ])("ResilientMultiKeyring.layer of %s", ([options, field, description]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* failureOf(Layer.build(ResilientMultiKeyring.layer(options as never))),
        errorsOf("ResilientMultiKeyring").misconfigured("make", field, description)
      )
    }))

  it.effect.each<[options: unknown, field: string, description: string]>([
    [undefined, "generator", noGenerator],
    [null, "generator", noGenerator],
    [{ generator: 1 }, "generator", noKeyring],
    [{ generator: null }, "generator", noKeyring],
    [{ children: 1 }, "children", "must be an array of keyrings"],
    [{ children: [Effect.succeed(good), {}] }, "children[1]", noKeyring]
  ])("MultiKeyring.layer of %s", ([options, field, description]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* failureOf(Layer.build(MultiKeyring.layer(options as never))),
        errorsOf("MultiKeyring").misconfigured("make", field, description)
      )
    }))
})
