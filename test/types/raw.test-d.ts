/** Types of raw keyrings: secret keys are Redacted. */
import { Config, type Effect, type Layer, Redacted, type Scope } from "effect"
import type { KeyAgreement } from "effect/crypto"
import type { Keyring, KeyringError } from "effect-encryption-sdk"
import type { Primitives } from "effect-encryption-sdk/crypto"
import { RawAesKeyring, RawEcdhKeyring, RawRsaKeyring, WrappingKey } from "effect-encryption-sdk/raw"
import { expectTypeOf } from "vitest"
import type { Fields } from "./Fields.ts"

declare const bytes: Uint8Array
const names = { keyNamespace: "a", keyName: "b" }
const wrappingKey = Redacted.make(bytes)
const privateKey = Redacted.make("pem")

expectTypeOf<Fields<Parameters<typeof RawAesKeyring.layer>[0]>>().toEqualTypeOf<{
  readonly keyNamespace: string
  readonly keyName: string
  readonly wrappingKey: Redacted.Redacted<Uint8Array>
}>()
expectTypeOf<Fields<Parameters<typeof RawRsaKeyring.layer>[0]>>().toEqualTypeOf<{
  readonly keyNamespace: string
  readonly keyName: string
  readonly padding: Primitives.RsaPadding
  readonly publicKey?: string | undefined
  readonly privateKey?: Redacted.Redacted | undefined
}>()
expectTypeOf<Primitives.RsaPadding>().toEqualTypeOf<
  "PKCS1" | "OAEP-SHA1" | "OAEP-SHA256" | "OAEP-SHA384" | "OAEP-SHA512"
>()

type OfRaw = Layer.Layer<Keyring.Keyring, KeyringError.KeyringError, Primitives.Primitives>
type MakeRaw = Effect.Effect<Keyring.Keyring, KeyringError.KeyringError, Primitives.Primitives | Scope.Scope>

expectTypeOf(RawAesKeyring.layer({ ...names, wrappingKey })).toEqualTypeOf<OfRaw>()
expectTypeOf(RawAesKeyring.make({ ...names, wrappingKey })).toEqualTypeOf<MakeRaw>()
expectTypeOf(RawAesKeyring.layerConfig({
  keyNamespace: Config.String("NAMESPACE"),
  keyName: Config.succeed("b"),
  wrappingKey: WrappingKey.config("KEY")
})).toEqualTypeOf<
  Layer.Layer<Keyring.Keyring, KeyringError.KeyringError | Config.ConfigError, Primitives.Primitives>
>()
// @ts-expect-error: a key is Redacted
RawAesKeyring.layer({ ...names, wrappingKey: bytes })
// @ts-expect-error: a key is bytes
RawAesKeyring.layer({ ...names, wrappingKey: Redacted.make("base64") })
// @ts-expect-error: a key has a name
RawAesKeyring.layer({ keyNamespace: "a", wrappingKey })
// @ts-expect-error: the length of the key says the algorithm
RawAesKeyring.layer({ ...names, wrappingKey, wrappingAlgorithm: "AES256" })

expectTypeOf(RawRsaKeyring.layer({ ...names, padding: "OAEP-SHA256", privateKey })).toEqualTypeOf<OfRaw>()
expectTypeOf(RawRsaKeyring.make({ ...names, padding: "PKCS1", publicKey: "pem" })).toEqualTypeOf<MakeRaw>()
// @ts-expect-error: a private key is Redacted
RawRsaKeyring.layer({ ...names, padding: "OAEP-SHA256", privateKey: "pem" })
// @ts-expect-error: a public key is no secret
RawRsaKeyring.layer({ ...names, padding: "OAEP-SHA256", publicKey: privateKey })
// @ts-expect-error: no such padding
RawRsaKeyring.layer({ ...names, padding: "OAEP-MD5", publicKey: "pem" })
// @ts-expect-error: there is no padding by default
RawRsaKeyring.layer({ ...names, publicKey: "pem" })

expectTypeOf(WrappingKey.config("KEY")).toEqualTypeOf<Config.Config<Redacted.Redacted<Uint8Array>>>()

// Key agreement is Effect's, and a part of what the keyring needs.
type NeedsAgreement = Primitives.Primitives | KeyAgreement.KeyAgreement
const pem = Redacted.make("pem")
const toRecipient = { _tag: "EphemeralPrivateKeyToStaticPublicKey", recipientPublicKey: bytes } as const
expectTypeOf(RawEcdhKeyring.layer({ curve: "P-256", keyAgreement: toRecipient })).toEqualTypeOf<
  Layer.Layer<Keyring.Keyring, KeyringError.KeyringError, NeedsAgreement>
>()
expectTypeOf(
  RawEcdhKeyring.make({ curve: "P-521", keyAgreement: { _tag: "PublicKeyDiscovery", recipientPrivateKey: pem } })
).toEqualTypeOf<Effect.Effect<Keyring.Keyring, KeyringError.KeyringError, NeedsAgreement | Scope.Scope>>()
// @ts-expect-error: SM2 is not supported
RawEcdhKeyring.layer({ curve: "SM2", keyAgreement: toRecipient })
// @ts-expect-error: a private key is redacted
RawEcdhKeyring.layer({ curve: "P-256", keyAgreement: { _tag: "PublicKeyDiscovery", recipientPrivateKey: "pem" } })
// @ts-expect-error: that schema has no private key
RawEcdhKeyring.layer({ curve: "P-256", keyAgreement: { ...toRecipient, recipientPrivateKey: pem } })
