/** The protocol of the KMS server without a network: requests as objects, and what came back. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import * as Protocol from "../../src/kms/development-only/server/internal/protocol.ts"

/** Place of calls without a signature. */
export const place = { region: "us-east-1", account: "111122223333" }

export type Json = Readonly<Record<string, unknown>>

/** A response that was read. */
export interface Read {
  readonly status: number
  readonly code: string | undefined
  readonly message: string | undefined
  readonly body: Record<string, any>
}

/** Sends bytes, and reads the response: an error has its code in both places. */
export const send = Effect.fnUntraced(function*(
  handle: Protocol.Handle,
  request: Protocol.Request
): Effect.fn.Return<Read> {
  const { body, errorCode, status } = yield* handle(request)
  const read = (body === "" ? {} : JSON.parse(body)) as Record<string, any>
  assert.strictEqual(read["__type"], errorCode)
  assert.strictEqual(status === 200, errorCode === undefined)
  return { status, code: errorCode, message: read["message"], body: read }
})

/** A caller over an embedded KMS. */
export const make = Effect.fnUntraced(function*(options?: EmbeddedKms.Options) {
  const services = yield* EmbeddedKms.make(options)
  const handle = Protocol.make(services, place)
  const call = (operation: string, body: Json, region?: string) =>
    send(handle, {
      target: `TrentService.${operation}`,
      body: new TextEncoder().encode(JSON.stringify(body)),
      region
    })
  /** The body of a response that must be no error. */
  const succeed = (operation: string, body: Json, region?: string) =>
    Effect.map(call(operation, body, region), (response) => {
      assert.strictEqual(response.status, 200, `${operation}: ${response.code}: ${response.message}`)
      return response.body
    })
  /** The code of a response that must be an error. */
  const codeOf = (operation: string, body: Json, region?: string) =>
    Effect.map(call(operation, body, region), ({ code, status }) => {
      assert.strictEqual(status, 400)
      return code
    })
  return { ...services, handle, call, succeed, codeOf }
})
