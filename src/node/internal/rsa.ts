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
const read = (pem: string, format: Pem.Format, parse: (der: Buffer) => KeyObject): KeyObject | string => {
  const der = Rsa.readKey(pem, format)
  if (typeof der === "string") return der
  const key = attempt(() => parse(Buffer.from(der.buffer, der.byteOffset, der.length)))
  der.fill(0)
  if (key === undefined) return Pem.malformed(format)
  return Rsa.modulusProblem(key.asymmetricKeyDetails!.modulusLength!) ?? key
}

const publicKey = (key: Buffer) => crypto.createPublicKey({ key, format: "der", type: "spki" })

const privateKey = (key: Buffer) => crypto.createPrivateKey({ key, format: "der", type: "pkcs8" })

const withPadding = (key: KeyObject, padding: RsaPadding) => {
  const hash = Rsa.oaepHashes[padding]
  return hash === undefined
    ? { key, padding: crypto.constants.RSA_PKCS1_PADDING }
    : { key, padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hashNames[hash] }
}

/** A plain copy of what node:crypto returned, which is zeroed. */
const take = (secret: Buffer): Uint8Array<ArrayBuffer> => {
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
      const key = read(pem, Pem.publicKey, publicKey)
      return typeof key === "string"
        ? invalidKey("importRsaPublicKey", key)
        : Effect.succeed(toHandle<"RsaPublicKey">(key))
    }),

  importRsaPrivateKey: (pem) =>
    Effect.suspend(() => {
      const key = read(Redacted.value(pem), Pem.privateKey, privateKey)
      return typeof key === "string"
        ? invalidKey("importRsaPrivateKey", key)
        : Effect.succeed(Rsa.privateKey(key))
    }),

  rsaEncrypt: (key, padding, plaintext) =>
    Effect.suspend(() => {
      const rsaKey = key as unknown as KeyObject
      const value = Redacted.value(plaintext)
      const ciphertext = attempt(() => crypto.publicEncrypt(withPadding(rsaKey, padding), value))
      return ciphertext === undefined ? failed("rsaEncrypt") : Effect.succeed(new Uint8Array(ciphertext))
    }),

  rsaDecrypt: (key, padding, ciphertext) =>
    Effect.suspend(() => {
      const rsaKey = Redacted.value(key) as unknown as KeyObject
      const plaintext = attempt(() => crypto.privateDecrypt(withPadding(rsaKey, padding), ciphertext))
      return plaintext === undefined ? failed("rsaDecrypt") : Effect.succeed(DataKey.make(take(plaintext)))
    })
}
