/**
 * The client with a materials manager that answers what it must not: nothing is taken on trust.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import {
  AlgorithmSuite,
  type CryptographicMaterials,
  CryptographicMaterialsManager,
  DataKey,
  DecryptError,
  EncryptError,
  type EncryptionSdk,
  MaterialsManagerFailed
} from "effect-encryption-sdk"
import { clientOf, decryptFailure, encryptFailure, fieldsOf, managerOf } from "../support/client.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"

type EncryptionAnswer = CryptographicMaterialsManager.MaterialsResponse<
  CryptographicMaterials.CompleteEncryptionMaterials
>
type DecryptionAnswer = CryptographicMaterialsManager.MaterialsResponse<
  CryptographicMaterials.CompleteDecryptionMaterials
>

const unsigned = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
const signing = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
const uncommitted = AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8")

const honest = managerOf(staticKeyring(new Uint8Array(32).fill(0x42)))

/** The default manager, whose answers are changed before the client gets them. */
const changing = (change: {
  readonly encryption?: (answer: EncryptionAnswer) => unknown
  readonly decryption?: (answer: DecryptionAnswer) => unknown
}) =>
  Effect.map(honest, (inner) =>
    CryptographicMaterialsManager.make({
      getEncryptionMaterials: (request) =>
        Effect.map(
          inner.getEncryptionMaterials(request),
          (answer) => (change.encryption?.(answer) ?? answer) as EncryptionAnswer
        ),
      decryptMaterials: (request) =>
        Effect.map(
          inner.decryptMaterials(request),
          (answer) => (change.decryption?.(answer) ?? answer) as DecryptionAnswer
        )
    }))

const encryption = (changes: (materials: CryptographicMaterials.CompleteEncryptionMaterials) => object) =>
  changing({
    encryption: (answer) => ({ ...answer, materials: { ...answer.materials, ...changes(answer.materials) } })
  })

const decryption = (changes: (materials: CryptographicMaterials.CompleteDecryptionMaterials) => object) =>
  changing({
    decryption: (answer) => ({ ...answer, materials: { ...answer.materials, ...changes(answer.materials) } })
  })

const sdk = clientOf(recordingKeyring().keyring)

describe("encrypt with a manager that answers", () => {
  const failsWith = Effect.fnUntraced(function*(
    manager: Effect.Effect<CryptographicMaterialsManager.CryptographicMaterialsManager>,
    expected: object,
    options: EncryptionSdk.EncryptOptions = {}
  ) {
    const { encrypt } = yield* sdk
    const reason = yield* encryptFailure(encrypt("a", { ...options, materialsManager: yield* manager }))
    assert.deepStrictEqual(fieldsOf(reason), { ...expected })
  })
  const invalid = (field: string, description: string) => ({ _tag: "InvalidMaterials", field, description })

  const cases: ReadonlyArray<
    readonly [
      string,
      Effect.Effect<CryptographicMaterialsManager.CryptographicMaterialsManager>,
      object,
      EncryptionSdk.EncryptOptions?
    ]
  > = [
    ["no object", changing({ encryption: () => "materials" }), invalid("receipt", "is missing")],
    [
      "no receipt",
      changing({ encryption: ({ materials }) => ({ materials }) }),
      invalid("receipt", "is missing")
    ],
    [
      "no materials",
      changing({ encryption: ({ receipt }) => ({ receipt }) }),
      invalid("materials", "are missing")
    ],
    [
      "a suite that the policy forbids",
      encryption(() => ({ algorithmSuite: uncommitted })),
      {
        _tag: "CommitmentPolicyViolation",
        commitmentPolicy: "RequireEncryptRequireDecrypt",
        algorithmSuite: uncommitted.name
      },
      { algorithmSuite: unsigned }
    ],
    [
      "a suite that nobody knows",
      encryption((materials) => ({ algorithmSuite: { ...materials.algorithmSuite, commitmentLength: 0 } })),
      invalid("algorithmSuite", "is none of the known suites")
    ],
    [
      "a signing suite without a signing key",
      encryption(() => ({ signingKey: undefined })),
      invalid("signingKey", "is missing, the suite signs"),
      { algorithmSuite: signing }
    ],
    [
      "a signing key with a suite that does not sign",
      encryption(() => ({ signingKey: Redacted.make({}) })),
      invalid("signingKey", "is there, the suite does not sign"),
      { algorithmSuite: unsigned }
    ],
    [
      "a context of numbers",
      encryption(() => ({ encryptionContext: { a: 1 } })),
      invalid("encryptionContext", "encryption context: key \"a\": value must be a string, got number")
    ],
    [
      "a context that does not fit",
      encryption(() => ({ encryptionContext: { a: "x".repeat(65_535) } })),
      invalid("encryptionContext", "encryption context: serialised length is 65542 bytes, at most 65535 fit")
    ],
    [
      "a required key that the context has not",
      encryption(() => ({ requiredEncryptionContextKeys: ["a"] })),
      invalid("requiredEncryptionContextKeys", "the context has no key \"a\"")
    ],
    [
      "a data key of zeroes",
      encryption(() => ({ plaintextDataKey: DataKey.make(new Uint8Array(32)) })),
      invalid("plaintextDataKey", "is all zero")
    ],
    [
      "a data key of another length",
      encryption(() => ({ plaintextDataKey: DataKey.make(new Uint8Array(16).fill(1)) })),
      invalid("plaintextDataKey", "is 16 bytes, the suite takes 32")
    ],
    [
      "a data key that was released",
      encryption(({ plaintextDataKey }) => {
        DataKey.zero(plaintextDataKey)
        return {}
      }),
      invalid("plaintextDataKey", "is no data key, or was released already")
    ],
    [
      "no encrypted data key",
      encryption(() => ({ encryptedDataKeys: [] })),
      invalid("encryptedDataKeys", "there is none")
    ]
  ]
  for (const [name, manager, expected, options] of cases) {
    it.effect(name, () => failsWith(manager, expected, options))
  }

  it.effect("another suite that the policy allows: its suite is used, as the specification says", () =>
    Effect.gen(function*() {
      const { decrypt, encrypt } = yield* sdk
      const inner = yield* honest
      const materialsManager = CryptographicMaterialsManager.make({
        ...inner,
        getEncryptionMaterials: (request) => inner.getEncryptionMaterials({ ...request, algorithmSuite: signing })
      })
      const result = yield* encrypt("a", { algorithmSuite: unsigned, materialsManager })
      assert.strictEqual(result.algorithmSuite, signing)
      assert.strictEqual(text((yield* decrypt(result.message, { materialsManager })).plaintext), "a")
    }))

  it.effect("another context: its context is used", () =>
    Effect.gen(function*() {
      const { decrypt, encrypt } = yield* sdk
      const inner = yield* honest
      const materialsManager = CryptographicMaterialsManager.make({
        ...inner,
        getEncryptionMaterials: (request) =>
          inner.getEncryptionMaterials({
            ...request,
            encryptionContext: { ...request.encryptionContext, added: "by the manager" }
          })
      })
      const result = yield* encrypt("a", { encryptionContext: { a: "1" }, materialsManager })
      assert.strictEqual(result.encryptionContext["added"], "by the manager")
      const decrypted = yield* decrypt(result.message, { materialsManager })
      assert.strictEqual(decrypted.encryptionContext["added"], "by the manager")
    }))

  it.effect("a context object that changes afterwards: it was copied", () =>
    Effect.gen(function*() {
      const { decrypt, encrypt } = yield* sdk
      const live: Record<string, string> = { a: "1" }
      const materialsManager = yield* encryption(() => ({ encryptionContext: live }))
      const result = yield* encrypt("a", { algorithmSuite: unsigned, materialsManager })
      live["a"] = "2"
      assert.deepStrictEqual({ ...result.encryptionContext }, { a: "1" })
      assert.deepStrictEqual({ ...(yield* decrypt(result.message, { materialsManager })).encryptionContext }, {
        a: "1"
      })
    }))

  it.effect("a failure of its own: it is passed on", () =>
    Effect.gen(function*() {
      const { encrypt } = yield* sdk
      const error = new EncryptError({
        reason: new MaterialsManagerFailed({ description: "out of order", isRetryable: true })
      })
      const inner = yield* honest
      const materialsManager = CryptographicMaterialsManager.make({
        ...inner,
        getEncryptionMaterials: () => Effect.fail(error)
      })
      const failure = yield* Effect.flip(encrypt("a", { materialsManager }))
      assert.strictEqual(failure, error)
      assert.isTrue(failure.isRetryable)
    }))
})

describe("decrypt with a manager that answers", () => {
  const message = Effect.gen(function*() {
    const { encrypt } = yield* sdk
    return (yield* encrypt("a", {
      algorithmSuite: unsigned,
      encryptionContext: { a: "1", b: "2" },
      materialsManager: yield* honest
    })).message
  })
  const failsWith = Effect.fnUntraced(function*(
    manager: Effect.Effect<CryptographicMaterialsManager.CryptographicMaterialsManager>,
    expected: object,
    options: EncryptionSdk.DecryptOptions = {}
  ) {
    const { decrypt } = yield* sdk
    const reason = yield* decryptFailure(decrypt(yield* message, { ...options, materialsManager: yield* manager }))
    assert.deepStrictEqual(fieldsOf(reason), { ...expected })
  })
  const invalid = (field: string, description: string) => ({ _tag: "InvalidMaterials", field, description })

  const cases: ReadonlyArray<
    readonly [
      string,
      Effect.Effect<CryptographicMaterialsManager.CryptographicMaterialsManager>,
      object,
      EncryptionSdk.DecryptOptions?
    ]
  > = [
    ["no object", changing({ decryption: () => 1 }), invalid("receipt", "is missing")],
    ["no receipt", changing({ decryption: ({ materials }) => ({ materials }) }), invalid("receipt", "is missing")],
    ["no materials", changing({ decryption: ({ receipt }) => ({ receipt }) }), invalid("materials", "are missing")],
    [
      "a suite that the policy forbids",
      decryption(() => ({ algorithmSuite: uncommitted })),
      {
        _tag: "CommitmentPolicyViolation",
        commitmentPolicy: "RequireEncryptRequireDecrypt",
        algorithmSuite: uncommitted.name
      }
    ],
    [
      "a suite that is not the message's",
      decryption(() => ({ algorithmSuite: signing, verificationKey: {} })),
      invalid("algorithmSuite", "is not the message's")
    ],
    [
      "a data key of another length",
      decryption(() => ({ plaintextDataKey: DataKey.make(new Uint8Array(16).fill(1)) })),
      invalid("plaintextDataKey", "is 16 bytes, the suite takes 32")
    ],
    [
      "a data key of zeroes",
      decryption(() => ({ plaintextDataKey: DataKey.make(new Uint8Array(32)) })),
      invalid("plaintextDataKey", "is all zero")
    ],
    [
      "another data key",
      decryption(() => ({ plaintextDataKey: DataKey.make(new Uint8Array(32).fill(0x43)) })),
      { _tag: "AuthenticationFailed", check: "commitment" }
    ],
    [
      "a verification key with a suite that does not sign",
      decryption(() => ({ verificationKey: {} })),
      invalid("verificationKey", "is there, the suite does not sign")
    ],
    ["no context", decryption(() => ({ encryptionContext: undefined })), invalid("encryptionContext", "is missing")],
    [
      "a context with another value",
      decryption(() => ({ encryptionContext: { a: "1", b: "3" } })),
      invalid("encryptionContext", "the pair of \"b\" is neither stored in the message nor required")
    ],
    [
      "a context with a pair that nothing authenticates",
      decryption(({ encryptionContext }) => ({ encryptionContext: { ...encryptionContext, c: "3" } })),
      invalid("encryptionContext", "the pair of \"c\" is neither stored in the message nor required")
    ],
    [
      "what was expected, though nothing authenticates it",
      decryption(() => ({ encryptionContext: { a: "1", b: "2", c: "3" }, requiredEncryptionContextKeys: [] })),
      invalid("encryptionContext", "the pair of \"c\" is neither stored in the message nor required"),
      { expectedEncryptionContext: { c: "3" } }
    ],
    [
      "a required pair that the message was not made with",
      decryption(({ encryptionContext }) => ({
        encryptionContext: { ...encryptionContext, c: "3" },
        requiredEncryptionContextKeys: ["c"]
      })),
      { _tag: "AuthenticationFailed", check: "header" }
    ],
    [
      "a required pair that is no text",
      decryption(({ encryptionContext }) => ({
        encryptionContext: { ...encryptionContext, c: 3 },
        requiredEncryptionContextKeys: ["c"]
      })),
      invalid("encryptionContext", "encryption context: key \"c\": value must be a string, got number")
    ],
    [
      "a required key that the message stores",
      decryption(() => ({ requiredEncryptionContextKeys: ["a"] })),
      invalid("requiredEncryptionContextKeys", "the message stores \"a\"")
    ],
    [
      "no list of required keys",
      decryption(() => ({ requiredEncryptionContextKeys: undefined })),
      invalid("requiredEncryptionContextKeys", "are missing")
    ],
    [
      "a context without the expected pair",
      decryption(() => ({ encryptionContext: { a: "1" } })),
      { _tag: "EncryptionContextMismatch", key: "b" },
      { expectedEncryptionContext: { b: "2" } }
    ]
  ]
  for (const [name, manager, expected, options] of cases) {
    it.effect(name, () => failsWith(manager, expected, options))
  }

  it.effect("materials of another expected context, as from a cache: the client compares for itself", () =>
    Effect.gen(function*() {
      const { decrypt } = yield* sdk
      const inner = yield* honest
      // Whatever context this caller expects, the manager answers as if it had expected none.
      const forgetful = CryptographicMaterialsManager.make({
        ...inner,
        decryptMaterials: (request) => inner.decryptMaterials({ ...request, expectedEncryptionContext: {} })
      })
      const bytes = yield* message
      for (
        const [expectedEncryptionContext, key] of [
          [{ a: "2" }, "a"],
          [{ a: "1", other: "x" }, "other"]
        ] as const
      ) {
        const reason = yield* decryptFailure(
          decrypt(bytes, { expectedEncryptionContext, materialsManager: forgetful })
        )
        assert.deepStrictEqual(fieldsOf(reason), { _tag: "EncryptionContextMismatch", key })
      }
    }))

  it.effect("fewer pairs than the message has: those that it had added itself, for one", () =>
    Effect.gen(function*() {
      const { decrypt } = yield* sdk
      const materialsManager = yield* decryption(() => ({ encryptionContext: { a: "1" } }))
      const decrypted = yield* decrypt(yield* message, {
        expectedEncryptionContext: { a: "1" },
        materialsManager
      })
      assert.strictEqual(text(decrypted.plaintext), "a")
      assert.deepStrictEqual({ ...decrypted.encryptionContext }, { a: "1" })
      assert.deepStrictEqual({ ...decrypted.header.encryptionContext }, { a: "1", b: "2" })
    }))

  it.effect("a signing message without a verification key", () =>
    Effect.gen(function*() {
      const { decrypt, encrypt } = yield* sdk
      const signed = yield* encrypt("a", { algorithmSuite: signing, materialsManager: yield* honest })
      const materialsManager = yield* decryption(() => ({ verificationKey: undefined }))
      assert.deepStrictEqual(
        fieldsOf(yield* decryptFailure(decrypt(signed.message, { materialsManager }))),
        invalid("verificationKey", "is missing, the suite signs")
      )
    }))

  it.effect("a failure of its own: it is passed on", () =>
    Effect.gen(function*() {
      const { decrypt } = yield* sdk
      const error = new DecryptError({
        reason: new MaterialsManagerFailed({ description: "out of order", isRetryable: false })
      })
      const inner = yield* honest
      const materialsManager = CryptographicMaterialsManager.make({
        ...inner,
        decryptMaterials: () => Effect.fail(error)
      })
      assert.strictEqual(yield* Effect.flip(decrypt(yield* message, { materialsManager })), error)
    }))
})
