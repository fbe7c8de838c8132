/**
 * The AWS Encryption SDK for Python, both ways, over keys of one KMS server that both call: we through the AWS SDK for
 * JavaScript, Python through boto3.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import {
  AlgorithmSuite,
  CryptographicMaterialsManager,
  DefaultCmm,
  EncryptionSdk,
  MultiKeyring
} from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { clientFor, directions, encryptionContext, fromPython, toPython } from "./support/crossing.ts"
import { createAlias, createKey, disable, layer as KmsServer } from "./support/kmsServer.ts"
import * as Python from "./support/python.ts"
import { signed, unsigned } from "../support/suites.ts"
import { pattern } from "../support/streams.ts"

const Peers = Layer.mergeAll(Python.layer, NodePrimitives.layer, KmsServer)

const contexts: ReadonlyArray<readonly [string, Record<string, string>]> = [
  ["empty", {}],
  ["non-ASCII and astral", encryptionContext],
  ["60 pairs", Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`key-${(index * 37) % 60}`, `v${index}`]))]
]

layer(Peers)("Python and KMS server", (it) => {
  for (const [direction, cross] of directions) {
    it.effect.each(AlgorithmSuite.all)(`${direction}: $name`, (suite) =>
      Effect.gen(function*() {
        const key = yield* createKey()
        yield* cross({
          keyring: yield* KmsKeyring.make({ generatorKeyId: key }),
          keys: [{ type: "kms", keyIds: [key] }],
          suite
        })
      }))

    it.effect.each(contexts)(
      `${direction}: encryption context %s`,
      ([_name, encryptionContext]) =>
        Effect.gen(function*() {
          const key = yield* createKey("eu-central-1")
          for (const suite of [unsigned, signed]) {
            yield* cross({
              keyring: yield* KmsKeyring.make({ generatorKeyId: key }),
              keys: [{ type: "kms", keyIds: [key] }],
              suite,
              encryptionContext
            })
          }
        })
    )
  }

  it.effect("Python encrypts under keys of two Regions, we decrypt with each alone", () =>
    Effect.gen(function*() {
      const keyIds = [yield* createKey("us-east-1"), yield* createKey("eu-central-1"), yield* createKey("us-east-1")]
      for (const key of keyIds) {
        const keyring = yield* KmsKeyring.make({ keyIds: [key] })
        yield* fromPython({ keyring, keys: [{ type: "kms", keyIds }], encryptedDataKeys: 3 })
      }
    }))

  it.effect("we encrypt under keys of two Regions, Python decrypts with each alone", () =>
    Effect.gen(function*() {
      const keyIds = [yield* createKey("us-east-1"), yield* createKey("eu-central-1"), yield* createKey("us-east-1")]
      const keyring = yield* KmsKeyring.make({ generatorKeyId: keyIds[0], keyIds: keyIds.slice(1) })
      for (const key of keyIds) {
        yield* toPython({ keyring, keys: [{ type: "kms", keyIds: [key] }], encryptedDataKeys: 3 })
      }
    }))

  it.effect("we encrypt under an alias, Python decrypts under the key's ARN", () =>
    Effect.gen(function*() {
      const key = yield* createKey()
      const keyring = yield* KmsKeyring.make({ generatorKeyId: yield* createAlias(key) })
      yield* toPython({ keyring, keys: [{ type: "kms", keyIds: [key] }] })
    }))

  it.effect("KMS and raw keys in one message, both ways, each alone", () =>
    Effect.gen(function*() {
      const key = yield* createKey()
      const raw = pattern(32)
      const kms = yield* KmsKeyring.make({ generatorKeyId: key })
      const aes = yield* RawAesKeyring.make({
        keyNamespace: "backup",
        keyName: "k",
        wrappingKey: Redacted.make(raw)
      })
      const keyring = yield* MultiKeyring.make({ generator: kms, children: [aes] })
      const pythonKms = { type: "kms", keyIds: [key] } as const
      const pythonAes = { type: "aes", namespace: "backup", name: "k", key: raw } as const
      for (const keys of [[pythonKms], [pythonAes]]) yield* toPython({ keyring, keys, encryptedDataKeys: 2 })
      for (const keyring of [kms, aes]) {
        yield* fromPython({ keyring, keys: [pythonKms, pythonAes], encryptedDataKeys: 2 })
      }
    }))

  it.effect("both are refused by the server once the key is disabled", () =>
    Effect.gen(function*() {
      const python = yield* Python.Python
      const key = yield* createKey()
      const keyring = yield* KmsKeyring.make({ generatorKeyId: key })
      const keys = [{ type: "kms", keyIds: [key] } as const]
      const suite = unsigned
      const ours = yield* toPython({ keyring, keys, suite })
      const theirs = yield* fromPython({ keyring, keys, suite })
      yield* disable(key)
      const { reason } = yield* Effect.flip((yield* clientFor(suite, keyring)).decrypt(theirs))
      assert.strictEqual(reason._tag, "NoDataKeyUnwrapped")
      if (reason._tag === "NoDataKeyUnwrapped") {
        assert.deepInclude(reason.encryptedDataKeys[0], { failure: "KeyUnavailable", code: "DisabledException" })
      }
      assert.strictEqual((yield* Effect.flip(python.decrypt({ message: ours, keys }))).error, "DecryptKeyError")
    }))

  /** A client over a caching manager, and how many calls it has made to the server. */
  const cachingClient = (key: string) =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const calls = { generateDataKey: 0, decrypt: 0 }
      const counting = Kms.Kms.of({
        ...kms,
        generateDataKey: (request) => {
          calls.generateDataKey++
          return kms.generateDataKey(request)
        },
        decrypt: (request) => {
          calls.decrypt++
          return kms.decrypt(request)
        }
      })
      const keyring = yield* Effect.provideService(
        KmsKeyring.make({ generatorKeyId: key }),
        Kms.Kms,
        counting
      )
      const manager = yield* CachingCmm.make({
        policy: { maxAge: "10 minutes" },
        cache: yield* LocalCache.make({ capacity: 10 }),
        materialsManager: yield* DefaultCmm.make(keyring)
      })
      const sdk = yield* EncryptionSdk.make().pipe(
        Effect.provideService(CryptographicMaterialsManager.CryptographicMaterialsManager, manager)
      )
      return { sdk, calls }
    })

  const plaintexts = [0, 1, 10, 1000].map(pattern)
  const suites = [unsigned, signed]

  it.effect.each(suites)(
    "Python encrypts under a cached data key, we decrypt with one call: $name",
    (suite) =>
      Effect.gen(function*() {
        const python = yield* Python.Python
        const key = yield* createKey()
        const keys = [{ type: "kms", keyIds: [key] } as const]
        const messages = yield* python.encryptCached({ suite: suite.id, plaintexts, keys, encryptionContext })
        const { calls, sdk } = yield* cachingClient(key)
        for (const [index, message] of messages.entries()) {
          assert.deepStrictEqual((yield* sdk.decrypt(message)).plaintext, plaintexts[index])
        }
        assert.deepStrictEqual(calls, { generateDataKey: 0, decrypt: 1 })
      })
  )

  it.effect.each(suites)(
    "we encrypt under a cached data key with one call, Python decrypts: $name",
    (algorithmSuite) =>
      Effect.gen(function*() {
        const python = yield* Python.Python
        const key = yield* createKey()
        const { calls, sdk } = yield* cachingClient(key)
        for (const plaintext of plaintexts) {
          const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite, encryptionContext })
          const decrypted = yield* python.decrypt({ message, keys: [{ type: "kms", keyIds: [key] }] })
          assert.deepStrictEqual(decrypted.plaintext, plaintext)
        }
        assert.deepStrictEqual(calls, { generateDataKey: 1, decrypt: 0 })
      })
  )
})
