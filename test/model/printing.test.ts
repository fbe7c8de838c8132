/** What errors print of texts that others chose: of who wrote a message, of a key provider, of who configured a program. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import {
  type EncryptedDataKey,
  EncryptionContextMismatch,
  InvalidEncryptionContext,
  InvalidMaterials,
  InvalidOption,
  KeyringError,
  MalformedMessage,
  MaterialsManagerFailed,
  MultiKeyring,
  NoDataKeyUnwrapped,
  NotLoaded
} from "effect-encryption-sdk"
import { PrimitivesError } from "effect-encryption-sdk/crypto"
import { KeyArn, KmsError, KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKmsError } from "effect-encryption-sdk/kms/development-only"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { printable, quoted, shown } from "../../src/internal/printable.ts"
import { clientOf, decryptFailure, encryptFailure, fieldsOf, managerOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { edk, one, TestKms } from "../support/kmsKeyring.ts"
import { decryptRequest } from "../support/scriptedManager.ts"

const forged = "x\n2026-11-26T00:00:00Z INFO decrypt: ok\x1b[2J"
const bidirectional = "a\u{202e}b\u{2066}c\u{200f}d\u{2028}e\u{85}f\u{feff}"
const hostile = forged + bidirectional + "\ud800"

const isOneLine = (text: string) => /^[^\p{C}\p{Zl}\p{Zp}]*$/u.test(text)

describe("the printer of texts that others chose", () => {
  it("shows what does not print by its number", () => {
    assert.strictEqual(printable(forged), "x\\u{a}2026-11-26T00:00:00Z INFO decrypt: ok\\u{1b}[2J")
    assert.strictEqual(
      printable(bidirectional),
      "a\\u{202e}b\\u{2066}c\\u{200f}d\\u{2028}e\\u{85}f\\u{feff}"
    )
    assert.strictEqual(printable("\ud800 schlüssel 🔑"), "\\u{d800} schlüssel 🔑")
    assert.strictEqual(quoted("a\"\n\u{202e}"), "\"a\\\"\\n\\u{202e}\"")
    assert.strictEqual(shown("\u{202e}"), "\"\\u{202e}\"")
  })

  it("bounds the length, and leaves what it printed as it is", () => {
    assert.strictEqual(printable("a".repeat(1024)), "a".repeat(1024))
    for (const text of ["a".repeat(1025), "\n".repeat(1024), "🔑".repeat(65_535), `a${"🔑".repeat(600)}`]) {
      const once = printable(text)
      assert.isAtMost(once.length, 1024)
      assert.isTrue(once.endsWith("…") && isOneLine(once))
      assert.strictEqual(printable(once), once)
    }
    assert.isAtMost(quoted("\"".repeat(65_535)).length, 1024)
    assert.isAtMost(shown({ toString: () => "x".repeat(1e6) }).length, 101)
  })
})

const row = { keyring: hostile, index: 0, keyProviderId: hostile, keyProviderInfo: hostile }
const refusal = { failure: "Rejected", code: hostile, description: hostile, isRetryable: false } as const
const skipped = { _tag: "Skipped", ...row, description: hostile } as const
const attempted = { _tag: "Attempted", ...row, ...refusal } as const
const identifier = KeyArn.parse(`arn:aws:${hostile}:us-east-1:1:key/a`)

const errors: ReadonlyArray<Error> = [
  new InvalidOption({ field: hostile, description: hostile }),
  new InvalidEncryptionContext({ key: hostile, description: hostile }),
  new EncryptionContextMismatch({ key: hostile }),
  new InvalidMaterials({ field: hostile, description: hostile }),
  new MaterialsManagerFailed({ description: hostile, isRetryable: false }),
  new NotLoaded({ part: hostile }),
  new MalformedMessage({ field: hostile, description: hostile, offset: 0 }),
  new PrimitivesError({ method: hostile, reason: "Unsupported", description: hostile }),
  new KmsError({ operation: "Decrypt", keyId: hostile, ...refusal }),
  new EmbeddedKmsError({ field: hostile, description: hostile }),
  new KeyArn.InvalidKeyIdentifier({ identifier: hostile, description: hostile }),
  ...Result.isFailure(identifier) ? [identifier.failure] : [],
  new KeyringError.DataKeyNotWrapped({ keyName: hostile, ...refusal }),
  new KeyringError.PublicKeyNotRead({ keyName: hostile, ...refusal }),
  new KeyringError.KeyringMisconfigured({ field: hostile, description: hostile }),
  new KeyringError.KeyringError({
    keyring: hostile,
    operation: "make",
    reason: new KeyringError.KeyringMisconfigured({ field: hostile, description: hostile })
  })
]

describe("errors", () => {
  it.each(errors.map((error) => ({ name: error.name, error })))("$name is one line, whatever it names", ({ error }) => {
    assert.include(error.message, "u{202e}")
    assert.isTrue(isOneLine(error.message), error.message)
  })

  it("has one line for each row, whatever the rows name", () => {
    for (const Failure of [NoDataKeyUnwrapped, KeyringError.DataKeyNotUnwrapped]) {
      const lines = new Failure({ encryptedDataKeys: [skipped, attempted] }).message.split("\n")
      assert.strictEqual(lines.length, 3)
      assert.isTrue(lines.every(isOneLine))
    }
  })

  it("prints some of many rows, attempts first, and counts the others", () => {
    const rows = [...Array.from({ length: 30 }, () => skipped), { ...attempted, code: "TheOne" }]
    const { message } = new NoDataKeyUnwrapped({ encryptedDataKeys: rows, omitted: 5 })
    const lines = message.split("\n")
    assert.strictEqual(lines.length, 1 + 20 + 1)
    assert.include(lines[1], "TheOne")
    assert.strictEqual(lines.at(-1), "  and 16 more")
  })
})

/** A keyring over no encrypted data key of these tests. */
const stranger = Effect.provide(KmsKeyring.make({ keyIds: [one] }), TestKms)

describe("encrypted data keys that others wrote", () => {
  it.effect("forge no line of an error, and no row", () =>
    Effect.gen(function*() {
      const manager = yield* managerOf(yield* stranger)
      const reason = yield* decryptFailure(
        manager.decryptMaterials(decryptRequest({ edks: [edk(forged, bidirectional)] })).pipe(Effect.scoped)
      )
      assert.strictEqual(
        reason.message,
        "no encrypted data key could be unwrapped\n" +
          "  #0 x\\u{a}2026-11-26T00:00:00Z INFO decrypt: ok\\u{1b}[2J a… — KmsKeyring: skipped, its key provider is not aws-kms"
      )
      if (reason._tag !== "NoDataKeyUnwrapped") throw new Error(reason._tag)
      assert.strictEqual(reason.encryptedDataKeys[0]?.keyProviderId, printable(forged))
    }))

  it.effect("cost bounded rows, characters and calls, however many there are", () =>
    Effect.gen(function*() {
      const kms = yield* ScriptedKms.ScriptedKms
      const children = yield* Effect.all(Array.from({ length: 10 }, () => KmsKeyring.make({ keyIds: [one] })))
      const manager = yield* managerOf(yield* MultiKeyring.make({ children }))
      const entry: EncryptedDataKey.EncryptedDataKey = edk("other", new Uint8Array(60).fill(0x61))
      const edks = Array.from({ length: 65_535 }, () => entry)
      const reason = yield* decryptFailure(manager.decryptMaterials(decryptRequest({ edks })).pipe(Effect.scoped))
      if (reason._tag !== "NoDataKeyUnwrapped") throw new Error(reason._tag)
      assert.strictEqual(reason.encryptedDataKeys.length, 512)
      assert.strictEqual(reason.omitted, 10 * 65_535 - 512)
      assert.isBelow(reason.message.length, 10_000)
      assert.isTrue(reason.message.endsWith("  and 655330 more"))
      assert.deepStrictEqual(yield* kms.calls, [])
    }).pipe(Effect.provide(TestKms)))

  it.effect("are kept out by their number, before any keyring is called, unless the client has another limit", () =>
    Effect.gen(function*() {
      const { decryptions, keyring } = recordingKeyring({ encryptedDataKeys: 129 })
      const usual = yield* clientOf(keyring)
      const lifted = yield* clientOf(keyring, { maxEncryptedDataKeys: 65_535 })
      const { message } = yield* lifted.encrypt("a")
      assert.strictEqual((yield* lifted.decrypt(message)).plaintext.length, 1)
      const before = decryptions.length
      for (const reason of [yield* decryptFailure(usual.decrypt(message)), yield* encryptFailure(usual.encrypt("a"))]) {
        assert.deepStrictEqual(fieldsOf(reason), { _tag: "TooManyEncryptedDataKeys", count: 129, maximum: 128 })
      }
      assert.strictEqual(decryptions.length, before)
      const most = yield* clientOf(recordingKeyring({ encryptedDataKeys: 128 }).keyring)
      assert.strictEqual((yield* most.decrypt((yield* most.encrypt("a")).message)).plaintext.length, 1)
    }))

  it.effect("keep the rows of attempts, where others are more than fit", () =>
    Effect.gen(function*() {
      const keyring = yield* KmsKeyring.make({ keyIds: [one] })
      const manager = yield* managerOf(keyring)
      const edks = [...Array.from({ length: 1_000 }, () => edk("other", "a")), edk("aws-kms", one)]
      const reason = yield* decryptFailure(manager.decryptMaterials(decryptRequest({ edks })).pipe(Effect.scoped))
      if (reason._tag !== "NoDataKeyUnwrapped") throw new Error(reason._tag)
      const last = reason.encryptedDataKeys.at(-1)
      assert.deepStrictEqual([last?._tag, last?.index, reason.omitted], ["Attempted", 1_000, 1_000 - 512])
    }).pipe(Effect.provide(TestKms)))
})
