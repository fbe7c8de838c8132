/** Failures of the AWS SDK as failures of `Kms`: against a server on this machine, and against clients that throw. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Kms, KmsError } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { inspect } from "node:util"
import { failureOf } from "../support/client.ts"
import { arn, base64, credentials, each, generate, good, secret, serve, throwing } from "../support/awsKms.ts"
import { fromOtherRealm } from "../support/otherRealm.ts"

describe("AwsKms over the protocol, where it fails", () => {
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
    [403, "UnrecognizedClientException", "Rejected", false],
    [400, "ExpiredTokenException", "Rejected", true]
  ])("status %i, %s is %s, retryable: %s", ([status, code, failure, isRetryable]) =>
    Effect.gen(function*() {
      const { endpoint } = yield* serve(() => ({
        status,
        body: { __type: `com.amazonaws.kms#${code}`, message: "why" }
      }))
      for (const [operation, call] of each) {
        const error: KmsError = yield* Effect.flip<unknown, KmsError, Kms.Ports>(call()).pipe(
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

  it.live.each<[string, ReadonlyArray<KmsError["operation"]>]>([
    ["KeyId", each.map(([operation]) => operation)],
    ["CiphertextBlob", ["GenerateDataKey", "Encrypt", "GenerateDataKeyWithoutPlaintext", "ReEncrypt"]],
    ["Plaintext", ["GenerateDataKey", "Decrypt"]],
    ["PublicKey", ["GetPublicKey"]],
    ["KeySpec", ["GetPublicKey"]],
    ["KeyUsage", ["GetPublicKey"]],
    ["SharedSecret", ["DeriveSharedSecret"]],
    ["SourceKeyId", ["ReEncrypt"]]
  ])(
    "an answer without %s is an InvalidAnswer",
    ([field, operations]) =>
      Effect.gen(function*() {
        const { endpoint } = yield* serve((request) => {
          const body = good(request).body as Record<string, unknown>
          delete body[field]
          return { body }
        })
        for (const [operation, call] of each) {
          const lacks = operations.includes(operation)
          const result = yield* Effect.result<unknown, KmsError, Kms.Ports>(call()).pipe(
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

describe("AwsKms and the user's own clients, where they fail", () => {
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
        isRetryable: true
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

  it.live("an error may be named like what objects inherit", () =>
    Effect.gen(function*() {
      for (const name of ["toString", "constructor", "__proto__"]) {
        const error = Object.assign(new Error("why"), { name, $fault: "client" })
        const failure = yield* failureOf(generate()).pipe(
          Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.sync(() => assert.fail("never ended")) }),
          Effect.provide(throwing(error))
        )
        assert.deepInclude(failure, { failure: "Rejected", code: name, description: "why", isRetryable: false })
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

describe("AwsKms, where an error is about bytes of an answer", () => {
  it.effect.each([
    { name: "SyntaxError", Thrown: SyntaxError },
    { name: "TypeError", Thrown: TypeError },
    { name: "SyntaxError of another realm", Thrown: fromOtherRealm("SyntaxError") as SyntaxErrorConstructor },
    { name: "TypeError of another realm", Thrown: fromOtherRealm("TypeError") as TypeErrorConstructor }
  ])(
    "a $name is not quoted",
    ({ Thrown }) =>
      Effect.gen(function*() {
        const thrown = new Thrown(`unexpected ${base64(secret)}`)
        assert.deepInclude(yield* Effect.flip(generate()).pipe(Effect.provide(throwing(thrown))), {
          failure: "Rejected",
          code: Thrown.name,
          description: "the request failed, or its answer could not be read"
        })
      })
  )
})
