import * as Effect from "effect/Effect"
import { andThen, hasSucceeded } from "../internal/atOnce.ts"
import * as bytes from "../internal/bytes.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import { type DecryptError, failDecrypt, orFailDecrypt } from "../model/errors/DecryptError.ts"
import type { Client } from "./Client.ts"
import { type DecryptionMaterials, requestDecryptionMaterials } from "./materials.ts"
import * as messageCipher from "./messageCipher.ts"
import { operation, type Owned } from "./operation.ts"
import type { DecryptOptions, DecryptResult } from "./Options.ts"
import { type DecodedMessage, decodeHeader, decryptRequest, transferred } from "./request.ts"

/**
 * See `EncryptionSdk.decrypt`.
 *
 * Specification: client-apis/decrypt.md
 */
export const decrypt = (
  client: Client,
  input: Uint8Array,
  options: DecryptOptions | undefined
): Effect.Effect<DecryptResult, DecryptError> =>
  operation(
    client,
    "EncryptionSdk.decrypt",
    (owned) =>
      andThen(orFailDecrypt(() => decryptRequest(client, input, options)), ({ message, settings }) => {
        const { length } = message
        owned.work = length
        // What other threads see is copied before it is read; the rest, where anything is waited for.
        const mayStay = client.atOnce.isSynchronous && bytes.isUnshared(message)
        const read = mayStay ? message : ownMessage(owned, message)
        return andThen(orFailDecrypt(() => decodeHeader(client, read)), (decoded) => {
          const requested = requestDecryptionMaterials(client, owned, settings, decoded)
          if (read.length !== length) return failDecrypt(transferred("message"))
          const isAtOnce = hasSucceeded(requested) && decoded.header.algorithmSuite.signature === undefined
          const own = isAtOnce ? read : ownMessage(owned, read)
          return andThen(requested, (acquired) =>
            andThen(messageCipher.open(client, acquired, own, decoded), (plaintext) => {
              if (decoded.knownSection === undefined) remember(client, decoded)
              return Effect.succeed(resultOf(client, acquired, decoded.header, plaintext))
            }))
        })
      })
  )

/** A copy of the message, where anything is waited for or other threads see it: what is verified is what is decrypted. */
const ownMessage = (owned: Owned, message: Uint8Array): Uint8Array => owned.message ??= new Uint8Array(message)

/** Remembers what the header says, since the message was authentic. */
const remember = ({ keySections }: Client, { header, headerBody }: DecodedMessage): void =>
  keySections.remember(
    headerBody,
    MessageHeader.keySectionOffset(header.algorithmSuite),
    header.encryptionContext
  )

const resultOf = (
  { keyReferences }: Client,
  { materials: { algorithmSuite, encryptionContext, unwrappedDataKey }, receipt }: DecryptionMaterials,
  header: MessageHeader.MessageHeader,
  plaintext: Uint8Array<ArrayBuffer>
): DecryptResult => ({
  plaintext,
  header,
  encryptionContext,
  algorithmSuite,
  unwrappedDataKey: keyReferences.ofUnwrapped(unwrappedDataKey, header.encryptedDataKeys),
  receipt
})
