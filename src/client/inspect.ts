import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as MessageHeader from "../message/MessageHeader.ts"
import { type DecryptError, orFailDecrypt } from "../model/errors/DecryptError.ts"
import type { InspectedHeader } from "./Options.ts"
import { checkNotBase64, copyMessage } from "./request.ts"

/** See `EncryptionSdk.inspect`. */
export const inspect = (input: Uint8Array): Effect.Effect<InspectedHeader, DecryptError> =>
  Effect.suspend(() =>
    orFailDecrypt(
      Result.map(
        Result.flatMap(
          copyMessage(input),
          (message) => Result.andThen(checkNotBase64(message), MessageHeader.decode(message))
        ),
        ({ header }): InspectedHeader => ({ ...header, authenticated: false })
      )
    )
  )
