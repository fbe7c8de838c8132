import * as Schema from "effect/Schema"
import { toLatin1 } from "../../internal/bytes.ts"
import { TaggedError } from "../../internal/TaggedError.ts"
import { MalformedMessage } from "./MalformedMessage.ts"

/**
 * The starts of what is taken for a message, a character for each byte. As base64, 01 80 begins with `AYA`, 02 04 78 and
 * 02 05 78 with `AgR4` and `AgV4`, and a ciphertext of AWS KMS, 01 02 02 00 or 01 02 03 00, with `AQICA` or `AQIDA`.
 *
 * Text that was decoded from bytes has U+FFFD where they were no UTF-8: at the type of version 1, and within the message ID of
 * version 2.
 */
/* oxlint-disable no-control-regex -- the characters are bytes */
const starts = {
  "empty": /^$/,
  "base64 text": /^\s*["']?(data:[^,]*,)?A(YA|g[RV]4)/,
  "hex text": /^\s*["']?([0\\]x)?0(180|20[45]78)/i,
  "JSON text": /^\s*[[{]/,
  "UTF-8 text, which lost bytes": /^(\x01|\x02[^]{2,33})\xef\xbf\xbd/,
  "compressed with gzip": /^\x1f\x8b/,
  "compressed with zstd": /^\x28\xb5\x2f\xfd/,
  "a ciphertext of AWS KMS": /^(\x01\x02[\x02\x03]\0|\s*["']?AQI[CD]A)/
}

const kinds = /*#__PURE__*/ Object.keys(starts) as ReadonlyArray<keyof typeof starts>

/** Error when bytes are a message in another form, or something else that is often taken for one. */
export class NotAMessage extends (/*#__PURE__*/ TaggedError<NotAMessage>()("NotAMessage", {
  /** The form of the bytes, by their start. */
  kind: Schema.Literals(kinds)
})) {
  override get message(): string {
    return `the message is ${this.kind}: give the bytes that encrypt returned`
  }
}

/** Greatest number of bytes by which a form is recognised. */
const startLength = 64

/**
 * The error of a header that could not be read: `NotAMessage` where the first bytes of the message say more. It quotes none.
 *
 * @internal
 */
export const explain = <E>(error: E, message: Uint8Array): E | NotAMessage => {
  if (!(error instanceof MalformedMessage)) return error
  const start = toLatin1(message.subarray(0, startLength))
  const kind = kinds.find((kind) => starts[kind].test(start))
  return kind === undefined ? error : new NotAMessage({ kind })
}
