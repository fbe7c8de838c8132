/** RSA on node:crypto. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { KeyObject } from "node:crypto"
import * as crypto from "node:crypto"
import type { Primitives, RsaPadding } from "../../crypto/Primitives.ts"
import { failed, invalidKey, toHandle } from "../../crypto/results.ts"
import * as Rsa from "../../crypto/rsa.ts"
import * as Pem from "../../internal/pem.ts"
import * as DataKey from "../../model/DataKey.ts"
import { attempt, hashNames } from "./openssl.ts"

/** The problem with a key text, which is never quoted, or the key. */
const read = (pem: string, format: Pem.Format, parse: (pem: string) => KeyObject): KeyObject | string => {
  // createPublicKey would make a public key of a private one, and of a certificate.
  const problem = Pem.problem(pem, format)
  if (problem !== undefined) return problem
  const key = attempt(() => parse(pem.trim()))
  if (key === undefined) return Pem.malformed(format)
  return Rsa.algorithmProblem(key.asymmetricKeyType) ??
    Rsa.modulusProblem(key.asymmetricKeyDetails!.modulusLength!) ??
    key
}

const withPadding = (key: KeyObject, padding: RsaPadding) => {
  const hash = Rsa.oaepHashes[padding]
  return hash === undefined
    ? { key, padding: crypto.constants.RSA_PKCS1_PADDING }
    : { key, padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hashNames[hash] }
}

/** A plain copy of what node:crypto returned, which is zeroed. */
const take = (secret: Buffer): Uint8Array => {
  const out = new Uint8Array(secret)
  secret.fill(0)
  return out
}

/** The operations with RSA keys. */
export const operations: Pick<
  Primitives,
  "importRsaPublicKey" | "importRsaPrivateKey" | "rsaEncrypt" | "rsaDecrypt"
> = {
  importRsaPublicKey: (pem) =>
    Effect.suspend(() => {
      const key = read(pem, Pem.publicKey, crypto.createPublicKey)
      return typeof key === "string"
        ? invalidKey("importRsaPublicKey", key)
        : Effect.succeed(toHandle<"RsaPublicKey">(key))
    }),

  importRsaPrivateKey: (pem) =>
    Effect.suspend(() => {
      const key = read(Redacted.value(pem), Pem.privateKey, crypto.createPrivateKey)
      return typeof key === "string"
        ? invalidKey("importRsaPrivateKey", key)
        : Effect.succeed(Rsa.privateKey(key))
    }),

  rsaEncrypt: (key, padding, plaintext) =>
    Effect.suspend(() => {
      const publicKey = key as unknown as KeyObject
      const value = Redacted.value(plaintext)
      const ciphertext = attempt(() => crypto.publicEncrypt(withPadding(publicKey, padding), value))
      return ciphertext === undefined ? failed("rsaEncrypt") : Effect.succeed(new Uint8Array(ciphertext))
    }),

  rsaDecrypt: (key, padding, ciphertext) =>
    Effect.suspend(() => {
      const privateKey = Redacted.value(key) as unknown as KeyObject
      const plaintext = attempt(() => crypto.privateDecrypt(withPadding(privateKey, padding), ciphertext))
      return plaintext === undefined ? failed("rsaDecrypt") : Effect.succeed(DataKey.make(take(plaintext)))
    })
}
