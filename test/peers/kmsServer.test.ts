/**
 * The real AWS SDK against a real KMS server (moto), both Regions on one endpoint. The keys are made by the tests.
 */
import { KMSClient } from "@aws-sdk/client-kms"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import type { EncryptedDataKey, KeyringError } from "effect-encryption-sdk"
import { DataKey } from "effect-encryption-sdk"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { context, failureOf, kmsContract, request } from "../support/kmsContract.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
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

const missingKey = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000"

const toEncrypt = (encryptionContext = context) => encryptionMaterials({ encryptionContext })
const toDecrypt = (encryptionContext = context) => decryptionMaterials({ encryptionContext })

const wrap = (options: KmsKeyring.Options, context?: Record<string, string>) =>
  Effect.gen(function*() {
    const keyring = yield* KmsKeyring.make(options)
    const { encryptedDataKeys, plaintextDataKey } = yield* keyring.onEncrypt(toEncrypt(context))
    return { encryptedDataKeys, bytes: DataKey.value(plaintextDataKey!).slice() }
  }).pipe(Effect.scoped)

const unwrap = (
  options: KmsKeyring.Options,
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

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

kmsContract({
  title: "AwsKms over a KMS server",
  layer,
  createKey: (region) =>
    Effect.gen(function*() {
      const arn = yield* createKey(region)
      const alias = yield* createAlias(arn)
      return {
        arn,
        names: [arn.split("/")[1]!, alias, aliasArn(arn, alias)],
        disable: disable(arn),
        scheduleDeletion: scheduleDeletion(arn)
      }
    }),
  // AWS KMS says IncorrectKeyException; moto says AccessDeniedException.
  incorrectKey: ["AccessDeniedException", "AccessDenied"],
  joinsContext: true,
  ignoresSourceKey: true,
  live: true
})

describe("KMS server: calls", () => {
  it.live("a client of the user's own calls its own Region, whatever the ARN says", () =>
    Effect.gen(function*() {
      const here = yield* createKey("us-east-1")
      const there = yield* createKey("eu-central-1")
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => new KMSClient({ ...config, region: "us-east-1" })),
        (client) => Effect.sync(() => client.destroy())
      )
      const generate = (key: string) =>
        Effect.flatMap(Kms.Kms, (kms) => kms.generateDataKey({ ...request(key), numberOfBytes: 32 }))
      yield* Effect.gen(function*() {
        assert.strictEqual((yield* generate(here)).keyId, here)
        assert.strictEqual((yield* failureOf(generate(there))).failure, "KeyNotFound")
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

describe("KMS server: keyring", () => {
  it.live("a generator key and additional keys in two Regions: each alone unwraps", () =>
    Effect.gen(function*() {
      const keys = [yield* createKey("us-east-1"), yield* createKey("eu-central-1"), yield* createKey("us-east-1")]
      const { bytes, encryptedDataKeys } = yield* wrap({ generatorKeyId: keys[0], keyIds: keys.slice(1) })
      assert.deepStrictEqual(encryptedDataKeys.map(({ keyProviderInfo }) => textOf(keyProviderInfo)), keys)
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
        { _tag: "Skipped", ...row(3, skipped), description: "its key ARN is not configured" },
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
        assert.deepStrictEqual(encryptedDataKeys.map(({ keyProviderInfo }) => textOf(keyProviderInfo)), [key])
        const answer = yield* unwrap({ generatorKeyId: name }, encryptedDataKeys)
        assert.strictEqual(answer._tag, "NotMine")
        if (answer._tag !== "NotMine") return
        assert.include(answer.skipped[0]!.description, name)
        const advised = /configure its key ARN (\S+)$/.exec(answer.skipped[0]!.description)?.[1]
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
