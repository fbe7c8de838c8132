/** RSA-OAEP on WebCrypto. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Primitives, RsaPadding } from "../../crypto/Primitives.ts"
import type { PrimitivesError } from "../../crypto/PrimitivesError.ts"
import { fail, failed, invalidKey, toHandle } from "../../crypto/results.ts"
import * as Rsa from "../../crypto/rsa.ts"
import { settle } from "../../internal/settle.ts"
import * as Pem from "../../internal/pem.ts"
import * as DataKey from "../../model/DataKey.ts"
import { plain, type Subtle, toBytes, type WebKey, withPlain } from "./subtle.ts"

/** The operations with RSA keys. */
export type Operations = Pick<
  Primitives,
  "importRsaPublicKey" | "importRsaPrivateKey" | "rsaEncrypt" | "rsaDecrypt"
>

interface RsaKey {
  readonly padding: RsaPadding
  readonly key: WebKey
}

/** A kind of key in the words of WebCrypto. */
interface Kind {
  readonly method: "importRsaPublicKey" | "importRsaPrivateKey"
  readonly format: "spki" | "pkcs8"
  readonly pem: Pem.Format
  readonly usage: "encrypt" | "decrypt"
}

const publicKey: Kind = { method: "importRsaPublicKey", format: "spki", pem: Pem.publicKey, usage: "encrypt" }

const privateKey: Kind = { method: "importRsaPrivateKey", format: "pkcs8", pem: Pem.privateKey, usage: "decrypt" }

const importKey = (
  subtle: Subtle,
  { format, method, pem, usage }: Kind,
  text: string,
  padding: RsaPadding
): Effect.Effect<RsaKey, PrimitivesError> => {
  const hash = Rsa.oaepHashes[padding]
  if (hash === undefined) {
    return fail(
      method,
      "Unsupported",
      "WebCrypto has no RSA PKCS #1 v1.5 encryption: use an OAEP padding, or the layer for Node"
    )
  }
  const der = Rsa.readKey(text, pem)
  if (typeof der === "string") return invalidKey(method, der)
  return Effect.tryPromise(() =>
    subtle.importKey(format, der, { name: "RSA-OAEP", hash }, false, [usage]).finally(() => der.fill(0))
  ).pipe(
    Effect.catch(() => invalidKey(method, Pem.malformed(pem))),
    Effect.flatMap((key) => {
      const problem = Rsa.modulusProblem(key.algorithm.modulusLength!)
      return problem === undefined ? Effect.succeed({ padding, key }) : invalidKey(method, problem)
    })
  )
}

/** The operations over a `SubtleCrypto`. */
export const operations = (subtle: Subtle): Operations => ({
  importRsaPublicKey: (pem, padding) =>
    Effect.suspend(() => Effect.map(importKey(subtle, publicKey, pem, padding), toHandle<"RsaPublicKey">)),

  importRsaPrivateKey: (pem, padding) =>
    Effect.suspend(() => Effect.map(importKey(subtle, privateKey, Redacted.value(pem), padding), Rsa.privateKey)),

  rsaEncrypt: (key, padding, plaintext) =>
    Effect.suspend(() => {
      const rsa = key as unknown as RsaKey
      if (rsa.padding !== padding) return failed("rsaEncrypt")
      const ciphertext = Effect.tryPromise(() =>
        withPlain(
          Redacted.value(plaintext),
          (plaintext) => subtle.encrypt({ name: "RSA-OAEP" }, rsa.key, plaintext)
        ).then(toBytes)
      )
      return Effect.catch(ciphertext, () => failed("rsaEncrypt"))
    }),

  rsaDecrypt: (key, padding, ciphertext) =>
    Effect.suspend(() => {
      const rsa = Redacted.value(key) as unknown as RsaKey
      if (rsa.padding !== padding) return failed("rsaDecrypt")
      return settle<ArrayBuffer, DataKey.DataKey<ArrayBuffer>, PrimitivesError>(
        () => subtle.decrypt({ name: "RSA-OAEP" }, rsa.key, plain(ciphertext)),
        (plaintext, { aborted }) => {
          const taken = DataKey.make(toBytes(plaintext))
          if (aborted) DataKey.zero(taken)
          return Effect.succeed(taken)
        },
        () => failed("rsaDecrypt")
      )
    })
})
