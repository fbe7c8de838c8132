/** The scenarios in which other implementations try their multi-Region keyrings, each with every algorithm suite, through the client. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AlgorithmSuite, type Keyring, type KeyringError } from "effect-encryption-sdk"
import { type Kms, KmsMrkDiscoveryKeyring, KmsMrkKeyring } from "effect-encryption-sdk/kms"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { clientOf, policyFor } from "../support/client.ts"
import { callsOf } from "../support/kmsKeyring.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const account = "658956600833"
const arnIn = (region: string) => `arn:aws:kms:${region}:${account}:key/mrk-80bd8ecdcd4342aebd84b7dc9da498a7`
const [oregon, virginia] = [arnIn("us-west-2"), arnIn("us-east-1")] as const

const Replicated = ScriptedKms.layer({ keys: [{ arn: oregon, replicaRegions: ["us-east-1"] }] }).pipe(
  Layer.provide(TestPrimitives.layer)
)

type Make = Effect.Effect<Keyring.Keyring, KeyringError.KeyringError, Kms.Kms | Kms.KmsDecrypt>

const strict = (generatorKeyId: string): Make => KmsMrkKeyring.make({ generatorKeyId })
const discovery = (options: Partial<KmsMrkDiscoveryKeyring.Options> = {}): Make =>
  KmsMrkDiscoveryKeyring.make({ regions: ["us-west-2"], ...options })
const discoveryFilter = { partition: "aws", accountIds: [account] }

/** The title, the key that encrypts, the keyring that decrypts, and the key that it calls. */
const scenarios: ReadonlyArray<readonly [string, string, Make, string]> = [
  ["us-west-2 to us-west-2", oregon, strict(oregon), oregon],
  ["us-west-2 to us-east-1", oregon, strict(virginia), virginia],
  ["us-east-1 to us-west-2", virginia, strict(oregon), oregon],
  ["us-east-1 to us-east-1", virginia, strict(virginia), virginia],
  ["us-west-2 to discovery in us-west-2, without a filter", oregon, discovery(), oregon],
  ["us-east-1 to discovery in us-west-2, without a filter", virginia, discovery(), oregon],
  ["us-west-2 to discovery in us-west-2, with a filter", oregon, discovery({ discoveryFilter }), oregon],
  ["us-east-1 to discovery in us-west-2, with a filter", virginia, discovery({ discoveryFilter }), oregon]
]

describe("multi-Region keys", () => {
  it.effect.each(scenarios)("from %s, with every suite", ([, from, reads, calls]) =>
    Effect.gen(function*() {
      const [writer, reader] = [yield* strict(from), yield* reads]
      const script = yield* ScriptedKms.ScriptedKms
      for (const algorithmSuite of AlgorithmSuite.all) {
        const commitmentPolicy = policyFor(algorithmSuite)
        const { header, message } = yield* (yield* clientOf(writer, { commitmentPolicy })).encrypt("order 1", {
          algorithmSuite
        })
        assert.strictEqual(Buffer.from(header.encryptedDataKeys[0]!.keyProviderInfo).toString(), from)
        yield* script.clearLog
        const { plaintext } = yield* (yield* clientOf(reader, { commitmentPolicy })).decrypt(message)
        assert.strictEqual(new TextDecoder().decode(plaintext), "order 1")
        assert.deepStrictEqual(yield* callsOf, [`Decrypt ${calls}`])
      }
    }).pipe(Effect.provide(Replicated)))
})
