/**
 * Sections are those of framework/aws-kms/aws-kms-mrk-keyring.md, with "multi" those of
 * framework/aws-kms/aws-kms-mrk-multi-keyrings.md, with "unique" those of framework/aws-kms/aws-kms-mrk-are-unique.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import { DataKey, MultiKeyring } from "effect-encryption-sdk"
import { Kms, KmsKeyring, KmsMrkKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import {
  keyBytes,
  keyringContract,
  layersMake,
  rejectsOptions,
  skipped,
  unwrapped
} from "../support/keyringContract.ts"
import {
  alias,
  aliasArn,
  callsOf,
  edk,
  failsOnMalformed,
  infos,
  one,
  reasonOf,
  rowsOf,
  TestKms,
  three,
  toDecrypt,
  toEncrypt,
  two,
  wrapped
} from "../support/kmsKeyring.ts"
import { exampleContext } from "../support/materials.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const name = "KmsMrkKeyring"
const replica = two.replace("us-east-1", "eu-central-1")
const id = two.split("/")[1]!
const Replicated = ScriptedKms.layer({
  keys: [{ arn: one, aliases: [alias] }, { arn: two, replicaRegions: ["eu-central-1"] }, { arn: three }]
}).pipe(Layer.provide(TestPrimitives.layer))

keyringContract({
  title: "KmsMrkKeyring, of what a replica wrapped",
  name,
  returnsUnlocked: true,
  make: Effect.gen(function*() {
    const services = yield* Layer.build(Replicated)
    const script = Context.get(services, ScriptedKms.ScriptedKms)
    return {
      keyring: yield* Effect.provideContext(
        KmsMrkKeyring.make({ generatorKeyId: replica, keyIds: [one] }),
        services
      ),
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

describe("KmsMrkKeyring.make", () => {
  const other = two.replace("us-east-1:111122223333", "ap-south-1:444455556666")
  const third = "arn:aws:kms:us-east-1:111122223333:key/mrk-3"
  rejectsOptions(
    name,
    "a KMS multi-Region keyring",
    (options: KmsMrkKeyring.Options) => Effect.provide(KmsMrkKeyring.make(options), TestKms),
    {},
    [
      // #initialization: the key identifier MUST NOT be null or empty, and MUST be valid.
      ["no key", {}, "generatorKeyId", "is missing, and so are keyIds: at least one key must be named"],
      ["an empty name", { generatorKeyId: "" }, "generatorKeyId", /is empty/],
      ["null", { keyIds: [one, null] }, "keyIds[1]", "must be a string, got object"],
      ["another service's ARN", { keyIds: ["arn:aws:s3:::bucket"] }, "keyIds[0]", /ARN of the service "s3"/],
      ["a key twice", { generatorKeyId: one, keyIds: [one] }, "keyIds[0]", /which generatorKeyId names already/],
      ["an empty grant token", { generatorKeyId: one, grantTokens: [""] }, "grantTokens[0]", /not empty/],
      // unique #implementation and multi #aws-kms-mrk-multi-keyring: the error has all duplicates, not only the first.
      [
        "replicas of two keys, and one of a third",
        {
          generatorKeyId: two,
          keyIds: [one, third, replica, third.replace("us-east", "eu-west"), other, id, `${three}1`]
        },
        "keyIds",
        `must name one replica of a multi-Region key, got ${
          [two, third, replica, third.replace("us-east", "eu-west"), other, id].join(", ")
        }`
      ],
      [
        "one replica twice, and another",
        { keyIds: [two, two, replica] },
        "keyIds",
        `must name one replica of a multi-Region key, got ${[two, two, replica].join(", ")}`
      ]
    ]
  )

  it.effect("unique #implementation: other keys, and aliases of one name in two Regions, are no duplicates", () =>
    Effect.gen(function*() {
      yield* KmsMrkKeyring.make({
        generatorKeyId: one,
        keyIds: [
          one.replace("us-east-1", "eu-central-1"),
          two,
          "alias/mrk-1",
          aliasArn.replace("orders", "mrk-1"),
          aliasArn.replace("orders", "mrk-1").replace("us-east-1", "eu-central-1"),
          alias
        ]
      })
      assert.deepStrictEqual(yield* callsOf, [])
    }).pipe(Effect.provide(TestKms)))

  layersMake(name, {
    layer: KmsMrkKeyring.layer({ generatorKeyId: two }).pipe(Layer.provide(TestKms)),
    layerConfig: KmsMrkKeyring.layerConfig({
      generatorKeyId: Config.String("GENERATOR"),
      keyIds: Config.schema(Schema.Array(Schema.String), "KEYS")
    }).pipe(
      Layer.provide([TestKms, ConfigProvider.layer(ConfigProvider.fromUnknown({ GENERATOR: one, KEYS: [two] }))])
    )
  })
})

describe("KmsMrkKeyring.onEncrypt", () => {
  it.effect("#onencrypt: GenerateDataKey and Encrypt under the configured names; messages name the ARNs of the responses", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const keyring = yield* KmsMrkKeyring.make({ generatorKeyId: alias, keyIds: [replica], grantTokens: ["token"] })
      const { encryptedDataKeys } = yield* keyring.onEncrypt(toEncrypt())
      assert.deepStrictEqual(infos(encryptedDataKeys), [`aws-kms ${one}`, `aws-kms ${replica}`])
      assert.deepStrictEqual(yield* callsOf, [`GenerateDataKey ${alias}`, `Encrypt ${replica}`])
      for (const { encryptionContextKeys, grantTokens } of yield* script.calls) {
        assert.deepStrictEqual([encryptionContextKeys, grantTokens], [["tenant", "purpose"], ["token"]])
      }
      yield* script.clearLog
      // A data key that is there is wrapped under all keys.
      yield* keyring.onEncrypt(toEncrypt({ plaintextDataKey: DataKey.make(keyBytes(32)) }))
      assert.deepStrictEqual(yield* callsOf, [`Encrypt ${alias}`, `Encrypt ${replica}`])
    }).pipe(Effect.provide(Replicated)))

  it.effect.each<[ScriptedKms.Operation, string, Partial<ScriptedKms.Response>]>([
    ["GenerateDataKey", "PlaintextLengthMismatch", { plaintext: DataKey.make(new Uint8Array(16).fill(1)) }],
    ["GenerateDataKey", "KeyIdNotAKeyArn", { keyId: id }],
    ["GenerateDataKey", "KeyIdNotAKeyArn", { keyId: aliasArn }],
    ["Encrypt", "KeyIdNotAKeyArn", { keyId: id }]
  ])(
    "#onencrypt: %s whose response is wrong fails with %s, and materials stay as they are",
    ([operation, code, response]) =>
      Effect.gen(function*() {
        const script = yield* ScriptedKms.ScriptedKms
        const keyring = yield* KmsMrkKeyring.make({ generatorKeyId: two, keyIds: [one] })
        yield* script.when({ operation }, ScriptedKms.tamper(() => response))
        const materials = toEncrypt()
        const { reason } = yield* reasonOf(Effect.scoped(keyring.onEncrypt(materials)), name)
        assert.deepInclude(reason, { _tag: "DataKeyNotWrapped", failure: "InvalidAnswer", code })
        assert.deepStrictEqual(materials, toEncrypt())
        assert.strictEqual(yield* script.unreleased, 0)
      }).pipe(Effect.provide(TestKms))
  )

  it.effect.each<[ScriptedKms.Operation, string]>([["GenerateDataKey", two], ["Encrypt", one]])(
    "#onencrypt: fails where %s does",
    ([operation, keyName]) =>
      Effect.gen(function*() {
        const script = yield* ScriptedKms.ScriptedKms
        const keyring = yield* KmsMrkKeyring.make({ generatorKeyId: two, keyIds: [one] })
        yield* script.when({ operation }, ScriptedKms.fail("AccessDenied"))
        const { reason } = yield* reasonOf(Effect.scoped(keyring.onEncrypt(toEncrypt())), name)
        assert.deepInclude(reason, { _tag: "DataKeyNotWrapped", keyName, failure: "AccessDenied" })
      }).pipe(Effect.provide(TestKms))
  )
})

describe("KmsMrkKeyring.onDecrypt", () => {
  it.effect("#ondecrypt: materials that have a data key come back as they are", () =>
    Effect.gen(function*() {
      const keyring = yield* KmsMrkKeyring.make({ generatorKeyId: two })
      const plaintextDataKey = DataKey.make(keyBytes(32))
      const unwrappedDataKey = edk("aws-kms", one)
      const materials = { ...toDecrypt(), plaintextDataKey, unwrappedDataKey, verificationKey: undefined }
      const result = unwrapped(yield* Effect.scoped(keyring.onDecrypt(materials, [edk("aws-kms", two)])))
      assert.strictEqual(result.plaintextDataKey, plaintextDataKey)
      assert.strictEqual(result.encryptedDataKey, unwrappedDataKey)
      assert.deepStrictEqual(DataKey.value(plaintextDataKey), keyBytes(32))
      assert.deepStrictEqual(yield* callsOf, [])
    }).pipe(Effect.provide(TestKms)))

  failsOnMalformed(name, "#ondecrypt", KmsMrkKeyring.make({ generatorKeyId: one }))

  it.effect("#ondecrypt: what a replica wrapped is unwrapped under the configured key, with context and grant tokens", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: three, keyIds: [two] })
      const keyring = yield* KmsMrkKeyring.make({ keyIds: [one, replica], grantTokens: ["token"] })
      yield* script.clearLog
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
        [["Decrypt", replica, ["tenant", "purpose"], ["token"]]]
      )
    }).pipe(Effect.provide(Replicated)))

  it.effect("#ondecrypt: keys are called by their configured names, whatever the message names", () =>
    Effect.gen(function*() {
      const keyring = yield* KmsMrkKeyring.make({ keyIds: [replica] })
      yield* Effect.exit(keyring.onDecrypt(toDecrypt(), [edk("aws-kms", two), edk("aws-kms", replica)]))
      assert.deepStrictEqual(yield* callsOf, [`Decrypt ${replica}`, `Decrypt ${replica}`])
    }).pipe(Effect.provide(Replicated)))

  it.effect("#ondecrypt: keys that do not match are skipped, each with its reason", () =>
    Effect.gen(function*() {
      const keyring = yield* KmsMrkKeyring.make({ generatorKeyId: two, keyIds: [one, alias, "mrk-3"] })
      const mrk3 = two.replace(id, "mrk-3")
      const rows = skipped(
        yield* keyring.onDecrypt(toDecrypt(), [
          edk("AWS-KMS", two),
          edk("aws-kms", two.replace("111122223333", "444455556666")),
          edk("aws-kms", two.replace(":aws:", ":aws-cn:")),
          edk("aws-kms", one.replace("us-east-1", "eu-central-1")),
          edk("aws-kms", mrk3)
        ])
      )
      const start = "its key ARN is not configured, and names are compared exactly: "
      const isAlias = `${alias} is an alias, which encrypts but does not decrypt`
      const end = (arn: string) => `. If this is the key that is meant, configure its key ARN ${arn}`
      assert.deepStrictEqual(rows.map(({ description }) => description), [
        "its key provider is not aws-kms",
        `${start}${isAlias}${end(two.replace("111122223333", "444455556666"))}`,
        `${start}${isAlias}${end(two.replace(":aws:", ":aws-cn:"))}`,
        `${start}${isAlias}${end(one.replace("us-east-1", "eu-central-1"))}`,
        `${start}${isAlias}, mrk-3 is the key id of that ARN alone${end(mrk3)}`
      ])
      assert.deepStrictEqual(yield* callsOf, [])
    }).pipe(Effect.provide(TestKms)))

  it.effect.each<[string, () => Partial<ScriptedKms.Response>]>([
    ["KeyIdMismatch", () => ({ keyId: two })],
    ["KeyIdMismatch", () => ({ keyId: one })],
    ["PlaintextLengthMismatch", () => ({ plaintext: DataKey.make(new Uint8Array(16).fill(1)) })],
    ["PlaintextAllZero", () => ({ plaintext: DataKey.make(new Uint8Array(32)) })]
  ])(
    "#ondecrypt: %s in a response is a failed attempt, and the next is tried: row %#",
    ([code, response]) =>
      Effect.gen(function*() {
        const script = yield* ScriptedKms.ScriptedKms
        // The key ARN of the encrypted data key is not what the response must name: the configured key is.
        const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: two, keyIds: [three] })
        const keyring = yield* KmsMrkKeyring.make({ keyIds: [three, replica] })
        yield* script.clearLog
        yield* script.when({ operation: "Decrypt", keyId: replica }, ScriptedKms.tamper(response))
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

  it.effect("#ondecrypt: where none unwraps, the failure has the refusal of each, in the order of the attempts", () =>
    Effect.gen(function*() {
      const script = yield* ScriptedKms.ScriptedKms
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: two, keyIds: [one, three] })
      const keyring = yield* KmsMrkKeyring.make({ keyIds: [one, replica] })
      yield* script.clearLog
      yield* script.when({ keyId: replica }, ScriptedKms.fail("Throttled"))
      yield* script.when({ keyId: one }, ScriptedKms.fail("AccessDenied"))
      const rows = yield* rowsOf(keyring.onDecrypt(toDecrypt(), encryptedDataKeys), name)
      assert.deepStrictEqual(
        rows.map((row) => [row.index, row.keyProviderInfo, row._tag === "Attempted" ? row.failure : row._tag]),
        [[0, two, "Throttled"], [1, one, "AccessDenied"], [2, three, "Skipped"]]
      )
      assert.deepStrictEqual(yield* callsOf, [`Decrypt ${replica}`, `Decrypt ${one}`])
    }).pipe(Effect.provide(Replicated)))

  it.effect("a message of one Region is read in the other, also when the first Region's key is gone", () =>
    Effect.gen(function*() {
      const control = yield* EmbeddedKms.EmbeddedKms
      const { bytes, encryptedDataKeys } = yield* wrapped({ generatorKeyId: two })
      yield* control.deleteKey(two)
      const strict = yield* KmsKeyring.make({ generatorKeyId: replica })
      assert.strictEqual((yield* strict.onDecrypt(toDecrypt(), encryptedDataKeys))._tag, "NotMine")
      const several = yield* MultiKeyring.make({
        children: [strict, yield* KmsMrkKeyring.make({ generatorKeyId: replica })]
      })
      const result = unwrapped(yield* several.onDecrypt(toDecrypt(), encryptedDataKeys))
      assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), bytes)
    }).pipe(Effect.provide(Replicated)))
})
