/**
 * The discovery and the multi-Region keyrings, both ways, with those of the AWS Encryption SDK for JavaScript, over keys of one
 * embedded KMS.
 */
import {
  AwsKmsMrkAwareSymmetricDiscoveryKeyringNode,
  buildAwsKmsMrkAwareStrictMultiKeyringNode,
  type KeyringNode,
  KmsKeyringNode
} from "@aws-crypto/client-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CryptographicMaterialsManager, DefaultCmm, EncryptionSdk, type Keyring } from "effect-encryption-sdk"
import { Kms, KmsDiscoveryKeyring, KmsKeyring, KmsMrkDiscoveryKeyring, KmsMrkKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { failureOf } from "../support/client.ts"
import { decrypt, encrypt, kmsClient } from "../support/javascriptSdk.ts"
import { pattern } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const single = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-1111-1111-111111111111"
const primary = "arn:aws:kms:us-east-1:111122223333:key/mrk-22222222222222222222222222222222"
const replica = primary.replace("us-east-1", "eu-central-1")
const discoveryFilter = { partition: "aws", accountIds: ["111122223333"] }

const Services = EmbeddedKms.layer({
  keys: [{ arn: single }, { arn: primary, replicaRegions: ["eu-central-1"] }]
}).pipe(Layer.provideMerge(TestPrimitives.layer))

/** Their client for a Region, which their keyrings of multi-Region keys read from it. */
const clientIn = (kms: Kms.Kms, region: string) => ({ ...kmsClient(kms), config: { region: async () => region } })

/** Ours to encrypt, theirs to encrypt, and the keyring of each that decrypts what either of them encrypted. */
interface Pairs {
  readonly ourWriter: Keyring.Keyring
  readonly theirWriter: KeyringNode
  readonly ourReader: Keyring.Keyring
  readonly theirReader: KeyringNode
}

const discovery = Effect.gen(function*() {
  const client = kmsClient(yield* Kms.Kms)
  const clientProvider = () => client
  return {
    ourWriter: yield* KmsKeyring.make({ generatorKeyId: single, keyIds: [replica] }),
    theirWriter: new KmsKeyringNode({ clientProvider, generatorKeyId: single, keyIds: [replica] }),
    ourReader: yield* KmsDiscoveryKeyring.make({ discoveryFilter }),
    theirReader: new KmsKeyringNode({
      clientProvider,
      discovery: true,
      discoveryFilter: { partition: "aws", accountIDs: discoveryFilter.accountIds }
    })
  }
})

const strict = Effect.gen(function*() {
  const kms = yield* Kms.Kms
  const theirs = (generatorKeyId: string) =>
    buildAwsKmsMrkAwareStrictMultiKeyringNode({
      clientProvider: (region) => clientIn(kms, region),
      generatorKeyId,
      keyIds: [single]
    })
  return {
    ourWriter: yield* KmsMrkKeyring.make({ generatorKeyId: primary, keyIds: [single] }),
    theirWriter: theirs(primary),
    ourReader: yield* KmsMrkKeyring.make({ generatorKeyId: replica }),
    theirReader: theirs(replica)
  }
})

const mrkDiscovery = Effect.gen(function*() {
  const kms = yield* Kms.Kms
  return {
    ...yield* strict,
    ourReader: yield* KmsMrkDiscoveryKeyring.make({ regions: ["eu-central-1"], discoveryFilter }),
    theirReader: new AwsKmsMrkAwareSymmetricDiscoveryKeyringNode({
      client: clientIn(kms, "eu-central-1"),
      discoveryFilter: { partition: "aws", accountIDs: discoveryFilter.accountIds }
    })
  }
})

const clientOf = Effect.fnUntraced(function*(keyring: Keyring.Keyring) {
  return yield* Effect.provideService(
    EncryptionSdk.make(),
    CryptographicMaterialsManager.CryptographicMaterialsManager,
    yield* DefaultCmm.make(keyring)
  )
})

const keyrings: ReadonlyArray<readonly [string, Effect.Effect<Pairs, unknown, Kms.Kms | Kms.KmsDecrypt>]> = [
  ["discovery", discovery],
  ["multi-Region keys, strict", strict],
  ["multi-Region keys, discovery", mrkDiscovery]
]

layer(Services)("with the AWS Encryption SDK for JavaScript", (it) => {
  const plaintext = pattern(300)
  const encryptionContext = { purpose: "interop", "ключ": "значение" }

  for (const algorithmSuite of [unsigned, signed]) {
    it.effect.each(keyrings)(`%s, both ways: ${algorithmSuite.name}`, ([, pairs]) =>
      Effect.gen(function*() {
        const { ourReader, ourWriter, theirReader, theirWriter } = yield* pairs
        const { message } = yield* (yield* clientOf(ourWriter)).encrypt(plaintext, {
          algorithmSuite,
          encryptionContext
        })
        assert.deepStrictEqual((yield* decrypt(theirReader, message, algorithmSuite)).plaintext, plaintext)
        const theirs = yield* encrypt(theirWriter, plaintext, { algorithmSuite, encryptionContext, frameLength: 128 })
        const read = yield* (yield* clientOf(ourReader)).decrypt(theirs)
        assert.deepStrictEqual(read.plaintext, plaintext)
      }))
  }

  it.effect("neither decrypts under the keys of an account outside of the filter", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const { theirWriter } = yield* discovery
      const message = yield* encrypt(theirWriter, plaintext, {
        algorithmSuite: unsigned,
        encryptionContext,
        frameLength: 128
      })
      const accountIds = ["444455556666"]
      const ours = yield* KmsDiscoveryKeyring.make({ discoveryFilter: { partition: "aws", accountIds } })
      const { reason } = yield* failureOf((yield* clientOf(ours)).decrypt(message))
      assert.strictEqual(reason._tag, "NoDataKeyUnwrapped")
      const theirs = new KmsKeyringNode({
        clientProvider: () => kmsClient(kms),
        discovery: true,
        discoveryFilter: { partition: "aws", accountIDs: accountIds }
      })
      assert.strictEqual((yield* Effect.exit(decrypt(theirs, message, unsigned)))._tag, "Failure")
    }))
})
