import * as Effect from "effect/Effect"
import { type EncryptError, orFailEncrypt } from "../model/errors/EncryptError.ts"
import type { Client } from "./Client.ts"
import { requestEncryptionMaterials } from "./materials.ts"
import * as messageCipher from "./messageCipher.ts"
import { operation } from "./operation.ts"
import type { EncryptOptions, EncryptResult } from "./Options.ts"
import { encryptRequest } from "./request.ts"

/**
 * See `EncryptionSdk.encrypt`.
 *
 * Specification: client-apis/encrypt.md
 */
export const encrypt = (
  client: Client,
  input: Uint8Array | string,
  options: EncryptOptions | undefined
): Effect.Effect<EncryptResult, EncryptError> =>
  operation(
    "EncryptionSdk.encrypt",
    (owned) =>
      Effect.flatMap(orFailEncrypt(() => encryptRequest(client, input, options)), (request) => {
        const { frameLength, plaintext } = request
        owned.plaintext = plaintext
        return Effect.flatMap(
          requestEncryptionMaterials(client, owned, request, plaintext.length),
          ({ materials, receipt }) =>
            Effect.map(
              messageCipher.seal(client, materials, plaintext, frameLength),
              ({ header, message }): EncryptResult => {
                const { algorithmSuite, encryptionContext } = materials
                return { message, header, encryptionContext, algorithmSuite, receipt }
              }
            )
        )
      })
  )
