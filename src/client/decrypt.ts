import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type DecryptError, failDecrypt } from "../model/errors/DecryptError.ts"
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
  operation("EncryptionSdk.decrypt", (owned) => {
    const request = decryptRequest(client, input, options)
    if (Result.isFailure(request)) return failDecrypt(request.failure)
    const { decoded, message } = request.success
    const { header } = decoded
    owned.message = message
    return Effect.flatMap(
      requestDecryptionMaterials(client, owned, request.success, header),
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
