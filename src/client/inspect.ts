import * as Effect from "effect/Effect"
import { orReject } from "../internal/rejection.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import { type DecryptError, orFailDecrypt } from "../model/errors/DecryptError.ts"
import type { InspectedHeader } from "./Options.ts"
import { checkMessage, checkNotBase64 } from "./request.ts"

/** See `EncryptionSdk.inspect`. */
export const inspect = (input: Uint8Array): Effect.Effect<InspectedHeader, DecryptError> =>
  Effect.suspend(() =>
    orFailDecrypt(() => {
      const message = new Uint8Array(checkMessage(input))
      checkNotBase64(message)
      return { ...orReject(MessageHeader.decode(message)).header, authenticated: false }
    })
  )
