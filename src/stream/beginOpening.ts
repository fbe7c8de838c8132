import * as Effect from "effect/Effect"
import type { Client } from "../client/Client.ts"
import { requestDecryptionMaterials } from "../client/materials.ts"
import { operation } from "../client/operation.ts"
import type { DecryptMetadata } from "../client/Options.ts"
import type { DecryptSettings } from "../client/request.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import * as messageParts from "./messageParts.ts"
import type { ReadHeader } from "./headerReader.ts"

/**
 * Requests the materials of a message that arrives in parts, and verifies commitment and header. The data key is zeroed
 * before the body is read.
 */
export const beginOpening = (
  name: string,
  client: Client,
  settings: DecryptSettings,
  { decoded, message }: ReadHeader
) =>
  operation(client, name, (owned) =>
    Effect.flatMap(
      requestDecryptionMaterials(client, owned, settings, decoded),
      (acquired) =>
        Effect.map(messageParts.openParts(client, acquired, message, decoded), (opening) => {
          const { materials, receipt } = acquired
          const { algorithmSuite, encryptionContext } = materials
          const { header } = decoded
          const unwrappedDataKey = client.keyReferences.ofUnwrapped(
            materials.unwrappedDataKey,
            header.encryptedDataKeys
          )
          const metadata: DecryptMetadata = {
            header: MessageHeader.copy(header),
            encryptionContext,
            algorithmSuite,
            unwrappedDataKey,
            receipt
          }
          return { ...metadata, metadata, opening }
        })
    ))
