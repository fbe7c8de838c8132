import * as Effect from "effect/Effect"
import { type DecryptError, orFailDecrypt } from "../model/errors/DecryptError.ts"
import type { Client } from "./Client.ts"
import { requestDecryptionMaterials } from "./materials.ts"
import * as messageCipher from "./messageCipher.ts"
import { operation } from "./operation.ts"
import type { DecryptOptions, DecryptResult } from "./Options.ts"
import { decryptRequest } from "./request.ts"

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
    "EncryptionSdk.decrypt",
    (owned) =>
      Effect.flatMap(orFailDecrypt(() => decryptRequest(client, input, options)), (request) => {
        const { decoded, message } = request
        const { header } = decoded
        owned.message = message
        return Effect.flatMap(
          requestDecryptionMaterials(client, owned, request, header),
          ({ materials, receipt }) =>
            Effect.map(
              messageCipher.open(client, materials, message, decoded),
              (plaintext): DecryptResult => {
                const { algorithmSuite, encryptionContext } = materials
                return { plaintext, header, encryptionContext, algorithmSuite, receipt }
              }
            )
        )
      })
  )
