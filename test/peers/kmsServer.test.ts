/**
 * The real AWS SDK against a real KMS server (moto), both Regions on one endpoint. The keys are made by the tests.
 */
import { KMSClient } from "@aws-sdk/client-kms"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import type { EncryptedDataKey, KeyringError } from "effect-encryption-sdk"
import { DataKey } from "effect-encryption-sdk"
import type { KmsError } from "effect-encryption-sdk/kms"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import {
  aliasArn,
  config,
  createAlias,
  createKey,
  disable,
  enable,
  layer,
  scheduleDeletion
} from "./support/kmsServer.ts"
import { text } from "../support/bytes.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"

const encryptionContext = { tenant: "a", "ключ": "значение", "😀": "𐍈" }
const missingKey = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000"

const request = (keyId: string, context: Record<string, string> = encryptionContext) => ({
  keyId,
  encryptionContext: context,
  grantTokens: []
})

const toEncrypt = (context: Record<string, string> = encryptionContext) =>
  encryptionMaterials({ encryptionContext: context })

const toDecrypt = (context: Record<string, string> = encryptionContext) =>
  decryptionMaterials({ encryptionContext: context })

const wrap = (options: KmsKeyring.KmsKeyringOptions, context?: Record<string, string>) =>
  Effect.gen(function*() {
    const keyring = yield* KmsKeyring.make(options)
    const { encryptedDataKeys, plaintextDataKey } = yield* keyring.onEncrypt(toEncrypt(context))
    return { encryptedDataKeys, bytes: DataKey.value(plaintextDataKey!).slice() }
  }).pipe(Effect.scoped)

const unwrap = (
  options: KmsKeyring.KmsKeyringOptions,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>,
  context?: Record<string, string>
) =>
  Effect.gen(function*() {
    const keyring = yield* KmsKeyring.make(options)
    const answer = yield* keyring.onDecrypt(toDecrypt(context), encryptedDataKeys)
    return answer._tag === "Unwrapped"
      ? { ...answer, bytes: DataKey.value(answer.plaintextDataKey).slice() }
      : answer
  }).pipe(Effect.scoped)

/** The rows of a decrypt that failed. */
const rows = <A, R>(effect: Effect.Effect<A, KeyringError.KeyringError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => {
    assert.strictEqual(reason._tag, "DataKeyNotUnwrapped")
    return reason._tag === "DataKeyNotUnwrapped" ? reason.encryptedDataKeys : []
  })

const notWrapped = <A, R>(effect: Effect.Effect<A, KeyringError.KeyringError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => {
    assert.strictEqual(reason._tag, "DataKeyNotWrapped")
    return reason
  })

const fails = <A, R>(effect: Effect.Effect<A, KmsError, R>) =>
  Effect.map(Effect.flip(effect), ({ code, failure, isRetryable }) => ({ code, failure, isRetryable }))

const generate = (kms: Kms.Kms, keyId: string) => kms.generateDataKey({ ...request(keyId), numberOfBytes: 32 })

/** How the KMS rejects a call that no retry can help. */
const rejected = (code: string, failure: KmsError["failure"]) => ({ code, failure, isRetryable: false })
const notFound = rejected("NotFoundException", "KeyNotFound")

/** Asserts that every call under this name of a key is rejected. */
const assertAllFail = Effect.fnUntraced(function*(
  kms: Kms.Kms,
  name: string,
  { ciphertextBlob, plaintext }: { readonly ciphertextBlob: Uint8Array; readonly plaintext: DataKey.DataKey },
  expected: ReturnType<typeof rejected>
) {
  assert.deepStrictEqual(yield* fails(generate(kms, name)), expected)
  assert.deepStrictEqual(yield* fails(kms.encrypt({ ...request(name), plaintext })), expected)
  assert.deepStrictEqual(yield* fails(kms.decrypt({ ...request(name), ciphertextBlob })), expected)
})

describe("KMS server: calls", () => {
  it.live.each([16, 24, 32])(
    "generates a data key of %i bytes and decrypts it",
    (numberOfBytes) =>
      Effect.gen(function*() {
        const kms = yield* Kms.Kms
        const key = yield* createKey()
        const generated = yield* kms.generateDataKey({ ...request(key), numberOfBytes })
        assert.strictEqual(generated.keyId, key)
        assert.lengthOf(DataKey.value(generated.plaintext), numberOfBytes)
        const decrypted = yield* kms.decrypt({ ...request(key), ciphertextBlob: generated.ciphertextBlob })
        assert.strictEqual(decrypted.keyId, key)
        assert.deepStrictEqual(DataKey.value(decrypted.plaintext), DataKey.value(generated.plaintext))
      }).pipe(Effect.provide(layer))
  )

  it.live("encrypts and decrypts", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const key = yield* createKey("eu-central-1")
      const plaintext = DataKey.make(Uint8Array.from({ length: 32 }, (_, index) => index))
      const { ciphertextBlob, keyId } = yield* kms.encrypt({ ...request(key), plaintext })
      assert.strictEqual(keyId, key)
      const decrypted = yield* kms.decrypt({ ...request(key), ciphertextBlob })
      assert.deepStrictEqual(DataKey.value(decrypted.plaintext), DataKey.value(plaintext))
    }).pipe(Effect.provide(layer)))

  it.live("knows a key by key ARN, key id, alias ARN and alias name, and answers its key ARN", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const key = yield* createKey()
      const alias = yield* createAlias(key)
      for (const name of [key, key.split("/")[1]!, aliasArn(key, alias), alias]) {
        const { ciphertextBlob, keyId, plaintext } = yield* generate(kms, name)
        assert.strictEqual(keyId, key)
        assert.strictEqual((yield* kms.encrypt({ ...request(name), plaintext })).keyId, key)
        assert.strictEqual((yield* kms.decrypt({ ...request(name), ciphertextBlob })).keyId, key)
      }
    }).pipe(Effect.provide(layer)))

  it.live("the ARN's Region decides where the call goes", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const here = yield* createKey("us-east-1")
      const there = yield* createKey("eu-central-1")
      assert.match(there, /^arn:aws:kms:eu-central-1:/)
      for (const key of [here, there]) yield* generate(kms, key)
      const elsewhere = there.replace("eu-central-1", "us-east-1")
      assert.deepStrictEqual(yield* fails(generate(kms, elsewhere)), notFound)
    }).pipe(Effect.provide(layer)))

  it.live("a client of the user's own calls its own Region, whatever the ARN says", () =>
    Effect.gen(function*() {
      const here = yield* createKey("us-east-1")
      const there = yield* createKey("eu-central-1")
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => new KMSClient({ ...config, region: "us-east-1" })),
        (client) => Effect.sync(() => client.destroy())
      )
      const generated = (key: string) => Effect.flatMap(Kms.Kms, (kms) => generate(kms, key))
      yield* Effect.gen(function*() {
        assert.strictEqual((yield* generated(here)).keyId, here)
        assert.strictEqual((yield* fails(generated(there))).failure, "KeyNotFound")
      }).pipe(Effect.provide(AwsKms.layerClient(client)))
    }))

  it.live("a supplier of the user's own is asked for both Regions", () =>
    Effect.gen(function*() {
      const asked: Array<string | undefined> = []
      const clients = new Map<string, KMSClient>()
      const supplier = AwsKms.layerSupplier((region = "us-east-1") => {
        asked.push(region)
        const client = clients.get(region) ?? new KMSClient({ ...config, region })
        clients.set(region, client)
        return client
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => clients.forEach((client) => client.destroy())))
      const keys = [yield* createKey("us-east-1"), yield* createKey("eu-central-1")]
      const { bytes, encryptedDataKeys } = yield* Effect.provide(
        wrap({ generatorKeyId: keys[0], keyIds: [keys[1]!] }),
        supplier
      )
      const answer = yield* Effect.provide(unwrap({ keyIds: [keys[1]!] }, encryptedDataKeys), supplier)
      assert.deepInclude(answer, { _tag: "Unwrapped", bytes })
      assert.deepStrictEqual(asked, ["us-east-1", "eu-central-1", "eu-central-1"])
    }))
})

describe("KMS server: refusals", () => {
  it.live("another context is an InvalidCiphertextException", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const key = yield* createKey()
      const { ciphertextBlob } = yield* generate(kms, key)
      for (const wrong of [{}, { ...encryptionContext, tenant: "b" }, { ...encryptionContext, more: "" }]) {
        assert.deepStrictEqual(
          yield* fails(kms.decrypt({ ...request(key, wrong), ciphertextBlob })),
          rejected("InvalidCiphertextException", "InvalidCiphertext")
        )
      }
    }).pipe(Effect.provide(layer)))

  it.live("an altered ciphertext is an InvalidCiphertextException", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const key = yield* createKey()
      const { ciphertextBlob } = yield* generate(kms, key)
      const altered = ciphertextBlob.slice()
      altered[altered.length - 1]! ^= 1
      assert.strictEqual(
        (yield* fails(kms.decrypt({ ...request(key), ciphertextBlob: altered }))).failure,
        "InvalidCiphertext"
      )
    }).pipe(Effect.provide(layer)))

  it.live("a key that there is not is a NotFoundException", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const existing = yield* createKey()
      const { ciphertextBlob, plaintext } = yield* generate(kms, existing)
      for (
        const name of [
          missingKey,
          "00000000-0000-4000-8000-000000000000",
          "alias/none",
          aliasArn(existing, "alias/none")
        ]
      ) {
        yield* assertAllFail(kms, name, { ciphertextBlob, plaintext }, notFound)
      }
    }).pipe(Effect.provide(layer)))

  it.live("a key that did not wrap it is refused", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const [one, two] = [yield* createKey(), yield* createKey()]
      const { ciphertextBlob } = yield* generate(kms, one)
      // AWS KMS says IncorrectKeyException; moto says AccessDeniedException.
      assert.deepStrictEqual(
        yield* fails(kms.decrypt({ ...request(two), ciphertextBlob })),
        rejected("AccessDeniedException", "AccessDenied")
      )
    }).pipe(Effect.provide(layer)))

  it.live.each<[string, string, (arn: string) => Effect.Effect<void>]>([
    ["disabled", "DisabledException", disable],
    ["pending deletion", "KMSInvalidStateException", scheduleDeletion]
  ])("a key that is %s is a %s", ([_state, code, change]) =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const key = yield* createKey()
      const generated = yield* generate(kms, key)
      yield* change(key)
      yield* assertAllFail(kms, key, generated, rejected(code, "KeyUnavailable"))
    }).pipe(Effect.provide(layer)))

  it.live("a size that AWS KMS does not take is a ValidationException", () =>
    Effect.gen(function*() {
      const kms = yield* Kms.Kms
      const key = yield* createKey()
      assert.deepStrictEqual(
        yield* fails(kms.generateDataKey({ ...request(key), numberOfBytes: 1025 })),
        rejected("ValidationException", "Rejected")
      )
    }).pipe(Effect.provide(layer)))
})

describe("KMS server: keyring", () => {
  it.live("a generator key and additional keys in two Regions: each alone unwraps", () =>
    Effect.gen(function*() {
      const keys = [yield* createKey("us-east-1"), yield* createKey("eu-central-1"), yield* createKey("us-east-1")]
      const { bytes, encryptedDataKeys } = yield* wrap({ generatorKeyId: keys[0], keyIds: keys.slice(1) })
      assert.deepStrictEqual(encryptedDataKeys.map(({ keyProviderInfo }) => text(keyProviderInfo)), keys)
      for (const [index, key] of keys.entries()) {
        for (const options of [{ generatorKeyId: key }, { keyIds: [key] }]) {
          const answer = yield* unwrap(options, encryptedDataKeys)
          assert.deepInclude(answer, { _tag: "Unwrapped", encryptedDataKey: encryptedDataKeys[index]!, bytes })
        }
      }
    }).pipe(Effect.provide(layer)))

  it.live("wraps a data key that another keyring made", () =>
    Effect.gen(function*() {
      const keys = [yield* createKey("us-east-1"), yield* createKey("eu-central-1")]
      const keyring = yield* KmsKeyring.make({ generatorKeyId: keys[0], keyIds: [keys[1]!] })
      const bytes = Uint8Array.from({ length: 32 }, (_, index) => index)
      const { encryptedDataKeys } = yield* keyring.onEncrypt({
        ...toEncrypt(),
        plaintextDataKey: DataKey.make(bytes.slice())
      })
      for (const key of keys) assert.deepInclude(yield* unwrap({ keyIds: [key] }, encryptedDataKeys), { bytes })
    }).pipe(Effect.provide(layer)))

  it.live("the data keys are zeroed when the scope closes", () =>
    Effect.gen(function*() {
      const keyring = yield* KmsKeyring.make({ generatorKeyId: yield* createKey() })
      const scope = yield* Scope.make()
      const materials = yield* Scope.provide(keyring.onEncrypt(toEncrypt()), scope)
      const answer = yield* Scope.provide(keyring.onDecrypt(toDecrypt(), materials.encryptedDataKeys), scope)
      const handedOut = [
        DataKey.value(materials.plaintextDataKey!),
        ...answer._tag === "Unwrapped" ? [DataKey.value(answer.plaintextDataKey)] : []
      ]
      assert.deepStrictEqual(handedOut[0], handedOut[1])
      assert.isTrue(handedOut[0]!.some((byte) => byte !== 0))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(handedOut, [new Uint8Array(32), new Uint8Array(32)])
    }).pipe(Effect.provide(layer)))

  it.live("rows of a decrypt: context mismatch, disabled, pending deletion, missing, not configured", () =>
    Effect.gen(function*() {
      const [mismatched, disabled, pending, skipped] = [
        yield* createKey("eu-central-1"),
        yield* createKey(),
        yield* createKey(),
        yield* createKey()
      ]
      const { bytes, encryptedDataKeys } = yield* wrap({ generatorKeyId: disabled, keyIds: [pending, skipped] })
      const other = yield* wrap({ generatorKeyId: mismatched }, { tenant: "b" })
      yield* disable(disabled)
      yield* scheduleDeletion(pending)
      const configured = { keyIds: [mismatched, disabled, pending, missingKey] }
      const missing: EncryptedDataKey.EncryptedDataKey = {
        ...encryptedDataKeys[0]!,
        keyProviderInfo: new TextEncoder().encode(missingKey)
      }
      const all = [...other.encryptedDataKeys, ...encryptedDataKeys, missing]
      const row = (index: number, keyProviderInfo: string) => ({
        keyring: "KmsKeyring",
        index,
        keyProviderId: "aws-kms",
        keyProviderInfo
      })
      const attempted = (index: number, key: string, failure: string, code: string, description: string) => ({
        _tag: "Attempted",
        ...row(index, key),
        failure,
        code,
        description,
        isRetryable: false
      })
      assert.deepStrictEqual<ReadonlyArray<unknown>>(yield* rows(unwrap(configured, all)), [
        attempted(0, mismatched, "InvalidCiphertext", "InvalidCiphertextException", "UnknownError"),
        attempted(1, disabled, "KeyUnavailable", "DisabledException", `${disabled} is disabled.`),
        attempted(2, pending, "KeyUnavailable", "KMSInvalidStateException", `${pending} is pending deletion.`),
        { _tag: "Skipped", ...row(3, skipped), because: "its key ARN is not configured" },
        attempted(4, missingKey, "KeyNotFound", "NotFoundException", `Key '${missingKey}' does not exist`)
      ])
      yield* enable(disabled)
      assert.deepInclude(yield* unwrap(configured, all), { encryptedDataKey: all[1]!, bytes })
    }).pipe(Effect.provide(layer)))

  it.live("a wrong ARN: an encrypted data key that claims another key does not unwrap", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* createKey(), yield* createKey()]
      const { encryptedDataKeys } = yield* wrap({ generatorKeyId: one })
      const forged = [{ ...encryptedDataKeys[0]!, keyProviderInfo: new TextEncoder().encode(two) }]
      const [row] = yield* rows(unwrap({ keyIds: [two] }, forged))
      assert.deepInclude(row, { _tag: "Attempted", keyProviderInfo: two, failure: "AccessDenied" })
      assert.deepInclude(yield* unwrap({ keyIds: [one] }, forged), { _tag: "NotMine" })
    }).pipe(Effect.provide(layer)))

  it.live("errors of encryption name the key: disabled, pending deletion, missing, missing alias", () =>
    Effect.gen(function*() {
      const [good, disabled, pending] = [yield* createKey(), yield* createKey(), yield* createKey("eu-central-1")]
      yield* disable(disabled)
      yield* scheduleDeletion(pending)
      for (
        const [keyName, failure, code] of [
          [disabled, "KeyUnavailable", "DisabledException"],
          [pending, "KeyUnavailable", "KMSInvalidStateException"],
          [missingKey, "KeyNotFound", "NotFoundException"],
          ["alias/none", "KeyNotFound", "NotFoundException"]
        ] as const
      ) {
        const expected = { keyName, failure, code, isRetryable: false }
        assert.deepInclude(yield* notWrapped(wrap({ generatorKeyId: keyName })), expected)
        assert.deepInclude(yield* notWrapped(wrap({ generatorKeyId: good, keyIds: [keyName] })), expected)
      }
    }).pipe(Effect.provide(layer)))

  it.live("an alias encrypts; a decrypt with it explains itself, and with the ARN that it names succeeds", () =>
    Effect.gen(function*() {
      const key = yield* createKey()
      const alias = yield* createAlias(key)
      for (const name of [alias, aliasArn(key, alias), key.split("/")[1]!]) {
        const { bytes, encryptedDataKeys } = yield* wrap({ generatorKeyId: name })
        assert.deepStrictEqual(encryptedDataKeys.map(({ keyProviderInfo }) => text(keyProviderInfo)), [key])
        const answer = yield* unwrap({ generatorKeyId: name }, encryptedDataKeys)
        assert.strictEqual(answer._tag, "NotMine")
        if (answer._tag !== "NotMine") return
        assert.include(answer.skipped[0]!.because, name)
        const advised = /configure its key ARN (\S+)$/.exec(answer.skipped[0]!.because)?.[1]
        assert.strictEqual(advised, key)
        assert.deepInclude(yield* unwrap({ generatorKeyId: advised }, encryptedDataKeys), { bytes })
      }
    }).pipe(Effect.provide(layer)))

  it.live("many at once, in two Regions", () =>
    Effect.gen(function*() {
      const keys = [yield* createKey("us-east-1"), yield* createKey("eu-central-1")]
      yield* Effect.forEach(
        Array.from({ length: 25 }, (_, index) => index),
        (index) =>
          Effect.gen(function*() {
            const context = { index: String(index) }
            const { bytes, encryptedDataKeys } = yield* wrap({ generatorKeyId: keys[0], keyIds: [keys[1]!] }, context)
            assert.deepInclude(yield* unwrap({ keyIds: [keys[index % 2]!] }, encryptedDataKeys, context), { bytes })
          }),
        { concurrency: "unbounded", discard: true }
      )
    }).pipe(Effect.provide(layer)))
})
