import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Exit, Fiber, Layer, References, Result, Schema, Scope } from "effect"
import type { KeyringError } from "effect-encryption-sdk"
import { DataKey, Keyring } from "effect-encryption-sdk"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { keyBytes, keyringContract, layersMake, printsNone, rejectsOptions } from "../support/keyringContract.ts"
import {
  alias,
  aliasArn,
  edk,
  infos,
  keyId,
  one,
  reasonOf,
  TestKms,
  three,
  toDecrypt,
  toEncrypt,
  two,
  wrapped
} from "../support/kmsKeyring.ts"
import { exampleContext } from "../support/materials.ts"
import { TestClock } from "../support/TestClock.ts"

keyringContract({
  title: "KmsKeyring",
  name: "KmsKeyring",
  make: Effect.gen(function*() {
    const services = yield* Layer.build(TestKms)
    const kms = Context.get(services, Kms.Kms)
    const script = Context.get(services, ScriptedKms.ScriptedKms)
    return {
      keyring: yield* Effect.provideContext(KmsKeyring.make({ generatorKeyId: one, keyIds: [two] }), services),
      wrapByHand: (dataKey) =>
        kms.encrypt({
          keyId: one,
          encryptionContext: exampleContext,
          grantTokens: [],
          plaintext: DataKey.make(new Uint8Array(dataKey))
        }).pipe(
          Effect.orDie,
          Effect.map(({ ciphertextBlob }) => edk("aws-kms", one, ciphertextBlob))
        ),
      dataKeys: Effect.map(script.handedOut, (handedOut) => handedOut.map(({ bytes }) => bytes))
    }
  }),
  bindsContext: true,
  rejects: "InvalidCiphertextException",
  alsoRejects: ["IncorrectKeyException"],
  invalidKeys: [
    [keyBytes(16), "PlaintextLengthMismatch"],
    [keyBytes(33), "PlaintextLengthMismatch"],
    [new Uint8Array(32), "PlaintextAllZero"]
  ]
})

describe("KmsKeyring.make", () => {
  rejectsOptions(
    "KmsKeyring",
    "a KMS keyring",
    (options: KmsKeyring.Options) => Effect.provide(KmsKeyring.make(options), TestKms),
    {},
    [
      ["no key", {}, "generatorKeyId", "is missing, and so are keyIds: at least one key must be named"],
      ["an empty list", { keyIds: [] }, "generatorKeyId", /at least one key/],
      ["an empty name", { generatorKeyId: "" }, "generatorKeyId", /is empty/],
      ["a line break", { generatorKeyId: `${one}\n` }, "generatorKeyId", /white space/],
      ["a number", { generatorKeyId: 1 }, "generatorKeyId", "must be a string, got number"],
      [
        "another service's ARN",
        { keyIds: [one, "arn:aws:s3:::bucket"] },
        "keyIds[1]",
        /"arn:aws:s3:::bucket" is an ARN of the service "s3"/
      ],
      ["null", { keyIds: [null] }, "keyIds[0]", "must be a string, got object"],
      ["a text for a list", { keyIds: one }, "keyIds", /must be an array/],
      [
        "the generator key twice",
        { generatorKeyId: one, keyIds: [two, one] },
        "keyIds[1]",
        /which generatorKeyId names already/
      ],
      ["an additional key twice", { keyIds: [one, two, one] }, "keyIds[2]", /which keyIds\[0\] names already/],
      ["an empty grant token", { generatorKeyId: one, grantTokens: ["a", ""] }, "grantTokens[1]", /not empty/],
      ["a text for grant tokens", { generatorKeyId: one, grantTokens: "a" }, "grantTokens", /must be an array/]
    ]
  )

  it.effect("takes every kind of key identifier, calls nothing, and keeps no array of the caller's", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const keyIds = [two]
      const keyring = yield* KmsKeyring.make({ generatorKeyId: alias, keyIds })
      keyIds.push("not a key")
      for (const generatorKeyId of [one, alias, aliasArn, keyId, two]) yield* KmsKeyring.make({ generatorKeyId })
      assert.strictEqual(yield* script.count(), 0)
      assert.isTrue(Keyring.isKeyring(keyring))
      assert.strictEqual(keyring.name, "KmsKeyring")
      const { encryptedDataKeys } = yield* Effect.scoped(keyring.onEncrypt(toEncrypt()))
      assert.deepStrictEqual(infos(encryptedDataKeys), [`aws-kms ${one}`, `aws-kms ${two}`])
    }).pipe(Effect.provide(TestKms)))

  layersMake("KmsKeyring", {
    layer: KmsKeyring.layer({ generatorKeyId: one }).pipe(Layer.provide(TestKms)),
    layerConfig: KmsKeyring.layerConfig({
      generatorKeyId: Config.String("GENERATOR"),
      keyIds: Config.schema(Schema.Array(Schema.String), "KEYS")
    }).pipe(
      Layer.provide([TestKms, ConfigProvider.layer(ConfigProvider.fromUnknown({ GENERATOR: one, KEYS: [two] }))])
    )
  })
})

describe("KmsKeyring and key material", () => {
  it.effect("an interruption while the additional keys wrap zeroes the data key and ends the calls", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ operation: "Encrypt" }, ScriptedKms.hang)
      const fiber = yield* Effect.forkChild(wrapped({ generatorKeyId: one, keyIds: [two, three] }))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* script.unreleased, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* script.unreleased, 0)
      assert.deepStrictEqual((yield* script.calls).map(({ outcome }) => outcome._tag), [
        "Answered",
        "Interrupted",
        "Interrupted"
      ])
    }).pipe(Effect.provide(TestKms)))

  it.effect("a call that hangs can be interrupted", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one })
      const keyring = yield* KmsKeyring.make({ generatorKeyId: one })
      yield* script.clearLog
      yield* script.when({}, ScriptedKms.hang)
      const operations: ReadonlyArray<Effect.Effect<unknown, KeyringError.KeyringError, Scope.Scope>> = [
        keyring.onEncrypt(toEncrypt()),
        keyring.onDecrypt(toDecrypt(), encryptedDataKeys)
      ]
      for (const operation of operations) {
        const fiber = yield* Effect.forkChild(Effect.scoped(operation), { startImmediately: true })
        assert.isUndefined(fiber.pollUnsafe())
        yield* Fiber.interrupt(fiber)
      }
      assert.deepStrictEqual((yield* script.calls).map(({ outcome }) => outcome._tag), ["Interrupted", "Interrupted"])
    }).pipe(Effect.provide(TestKms)))

  it.effect("the failure of one additional key ends the others' calls", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({ operation: "Encrypt", keyId: two }, ScriptedKms.hang)
      yield* script.when({ operation: "Encrypt", keyId: three }, ScriptedKms.fail("KeyNotFound"))
      const error = yield* reasonOf(wrapped({ generatorKeyId: one, keyIds: [two, three] }))
      assert.deepInclude(error.reason, { keyName: three, failure: "KeyNotFound" })
      assert.deepStrictEqual((yield* script.calls).map(({ outcome }) => outcome._tag), [
        "Answered",
        "Interrupted",
        "Failed"
      ])
      assert.strictEqual(yield* script.unreleased, 0)
    }).pipe(Effect.provide(TestKms)))

  it.effect("wherever an interruption falls, nothing that was handed out is left behind", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one })
      const keyring = yield* KmsKeyring.make({ generatorKeyId: one, keyIds: [two] })
      let interrupted = 0
      let ended = 0
      const operations: ReadonlyArray<Effect.Effect<unknown, KeyringError.KeyringError, Scope.Scope>> = [
        keyring.onEncrypt(toEncrypt()),
        keyring.onDecrypt(toDecrypt(), encryptedDataKeys)
      ]
      for (const operation of operations) {
        let steps = 0
        for (let done = false; !done; steps++) {
          // With a budget of three, of which resuming takes two, a fiber gives way after every single step.
          const fiber = yield* Effect.forkChild(
            Effect.provideService(Effect.exit(Effect.scoped(operation)), References.MaxOpsBeforeYield, 3)
          )
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow
          done = fiber.pollUnsafe() !== undefined
          yield* Fiber.interrupt(fiber)
          if (done) ended++
          else interrupted++
          assert.strictEqual(yield* script.unreleased, 0, `interrupted after ${steps} steps`)
        }
      }
      assert.strictEqual(ended, 2)
      assert.isAbove(interrupted, 30)
      assert.isAbove((yield* script.handedOut).length, 10)
    }).pipe(Effect.provide(TestKms)))

  it.effect("a defect of Kms is a defect, and no failure of the keyring", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({}, ScriptedKms.die("a bug"))
      const exit = yield* Effect.exit(wrapped({ generatorKeyId: one }))
      assert.isTrue(Exit.hasDies(exit) && !Exit.hasFails(exit))
    }).pipe(Effect.provide(TestKms)))

  it.effect("nothing that a keyring gives prints a data key or a context value", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const keyring = yield* KmsKeyring.make({ generatorKeyId: one, keyIds: [two] })
      const materials = yield* keyring.onEncrypt(toEncrypt())
      const answer = yield* keyring.onDecrypt(toDecrypt(), materials.encryptedDataKeys)
      const secret = DataKey.value(materials.plaintextDataKey!)
      const error = yield* Effect.flip(
        keyring.onDecrypt(toDecrypt({ encryptionContext: { tenant: "classified" } }), materials.encryptedDataKeys)
      )
      printsNone([keyring, materials.plaintextDataKey, answer, error, yield* script.calls], secret, ["classified"])
    }).pipe(Effect.provide(TestKms)))

  it.effect("a Kms of the user's own is all that a keyring needs", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const own = Kms.Kms.of({
        generateDataKey: ({ keyId, numberOfBytes }) =>
          Effect.sync(() => {
            asked.push(keyId)
            return {
              keyId: one,
              plaintext: DataKey.make(new Uint8Array(numberOfBytes).fill(7)),
              ciphertextBlob: Uint8Array.of(9)
            }
          }),
        encrypt: () => Effect.die("not asked for"),
        decrypt: () => Effect.die("not asked for")
      })
      const keyring = yield* Effect.provideService(KmsKeyring.make({ generatorKeyId: alias }), Kms.Kms, own)
      const { encryptedDataKeys } = yield* keyring.onEncrypt(toEncrypt())
      assert.deepStrictEqual(asked, [alias])
      assert.deepStrictEqual(encryptedDataKeys, [edk("aws-kms", one, Uint8Array.of(9))])
    }))

  it.effect("control of the keys reaches the keyring: a disabled key, a deleted one", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const keyring = yield* KmsKeyring.make({ generatorKeyId: one })
      const { encryptedDataKeys } = yield* keyring.onEncrypt(toEncrypt())
      const attempt = Effect.map(Effect.result(keyring.onDecrypt(toDecrypt(), encryptedDataKeys)), (result) =>
        Result.isFailure(result) && result.failure.reason._tag === "DataKeyNotUnwrapped"
          ? result.failure.reason.encryptedDataKeys.map((row) =>
            row._tag === "Attempted" ? row.code : row._tag
          )
          : result._tag)
      assert.strictEqual(yield* attempt, "Success")
      yield* control.setKeyState(one, "Disabled")
      assert.deepStrictEqual(yield* attempt, ["DisabledException"])
      yield* control.deleteKey(one)
      assert.deepStrictEqual(yield* attempt, ["NotFoundException"])
    }).pipe(Effect.provide(TestKms)))
})
