/** RSA on WebCrypto, loaded with the first key: few programs need it. */
import * as Effect from "effect/Effect"
import { load, orNotLoaded } from "../../model/errors/load.ts"
import type { Operations } from "./rsa.ts"
import type { Subtle } from "./subtle.ts"

export const operations = (subtle: Subtle): Operations => {
  const rsa = Effect.map(
    orNotLoaded(() => load("RSA", () => import("./rsa.ts"))),
    ({ operations }) => operations(subtle)
  )
  /** For those who have a key, for which it was loaded. */
  const loaded = Effect.orDie(rsa)
  return {
    importRsaPublicKey: (pem, padding) => Effect.flatMap(rsa, (rsa) => rsa.importRsaPublicKey(pem, padding)),
    importRsaPrivateKey: (pem, padding) => Effect.flatMap(rsa, (rsa) => rsa.importRsaPrivateKey(pem, padding)),
    rsaEncrypt: (key, padding, plaintext) => Effect.flatMap(loaded, (rsa) => rsa.rsaEncrypt(key, padding, plaintext)),
    rsaDecrypt: (key, padding, ciphertext) => Effect.flatMap(loaded, (rsa) => rsa.rsaDecrypt(key, padding, ciphertext))
  }
}
