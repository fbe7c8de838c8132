import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { DataKey, Keyring, MultiKeyring } from "effect-encryption-sdk"
import { RawAesKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import type { EncryptedDataKeyReport, KeyringError } from "../../src/model/errors/KeyringError.ts"
import { failureOf } from "../support/client.ts"
import { rsaPrivateKey, rsaPublicKey } from "../support/rsaKeys.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import {
  dataKeyArrays,
  errorsOf,
  keyBytes,
  keyringContract,
  rejectsOptions,
  unwrapped
} from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { edk, row, scripted, unavailable } from "../support/scriptedKeyring.ts"
import { isZero, recordingPrimitives } from "../support/recordingPrimitives.ts"

const aes = (keyName: string, first = 3) =>
  RawAesKeyring.make({ keyNamespace: "namespace", keyName, wrappingKey: Redacted.make(keyBytes(32, first)) })
const makeAes = (keyName: string, first = 3) => Effect.provide(aes(keyName, first), TestPrimitives.layer)

const publicKey = rsaPublicKey
const privateKey = Redacted.make(rsaPrivateKey)
const rsa = (keys: { readonly publicKey?: string; readonly privateKey?: Redacted.Redacted }) =>
  RawRsaKeyring.make({ keyNamespace: "namespace", keyName: "rsa", padding: "OAEP-SHA256", ...keys })

const { misconfigured, notUnwrapped } = errorsOf("MultiKeyring")

keyringContract({
  title: "MultiKeyring",
  name: "RawAesKeyring",
  make: Effect.gen(function*() {
    const recording = recordingPrimitives()
    const one = yield* Effect.provide(aes("one", 1), recording.layer)
    const two = yield* Effect.provide(aes("two", 2), recording.layer)
    return {
      keyring: yield* MultiKeyring.make({ generator: one, children: [two] }),
      wrapping: yield* MultiKeyring.make({ children: [one, two] }),
      // The second keyring's, so that the first passes over it.
      wrapByHand: (dataKey) =>
        Effect.map(
          Effect.orDie(two.onEncrypt(encryptionMaterials({ plaintextDataKey: DataKey.make(new Uint8Array(dataKey)) }))),
          ({ encryptedDataKeys }) => encryptedDataKeys[0]!
        ),
      dataKeys: dataKeyArrays(recording)
    }
  }),
  bindsContext: true,
  rejects: "AuthenticationFailed",
  invalidKeys: [keyBytes(16), new Uint8Array(32), new Uint8Array(0)].map((key) => [key, "InvalidDataKey"])
})

describe("MultiKeyring.onEncrypt", () => {
  it.effect("the generator makes the data key, the children wrap it in their order", () =>
    Effect.gen(function*() {
      const multi = yield* MultiKeyring.make({
        generator: yield* makeAes("one", 1),
        children: [yield* makeAes("two", 2), yield* makeAes("three", 3)]
      })
      assert.strictEqual(multi.name, "MultiKeyring")
      const materials = yield* multi.onEncrypt(encryptionMaterials())
      assert.deepStrictEqual(
        materials.encryptedDataKeys.map((edk) => Buffer.from(edk.keyProviderInfo.subarray(0, -20)).toString()),
        ["one", "two", "three"]
      )
      for (const [name, first] of [["one", 1], ["two", 2], ["three", 3]] as const) {
        const keyring = yield* makeAes(name, first)
        const answer = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), materials.encryptedDataKeys))
        assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), DataKey.value(materials.plaintextDataKey!))
      }
    }))

  it.effect("each keyring is given what the one before it answered", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const multi = yield* MultiKeyring.make({
        generator: scripted("g", log),
        children: [scripted("a", log), scripted("b", log)]
      })
      const input = encryptionMaterials({ encryptedDataKeys: [edk("before")] })
      const output = yield* multi.onEncrypt(input)
      assert.deepStrictEqual(log, ["g.onEncrypt", "a.onEncrypt", "b.onEncrypt"])
      assert.deepStrictEqual(output, {
        ...input,
        plaintextDataKey: output.plaintextDataKey,
        encryptedDataKeys: ["before", "g", "a", "b"].map(edk)
      })
    }))

  it.effect("without a generator, materials that have none fail, and no child is asked", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const multi = yield* MultiKeyring.make({ children: [scripted("a", log)] })
      assert.deepStrictEqual(
        yield* Effect.flip(multi.onEncrypt(encryptionMaterials())),
        misconfigured("onEncrypt", "generator", "is missing, and the materials have no data key yet")
      )
      assert.deepStrictEqual(log, [])
    }))

  it.effect("with a generator, materials that have a data key fail, and no keyring is asked", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const multi = yield* MultiKeyring.make({ generator: scripted("g", log), children: [scripted("a", log)] })
      assert.deepStrictEqual(
        yield* Effect.flip(multi.onEncrypt(encryptionMaterials({ plaintextDataKey: DataKey.make(keyBytes(32)) }))),
        misconfigured("onEncrypt", "generator", "would make a data key, but the materials have one already")
      )
      assert.deepStrictEqual(log, [])
    }))

  it.effect("a generator that makes no data key fails, and no child is asked", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const multi = yield* MultiKeyring.make({
        generator: scripted("g", log, { onEncrypt: Effect.succeed }),
        children: [scripted("a", log)]
      })
      assert.deepStrictEqual(
        yield* Effect.flip(multi.onEncrypt(encryptionMaterials())),
        misconfigured("onEncrypt", "generator", "g made no data key")
      )
      assert.deepStrictEqual(log, ["g.onEncrypt"])
    }))

  it.effect("the first keyring that fails ends it, with its own error", () =>
    Effect.gen(function*() {
      for (const failing of ["g", "a"]) {
        const log: Array<string> = []
        const behaviour = (name: string) => name === failing ? { onEncrypt: () => Effect.fail(unavailable(name)) } : {}
        const multi = yield* MultiKeyring.make({
          generator: scripted("g", log, behaviour("g")),
          children: ["a", "b"].map((name) => scripted(name, log, behaviour(name)))
        })
        const error = yield* Effect.flip(multi.onEncrypt(encryptionMaterials()))
        assert.deepStrictEqual(error, unavailable(failing))
        assert.isTrue(error.isRetryable)
        assert.deepStrictEqual(log, failing === "g" ? ["g.onEncrypt"] : ["g.onEncrypt", "a.onEncrypt"])
      }
    }))

  it.effect("a child that hands on another data key is found out", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const multi = yield* MultiKeyring.make({
        generator: scripted("g", log),
        children: [
          scripted("a", log),
          scripted("b", log, {
            onEncrypt: (materials) => Effect.succeed({ ...materials, plaintextDataKey: DataKey.make(keyBytes(32, 9)) })
          })
        ]
      })
      assert.deepStrictEqual(
        yield* failureOf(multi.onEncrypt(encryptionMaterials())),
        misconfigured("onEncrypt", "children[1]", "b replaced the data key")
      )
    }))

  it.effect("the data key is zero after the scope, and when a child is interrupted or fails", () =>
    Effect.gen(function*() {
      const recording = recordingPrimitives()
      const generator = yield* Effect.provide(aes("one"), recording.layer)
      const dataKeys = () => recording.arrays("randomBytes").filter((array) => array.length === 32)
      const good = yield* MultiKeyring.make({ generator, children: [yield* makeAes("two")] })
      yield* Effect.scoped(Effect.tap(good.onEncrypt(encryptionMaterials()), () => {
        assert.isFalse(isZero(dataKeys()[0]!))
        return Effect.void
      }))

      const failing = yield* MultiKeyring.make({
        generator,
        children: [scripted("a", [], { onEncrypt: () => Effect.fail(unavailable("a")) })]
      })
      yield* Effect.flip(Effect.scoped(failing.onEncrypt(encryptionMaterials())))

      const wrapping = yield* Deferred.make<void>()
      const hanging = yield* MultiKeyring.make({
        generator,
        children: [
          scripted("a", [], { onEncrypt: () => Effect.andThen(Deferred.succeed(wrapping, undefined), Effect.never) })
        ]
      })
      const fiber = yield* Effect.forkChild(Effect.scoped(hanging.onEncrypt(encryptionMaterials())))
      yield* Deferred.await(wrapping)
      assert.deepStrictEqual(dataKeys().map(isZero), [true, true, false])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(dataKeys().map(isZero), [true, true, true])
    }))
})

describe("MultiKeyring.onDecrypt", () => {
  it.effect("any one of the keyrings that wrapped unwraps, each time through another multi-keyring", () =>
    Effect.gen(function*() {
      const names = ["one", "two", "three"]
      const [one, two, three] = [yield* makeAes("one", 1), yield* makeAes("two", 2), yield* makeAes("three", 3)]
      const all = yield* MultiKeyring.make({ generator: one, children: [two, three] })
      const { encryptedDataKeys, plaintextDataKey } = yield* all.onEncrypt(encryptionMaterials())
      const stranger = yield* makeAes("stranger")
      for (const [index, keyring] of [one, two, three].entries()) {
        for (
          const multi of [
            yield* MultiKeyring.make({ generator: stranger, children: [stranger, keyring] }),
            yield* MultiKeyring.make({ generator: keyring, children: [stranger] }),
            yield* MultiKeyring.make({ children: [keyring] })
          ]
        ) {
          const answer = unwrapped(yield* multi.onDecrypt(decryptionMaterials(), encryptedDataKeys))
          assert.strictEqual(answer.encryptedDataKey, encryptedDataKeys[index], names[index])
          assert.deepStrictEqual(DataKey.value(answer.plaintextDataKey), DataKey.value(plaintextDataKey!))
        }
      }
    }))

  it.effect("asks the generator first, then the children, and stops at the first that unwraps", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const edks = [edk("x")]
      const answer: Keyring.OnDecryptResult = {
        _tag: "Unwrapped",
        plaintextDataKey: DataKey.make(keyBytes(32)),
        encryptedDataKey: edks[0]!
      }
      const multi = yield* MultiKeyring.make({
        generator: scripted("g", log),
        children: [
          scripted("a", log, { onDecrypt: () => Effect.fail(unavailable("a")) }),
          scripted("b", log, { onDecrypt: () => Effect.succeed(answer) }),
          scripted("c", log)
        ]
      })
      assert.strictEqual(yield* multi.onDecrypt(decryptionMaterials(), edks), answer)
      assert.deepStrictEqual(log, ["g.onDecrypt", "a.onDecrypt", "b.onDecrypt"])
    }))

  it.effect("every keyring is given the same materials and encrypted data keys, in copies of its own", () =>
    Effect.gen(function*() {
      const seen: Array<ReadonlyArray<unknown>> = []
      const spy = Keyring.make({
        name: "spy",
        onEncrypt: Effect.succeed,
        onDecrypt: (...given) =>
          Effect.sync(() => {
            seen.push(given)
            return { _tag: "NotMine", skipped: [] }
          })
      })
      const multi = yield* MultiKeyring.make({ generator: spy, children: [spy, spy] })
      const materials = decryptionMaterials()
      const edks = [edk("x"), edk("y")]
      yield* multi.onDecrypt(materials, edks)
      assert.strictEqual(seen.length, 3)
      for (const [givenMaterials, givenEdks] of seen) {
        assert.deepStrictEqual(givenMaterials, materials)
        assert.deepStrictEqual(givenEdks, edks)
      }
      assert.strictEqual(new Set([materials, edks, ...seen.flat()]).size, 8)
      const all = [edks, ...seen.map(([, givenEdks]) => givenEdks as typeof edks)].flat()
      assert.strictEqual(new Set(all.map(({ ciphertext }) => ciphertext.buffer)).size, 8)
    }))

  it.effect("where no encrypted data key is anybody's, it is nobody's, with a row of each keyring for each", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const multi = yield* MultiKeyring.make({ generator: scripted("g", log), children: [scripted("a", log)] })
      const edks = [edk("x"), edk("y")]
      assert.deepStrictEqual(yield* multi.onDecrypt(decryptionMaterials(), edks), {
        _tag: "NotMine",
        skipped: [["g", 0], ["g", 1], ["a", 0], ["a", 1]].map(([keyring, index]) => ({
          _tag: "Skipped" as const,
          ...row(keyring as string, index as number, edks[index as number]!),
          description: "no"
        }))
      })
    }))

  it.effect("where one keyring failed, all rows are told in the order of the keyrings, those that skipped included", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const edks = [edk("x"), edk("y")]
      const attempted: EncryptedDataKeyReport = {
        _tag: "Attempted",
        ...row("a", 1, edks[1]!),
        failure: "Throttled",
        code: "ThrottlingException",
        isRetryable: true
      }
      const skippedRow: EncryptedDataKeyReport = { _tag: "Skipped", ...row("a", 0, edks[0]!), description: "not a's" }
      const multi = yield* MultiKeyring.make({
        generator: scripted("g", log),
        children: [
          scripted("a", log, { onDecrypt: () => Effect.fail(errorsOf("a").notUnwrapped([skippedRow, attempted])) }),
          scripted("b", log)
        ]
      })
      const skips = (name: string): ReadonlyArray<EncryptedDataKeyReport> =>
        edks.map((edk, index) => ({ _tag: "Skipped", ...row(name, index, edk), description: "no" }))
      const error = yield* Effect.flip(multi.onDecrypt(decryptionMaterials(), edks))
      assert.deepStrictEqual(error, notUnwrapped([...skips("g"), skippedRow, attempted, ...skips("b")]))
      assert.isTrue(error.isRetryable)
      assert.strictEqual(
        error.message,
        [
          "MultiKeyring.onDecrypt: no encrypted data key could be unwrapped",
          "  #0 user x — g: skipped, no",
          "  #1 user y — g: skipped, no",
          "  #0 user x — a: skipped, not a's",
          "  #1 user y — a: attempted, Throttled (ThrottlingException), a retry may help",
          "  #0 user x — b: skipped, no",
          "  #1 user y — b: skipped, no"
        ].join("\n")
      )
      assert.deepStrictEqual(log, ["g.onDecrypt", "a.onDecrypt", "b.onDecrypt"])
    }))

  it.effect("a keyring that cannot even begin does not keep the others from trying", () =>
    Effect.gen(function*() {
      const encryptOnly = yield* Effect.provide(rsa({ publicKey }), TestPrimitives.layer)
      const one = yield* makeAes("one")
      const multi = yield* MultiKeyring.make({ generator: encryptOnly, children: [one] })
      const { encryptedDataKeys } = yield* multi.onEncrypt(encryptionMaterials())
      assert.strictEqual(
        unwrapped(yield* multi.onDecrypt(decryptionMaterials(), encryptedDataKeys)).encryptedDataKey,
        encryptedDataKeys[1]
      )
    }))

  it.effect("what such a keyring lacks stands in its rows when no other unwraps", () =>
    Effect.gen(function*() {
      const encryptOnly = yield* Effect.provide(rsa({ publicKey }), TestPrimitives.layer)
      const multi = yield* MultiKeyring.make({
        generator: encryptOnly,
        children: [
          yield* makeAes("one"),
          scripted("down", [], { onDecrypt: () => Effect.fail(unavailable("down")) })
        ]
      })
      const foreign = [edk("x")]
      const error = yield* Effect.flip(multi.onDecrypt(decryptionMaterials(), foreign))
      assert.deepStrictEqual(
        error,
        notUnwrapped([
          {
            _tag: "Skipped",
            ...row("RawRsaKeyring", 0, foreign[0]!),
            description: "privateKey: is missing: this keyring can only encrypt"
          },
          {
            _tag: "Skipped",
            ...row("RawAesKeyring", 0, foreign[0]!),
            description: "its key provider is not namespace"
          },
          {
            _tag: "Attempted",
            ...row("down", 0, foreign[0]!),
            failure: "Unreachable",
            code: "Down",
            isRetryable: true
          }
        ])
      )
    }))

  it.effect("defects pass through", () =>
    Effect.gen(function*() {
      const multi = yield* MultiKeyring.make({
        children: [scripted("a", [], { onDecrypt: () => Effect.die("a bug") }), yield* makeAes("one")]
      })
      const exit = yield* Effect.exit(multi.onDecrypt(decryptionMaterials(), []))
      assert.isTrue(exit._tag === "Failure" && exit.cause.reasons.some((reason) => reason._tag === "Die"))
    }))
})

describe("MultiKeyring of multi-keyrings", () => {
  it.effect("a multi-keyring generates for another, and rows of the inner ones keep their keyrings' names", () =>
    Effect.gen(function*() {
      const inner = yield* MultiKeyring.make({
        generator: yield* makeAes("one", 1),
        children: [yield* makeAes("two", 2)]
      })
      const children = yield* MultiKeyring.make({
        children: [yield* makeAes("three", 3), yield* Effect.provide(rsa({ publicKey }), TestPrimitives.layer)]
      })
      const outer = yield* MultiKeyring.make({ generator: inner, children: [children] })
      const { encryptedDataKeys } = yield* outer.onEncrypt(encryptionMaterials())
      assert.strictEqual(encryptedDataKeys.length, 4)
      const decrypting = yield* Effect.provide(rsa({ privateKey }), TestPrimitives.layer)
      const reading = yield* MultiKeyring.make({ children: [yield* MultiKeyring.make({ children: [decrypting] })] })
      assert.strictEqual(
        unwrapped(yield* reading.onDecrypt(decryptionMaterials(), encryptedDataKeys)).encryptedDataKey,
        encryptedDataKeys[3]
      )
      const error = yield* Effect.flip(outer.onDecrypt(decryptionMaterials(), [edk("x")]))
      assert.strictEqual(error.reason._tag, "DataKeyNotUnwrapped")
      assert.deepStrictEqual(
        error.reason._tag === "DataKeyNotUnwrapped" ? error.reason.encryptedDataKeys.map((row) => row.keyring) : [],
        ["RawAesKeyring", "RawAesKeyring", "RawAesKeyring", "RawRsaKeyring"]
      )
    }))
})

describe("MultiKeyring.make and layer", () => {
  const notOne = aes("two") as never
  rejectsOptions("MultiKeyring", "a multi-keyring", MultiKeyring.make, {}, [
    ["nothing", {}, "generator", "is missing, and so are children: give at least one keyring"],
    ["no children", { children: [] }, "generator", "is missing, and so are children: give at least one keyring"],
    ["a generator that is no keyring", { generator: {} }, "generator", "is no keyring"],
    ["a child that is no keyring", { children: [scripted("a", []), notOne] }, "children[1]", "is no keyring"],
    ["children that are no list", { children: scripted("a", []) }, "children", "must be an array of keyrings"]
  ])

  it.effect("the list of children is copied", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const children = [scripted("a", log)]
      const multi = yield* MultiKeyring.make({ children })
      children.push(scripted("b", log))
      yield* multi.onDecrypt(decryptionMaterials(), [edk("x")])
      assert.deepStrictEqual(log, ["a.onDecrypt"])
    }))

  it.effect("layer makes the keyrings too, with their own requirements and in its scope", () =>
    Effect.gen(function*() {
      const recording = recordingPrimitives()
      const layer: Layer.Layer<Keyring.Keyring, KeyringError> = MultiKeyring.layer({
        generator: aes("one", 1),
        children: [aes("two", 2), rsa({ publicKey, privateKey })]
      }).pipe(Layer.provide(recording.layer))
      yield* Effect.gen(function*() {
        const keyring = yield* Keyring.Keyring
        assert.strictEqual(keyring.name, "MultiKeyring")
        const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
        assert.strictEqual(encryptedDataKeys.length, 3)
        unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys))
      }).pipe(Effect.provide(layer))
      const error = yield* Effect.flip(Layer.build(MultiKeyring.layer({ children: [aes("")] }))).pipe(
        Effect.provide(recording.layer)
      )
      assert.strictEqual(error.keyring, "RawAesKeyring")
      const none: Layer.Layer<Keyring.Keyring, KeyringError> = MultiKeyring.layer({})
      assert.strictEqual((yield* Effect.flip(Layer.build(none))).keyring, "MultiKeyring")
    }))
})
