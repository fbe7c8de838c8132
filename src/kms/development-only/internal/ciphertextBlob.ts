/**
 * Ciphertext blobs of the embedded KMS: a header (version, key ARN), IV, ciphertext and tag of AES-256-GCM. The header and
 * the encryption context are authenticated.
 */
import * as Effect from "effect/Effect"
import type { AesKey, Primitives } from "../../../crypto/Primitives.ts"
import type { PrimitivesError } from "../../../crypto/PrimitivesError.ts"
import * as bytes from "../../../internal/bytes.ts"
import { ivLength, tagLength } from "../../../model/AesGcm.ts"

const version = 1

/** Key under which a blob is made or opened. */
interface Key {
  readonly arn: string
  readonly aesKey: AesKey
}

/** Parts of a blob. */
export interface CiphertextBlob {
  readonly header: Uint8Array
  /** ARN of the key that made it; undefined where it is not valid UTF-8. */
  readonly arn: string | undefined
  readonly iv: Uint8Array
  readonly ciphertext: Uint8Array
  readonly tag: Uint8Array
}

/** Encrypts a plaintext under a key and the canonical bytes of a context. */
export const seal = Effect.fnUntraced(
  function*(primitives: Primitives, key: Key, context: Uint8Array, plaintext: Uint8Array) {
    const arn = bytes.utf8(key.arn)
    const header = bytes.concat([Uint8Array.of(version, arn.length >> 8, arn.length & 0xff), arn])
    const blob = new Uint8Array(header.length + ivLength + plaintext.length + tagLength)
    blob.set(header)
    blob.set(yield* primitives.randomBytes(ivLength), header.length)
    yield* primitives.seal(key.aesKey, [{
      iv: blob.slice(header.length, header.length + ivLength),
      aad: bytes.concat([header, context]),
      plaintext,
      output: blob.subarray(header.length + ivLength)
    }])
    return blob
  }
)

/** Decrypts a blob into `output`, which has the length of its ciphertext. */
export const open = (
  primitives: Primitives,
  { aesKey }: Pick<Key, "aesKey">,
  context: Uint8Array,
  { ciphertext, header, iv, tag }: CiphertextBlob,
  output: Uint8Array
): Effect.Effect<void, PrimitivesError> =>
  primitives.open(aesKey, [{ iv, aad: bytes.concat([header, context]), ciphertext, tag, output }])

/** Returns the parts of a blob, or `undefined` where the bytes are none. */
export const parse = (blob: Uint8Array): CiphertextBlob | undefined => {
  if (blob.length < 3 || blob[0] !== version) return undefined
  const headerLength = 3 + ((blob[1]! << 8) | blob[2]!)
  const body = headerLength + ivLength
  if (blob.length <= body + tagLength) return undefined
  return {
    header: blob.subarray(0, headerLength),
    arn: bytes.fromUtf8(blob.subarray(3, headerLength)),
    iv: blob.subarray(headerLength, body),
    ciphertext: blob.subarray(body, blob.length - tagLength),
    tag: blob.subarray(blob.length - tagLength)
  }
}
