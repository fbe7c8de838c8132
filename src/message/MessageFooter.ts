/**
 * The message footer, which holds the signature where the suite signs, and the end of the message.
 *
 * Specification: data-format/message-footer.md
 */
import type * as Result from "effect/Result"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import { ByteReader, decoding, rejectField } from "./internal/ByteReader.ts"
import { ByteWriter } from "./internal/ByteWriter.ts"
import type { MalformedMessage } from "../model/errors/MalformedMessage.ts"

/** Length in bytes of the footer that this library writes under a suite: zero where the suite does not sign. */
export const length = ({ signature }: AlgorithmSuite): number =>
  signature === undefined ? 0 : 2 + signature.signatureLength

/** Encodes the footer of a signature, which is at most 65,535 bytes. */
export const encode = (signature: Uint8Array): Uint8Array<ArrayBuffer> => {
  const out = new ByteWriter(new Uint8Array(2 + signature.length))
  out.field(signature)
  return out.bytes
}

/**
 * Reads what follows the body, which ends at `offset`: the signature where the suite signs (a view of the message),
 * nothing where it does not. Bytes behind that are rejected. Where `message` is only a part, it begins at byte `start` of the
 * message, from which the offsets in errors count.
 *
 * Specification: client-apis/decrypt.md#verify-the-signature
 */
export const decode = <Memory extends ArrayBufferLike>(
  algorithmSuite: AlgorithmSuite,
  message: Uint8Array<Memory>,
  offset: number,
  start = 0
): Result.Result<Uint8Array<Memory> | undefined, MalformedMessage> =>
  decoding(() => {
    const reader = new ByteReader(message, offset)
    const signature = algorithmSuite.signature === undefined
      ? undefined
      : reader.take("Signature", reader.uint16("Signature Length"))
    const trailing = message.length - reader.offset
    if (trailing > 0) rejectField("Trailing Bytes", reader.offset, `the message ends here, not ${trailing} later`)
    return signature
  }, start)
