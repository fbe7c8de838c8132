/** Types of KMS: the keyring needs the port alone, and each layer of the port needs what it stands on. */
import { KMSClient } from "@aws-sdk/client-kms"
import { Config, Schema } from "effect"
import type { Effect, Layer, Redacted, Scope } from "effect"
import type { DataKey, Keyring, KeyringError } from "effect-encryption-sdk"
import type { Primitives } from "effect-encryption-sdk/crypto"
import {
  KeyArn,
  Kms,
  KmsDiscoveryKeyring,
  KmsEcdhKeyring,
  type KmsError,
  KmsKeyring,
  KmsMrkDiscoveryKeyring,
  KmsMrkKeyring
} from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { EmbeddedKms, type EmbeddedKmsError } from "effect-encryption-sdk/kms/development-only"
import { KmsServer } from "effect-encryption-sdk/kms/development-only/server"
import { expectTypeOf } from "vitest"
import type { Fields } from "./Fields.ts"

declare const kms: Kms.Kms
declare const control: EmbeddedKms.EmbeddedKms
declare const identifier: KeyArn.KeyIdentifier

// The keyring.
expectTypeOf<Fields<Parameters<typeof KmsKeyring.layer>[0]>>().toEqualTypeOf<{
  readonly generatorKeyId?: string | undefined
  readonly keyIds?: ReadonlyArray<string> | undefined
  readonly grantTokens?: ReadonlyArray<string> | undefined
}>()
expectTypeOf(KmsKeyring.layer({ generatorKeyId: "arn" })).toEqualTypeOf<
  Layer.Layer<Keyring.Keyring, KeyringError.KeyringError, Kms.Kms>
>()
expectTypeOf(KmsKeyring.make({ keyIds: ["arn"], grantTokens: ["token"] })).toEqualTypeOf<
  Effect.Effect<Keyring.Keyring, KeyringError.KeyringError, Kms.Kms>
>()
// @ts-expect-error: no such option
KmsKeyring.layer({ generator: "arn" })
// @ts-expect-error: the keys are a list
KmsKeyring.layer({ keyIds: "arn" })
// @ts-expect-error: keys are given by their identifiers
KmsKeyring.layer({ generatorKeyId: identifier })

// The multi-Region keyring takes what the keyring takes.
expectTypeOf<KmsMrkKeyring.Options>().toEqualTypeOf<KmsKeyring.Options>()
expectTypeOf(KmsMrkKeyring.layer).toEqualTypeOf(KmsKeyring.layer)
expectTypeOf(KmsMrkKeyring.layerConfig).toEqualTypeOf(KmsKeyring.layerConfig)
expectTypeOf(KmsMrkKeyring.make).toEqualTypeOf(KmsKeyring.make)
// @ts-expect-error: Regions are those of the key ARNs
KmsMrkKeyring.layer({ generatorKeyId: "arn", regions: ["eu-central-1"] })

// The discovery keyring.
expectTypeOf<Fields<KmsDiscoveryKeyring.Options>>().toEqualTypeOf<{
  readonly discoveryFilter?: { readonly partition: string; readonly accountIds: ReadonlyArray<string> } | undefined
  readonly regions?: ReadonlyArray<string> | undefined
  readonly grantTokens?: ReadonlyArray<string> | undefined
}>()
expectTypeOf(KmsDiscoveryKeyring.layer()).toEqualTypeOf<
  Layer.Layer<Keyring.Keyring, KeyringError.KeyringError, Kms.KmsDecrypt>
>()
expectTypeOf(KmsDiscoveryKeyring.make({ regions: ["eu-central-1"] })).toEqualTypeOf<
  Effect.Effect<Keyring.Keyring, KeyringError.KeyringError, Kms.KmsDecrypt>
>()
expectTypeOf(KmsDiscoveryKeyring.layerConfig({
  discoveryFilter: {
    partition: Config.String("PARTITION"),
    accountIds: Config.schema(Schema.Array(Schema.String), "ACCOUNTS")
  }
})).toEqualTypeOf<Layer.Layer<Keyring.Keyring, KeyringError.KeyringError | Config.ConfigError, Kms.KmsDecrypt>>()
// @ts-expect-error: a filter has both parts
KmsDiscoveryKeyring.layer({ discoveryFilter: { partition: "aws" } })
// @ts-expect-error: it has no keys
KmsDiscoveryKeyring.layer({ generatorKeyId: "arn" })
// @ts-expect-error: account ids are text
KmsDiscoveryKeyring.layer({ discoveryFilter: { partition: "aws", accountIds: [111122223333] } })

// The multi-Region discovery keyring needs its Regions.
expectTypeOf<Fields<KmsMrkDiscoveryKeyring.Options>>().toEqualTypeOf<{
  readonly regions: ReadonlyArray<string>
  readonly discoveryFilter?: { readonly partition: string; readonly accountIds: ReadonlyArray<string> } | undefined
  readonly grantTokens?: ReadonlyArray<string> | undefined
}>()
expectTypeOf(KmsMrkDiscoveryKeyring.layer({ regions: ["eu-central-1"] })).toEqualTypeOf<
  Layer.Layer<Keyring.Keyring, KeyringError.KeyringError, Kms.KmsDecrypt>
>()
expectTypeOf(KmsMrkDiscoveryKeyring.layerConfig({
  regions: Config.schema(Schema.Array(Schema.String), "REGIONS")
})).toEqualTypeOf<Layer.Layer<Keyring.Keyring, KeyringError.KeyringError | Config.ConfigError, Kms.KmsDecrypt>>()
// @ts-expect-error: it cannot know its Region
KmsMrkDiscoveryKeyring.layer({})

// The port.
const request = { keyId: "arn", encryptionContext: {}, grantTokens: [] }
expectTypeOf(kms.generateDataKey({ ...request, numberOfBytes: 32 })).toEqualTypeOf<
  Effect.Effect<
    { readonly keyId: string; readonly plaintext: DataKey.DataKey; readonly ciphertextBlob: Uint8Array },
    KmsError
  >
>()
expectTypeOf(kms.decrypt({ ...request, ciphertextBlob: new Uint8Array() })).toEqualTypeOf<
  Effect.Effect<{ readonly keyId: string; readonly plaintext: DataKey.DataKey }, KmsError>
>()
expectTypeOf<DataKey.DataKey>().toEqualTypeOf<Redacted.Redacted<Uint8Array>>()
// @ts-expect-error: a data key is Redacted
kms.encrypt({ ...request, plaintext: new Uint8Array(32) })
// @ts-expect-error: the context is not forgotten
kms.decrypt({ keyId: "arn", grantTokens: [], ciphertextBlob: new Uint8Array() })

// A keyring that only decrypts, over a port with that call alone, or over a whole one.
expectTypeOf(Kms.layerDecrypt).toEqualTypeOf<Layer.Layer<Kms.KmsDecrypt, never, Kms.Kms>>()
type Needs<R> = Effect.Effect<Keyring.Keyring, KeyringError.KeyringError, R>
// @ts-expect-error: a port of decryption alone does not encrypt
KmsKeyring.make({ generatorKeyId: "arn" }) satisfies Needs<Kms.KmsDecrypt>
// @ts-expect-error: and another port's tag is not its
KmsDiscoveryKeyring.make() satisfies Needs<Kms.Kms>

// Its layers.
expectTypeOf(AwsKms.layer({ region: "eu-central-1" })).toEqualTypeOf<Layer.Layer<Kms.Ports>>()
expectTypeOf(AwsKms.layer()).toEqualTypeOf<Layer.Layer<Kms.Ports>>()
expectTypeOf(AwsKms.layerClient(new KMSClient({}))).toEqualTypeOf<Layer.Layer<Kms.Ports>>()
expectTypeOf(AwsKms.layerSupplier((region) => {
  expectTypeOf(region).toEqualTypeOf<string | undefined>()
  return undefined
})).toEqualTypeOf<Layer.Layer<Kms.Ports>>()
// @ts-expect-error: the supplier gives clients
AwsKms.layerSupplier((region) => region)
// @ts-expect-error: no such configuration of the AWS SDK
AwsKms.layer({ regionName: "eu-central-1" })

expectTypeOf(EmbeddedKms.layer()).toEqualTypeOf<
  Layer.Layer<Kms.Ports | EmbeddedKms.EmbeddedKms, EmbeddedKmsError, Primitives.Primitives>
>()
expectTypeOf(EmbeddedKms.make()).toExtend<
  Effect.Effect<unknown, EmbeddedKmsError, Primitives.Primitives | Scope.Scope>
>()
expectTypeOf(control.createKey()).toEqualTypeOf<Effect.Effect<string, EmbeddedKmsError>>()
expectTypeOf(control.exportKeys).toEqualTypeOf<Effect.Effect<Redacted.Redacted>>()
EmbeddedKms.layer({ keys: [{ arn: "arn", replicaRegions: ["eu-central-1"] }, { multiRegion: true }] })
expectTypeOf(control.replicateKey("arn", "eu-central-1")).toEqualTypeOf<Effect.Effect<string, EmbeddedKmsError>>()
EmbeddedKms.layer({ keys: [{ keySpec: "ECC_NIST_P256" }] })
// @ts-expect-error: there is no such key spec
EmbeddedKms.layer({ keys: [{ keySpec: "SM2" }] })
expectTypeOf(KmsServer.layer({ port: 4566, keyStoreFile: "kms.json", keys: [{ keySpec: "RSA_2048" }] })).toEqualTypeOf<
  Layer.Layer<
    KmsServer.KmsServer | Kms.Ports | EmbeddedKms.EmbeddedKms,
    EmbeddedKmsError,
    Primitives.Primitives
  >
>()
// @ts-expect-error: a server listens on 127.0.0.1 alone
KmsServer.layer({ host: "0.0.0.0" })
EmbeddedKms.layer({ keys: [{ arn: "arn" }], region: "eu-central-1", latency: "20 millis" })
// @ts-expect-error: a key store is a secret
EmbeddedKms.layer({ keyStore: "{}" })
// @ts-expect-error: keys have options
EmbeddedKms.layer({ keys: ["arn"] })
// @ts-expect-error: no such state
control.setKeyState("arn", "Deleted")

// Key identifiers.
const named = (identifier: KeyArn.KeyIdentifier): string => {
  switch (identifier._tag) {
    case "KeyArn":
    case "KeyId":
      return identifier.keyId
    case "AliasArn":
    case "AliasName":
      return identifier.aliasName
    default:
      return identifier satisfies never
  }
}
expectTypeOf(named).parameter(0).toEqualTypeOf<KeyArn.KeyIdentifier>()
const toRecipient = { _tag: "KmsPrivateKeyToStaticPublicKey", senderKeyId: "arn", recipientPublicKey: "pem" } as const
expectTypeOf(KmsEcdhKeyring.make({ curve: "P-256", keyAgreement: toRecipient })).toEqualTypeOf<
  Needs<Primitives.Primitives | Kms.KmsKeyAgreement>
>()
// @ts-expect-error: a schema of the raw keyring
KmsEcdhKeyring.layer({ curve: "P-256", keyAgreement: { _tag: "PublicKeyDiscovery", recipientKeyId: "arn" } })
