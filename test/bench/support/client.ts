/** The library as a backend, or a page, has it: on a cache, over a raw AES key. Nothing here needs Node. */
import { Effect, Layer, ManagedRuntime, Redacted } from "effect"
import { AlgorithmSuite, EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import type { Primitives } from "effect-encryption-sdk/crypto"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import type { Side } from "./measure.ts"

export const wrappingKey = new Uint8Array(32).fill(1)
export const keyNamespace = "bench"
export const keyName = "key"

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
export const layerOf = (
  suite: SuiteId,
  primitives: Layer.Layer<Primitives.Primitives>,
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

export type Client = EncryptionSdk.EncryptionSdk

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

/** Calls that answer a promise, one behind the other. */
export const awaitingEach = (call: () => Promise<unknown>): Side => async (times) => {
  for (let done = 0; done < times; done++) await call()
}
