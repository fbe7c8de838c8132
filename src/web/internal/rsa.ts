/** RSA on WebCrypto, apart because few programs need it. */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { KeyHandle, Primitives, RsaPadding } from "../../crypto/Primitives.ts"
import { PrimitivesError } from "../../crypto/PrimitivesError.ts"
import * as DataKey from "../../model/DataKey.ts"
import * as Pem from "../../internal/pem.ts"
import * as KeyType from "./keyType.ts"
import { plain, type Subtle, type WebKey, withPlain } from "./subtle.ts"

const minimumModulusLength = 2048

interface RsaKey {
  readonly padding: RsaPadding
  readonly key: WebKey
}

const oaepHashes: Readonly<Record<RsaPadding, string | undefined>> = {
  "PKCS1": undefined,
  "OAEP-SHA1": "SHA-1",
  "OAEP-SHA256": "SHA-256",
  "OAEP-SHA384": "SHA-384",
  "OAEP-SHA512": "SHA-512"
}

interface RsaFormat {
  readonly format: "spki" | "pkcs8"
  readonly label: string
  readonly structure: string
  readonly usage: "encrypt" | "decrypt"
}

const publicFormat: RsaFormat = {
  format: "spki",
  label: "PUBLIC KEY",
  structure: "SubjectPublicKeyInfo",
  usage: "encrypt"
}

const privateFormat: RsaFormat = {
  format: "pkcs8",
  label: "PRIVATE KEY",
  structure: "PKCS #8 PrivateKeyInfo",
  usage: "decrypt"
}

/** The operations with RSA of `WebPrimitives`. */
export const make = (
  subtle: Subtle
): Pick<
  Primitives,
  "importRsaPublicKey" | "importRsaPrivateKey" | "rsaEncrypt" | "rsaDecrypt"
> => {
  const importRsa = <Kind extends "RsaPublicKey" | "RsaPrivateKey">(
    method: string,
    pem: string,
    padding: RsaPadding,
    { format, label, structure, usage }: RsaFormat
  ): Effect.Effect<KeyHandle<Kind>, PrimitivesError> => {
    const hash = oaepHashes[padding]
    if (hash === undefined) {
      return Effect.fail(
        new PrimitivesError({
          method,
          reason: "Unsupported",
          description: "WebCrypto has no RSA PKCS #1 v1.5 encryption: use an OAEP padding, or the layer for Node"
        })
      )
    }
    const problem = Pem.problem(pem, label, structure)
    if (problem !== undefined) return invalidKey(method, problem)
    const decoded = Base64.decode(Pem.body(pem))
    const der = Result.isSuccess(decoded) ? decoded.success : new Uint8Array(0)
    const type = KeyType.of(der)
    if (type === undefined || type !== "rsa") {
      der.fill(0)
      return invalidKey(method, type === undefined ? `is no valid ${structure}` : `is a key for ${type}, expected rsa`)
    }
    return Effect.tryPromise({
      try: () => subtle.importKey(format, der, { name: "RSA-OAEP", hash }, false, [usage]).finally(() => der.fill(0)),
      catch: () => new PrimitivesError({ method, reason: "InvalidKey", description: `is no valid ${structure}` })
    }).pipe(Effect.flatMap((key) => {
      const modulusLength = key.algorithm.modulusLength!
      return modulusLength < minimumModulusLength
        ? invalidKey(
          method,
          `has a modulus of ${modulusLength} bits, at least ${minimumModulusLength} are needed`
        )
        : Effect.succeed(toHandle<Kind>({ padding, key } satisfies RsaKey))
    }))
  }

  return {
    importRsaPublicKey: (pem, padding) =>
      Effect.suspend(() => importRsa<"RsaPublicKey">("importRsaPublicKey", pem, padding, publicFormat)),

    importRsaPrivateKey: (pem, padding) =>
      Effect.suspend(() =>
        importRsa<"RsaPrivateKey">("importRsaPrivateKey", Redacted.value(pem), padding, privateFormat)
      ).pipe(Effect.map((key) => Redacted.make(key, { label: "rsa-private-key" }))),

    rsaEncrypt: (key, padding, plaintext) =>
      Effect.suspend(() => {
        const rsa = toRsaKey(key)
        return rsa.padding === padding
          ? Effect.tryPromise({
            try: () =>
              withPlain(
                Redacted.value(plaintext),
                (plaintext) => subtle.encrypt({ name: "RSA-OAEP" }, rsa.key, plaintext)
              ).then(toBytes),
            catch: () => failure("rsaEncrypt")
          })
          : Effect.fail(failure("rsaEncrypt"))
      }),

    rsaDecrypt: (key, padding, ciphertext) =>
      Effect.suspend(() => {
        const rsa = toRsaKey(Redacted.value(key))
        return rsa.padding === padding
          ? Effect.callback<DataKey.DataKey, PrimitivesError>((resume, signal) => {
            subtle.decrypt({ name: "RSA-OAEP" }, rsa.key, plain(ciphertext)).then(
              (plaintext) => {
                const taken = DataKey.make(toBytes(plaintext))
                if (signal.aborted) return DataKey.zero(taken)
                resume(Effect.succeed(taken))
              },
              () => resume(Effect.fail(failure("rsaDecrypt")))
            )
          })
          : Effect.fail(failure("rsaDecrypt"))
      })
  }
}

const toBytes = (buffer: ArrayBuffer): Uint8Array => new Uint8Array(buffer)

const failure = (method: string) => new PrimitivesError({ method, reason: "Failed", description: "" })

const invalidKey = (method: string, description: string) =>
  Effect.fail(new PrimitivesError({ method, reason: "InvalidKey", description }))

const toHandle = <Kind extends string>(value: RsaKey) => value as unknown as KeyHandle<Kind>

const toRsaKey = (handle: KeyHandle<string>) => handle as unknown as RsaKey
