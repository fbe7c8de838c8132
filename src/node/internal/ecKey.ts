/** ECDSA keys of node:crypto. */
import * as Ecdsa from "../../crypto/Ecdsa.ts"
import type { KeyHandle, SigningKey, VerificationKey } from "../../crypto/Primitives.ts"
import { signingKey, toHandle } from "../../crypto/results.ts"
import type { SignatureAlgorithm, SignatureCurve } from "../../model/AlgorithmSuite.ts"
import type { KeyObject } from "node:crypto"
import * as crypto from "node:crypto"
import { attempt } from "./openssl.ts"

/** The value behind the handle of an ECDSA key. */
export interface EcKey {
  readonly algorithm: SignatureAlgorithm
  readonly key: KeyObject
}

/** The key behind a handle that `keyPair` or `fromCompressed` made. */
export const fromHandle = (handle: KeyHandle<"SigningKey" | "VerificationKey">): EcKey => handle as unknown as EcKey

const ecKey = (curve: SignatureCurve, key: KeyObject): EcKey => ({ algorithm: Ecdsa.algorithm(curve), key })

/** The handles of a new key pair. */
export const keyPair = (curve: SignatureCurve, publicKey: KeyObject, privateKey: KeyObject): {
  readonly signingKey: SigningKey
  readonly publicKey: Uint8Array<ArrayBuffer>
} => ({
  signingKey: signingKey(ecKey(curve, privateKey)),
  publicKey: Ecdsa.compress(
    curve,
    Ecdsa.uncompressedFromSpki(curve, publicKey.export({ format: "der", type: "spki" }))
  )
})

/** The key of a compressed point. Undefined if the bytes are no point of the curve. */
export const fromCompressed = (curve: SignatureCurve, point: Uint8Array): VerificationKey | undefined => {
  const spki = Ecdsa.spkiFromCompressed(curve, point)
  const key = spki && attempt(() => crypto.createPublicKey({ key: spki as Buffer, format: "der", type: "spki" }))
  return key && toHandle<"VerificationKey">(ecKey(curve, key))
}

/** The secret number of a private key. Belongs to the caller, who zeroes it. */
export const privateScalar = (key: KeyObject): Uint8Array => {
  // SEQUENCE { INTEGER 1, OCTET STRING of the number, … }: its length is in the byte before it.
  const der = key.export({ format: "der", type: "sec1" })
  const offset = (der[1]! < 0x80 ? 2 : 3) + 5
  const scalar = new Uint8Array(der.subarray(offset, offset + der[offset - 1]!))
  der.fill(0)
  return scalar
}
