/** The library and the AWS Encryption SDK for JavaScript over the same raw AES key, and the keys of their floor. */
import {
  buildClient,
  CommitmentPolicy as TheirPolicy,
  getLocalCryptographicMaterialsCache,
  NodeCachingMaterialsManager,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier
} from "@aws-crypto/client-node"
import { Effect, Layer, Redacted } from "effect"
import { AlgorithmSuite, type DataKey, Keyring } from "effect-encryption-sdk"
import { MessageHeader } from "effect-encryption-sdk/message"
import { NodePrimitives } from "effect-encryption-sdk/node"
import * as crypto from "node:crypto"
import {
  encryptionContext,
  keyName,
  keyNamespace,
  layerOf,
  rawAesKeyring,
  type SuiteId,
  suites,
  wrappingKey
} from "./client.ts"
import type { Side } from "./measure.ts"
import type { FloorKeys } from "./floor.ts"

export * from "./client.ts"

/** What a backend on Node builds once. */
export const ours = (suite: SuiteId, keyring: typeof rawAesKeyring = rawAesKeyring) =>
  layerOf(suite, NodePrimitives.layer, keyring)

export const synchronously = (call: () => unknown): Side => (times) => {
  for (let done = 0; done < times; done++) call()
}

export const theirClient = (suite: SuiteId) =>
  buildClient(
    AlgorithmSuite.isCommitting(suites[suite])
      ? TheirPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
      : TheirPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT
  )

export const theirKeyring = () =>
  new RawAesKeyringNode({
    keyNamespace,
    keyName,
    unencryptedMasterKey: new Uint8Array(wrappingKey),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
    // By default it orders the context by its own rule, not by the specification's.
    utf8Sorting: true
  })

export const theirCaching = (backingMaterials: ReturnType<typeof theirKeyring> = theirKeyring(), capacity = 1000) =>
  new NodeCachingMaterialsManager({
    backingMaterials,
    cache: getLocalCryptographicMaterialsCache(capacity),
    maxAge: 3_600_000
  })

/** A data key, wrapped as both others can unwrap it, and all else that a message of the floor is made with. */
export const floorKeys = (suite: SuiteId): Promise<FloorKeys> =>
  Effect.gen(function*() {
    const algorithmSuite = suites[suite]
    const pair = algorithmSuite.signature && crypto.generateKeyPairSync("ec", { namedCurve: "P-384" })
    const context = {
      ...encryptionContext(),
      ...pair && { "aws-crypto-public-key": Buffer.from(compressed(pair.publicKey)).toString("base64") }
    }
    const keyring = yield* Keyring.Keyring
    const { encryptedDataKeys, plaintextDataKey } = yield* keyring.onEncrypt({
      algorithmSuite,
      encryptionContext: context,
      requiredEncryptionContextKeys: [],
      encryptedDataKeys: [],
      plaintextDataKey: undefined,
      signingKey: undefined
    })
    return {
      algorithmSuite,
      dataKey: new Uint8Array(Redacted.value(plaintextDataKey as DataKey.DataKey)),
      headerBody: MessageHeader.encodeBody({
        algorithmSuite,
        messageId: new Uint8Array(algorithmSuite.messageIdLength),
        encryptionContext: context,
        encryptedDataKeys,
        contentType: "framed",
        frameLength: 1,
        suiteData: new Uint8Array(algorithmSuite.commitmentLength)
      }),
      signingKey: pair?.privateKey,
      verificationKey: pair?.publicKey
    }
  }).pipe(Effect.scoped, Effect.provide(Layer.provide(rawAesKeyring, NodePrimitives.layer)), Effect.runPromise)

const compressed = (publicKey: crypto.KeyObject): Uint8Array => {
  const { x, y } = publicKey.export({ format: "jwk" })
  const isOdd = Buffer.from(y!, "base64url").at(-1)! % 2
  return Buffer.concat([Uint8Array.of(2 + isOdd), Buffer.from(x!, "base64url")])
}
