/**
 * A new header for a body that is kept: the same data key, wrapped by a keyring. Not exported.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as bytes from "../internal/bytes.ts"
import { wrapExisting } from "../materials/wrapExisting.ts"
import * as KeySection from "../message/KeySection.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import { ivLength } from "../model/AesGcm.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import type { DecryptError } from "../model/errors/DecryptError.ts"
import { type EncryptError, orFailEncrypt } from "../model/errors/EncryptError.ts"
import type { Keyring } from "../materials/Keyring.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import * as Receipt from "../model/Receipt.ts"
import type { Client } from "./Client.ts"
import { checkEncryption, type DecryptionMaterials } from "./materials.ts"
import * as messageCipher from "./messageCipher.ts"
import type { DecryptMetadata } from "./Options.ts"
import * as portability from "./portability.ts"
import type { DecodedMessage } from "./request.ts"
import type { RewrapMetadata } from "./RotationOptions.ts"

/** A header and its bytes. */
export interface RewrittenHeader extends RewrapMetadata {
  readonly headerBytes: Uint8Array<ArrayBuffer>
}

/** Checks that the body of a message may be that of a new one, before a key provider is called. */
export const checkBody = (
  { commitmentPolicy, isPortable }: Client,
  { algorithmSuite, frameLength }: MessageHeader.MessageHeader
): Effect.Effect<void, EncryptError> =>
  orFailEncrypt(() => {
    CommitmentPolicy.checkEncrypt(commitmentPolicy, algorithmSuite)
    if (isPortable) portability.checkFrameLength(frameLength)
  })

/**
 * Verifies commitment and header of an unsigned message, of which `message` holds at least the header, and makes another header for
 * its body.
 */
export const rewriteHeader = Effect.fnUntraced(function*(
  client: Client,
  keyring: Keyring,
  acquired: DecryptionMaterials,
  message: Uint8Array,
  decoded: DecodedMessage
): Effect.fn.Return<RewrittenHeader, DecryptError | EncryptError, Scope.Scope> {
  const { atOnce, keyReferences, primitives } = client
  const { header } = decoded
  const encryptionKey = yield* messageCipher.verifyHeader(client, acquired, message, decoded)
  const wrapped = yield* wrapExisting(primitives, keyring, acquired.materials, acquired.dataKey)
  const { materials, receipt } = yield* orFailEncrypt(() =>
    checkEncryption(client, { ...acquired, materials: wrapped, receipt: Receipt.uncached })
  )
  const { algorithmSuite, encryptedDataKeys, encryptionContext } = materials
  const fields: MessageHeader.MessageHeaderBody = {
    ...header,
    messageId: new Uint8Array(header.messageId),
    suiteData: new Uint8Array(header.suiteData),
    encryptedDataKeys: encryptedDataKeys.map(EncryptedDataKey.copy)
  }
  const keySection = KeySection.encode({ encryptedDataKeys, encryptionContext: header.encryptionContext })
  const body = MessageHeader.encodeBody(fields, keySection)
  const isVersion1 = algorithmSuite.messageFormatVersion === 1
  const iv = isVersion1 ? yield* freshIv(client) : messageCipher.headerIv
  const tag = new Uint8Array(algorithmSuite.tagLength)
  yield* atOnce.seal(encryptionKey, [{
    iv,
    aad: messageCipher.headerAad(body, materials),
    plaintext: bytes.empty,
    output: tag
  }])
  return {
    body: "Kept",
    headerBytes: bytes.concat(isVersion1 ? [body, iv, tag] : [body, tag]),
    header: { ...messageCipher.sealedHeader(fields, tag), authentication: { iv: isVersion1 ? iv : undefined, tag } },
    encryptionContext,
    algorithmSuite,
    wrappingKeys: keyReferences.ofList(encryptedDataKeys),
    receipt,
    source: sourceOf(client, acquired, header)
  }
})

/** The metadata of the old message. */
export const sourceOf = (
  { keyReferences }: Client,
  { materials: { algorithmSuite, encryptionContext, unwrappedDataKey }, receipt }: DecryptionMaterials,
  header: MessageHeader.MessageHeader
): DecryptMetadata => ({
  header: MessageHeader.copy(header),
  encryptionContext,
  algorithmSuite,
  unwrappedDataKey: keyReferences.ofUnwrapped(unwrappedDataKey, header.encryptedDataKeys),
  receipt
})

/**
 * An IV for a header of version 1, which stores it: zero was that of the header before. Those of frames are numbers of 32 bits, so
 * none begins with a bit that is set.
 */
const freshIv = ({ primitives }: Client): Effect.Effect<Uint8Array<ArrayBuffer>> =>
  Effect.map(primitives.randomBytes(ivLength), (random) => {
    const iv = new Uint8Array(random)
    iv[0]! |= 0x80
    return iv
  })
