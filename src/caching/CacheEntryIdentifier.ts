/**
 * Cache entry identifiers: requests with the same one may be served from the same entry.
 *
 * Specification: framework/caching-cmm.md#appendix-a-cache-entry-identifier-formulas
 */
import * as EncryptionContextCodec from "../message/EncryptionContextCodec.ts"
import * as EncryptedDataKeyCodec from "../message/EncryptedDataKeyCodec.ts"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import * as bytes from "../internal/bytes.ts"

const cachingCmmResource = /*#__PURE__*/ Uint8Array.of(0x01)
const encryptScope = cachingCmmResource
const decryptScope = /*#__PURE__*/ Uint8Array.of(0x02)
const withoutSuite = /*#__PURE__*/ Uint8Array.of(0x00)
const withSuite = cachingCmmResource

const joinWithNullBytes = (fields: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  let length = fields.length - 1
  for (const field of fields) length += field.length
  const out = new Uint8Array(length)
  let offset = 0
  for (const field of fields) {
    out.set(field, offset)
    offset += field.length + 1
  }
  return out
}

/**
 * The bytes whose SHA-384 digest identifies an entry of encryption materials. The suite is the request's, and undefined
 * where the request leaves the choice to the manager.
 *
 * Specification: framework/caching-cmm.md#encryption-materials-with-algorithm-suite
 */
export const encryptionPreimage = (
  request: {
    readonly partitionId: string
    readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite | undefined
    readonly encryptionContext: EncryptionContext.EncryptionContext
  },
  encode: (context: EncryptionContext.EncryptionContext) => Uint8Array = EncryptionContextCodec.encode
): Uint8Array<ArrayBuffer> =>
  joinWithNullBytes([
    cachingCmmResource,
    encryptScope,
    bytes.utf8(request.partitionId),
    ...(request.algorithmSuite === undefined
      ? [withoutSuite]
      : [withSuite, AlgorithmSuite.encodeId(request.algorithmSuite.id)]),
    encode(request.encryptionContext)
  ])

/**
 * The bytes whose SHA-384 digest identifies an entry of decryption materials. The order of the encrypted data keys makes
 * no difference.
 *
 * Specification: framework/caching-cmm.md#decryption-materials
 */
export const decryptionPreimage = (
  request: {
    readonly partitionId: string
    readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
    readonly encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
    readonly encryptionContext: EncryptionContext.EncryptionContext
  },
  encode: (context: EncryptionContext.EncryptionContext) => Uint8Array = EncryptionContextCodec.encode
): Uint8Array<ArrayBuffer> =>
  joinWithNullBytes([
    cachingCmmResource,
    decryptScope,
    bytes.utf8(request.partitionId),
    AlgorithmSuite.encodeId(request.algorithmSuite.id),
    bytes.concat(request.encryptedDataKeys.map(EncryptedDataKeyCodec.encode).toSorted(bytes.compare)),
    encode(request.encryptionContext)
  ])
