/**
 * The client with a materials manager that answers what it must not: nothing is taken on trust.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import {
  type CryptographicMaterials,
  CryptographicMaterialsManager,
  DataKey,
  DecryptError,
  EncryptError,
  type EncryptionSdk,
  MaterialsManagerFailed
} from "effect-encryption-sdk"
import { text } from "../support/bytes.ts"
import { clientOf, decryptFailure, encryptFailure, fieldsOf, managerOf } from "../support/client.ts"
import { recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { signed, uncommitted, unsigned } from "../support/suites.ts"

type Manager = CryptographicMaterialsManager.CryptographicMaterialsManager
type Materials = CryptographicMaterials.CompleteEncryptionMaterials & CryptographicMaterials.CompleteDecryptionMaterials
type Response = CryptographicMaterialsManager.MaterialsResponse<Materials>
type Method = "getEncryptionMaterials" | "decryptMaterials"

const honest = managerOf(staticKeyring(new Uint8Array(32).fill(0x42)))

/** The default manager, but for what is given. */
const manager = (change: (inner: Manager) => Partial<Manager>) =>
  Effect.map(honest, (inner) => CryptographicMaterialsManager.make({ ...inner, ...change(inner) }))

/** The default manager, whose response is changed before the client gets it. */
const responding = (method: Method, change: (response: Response) => unknown) =>
  manager((inner) => ({
    [method]: (request: never) => Effect.map(inner[method](request) as Effect.Effect<Response>, change)
  }))

/** The default manager, whose materials are changed before the client gets them. */
const changing = (method: Method, changes: (materials: Materials) => object) =>
  responding(
    method,
    (response) => ({ ...response, materials: { ...response.materials, ...changes(response.materials) } })
  )

const sdk = clientOf(recordingKeyring().keyring)

const invalid = (field: string, description: string) => ({ _tag: "InvalidMaterials", field, description })

/** What a manager responds, what it is, how the operation fails, and the options of that. */
type Case<Options> = readonly [
  name: string,
  manager: Effect.Effect<Manager>,
  expected: object,
  options?: Options | undefined
]

/** What is wrong for encrypt and decrypt alike. */
const wrongForBoth = (method: Method): ReadonlyArray<Case<object>> => [
  ["no object", responding(method, () => "materials"), invalid("receipt", "is missing")],
  ["a number", responding(method, () => 1), invalid("receipt", "is missing")],
  ["no receipt", responding(method, ({ materials }) => ({ materials })), invalid("receipt", "is missing")],
  ["no materials", responding(method, ({ receipt }) => ({ receipt })), invalid("materials", "are missing")],
  [
    "a suite that the policy forbids",
    changing(method, () => ({ algorithmSuite: uncommitted })),
    {
      _tag: "CommitmentPolicyViolation",
      commitmentPolicy: "RequireEncryptRequireDecrypt",
      algorithmSuite: uncommitted.name
    },
    method === "getEncryptionMaterials" ? { algorithmSuite: unsigned } : undefined
  ],
  [
    "a data key of zeroes",
    changing(method, () => ({ plaintextDataKey: DataKey.make(new Uint8Array(32)) })),
    invalid("plaintextDataKey", "is all zero")
  ],
  [
    "a data key of another length",
    changing(method, () => ({ plaintextDataKey: DataKey.make(new Uint8Array(16).fill(1)) })),
    invalid("plaintextDataKey", "is 16 bytes, the suite takes 32")
  ],
  [
    "a data key that was released",
    changing(method, ({ plaintextDataKey }) => {
      DataKey.zero(plaintextDataKey)
      return {}
    }),
    invalid("plaintextDataKey", "is no data key, or was released already")
  ]
]

describe("encrypt with a manager that answers", () => {
  const encryption = (changes: (materials: Materials) => object) => changing("getEncryptionMaterials", changes)
  const failsWith = Effect.fnUntraced(function*(
    responding: Effect.Effect<Manager>,
    expected: object,
    options: EncryptionSdk.EncryptOptions = {}
  ) {
    const { encrypt } = yield* sdk
    const reason = yield* encryptFailure(encrypt("a", { ...options, materialsManager: yield* responding }))
    assert.deepStrictEqual(fieldsOf(reason), { ...expected })
  })

  const cases: ReadonlyArray<Case<EncryptionSdk.EncryptOptions>> = [
    ...wrongForBoth("getEncryptionMaterials"),
    [
      "a suite that nobody knows",
      encryption((materials) => ({ algorithmSuite: { ...materials.algorithmSuite, id: 0x0678 } })),
      invalid("algorithmSuite", "is none of the known suites")
    ],
    [
      "a signing suite without a signing key",
      encryption(() => ({ signingKey: undefined })),
      invalid("signingKey", "is missing, the suite signs"),
      { algorithmSuite: signed }
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
      "no encrypted data key",
      encryption(() => ({ encryptedDataKeys: [] })),
      invalid("encryptedDataKeys", "there is none")
    ]
  ]
  for (const [name, responding, expected, options] of cases) {
    it.effect(name, () => failsWith(responding, expected, options))
  }

  it.effect("another suite that the policy allows: its suite is used, as the specification says", () =>
    Effect.gen(function*() {
      const { decrypt, encrypt } = yield* sdk
      const materialsManager = yield* manager((inner) => ({
        getEncryptionMaterials: (request) => inner.getEncryptionMaterials({ ...request, algorithmSuite: signed })
      }))
      const result = yield* encrypt("a", { algorithmSuite: unsigned, materialsManager })
      assert.strictEqual(result.algorithmSuite, signed)
      assert.strictEqual(text((yield* decrypt(result.message, { materialsManager })).plaintext), "a")
    }))

  it.effect("another context: its context is used", () =>
    Effect.gen(function*() {
      const { decrypt, encrypt } = yield* sdk
      const materialsManager = yield* manager((inner) => ({
        getEncryptionMaterials: (request) =>
          inner.getEncryptionMaterials({
            ...request,
            encryptionContext: { ...request.encryptionContext, added: "by the manager" }
          })
      }))
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
      const materialsManager = yield* manager(() => ({ getEncryptionMaterials: () => Effect.fail(error) }))
      const failure = yield* Effect.flip(encrypt("a", { materialsManager }))
      assert.strictEqual(failure, error)
      assert.isTrue(failure.isRetryable)
    }))
})

describe("decrypt with a manager that answers", () => {
  const decryption = (changes: (materials: Materials) => object) => changing("decryptMaterials", changes)
  const message = Effect.gen(function*() {
    const { encrypt } = yield* sdk
    return (yield* encrypt("a", {
      algorithmSuite: unsigned,
      encryptionContext: { a: "1", b: "2" },
      materialsManager: yield* honest
    })).message
  })
  const failsWith = Effect.fnUntraced(function*(
    responding: Effect.Effect<Manager>,
    expected: object,
    options: EncryptionSdk.DecryptOptions = {}
  ) {
    const { decrypt } = yield* sdk
    const reason = yield* decryptFailure(decrypt(yield* message, { ...options, materialsManager: yield* responding }))
    assert.deepStrictEqual(fieldsOf(reason), { ...expected })
  })

  const cases: ReadonlyArray<Case<EncryptionSdk.DecryptOptions>> = [
    ...wrongForBoth("decryptMaterials"),
    [
      "a suite that is not the message's",
      decryption(() => ({ algorithmSuite: signed, verificationKey: {} })),
      invalid("algorithmSuite", "is not the message's")
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
    [
      "no context",
      decryption(() => ({ encryptionContext: undefined })),
      invalid("encryptionContext", "is missing")
    ],
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
  for (const [name, responding, expected, options] of cases) {
    it.effect(name, () => failsWith(responding, expected, options))
  }

  it.effect("materials of another expected context, as from a cache: the client compares for itself", () =>
    Effect.gen(function*() {
      const { decrypt } = yield* sdk
      // Whatever context this caller expects, the manager answers as if it had expected none.
      const forgetful = yield* manager((inner) => ({
        decryptMaterials: (request) => inner.decryptMaterials({ ...request, expectedEncryptionContext: {} })
      }))
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
      const { message } = yield* encrypt("a", { algorithmSuite: signed, materialsManager: yield* honest })
      const materialsManager = yield* decryption(() => ({ verificationKey: undefined }))
      assert.deepStrictEqual(
        fieldsOf(yield* decryptFailure(decrypt(message, { materialsManager }))),
        invalid("verificationKey", "is missing, the suite signs")
      )
    }))

  it.effect("a failure of its own: it is passed on", () =>
    Effect.gen(function*() {
      const { decrypt } = yield* sdk
      const error = new DecryptError({
        reason: new MaterialsManagerFailed({ description: "out of order", isRetryable: false })
      })
      const materialsManager = yield* manager(() => ({ decryptMaterials: () => Effect.fail(error) }))
      assert.strictEqual(yield* Effect.flip(decrypt(yield* message, { materialsManager })), error)
    }))
})
