/**
 * No key byte in anything that is printed, and in errors and receipts no plaintext and no value of a context either:
 * whatever is printed, and however.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Redacted, Result } from "effect"
import {
  AlgorithmSuite,
  CryptographicMaterialsManager,
  DataKey,
  type DecryptError,
  DefaultCmm,
  type EncryptError,
  EncryptionSdk,
  Keyring,
  MultiKeyring
} from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KeyDerivation, Primitives } from "effect-encryption-sdk/crypto"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { RawAesKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import { TestPrimitives } from "./support/TestPrimitives.ts"
import { concat, flip } from "./support/bytes.ts"
import { clientOf, managerOf } from "./support/client.ts"
import { inspect } from "./support/inspect.ts"
import { recordingKeyring, staticKeyring } from "./support/keyrings.ts"
import { rsaPrivateKey, rsaPublicKey } from "./support/rsaKeys.ts"
import { signed } from "./support/suites.ts"

/** Bytes that stand out: no run of them occurs by chance, in any notation. */
const secret = (seed: number, length = 32) => Uint8Array.from({ length }, (_, i) => 128 + ((i * 37 + seed * 11) % 127))

const dataKey = secret(1)
const wrappingKey = secret(2)
const plaintext = "zqxjv kwpfh gbqyz mnvxw jzkqd"
const contextValue = "xwzvq pjgkz qhfyx bzqwk vjxpm"

/** The ways in which bytes end up in text. A run of six is enough to find. */
const notations = (bytes: Uint8Array): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let start = 0; start + 6 <= bytes.length; start += 3) {
    const run = Buffer.from(bytes.subarray(start, start + 6))
    // White space is taken out before the search, and letters are made small: one notation stands for all its spellings.
    found.push(run.toString("hex"), run.toString("base64").toLowerCase(), [...run].join(","))
    found.push([...run].map((byte, index) => `"${start + index}":${byte}`).join(","))
    found.push([...run].map((byte, index) => `'${start + index}':${byte}`).join(","))
    found.push(run.toString("latin1").toLowerCase())
  }
  return found
}

const keyNotations = [dataKey, wrappingKey].flatMap(notations)
const textNotations = [plaintext, contextValue].flatMap((text) => [
  text.replaceAll(" ", ""),
  ...notations(new Uint8Array(Buffer.from(text)))
])

/** Everything that a program might print of a value. */
const printed = Effect.fnUntraced(function*(value: unknown) {
  const out: Array<string> = []
  const attempt = (print: () => unknown) => {
    try {
      out.push(String(print()))
    } catch {
      // What cannot be printed shows nothing: a circular structure has no JSON.
    }
  }
  const replacer = (_: string, part: unknown) => typeof part === "bigint" ? String(part) : part
  attempt(() => value)
  attempt(() => JSON.stringify(value, replacer))
  attempt(() => JSON.stringify({ nested: [value] }, replacer, 2))
  attempt(() => inspect(value))
  attempt(() =>
    inspect(value, { depth: Infinity, showHidden: true, showProxy: true, getters: true, maxArrayLength: null })
  )
  attempt(() => value instanceof Error ? `${value.stack} ${value.message}` : "")
  const capture = (logger: Logger.Logger<unknown, string>) =>
    Logger.make<unknown, void>((options) => {
      out.push(logger.log(options))
    })
  yield* Effect.log("value", value).pipe(
    Effect.annotateLogs({ value }),
    Effect.provide(Logger.layer([
      capture(Logger.formatSimple),
      capture(Logger.formatLogFmt),
      capture(Logger.formatJson),
      capture(Logger.map(Logger.formatStructured, (entry) => inspect(entry, { depth: Infinity })))
    ]))
  )
  assert.isAtLeast(out.length, 6)
  return out.join("\n")
})

const find = (text: string, notations: ReadonlyArray<string>) => {
  const plain = text.replace(/[\s]/g, "").toLowerCase()
  return notations.find((notation) => plain.includes(notation))
}

const assertNoKeys = (name: string, value: unknown) =>
  Effect.map(printed(value), (text) => assert.isUndefined(find(text, keyNotations), `${name} shows a key`))

const assertNothing = (name: string, value: unknown) =>
  Effect.map(printed(value), (text) => {
    assert.isUndefined(find(text, keyNotations), `${name} shows a key`)
    assert.isUndefined(find(text, textNotations), `${name} shows plaintext or context`)
  })

const encryptionContext = { tenant: contextValue }

describe("no secret is shown", () => {
  it.effect("the search finds keys and texts in every notation", () =>
    Effect.gen(function*() {
      for (
        const shown of [
          dataKey,
          Buffer.from(dataKey),
          { key: dataKey },
          [...dataKey],
          Buffer.from(dataKey).toString("hex").toUpperCase(),
          `key: ${Buffer.from(dataKey).toString("base64")}`,
          `key: ${Buffer.from(wrappingKey).toString("base64")}`,
          new Error("no", { cause: wrappingKey }),
          new Map([["key", dataKey]])
        ]
      ) {
        assert.isDefined(find(yield* printed(shown), keyNotations), inspect(shown))
      }
      for (const shown of [plaintext, { a: contextValue }, Buffer.from(plaintext), new Error(contextValue)]) {
        assert.isDefined(find(yield* printed(shown), textNotations), inspect(shown))
      }
      assert.isUndefined(find(yield* printed({ tenant: "a", bytes: new Uint8Array(100) }), keyNotations))
    }))

  it.effect("keys of every kind", () =>
    Effect.gen(function*() {
      const primitives = TestPrimitives.make
      const key = DataKey.make(new Uint8Array(dataKey))
      const derived = yield* primitives.deriveKeys(
        key,
        KeyDerivation.parameters(AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF, new Uint8Array(16))
      )
      const { signingKey } = yield* primitives.generateSigningKey("P-384")
      yield* assertNothing("DataKey", key)
      yield* assertNothing("AesKey, which is the data key itself without a derivation", derived)
      yield* assertNothing("imported AesKey", yield* primitives.importAesKey(Redacted.make(wrappingKey)))
      yield* assertNothing("SigningKey", signingKey)
      DataKey.zero(key)
      yield* assertNothing("released DataKey", key)
    }))

  it.effect("primitives, keyrings, managers, caches and clients that hold or have used keys", () =>
    Effect.gen(function*() {
      const embedded = yield* Layer.build(EmbeddedKms.layer({ keys: [{ aliases: ["alias/test"] }] })).pipe(
        Effect.provide(TestPrimitives.layer)
      )
      const aes = yield* RawAesKeyring.make({
        keyNamespace: "test",
        keyName: "aes",
        wrappingKey: Redacted.make(wrappingKey)
      })
      const rsa = yield* RawRsaKeyring.make({
        keyNamespace: "test",
        keyName: "rsa",
        padding: "OAEP-SHA256",
        publicKey: rsaPublicKey,
        privateKey: Redacted.make(rsaPrivateKey)
      })
      const kms = yield* Effect.provide(KmsKeyring.make({ generatorKeyId: "alias/test" }), embedded)
      const multi = yield* MultiKeyring.make({ generator: staticKeyring(dataKey), children: [aes, rsa, kms] })
      const inner = yield* DefaultCmm.make(multi)
      const cache = yield* LocalCache.make({ capacity: 10 })
      const events: Array<unknown> = []
      const caching = yield* CachingCmm.make({
        policy: { maxAge: "1 hour" },
        materialsManager: inner,
        cache,
        onEvent: (event) => events.push(event)
      })
      const sdk = yield* EncryptionSdk.make().pipe(
        Effect.provideService(CryptographicMaterialsManager.CryptographicMaterialsManager, caching)
      )
      const encrypted = yield* sdk.encrypt(plaintext, { encryptionContext })
      yield* sdk.encrypt(plaintext, { encryptionContext })
      yield* sdk.decrypt(encrypted.message)

      const pem = rsaPrivateKey.split("\n").slice(2, -2).map((line) => line.slice(10, 40).toLowerCase())
      assert.isAbove(pem.length, 10)
      const values = {
        primitives: TestPrimitives.make,
        embedded,
        aes,
        rsa,
        kms,
        multi,
        inner,
        cache,
        caching,
        sdk,
        events
      }
      assert.isAbove(events.length, 0)
      for (const [name, value] of Object.entries(values)) {
        yield* assertNoKeys(name, value)
        const text = yield* printed(value)
        assert.isUndefined(find(text, pem), `${name} shows the RSA key`)
      }
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("materials", () =>
    Effect.gen(function*() {
      const manager = yield* managerOf(staticKeyring(dataKey))
      const encryption = yield* manager.getEncryptionMaterials({
        encryptionContext,
        commitmentPolicy: "RequireEncryptRequireDecrypt",
        algorithmSuite: signed,
        requiredEncryptionContextKeys: [],
        maxPlaintextLength: 1
      })
      assert.deepStrictEqual(DataKey.value(encryption.materials.plaintextDataKey), dataKey)
      yield* assertNoKeys("encryption materials", encryption)
      const decryption = yield* manager.decryptMaterials({
        algorithmSuite: signed,
        commitmentPolicy: "RequireEncryptRequireDecrypt",
        encryptedDataKeys: encryption.materials.encryptedDataKeys,
        encryptionContext: encryption.materials.encryptionContext,
        expectedEncryptionContext: {}
      })
      assert.deepStrictEqual(DataKey.value(decryption.materials.plaintextDataKey), dataKey)
      yield* assertNoKeys("decryption materials", decryption)
    }))

  it.effect("results and receipts", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(dataKey))
      const encrypted = yield* sdk.encrypt(plaintext, { encryptionContext })
      const decrypted = yield* sdk.decrypt(encrypted.message)
      yield* assertNoKeys("encrypt", encrypted)
      yield* assertNoKeys("decrypt", decrypted)
      yield* assertNoKeys("inspect", yield* sdk.inspect(encrypted.message))
      yield* assertNothing("receipt of encrypt", encrypted.receipt)
      yield* assertNothing("receipt of decrypt", decrypted.receipt)

      const cache = yield* LocalCache.make({ capacity: 10 })
      const materialsManager = yield* CachingCmm.make({
        policy: { maxAge: "1 hour" },
        materialsManager: yield* managerOf(staticKeyring(dataKey)),
        cache
      }).pipe(Effect.provide(TestPrimitives.layer))
      const options = { encryptionContext, materialsManager }
      for (const name of ["miss", "hit"]) {
        yield* assertNothing(name, (yield* sdk.encrypt(plaintext, options)).receipt)
      }
    }))

  it.effect("every error of encrypt and decrypt", () =>
    Effect.gen(function*() {
      const sdk = yield* clientOf(staticKeyring(dataKey))
      const limited = yield* clientOf(recordingKeyring({ encryptedDataKeys: 2 }).keyring, { maxEncryptedDataKeys: 1 })
      const stranger = yield* clientOf(recordingKeyring().keyring)
      const other = yield* clientOf(staticKeyring(secret(3)))
      const strict = yield* recordingClient
      const { message } = yield* sdk.encrypt(plaintext, { encryptionContext })
      const encrypted = yield* sdk.encrypt(plaintext, { encryptionContext, algorithmSuite: signed })
      const own = yield* strict.encrypt(plaintext, { encryptionContext })
      const text = (value: unknown) => value as string
      const context = (value: unknown) => value as Record<string, string>
      const failures = {
        "plaintext of the wrong type": sdk.encrypt(text([plaintext])),
        "plaintext that is an object": sdk.encrypt(text({ plaintext })),
        "plaintext that is not well-formed": sdk.encrypt(`${plaintext}\ud83d`),
        "frame length": sdk.encrypt(plaintext, { encryptionContext, frameLength: 0 }),
        "suite": sdk.encrypt(plaintext, { algorithmSuite: AlgorithmSuite.ALG_AES_128_GCM_IV12_TAG16_NO_KDF }),
        "reserved key": sdk.encrypt(plaintext, { encryptionContext: { "aws-crypto-x": contextValue } }),
        "value of the wrong type": sdk.encrypt(plaintext, { encryptionContext: context({ a: [contextValue] }) }),
        "value that is not well-formed": sdk.encrypt(plaintext, { encryptionContext: { a: `${contextValue}\ud83d` } }),
        "context that is too long": sdk.encrypt(plaintext, {
          encryptionContext: { a: contextValue.repeat(3000) }
        }),
        "context that is no object": sdk.encrypt(plaintext, { encryptionContext: context(contextValue) }),
        "too many keys to encrypt": limited.encrypt(plaintext, { encryptionContext }),
        "message of the wrong type": sdk.decrypt(text(plaintext) as unknown as Uint8Array),
        "base64": sdk.decrypt(Buffer.from(Buffer.from(message).toString("base64"))),
        "text": sdk.decrypt(Buffer.from(plaintext)),
        "malformed": sdk.decrypt(message.subarray(0, -1)),
        "malformed context": sdk.decrypt(malformedContext(message)),
        "trailing bytes": sdk.decrypt(concat(message, Buffer.from(plaintext))),
        "unexpected context": sdk.decrypt(message, { expectedEncryptionContext: { tenant: `${contextValue}!` } }),
        "absent context": sdk.decrypt(message, { expectedEncryptionContext: { other: contextValue } }),
        "not mine": stranger.decrypt(message),
        "mine but broken": strict.decrypt(malformedValue(own.message)),
        "commitment": other.decrypt(message),
        "header": sdk.decrypt(malformedValue(message)),
        "body": sdk.decrypt(flip(encrypted.message, encrypted.message.length - 120)),
        "signature": sdk.decrypt(flip(encrypted.message, encrypted.message.length - 1))
      }
      const reasons = new Set<string>()
      for (const [name, failure] of Object.entries(failures)) {
        const exit = yield* Effect.exit<unknown, EncryptError | DecryptError, never>(failure)
        assert.isTrue(Exit.isFailure(exit), name)
        if (!Exit.isFailure(exit)) continue
        yield* assertNothing(name, exit)
        yield* assertNothing(name, exit.cause)
        yield* assertNothing(name, Cause.pretty(exit.cause))
        const error = Result.getOrThrow(Cause.findError(exit.cause))
        yield* assertNothing(name, error)
        yield* assertNothing(name, error.reason)
        reasons.add(error.reason._tag)
      }
      assert.deepStrictEqual([...reasons].toSorted(), [
        "AuthenticationFailed",
        "CommitmentPolicyViolation",
        "EncryptionContextMismatch",
        "InvalidEncryptionContext",
        "InvalidOption",
        "MalformedMessage",
        "NoDataKeyUnwrapped",
        "NotAMessage",
        "TooManyEncryptedDataKeys"
      ])
    }))

  it.effect("errors of what answers wrongly", () =>
    Effect.gen(function*() {
      const wrong = Keyring.make({
        ...staticKeyring(dataKey),
        onEncrypt: (materials) =>
          Effect.succeed({ ...materials, plaintextDataKey: DataKey.make(secret(1, 31)), encryptedDataKeys: [] })
      })
      const sdk = yield* clientOf(wrong)
      const error = yield* Effect.flip(sdk.encrypt(plaintext, { encryptionContext }))
      assert.strictEqual(error.reason._tag, "InvalidMaterials")
      yield* assertNothing("InvalidMaterials", error)
      const primitives = yield* Effect.provide(Primitives.Primitives, TestPrimitives.layer)
      const refused = yield* Effect.flip(primitives.importAesKey(Redacted.make(secret(1, 31))))
      yield* assertNothing("PrimitivesError", refused)
    }))
})

const recordingClient = Effect.suspend(() => clientOf(recordingKeyring().keyring))

/** Where the context's value begins in a message that stores it. */
const valueOffset = (message: Uint8Array) => Buffer.from(message).indexOf(contextValue)

/** The last letter of the context's value changed: what the header's tag and a real keyring's wrapping refuse. */
const malformedValue = (message: Uint8Array) => flip(message, valueOffset(message) + contextValue.length - 1, 1)

/** The first byte of the context's value no UTF-8 any more. */
const malformedContext = (message: Uint8Array) => flip(message, valueOffset(message), 0x80)
