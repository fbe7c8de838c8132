/** AWS KMS with key pairs for ECDH, by WebCrypto alone, and the calls that were made. */
import { Effect, Layer, Redacted } from "effect"
import { Kms, KmsError } from "effect-encryption-sdk/kms"
import type { Curve, KeyPair } from "./ecdh.ts"

const { subtle } = globalThis.crypto

export const arnOf = (digit: string) =>
  `arn:aws:kms:us-east-1:111122223333:key/${digit.repeat(8)}-1111-2222-3333-444444444444`

const specs: Readonly<Record<Curve, string>> = {
  "P-256": "ECC_NIST_P256",
  "P-384": "ECC_NIST_P384",
  "P-521": "ECC_NIST_P521"
}

type Call =
  | readonly ["getPublicKey", Kms.KeyRequest]
  | readonly ["deriveSharedSecret", Kms.KeyRequest & { readonly publicKey: Uint8Array }]

export const failure = (
  operation: "GetPublicKey" | "DeriveSharedSecret",
  keyId: string,
  fields: Partial<KmsError> = {}
): KmsError =>
  new KmsError({
    operation,
    keyId,
    failure: fields.failure ?? "KeyNotFound",
    code: fields.code ?? "NotFoundException",
    description: fields.description ?? "",
    isRetryable: fields.isRetryable ?? false
  })

/** Key pairs by their ARNs. `overrides` replace calls, which are counted all the same. */
export const ecdhKms = (
  pairs: Readonly<Record<string, KeyPair>>,
  overrides: Partial<Kms.KmsKeyAgreement> = {}
) => {
  const calls: Array<Call> = []
  const secrets: Array<Uint8Array> = []
  const derive = async ({ curve, privateKey }: KeyPair, spki: Uint8Array) => {
    const algorithm = { name: "ECDH", namedCurve: curve }
    const publicKey = await subtle.importKey("spki", new Uint8Array(spki), algorithm, false, [])
    const length = { "P-256": 256, "P-384": 384, "P-521": 528 }[curve]
    return new Uint8Array(await subtle.deriveBits({ name: "ECDH", public: publicKey }, privateKey, length))
  }
  const service: Kms.KmsKeyAgreement = {
    getPublicKey: (request) => {
      calls.push(["getPublicKey", request])
      if (overrides.getPublicKey !== undefined) return overrides.getPublicKey(request)
      const pair = pairs[request.keyId]
      return pair === undefined ? Effect.fail(failure("GetPublicKey", request.keyId)) : Effect.succeed({
        keyId: request.keyId,
        publicKey: new Uint8Array(pair.spki),
        keySpec: specs[pair.curve],
        keyUsage: "KEY_AGREEMENT"
      })
    },
    deriveSharedSecret: (request) => {
      calls.push(["deriveSharedSecret", request])
      if (overrides.deriveSharedSecret !== undefined) return overrides.deriveSharedSecret(request)
      const pair = pairs[request.keyId]
      return pair === undefined
        ? Effect.fail(failure("DeriveSharedSecret", request.keyId))
        : Effect.map(Effect.promise(() => derive(pair, request.publicKey)), (secret) => {
          secrets.push(secret)
          return { keyId: request.keyId, sharedSecret: Redacted.make(secret) }
        })
    }
  }
  return { calls, secrets, service, layer: Layer.succeed(Kms.KmsKeyAgreement, service) }
}
