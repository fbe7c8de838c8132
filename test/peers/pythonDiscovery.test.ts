/**
 * Discovery, both ways, with the AWS Encryption SDK for Python, over keys of one KMS server that both call. Multi-Region keys
 * are in test/interop/javascript-sdk-kms.test.ts: the replicas of this server do not unwrap for each other.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { KmsDiscoveryKeyring, KmsKeyring } from "effect-encryption-sdk/kms"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { clientFor, fromPython, toPython } from "./support/crossing.ts"
import { createKey, layer as KmsServer, regions } from "./support/kmsServer.ts"
import * as Python from "./support/python.ts"
import { signed, unsigned } from "../support/suites.ts"

const Peers = Layer.mergeAll(Python.layer, NodePrimitives.layer, KmsServer)
const accountOf = (arn: string) => arn.split(":")[4]!

layer(Peers)("Python and discovery", (it) => {
  for (const suite of [unsigned, signed]) {
    it.effect(`both ways, keys of two Regions: ${suite.name}`, () =>
      Effect.gen(function*() {
        const keyIds = [yield* createKey(regions[1]), yield* createKey(regions[0])]
        const discoveryFilter = { partition: "aws", accountIds: [accountOf(keyIds[0]!)] }
        const writer = yield* KmsKeyring.make({ generatorKeyId: keyIds[0], keyIds: keyIds.slice(1) })
        yield* toPython({
          keyring: writer,
          keys: [{ type: "kms-discovery", ...discoveryFilter }],
          suite,
          encryptedDataKeys: 2,
          countAs: "KmsDiscoveryKeyring"
        })
        for (const options of [{}, { discoveryFilter }, { discoveryFilter, regions: [regions[0]] }]) {
          yield* fromPython({
            keyring: yield* KmsDiscoveryKeyring.make(options),
            keys: [{ type: "kms", keyIds }],
            suite,
            encryptedDataKeys: 2
          })
        }
      }))
  }

  it.effect("neither decrypts under the keys of an account outside of the filter", () =>
    Effect.gen(function*() {
      const key = yield* createKey()
      const filter = { partition: "aws", accountIds: ["000000000001"] }
      const { message } = yield* (yield* clientFor(unsigned, yield* KmsKeyring.make({ generatorKeyId: key })))
        .encrypt("order 1", { algorithmSuite: unsigned })
      const keyring = yield* KmsDiscoveryKeyring.make({ discoveryFilter: filter })
      const { reason } = yield* Effect.flip((yield* clientFor(unsigned, keyring)).decrypt(message))
      assert.strictEqual(reason._tag, "NoDataKeyUnwrapped")
      const python = yield* Python.Python
      yield* Effect.flip(python.decrypt({ message, keys: [{ type: "kms-discovery", ...filter }] }))
    }))
})
