/** ECDSA on node:crypto. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as crypto from "node:crypto"
import * as Ecdsa from "../../crypto/Ecdsa.ts"
import type { Primitives } from "../../crypto/Primitives.ts"
import { invalidKey } from "../../crypto/results.ts"
import { type EcKey, fromCompressed, fromHandle, keyPair } from "./ecKey.ts"
import { hashNames } from "./openssl.ts"
import { loadCurves, signDigest } from "./signDigest.ts"
import type { Runner } from "./threadPool.ts"

type Operations = Pick<
  Primitives,
  "generateSigningKey" | "importVerificationKey" | "sign" | "verify" | "signer" | "verifier"
>

/** The operations with ECDSA keys. `runner` makes key pairs, and makes and verifies signatures over whole messages. */
export const operations = (runner: Runner): Operations => ({
  generateSigningKey: (curve) =>
    Effect.map(
      runner.run<crypto.KeyPairKeyObjectResult>({
        inPlace: () => crypto.generateKeyPairSync("ec", { namedCurve: curve }),
        onPool: (done) =>
          crypto.generateKeyPair(
            "ec",
            { namedCurve: curve },
            (error, publicKey, privateKey) => done(error, { publicKey, privateKey })
          )
      }),
      ({ privateKey, publicKey }) => keyPair(curve, publicKey, privateKey)
    ),

  importVerificationKey: (curve, publicKey) =>
    Effect.suspend(() => {
      const key = fromCompressed(curve, publicKey)
      return key === undefined
        ? invalidKey("importVerificationKey", `is not a compressed point of ${curve}`)
        : Effect.succeed(key)
    }),

  sign: (key, message) => Effect.suspend(() => sign(runner, fromHandle(Redacted.value(key)), message)),

  verify: (key, message, signature) =>
    Effect.suspend(() => {
      const { algorithm, key: publicKey } = fromHandle(key)
      const hash = hashNames[algorithm.hash]
      const given = new Uint8Array(signature)
      return runner.over<boolean>(message, (message) => ({
        inPlace: () => crypto.verify(hash, message, publicKey, given),
        onPool: (done) => crypto.verify(hash, message, publicKey, given, done)
      }))
    }),

  signer,
  verifier
})

/** Signs until the signature has the suite's length, which nearly every one has. */
const sign = (runner: Runner, ecKey: EcKey, message: Uint8Array): Effect.Effect<Uint8Array<ArrayBuffer>> => {
  const { algorithm, key } = ecKey
  const hash = hashNames[algorithm.hash]
  // The key itself, for DER: with an object of options each signature takes longer.
  const signature = runner.over<Uint8Array>(message, (message) => ({
    inPlace: () => crypto.sign(hash, message, key),
    onPool: (done) => crypto.sign(hash, message, key, done)
  }))
  return Effect.flatMap(signature, (signature) => {
    const der = Ecdsa.derOfSuiteLength(algorithm.curve, signature)
    return der === undefined ? sign(runner, ecKey, message) : Effect.succeed(der)
  })
}

const signer: Primitives["signer"] = (key) =>
  Effect.map(loadCurves, (curves) => {
    const { algorithm, key: privateKey } = fromHandle(Redacted.value(key))
    const hash = crypto.createHash(hashNames[algorithm.hash])
    return {
      update: (part) => void hash.update(part),
      finish: Effect.sync(() => signDigest(curves, algorithm.curve, privateKey, hash.digest()))
    }
  })

const verifier: Primitives["verifier"] = (key) =>
  Effect.sync(() => {
    const { algorithm, key: publicKey } = fromHandle(key)
    const verify = crypto.createVerify(hashNames[algorithm.hash])
    return {
      update: (part) => void verify.update(part),
      finish: (signature) => Effect.sync(() => verify.verify({ key: publicKey, dsaEncoding: "der" }, signature))
    }
  })
