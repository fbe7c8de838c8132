import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type EncryptError, failEncrypt } from "../model/errors/EncryptError.ts"
import type { Client } from "./Client.ts"
import * as materials from "./materials.ts"
import * as messageCipher from "./messageCipher.ts"
import { withOperationSpan } from "./operationSpan.ts"
import type { EncryptOptions, EncryptResult } from "./Options.ts"
import * as ownedBytes from "./ownedBytes.ts"
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
  withOperationSpan(
    "EncryptionSdk.encrypt",
    Effect.suspend(() => {
      const request = encryptRequest(client, input, options)
      if (Result.isFailure(request)) return failEncrypt(request.failure)
      const { frameLength, plaintext } = request.success
      const sealed = materials.withEncryptionMaterials(
        client,
        request.success,
        plaintext.length,
        ({ materials, receipt }) =>
          Effect.map(
            messageCipher.seal(client, materials, plaintext, frameLength),
            ({ header, message }): EncryptResult => {
              const { algorithmSuite, encryptionContext } = materials
              return { message, header, encryptionContext, algorithmSuite, receipt }
            }
          )
      )
      return ownedBytes.withPlaintext(plaintext, sealed)
    })
  )
