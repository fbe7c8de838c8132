import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import { DataKey, Keyring, KeyringError, MultiKeyring, ResilientMultiKeyring } from "effect-encryption-sdk"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import type { EncryptionMaterials } from "../../src/model/CryptographicMaterials.ts"
import { NotLoaded } from "../../src/model/errors/NotLoaded.ts"
import { failureOf } from "../support/client.ts"
import {
  dataKeyArrays,
  errorsOf,
  keyBytes,
  keyringContract,
  rejectsOptions,
  unwrapped
} from "../support/keyringContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import { isZero, recordingPrimitives } from "../support/recordingPrimitives.ts"
import { edk, scripted, unavailable } from "../support/scriptedKeyring.ts"
import { TestClock } from "../support/TestClock.ts"

const name = "ResilientMultiKeyring"
const { misconfigured } = errorsOf(name)

const aes = (keyName: string, first = 3) =>
  RawAesKeyring.make({ keyNamespace: "namespace", keyName, wrappingKey: Redacted.make(keyBytes(32, first)) })

const down = (keyring: string) => ({ onEncrypt: () => Effect.fail(unavailable(keyring)) })
const hangs = { onEncrypt: () => Effect.never, onDecrypt: () => Effect.never }
const outage = { failure: "Unreachable", code: "Down", isRetryable: true } as const
const missing = (member: string, keyring: string) => ({ keyring, member, ...outage })
const late = (member: string, keyring: string, within = "5s") => ({
  keyring,
  member,
  failure: "Unreachable",
  code: "DeadlineExceeded",
  description: `no answer within ${within}`,
  isRetryable: true
})

const wrappers = ({ encryptedDataKeys }: EncryptionMaterials) =>
  encryptedDataKeys.map(({ keyProviderInfo }) => Buffer.from(keyProviderInfo).toString())

const encryptWith = (options: ResilientMultiKeyring.Options, input = encryptionMaterials()) =>
  Effect.flatMap(ResilientMultiKeyring.make(options), (keyring) => keyring.onEncrypt(input))

keyringContract({
  title: name,
  name: "RawAesKeyring",
  make: Effect.gen(function*() {
    const recording = recordingPrimitives()
    const one = yield* Effect.provide(aes("one", 1), recording.layer)
    const two = yield* Effect.provide(aes("two", 2), recording.layer)
    return {
      keyring: yield* ResilientMultiKeyring.make({ generators: [one], children: [two] }),
      wrapping: yield* MultiKeyring.make({ children: [one, two] }),
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

describe("ResilientMultiKeyring.make", () => {
  const one = scripted("one", [])
  const two = scripted("two", [])
  rejectsOptions<ResilientMultiKeyring.Options>(name, "a resilient multi-keyring", ResilientMultiKeyring.make, {
    generators: [one],
    children: [two]
  }, [
    ["no generators", { generators: undefined }, "generators", "must be an array of at least one keyring"],
    ["an empty list of generators", { generators: [] }, "generators", "must be an array of at least one keyring"],
    ["a generator that is no keyring", { generators: [{}] }, "generators[0]", "is no keyring"],
    ["a child that is no keyring", { children: [two, {}] }, "children[1]", "is no keyring"],
    [
      "a generator twice",
      { generators: [one, two, one] },
      "generators[2]",
      "is the keyring that generators[0] is already"
    ],
    ["a child twice", { children: [two, two] }, "children[1]", "is the keyring that children[0] is already"],
    [
      "more than all children",
      { minimumChildren: 2 },
      "minimumChildren",
      "must be at most 1, the number of children, got 2"
    ],
    ["less than none", { minimumChildren: -1 }, "minimumChildren", "must be an integer from 0"],
    ["half a child", { minimumChildren: 0.5 }, "minimumChildren", "must be an integer from 0"],
    ["no time", { deadline: 0 }, "deadline", /must be a positive, finite Duration/],
    ["endless time", { deadline: "Infinity" }, "deadline", /must be a positive, finite Duration/]
  ])

  it.effect("layer makes a keyring once that is both generator and child", () =>
    Effect.gen(function*() {
      let made = 0
      const log: Array<string> = []
      const both = Effect.sync(() => {
        made++
        return scripted("both", log)
      })
      const layer = ResilientMultiKeyring.layer({ generators: [both], children: [both], minimumChildren: 1 })
      const keyring = Context.get(yield* Layer.build(layer), Keyring.Keyring)
      assert.deepStrictEqual(wrappers(yield* keyring.onEncrypt(encryptionMaterials())), ["both"])
      assert.strictEqual(made, 1)
      const error = yield* failureOf(
        Layer.build(ResilientMultiKeyring.layer({ generators: [both], child: [] } as never))
      )
      assert.deepStrictEqual(
        error,
        misconfigured("make", "child", "is no option of a resilient multi-keyring: did you mean children?")
      )
    }))
})

describe("ResilientMultiKeyring.onEncrypt", () => {
  it.effect("is a multi-keyring where nothing fails: nothing is missing, and later generators are not asked", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const [g, h, a, b] = ["g", "h", "a", "b"].map((keyring) => scripted(keyring, log)) as [
        Keyring.Keyring,
        Keyring.Keyring,
        Keyring.Keyring,
        Keyring.Keyring
      ]
      const input = encryptionMaterials({ encryptedDataKeys: [edk("before")] })
      const output = yield* encryptWith({ generators: [g, h], children: [a, b] }, input)
      assert.deepStrictEqual(output, {
        ...input,
        plaintextDataKey: output.plaintextDataKey,
        encryptedDataKeys: ["before", "g", "a", "b"].map(edk)
      })
      assert.deepStrictEqual(log, ["g.onEncrypt", "a.onEncrypt", "b.onEncrypt"])
    }))

  it.effect("the first generator that responds makes the data key, and those before it are missing", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const output = yield* encryptWith({
        generators: [
          scripted("g", log, down("g")),
          scripted("h", log, down("h")),
          scripted("i", log),
          scripted("j", log)
        ]
      })
      assert.deepStrictEqual(wrappers(output), ["i"])
      assert.deepStrictEqual(output.missingWrappings, [missing("generators[0]", "g"), missing("generators[1]", "h")])
      assert.deepStrictEqual(log, ["g.onEncrypt", "h.onEncrypt", "i.onEncrypt"])
    }))

  it.effect("a generator that never responds has its deadline, and so has each child, all at once", () =>
    Effect.gen(function*() {
      const children = [scripted("a", [], hangs), scripted("b", []), scripted("c", [], hangs)]
      const generators = [scripted("g", [], hangs), scripted("h", [])]
      const fiber = yield* Effect.forkChild(encryptWith({ generators, children, minimumChildren: 1 }))
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("5 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(fiber.pollUnsafe())
      const output = yield* Fiber.join(fiber)
      assert.deepStrictEqual(wrappers(output), ["h", "b"])
      assert.deepStrictEqual<unknown>(output.missingWrappings, [
        late("generators[0]", "g"),
        late("children[0]", "a"),
        late("children[2]", "c")
      ])
    }))

  it.effect("a deadline of its own, also for one that cannot be interrupted", () =>
    Effect.gen(function*() {
      const stubborn = { onEncrypt: () => Effect.uninterruptible(Effect.never) }
      const generators = [scripted("g", [], stubborn), scripted("h", [])]
      const fiber = yield* Effect.forkChild(encryptWith({ generators, deadline: "1 second" }))
      yield* TestClock.adjust("1 second")
      const output = yield* Fiber.join(fiber)
      assert.deepStrictEqual<unknown>(output.missingWrappings, [late("generators[0]", "g", "1s")])
    }))

  it.effect("children wrap at the same time, and keep their order", () =>
    Effect.gen(function*() {
      const second = yield* Deferred.make<void>()
      const wrap = (keyring: string, before: Effect.Effect<unknown>) =>
        scripted(keyring, [], {
          onEncrypt: (materials) =>
            Effect.as(before, { ...materials, encryptedDataKeys: [...materials.encryptedDataKeys, edk(keyring)] })
        })
      const output = yield* encryptWith({
        generators: [scripted("g", [])],
        children: [wrap("a", Deferred.await(second)), wrap("b", Deferred.succeed(second, undefined))]
      })
      assert.deepStrictEqual(wrappers(output), ["g", "a", "b"])
    }))

  it.effect("all children must wrap, unless fewer are enough", () =>
    Effect.gen(function*() {
      const options = {
        generators: [scripted("g", [])],
        children: [scripted("a", [], down("a")), scripted("b", []), scripted("c", [], down("c"))]
      }
      for (const minimumChildren of [undefined, 3, 2]) {
        const { isRetryable, reason } = yield* failureOf(encryptWith({ ...options, minimumChildren }))
        if (reason._tag !== "DataKeyNotWrapped") return assert.fail(reason._tag)
        assert.isTrue(isRetryable)
        assert.strictEqual(reason.keyName, "children[0], children[2]")
        assert.strictEqual(
          reason.description,
          `1 of 3 children wrapped, ${minimumChildren ?? 3} must; ` +
            "children[0] a: Unreachable (Down), a retry may help; children[2] c: Unreachable (Down), a retry may help"
        )
      }
      for (const minimumChildren of [1, 0]) {
        const output = yield* encryptWith({ ...options, minimumChildren })
        assert.deepStrictEqual(wrappers(output), ["g", "b"])
        assert.deepStrictEqual(output.missingWrappings, [missing("children[0]", "a"), missing("children[2]", "c")])
      }
    }))

  it.effect("a child that made the data key has wrapped it, and one that failed to is not asked again", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const first = scripted("first", log, down("first"))
      const second = scripted("second", log)
      const both = [first, second]
      const exit = yield* Effect.exit(encryptWith({ generators: both, children: both, minimumChildren: 1 }))
      if (Exit.isFailure(exit)) return assert.fail(Cause.pretty(exit.cause))
      const output = exit.value
      assert.deepStrictEqual(wrappers(output), ["second"])
      assert.deepStrictEqual(output.missingWrappings, [missing("generators[0]", "first")])
      assert.deepStrictEqual(log, ["first.onEncrypt", "second.onEncrypt"])
      const { reason } = yield* failureOf(encryptWith({ generators: both, children: both }))
      if (reason._tag !== "DataKeyNotWrapped") return assert.fail(reason._tag)
      assert.match(reason.description!, /^1 of 2 children wrapped, 2 must; generators\[0\] first: /)
    }))

  it.effect("fails where no generator responds, with the row of each, and asks no child", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const denied = errorsOf("g").notWrapped("g", {
        failure: "AccessDenied",
        code: "AccessDeniedException",
        description: "no\nline",
        isRetryable: false
      })
      const generators = [scripted("g", log, { onEncrypt: () => Effect.fail(denied) }), scripted("h", log, down("h"))]
      const error = yield* failureOf(encryptWith({ generators, children: [scripted("a", log)] }))
      assert.deepStrictEqual(
        error,
        errorsOf(name).notWrapped("generators[0], generators[1]", {
          failure: "AccessDenied",
          code: "AccessDeniedException",
          description:
            "no generator made a data key; generators[0] g: AccessDenied (AccessDeniedException: no\\u{a}line); " +
            "generators[1] h: Unreachable (Down), a retry may help",
          isRetryable: true
        })
      )
      assert.deepStrictEqual(log, ["g.onEncrypt", "h.onEncrypt"])
    }))

  it.effect("code that could not be loaded is an outage", () =>
    Effect.gen(function*() {
      const reason = new NotLoaded({ part: "RSA", cause: new Error("offline") })
      const error = new KeyringError.KeyringError({ keyring: "g", operation: "onEncrypt", reason })
      const generators = [scripted("g", [], { onEncrypt: () => Effect.fail(error) }), scripted("h", [])]
      const { missingWrappings } = yield* encryptWith({ generators })
      assert.deepInclude(missingWrappings?.[0], { failure: "Unreachable", code: "NotLoaded", isRetryable: true })
    }))

  const wrong: ReadonlyArray<
    readonly [
      string,
      (materials: EncryptionMaterials) => Effect.Effect<EncryptionMaterials, KeyringError.KeyringError>,
      string
    ]
  > = [
    ["makes no data key", Effect.succeed, "made no data key"],
    [
      "replaces the data key",
      (materials) =>
        Effect.succeed({
          ...materials,
          plaintextDataKey: DataKey.make(keyBytes(32, 9)),
          encryptedDataKeys: [edk("x")]
        }),
      "replaced the data key"
    ],
    [
      "wraps nothing",
      (materials) =>
        Effect.succeed({ ...materials, plaintextDataKey: materials.plaintextDataKey ?? DataKey.make(keyBytes(32)) }),
      "wrapped nothing"
    ],
    [
      "changes the others' encrypted data keys",
      (materials) => Effect.succeed({ ...materials, encryptedDataKeys: [edk("x"), edk("y")] }),
      "changed the encrypted data keys of others"
    ],
    [
      "returns missing wrappings that are none",
      (materials) =>
        Effect.succeed(
          {
            ...materials,
            encryptedDataKeys: [...materials.encryptedDataKeys, edk("x")],
            missingWrappings: "none"
          } as never
        ),
      "returned missing wrappings that are no array"
    ],
    ["returns no materials", () => Effect.succeed(undefined as never), "returned no materials"]
  ]
  it.effect.each(wrong)(
    "a member that %s is no outage: it fails the operation",
    ([, onEncrypt, problem]) =>
      Effect.gen(function*() {
        const bad = scripted("bad", [], { onEncrypt })
        const good = scripted("good", [])
        const asGenerator = problem === "made no data key" || problem === "wrapped nothing"
        const options = asGenerator
          ? { generators: [bad, good] }
          : { generators: [good], children: [scripted("a", []), bad], minimumChildren: 0 }
        assert.deepStrictEqual(
          yield* failureOf(encryptWith(options)),
          misconfigured("onEncrypt", asGenerator ? "generators[0]" : "children[1]", `bad ${problem}`)
        )
      })
  )

  it.effect("neither is one that is misconfigured, or breaks its contract", () =>
    Effect.gen(function*() {
      const error = errorsOf("g").misconfigured("onEncrypt", "publicKey", "is missing")
      const fails = scripted("g", [], { onEncrypt: () => Effect.fail(error) })
      assert.deepStrictEqual(yield* failureOf(encryptWith({ generators: [fails, scripted("h", [])] })), error)
      const throws = scripted("g", [], {
        onEncrypt: () => {
          throw new Error("a bug")
        }
      })
      const exit = yield* Effect.exit(encryptWith({ generators: [throws, scripted("h", [])] }))
      assert.isTrue(Exit.isFailure(exit))
    }))

  it.effect("materials that have a data key already fail, and no keyring is asked", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const input = encryptionMaterials({ plaintextDataKey: DataKey.make(keyBytes(32)) })
      assert.deepStrictEqual(
        yield* failureOf(encryptWith({ generators: [scripted("g", log)] }, input)),
        misconfigured("onEncrypt", "generators", "would make a data key, but the materials have one already")
      )
      assert.deepStrictEqual(log, [])
    }))

  it.effect("within another, what is missing is named by its way there, and once", () =>
    Effect.gen(function*() {
      const inner = yield* ResilientMultiKeyring.make({
        generators: [scripted("g", [])],
        children: [scripted("a", [], down("a"))],
        minimumChildren: 0
      })
      const children = [scripted("b", [], down("b")), scripted("c", [])]
      const before = missing("generators[7]", "earlier")
      const input = encryptionMaterials({ missingWrappings: [before] })
      const output = yield* encryptWith({ generators: [inner], children, minimumChildren: 1 }, input)
      assert.deepStrictEqual(wrappers(output), ["g", "c"])
      assert.deepStrictEqual(output.missingWrappings, [
        before,
        missing("children[0]", "b"),
        missing("generators[0].children[0]", "a")
      ])
      // A multi-keyring hands it on.
      const multi = yield* MultiKeyring.make({ generator: inner, children: [scripted("d", [])] })
      const { missingWrappings } = yield* multi.onEncrypt(encryptionMaterials())
      assert.deepStrictEqual(missingWrappings, [missing("children[0]", "a")])
    }))

  it.effect("the data key is zero after the scope, and that of a generator that came too late", () =>
    Effect.gen(function*() {
      const recording = recordingPrimitives()
      const real = yield* Effect.provide(aes("slow"), recording.layer)
      const slow = Keyring.make({
        ...real,
        onEncrypt: (materials) =>
          Effect.uninterruptible(Effect.tap(Effect.delay(real.onEncrypt(materials), "6 seconds"), () => Effect.void))
      })
      const keyring = yield* ResilientMultiKeyring.make({
        generators: [slow, yield* Effect.provide(aes("quick"), recording.layer)]
      })
      const release = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        Effect.scoped(Effect.andThen(keyring.onEncrypt(encryptionMaterials()), Deferred.await(release)))
      )
      yield* TestClock.adjust("5 seconds")
      yield* TestClock.adjust("1 second")
      const keys = yield* dataKeyArrays(recording)
      assert.isAbove(keys.length, 1)
      assert.isFalse(keys.every(isZero))
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(fiber)
      assert.isTrue((yield* dataKeyArrays(recording)).every(isZero))
    }))
})

describe("ResilientMultiKeyring.onDecrypt", () => {
  it.effect("asks generators and children once each, in order, and stops at the first that unwraps", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const edks = [edk("x")]
      const answer = {
        _tag: "Unwrapped" as const,
        plaintextDataKey: DataKey.make(keyBytes(32)),
        encryptedDataKey: edks[0]!
      }
      const [g, h] = [scripted("g", log), scripted("h", log)]
      const keyring = yield* ResilientMultiKeyring.make({
        generators: [g, h],
        children: [h, g, scripted("a", log, { onDecrypt: () => Effect.succeed(answer) }), scripted("b", log)]
      })
      const result = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), edks))
      assert.strictEqual(result.plaintextDataKey, answer.plaintextDataKey)
      assert.deepStrictEqual(log, ["g.onDecrypt", "h.onDecrypt", "a.onDecrypt"])
    }))

  it.effect("one that never responds is a row, and the next is asked", () =>
    Effect.gen(function*() {
      const keyring = yield* ResilientMultiKeyring.make({
        generators: [scripted("g", [], hangs)],
        children: [scripted("a", [])],
        deadline: "2 seconds"
      })
      const fiber = yield* Effect.forkChild(Effect.flip(keyring.onDecrypt(decryptionMaterials(), [edk("x")])))
      yield* TestClock.adjust("2 seconds")
      const { isRetryable, reason } = yield* Fiber.join(fiber)
      if (reason._tag !== "DataKeyNotUnwrapped") return assert.fail(reason._tag)
      assert.isTrue(isRetryable)
      assert.deepInclude(reason.encryptedDataKeys[0], {
        _tag: "Attempted",
        keyring: "g",
        failure: "Unreachable",
        code: "DeadlineExceeded",
        description: "no answer within 2s"
      })
      assert.deepInclude(reason.encryptedDataKeys[1], { _tag: "Skipped", keyring: "a" })
    }))
})
