/**
 * Encryption and decryption with RSA keys: OAEP, whose mask generation has the hash function of the padding.
 */
import * as Effect from "effect/Effect"
import type { Primitives } from "../../../crypto/Primitives.ts"
import type { DataKey } from "../../../model/DataKey.ts"
import * as DataKeys from "../../../model/DataKey.ts"
import type { EncryptionAlgorithm } from "../../Kms.ts"
import type { KeySpec } from "./keyInfo.ts"
import type { Material, Padding } from "./keyMaterial.ts"
import type { Refusal } from "./refusal.ts"
import { invalid, invalidCiphertext } from "./refusal.ts"

/** A key and the padding of one call. */
export type PaddedMaterial = Extract<Material, { readonly _tag: "Rsa" }> & { readonly padding: Padding }

const paddings: Readonly<Partial<Record<EncryptionAlgorithm, Padding>>> = {
  RSAES_OAEP_SHA_1: "OAEP-SHA1",
  RSAES_OAEP_SHA_256: "OAEP-SHA256"
}

/** The algorithms, for sentences. */
export const algorithms: ReadonlyArray<string> = ["SYMMETRIC_DEFAULT", ...Object.keys(paddings)]

/** The padding of an algorithm; undefined of one that is not RSA's. */
export const paddingOf = (algorithm: EncryptionAlgorithm): Padding | undefined =>
  Object.hasOwn(paddings, algorithm) ? paddings[algorithm] : undefined

const hashLengths: Readonly<Record<Padding, number>> = { "OAEP-SHA1": 20, "OAEP-SHA256": 32 }

/** Greatest length of a plaintext in bytes. RFC 8017, section 7.1.1. */
const maxPlaintextLength = (keySpec: KeySpec, padding: Padding): number =>
  Number(keySpec.slice("RSA_".length)) / 8 - 2 * hashLengths[padding] - 2

export const encrypt = (
  primitives: Primitives,
  keySpec: KeySpec,
  { padded, padding }: PaddedMaterial,
  plaintext: DataKey
): Effect.Effect<Uint8Array, Refusal> => {
  const { length } = DataKeys.value(plaintext)
  const max = maxPlaintextLength(keySpec, padding)
  return length > max
    ? Effect.fail(invalid(`plaintext is ${length} bytes, at most ${max} fit ${keySpec} and ${padding}`))
    : Effect.orDie(primitives.rsaEncrypt(padded[padding].publicKey, padding, plaintext))
}

export const decrypt = (
  primitives: Primitives,
  { padded, padding }: PaddedMaterial,
  ciphertext: Uint8Array
): Effect.Effect<DataKey, Refusal> =>
  Effect.mapError(primitives.rsaDecrypt(padded[padding].privateKey, padding, ciphertext), () => invalidCiphertext)
