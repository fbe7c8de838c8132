/**
 * Sections are those of framework/aws-kms/aws-kms-discovery-keyring.md, and with "multi" those of
 * framework/aws-kms/aws-kms-multi-keyrings.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Config, ConfigProvider, Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import { DataKey, Keyring, type KeyringError } from "effect-encryption-sdk"
import { KeyArn, Kms, KmsDiscoveryKeyring, KmsKeyring } from "effect-encryption-sdk/kms"
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

const name = "KmsDiscoveryKeyring"

keyringContract({
  title: "KmsDiscoveryKeyring, with KmsKeyring to encrypt",
  name,
  make: Effect.gen(function*() {
    const services = yield* Layer.build(TestKms)
    const script = Context.get(services, ScriptedKms.ScriptedKms)
    const strict = yield* Effect.provideContext(KmsKeyring.make({ generatorKeyId: one, keyIds: [three] }), services)
    const discovery = yield* Effect.provideContext(KmsDiscoveryKeyring.make({ discoveryFilter }), services)
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

describe("KmsDiscoveryKeyring.make", () => {
  rejectsOptions(
    name,
    "a KMS discovery keyring",
    (options: KmsDiscoveryKeyring.Options) => Effect.provide(KmsDiscoveryKeyring.make(options), TestKms),
    {},
    badOptions("a KMS discovery keyring")
  )

  it.effect("takes no options at all, and keeps no array of the caller's", () =>
    Effect.gen(function*() {
      yield* KmsDiscoveryKeyring.make()
      const accountIds = ["444455556666"]
      const regions = ["eu-west-1"]
      const grantTokens = ["token"]
      const options = { discoveryFilter: { partition: "aws", accountIds }, regions, grantTokens }
      const keyring = yield* KmsDiscoveryKeyring.make(options)
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one })
      accountIds.push("111122223333")
      regions.push("us-east-1")
      options.discoveryFilter.partition = "aws-cn"
      const [row] = skipped(yield* keyring.onDecrypt(toDecrypt(), encryptedDataKeys))
      assert.strictEqual(row!.description, "its account 111122223333 is not in the discovery filter")
      assert.strictEqual(keyring.name, name)
    }).pipe(Effect.provide(TestKms)))

  const configured = ConfigProvider.fromUnknown({ ACCOUNTS: ["111122223333"], PARTITION: "aws" })
  it.effect.each<
    [string, Layer.Layer<Keyring.Keyring, Config.ConfigError | KeyringError.KeyringError, Kms.KmsDecrypt>]
  >([
    ["layer", KmsDiscoveryKeyring.layer({ discoveryFilter })],
    ["layer without options", KmsDiscoveryKeyring.layer()],
    [
      "layerConfig",
      KmsDiscoveryKeyring.layerConfig({
        discoveryFilter: {
          partition: Config.String("PARTITION"),
          accountIds: Config.schema(Schema.Array(Schema.String), "ACCOUNTS")
        }
      })
    ]
  ])("%s is the keyring of the program", ([, layer]) =>
    Effect.gen(function*() {
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one })
      unwrapped(yield* (yield* Keyring.Keyring).onDecrypt(toDecrypt(), encryptedDataKeys))
    }).pipe(
      Effect.provide(Layer.provideMerge(layer, Layer.mergeAll(TestKms, ConfigProvider.layer(configured))))
    ))
})

describe("KmsDiscoveryKeyring.onDecrypt", () => {
  onlyDecrypts(name, KmsDiscoveryKeyring.make({ discoveryFilter }))
  failsOnMalformed(name, "#ondecrypt", KmsDiscoveryKeyring.make({ discoveryFilter, regions: ["us-east-1"] }))

  it.effect("#ondecrypt: other key providers, partitions, accounts and Regions are not its own, each with its reason", () =>
    Effect.gen(function*() {
      const keyring = yield* KmsDiscoveryKeyring.make({ discoveryFilter, regions: ["us-east-1"] })
      const foreign = [
        edk("AWS-KMS", one),
        edk("aws-kms", one.replace(":aws:", ":aws-cn:")),
        edk("aws-kms", one.replace("111122223333", "444455556666")),
        edk("aws-kms", three)
      ]
      yield* Effect.exit(keyring.onDecrypt(toDecrypt(), foreign))
      assert.deepStrictEqual(yield* callsOf, [])
      const rows = skipped(yield* keyring.onDecrypt(toDecrypt(), foreign))
      assert.deepStrictEqual(rows.map(({ description }) => description), [
        "its key provider is not aws-kms",
        "its partition aws-cn is not that of the discovery filter",
        "its account 444455556666 is not in the discovery filter",
        "its Region eu-central-1 is not us-east-1"
      ])
    }).pipe(Effect.provide(TestKms)))

  it.effect("#ondecrypt: calls Decrypt with the ARN, context and grant tokens, in the order of the message, until one unwraps", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: three, keyIds: [one, two] })
      const keyring = yield* KmsDiscoveryKeyring.make({ discoveryFilter, grantTokens: ["token"] })
      yield* script.clearLog
      yield* script.when({ keyId: three }, ScriptedKms.fail("AccessDenied"))
      const result = unwrapped(yield* keyring.onDecrypt(toDecrypt(), [edk("raw", "name"), ...encryptedDataKeys]))
      assert.strictEqual(result.encryptedDataKey, encryptedDataKeys[1])
      assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), bytes)
      assert.deepStrictEqual(
        (yield* script.calls).map(({ encryptionContextKeys, grantTokens, keyId, operation }) => [
          operation,
          keyId,
          encryptionContextKeys,
          grantTokens
        ]),
        [three, one].map((key) => ["Decrypt", key, ["tenant", "purpose"], ["token"]])
      )
    }).pipe(Effect.provide(TestKms)))

  it.effect("#ondecrypt: where none unwraps, the failure has the refusal of each", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [two, three] })
      const keyring = yield* KmsDiscoveryKeyring.make()
      yield* script.when({ operation: "Decrypt", keyId: one }, ScriptedKms.fail("Throttled"))
      yield* script.when({ operation: "Decrypt", keyId: two }, ScriptedKms.fail("AccessDenied"))
      yield* script.when({ operation: "Decrypt", keyId: three }, ScriptedKms.fail("KeyNotFound"))
      const rows = yield* rowsOf(keyring.onDecrypt(toDecrypt(), encryptedDataKeys), name)
      assert.deepStrictEqual(
        rows.map((row) => row._tag === "Attempted" ? [row.index, row.keyProviderInfo, row.failure] : row._tag),
        [[0, one, "Throttled"], [1, two, "AccessDenied"], [2, three, "KeyNotFound"]]
      )
    }).pipe(Effect.provide(TestKms)))

  it.effect.each<[string, () => Partial<ScriptedKms.Response>]>([
    ["KeyIdMismatch", () => ({ keyId: two })],
    ["KeyIdMismatch", () => ({ keyId: "" })],
    ["PlaintextLengthMismatch", () => ({ plaintext: DataKey.make(new Uint8Array(16).fill(1)) })],
    ["PlaintextAllZero", () => ({ plaintext: DataKey.make(new Uint8Array(32)) })]
  ])(
    "#ondecrypt: %s in a response is a failed attempt, its plaintext is zeroed at once, the next is tried",
    ([code, response]) =>
      Effect.gen(function*() {
        const script = yield* ScriptedKms.ScriptedKms
        const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [three] })
        const keyring = yield* KmsDiscoveryKeyring.make({ discoveryFilter })
        yield* script.clearLog
        yield* script.when({ operation: "Decrypt", keyId: one }, ScriptedKms.tamper(response))
        const rows = yield* rowsOf(keyring.onDecrypt(toDecrypt(), encryptedDataKeys.slice(0, 1)), name)
        assert.deepInclude(rows[0], { failure: "InvalidAnswer", code, isRetryable: false })
        assert.strictEqual(yield* script.unreleased, 0)
        const scope = yield* Scope.make()
        const result = unwrapped(yield* Scope.provide(keyring.onDecrypt(toDecrypt(), encryptedDataKeys), scope))
        assert.strictEqual(result.encryptedDataKey, encryptedDataKeys[1])
        assert.strictEqual(yield* script.unreleased, 1)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* script.unreleased, 0)
      }).pipe(Effect.provide(TestKms))
  )

  it.effect("multi #aws-kms-discovery-multi-keyring: Regions are tried in their order, keys in their own Region alone", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one, keyIds: [three, two] })
      const keyring = yield* KmsDiscoveryKeyring.make({ regions: ["eu-central-1", "us-west-2", "us-east-1"] })
      yield* script.clearLog
      yield* script.when({ times: 2 }, ScriptedKms.fail("AccessDenied"))
      const result = unwrapped(yield* keyring.onDecrypt(toDecrypt(), encryptedDataKeys))
      assert.strictEqual(result.encryptedDataKey, encryptedDataKeys[2])
      assert.deepStrictEqual(yield* callsOf, [three, one, two].map((key) => `Decrypt ${key}`))
    }).pipe(Effect.provide(TestKms)))

  it.effect("a Kms that breaks its contract fails the decrypt at once", () =>
    Effect.gen(function*() {
      let calls = 0
      const broken = Kms.KmsDecrypt.of({
        decrypt: () => {
          calls++
          throw new Error("a bug")
        }
      })
      const keyring = yield* Effect.provideService(
        KmsDiscoveryKeyring.make({ regions: ["us-east-1", "eu-central-1"] }),
        Kms.KmsDecrypt,
        broken
      )
      const { reason } = yield* reasonOf(
        keyring.onDecrypt(toDecrypt(), [edk("aws-kms", one), edk("aws-kms", three)]),
        name
      )
      assert.deepInclude(reason, { _tag: "BrokenContract", part: "Kms.decrypt" })
      assert.strictEqual(calls, 1)
    }))

  const oneOf = <A>(...values: ReadonlyArray<A>) => Schema.Literals(values as never) as unknown as Schema.Schema<A>
  const Arn = Schema.Struct({
    partition: oneOf("aws", "aws-cn", "aws-us-gov"),
    account: oneOf("111122223333", "444455556666", "777788889999", "1111222233330"),
    region: oneOf("us-east-1", "eu-central-1", "cn-north-1"),
    keyId: oneOf("mrk-1", "1234", "111122223333", "aws/1")
  })
  it.effect.prop(
    "never calls a key outside of its filter and its Regions, and each inside of them once",
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
        const keyring = yield* KmsDiscoveryKeyring.make({
          discoveryFilter: { partition, accountIds },
          regions: [region, "us-west-2"]
        })
        const texts = arns.map((arn) => KeyArn.format({ _tag: "KeyArn", ...arn }))
        yield* Effect.exit(keyring.onDecrypt(toDecrypt(), texts.map((text) => edk("aws-kms", text))))
        const inside = arns.map((arn) =>
          arn.partition === partition && accountIds.includes(arn.account) && arn.region === region
        )
        assert.deepStrictEqual(
          yield* callsOf,
          texts.filter((_, index) => inside[index]).map((text) => `Decrypt ${text}`)
        )
      }).pipe(
        Effect.provide(Layer.provide(ScriptedKms.layer(), TestPrimitives.layer))
      ),
    { arbitrary: { seed: "discovery", runs: 200 } }
  )
})
