/** Clients of the user's own, and the key material that they return. */
import { type GenerateDataKeyCommand, KMSClient } from "@aws-sdk/client-kms"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { DataKey } from "effect-encryption-sdk"
import type { Kms, KmsError } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import {
  arn,
  clientOf,
  credentials,
  decrypt,
  encrypt,
  generate,
  good,
  request,
  secret,
  serve
} from "../support/awsKms.ts"

describe("AwsKms and the user's own clients", () => {
  it.live("one client serves every key, and is not destroyed with the layer", () =>
    Effect.gen(function*() {
      const { endpoint, requests } = yield* serve(good)
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => new KMSClient({ endpoint, credentials, region: "us-west-2" })),
        (client) => Effect.sync(() => client.destroy())
      )
      let destroyed = 0
      const destroy = client.destroy.bind(client)
      client.destroy = () => {
        destroyed++
        destroy()
      }
      for (const name of [arn, "alias/orders"]) yield* Effect.provide(generate(name), AwsKms.layerClient(client))
      assert.deepStrictEqual(requests.map(({ region }) => region), ["us-west-2", "us-west-2"])
      assert.strictEqual(destroyed, 0)
    }))

  it.effect("a supplier is asked for the Region of every call", () =>
    Effect.gen(function*() {
      const asked: Array<string | undefined> = []
      const client = clientOf(() => Promise.resolve({ KeyId: arn, CiphertextBlob: Uint8Array.of(1) }))
      const layer = AwsKms.layerSupplier((region) => {
        asked.push(region)
        return client
      })
      yield* Effect.forEach([arn, "alias/x", "arn:aws-cn:kms:cn-north-1:111122223333:alias/x"], encrypt).pipe(
        Effect.provide(layer)
      )
      assert.deepStrictEqual(asked, ["us-east-1", undefined, "cn-north-1"])
    }))
})

describe("AwsKms and key material", () => {
  const answering = (plaintext: Uint8Array) =>
    AwsKms.layerClient(
      clientOf(() => Promise.resolve({ KeyId: arn, Plaintext: plaintext, CiphertextBlob: Uint8Array.of(1) }))
    )

  it.effect("hands over the very array of the AWS SDK where it is the whole of its buffer", () =>
    Effect.gen(function*() {
      for (const call of [generate, decrypt]) {
        const plaintext = secret.slice()
        const answer = yield* Effect.provide(call(), answering(plaintext))
        assert.strictEqual(DataKey.value(answer.plaintext), plaintext)
        assert.deepStrictEqual(plaintext, secret)
      }
    }))

  it.effect("copies a slice of a pool, and zeroes the slice and nothing else", () =>
    Effect.gen(function*() {
      for (const call of [generate, decrypt]) {
        const pool = new Uint8Array(64).fill(0xee)
        const slice = pool.subarray(16, 48)
        slice.set(secret)
        const answer = yield* Effect.provide(call(), answering(slice))
        const value = DataKey.value(answer.plaintext)
        assert.deepStrictEqual(value, secret)
        assert.strictEqual(value.byteLength, value.buffer.byteLength)
        const expected = new Uint8Array(64).fill(0xee)
        expected.fill(0, 16, 48)
        assert.deepStrictEqual(pool, expected)
      }
    }))

  it.live("what comes over the protocol is a slice of a pool, and is handled as one", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* serve(good)
      const client = new KMSClient({ endpoint, credentials, region: "us-east-1", maxAttempts: 1 })
      const seen: Array<Uint8Array> = []
      const spied = clientOf((command, options) =>
        client.send(command as GenerateDataKeyCommand, options).then((output) => {
          seen.push(output.Plaintext!)
          return output
        })
      )
      const { plaintext } = yield* Effect.provide(generate(), AwsKms.layerClient(spied))
      const value = DataKey.value(plaintext)
      assert.deepStrictEqual(value, secret)
      assert.strictEqual(value.byteLength, value.buffer.byteLength)
      assert.isAbove(seen[0]!.buffer.byteLength, 32)
      assert.deepStrictEqual(seen, [new Uint8Array(32)])
      client.destroy()
    }))

  it.effect("a plaintext that arrives after the interruption is zeroed", () =>
    Effect.gen(function*() {
      for (const call of [generate, decrypt]) {
        const plaintext = secret.slice()
        const { promise, resolve } = Promise.withResolvers<object>()
        let signal: AbortSignal | undefined
        const client = clientOf((_command, options) => {
          signal = options.abortSignal
          return promise
        })
        const fiber = yield* Effect.forkChild(Effect.provide(call(), AwsKms.layerClient(client)), {
          startImmediately: true
        })
        assert.isFalse(signal!.aborted)
        yield* Fiber.interrupt(fiber)
        assert.isTrue(signal!.aborted)
        resolve({ KeyId: arn, Plaintext: plaintext, CiphertextBlob: Uint8Array.of(1) })
        yield* Effect.promise(() => promise)
        assert.deepStrictEqual(plaintext, new Uint8Array(32))
      }
    }))

  it.effect("a plaintext in an answer that lacks a field is zeroed", () =>
    Effect.gen(function*() {
      for (const call of [generate, decrypt]) {
        const plaintext = secret.slice()
        const layer = AwsKms.layerClient(clientOf(() => Promise.resolve({ Plaintext: plaintext })))
        yield* Effect.flip<unknown, KmsError, Kms.Kms>(call()).pipe(Effect.provide(layer))
        assert.deepStrictEqual(plaintext, new Uint8Array(32))
      }
    }))

  it.effect("the plaintext that is to be encrypted stays the caller's", () =>
    Effect.gen(function*() {
      const plaintext = secret.slice()
      let sent: unknown
      const client = clientOf((command) => {
        sent = command.input
        return Promise.resolve({ KeyId: arn, CiphertextBlob: Uint8Array.of(1) })
      })
      const kms = AwsKms.make(() => client)
      yield* kms.encrypt({ ...request(), plaintext: DataKey.make(plaintext) })
      assert.strictEqual((sent as { Plaintext: Uint8Array }).Plaintext, plaintext)
      assert.deepStrictEqual(plaintext, secret)
    }))
})
