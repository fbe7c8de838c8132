/**
 * Codes of our KMS server beside those of moto, for the same requests by the AWS SDK for JavaScript. Where they differ, ours is the
 * one in the API reference of AWS KMS, and the title says so.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { inject } from "vitest"
import * as DevelopmentServer from "./support/developmentServer.ts"
import * as Clients from "./support/kmsClients.ts"

/** A server with keys of every kind, each made by its own operations. */
interface Prepared {
  readonly call: Clients.Client
  readonly keys: Readonly<Record<"one" | "two" | "rsa" | "agreement" | "disabled" | "pending" | "elsewhere", string>>
  /** Wrapped by the first key, under `context`. */
  readonly ciphertext: Uint8Array
}

const context = { tenant: "a" }
const Plaintext = new Uint8Array(32).fill(7)

const prepare = Effect.fnUntraced(function*(call: Clients.Client): Effect.fn.Return<Prepared> {
  const create = (input: object = {}, region?: string) =>
    Effect.map(call("CreateKey", input, region), ({ output }) => output!["KeyMetadata"].Arn as string)
  const keys = {
    one: yield* create(),
    two: yield* create(),
    rsa: yield* create({ KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" }),
    agreement: yield* create({ KeySpec: "ECC_NIST_P256", KeyUsage: "KEY_AGREEMENT" }),
    disabled: yield* create(),
    pending: yield* create(),
    elsewhere: yield* create({}, "eu-central-1")
  }
  yield* call("CreateAlias", { AliasName: "alias/codes", TargetKeyId: keys.one.split("/")[1] })
  yield* call("DisableKey", { KeyId: keys.disabled.split("/")[1] })
  yield* call("ScheduleKeyDeletion", { KeyId: keys.pending.split("/")[1] })
  const { output } = yield* call("Encrypt", { KeyId: keys.one, Plaintext, EncryptionContext: context })
  return { call, keys, ciphertext: output!["CiphertextBlob"] }
})

class Servers
  extends Context.Service<Servers, { readonly ours: Prepared; readonly moto: Prepared }>()("test/Servers")
{}

const servers = Layer.effect(
  Servers,
  Effect.gen(function*() {
    const { url } = yield* DevelopmentServer.start()
    return {
      ours: yield* prepare(Clients.javascript(url)),
      moto: yield* prepare(Clients.javascript(inject("kmsEndpoint")))
    }
  })
).pipe(Layer.orDie)

type Input = (prepared: Prepared) => object

/** A request, and the codes, or that it succeeds. One of them where both have it. */
const requests: ReadonlyArray<
  readonly [title: string, operation: string, input: Input, ours: string, moto?: string]
> = [
  [
    "a key that there is not",
    "Encrypt",
    () => ({ KeyId: "00000000-0000-4000-8000-000000000000", Plaintext }),
    "NotFoundException"
  ],
  ["an alias that there is not", "Encrypt", () => ({ KeyId: "alias/none", Plaintext }), "NotFoundException"],
  ["a key of another Region", "Encrypt", ({ keys }) => ({ KeyId: keys.elsewhere, Plaintext }), "NotFoundException"],
  ["a disabled key", "Encrypt", ({ keys }) => ({ KeyId: keys.disabled, Plaintext }), "DisabledException"],
  [
    "a key that is pending deletion",
    "Encrypt",
    ({ keys }) => ({ KeyId: keys.pending, Plaintext }),
    "KMSInvalidStateException"
  ],
  [
    "an empty plaintext",
    "Encrypt",
    ({ keys }) => ({ KeyId: keys.one, Plaintext: new Uint8Array() }),
    "ValidationException"
  ],
  [
    "a plaintext of 4,097 bytes",
    "Encrypt",
    ({ keys }) => ({ KeyId: keys.one, Plaintext: new Uint8Array(4097) }),
    "ValidationException"
  ],
  [
    "RSA and no algorithm",
    "Encrypt",
    ({ keys }) => ({ KeyId: keys.rsa, Plaintext }),
    "InvalidKeyUsageException",
    "succeeds"
  ],
  [
    "key agreement",
    "Encrypt",
    ({ keys }) => ({ KeyId: keys.agreement, Plaintext }),
    "InvalidKeyUsageException",
    "succeeds"
  ],
  ["another context", "Decrypt", ({ ciphertext }) => ({ CiphertextBlob: ciphertext }), "InvalidCiphertextException"],
  ["altered bytes", "Decrypt", ({ ciphertext }) => ({
    CiphertextBlob: ciphertext.map((byte, index) => index === ciphertext.length - 1 ? byte ^ 1 : byte),
    EncryptionContext: context
  }), "InvalidCiphertextException"],
  [
    "a key that did not wrap it",
    "Decrypt",
    ({ ciphertext, keys }) => ({
      CiphertextBlob: ciphertext,
      KeyId: keys.two,
      EncryptionContext: context
    }),
    "IncorrectKeyException",
    "AccessDeniedException"
  ],
  [
    "bytes of no key",
    "Decrypt",
    () => ({ CiphertextBlob: new Uint8Array(200).fill(1) }),
    "InvalidCiphertextException",
    "AccessDeniedException"
  ],
  ["the right key", "Decrypt", ({ ciphertext, keys }) => ({
    CiphertextBlob: ciphertext,
    KeyId: keys.one,
    EncryptionContext: context
  }), "succeeds"],
  ["no length", "GenerateDataKey", ({ keys }) => ({ KeyId: keys.one }), "ValidationException"],
  [
    "two lengths",
    "GenerateDataKey",
    ({ keys }) => ({ KeyId: keys.one, NumberOfBytes: 32, KeySpec: "AES_256" }),
    "ValidationException"
  ],
  ["0 bytes", "GenerateDataKey", ({ keys }) => ({ KeyId: keys.one, NumberOfBytes: 0 }), "ValidationException"],
  ["1,025 bytes", "GenerateDataKey", ({ keys }) => ({ KeyId: keys.one, NumberOfBytes: 1025 }), "ValidationException"],
  ["AES_192", "GenerateDataKey", ({ keys }) => ({ KeyId: keys.one, KeySpec: "AES_192" }), "ValidationException"],
  [
    "RSA",
    "GenerateDataKey",
    ({ keys }) => ({ KeyId: keys.rsa, KeySpec: "AES_256" }),
    "InvalidKeyUsageException",
    "succeeds"
  ],
  ["an alias", "GenerateDataKey", () => ({ KeyId: "alias/codes", KeySpec: "AES_256" }), "succeeds"],
  [
    "RSA",
    "GenerateDataKeyWithoutPlaintext",
    ({ keys }) => ({ KeyId: keys.rsa, KeySpec: "AES_256" }),
    "InvalidKeyUsageException",
    "succeeds"
  ],
  [
    "a disabled key",
    "GenerateDataKeyWithoutPlaintext",
    ({ keys }) => ({ KeyId: keys.disabled, KeySpec: "AES_256" }),
    "DisabledException"
  ],
  [
    "a wrong source key",
    "ReEncrypt",
    ({ ciphertext, keys }) => ({
      CiphertextBlob: ciphertext,
      SourceKeyId: keys.two,
      SourceEncryptionContext: context,
      DestinationKeyId: keys.two
    }),
    "IncorrectKeyException",
    "succeeds"
  ],
  ["a wrong source context", "ReEncrypt", ({ ciphertext, keys }) => ({
    CiphertextBlob: ciphertext,
    DestinationKeyId: keys.two
  }), "InvalidCiphertextException"],
  ["a destination that there is not", "ReEncrypt", ({ ciphertext }) => ({
    CiphertextBlob: ciphertext,
    SourceEncryptionContext: context,
    DestinationKeyId: "alias/none"
  }), "NotFoundException"],
  ["a symmetric key", "GetPublicKey", ({ keys }) => ({ KeyId: keys.one }), "UnsupportedOperationException", "succeeds"],
  ["a key that there is not", "GetPublicKey", () => ({ KeyId: "none" }), "NotFoundException"],
  ["a key that there is not", "DescribeKey", () => ({ KeyId: "none" }), "NotFoundException"],
  ["a disabled key", "DescribeKey", ({ keys }) => ({ KeyId: keys.disabled }), "succeeds"],
  ["a key that there is not", "DisableKey", () => ({ KeyId: "none" }), "NotFoundException"],
  ["an alias", "DisableKey", () => ({ KeyId: "alias/codes" }), "NotFoundException"],
  [
    "a key that is pending deletion",
    "EnableKey",
    ({ keys }) => ({ KeyId: keys.pending.split("/")[1] }),
    "KMSInvalidStateException",
    "succeeds"
  ],
  [
    "a waiting time of 6 days",
    "ScheduleKeyDeletion",
    ({ keys }) => ({ KeyId: keys.two.split("/")[1], PendingWindowInDays: 6 }),
    "ValidationException",
    "succeeds"
  ],
  [
    "an alias in use",
    "CreateAlias",
    ({ keys }) => ({ AliasName: "alias/codes", TargetKeyId: keys.two }),
    "AlreadyExistsException"
  ],
  ["no prefix", "CreateAlias", ({ keys }) => ({ AliasName: "codes", TargetKeyId: keys.two }), "ValidationException"],
  [
    "a name of AWS",
    "CreateAlias",
    ({ keys }) => ({ AliasName: "alias/aws/s3", TargetKeyId: keys.two }),
    "NotAuthorizedException"
  ],
  [
    "an alias of an alias",
    "CreateAlias",
    () => ({ AliasName: "alias/other", TargetKeyId: "alias/codes" }),
    "ValidationException"
  ],
  ["a key spec that there is not", "CreateKey", () => ({ KeySpec: "AES_512" }), "ValidationException"],
  [
    "a usage that the spec has not",
    "CreateKey",
    () => ({ KeySpec: "RSA_2048", KeyUsage: "KEY_AGREEMENT" }),
    "ValidationException",
    "succeeds"
  ]
]

layer(servers, { excludeTestServices: true })("codes of our KMS server and of moto", (it) => {
  for (const [title, operation, input, ours, moto = ours] of requests) {
    const differs = moto === ours ? "" : `, as the API reference has it, where moto says ${moto}`
    it.effect(`${operation} with ${title}: ${ours}${differs}`, () =>
      Effect.gen(function*() {
        const servers = yield* Servers
        const outcome = (prepared: Prepared) =>
          Effect.map(prepared.call(operation, input(prepared)), ({ code = "succeeds", status }) => {
            assert.strictEqual(status, code === "succeeds" ? undefined : 400)
            return code
          })
        assert.deepStrictEqual([yield* outcome(servers.ours), yield* outcome(servers.moto)], [ours, moto])
      }))
  }
})
