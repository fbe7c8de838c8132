/** Verifies signatures over messages that arrive in parts, which WebCrypto cannot. Apart because few programs need it. */
import { p256, p384 } from "@noble/curves/nist.js"
import { sha256, sha384 } from "@noble/hashes/sha2.js"
import * as Effect from "effect/Effect"
import type { SignatureCurve } from "../../AlgorithmSuite.ts"
import * as Ecdsa from "../../crypto/Ecdsa.ts"
import type { Verifier } from "../../crypto/Primitives.ts"
import * as Der from "./der.ts"

/** A verifier with a public key, which is a compressed point. Keeps nothing of the parts but the state of the hash function. */
export const make = (curve: SignatureCurve, point: Uint8Array): Verifier => {
  const [ecdsa, sha] = curve === "P-256" ? [p256, sha256] : [p384, sha384]
  const hash = sha.create()
  return {
    update: (part) => void hash.update(part),
    finish: (signature) =>
      Effect.sync(() => {
        const raw = Der.rawSignature(signature, Ecdsa.coordinateLength(curve))
        return raw !== undefined && ecdsa.verify(raw, hash.digest(), point, { prehash: false, lowS: false })
      })
  }
}
