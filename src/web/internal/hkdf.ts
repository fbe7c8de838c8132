/** HKDF on WebCrypto. */
import * as Effect from "effect/Effect"
import type { KeyDerivationParameters, Primitives } from "../../crypto/Primitives.ts"
import { aesKey } from "../../crypto/results.ts"
import * as bytes from "../../internal/bytes.ts"
import * as DataKey from "../../model/DataKey.ts"
import { orNotLoaded } from "../../model/errors/load.ts"
import { NotLoaded } from "../../model/errors/NotLoaded.ts"
import * as AesKeys from "./aesKeys.ts"
import { type AesGcm, plain, type Subtle, toBytes, type WebKey, withPlain } from "./subtle.ts"

const usages = ["deriveKey", "deriveBits"]

/** Derives a message's keys. The derived AES key's bytes stay with WebCrypto, except where it lacks AES-192. */
export const derive = (
  subtle: Subtle,
  dataKey: DataKey.DataKey,
  parameters: KeyDerivationParameters
): ReturnType<Primitives["deriveKeys"]> =>
  parameters.hash === undefined
    ? Effect.map(
      orNotLoaded(() => {
        const key = DataKey.value(dataKey)
        bytes.checkLength("data key", key, parameters.encryptionKey.length)
        return AesKeys.fromBytes(subtle, key)
      }),
      (aes) => ({ encryptionKey: aesKey(aes), commitment: undefined })
    )
    : Effect.flatMap(
      Effect.promise(() =>
        withPlain(DataKey.value(dataKey), (key) => subtle.importKey("raw", key, "HKDF", false, usages))
      ),
      (key) => fromHkdfKey(subtle, key, parameters)
    )

/** Derives both at once, and waits for each by itself. */
const fromHkdfKey = (
  subtle: Subtle,
  key: WebKey,
  { commitment, encryptionKey, hash, salt }: KeyDerivationParameters
): ReturnType<Primitives["deriveKeys"]> =>
  Effect.callback((resume) => {
    const hkdf = (info: Uint8Array) => ({ name: "HKDF", hash, salt: plain(salt), info })
    let aes: AesGcm | undefined
    let committed: Uint8Array<ArrayBuffer> | undefined
    const settle = () => {
      if (aes === undefined || (commitment !== undefined && committed === undefined)) return
      resume(Effect.succeed({ encryptionKey: aesKey(aes), commitment: committed }))
    }
    const take = (derived: AesGcm) => {
      aes = derived
      settle()
    }
    const fail = (error: unknown) => resume(error instanceof NotLoaded ? Effect.fail(error) : Effect.die(error))
    AesKeys.derive(subtle, hkdf(encryptionKey.info), key, encryptionKey.length, take, fail)
    if (commitment === undefined) return
    subtle.deriveBits(hkdf(commitment.info), key, 8 * commitment.length).then((bits) => {
      committed = toBytes(bits)
      settle()
    }, fail)
  })
