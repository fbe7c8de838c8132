/**
 * Material of keys: AES keys by `Primitives`, key pairs by `effect/crypto`, and RSA with them by `Primitives` again.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { AesKey, Primitives, RsaPrivateKey, RsaPublicKey } from "../../../crypto/Primitives.ts"
import * as bytes from "../../../internal/bytes.ts"
import * as DataKey from "../../../model/DataKey.ts"
import type { KeySpec } from "./keyInfo.ts"
import type { AgreementPair, RsaPair } from "./keyPairs.ts"
import * as KeyPairs from "./keyPairs.ts"

/** The paddings of RSA keys in AWS KMS. */
export type Padding = "OAEP-SHA1" | "OAEP-SHA256"

/** An RSA key pair, imported for one padding: a layer may bind a key to it. */
interface RsaHandles {
  readonly publicKey: RsaPublicKey
  readonly privateKey: RsaPrivateKey
}

/** A key as the calls use it. */
export type Material =
  | { readonly _tag: "Symmetric"; readonly aesKey: AesKey }
  | { readonly _tag: "Rsa"; readonly publicKey: Uint8Array; readonly padded: Readonly<Record<Padding, RsaHandles>> }
  | AgreementPair

/** Operations with the material of keys. */
export interface Materials {
  /** The secret of a new key: 32 bytes, or the PKCS #8 of a private key. */
  readonly generate: (keySpec: KeySpec) => Effect.Effect<DataKey.DataKey, { readonly message: string }>
  /** Reads a secret. Fails where it is none of this spec. The secret stays the caller's. */
  readonly read: (keySpec: KeySpec, secret: DataKey.DataKey) => Effect.Effect<Material, { readonly message: string }>
}

const aesKeyLength = 32

/** The operations of this runtime. */
export const make = (primitives: Primitives): Effect.Effect<Materials, never, Scope.Scope> =>
  Effect.map(KeyPairs.make, (pairs) => ({
    generate: (keySpec) =>
      Effect.map(
        keySpec === "SYMMETRIC_DEFAULT" ? primitives.randomBytes(aesKeyLength) : pairs.generate(keySpec),
        DataKey.make
      ),
    read: (keySpec, secret) =>
      keySpec === "SYMMETRIC_DEFAULT"
        ? readSymmetric(primitives, secret)
        : Effect.flatMap(
          Effect.suspend(() => pairs.read(keySpec, DataKey.value(secret))),
          (pair): Effect.Effect<Material, { readonly message: string }> =>
            pair === undefined
              ? Effect.fail({ message: `is no key of ${keySpec}` })
              : pair._tag === "Rsa"
              ? importRsa(primitives, pair)
              : Effect.succeed(pair)
        )
  }))

const readSymmetric = (
  primitives: Primitives,
  secret: DataKey.DataKey
): Effect.Effect<Material, { readonly message: string }> =>
  Effect.suspend(() => {
    const key = DataKey.value(secret)
    return key.length !== aesKeyLength || bytes.isAllZero(key)
      ? Effect.fail({ message: `is not ${aesKeyLength} bytes, or all zero` })
      : Effect.map(primitives.importAesKey(secret), (aesKey) => ({ _tag: "Symmetric", aesKey }))
  })

const importRsa = Effect.fnUntraced(function*(primitives: Primitives, pair: RsaPair) {
  const { privatePem, publicKey, publicPem } = pair
  const importFor = (padding: Padding) =>
    Effect.all({
      publicKey: primitives.importRsaPublicKey(publicPem, padding),
      privateKey: primitives.importRsaPrivateKey(Redacted.make(privatePem), padding)
    })
  return {
    _tag: "Rsa" as const,
    publicKey,
    padded: { "OAEP-SHA1": yield* importFor("OAEP-SHA1"), "OAEP-SHA256": yield* importFor("OAEP-SHA256") }
  }
})
