/** Rotation of streams: the same as that of whole messages, in memory of a frame, and never a whole message where it fails. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Deferred, Effect, Exit, Fiber, Schema, Stream } from "effect"
import {
  AlgorithmSuite,
  BrokenContract,
  CryptographicMaterialsManager,
  DecryptError,
  EncryptError,
  type EncryptionSdk,
  type Keyring
} from "effect-encryption-sdk"
import { arbitraryBytes, arbitraryInt } from "../support/arbitraryBytes.ts"
import { concat, flip, isZero, toHex } from "../support/bytes.ts"
import { clientOf, failureOf, fieldsOf, managerOf, policyFor } from "../support/client.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { partsOf } from "../support/messages.ts"
import { recordingPrimitives } from "../support/recordingPrimitives.ts"
import { bodyOf, requiring, rotation } from "../support/rotation.ts"
import { arbitraryCuts, chunked, chunksOf, collect, observe, pattern } from "../support/streams.ts"
import { signed, uncommitted, unsigned } from "../support/suites.ts"

const fixed = staticKeyring(new Uint8Array(32).fill(0x42))
const modes = [
  { mode: "encrypts again", keyring: undefined },
  { mode: "keeps the body", keyring: fixed }
]
const rewrapOptions = (keyring: Keyring.Keyring | undefined) => keyring === undefined ? {} : { keepBody: { keyring } }

describe("rewrapStream", () => {
  describe.each(AlgorithmSuite.all)("$name", (algorithmSuite) => {
    it.effect.prop("makes a message of the same plaintext, however the old one is cut", [
      Arbitrary.all({
        plaintext: arbitraryBytes(0, 150),
        frameLength: arbitraryInt(1, 60),
        keeps: Arbitrary.schema(Schema.Boolean),
        cuts: arbitraryCuts(700)
      })
    ], ([{ cuts: { cuts, perPull }, frameLength, keeps, plaintext }]) =>
      Effect.gen(function*() {
        const { both, current, keyrings, old } = yield* rotation({ commitmentPolicy: policyFor(algorithmSuite) })
        const encryptionContext = { tenant: "a" }
        const before = yield* old.encrypt(plaintext, { algorithmSuite, encryptionContext, frameLength })
        const seen: Array<EncryptionSdk.RewrapMetadata> = []
        const message = yield* collect(both.rewrapStream(chunked(before.message, cuts, perPull), {
          ...rewrapOptions(keeps ? keyrings.current : undefined),
          onHeader: (metadata) => Effect.sync(() => void seen.push(metadata))
        }))
        const [metadata, ...others] = seen
        assert.lengthOf(others, 0)
        const keepsBody = keeps && algorithmSuite.signature === undefined
        assert.strictEqual(metadata!.body, keepsBody ? "Kept" : "Reencrypted")
        const read = yield* current.decrypt(message)
        assert.strictEqual(toHex(read.plaintext), toHex(plaintext))
        assert.deepStrictEqual(read.header, metadata!.header)
        assert.deepInclude(read.encryptionContext, encryptionContext)
        assert.strictEqual(read.header.frameLength, frameLength)
        assert.deepStrictEqual(metadata!.source.header, before.header)
        assert.strictEqual(metadata!.source.unwrappedDataKey.keyProviderInfo, "before…")
        assert.deepStrictEqual(metadata!.wrappingKeys.map((key) => key.keyProviderInfo), ["now…"])
        if (keepsBody) assert.strictEqual(toHex(bodyOf(message)), toHex(bodyOf(before.message)))
        else assert.notStrictEqual(toHex(read.header.messageId), toHex(before.header.messageId))
      }).pipe(Effect.scoped), {
      arbitrary: { seed: `rewrap-stream-${algorithmSuite.id}`, runs: algorithmSuite.signature === undefined ? 20 : 6 }
    })
  })

  for (const { keyring, mode } of modes) {
    it.effect(`${mode}: a message with any byte changed or missing fails, and leaves no message`, () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(fixed, { maxEncryptedDataKeys: 65_535 })
        const { message } = yield* sdk.encrypt(pattern(25), { algorithmSuite: unsigned, frameLength: 10 })
        const changed = [
          ...Array.from(message, (_, index) => flip(message, index, 0x80)),
          ...Array.from(message, (_, index) => message.slice(0, index)),
          concat(message, Uint8Array.of(0))
        ]
        for (const [index, wrong] of changed.entries()) {
          const options = { algorithmSuite: unsigned, ...rewrapOptions(keyring) }
          const { exit, released } = yield* observe(sdk.rewrapStream(chunksOf(wrong, 17), options))
          if (Exit.isSuccess(exit)) assert.fail(`change ${index} was accepted`)
          const [failure] = exit.cause.reasons
          assert.isTrue(failure?._tag === "Fail" && failure.error instanceof DecryptError, `change ${index}`)
          if (released.length > 0) yield* failureOf(sdk.decrypt(released))
        }
      }))

    it.effect(`${mode}: a source that fails leaves no message, and its error is the stream's`, () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(fixed)
        const { message } = yield* sdk.encrypt(pattern(95), { algorithmSuite: unsigned, frameLength: 10 })
        for (let length = 0; length < message.length; length += 7) {
          const source = Stream.concat(chunksOf(message.slice(0, length), 40), Stream.fail("lost" as const))
          const stream = sdk.rewrapStream(source, { algorithmSuite: unsigned, ...rewrapOptions(keyring) })
          const { released } = yield* observe(stream)
          assert.strictEqual(yield* failureOf(collect(stream)), "lost")
          if (released.length > 0) yield* failureOf(sdk.decrypt(released))
        }
      }))

    it.effect(`${mode}: reads only as far as it has written, and holds no more than a batch of frames`, () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(fixed)
        const { message } = yield* sdk.encrypt(pattern(2 ** 21), { algorithmSuite: unsigned, frameLength: 4096 })
        let read = 0
        let written = 0
        let ahead = 0
        const source = Stream.tap(chunksOf(message, 2 ** 16), (chunk) => Effect.sync(() => void (read += chunk.length)))
        yield* Stream.runForEach(
          sdk.rewrapStream(source, { algorithmSuite: unsigned, ...rewrapOptions(keyring) }),
          (chunk) =>
            Effect.sync(() => {
              written += chunk.length
              ahead = Math.max(ahead, read - written)
            })
        )
        assert.isAtLeast(written, 2 ** 21)
        assert.isAtMost(ahead, 2 ** 18)
      }))

    it.effect(`${mode}: plaintext and keys are zeroed at the end, and after an interruption`, () =>
      Effect.gen(function*() {
        const primitives = recordingPrimitives()
        const { handedOut, keyring: wrapping } = recordingKeyring()
        const sdk = yield* clientOf(wrapping, {}, primitives.layer)
        const { message } = yield* sdk.encrypt(pattern(200), { algorithmSuite: unsigned, frameLength: 10 })
        const options = { algorithmSuite: unsigned, ...rewrapOptions(keyring && wrapping) }
        const sealed = primitives.arrays("seal").length
        const assertZero = () => {
          const secrets = [...handedOut, ...primitives.arrays("open"), ...primitives.arrays("seal").slice(sealed)]
          assert.isAbove(primitives.arrays("open").length, 1)
          assert.isTrue(secrets.every(isZero))
        }
        yield* collect(sdk.rewrapStream(chunksOf(message, 60), options))
        assertZero()
        const reached = yield* Deferred.make<void>()
        let count = 0
        const stream = sdk.rewrapStream(chunksOf(message, 60), options)
        const stopping = Stream.runForEach(
          stream,
          () => ++count < 3 ? Effect.void : Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
        )
        const fiber = yield* Effect.forkChild(stopping)
        yield* Deferred.await(reached)
        yield* Fiber.interrupt(fiber)
        assertZero()
      }))

    it.effect(`${mode}: hooks see all frames, and those that break their contract fail it`, () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(fixed)
        const { message } = yield* sdk.encrypt(pattern(95), { algorithmSuite: unsigned, frameLength: 10 })
        const seen: Array<EncryptionSdk.Progress> = []
        const options = { algorithmSuite: unsigned, ...rewrapOptions(keyring) }
        yield* collect(sdk.rewrapStream(chunksOf(message, 100), {
          ...options,
          onProgress: (progress) => Effect.sync(() => void seen.push(progress))
        }))
        assert.deepStrictEqual(seen.at(-1), { frames: 10, bytes: 95 })
        for (const hook of ["onHeader", "onProgress"] as const) {
          const broken = () => {
            throw new Error("mine")
          }
          const error = yield* failureOf(
            collect(sdk.rewrapStream(chunksOf(message, 100), { ...options, [hook]: broken }))
          )
          assert.instanceOf(error, EncryptError)
          assert.instanceOf(error.reason, BrokenContract)
          assert.deepInclude(fieldsOf(error.reason), { part: `hook ${hook}` })
        }
        const failing = sdk.rewrapStream(chunksOf(message, 100), {
          ...options,
          onHeader: () => Effect.fail("mine" as const)
        })
        const { exit, released } = yield* observe(failing)
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(released.length, 0)
        assert.strictEqual(yield* failureOf(collect(failing)), "mine")
      }))

    it.effect(`${mode}: chunks that arrive may be used again by the source, and runs share no state`, () =>
      Effect.gen(function*() {
        const sdk = yield* clientOf(fixed)
        const { message } = yield* sdk.encrypt(pattern(500), { algorithmSuite: unsigned, frameLength: 100 })
        for (const length of [1, 3, 64]) {
          const buffer = new Uint8Array(length)
          const source = Stream.map(chunksOf(message, length), (chunk) => {
            buffer.fill(0xee)
            buffer.set(chunk)
            return buffer.subarray(0, chunk.length)
          })
          const stream = sdk.rewrapStream(source, { algorithmSuite: unsigned, ...rewrapOptions(keyring) })
          for (let run = 0; run < 2; run++) {
            const exit = yield* Effect.exit(collect(stream))
            if (Exit.isFailure(exit)) return assert.fail(`chunks of ${length}, run ${run}: failed`)
            const read = yield* sdk.decrypt(exit.value)
            assert.deepStrictEqual(read.plaintext, pattern(500))
          }
        }
      }))
  }

  it.effect("keepBody: what is signed, or of another suite than is wanted, is encrypted again", () =>
    Effect.gen(function*() {
      const { both, current, keyrings, old } = yield* rotation()
      const keepBody = { keyring: keyrings.current }
      const rows = [[signed, {}], [signed, { algorithmSuite: unsigned }], [unsigned, {
        algorithmSuite: signed
      }]] as const
      for (const [algorithmSuite, options] of rows) {
        const { message } = yield* old.encrypt("text", { algorithmSuite })
        const rewrapped = yield* collect(both.rewrapStream(chunksOf(message, 2), { keepBody, ...options }))
        const read = yield* current.decrypt(rewrapped)
        assert.notStrictEqual(toHex(read.header.messageId), toHex(partsOf(message).header.messageId))
      }
    }).pipe(Effect.scoped))

  it.effect("keepBody: a suite that the policy forbids for new messages is rejected before a key provider is called", () =>
    Effect.gen(function*() {
      const { decryptions, keyring } = recordingKeyring()
      const writer = yield* clientOf(keyring, { commitmentPolicy: "ForbidEncryptAllowDecrypt" })
      const { message } = yield* writer.encrypt("text", { algorithmSuite: uncommitted })
      const sdk = yield* clientOf(keyring, { commitmentPolicy: "RequireEncryptAllowDecrypt" })
      const error = yield* failureOf(collect(sdk.rewrapStream(Stream.make(message), { keepBody: { keyring } })))
      assert.instanceOf(error, EncryptError)
      assert.strictEqual(error.reason._tag, "CommitmentPolicyViolation")
      assert.lengthOf(decryptions, 0)
    }))

  it.effect("pairs that the old message does not store are not stored in the new one", () =>
    Effect.gen(function*() {
      const { both, current, keyrings, old } = yield* rotation()
      const expectedEncryptionContext = { tenant: "confidential" }
      const { message } = yield* old.encrypt("text", {
        algorithmSuite: unsigned,
        encryptionContext: expectedEncryptionContext,
        materialsManager: yield* requiring(keyrings.old, "tenant")
      })
      for (const keyring of [undefined, keyrings.current]) {
        const options = { ...rewrapOptions(keyring), expectedEncryptionContext }
        const rewrapped = yield* collect(both.rewrapStream(Stream.make(message), options))
        assert.notProperty(partsOf(rewrapped).header.encryptionContext, "tenant")
        const read = yield* current.decrypt(rewrapped, { expectedEncryptionContext })
        assert.deepInclude(read.encryptionContext, expectedEncryptionContext)
      }
      const inner = yield* managerOf(keyrings.current)
      const materialsManager = CryptographicMaterialsManager.make({
        ...inner,
        getEncryptionMaterials: (request) =>
          inner.getEncryptionMaterials({ ...request, requiredEncryptionContextKeys: [] })
      })
      const storing = {
        expectedEncryptionContext,
        materialsManager,
        sourceMaterialsManager: yield* managerOf(keyrings.old)
      }
      const error = yield* failureOf(collect(both.rewrapStream(Stream.make(message), storing)))
      assert.instanceOf(error, EncryptError)
      assert.strictEqual(error.reason._tag, "InvalidMaterials")
    }).pipe(Effect.scoped))

  it.effect("the bounds of lengths and of what is withheld hold, and frames may get another length", () =>
    Effect.gen(function*() {
      const { both, current, keyrings, old } = yield* rotation()
      const { message: unsignedOne } = yield* old.encrypt(pattern(100), { algorithmSuite: unsigned, frameLength: 50 })
      const { message: signedOne } = yield* old.encrypt(pattern(100), { algorithmSuite: signed, frameLength: 50 })
      const tagOf = (message: Uint8Array, options: EncryptionSdk.RewrapStreamOptions) =>
        Effect.map(
          failureOf(collect(both.rewrapStream(Stream.make(message), options))),
          (error) => error instanceof EncryptError || error instanceof DecryptError ? error.reason._tag : error
        )
      assert.strictEqual(yield* tagOf(unsignedOne, { maxPlaintextLength: 99 }), "WrongPlaintextLength")
      assert.strictEqual(yield* tagOf(unsignedOne, { plaintextLength: 101 }), "WrongPlaintextLength")
      for (const keepBody of [undefined, { keyring: keyrings.current }]) {
        assert.strictEqual(yield* tagOf(unsignedOne, { keepBody, maxWithheldBytes: 49 }), "WithheldPlaintextTooLong")
        yield* collect(both.rewrapStream(Stream.make(unsignedOne), { keepBody, maxWithheldBytes: 50 }))
        assert.strictEqual(yield* tagOf(signedOne, { keepBody, maxWithheldBytes: 99 }), "WithheldPlaintextTooLong")
        yield* collect(both.rewrapStream(Stream.make(signedOne), { keepBody, maxWithheldBytes: 100 }))
      }
      const longer = yield* collect(
        both.rewrapStream(Stream.make(unsignedOne), { frameLength: 64, plaintextLength: 100 })
      )
      assert.strictEqual((yield* current.decrypt(longer)).header.frameLength, 64)
    }).pipe(Effect.scoped))

  it.effect("wrong options and sources fail, and name what is wrong", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(fixed)
      const { message } = yield* sdk.encrypt("text", { algorithmSuite: unsigned })
      const rows = [
        [{ keepBodies: {} }, "keepBodies", "is no option of rewrapStream: did you mean keepBody?"],
        [{ keepBody: { keyring: 1 } }, "keepBody.keyring", "must be a keyring"],
        [{ onHeader: 1 }, "onHeader", "must be a function, or left out"],
        [{ plaintextLength: -1 }, "plaintextLength", "must be an integer from 0 to 2^53 - 1, or left out"],
        [
          { plaintextLength: 1, maxPlaintextLength: 1 },
          "plaintextLength",
          "cannot be given together with maxPlaintextLength"
        ]
      ] as const
      for (const [options, field, description] of rows) {
        const error = yield* failureOf(collect(sdk.rewrapStream(Stream.make(message), options as never)))
        assert.instanceOf(error, EncryptError)
        assert.deepStrictEqual(fieldsOf(error.reason), { _tag: "InvalidOption", field, description })
      }
      for (const keyring of [undefined, fixed]) {
        const options = rewrapOptions(keyring)
        for (const wrong of ["text", 1, [1, 2, 3, 4, 5]]) {
          const error = yield* failureOf(collect(sdk.rewrapStream(Stream.make(wrong as never), options)))
          assert.instanceOf(error, DecryptError)
          assert.deepInclude(fieldsOf(error.reason), { _tag: "InvalidOption", field: "message" })
        }
        const error = yield* failureOf(
          collect(sdk.rewrapStream(message as unknown as Stream.Stream<Uint8Array>, options))
        )
        assert.instanceOf(error, EncryptError)
        assert.deepInclude(fieldsOf(error.reason), { _tag: "InvalidOption", field: "message" })
      }
    }))
})
