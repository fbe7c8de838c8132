import * as Effect from "effect/Effect"
import { andThen, hasSucceeded } from "../internal/atOnce.ts"
import * as bytes from "../internal/bytes.ts"
import { type EncryptError, failEncrypt, orFailEncrypt } from "../model/errors/EncryptError.ts"
import type { Client } from "./Client.ts"
import { type EncryptionMaterials, requestEncryptionMaterials } from "./materials.ts"
import * as messageCipher from "./messageCipher.ts"
import { operation, type Owned } from "./operation.ts"
import type { EncryptOptions, EncryptResult } from "./Options.ts"
import { encryptRequest, transferred } from "./request.ts"

/**
 * See `EncryptionSdk.encrypt`. Pairs of the context whose keys are `requiredEncryptionContextKeys` are not stored.
 *
 * Specification: client-apis/encrypt.md
 */
export const encrypt = (
  client: Client,
  input: Uint8Array | string,
  options: EncryptOptions | undefined,
  requiredEncryptionContextKeys?: ReadonlyArray<string>
): Effect.Effect<EncryptResult, EncryptError> =>
  operation(
    client,
    "EncryptionSdk.encrypt",
    (owned) =>
      andThen(orFailEncrypt(() => encryptRequest(client, input, options)), (request) => {
        const { plaintext, settings } = request
        const { length } = plaintext
        owned.work = length
        if (typeof input === "string") owned.plaintext = plaintext
        const mayStay = client.atOnce.isSynchronous && bytes.isUnshared(plaintext)
        if (!mayStay) ownPlaintext(owned, plaintext)
        const requested = requestEncryptionMaterials(client, owned, settings, length, requiredEncryptionContextKeys)
        if (owned.plaintext === undefined && plaintext.length !== length) return failEncrypt(transferred("plaintext"))
        const own = hasSucceeded(requested) && mayStay ? plaintext : ownPlaintext(owned, plaintext)
        return andThen(requested, (acquired) =>
          andThen(
            messageCipher.seal(client, acquired, own, settings.frameLength),
            (sealed) => Effect.succeed(resultOf(client, acquired, sealed))
          ))
      })
  )

/** A copy of the plaintext, where anything is waited for or other threads see it: the caller may reuse its array at once. */
const ownPlaintext = (owned: Owned, plaintext: Uint8Array): Uint8Array => owned.plaintext ??= new Uint8Array(plaintext)

const resultOf = (
  { keyReferences }: Client,
  { materials: { algorithmSuite, encryptedDataKeys, encryptionContext }, receipt }: EncryptionMaterials,
  { header, message }: messageCipher.SealedMessage
): EncryptResult => ({
  message,
  header,
  encryptionContext,
  algorithmSuite,
  wrappingKeys: keyReferences.ofList(encryptedDataKeys),
  receipt
})
