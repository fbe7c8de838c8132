import * as Effect from "effect/Effect"
import type { Client } from "../client/Client.ts"
import * as materials from "../client/materials.ts"
import type { MessageMetadata } from "../client/Options.ts"
import type { DecryptSettings } from "../client/request.ts"
import type * as MessageHeader from "../message/MessageHeader.ts"
import * as messageParts from "./messageParts.ts"

/**
 * Requests the materials of a message that arrives in parts, and verifies commitment and header. The data key is zeroed
 * before the body is read.
 */
export const beginOpening = (
  client: Client,
  settings: DecryptSettings,
  message: Uint8Array,
  decoded: MessageHeader.DecodedHeader
) =>
  materials.withDecryptionMaterials(
    client,
    settings,
    decoded.header,
    ({ materials, receipt }) =>
      Effect.map(messageParts.openParts(client, materials, message, decoded), (opening) => {
        const { algorithmSuite, encryptionContext } = materials
        const metadata: MessageMetadata = { header: decoded.header, encryptionContext, algorithmSuite, receipt }
        return { ...metadata, metadata, opening }
      })
  )
