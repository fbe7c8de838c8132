import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { orReject } from "../internal/rejection.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import { type DecryptError, orFailDecrypt } from "../model/errors/DecryptError.ts"
import { explain } from "../model/errors/NotAMessage.ts"
import type { InspectedHeader } from "./Options.ts"
import { checkMessage } from "./request.ts"

/** See `EncryptionSdk.inspect`. */
export const inspect = (input: Uint8Array): Effect.Effect<InspectedHeader, DecryptError> =>
  Effect.suspend(() =>
    orFailDecrypt(() => {
      const message = new Uint8Array(checkMessage(input))
      const { header } = orReject(Result.mapError(MessageHeader.decode(message), (error) => explain(error, message)))
      return { ...header, authenticated: false }
    })
  )
