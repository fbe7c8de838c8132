/**
 * Rotation of one message. Not exported.
 */
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as bytes from "../internal/bytes.ts"
import type { Keyring } from "../materials/Keyring.ts"
import { type DecryptError, orFailDecrypt } from "../model/errors/DecryptError.ts"
import { type EncryptError, orFailEncrypt } from "../model/errors/EncryptError.ts"
import type { Client } from "./Client.ts"
import { decrypt } from "./decrypt.ts"
import { encrypt } from "./encrypt.ts"
import * as keepBody from "./keepBody.ts"
import { requestDecryptionMaterials } from "./materials.ts"
import * as messageCipher from "./messageCipher.ts"
import { operation, type Owned } from "./operation.ts"
import { checkMessage, type DecodedMessage, decodeHeader } from "./request.ts"
import { again, canKeep, rewrapNames, type RewrapSettings, rewrapSettings } from "./rewrapRequest.ts"
import type { RewrapOptions, RewrapResult } from "./RotationOptions.ts"

/** See `EncryptionSdk.rewrap`. */
export const rewrap = (
  client: Client,
  input: Uint8Array,
  options: RewrapOptions = {}
): Effect.Effect<RewrapResult, DecryptError | EncryptError> =>
  operation(client, "EncryptionSdk.rewrap", (owned) =>
    Effect.gen(function*() {
      const settings = yield* orFailEncrypt(() => rewrapSettings(client, options, rewrapNames))
      // A copy: the parts of it that are kept are what was verified.
      const message = owned.message = new Uint8Array(yield* orFailDecrypt(() => checkMessage(input)))
      owned.work = message.length
      const decoded = yield* orFailDecrypt(() => decodeHeader(client, message))
      const { keyring } = settings
      return keyring !== undefined && canKeep(settings, decoded.header.algorithmSuite)
        ? yield* keep(client, owned, settings, keyring, message, decoded)
        : yield* reencrypt(client, settings, message)
    }))

/** Decrypts and encrypts again. The plaintext between is zeroed. */
const reencrypt = Effect.fnUntraced(function*(
  client: Client,
  settings: RewrapSettings,
  message: Uint8Array
): Effect.fn.Return<RewrapResult, DecryptError | EncryptError, Scope.Scope> {
  const { plaintext, ...source } = yield* Effect.acquireRelease(
    decrypt(client, message, settings.decrypt),
    ({ plaintext }) => Effect.sync(() => plaintext.fill(0)),
    { interruptible: true }
    // The fiber yields to no other between the plaintext and the registration of its finalizer.
  ).pipe(Effect.provideService(References.PreventSchedulerYield, true))
  const { options, requiredEncryptionContextKeys } = again(settings, source)
  const encrypted = yield* encrypt(client, plaintext, options, requiredEncryptionContextKeys)
  return { ...encrypted, body: "Reencrypted", source }
})

/** Verifies all of an unsigned message, and gives its body another header. */
const keep = Effect.fnUntraced(function*(
  client: Client,
  owned: Owned,
  settings: RewrapSettings,
  keyring: Keyring,
  message: Uint8Array,
  decoded: DecodedMessage
): Effect.fn.Return<RewrapResult, DecryptError | EncryptError, Scope.Scope> {
  yield* keepBody.checkBody(client, decoded.header)
  const acquired = yield* requestDecryptionMaterials(client, owned, settings.decrypt, decoded)
  const plaintext = yield* messageCipher.open(client, acquired, message, decoded)
  bytes.free(plaintext.fill(0))
  const { headerBytes, ...metadata } = yield* keepBody.rewriteHeader(client, keyring, acquired, message, decoded)
  return { ...metadata, message: bytes.concat([headerBytes, message.subarray(decoded.length)]) }
})
