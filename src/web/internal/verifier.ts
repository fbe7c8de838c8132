/** Verifies signatures over messages that arrive in parts, which WebCrypto cannot. A module of its own, because few programs load it. */
import { p256, p384 } from "@noble/curves/nist.js"
import { sha256, sha384 } from "@noble/hashes/sha2.js"
import type { SignatureCurve } from "../../model/AlgorithmSuite.ts"

/** Hashes with the curve's own function. Keeps its state and no parts. */
export const make = (curve: SignatureCurve) => {
  const [ecdsa, sha] = curve === "P-256" ? [p256, sha256] : [p384, sha384]
  const hash = sha.create()
  return {
    update: (part: Uint8Array): void => void hash.update(part),
    /** Whether r and s, one behind the other, are a signature over the parts by a compressed point. Ends the verifier. */
    verify: (raw: Uint8Array, point: Uint8Array): boolean =>
      ecdsa.verify(raw, hash.digest(), point, { prehash: false, lowS: false })
  }
}
