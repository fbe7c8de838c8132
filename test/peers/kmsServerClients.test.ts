/** The AWS SDK for JavaScript and boto3 as clients of our KMS server: every operation, and its errors. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as crypto from "node:crypto"
import * as DevelopmentServer from "./support/developmentServer.ts"
import * as Clients from "./support/kmsClients.ts"
import * as Python from "./support/python.ts"

class Peers extends Context.Service<Peers, Readonly<Record<"JavaScript" | "boto3", Clients.Client>>>()("test/Peers") {}

const peers = Layer.effect(
  Peers,
  Effect.gen(function*() {
    const python = yield* Python.Python
    const { url } = yield* DevelopmentServer.start()
    return { JavaScript: Clients.javascript(url), boto3: Clients.boto3(python, url) }
  })
).pipe(Layer.provide(Python.layer), Layer.orDie)

const spki = (der: Uint8Array) => crypto.createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" })
const Plaintext = new Uint8Array(crypto.randomBytes(32))
const EncryptionContext = { tenant: "a", "ключ": "значение", "😀": "𐍈" }

layer(peers, { excludeTestServices: true })("KMS server", (it) => {
  for (const name of ["JavaScript", "boto3"] as const) {
    const using = Effect.map(Peers, (peers) => {
      const call = peers[name]
      const succeed = (operation: string, input?: object, region?: string) =>
        Effect.map(call(operation, input, region), ({ code, output }) => {
          assert.isUndefined(code, operation)
          return output!
        })
      const codeOf = (operation: string, input?: object, region?: string) =>
        Effect.map(call(operation, input, region), ({ code, status }) => {
          assert.strictEqual(status, 400)
          return code
        })
      const newKey = (input?: object, region?: string) =>
        Effect.map(succeed("CreateKey", input, region), ({ KeyMetadata }) => KeyMetadata as Record<string, any>)
      return { succeed, codeOf, newKey }
    })

    it.effect(`${name}: makes, describes, names and retires a key`, () =>
      Effect.gen(function*() {
        const { codeOf, newKey, succeed } = yield* using
        const before = Date.now()
        const { Arn, CreationDate, KeyId } = yield* newKey(
          { Description: "orders", MultiRegion: false },
          "eu-central-1"
        )
        assert.match(Arn, /^arn:aws:kms:eu-central-1:/)
        assert.isAtLeast(CreationDate, before - 1000)
        assert.isAtMost(CreationDate, Date.now() + 1000)
        const AliasName = `alias/${name}`
        yield* succeed("CreateAlias", { AliasName, TargetKeyId: KeyId }, "eu-central-1")
        const again = { AliasName, TargetKeyId: KeyId }
        assert.strictEqual(yield* codeOf("CreateAlias", again, "eu-central-1"), "AlreadyExistsException")
        const described = yield* succeed("DescribeKey", { KeyId: AliasName }, "eu-central-1")
        assert.deepInclude(described["KeyMetadata"], { Arn, KeyState: "Enabled", MultiRegion: false })
        assert.strictEqual(yield* codeOf("DescribeKey", { KeyId: AliasName }), "NotFoundException")
        assert.strictEqual(yield* codeOf("DescribeKey", { KeyId: Arn }), "NotFoundException")
        yield* succeed("DisableKey", { KeyId }, "eu-central-1")
        assert.strictEqual(yield* codeOf("Encrypt", { KeyId, Plaintext }, "eu-central-1"), "DisabledException")
        yield* succeed("EnableKey", { KeyId: Arn }, "eu-central-1")
        yield* succeed("Encrypt", { KeyId, Plaintext }, "eu-central-1")
        const scheduled = yield* succeed("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 }, "eu-central-1")
        assert.deepInclude(scheduled, { KeyId: Arn, KeyState: "PendingDeletion", PendingWindowInDays: 7 })
        assert.isAtLeast(scheduled["DeletionDate"] as number, before + 7 * 24 * 60 * 60 * 1000)
        assert.strictEqual(yield* codeOf("Encrypt", { KeyId, Plaintext }, "eu-central-1"), "KMSInvalidStateException")
      }))

    it.effect(`${name}: data keys, Encrypt, Decrypt and ReEncrypt under a symmetric key`, () =>
      Effect.gen(function*() {
        const { codeOf, newKey, succeed } = yield* using
        const [one, two] = [(yield* newKey())["Arn"], (yield* newKey())["Arn"]]
        const key = { KeyId: one, EncryptionContext }
        for (const [size, length] of [[{ NumberOfBytes: 24 }, 24], [{ KeySpec: "AES_256" }, 32]] as const) {
          const made = yield* succeed("GenerateDataKey", { ...key, ...size })
          assert.lengthOf(made["Plaintext"], length)
          const { CiphertextBlob } = made
          const decrypted = yield* succeed("Decrypt", { CiphertextBlob, EncryptionContext })
          assert.deepStrictEqual(decrypted["Plaintext"], made["Plaintext"])
          const wrapped = yield* succeed("GenerateDataKeyWithoutPlaintext", { ...key, ...size })
          assert.notProperty(wrapped, "Plaintext")
          const opened = yield* succeed("Decrypt", { ...key, CiphertextBlob: wrapped["CiphertextBlob"] })
          assert.lengthOf(opened["Plaintext"], length)
        }
        const { CiphertextBlob } = yield* succeed("Encrypt", { ...key, Plaintext })
        const source = { CiphertextBlob, SourceEncryptionContext: EncryptionContext, DestinationKeyId: two }
        const moved = yield* succeed("ReEncrypt", { ...source, SourceKeyId: one, GrantTokens: ["t"] })
        assert.deepInclude(moved, { SourceKeyId: one, KeyId: two, DestinationEncryptionAlgorithm: "SYMMETRIC_DEFAULT" })
        const decrypted = yield* succeed("Decrypt", { CiphertextBlob: moved["CiphertextBlob"], KeyId: two })
        assert.deepStrictEqual(decrypted["Plaintext"], Plaintext)
        assert.strictEqual(yield* codeOf("ReEncrypt", { ...source, SourceKeyId: two }), "IncorrectKeyException")
        assert.strictEqual(yield* codeOf("Decrypt", { CiphertextBlob }), "InvalidCiphertextException")
        assert.strictEqual(
          yield* codeOf("Decrypt", { CiphertextBlob, EncryptionContext, DryRun: true }),
          "DryRunOperationException"
        )
      }))

    it.effect(`${name}: RSA, whose public key the client uses without the server`, () =>
      Effect.gen(function*() {
        const { codeOf, newKey, succeed } = yield* using
        const { Arn: KeyId } = yield* newKey({ KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" })
        const publicKey = yield* succeed("GetPublicKey", { KeyId })
        assert.deepInclude(publicKey, { KeyId, KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" })
        assert.deepStrictEqual(publicKey["EncryptionAlgorithms"], ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
        for (
          const [EncryptionAlgorithm, oaepHash] of [["RSAES_OAEP_SHA_1", "sha1"], ["RSAES_OAEP_SHA_256", "sha256"]]
        ) {
          const local = crypto.publicEncrypt({ key: spki(publicKey["PublicKey"]), oaepHash: oaepHash! }, Plaintext)
          const remote = yield* succeed("Encrypt", { KeyId, Plaintext, EncryptionAlgorithm })
          for (const CiphertextBlob of [new Uint8Array(local), remote["CiphertextBlob"]]) {
            const decrypted = yield* succeed("Decrypt", { KeyId, CiphertextBlob, EncryptionAlgorithm })
            assert.deepStrictEqual(decrypted["Plaintext"], Plaintext)
            assert.strictEqual(decrypted["EncryptionAlgorithm"], EncryptionAlgorithm)
          }
        }
        assert.strictEqual(yield* codeOf("Encrypt", { KeyId, Plaintext }), "InvalidKeyUsageException")
        const generate = { KeyId, KeySpec: "AES_256" }
        assert.strictEqual(yield* codeOf("GenerateDataKey", generate), "InvalidKeyUsageException")
      }))

    it.effect(`${name}: shared secrets, which the client derives too`, () =>
      Effect.gen(function*() {
        const { codeOf, newKey, succeed } = yield* using
        for (
          const [KeySpec, namedCurve] of [
            ["ECC_NIST_P256", "prime256v1"],
            ["ECC_NIST_P384", "secp384r1"],
            ["ECC_NIST_P521", "secp521r1"]
          ] as const
        ) {
          const { Arn: KeyId } = yield* newKey({ KeySpec, KeyUsage: "KEY_AGREEMENT" })
          const own = yield* succeed("GetPublicKey", { KeyId })
          assert.deepInclude(own, { KeySpec, KeyUsage: "KEY_AGREEMENT", KeyAgreementAlgorithms: ["ECDH"] })
          const peer = crypto.generateKeyPairSync("ec", { namedCurve })
          const PublicKey = new Uint8Array(peer.publicKey.export({ format: "der", type: "spki" }))
          const derived = yield* succeed("DeriveSharedSecret", { KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey })
          const expected = crypto.diffieHellman({ privateKey: peer.privateKey, publicKey: spki(own["PublicKey"]) })
          assert.deepStrictEqual(derived["SharedSecret"], new Uint8Array(expected))
          const wrong = { KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: PublicKey.subarray(1) }
          assert.strictEqual(yield* codeOf("DeriveSharedSecret", wrong), "ValidationException")
        }
        const { Arn: KeyId } = yield* newKey()
        assert.strictEqual(yield* codeOf("GetPublicKey", { KeyId }), "UnsupportedOperationException")
      }))

    it.effect(`${name}: replicas of a multi-Region key, in their Regions`, () =>
      Effect.gen(function*() {
        const { codeOf, newKey, succeed } = yield* using
        const { Arn } = yield* newKey({ MultiRegion: true })
        const made = yield* succeed("ReplicateKey", { KeyId: Arn, ReplicaRegion: "eu-central-1" })
        const replica = Arn.replace("us-east-1", "eu-central-1")
        assert.deepInclude(made["ReplicaKeyMetadata"], { Arn: replica, MultiRegion: true })
        const { CiphertextBlob } = yield* succeed("Encrypt", { KeyId: Arn, Plaintext })
        const here = { CiphertextBlob, KeyId: replica }
        const decrypted = yield* succeed("Decrypt", here, "eu-central-1")
        assert.deepStrictEqual([decrypted["KeyId"], decrypted["Plaintext"]], [replica, Plaintext])
        assert.strictEqual(yield* codeOf("Decrypt", here, "us-east-1"), "NotFoundException")
      }))

    it.effect(`${name}: an operation that there is not, and fields that are wrong`, () =>
      Effect.gen(function*() {
        const { codeOf, newKey } = yield* using
        const { KeyId } = yield* newKey()
        assert.strictEqual(yield* codeOf("ListKeys"), "UnknownOperationException")
        for (
          const [operation, input] of [
            ["Encrypt", { Plaintext }],
            ["Encrypt", { KeyId, Plaintext: new Uint8Array(4097) }],
            ["GenerateDataKey", { KeyId, NumberOfBytes: 0 }],
            ["GenerateDataKey", { KeyId }],
            ["ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 1 }],
            ["CreateKey", { KeySpec: "SM2", KeyUsage: "KEY_AGREEMENT" }]
          ] as const
        ) {
          assert.strictEqual(yield* codeOf(operation, input), "ValidationException")
        }
      }))
  }
})
