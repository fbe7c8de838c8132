/** The library and the AWS Encryption SDK for JavaScript over the same raw AES key, and the keys of their floor. */
import {
  buildClient,
  CommitmentPolicy as TheirPolicy,
  getLocalCryptographicMaterialsCache,
  NodeCachingMaterialsManager,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier
} from "@aws-crypto/client-node"
import { Effect, Layer, ManagedRuntime, Redacted } from "effect"
import { AlgorithmSuite, type DataKey, EncryptionSdk, Keyring } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import type { Primitives } from "effect-encryption-sdk/crypto"
import { MessageHeader } from "effect-encryption-sdk/message"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import * as crypto from "node:crypto"
import type { Mode, Side } from "./measure.ts"
import type { FloorKeys } from "./floor.ts"

const wrappingKey = new Uint8Array(32).fill(1)
const keyNamespace = "bench"
const keyName = "key"

/** As a backend makes it: anew for every request. */
export const encryptionContext = (): Record<string, string> => ({ purpose: "bench", tenant: "alice" })

export const suites = {
  "0x0578": AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384,
  "0x0478": AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
  "0x0178": AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256
} as const
export type SuiteId = keyof typeof suites

export const rawAesKeyring = RawAesKeyring.layer({ keyNamespace, keyName, wrappingKey: Redacted.make(wrappingKey) })

/** What a backend builds once. */
export const ours = (
  suite: SuiteId,
  primitives: Layer.Layer<Primitives.Primitives> = NodePrimitives.layer,
  keyring: typeof rawAesKeyring = rawAesKeyring
) =>
  EncryptionSdk.layer({
    commitmentPolicy: AlgorithmSuite.isCommitting(suites[suite])
      ? "RequireEncryptRequireDecrypt"
      : "ForbidEncryptAllowDecrypt"
  }).pipe(
    Layer.provide(CachingCmm.layer({ policy: { maxAge: "1 hour" } })),
    Layer.provide(LocalCache.layer({ capacity: 1000 })),
    Layer.provide(keyring),
    Layer.provide(primitives)
  )

export type Client = EncryptionSdk.EncryptionSdk["Service"]

export const clientOf = (
  layer: Layer.Layer<EncryptionSdk.EncryptionSdk, unknown>
): Promise<Client> => ManagedRuntime.make(layer).runPromise(EncryptionSdk.EncryptionSdk)

/** Calls one behind the other within one fiber, as in a backend whose requests are fibers. */
export const inOneFiber = <A, E>(call: () => Effect.Effect<A, E>): Side => (times) =>
  Effect.runPromise(Effect.suspend(() => {
    let done = 0
    return Effect.whileLoop({ while: () => done < times, body: call, step: () => done++ })
  }))

/** The same, where each call comes from outside of Effect. */
export const eachFromOutside = <A, E>(call: () => Effect.Effect<A, E>): Side => async (times) => {
  for (let done = 0; done < times; done++) await Effect.runPromise(call())
}

export const awaitingEach = (call: () => Promise<unknown>): Side => async (times) => {
  for (let done = 0; done < times; done++) await call()
}

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

/**
 * Runs the code of a suite often enough for the compiler, with small messages: those of a case may be too slow for that, and
 * would be measured in the interpreter. The peer needs fewer calls, since each does more.
 */
export const warmUp = async (suite: SuiteId, { quick, smoke }: Mode): Promise<void> => {
  if (smoke) return
  const plaintext = new Uint8Array(1024)
  const options = () => ({ algorithmSuite: suites[suite], encryptionContext: encryptionContext() })
  const client = await clientOf(ours(suite))
  const theirs = theirClient(suite)
  const manager = theirCaching()
  const { message } = await Effect.runPromise(client.encrypt(plaintext, options()))
  const times = (quick ? 1 : 4) * (suites[suite].signature === undefined ? 4000 : 1000)
  await inOneFiber(() => client.encrypt(plaintext, options()))(times)
  await inOneFiber(() => client.decrypt(message))(times)
  const theirOptions = () => ({ suiteId: suites[suite].id, encryptionContext: encryptionContext() })
  await awaitingEach(() => theirs.encrypt(manager, plaintext, theirOptions()))(times / 10)
  await awaitingEach(() => theirs.decrypt(manager, message))(times / 10)
}

/** A data key, wrapped as both others can unwrap it, and all else that a message of the floor is made with. */
export const floorKeys = (suite: SuiteId): Promise<FloorKeys> =>
  Effect.gen(function*() {
    const algorithmSuite = suites[suite]
    const pair = algorithmSuite.signature && crypto.generateKeyPairSync("ec", { namedCurve: "P-384" })
    const context = {
      ...encryptionContext(),
      ...pair && { "aws-crypto-public-key": Buffer.from(compressed(pair.publicKey)).toString("base64") }
    }
    const keyring = yield* Keyring.Service
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
