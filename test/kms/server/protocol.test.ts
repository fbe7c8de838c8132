/** The operations of the KMS server, without a network. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fromBase64, toBase64 } from "../../support/bytes.ts"
import * as Server from "../../support/kmsProtocol.ts"
import { TestClock } from "../../support/TestClock.ts"
import { TestPrimitives } from "../../support/TestPrimitives.ts"

const EncryptionContext = { tenant: "a", "😀": "é" }
const Plaintext = toBase64(Uint8Array.from({ length: 32 }, (_, index) => index))
const blob = (text: unknown) => fromBase64(String(text))

const newKey = (server: Effect.Success<ReturnType<typeof Server.make>>, body: Server.Json = {}, region?: string) =>
  Effect.map(server.succeed("CreateKey", body, region), ({ KeyMetadata }) => KeyMetadata as Record<string, any>)

describe("KMS server: operations on keys", () => {
  it.effect("CreateKey and DescribeKey describe a key, whatever it is named by", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      yield* TestClock.adjust(1500)
      const key = yield* newKey(server, { Description: "ignored", Tags: [{ TagKey: "a", TagValue: "b" }] })
      const { Arn, KeyId } = key
      assert.match(Arn, /^arn:aws:kms:us-east-1:111122223333:key\/[0-9a-f-]{36}$/)
      assert.deepStrictEqual(key, {
        AWSAccountId: "111122223333",
        KeyId: Arn.split("/")[1],
        Arn,
        CreationDate: 1.5,
        Enabled: true,
        Description: "",
        KeyUsage: "ENCRYPT_DECRYPT",
        KeyState: "Enabled",
        Origin: "AWS_KMS",
        KeyManager: "CUSTOMER",
        CustomerMasterKeySpec: "SYMMETRIC_DEFAULT",
        KeySpec: "SYMMETRIC_DEFAULT",
        EncryptionAlgorithms: ["SYMMETRIC_DEFAULT"],
        MultiRegion: false
      })
      assert.deepStrictEqual(yield* server.succeed("CreateAlias", { AliasName: "alias/a/b", TargetKeyId: KeyId }), {})
      for (const name of [Arn, KeyId, "alias/a/b", Arn.replace(/key\/.*$/, "alias/a/b")]) {
        assert.deepStrictEqual(yield* server.succeed("DescribeKey", { KeyId: name, GrantTokens: ["t"] }), {
          KeyMetadata: key
        })
      }
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("a key's spec and usage belong together", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      const agreement = yield* newKey(server, { KeySpec: "ECC_NIST_P256", KeyUsage: "KEY_AGREEMENT" })
      assert.deepInclude(agreement, { KeyAgreementAlgorithms: ["ECDH"], KeyUsage: "KEY_AGREEMENT" })
      assert.notProperty(agreement, "EncryptionAlgorithms")
      const rsa = yield* newKey(server, { CustomerMasterKeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" })
      assert.deepInclude(rsa, {
        CustomerMasterKeySpec: "RSA_2048",
        KeySpec: "RSA_2048",
        EncryptionAlgorithms: ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
      })
      for (
        const [body, field] of [
          [{ KeySpec: "ECC_NIST_P256" }, "KeyUsage"],
          [{ KeySpec: "RSA_2048" }, "KeyUsage"],
          [{ KeySpec: "RSA_2048", KeyUsage: "KEY_AGREEMENT" }, "KeyUsage"],
          [{ KeyUsage: "KEY_AGREEMENT" }, "KeyUsage"],
          [{ KeyUsage: "SIGN_VERIFY" }, "KeyUsage"],
          [{ KeySpec: "SM2", KeyUsage: "KEY_AGREEMENT" }, "KeySpec"],
          [{ KeySpec: "RSA_2048", CustomerMasterKeySpec: "RSA_2048" }, "CustomerMasterKeySpec"]
        ] as const
      ) {
        const { code, message } = yield* server.call("CreateKey", body)
        assert.strictEqual(code, "ValidationException")
        assert.match(message!, new RegExp(`^${field}: `))
      }
      for (const body of [{ Origin: "EXTERNAL" }, { CustomKeyStoreId: "cks" }, { XksKeyId: "x" }]) {
        assert.strictEqual(yield* server.codeOf("CreateKey", body), "UnsupportedOperationException")
      }
      yield* newKey(server, { Origin: "AWS_KMS", CustomKeyStoreId: null })
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("ReplicateKey makes replicas of a primary key, and of nothing else", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      const primary = yield* newKey(server, { MultiRegion: true })
      assert.match(primary["KeyId"], /^mrk-/)
      const { ReplicaKeyMetadata: replica } = yield* server.succeed("ReplicateKey", {
        KeyId: primary["KeyId"],
        ReplicaRegion: "eu-central-1"
      })
      assert.strictEqual(replica.Arn, primary["Arn"].replace("us-east-1", "eu-central-1"))
      const keys = [
        { Arn: primary["Arn"], Region: "us-east-1" },
        { Arn: replica.Arn, Region: "eu-central-1" }
      ]
      assert.deepStrictEqual(replica.MultiRegionConfiguration, {
        MultiRegionKeyType: "REPLICA",
        PrimaryKey: keys[0],
        ReplicaKeys: [keys[1]]
      })
      const described = yield* server.succeed("DescribeKey", { KeyId: primary["Arn"] })
      assert.strictEqual(described["KeyMetadata"].MultiRegionConfiguration.MultiRegionKeyType, "PRIMARY")

      const wrapped = yield* server.succeed("GenerateDataKey", { KeyId: primary["Arn"], NumberOfBytes: 32 })
      for (const body of [{ KeyId: replica.Arn }, {}]) {
        const { CiphertextBlob } = wrapped
        const opened = yield* server.succeed("Decrypt", { ...body, CiphertextBlob }, "eu-central-1")
        assert.deepStrictEqual([opened["KeyId"], opened["Plaintext"]], [replica.Arn, wrapped["Plaintext"]])
      }

      const single = yield* newKey(server)
      for (
        const [code, KeyId, ReplicaRegion, region] of [
          ["AlreadyExistsException", primary["Arn"], "eu-central-1", "us-east-1"],
          ["AlreadyExistsException", primary["Arn"], "us-east-1", "us-east-1"],
          ["UnsupportedOperationException", replica.Arn, "eu-west-1", "eu-central-1"],
          ["UnsupportedOperationException", single["Arn"], "eu-west-1", "us-east-1"],
          ["ValidationException", primary["Arn"], "Europe", "us-east-1"],
          ["NotFoundException", "mrk-none", "eu-west-1", "us-east-1"]
        ] as const
      ) {
        assert.strictEqual(yield* server.codeOf("ReplicateKey", { KeyId, ReplicaRegion }, region), code)
      }
      yield* server.succeed("DisableKey", { KeyId: primary["Arn"] })
      const again = { KeyId: primary["Arn"], ReplicaRegion: "eu-west-1" }
      assert.strictEqual(yield* server.codeOf("ReplicateKey", again), "DisabledException")
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("DisableKey, EnableKey and ScheduleKeyDeletion change the state, and calls see it", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      const { KeyId, Arn } = yield* newKey(server)
      const encrypt = server.call("Encrypt", { KeyId, Plaintext })
      const state = Effect.map(server.succeed("DescribeKey", { KeyId }), ({ KeyMetadata }) => KeyMetadata)
      assert.deepStrictEqual(yield* server.succeed("DisableKey", { KeyId }), {})
      assert.deepInclude(yield* state, { KeyState: "Disabled", Enabled: false })
      assert.strictEqual((yield* encrypt).code, "DisabledException")
      yield* server.succeed("EnableKey", { KeyId: Arn })
      assert.strictEqual((yield* encrypt).status, 200)
      assert.deepStrictEqual(yield* server.succeed("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 }), {
        KeyId: Arn,
        DeletionDate: 7 * 24 * 60 * 60,
        KeyState: "PendingDeletion",
        PendingWindowInDays: 7
      })
      assert.deepInclude(yield* state, { KeyState: "PendingDeletion", Enabled: false, DeletionDate: 604_800 })
      for (
        const [operation, body] of [
          ["Encrypt", { KeyId, Plaintext }],
          ["EnableKey", { KeyId }],
          ["DisableKey", { KeyId }],
          ["ScheduleKeyDeletion", { KeyId }],
          ["CreateAlias", { AliasName: "alias/a", TargetKeyId: KeyId }]
        ] as const
      ) {
        assert.strictEqual(yield* server.codeOf(operation, body), "KMSInvalidStateException")
      }
      const other = yield* newKey(server)
      const { PendingWindowInDays } = yield* server.succeed("ScheduleKeyDeletion", { KeyId: other["Arn"] })
      assert.strictEqual(PendingWindowInDays, 30)
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("an alias is made once, for a key, and is no name where a key is managed", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      const { Arn, KeyId } = yield* newKey(server)
      yield* server.succeed("CreateAlias", { AliasName: "alias/a", TargetKeyId: Arn })
      for (
        const [code, AliasName, TargetKeyId] of [
          ["AlreadyExistsException", "alias/a", KeyId],
          ["NotAuthorizedException", "alias/aws/x", KeyId],
          ["ValidationException", "orders", KeyId],
          ["ValidationException", "alias/", KeyId],
          ["ValidationException", "alias/é", KeyId],
          ["ValidationException", "alias/b", "alias/a"],
          ["NotFoundException", "alias/b", "none"]
        ] as const
      ) {
        assert.strictEqual(yield* server.codeOf("CreateAlias", { AliasName, TargetKeyId }), code)
      }
      for (const operation of ["DisableKey", "EnableKey", "ScheduleKeyDeletion"]) {
        assert.strictEqual(yield* server.codeOf(operation, { KeyId: "alias/a" }), "NotFoundException")
      }
      yield* newKey(server, {}, "eu-central-1").pipe(
        Effect.flatMap(({ KeyId }) =>
          server.succeed("CreateAlias", { AliasName: "alias/a", TargetKeyId: KeyId }, "eu-central-1")
        )
      )
    }).pipe(Effect.provide(TestPrimitives.layer)))
})

describe("KMS server: cryptographic operations", () => {
  it.effect("data keys of both operations have the length that was wanted, and decrypt under their context", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      const { Arn: KeyId } = yield* newKey(server)
      for (
        const [size, length] of [[{ NumberOfBytes: 24 }, 24], [{ KeySpec: "AES_128" }, 16], [
          { KeySpec: "AES_256" },
          32
        ]]
      ) {
        const body = { KeyId, EncryptionContext, ...size as object }
        const made = yield* server.succeed("GenerateDataKey", body)
        assert.deepStrictEqual(Object.keys(made).toSorted(), ["CiphertextBlob", "KeyId", "Plaintext"])
        assert.lengthOf(blob(made["Plaintext"]), length as number)
        const wrapped = yield* server.succeed("GenerateDataKeyWithoutPlaintext", body)
        assert.deepStrictEqual(Object.keys(wrapped).toSorted(), ["CiphertextBlob", "KeyId"])
        for (const [{ CiphertextBlob }, expected] of [[made, made["Plaintext"]], [wrapped, undefined]] as const) {
          const opened = yield* server.succeed("Decrypt", { CiphertextBlob, EncryptionContext })
          assert.deepInclude(opened, { KeyId, EncryptionAlgorithm: "SYMMETRIC_DEFAULT" })
          assert.lengthOf(blob(opened["Plaintext"]), length as number)
          if (expected !== undefined) assert.strictEqual(opened["Plaintext"], expected)
          assert.strictEqual(yield* server.codeOf("Decrypt", { CiphertextBlob }), "InvalidCiphertextException")
        }
      }
      for (const size of [{}, { KeySpec: "AES_256", NumberOfBytes: 32 }]) {
        assert.strictEqual(yield* server.codeOf("GenerateDataKey", { KeyId, ...size }), "ValidationException")
      }
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("a context with __proto__ is bound as any other", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      const { Arn: KeyId } = yield* newKey(server)
      const encryptionContext = JSON.parse(`{"__proto__": "x"}`) as object
      const { CiphertextBlob } = yield* server.succeed("Encrypt", {
        KeyId,
        Plaintext,
        EncryptionContext: encryptionContext
      })
      assert.strictEqual(yield* server.codeOf("Decrypt", { CiphertextBlob }), "InvalidCiphertextException")
      yield* server.succeed("Decrypt", { CiphertextBlob, EncryptionContext: encryptionContext })
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("Decrypt without a key takes the one that the ciphertext names, in the Region of the call", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      const { Arn: KeyId } = yield* newKey(server)
      const { CiphertextBlob } = yield* server.succeed("Encrypt", { KeyId, Plaintext })
      assert.deepInclude(yield* server.succeed("Decrypt", { CiphertextBlob }), { KeyId, Plaintext })
      assert.strictEqual(yield* server.codeOf("Decrypt", { CiphertextBlob }, "eu-central-1"), "AccessDeniedException")
      for (
        const [text, code] of [[toBase64(new Uint8Array(100)), "InvalidCiphertextException"], [
          "",
          "ValidationException"
        ]]
      ) {
        assert.strictEqual(yield* server.codeOf("Decrypt", { CiphertextBlob: text }), code)
      }
      yield* server.control.deleteKey(KeyId)
      assert.strictEqual(yield* server.codeOf("Decrypt", { CiphertextBlob }), "AccessDeniedException")
      assert.strictEqual(yield* server.codeOf("Decrypt", { CiphertextBlob, KeyId }), "NotFoundException")
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("RSA: Encrypt, Decrypt and ReEncrypt with algorithms, and the public key", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      const rsa = yield* newKey(server, { KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" })
      const { Arn: KeyId } = rsa
      const { Arn: symmetric } = yield* newKey(server)
      const EncryptionAlgorithm = "RSAES_OAEP_SHA_256"
      const encrypted = yield* server.succeed("Encrypt", { KeyId, Plaintext, EncryptionAlgorithm })
      assert.deepInclude(encrypted, { KeyId, EncryptionAlgorithm })
      const { CiphertextBlob } = encrypted
      const opened = yield* server.succeed("Decrypt", { KeyId, CiphertextBlob, EncryptionAlgorithm })
      assert.deepStrictEqual(opened, { KeyId, Plaintext, EncryptionAlgorithm })
      for (
        const [code, body] of [
          ["ValidationException", { CiphertextBlob, EncryptionAlgorithm }],
          ["InvalidKeyUsageException", { KeyId, CiphertextBlob }],
          ["InvalidCiphertextException", { KeyId, CiphertextBlob, EncryptionAlgorithm: "RSAES_OAEP_SHA_1" }],
          ["ValidationException", { KeyId, CiphertextBlob, EncryptionAlgorithm, EncryptionContext }]
        ] as const
      ) {
        assert.strictEqual(yield* server.codeOf("Decrypt", body), code)
      }
      const moved = yield* server.succeed("ReEncrypt", {
        SourceKeyId: KeyId,
        SourceEncryptionAlgorithm: EncryptionAlgorithm,
        CiphertextBlob,
        DestinationKeyId: symmetric,
        DestinationEncryptionContext: EncryptionContext
      })
      assert.deepInclude(moved, {
        SourceKeyId: KeyId,
        KeyId: symmetric,
        SourceEncryptionAlgorithm: EncryptionAlgorithm,
        DestinationEncryptionAlgorithm: "SYMMETRIC_DEFAULT"
      })
      const back = yield* server.succeed("Decrypt", { CiphertextBlob: moved["CiphertextBlob"], EncryptionContext })
      assert.strictEqual(back["Plaintext"], Plaintext)
      const publicKey = yield* server.succeed("GetPublicKey", { KeyId })
      assert.deepInclude(publicKey, {
        KeyId,
        KeySpec: "RSA_2048",
        CustomerMasterKeySpec: "RSA_2048",
        KeyUsage: "ENCRYPT_DECRYPT",
        EncryptionAlgorithms: rsa["EncryptionAlgorithms"]
      })
      assert.lengthOf(blob(publicKey["PublicKey"]), 294)
      assert.strictEqual(yield* server.codeOf("GetPublicKey", { KeyId: symmetric }), "UnsupportedOperationException")
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("ReEncrypt finds its source key by itself, and refuses a wrong one and a wrong context", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      const [one, two] = [yield* newKey(server), yield* newKey(server)]
      const { CiphertextBlob } = yield* server.succeed("Encrypt", { KeyId: one["Arn"], Plaintext, EncryptionContext })
      const source = { CiphertextBlob, SourceEncryptionContext: EncryptionContext, DestinationKeyId: two["KeyId"] }
      const moved = yield* server.succeed("ReEncrypt", source)
      assert.deepInclude(moved, { SourceKeyId: one["Arn"], KeyId: two["Arn"] })
      const { CiphertextBlob: second } = moved
      assert.strictEqual((yield* server.succeed("Decrypt", { CiphertextBlob: second }))["Plaintext"], Plaintext)
      for (
        const [code, fields] of [
          ["IncorrectKeyException", { SourceKeyId: two["Arn"] }],
          ["InvalidCiphertextException", { SourceEncryptionContext: {} }],
          ["NotFoundException", { DestinationKeyId: "none" }],
          ["InvalidKeyUsageException", { DestinationEncryptionAlgorithm: "RSAES_OAEP_SHA_1" }],
          ["ValidationException", { SourceEncryptionAlgorithm: "RSAES_OAEP_SHA_1" }]
        ] as const
      ) {
        assert.strictEqual(yield* server.codeOf("ReEncrypt", { ...source, ...fields }), code)
      }
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("DeriveSharedSecret of two keys is one secret", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      const body = { KeySpec: "ECC_NIST_P384", KeyUsage: "KEY_AGREEMENT" }
      const [one, two] = [yield* newKey(server, body), yield* newKey(server, body)]
      const secrets = yield* Effect.forEach([[one, two], [two, one]] as const, ([own, peer]) =>
        Effect.gen(function*() {
          const { PublicKey, ...rest } = yield* server.succeed("GetPublicKey", { KeyId: peer["KeyId"] })
          assert.deepInclude(rest, { KeyAgreementAlgorithms: ["ECDH"], KeyUsage: "KEY_AGREEMENT" })
          const derive = { KeyId: own["KeyId"], KeyAgreementAlgorithm: "ECDH", PublicKey }
          const { SharedSecret, ...derived } = yield* server.succeed("DeriveSharedSecret", derive)
          assert.deepStrictEqual(derived, {
            KeyId: own["Arn"],
            KeyAgreementAlgorithm: "ECDH",
            KeyOrigin: "AWS_KMS"
          })
          return SharedSecret as string
        }))
      assert.strictEqual(secrets[0], secrets[1])
      assert.lengthOf(blob(secrets[0]), 48)
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("a dry run fails as the call would, or with DryRunOperationException", () =>
    Effect.gen(function*() {
      const server = yield* Server.make()
      const { Arn: KeyId } = yield* newKey(server)
      const { CiphertextBlob } = yield* server.succeed("Encrypt", { KeyId, Plaintext })
      for (
        const [operation, body] of [
          ["GenerateDataKey", { KeyId, KeySpec: "AES_256" }],
          ["GenerateDataKeyWithoutPlaintext", { KeyId, KeySpec: "AES_256" }],
          ["Encrypt", { KeyId, Plaintext }],
          ["Decrypt", { CiphertextBlob }],
          ["ReEncrypt", { CiphertextBlob, DestinationKeyId: KeyId }]
        ] as const
      ) {
        const { body: response, code } = yield* server.call(operation, { ...body, DryRun: true })
        assert.strictEqual(code, "DryRunOperationException")
        assert.deepStrictEqual(Object.keys(response), ["__type", "message"])
        yield* server.succeed(operation, { ...body, DryRun: false })
      }
      const wrong = { CiphertextBlob, EncryptionContext, DryRun: true }
      assert.strictEqual(yield* server.codeOf("Decrypt", wrong), "InvalidCiphertextException")
    }).pipe(Effect.provide(TestPrimitives.layer)))
})
