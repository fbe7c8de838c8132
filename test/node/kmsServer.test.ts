/** HTTP of the KMS server. The operations are tested without it, in test/kms/server. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, References, Scope } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Primitives } from "effect-encryption-sdk/crypto"
import { Kms } from "effect-encryption-sdk/kms"
import { EmbeddedKms, EmbeddedKmsError } from "effect-encryption-sdk/kms/development-only"
import { KmsServer } from "effect-encryption-sdk/kms/development-only/server"
import { NodePrimitives } from "effect-encryption-sdk/node"
import * as http from "node:http"
import * as net from "node:net"
import { networkInterfaces } from "node:os"
import { failureOf as errorOf } from "../support/client.ts"
import { request } from "../support/kmsContract.ts"
import { call, send, signedIn } from "../support/kmsHttp.ts"

const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const quiet = Layer.succeed(References.MinimumLogLevel, "Error")
const start = (options: KmsServer.Options = {}) => KmsServer.make({ keys: [{ arn }], ...options })
const environment = Layer.merge(NodePrimitives.layer, quiet)

describe("KMS server over HTTP", () => {
  it.effect("responds with the protocol's headers, to errors too", () =>
    Effect.gen(function*() {
      const { port, url } = yield* start()
      assert.strictEqual(url, `http://127.0.0.1:${port}`)
      const good = yield* call(url, "DescribeKey", { KeyId: arn })
      const bad = yield* call(url, "DescribeKey", { KeyId: "none" })
      const empty = yield* call(url, "EnableKey", { KeyId: arn })
      assert.deepStrictEqual([good, bad, empty].map(({ status }) => status), [200, 400, 200])
      assert.strictEqual((JSON.parse(good.text) as { KeyMetadata: { Arn: string } }).KeyMetadata.Arn, arn)
      assert.deepStrictEqual(Object.keys(JSON.parse(bad.text) as object), ["__type", "message"])
      assert.strictEqual(empty.text, "")
      assert.deepStrictEqual([good, bad, empty].map(({ headers }) => headers["x-amzn-errortype"]), [
        undefined,
        "NotFoundException",
        undefined
      ])
      const ids = new Set<unknown>()
      for (const { headers, text } of [good, bad, empty]) {
        assert.strictEqual(headers["content-type"], "application/x-amz-json-1.1")
        assert.strictEqual(headers["content-length"], String(Buffer.byteLength(text)))
        assert.match(String(headers["x-amzn-requestid"]), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-/)
        ids.add(headers["x-amzn-requestid"])
      }
      assert.strictEqual(ids.size, 3)
    }).pipe(Effect.provide(environment)))

  it.effect("the Region is that of the signature, which is not verified; without one it is that of the options", () =>
    Effect.gen(function*() {
      const { url } = yield* start({ region: "eu-central-1", account: "444455556666" })
      const arnIn = (headers: http.OutgoingHttpHeaders) =>
        Effect.map(
          call(url, "CreateKey", {}, headers),
          ({ text }) => (JSON.parse(text) as { KeyMetadata: { Arn: string } }).KeyMetadata.Arn.split(":key/")[0]
        )
      const inRegion = (region: string) => `arn:aws:kms:${region}:444455556666`
      assert.strictEqual(yield* arnIn(signedIn("ap-south-1")), inRegion("ap-south-1"))
      for (const headers of [{}, { authorization: "Bearer x" }, signedIn("a:b"), signedIn("")]) {
        assert.strictEqual(yield* arnIn(headers), inRegion("eu-central-1"))
      }
    }).pipe(Effect.provide(environment)))

  it.effect("a body of 1 MiB is read, a longer one is not", () =>
    Effect.gen(function*() {
      const { url } = yield* start()
      const headers = { "x-amz-target": "TrentService.DescribeKey" }
      const padded = (length: number) => JSON.stringify({ KeyId: arn }).padEnd(length, " ")
      const most = yield* send(url, { headers, body: padded(1024 * 1024) })
      assert.strictEqual(most.status, 200)
      for (const length of [1024 * 1024 + 1, 8 * 1024 * 1024]) {
        const { headers: got, status } = yield* send(url, { headers, body: padded(length) })
        assert.deepStrictEqual([status, got["x-amzn-errortype"]], [413, "RequestEntityTooLargeException"])
      }
      assert.strictEqual((yield* call(url, "DescribeKey", { KeyId: arn })).status, 200)
    }).pipe(Effect.provide(environment)))

  it.effect("other methods, paths and hosts", () =>
    Effect.gen(function*() {
      const { port, url } = yield* start()
      const outcome = ({ headers, status }: { status: number; headers: http.IncomingHttpHeaders }) => [
        status,
        headers["x-amzn-errortype"]
      ]
      assert.deepStrictEqual(outcome(yield* send(url, { method: "GET" })), [400, "UnknownOperationException"])
      for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", "localhost@evil.example"]) {
        assert.deepStrictEqual(outcome(yield* call(url, "DescribeKey", { KeyId: arn }, { host })), [
          403,
          "AccessDeniedException"
        ])
      }
      for (const host of ["localhost", `LOCALHOST:${port}`, "127.0.0.1"]) {
        assert.strictEqual((yield* call(url, "DescribeKey", { KeyId: arn }, { host })).status, 200)
      }
    }).pipe(Effect.provide(environment)))

  it.effect("listens on 127.0.0.1 alone", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const others = Object.values(networkInterfaces()).flatMap((all) => all ?? []).filter(({ internal }) => !internal)
      for (
        const address of [
          "127.0.0.2",
          ...others.filter(({ family }) => family === "IPv4").map((one) => one.address)
        ]
      ) {
        assert.match(yield* Effect.flip(send(`http://${address}:${port}`, {})), /^E/)
      }
    }).pipe(Effect.provide(environment)))

  it.live("ends with its scope, with open connections and calls that run", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { url } = yield* Scope.provide(start({ latency: "1 minute" }), scope)
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() => new http.Agent({ keepAlive: true })),
        (agent) => Effect.sync(() => agent.destroy())
      )
      yield* send(url, { method: "GET", agent })
      const target = { "x-amz-target": "TrentService.Encrypt" }
      const running = yield* Effect.forkChild(
        Effect.flip(send(url, { agent, headers: target, body: JSON.stringify({ KeyId: arn, Plaintext: "AAAA" }) }))
      )
      yield* Effect.sleep("100 millis")
      yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("5 seconds"))
      assert.strictEqual(yield* Fiber.join(running), "ECONNRESET")
      assert.strictEqual(yield* Effect.flip(send(url, {})), "ECONNREFUSED")
    }).pipe(Effect.provide(environment)))

  it.live("a client that goes away in the middle of a request, or sends no HTTP, disturbs no other", () =>
    Effect.gen(function*() {
      const { port, url } = yield* start()
      for (
        const text of ["POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100\r\n\r\n{", "no HTTP\r\n\r\n", "\0"]
      ) {
        yield* Effect.callback<void>((resume) => {
          const socket = net.connect(port, "127.0.0.1", () => socket.write(text, () => socket.destroy()))
          socket.once("close", () => resume(Effect.void))
        })
      }
      const all = yield* Effect.all(
        Array.from({ length: 50 }, () => call(url, "GenerateDataKey", { KeyId: arn, NumberOfBytes: 32 })),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(all.map(({ text }) => text)).size, 50)
      assert.isTrue(all.every(({ status }) => status === 200))
    }).pipe(Effect.provide(environment)))

  it.effect("a request that cannot even get an id is ended, and the server goes on", () =>
    Effect.gen(function*() {
      let broken = false
      const primitives = yield* Primitives.Primitives
      const { url } = yield* start().pipe(Effect.provideService(Primitives.Primitives, {
        ...primitives,
        randomBytes: (length) => broken ? Effect.die("no randomness") : primitives.randomBytes(length)
      }))
      broken = true
      assert.match(yield* Effect.flip(call(url, "DescribeKey", { KeyId: arn })), /ECONNRESET|socket hang up/)
      broken = false
      assert.strictEqual((yield* call(url, "DescribeKey", { KeyId: arn })).status, 200)
    }).pipe(Effect.provide(environment)))

  it.effect("a port in use and wrong options are errors that name the field", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      for (
        const [options, field, description] of [
          [{ port }, "port", `${port}: EADDRINUSE`],
          [{ port: 65_536 }, "port", "must be an integer from 0 to 65535"],
          [{ port: "80" as never }, "port", "must be an integer from 0 to 65535"],
          [{ keyStoreFile: "" }, "keyStoreFile", "must be a path"],
          [{ region: 1 as never }, "region", "must be a string"],
          [null as never, "options", "must be an object"],
          [1 as never, "options", "must be an object"],
          [{ host: "0.0.0.0" } as never, "host", "is no option of the embedded KMS"]
        ] as const
      ) {
        const error = yield* errorOf(KmsServer.make(options))
        assert.instanceOf(error, EmbeddedKmsError)
        assert.deepStrictEqual([error.field, error.description], [field, description])
      }
    }).pipe(Effect.provide(environment)))

  it.effect("says at the start what it is for", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => {
        lines.push(String(message))
      })
      const { url } = yield* start().pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(lines, [
        `KMS for development and tests only: ${url}. No signature is verified, all calls are permitted.`
      ])
    }).pipe(Effect.provide(NodePrimitives.layer)))

  it.effect("its layer has the ports and the control of the same keys, without the network", () =>
    Effect.gen(function*() {
      const { url } = yield* KmsServer.KmsServer
      const { ciphertextBlob } = yield* (yield* Kms.Kms).encrypt({
        ...request(arn, {}),
        plaintext: DataKey.make(Uint8Array.of(1, 2, 3))
      })
      const decrypt = call(url, "Decrypt", { CiphertextBlob: Buffer.from(ciphertextBlob).toString("base64") })
      assert.strictEqual((JSON.parse((yield* decrypt).text) as { Plaintext: string }).Plaintext, "AQID")
      yield* (yield* EmbeddedKms.EmbeddedKms).setKeyState(arn, "Disabled")
      assert.strictEqual((yield* decrypt).headers["x-amzn-errortype"], "DisabledException")
    }).pipe(Effect.provide(KmsServer.layer({ keys: [{ arn }] }).pipe(Layer.provide(environment)))))
})
