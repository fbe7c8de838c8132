/**
 * HTTP on 127.0.0.1, in front of a responder.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import type { Primitives } from "../../../../crypto/Primitives.ts"
import * as bytes from "../../../../internal/bytes.ts"
import { uuid } from "../../../../internal/uuid.ts"
import { EmbeddedKmsError } from "../../EmbeddedKmsError.ts"
import type { Handle, Response } from "./protocol.ts"
import { toResponse } from "./protocol.ts"

/** The one address that is listened on. */
const host = "127.0.0.1"

/** Of a request. */
const maxBodyLength = 1024 * 1024

/** Listens on a port until the scope closes, which closes all connections. Returns the port. */
export const listen = Effect.fnUntraced(function*(
  { randomBytes }: Primitives,
  handle: Handle,
  port: number
): Effect.fn.Return<number, EmbeddedKmsError, Scope.Scope> {
  const run = yield* FiberSet.makeRuntime()
  const respond = Effect.fnUntraced(function*(request: http.IncomingMessage, response: http.ServerResponse) {
    const requestId = uuid(yield* randomBytes(16))
    const outcome = isLocal(request.headers.host)
      ? yield* Effect.flatMap(readBody(request), (body) =>
        body === undefined
          ? Effect.succeed(tooLarge)
          : handle({ target: textOf(request.headers["x-amz-target"]), body, region: regionOf(request) }))
      : otherHost
    write(response, requestId, outcome)
  })
  const server = yield* Effect.acquireRelease(
    Effect.callback<http.Server, EmbeddedKmsError>((resume) => {
      const server = http.createServer((request, response) => {
        // A connection that breaks ends the request, and no one is left to tell.
        response.on("error", () => {})
        const fiber = run(Effect.catchDefect(respond(request, response), () => Effect.sync(() => response.destroy())))
        response.once("close", () => fiber.interruptUnsafe())
      })
      server.on(
        "error",
        (error: NodeJS.ErrnoException) =>
          resume(
            Effect.fail(new EmbeddedKmsError({ field: "port", description: `${port}: ${error.code ?? error.name}` }))
          )
      )
      server.listen(port, host, () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return (server.address() as AddressInfo).port
})

const tooLarge: Response = /*#__PURE__*/ toResponse({
  code: "RequestEntityTooLargeException",
  message: `The body has more than ${maxBodyLength} bytes.`,
  status: 413
})

const otherHost: Response = /*#__PURE__*/ toResponse({
  code: "AccessDeniedException",
  message: "This KMS for development serves this machine alone: call 127.0.0.1 or localhost.",
  status: 403
})

/** Whether a request names this machine. A page in a browser can reach it under a name of its own, which leads here. */
const isLocal = (name: string | undefined): boolean => /^(127\.0\.0\.1|localhost)(:\d+)?$/i.test(name ?? "")

const textOf = (header: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof header === "string" ? header : undefined

/** The Region in the credential scope of a signature, which is not verified. */
const regionOf = ({ headers }: http.IncomingMessage): string | undefined =>
  /\bCredential=[^/,\s]+\/\d+\/([a-z0-9-]{1,64})\/kms\/aws4_request\b/.exec(headers.authorization ?? "")?.[1]

/** The body; undefined where it is longer than a body may be. What is more than that is read and dropped. */
const readBody = (request: http.IncomingMessage): Effect.Effect<Uint8Array | undefined> =>
  Effect.callback((resume) => {
    const chunks: Array<Uint8Array> = []
    let length = 0
    request.on("data", (chunk: Buffer) => {
      length += chunk.length
      if (length > maxBodyLength) {
        chunks.length = 0
        resume(Effect.undefined)
      } else chunks.push(chunk)
    })
    request.once("end", () => resume(Effect.sync(() => bytes.concat(chunks))))
  })

const write = (response: http.ServerResponse, requestId: string, { body, errorCode, status }: Response): void => {
  response.writeHead(status, {
    "content-type": "application/x-amz-json-1.1",
    "content-length": Buffer.byteLength(body),
    "x-amzn-requestid": requestId,
    ...errorCode === undefined ? {} : { "x-amzn-errortype": errorCode },
    ...status === tooLarge.status ? { connection: "close" } : {}
  })
  response.end(body)
}
