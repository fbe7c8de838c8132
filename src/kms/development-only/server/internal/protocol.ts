/**
 * The protocol of AWS KMS, AWS JSON 1.1, without a network.
 */
import * as Effect from "effect/Effect"
import { fromUtf8 } from "../../../../internal/bytes.ts"
import { quoted } from "../../../../internal/printable.ts"
import type { Services } from "../../EmbeddedKms.ts"
import * as Cryptography from "./cryptography.ts"
import type { Fault } from "./fault.ts"
import { fail, fault } from "./fault.ts"
import type { Body } from "./fields.ts"
import type { Place } from "./identifiers.ts"
import * as Management from "./management.ts"

/** A request. */
export interface Request {
  /** Of the header `x-amz-target`: `TrentService.Encrypt`. */
  readonly target: string | undefined
  /** UTF-8 of a JSON object. */
  readonly body: Uint8Array
  /** Of the signature; undefined where there is none. */
  readonly region: string | undefined
}

/** A response. An error has a code. */
export interface Response {
  readonly status: number
  readonly body: string
  readonly errorCode?: string
}

/** Responds to a request. */
export type Handle = (request: Request) => Effect.Effect<Response>

const prefix = "TrentService."

/** Makes the responder over an embedded KMS. A defect becomes a `KMSInternalException` that says nothing of it. */
export const make = (services: Services, place: Place): Handle => {
  const operations = { ...Cryptography.operations(services), ...Management.operations(services.control) }
  const respond = Effect.fnUntraced(function*({ body, region = place.region, target }: Request) {
    const name = target?.startsWith(prefix) === true ? target.slice(prefix.length) : ""
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined
    if (operation === undefined) {
      return yield* fail("UnknownOperationException", `There is no operation ${quoted(target ?? "", 101)} here.`)
    }
    const output = yield* operation(yield* parse(body), { ...place, region })
    return { status: 200, body: output === undefined ? "" : JSON.stringify(output) }
  })
  return (request) =>
    respond(request).pipe(
      Effect.catch((error: Fault) => Effect.succeed(toResponse(error))),
      Effect.catchDefect(() =>
        Effect.succeed(toResponse(fault("KMSInternalException", "The request failed inside the server.", 500)))
      )
    )
}

/** The response that an error is. */
export const toResponse = (
  { code, message, status }: Pick<Fault, "code" | "message"> & { readonly status: number }
): Response => ({
  status,
  body: JSON.stringify({ __type: code, message }),
  errorCode: code
})

const notJson = /*#__PURE__*/ fail("SerializationException", "The body must be a JSON object in UTF-8.")

const parse = (body: Uint8Array): Effect.Effect<Body, Fault> =>
  Effect.suspend(() => {
    const text = fromUtf8(body)
    let value: unknown
    try {
      value = JSON.parse(text ?? "")
    } catch {
      return notJson
    }
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? Effect.succeed(value as Body)
      : notJson
  })
