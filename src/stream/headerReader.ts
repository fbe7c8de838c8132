import * as Effect from "effect/Effect"
import type { Client } from "../client/Client.ts"
import { type DecodedMessage, decodeHeader } from "../client/request.ts"
import * as PartialMessage from "../message/PartialMessage.ts"
import { type DecryptError, failDecrypt, orFailDecrypt } from "../model/errors/DecryptError.ts"
import { MalformedMessage } from "../model/errors/MalformedMessage.ts"
import { explain } from "../model/errors/NotAMessage.ts"

/**
 * Greatest length in bytes of a header that is put together in memory. One with a thousand encrypted data keys takes less
 * than a tenth of it; the format allows gigabytes.
 */
const maxHeaderLength = 2 ** 24

/** A header, and the bytes that it was read from. */
export interface ReadHeader {
  readonly message: Uint8Array
  readonly decoded: DecodedMessage
}

/**
 * Reads the header of a message that has not arrived as a whole. `see` returns bytes from the start of the message: at least
 * as many as it is given, or all that there are.
 */
export const readHeader = Effect.fnUntraced(function*<E, R>(
  client: Client,
  see: (length: number) => Effect.Effect<Uint8Array, E, R>
): Effect.fn.Return<ReadHeader, E | DecryptError, R> {
  const extent = PartialMessage.headerExtent(client)
  let seen: Uint8Array = new Uint8Array(0)
  let length = 0
  for (let step = extent.next(); step.done !== true; step = extent.next(seen)) {
    length = step.value
    if (length > maxHeaderLength) return yield* failDecrypt(explain(headerTooLong(), seen))
    seen = yield* see(length)
    if (seen.length < length) break
  }
  // A copy: what is verified must be what was decoded.
  const message = new Uint8Array(seen.subarray(0, length))
  const decoded = yield* Effect.catchReason(
    orFailDecrypt(() => decodeHeader(client, message)),
    "DecryptError",
    "MalformedMessage",
    // Of what has arrived: it is not worth to wait for more.
    (malformed) => failDecrypt(explain(malformed, seen))
  )
  return { message, decoded }
})

const headerTooLong = () =>
  new MalformedMessage({
    field: "Header",
    description: `takes more than ${maxHeaderLength} bytes, the most that a stream keeps of it`,
    offset: 0
  })
