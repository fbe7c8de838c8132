/**
 * Sections are those of framework/aws-kms/aws-kms-mrk-discovery-keyring.md, and with "multi" those of
 * framework/aws-kms/aws-kms-mrk-multi-keyrings.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Config, ConfigProvider, Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import { DataKey, Keyring, type KeyringError } from "effect-encryption-sdk"
import { KeyArn, Kms, KmsKeyring, KmsMrkDiscoveryKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { badOptions, discoveryFilter, onlyDecrypts } from "../support/discoveryKeyring.ts"
import { keyBytes, keyringContract, rejectsOptions, skipped, unwrapped } from "../support/keyringContract.ts"
import {
  callsOf,
  edk,
  failsOnMalformed,
  one,
  reasonOf,
  rowsOf,
  TestKms,
  three,
  toDecrypt,
  two,
  wrapped
} from "../support/kmsKeyring.ts"
import { exampleContext } from "../support/materials.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const name = "KmsMrkDiscoveryKeyring"
const owner = "a KMS multi-Region discovery keyring"
const replica = two.replace("us-east-1", "eu-central-1")
const Replicated = ScriptedKms.layer({
  keys: [{ arn: one }, { arn: two, replicaRegions: ["eu-central-1"] }, { arn: three }]
}).pipe(Layer.provide(TestPrimitives.layer))

keyringContract({
  title: "KmsMrkDiscoveryKeyring of another Region, with KmsKeyring to encrypt",
  name,
  make: Effect.gen(function*() {
    const services = yield* Layer.build(Replicated)
    const script = Context.get(services, ScriptedKms.ScriptedKms)
    const strict = yield* Effect.provideContext(KmsKeyring.make({ generatorKeyId: two, keyIds: [three] }), services)
    const discovery = yield* Effect.provideContext(
      KmsMrkDiscoveryKeyring.make({ regions: ["eu-central-1"], discoveryFilter }),
      services
    )
    return {
      keyring: Keyring.make({ name, onEncrypt: strict.onEncrypt, onDecrypt: discovery.onDecrypt }),
      wrapByHand: (dataKey) =>
        Context.get(services, Kms.Kms).encrypt({
          keyId: two,
          encryptionContext: exampleContext,
          grantTokens: [],
          plaintext: DataKey.make(new Uint8Array(dataKey))
        }).pipe(Effect.orDie, Effect.map(({ ciphertextBlob }) => edk("aws-kms", two, ciphertextBlob))),
      dataKeys: Effect.map(script.handedOut, (handedOut) => handedOut.map(({ bytes }) => bytes))
    }
  }),
  bindsContext: true,
  rejects: "InvalidCiphertextException",
  alsoRejects: ["IncorrectKeyException"],
  invalidKeys: [[keyBytes(16), "PlaintextLengthMismatch"], [new Uint8Array(32), "PlaintextAllZero"]]
})

describe("KmsMrkDiscoveryKeyring.make", () => {
  rejectsOptions(
    name,
    owner,
    (options: KmsMrkDiscoveryKeyring.Options) => Effect.provide(KmsMrkDiscoveryKeyring.make(options), TestKms),
    { regions: ["us-east-1"] },
    [
      // #initialization: MUST fail where the Region is missing or null.
      ["no Regions", { regions: undefined }, "regions", "must be an array of at least one Region"],
      ["null for Regions", { regions: null }, "regions", "must be an array of at least one Region"],
      ...badOptions(owner)
    ]
  )

  type Layers = Layer.Layer<Keyring.Keyring, Config.ConfigError | KeyringError.KeyringError, Kms.KmsDecrypt>
  it.effect.each<[string, Layers]>([
    ["layer", KmsMrkDiscoveryKeyring.layer({ regions: ["eu-central-1"] })],
    [
      "layerConfig",
      KmsMrkDiscoveryKeyring.layerConfig({ regions: Config.schema(Schema.Array(Schema.String), "REGIONS") })
    ]
  ])("%s is the keyring of the program", ([, layer]) =>
    Effect.gen(function*() {
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: two })
      unwrapped(yield* (yield* Keyring.Keyring).onDecrypt(toDecrypt(), encryptedDataKeys))
    }).pipe(
      Effect.provide(Layer.provideMerge(
        layer,
        Layer.mergeAll(Replicated, ConfigProvider.layer(ConfigProvider.fromUnknown({ REGIONS: ["eu-central-1"] })))
      ))
    ))
})

describe("KmsMrkDiscoveryKeyring.onDecrypt", () => {
  onlyDecrypts(name, KmsMrkDiscoveryKeyring.make({ regions: ["us-east-1"] }))
  failsOnMalformed(name, "#ondecrypt", KmsMrkDiscoveryKeyring.make({ regions: ["us-east-1"] }))

  it.effect("#ondecrypt: other key providers, partitions, accounts, and single-Region keys of other Regions are skipped", () =>
    Effect.gen(function*() {
      const keyring = yield* KmsMrkDiscoveryKeyring.make({ discoveryFilter, regions: ["us-east-1"] })
      const foreign = [
        edk("AWS-KMS", two),
        edk("aws-kms", two.replace(":aws:", ":aws-cn:")),
        edk("aws-kms", two.replace("111122223333", "444455556666")),
        edk("aws-kms", three)
      ]
      yield* Effect.exit(keyring.onDecrypt(toDecrypt(), foreign))
      assert.deepStrictEqual(yield* callsOf, [])
      const rows = skipped(yield* keyring.onDecrypt(toDecrypt(), foreign))
      assert.deepStrictEqual(rows.map(({ description }) => description), [
        "its key provider is not aws-kms",
        "its partition aws-cn is not that of the discovery filter",
        "its account 444455556666 is not in the discovery filter",
        "its Region eu-central-1 is not us-east-1, and it is no multi-Region key"
      ])
    }).pipe(Effect.provide(TestKms)))

  it.effect("#ondecrypt: calls the replica in its Region, other keys by the ARN of the message, with context and grant tokens", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [three, two] })
      const keyring = yield* KmsMrkDiscoveryKeyring.make({ regions: ["eu-central-1"], grantTokens: ["token"] })
      yield* script.clearLog
      yield* script.when({ keyId: three }, ScriptedKms.fail("AccessDenied"))
      const result = unwrapped(yield* keyring.onDecrypt(toDecrypt(), [edk("raw", "name"), ...encryptedDataKeys]))
      assert.strictEqual(result.encryptedDataKey, encryptedDataKeys[2])
      assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), bytes)
      assert.deepStrictEqual(
        (yield* script.calls).map(({ encryptionContextKeys, grantTokens, keyId, operation }) => [
          operation,
          keyId,
          encryptionContextKeys,
          grantTokens
        ]),
        [three, replica].map((key) => ["Decrypt", key, ["tenant", "purpose"], ["token"]])
      )
    }).pipe(Effect.provide(Replicated)))

  it.effect.each<[string, () => Partial<ScriptedKms.Response>]>([
    // The ARN of the message is not what the response must name: the key of the request is.
    ["KeyIdMismatch", () => ({ keyId: two })],
    ["KeyIdMismatch", () => ({ keyId: three })],
    ["PlaintextLengthMismatch", () => ({ plaintext: DataKey.make(new Uint8Array(16).fill(1)) })],
    ["PlaintextAllZero", () => ({ plaintext: DataKey.make(new Uint8Array(32)) })]
  ])(
    "#ondecrypt: %s in a response is a failed attempt, and the next is tried: row %#",
    ([code, response]) =>
      Effect.gen(function*() {
        const script = yield* ScriptedKms.ScriptedKms
        const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: two, keyIds: [three] })
        const keyring = yield* KmsMrkDiscoveryKeyring.make({ regions: ["eu-central-1"] })
        yield* script.clearLog
        yield* script.when({ keyId: replica }, ScriptedKms.tamper(response))
        const rows = yield* rowsOf(keyring.onDecrypt(toDecrypt(), encryptedDataKeys.slice(0, 1)), name)
        assert.deepInclude(rows[0], { failure: "InvalidAnswer", code, keyProviderInfo: two, isRetryable: false })
        assert.strictEqual(yield* script.unreleased, 0)
        const scope = yield* Scope.make()
        const result = unwrapped(yield* Scope.provide(keyring.onDecrypt(toDecrypt(), encryptedDataKeys), scope))
        assert.strictEqual(result.encryptedDataKey, encryptedDataKeys[1])
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* script.unreleased, 0)
      }).pipe(Effect.provide(Replicated))
  )

  it.effect("multi #aws-kms-mrk-discovery-multi-keyring: every Region in its order, and in each the keys in that of the message", () =>
    Effect.gen(function*() {
      const keyring = yield* KmsMrkDiscoveryKeyring.make({ regions: ["eu-central-1", "ap-south-1", "us-east-1"] })
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [two, three] })
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.clearLog
      yield* script.when({ keyId: replica }, ScriptedKms.fail("KeyUnavailable"))
      yield* script.when({ keyId: three }, ScriptedKms.fail("Throttled"))
      yield* script.when({ keyId: one }, ScriptedKms.fail("AccessDenied"))
      const result = unwrapped(yield* keyring.onDecrypt(toDecrypt(), encryptedDataKeys))
      assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), bytes)
      assert.strictEqual(result.encryptedDataKey, encryptedDataKeys[1])
      assert.deepStrictEqual(
        yield* callsOf,
        [replica, three, two.replace("us-east-1", "ap-south-1"), one, two].map((key) => `Decrypt ${key}`)
      )
      yield* script.when({ keyId: two }, ScriptedKms.fail("AccessDenied"))
      const { isRetryable, reason } = yield* reasonOf(keyring.onDecrypt(toDecrypt(), encryptedDataKeys), name)
      assert.isTrue(isRetryable)
      if (reason._tag !== "DataKeyNotUnwrapped") return assert.fail(reason._tag)
      assert.deepStrictEqual(
        reason.encryptedDataKeys.map((row) => [row.index, row._tag === "Attempted" ? row.failure : row._tag]),
        [
          [0, "Skipped"],
          [1, "KeyUnavailable"],
          [2, "Throttled"],
          [0, "Skipped"],
          [1, "KeyNotFound"],
          [2, "Skipped"],
          [0, "AccessDenied"],
          [1, "AccessDenied"],
          [2, "Skipped"]
        ]
      )
    }).pipe(Effect.provide(Replicated)))

  it.effect("a message is read in the Region where it is needed, also when the Region that wrote it is gone", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: two })
      yield* control.deleteKey(two)
      const keyring = yield* KmsMrkDiscoveryKeyring.make({ regions: ["us-east-1", "eu-central-1"] })
      const result = unwrapped(yield* keyring.onDecrypt(toDecrypt(), encryptedDataKeys))
      assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), bytes)
    }).pipe(Effect.provide(Replicated)))

  const oneOf = <A>(...values: ReadonlyArray<A>) => Schema.Literals(values as never) as unknown as Schema.Schema<A>
  const Arn = Schema.Struct({
    partition: oneOf("aws", "aws-cn", "aws-iso"),
    account: oneOf("111122223333", "444455556666", "1111222233330"),
    region: oneOf("us-east-1", "eu-central-1", "us-iso-east-1"),
    keyId: oneOf("mrk-1", "1234", "mrk", "a/mrk-1")
  })
  it.effect.prop(
    "never calls a key outside of its filter, nor another Region than its own",
    {
      arns: Arbitrary.array(Arbitrary.schema(Arn), { maxLength: 8 }),
      partition: Arbitrary.schema(Arn.fields.partition),
      accountIds: Arbitrary.array(Arbitrary.schema(oneOf("111122223333", "444455556666")), {
        minLength: 1,
        maxLength: 2
      }),
      region: Arbitrary.schema(Arn.fields.region)
    },
    ({ accountIds, arns, partition, region }) =>
      Effect.gen(function*() {
        const regions = [region, "us-west-2"]
        const keyring = yield* KmsMrkDiscoveryKeyring.make({ regions, discoveryFilter: { partition, accountIds } })
        const wrapped = arns.map((arn) => edk("aws-kms", KeyArn.format({ _tag: "KeyArn", ...arn })))
        yield* Effect.exit(keyring.onDecrypt(toDecrypt(), wrapped))
        const own = arns.filter((arn) => arn.partition === partition && accountIds.includes(arn.account))
        assert.deepStrictEqual(
          yield* callsOf,
          regions.flatMap((region) =>
            own.filter((arn) => arn.keyId === "mrk-1" || arn.region === region).map((arn) =>
              `Decrypt arn:${partition}:kms:${region}:${arn.account}:key/${arn.keyId}`
            )
          )
        )
      }).pipe(Effect.provide(Layer.provide(ScriptedKms.layer(), TestPrimitives.layer))),
    { arbitrary: { seed: "mrk-discovery", runs: 200 } }
  )
})
