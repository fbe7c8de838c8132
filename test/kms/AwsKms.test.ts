/**
 * The AWS SDK layer against a server on this machine that speaks the protocol of AWS KMS, and against clients that are no
 * more than a `send`. A whole KMS server takes part in `npm run test:peers`.
 */
import {
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  ReEncryptCommand
} from "@aws-sdk/client-kms"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Queue, Redacted, Scope } from "effect"
import { DataKey } from "effect-encryption-sdk"
import type { KmsError } from "effect-encryption-sdk/kms"
import { Kms } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { inspect } from "node:util"
import type { ScriptedKms } from "effect-encryption-sdk/testing"
import {
  arn,
  base64,
  clientOf,
  credentials,
  decrypt,
  deriveSharedSecret,
  encrypt,
  generate,
  generateWithoutPlaintext,
  getPublicKey,
  good,
  keyId,
  reEncrypt,
  type Request,
  request,
  secret,
  serve
} from "../support/awsKms.ts"
import { createKey } from "../support/embeddedKms.ts"
import { kmsContract } from "../support/kmsContract.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

/** The embedded KMS behind the commands and exceptions of the AWS SDK. */
const embeddedClient = (kms: Kms.Kms & Kms.KmsWithoutPlaintext) =>
  clientOf((command) => {
    const input = command.input as Record<string, any>
    const { CiphertextBlob, EncryptionContext, GrantTokens, KeyId, NumberOfBytes, Plaintext } = input
    const request = { keyId: KeyId, encryptionContext: EncryptionContext, grantTokens: GrantTokens }
    const call: Effect.Effect<ScriptedKms.Response, KmsError> = command instanceof GenerateDataKeyCommand
      ? kms.generateDataKey({ ...request, numberOfBytes: NumberOfBytes })
      : command instanceof EncryptCommand
      ? kms.encrypt({ ...request, plaintext: DataKey.make(Plaintext) })
      : command instanceof DecryptCommand
      ? kms.decrypt({ ...request, ciphertextBlob: CiphertextBlob })
      : command instanceof GenerateDataKeyWithoutPlaintextCommand
      ? kms.generateDataKeyWithoutPlaintext({ ...request, numberOfBytes: NumberOfBytes })
      : command instanceof ReEncryptCommand
      ? kms.reEncrypt({
        grantTokens: GrantTokens,
        ciphertextBlob: CiphertextBlob,
        keyId: input["DestinationKeyId"],
        encryptionContext: input["DestinationEncryptionContext"],
        sourceKeyId: input["SourceKeyId"],
        sourceEncryptionContext: input["SourceEncryptionContext"]
      })
      : Effect.die("no such command")
    return Effect.runPromise(Effect.match(call, {
      onFailure: ({ code, description }) => ({ thrown: Object.assign(new Error(description), { name: code }) }),
      onSuccess: ({ ciphertextBlob, keyId, plaintext, sourceKeyId }) => ({
        output: {
          KeyId: keyId,
          SourceKeyId: sourceKeyId,
          CiphertextBlob: ciphertextBlob,
          Plaintext: plaintext === undefined ? undefined : DataKey.value(plaintext)
        }
      })
    })).then((result) => "thrown" in result ? Promise.reject(result.thrown) : result.output)
  })

kmsContract({
  title: "AwsKms over a client",
  layer: Layer.unwrap(
    Effect.map(
      Effect.all([Kms.Kms, Kms.KmsWithoutPlaintext]),
      ([kms, without]) => AwsKms.layerClient(embeddedClient({ ...kms, ...without }))
    )
  ).pipe(
    Layer.provideMerge(Layer.orDie(EmbeddedKms.layer())),
    Layer.provide(TestPrimitives.layer)
  ),
  createKey,
  incorrectKey: ["IncorrectKeyException", "InvalidCiphertext"],
  live: true
})

describe("AwsKms over the protocol", () => {
  it.live("sends what it was asked, and answers what came back", () =>
    Effect.gen(function*() {
      const { endpoint, requests } = yield* serve(good)
      const plaintext = DataKey.make(secret.slice())
      yield* Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const generated = yield* kms.generateDataKey({ ...request(), numberOfBytes: 24 })
        assert.strictEqual(generated.keyId, arn)
        assert.deepStrictEqual(DataKey.value(generated.plaintext), secret.slice(0, 24))
        assert.deepStrictEqual(Uint8Array.from(generated.ciphertextBlob), Uint8Array.of(9, 8, 7))
        const encrypted = yield* kms.encrypt({ ...request(), plaintext })
        assert.strictEqual(encrypted.keyId, arn)
        assert.deepStrictEqual(Uint8Array.from(encrypted.ciphertextBlob), Uint8Array.of(9, 8, 7))
        const decrypted = yield* kms.decrypt({ ...request(), ciphertextBlob: Uint8Array.of(1, 2, 3) })
        assert.strictEqual(decrypted.keyId, arn)
        assert.deepStrictEqual(DataKey.value(decrypted.plaintext), secret)
      }).pipe(Effect.provide(AwsKms.layer({ endpoint, credentials })))
      assert.deepStrictEqual(DataKey.value(plaintext), secret)
      const common = { KeyId: arn, EncryptionContext: { tenant: "a", "😀": "é" }, GrantTokens: ["token"] }
      assert.deepStrictEqual(requests.map(({ body, target }) => [target, body]), [
        ["TrentService.GenerateDataKey", { ...common, NumberOfBytes: 24 }],
        ["TrentService.Encrypt", { ...common, Plaintext: base64(secret) }],
        ["TrentService.Decrypt", { ...common, CiphertextBlob: base64(Uint8Array.of(1, 2, 3)) }]
      ])
    }))

  it.live("sends what the other ports were asked, and answers what came back", () =>
    Effect.gen(function*() {
      const { endpoint, requests } = yield* serve(good)
      const responses = yield* Effect.all([
        getPublicKey(),
        deriveSharedSecret(),
        generateWithoutPlaintext(),
        reEncrypt()
      ])
        .pipe(Effect.provide(AwsKms.layer({ endpoint, credentials })))
      const [key, { sharedSecret, ...agreed }, wrapped, again] = responses
      assert.deepStrictEqual({ ...key, publicKey: Uint8Array.from(key.publicKey) }, {
        keyId: arn,
        publicKey: Uint8Array.of(6, 5),
        keySpec: "RSA_2048",
        keyUsage: "ENCRYPT_DECRYPT"
      })
      assert.deepStrictEqual(agreed, { keyId: arn })
      assert.deepStrictEqual(Redacted.value(sharedSecret), secret)
      assert.strictEqual(inspect(sharedSecret), "<redacted:shared-secret>")
      assert.deepStrictEqual([wrapped.keyId, [...wrapped.ciphertextBlob]], [arn, [9, 8, 7]])
      assert.deepStrictEqual([again.keyId, again.sourceKeyId, [...again.ciphertextBlob]], [
        arn,
        `${arn}-source`,
        [9, 8, 7]
      ])
      const [KeyId, GrantTokens, EncryptionContext] = [arn, ["token"], { tenant: "a", "😀": "é" }]
      const blob = base64(Uint8Array.of(1, 2, 3))
      assert.deepStrictEqual(requests.map(({ body, target }) => [target, body]), [
        ["TrentService.GetPublicKey", { KeyId, GrantTokens }],
        ["TrentService.DeriveSharedSecret", { KeyId, GrantTokens, KeyAgreementAlgorithm: "ECDH", PublicKey: blob }],
        ["TrentService.GenerateDataKeyWithoutPlaintext", { KeyId, GrantTokens, EncryptionContext, NumberOfBytes: 24 }],
        ["TrentService.ReEncrypt", {
          CiphertextBlob: blob,
          SourceKeyId: `${arn}-source`,
          SourceEncryptionContext: { tenant: "b" },
          DestinationKeyId: arn,
          DestinationEncryptionContext: EncryptionContext,
          GrantTokens
        }]
      ])
    }))

  it.live("names an algorithm where one is named, and sends no encryption context with those of RSA", () =>
    Effect.gen(function*() {
      const { endpoint, requests } = yield* serve(good)
      yield* Effect.gen(function*() {
        const kms = yield* Kms.Kms
        for (const encryptionAlgorithm of ["RSAES_OAEP_SHA_256", "SYMMETRIC_DEFAULT"] as const) {
          const common = { keyId: arn, encryptionContext: {}, grantTokens: [], encryptionAlgorithm }
          yield* kms.encrypt({ ...common, plaintext: DataKey.make(secret.slice()) })
          yield* kms.decrypt({ ...common, ciphertextBlob: Uint8Array.of(1) })
        }
      }).pipe(Effect.provide(AwsKms.layer({ endpoint, credentials })))
      const of = ({ EncryptionAlgorithm, EncryptionContext }: Record<string, unknown>) => [
        EncryptionAlgorithm,
        EncryptionContext
      ]
      const rsa = ["RSAES_OAEP_SHA_256", undefined]
      assert.deepStrictEqual(requests.map(({ body }) => of(body)), [rsa, rsa, [undefined, {}], [undefined, {}]])
    }))

  it.live("the ARN's Region picks the client, and the configured one serves names without a Region", () =>
    Effect.gen(function*() {
      const { endpoint, requests } = yield* serve(good)
      yield* Effect.gen(function*() {
        for (
          const name of [
            arn,
            arn.replace("us-east-1", "eu-central-1"),
            "arn:aws:kms:ap-south-1:111122223333:alias/orders",
            "alias/orders",
            keyId,
            arn
          ]
        ) {
          yield* generate(name)
          yield* encrypt(name)
          yield* decrypt(name)
        }
      }).pipe(Effect.provide(AwsKms.layer({ endpoint, credentials, region: "sa-east-1" })))
      assert.deepStrictEqual(
        requests.map(({ region }) => region),
        ["us-east-1", "eu-central-1", "ap-south-1", "sa-east-1", "sa-east-1", "us-east-1"].flatMap((region) => [
          region,
          region,
          region
        ])
      )
    }))

  it.live("a name without a Region is left to the AWS SDK's own default", () =>
    Effect.gen(function*() {
      const { endpoint, requests } = yield* serve(good)
      const before = process.env["AWS_REGION"]
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          process.env["AWS_REGION"] = "ca-central-1"
        }),
        () =>
          Effect.sync(() => {
            if (before === undefined) delete process.env["AWS_REGION"]
            else process.env["AWS_REGION"] = before
          })
      )
      yield* Effect.provide(generate("alias/orders"), AwsKms.layer({ endpoint, credentials }))
      assert.deepStrictEqual(requests.map(({ region }) => region), ["ca-central-1"])
    }))

  it.live("keeps one client for each Region, and destroys them with the layer", () =>
    Effect.gen(function*() {
      const { endpoint, server } = yield* serve(good)
      let opened = 0
      let closed = 0
      server.on("connection", (socket) => {
        opened++
        socket.on("close", () => {
          closed++
        })
      })
      const scope = yield* Scope.make()
      const services = yield* Layer.buildWithScope(AwsKms.layer({ endpoint, credentials }), scope)
      for (const name of [arn, arn, arn.replace("us-east-1", "eu-central-1"), arn]) {
        yield* Effect.provideContext(generate(name), services)
      }
      assert.strictEqual(opened, 2)
      assert.strictEqual(closed, 0)
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      yield* Effect.sleep("50 millis").pipe(Effect.repeat({ while: () => closed < 2, times: 40 }))
      assert.strictEqual(closed, 2)
    }))

  it.live("an interruption aborts the request", () =>
    Effect.gen(function*() {
      const arrived = yield* Queue.unbounded<Request>()
      const { endpoint } = yield* serve((request) => {
        Queue.offerUnsafe(arrived, request)
        return undefined
      })
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(generate())
        const { raw } = yield* Queue.take(arrived)
        const closed = yield* Effect.forkChild(
          Effect.callback<void>((resume) => {
            raw.socket.once("close", () => resume(Effect.void))
          }),
          { startImmediately: true }
        )
        yield* Fiber.interrupt(fiber)
        yield* Fiber.join(closed)
        assert.isTrue(raw.socket.destroyed)
      }).pipe(Effect.provide(AwsKms.layer({ endpoint, credentials })))
    }))

  it.live.each([[1, 1], [3, 3]])(
    "retries are the AWS SDK's alone: with maxAttempts %i, %i requests",
    ([maxAttempts, count]) =>
      Effect.gen(function*() {
        const { endpoint, requests } = yield* serve(() => ({ status: 500, body: { __type: "KMSInternalException" } }))
        const error = yield* Effect.flip(generate()).pipe(
          Effect.provide(AwsKms.layer({ endpoint, credentials, maxAttempts: maxAttempts! }))
        )
        assert.deepInclude(error, { failure: "Unreachable", code: "KMSInternalException", isRetryable: true })
        assert.lengthOf(requests, count!)
      })
  )

  it.live("succeeds where a retry of the AWS SDK does", () =>
    Effect.gen(function*() {
      let calls = 0
      const { endpoint } = yield* serve((request) =>
        ++calls < 3 ? { status: 400, body: { __type: "ThrottlingException" } } : good(request)
      )
      const { keyId } = yield* Effect.provide(generate(), AwsKms.layer({ endpoint, credentials }))
      assert.strictEqual(keyId, arn)
      assert.strictEqual(calls, 3)
    }))
})
