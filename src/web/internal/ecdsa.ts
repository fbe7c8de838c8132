/** ECDSA on WebCrypto. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Ecdsa from "../../crypto/Ecdsa.ts"
import type { KeyHandle, Primitives, Signer } from "../../crypto/Primitives.ts"
import { invalidKey, signingKey, toHandle } from "../../crypto/results.ts"
import type { SignatureCurve } from "../../model/AlgorithmSuite.ts"
import { load, orNotLoaded } from "../../model/errors/load.ts"
import { Collected } from "./Collected.ts"
import { rawSignature } from "./rawSignature.ts"
import { plain, type Subtle, toBytes, type WebKey } from "./subtle.ts"

interface EcKey {
  readonly curve: SignatureCurve
  readonly key: WebKey
}

interface VerificationEcKey extends EcKey {
  /** Compressed. */
  readonly point: Uint8Array
}

const toEcKey = (handle: KeyHandle<"SigningKey" | "VerificationKey">) => handle as unknown as EcKey

/** Parameters of all operations with a curve. Each reads those that it has. */
const ecdsa = (curve: SignatureCurve) =>
  ({ name: "ECDSA", namedCurve: curve, hash: Ecdsa.algorithm(curve).hash }) as const

/** r and s of a DER signature. Undefined if it is malformed. */
const raw = (curve: SignatureCurve, signature: Uint8Array) => rawSignature(signature, Ecdsa.coordinateLength(curve))

const importPoint = (subtle: Subtle, curve: SignatureCurve, point: Uint8Array): Promise<WebKey> =>
  subtle.importKey("raw", point, ecdsa(curve), true, ["verify"])

/** Imports a compressed point. Undefined if it is none of the curve. */
const importCompressed = (subtle: Subtle, curve: SignatureCurve, point: Uint8Array): Promise<WebKey | undefined> =>
  importPoint(subtle, curve, point).catch(() =>
    // Not every browser takes a compressed point.
    load("compressed points", () => import("../../crypto/decompress.ts")).then(({ decompress }) => {
      const uncompressed = decompress(curve, point)
      return uncompressed && importPoint(subtle, curve, uncompressed)
    })
  )

const sign = (subtle: Subtle, { curve, key }: EcKey, message: Uint8Array): Promise<Uint8Array<ArrayBuffer>> =>
  subtle.sign(ecdsa(curve), key, plain(message)).then(
    (raw) => Ecdsa.derFromRaw(curve, toBytes(raw)) ?? sign(subtle, { curve, key }, message)
  )

/** Signs in parts. WebCrypto signs whole messages only, and gives the key to no one else: the parts are kept until the end. */
const signer = (subtle: Subtle, key: EcKey): Signer => {
  const parts = new Collected()
  return {
    update: (part) => parts.push(part),
    finish: Effect.promise(() => sign(subtle, key, parts.concat()))
  }
}

/** The operations with ECDSA keys. */
export const operations = (subtle: Subtle): Pick<
  Primitives,
  "generateSigningKey" | "importVerificationKey" | "sign" | "verify" | "signer" | "verifier"
> => ({
  generateSigningKey: (curve) =>
    Effect.promise(() =>
      subtle.generateKey(ecdsa(curve), false, ["sign", "verify"]).then(
        ({ privateKey, publicKey }) =>
          subtle.exportKey("raw", publicKey).then((point) => ({
            signingKey: signingKey({ curve, key: privateKey } satisfies EcKey),
            publicKey: Ecdsa.compress(curve, toBytes(point))
          }))
      )
    ),

  importVerificationKey: (curve, publicKey) =>
    Effect.suspend(() => {
      const invalid = invalidKey("importVerificationKey", `is not a compressed point of ${curve}`)
      if (!Ecdsa.isCompressed(curve, publicKey)) return invalid
      const point = new Uint8Array(publicKey)
      return Effect.flatMap(
        orNotLoaded(() => importCompressed(subtle, curve, point)),
        (key) =>
          key === undefined
            ? invalid
            : Effect.succeed(
              toHandle<"VerificationKey">({ curve, key, point } satisfies VerificationEcKey)
            )
      )
    }),

  sign: (key, message) => Effect.promise(() => sign(subtle, toEcKey(Redacted.value(key)), message)),

  verify: (handle, message, signature) =>
    Effect.suspend(() => {
      const { curve, key } = toEcKey(handle)
      const rs = raw(curve, signature)
      return rs === undefined
        ? Effect.succeed(false)
        : Effect.promise(() => subtle.verify(ecdsa(curve), key, rs, plain(message)))
    }),

  signer: (key) => Effect.sync(() => signer(subtle, toEcKey(Redacted.value(key)))),

  verifier: (key) =>
    Effect.map(
      orNotLoaded(() => load("signatures of streams (@noble/curves)", () => import("./verifier.ts"))),
      ({ make }) => {
        const { curve, point } = toEcKey(key) as VerificationEcKey
        const { update, verify } = make(curve)
        return {
          update,
          finish: (signature) =>
            Effect.sync(() => {
              const rs = raw(curve, signature)
              return rs !== undefined && verify(rs, point)
            })
        }
      }
    )
})
