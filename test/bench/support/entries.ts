/** Caches filled with entries, each under a context of its own; ours and the peer's over keyrings that cost next to nothing. */
import {
  AlgorithmSuiteIdentifier,
  CommitmentPolicy as TheirPolicy,
  EncryptedDataKey,
  getLocalCryptographicMaterialsCache,
  KeyringNode,
  type NodeAlgorithmSuite,
  NodeCachingMaterialsManager,
  type NodeDecryptionMaterial,
  type NodeEncryptionMaterial
} from "@aws-crypto/client-node"
import { NodeAlgorithmSuite as Suite } from "@aws-crypto/material-management-node"
import { Effect, Scope } from "effect"
import { AlgorithmSuite, DataKey, DefaultCmm, Keyring } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { NodePrimitives } from "effect-encryption-sdk/node"
import * as crypto from "node:crypto"
import * as sides from "./sides.ts"

const algorithmSuite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
const keyProviderInfo = () => Buffer.from("key                 of a raw keyring")

const contextOf = (index: number): Record<string, string> => ({ purpose: "bench", tenant: `tenant ${index}` })

/** A cache with entries, and a request for the materials of one of them. */
export interface Filled {
  /** Serves the entry of this number, which is made where it is missing. */
  readonly request: (index: number) => Promise<unknown>
  /**
   * Serves as many entries, those of pseudo-random numbers below the count, one after the other. With a count of 1 it is
   * always the same.
   */
  readonly hits: (times: number, count: number) => Promise<unknown>
  readonly size: () => Promise<number>
}

/** Numbers below a count, all over the range, without a pattern that a processor could foresee. */
const scattered = (count: number): () => number => {
  let state = 1
  return () => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0
    return (state >>> 0) % count
  }
}

export const ours = (capacity: number): Promise<Filled> =>
  Effect.gen(function*() {
    // Nothing is closed: the process ends.
    const scope = yield* Scope.make()
    const keyring = Keyring.make({
      name: "Quick",
      onEncrypt: (materials) =>
        Effect.sync(() => ({
          ...materials,
          plaintextDataKey: DataKey.make(crypto.randomFillSync(new Uint8Array(32))),
          encryptedDataKeys: [
            {
              keyProviderId: "bench",
              keyProviderInfo: new Uint8Array(keyProviderInfo()),
              ciphertext: new Uint8Array(48)
            }
          ]
        })),
      onDecrypt: () => Effect.die(new Error("is not used"))
    })
    const cache = yield* Scope.provide(LocalCache.make({ capacity }), scope)
    const manager = yield* Scope.provide(
      CachingCmm.make({ cache, materialsManager: yield* DefaultCmm.make(keyring), policy: { maxAge: "1 day" } }),
      scope
    )
    const request = (index: number) =>
      Effect.scoped(manager.getEncryptionMaterials({
        encryptionContext: contextOf(index),
        commitmentPolicy: "RequireEncryptRequireDecrypt",
        algorithmSuite,
        requiredEncryptionContextKeys: [],
        maxPlaintextLength: 100
      }))
    return {
      request: (index: number) => Effect.runPromise(request(index)),
      hits: (times: number, count: number) => {
        const next = scattered(count)
        return Promise.resolve(sides.inOneFiber(() => request(next()))(times))
      },
      size: () => Effect.runPromise(cache.size)
    }
  }).pipe(Effect.provide(NodePrimitives.layer), Effect.runPromise)

class QuickKeyring extends KeyringNode {
  override async _onEncrypt(material: NodeEncryptionMaterial) {
    const trace = { keyNamespace: "bench", keyName: "key", flags: 1 }
    return material
      .setUnencryptedDataKey(crypto.randomFillSync(new Uint8Array(32)), trace)
      .addEncryptedDataKey(
        new EncryptedDataKey({
          providerId: "bench",
          providerInfo: "key",
          rawInfo: new Uint8Array(keyProviderInfo()),
          encryptedDataKey: new Uint8Array(48)
        }),
        2
      )
  }

  override async _onDecrypt(_material: NodeDecryptionMaterial): Promise<NodeDecryptionMaterial> {
    throw new Error("is not used")
  }
}

export const theirs = (capacity: number): Filled => {
  const cache = getLocalCryptographicMaterialsCache<NodeAlgorithmSuite>(capacity)
  const manager = new NodeCachingMaterialsManager({
    backingMaterials: new QuickKeyring(),
    cache,
    maxAge: 86_400_000
  })
  const suite = new Suite(AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY)
  let made = 0
  const request = (index: number) =>
    manager.getEncryptionMaterials({
      suite,
      encryptionContext: contextOf(index),
      plaintextLength: 100,
      commitmentPolicy: TheirPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
    })
  return {
    request: (index) => {
      made++
      return request(index)
    },
    hits: async (times, count) => {
      const next = scattered(count)
      for (let done = 0; done < times; done++) await request(next())
    },
    size: () => Promise.resolve(made)
  }
}
export const fill = async (filled: Filled, count: number): Promise<void> => {
  for (let index = 0; index < count; index++) await filled.request(index)
}
