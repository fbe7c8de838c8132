/**
 * The AWS SDK layer against a server on this machine that speaks the protocol of AWS KMS, and against clients that are no
 * more than a `send`. A whole KMS server takes part in `npm run test:peers`.
 */
import { DecryptCommand, EncryptCommand, GenerateDataKeyCommand, KMSClient } from "@aws-sdk/client-kms"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Queue, Scope } from "effect"
import { DataKey } from "effect-encryption-sdk"
import type { KmsError } from "effect-encryption-sdk/kms"
import { Kms } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import type { ScriptedKms } from "effect-encryption-sdk/testing"
import { createServer } from "node:http"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { inspect } from "node:util"
import { createKey } from "../support/embeddedKms.ts"
import { kmsContract } from "../support/kmsContract.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const keyId = "1234abcd-12ab-34cd-56ef-1234567890ab"
const arn = `arn:aws:kms:us-east-1:111122223333:key/${keyId}`
const secret = Uint8Array.from({ length: 32 }, (_, index) => index + 1)
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "example" }

interface Request {
  readonly target: string
  readonly region: string
  readonly body: Record<string, unknown>
  readonly raw: IncomingMessage
}

interface Reply {
  readonly status?: number
  readonly body: object | string
}

/** Answers every request with what `reply` says; `undefined` leaves it without an answer. */
const serve = (reply: (request: Request) => Reply | undefined) =>
  Effect.acquireRelease(
    Effect.callback<{ server: Server; endpoint: string; requests: Array<Request> }>((resume) => {
      const requests: Array<Request> = []
      const server = createServer((raw: IncomingMessage, response: ServerResponse) => {
        const chunks: Array<Buffer> = []
        raw.on("data", (chunk: Buffer) => chunks.push(chunk))
        raw.on("end", () => {
          const request = {
            target: String(raw.headers["x-amz-target"]),
            region: String(raw.headers.authorization).split("/")[2]!,
            body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
            raw
          }
          requests.push(request)
          const answer = reply(request)
          if (answer === undefined) return
          response.writeHead(answer.status ?? 200, { "content-type": "application/x-amz-json-1.1" })
          response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body))
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ server, endpoint: `http://127.0.0.1:${port}`, requests }))
      })
    }),
    ({ server }) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

const good = ({ body, target }: Request): Reply => ({
  body: {
    KeyId: arn,
    ...target === "TrentService.Encrypt" || target === "TrentService.GenerateDataKey"
      ? { CiphertextBlob: base64(Uint8Array.of(9, 8, 7)) }
      : {},
    ...target === "TrentService.Decrypt" || target === "TrentService.GenerateDataKey"
      ? { Plaintext: base64(secret.subarray(0, (body["NumberOfBytes"] as number | undefined) ?? 32)) }
      : {}
  }
})

const request = (name = arn) => ({
  keyId: name,
  encryptionContext: { tenant: "a", "😀": "é" },
  grantTokens: ["token"]
})

const generate = (name?: string) =>
  Effect.flatMap(Kms.Kms, (kms) => kms.generateDataKey({ ...request(name), numberOfBytes: 32 }))
const encrypt = (name?: string) =>
  Effect.flatMap(Kms.Kms, (kms) => kms.encrypt({ ...request(name), plaintext: DataKey.make(secret.slice()) }))
const decrypt = (name?: string) =>
  Effect.flatMap(Kms.Kms, (kms) => kms.decrypt({ ...request(name), ciphertextBlob: Uint8Array.of(1, 2, 3) }))
const each = [["GenerateDataKey", generate], ["Encrypt", encrypt], ["Decrypt", decrypt]] as const

/** A client that answers what it is told to. */
const clientOf = (send: (command: { input: unknown }, options: { abortSignal: AbortSignal }) => Promise<unknown>) =>
  ({ send }) as unknown as AwsKms.Client

const throwing = (thrown: unknown) => AwsKms.layerClient(clientOf(() => Promise.reject(thrown)))

/** The embedded KMS behind the commands and exceptions of the AWS SDK. */
const embeddedClient = (kms: Kms.Kms) =>
  clientOf((command) => {
    const { CiphertextBlob, EncryptionContext, GrantTokens, KeyId, NumberOfBytes, Plaintext } = command
      .input as Record<string, any>
    const request = { keyId: KeyId, encryptionContext: EncryptionContext, grantTokens: GrantTokens }
    const call: Effect.Effect<ScriptedKms.Response, KmsError> = command instanceof GenerateDataKeyCommand
      ? kms.generateDataKey({ ...request, numberOfBytes: NumberOfBytes })
      : command instanceof EncryptCommand
      ? kms.encrypt({ ...request, plaintext: DataKey.make(Plaintext) })
      : command instanceof DecryptCommand
      ? kms.decrypt({ ...request, ciphertextBlob: CiphertextBlob })
      : Effect.die("no such command")
    return Effect.runPromise(Effect.match(call, {
      onFailure: ({ code, description }) => ({ thrown: Object.assign(new Error(description), { name: code }) }),
      onSuccess: ({ ciphertextBlob, keyId, plaintext }) => ({
        output: {
          KeyId: keyId,
          CiphertextBlob: ciphertextBlob,
          Plaintext: plaintext === undefined ? undefined : DataKey.value(plaintext)
        }
      })
    })).then((result) => "thrown" in result ? Promise.reject(result.thrown) : result.output)
  })

kmsContract({
  title: "AwsKms over a client",
  layer: Layer.unwrap(Effect.map(Kms.Kms, (kms) => AwsKms.layerClient(embeddedClient(kms)))).pipe(
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

  it.live.each<[number, string, KmsError["failure"], boolean]>([
    [400, "AccessDeniedException", "AccessDenied", false],
    [400, "DisabledException", "KeyUnavailable", false],
    [400, "KMSInvalidStateException", "KeyUnavailable", false],
    [500, "KeyUnavailableException", "KeyUnavailable", true],
    [400, "NotFoundException", "KeyNotFound", false],
    [400, "InvalidCiphertextException", "InvalidCiphertext", false],
    [400, "IncorrectKeyException", "InvalidCiphertext", false],
    [400, "ThrottlingException", "Throttled", true],
    [400, "LimitExceededException", "Throttled", true],
    [400, "RequestLimitExceeded", "Throttled", true],
    [400, "TooManyRequestsException", "Throttled", true],
    [429, "SomethingElse", "Throttled", true],
    [500, "KMSInternalException", "Unreachable", true],
    [503, "DependencyTimeoutException", "Unreachable", true],
    [500, "SomethingElse", "Unreachable", true],
    [503, "SomethingElse", "Unreachable", true],
    [400, "InvalidArnException", "Rejected", false],
    [400, "InvalidGrantTokenException", "Rejected", false],
    [400, "InvalidKeyUsageException", "Rejected", false],
    [400, "ValidationException", "Rejected", false],
    [403, "UnrecognizedClientException", "Rejected", false]
  ])("status %i, %s is %s, retryable: %s", ([status, code, failure, isRetryable]) =>
    Effect.gen(function*() {
      const { endpoint } = yield* serve(() => ({
        status,
        body: { __type: `com.amazonaws.kms#${code}`, message: "why" }
      }))
      for (const [operation, call] of each) {
        const error: KmsError = yield* Effect.flip<unknown, KmsError, Kms.Kms>(call()).pipe(
          Effect.provide(AwsKms.layer({ endpoint, credentials, maxAttempts: 1 }))
        )
        assert.deepInclude(error, { operation, keyId: arn, failure, code, description: "why", isRetryable })
        assert.strictEqual(error.message, `KMS ${operation} with ${arn}: ${code}: why`)
      }
    }))

  it.live("no connection is Unreachable, with the code that Node gives it", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* Effect.scoped(serve(good))
      const error = yield* Effect.flip(generate()).pipe(
        Effect.provide(AwsKms.layer({ endpoint, credentials, maxAttempts: 1 }))
      )
      assert.deepInclude(error, { failure: "Unreachable", code: "ECONNREFUSED", isRetryable: true })
    }))

  it.live("no answer in the client's own time is Unreachable", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* serve(() => undefined)
      const error = yield* Effect.flip(generate()).pipe(
        Effect.provide(
          AwsKms.layer({
            endpoint,
            credentials,
            maxAttempts: 1,
            requestHandler: { requestTimeout: 50, throwOnRequestTimeout: true }
          })
        )
      )
      assert.deepInclude(error, { failure: "Unreachable", code: "TimeoutError", isRetryable: true })
    }))

  it.live.each<[string]>([
    [`{"KeyId":"${arn}","Plaintext":"${base64(secret)}"`],
    [base64(secret)],
    [`{"KeyId":"${arn}","CiphertextBlob":"CQ==","Plaintext":"${base64(secret)}*"}`]
  ])("an answer that cannot be read is quoted nowhere: %s", ([body]) =>
    Effect.gen(function*() {
      const { endpoint } = yield* serve(() => ({ body }))
      const error = yield* Effect.flip(generate()).pipe(
        Effect.provide(AwsKms.layer({ endpoint, credentials, maxAttempts: 1 }))
      )
      assert.include(["InvalidAnswer", "Rejected"], error.failure)
      assert.isFalse(error.isRetryable)
      for (const text of [String(error), JSON.stringify(error), inspect(error, { depth: 10 })]) {
        for (let at = 0; at + 4 <= base64(secret).length; at += 4) {
          assert.notInclude(text, base64(secret).slice(at, at + 4))
        }
      }
    }))

  it.live.each([["KeyId"], ["CiphertextBlob"], ["Plaintext"]])(
    "an answer without %s is an InvalidAnswer",
    ([field]) =>
      Effect.gen(function*() {
        const { endpoint } = yield* serve((request) => {
          const body = good(request).body as Record<string, unknown>
          delete body[field!]
          return { body }
        })
        for (const [operation, call] of each) {
          const lacks = !(operation === "Encrypt" && field === "Plaintext") &&
            !(operation === "Decrypt" && field === "CiphertextBlob")
          const result = yield* Effect.result<unknown, KmsError, Kms.Kms>(call()).pipe(
            Effect.provide(AwsKms.layer({ endpoint, credentials }))
          )
          assert.strictEqual(result._tag, lacks ? "Failure" : "Success")
          if (result._tag === "Failure") {
            assert.deepInclude(result.failure, {
              failure: "InvalidAnswer",
              code: "IncompleteAnswer",
              isRetryable: false
            })
          }
        }
      })
  )
})

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

  it.effect("a supplier that has no client refuses the Region", () =>
    Effect.gen(function*() {
      const layer = AwsKms.layerSupplier(() => undefined)
      const error = yield* Effect.flip(generate()).pipe(Effect.provide(layer))
      assert.deepInclude(error, {
        operation: "GenerateDataKey",
        keyId: arn,
        failure: "Rejected",
        code: "NoClientForRegion",
        description: "the client supplier has no client for us-east-1",
        isRetryable: false
      })
      const unnamed = yield* Effect.flip(generate("alias/x")).pipe(Effect.provide(layer))
      assert.strictEqual(unnamed.description, "the client supplier has no client for the default Region")
    }))

  it.effect("a supplier that throws fails the call", () =>
    Effect.gen(function*() {
      const layer = AwsKms.layerSupplier(() => {
        throw new RangeError("eu-central-1 only")
      })
      const error = yield* Effect.flip(generate()).pipe(Effect.provide(layer))
      assert.deepInclude(error, { failure: "Rejected", code: "RangeError", description: "eu-central-1 only" })
    }))

  it.effect("what the AWS SDK throws before it calls is Rejected with its own name and words", () =>
    Effect.gen(function*() {
      const credentials = Object.assign(new Error("Could not load credentials from any providers"), {
        name: "CredentialsProviderError"
      })
      assert.deepInclude(yield* Effect.flip(generate()).pipe(Effect.provide(throwing(credentials))), {
        failure: "Rejected",
        code: "CredentialsProviderError",
        description: "Could not load credentials from any providers",
        isRetryable: false
      })
      const certificate = Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" })
      assert.deepInclude(yield* Effect.flip(generate()).pipe(Effect.provide(throwing(certificate))), {
        failure: "Rejected",
        code: "DEPTH_ZERO_SELF_SIGNED_CERT"
      })
      for (const odd of [undefined, null, "text", 1, {}]) {
        assert.deepInclude(yield* Effect.flip(generate()).pipe(Effect.provide(throwing(odd))), {
          failure: "Rejected",
          code: "UnknownError",
          isRetryable: false
        })
      }
    }))

  it.effect("what the AWS SDK calls retryable is retryable", () =>
    Effect.gen(function*() {
      // The constructor of KMSServiceException ignores $retryable, so it is assigned as the AWS SDK itself does.
      const error = (fields: object) => Object.assign(new Error("why"), { name: "Other", $fault: "client", ...fields })
      const of = (thrown: unknown) => Effect.flip(generate()).pipe(Effect.provide(throwing(thrown)))
      assert.deepInclude(yield* of(error({})), { failure: "Rejected", isRetryable: false })
      assert.deepInclude(yield* of(error({ $retryable: {} })), { failure: "Rejected", isRetryable: true })
      assert.deepInclude(yield* of(error({ $retryable: { throttling: true } })), {
        failure: "Throttled",
        isRetryable: true
      })
      assert.deepInclude(yield* of(error({ $retryable: undefined })), { isRetryable: false })
    }))

  it.effect.each([
    "ECONNRESET",
    "ECONNREFUSED",
    "EPIPE",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ERR_HTTP2_STREAM_ERROR"
  ])("%s is Unreachable", (code) =>
    Effect.gen(function*() {
      const error = Object.assign(new AggregateError([]), { code })
      assert.deepInclude(yield* Effect.flip(generate()).pipe(Effect.provide(throwing(error))), {
        failure: "Unreachable",
        code,
        description: code,
        isRetryable: true
      })
    }))

  it.effect.each(["Failed to fetch", "fetch failed", "Load failed", "NetworkError when attempting to fetch resource."])(
    "a browser's %j is Unreachable",
    (message) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(generate()).pipe(Effect.provide(throwing(new TypeError(message))))
        assert.deepInclude(error, { failure: "Unreachable", code: "TypeError", isRetryable: true })
      })
  )
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
