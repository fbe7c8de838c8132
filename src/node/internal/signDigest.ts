/**
 * Signs a digest with a library. Through node:crypto OpenSSL hashes the message itself, and its hash state is gone once it
 * has signed; but one signature in about 256 has another length than the suite's and must be made again, when a message that
 * arrived in parts has long been passed on.
 */
import type * as Curves from "@noble/curves/nist.js"
import type { KeyObject } from "node:crypto"
import * as crypto from "node:crypto"
import * as Ecdsa from "../../crypto/Ecdsa.ts"
import type { SignatureCurve } from "../../model/AlgorithmSuite.ts"
import { load, orNotLoaded } from "../../model/errors/load.ts"
import { privateScalar } from "./ecKey.ts"

/** Loads the library, which nothing needs before the first stream is signed. */
export const loadCurves = /*#__PURE__*/ orNotLoaded(() => load("@noble/curves", () => import("@noble/curves/nist.js")))

/** A signature over a digest, as DER of the suite's length. */
export const signDigest = (
  { p256, p384 }: typeof Curves,
  curve: SignatureCurve,
  key: KeyObject,
  digest: Uint8Array
): Uint8Array<ArrayBuffer> => {
  const secret = privateScalar(key)
  try {
    for (;;) {
      const extraEntropy = crypto.randomFillSync(new Uint8Array(secret.length))
      const raw = (curve === "P-256" ? p256 : p384).sign(digest, secret, { prehash: false, lowS: false, extraEntropy })
      const der = Ecdsa.derFromRaw(curve, raw)
      if (der !== undefined) return der
    }
  } finally {
    secret.fill(0)
  }
}
