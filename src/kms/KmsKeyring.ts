/**
 * A keyring whose wrapping keys are in AWS KMS: a generator key, which makes data keys, and additional keys, under each
 * of which every data key is wrapped too. Any one of them unwraps.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md, framework/aws-kms/aws-kms-multi-keyrings.md#aws-kms-multi-keyring
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import * as bytes from "../internal/bytes.ts"
import * as Keyring from "../materials/Keyring.ts"
import type { EncryptedDataKeyReport, ProviderFailure } from "../model/errors/KeyringError.ts"
import {
  DataKeyNotUnwrapped,
  DataKeyNotWrapped,
  KeyringError,
  KeyringMisconfigured
} from "../model/errors/KeyringError.ts"
import * as KeyArn from "./KeyArn.ts"
import type { KmsRequest } from "./Kms.ts"
import { Kms } from "./Kms.ts"

/** The key provider id of every encrypted data key that AWS KMS wrapped. */
export const providerId = "aws-kms"

/** Which keys a keyring uses. There must be at least one. */
export interface KmsKeyringOptions {
  /**
   * The key that makes data keys: a key ARN, alias ARN, alias name or key id. Without it the keyring only wraps data keys
   * that another keyring made.
   */
  readonly generatorKeyId?: string | undefined
  /** Keys under which every data key is wrapped besides, in the order that messages list them. */
  readonly keyIds?: ReadonlyArray<string> | undefined
  /** Sent with every call. */
  readonly grantTokens?: ReadonlyArray<string> | undefined
}

const name = "KmsKeyring"

/**
 * A keyring over the keys that `options` name. Data keys are made by one GenerateDataKey, and wrapped under the
 * additional keys by one Encrypt each, in parallel. To decrypt, the encrypted data keys whose key ARN is configured are
 * tried one after the other.
 *
 * Fails with `KeyringMisconfigured` where no key is named, where a name is no key identifier, or where a key is named
 * twice.
 *
 * **Gotchas**
 *
 * Messages name the keys by their ARN, and names are compared exactly. So a key that is configured by its alias, or by
 * its bare key id, encrypts but does not decrypt: configure its key ARN to do both. A decrypt that fails for this reason
 * says so.
 *
 * Encrypted data keys that name AWS KMS with something other than a key ARN are passed over, so that they cannot keep
 * the others from being tried; the specification lets the whole decrypt fail.
 *
 * Specification: framework/aws-kms/aws-kms-keyring.md#initialization
 */
export const make: (options: KmsKeyringOptions) => Effect.Effect<Keyring.Keyring, KeyringError, Kms> = /*#__PURE__*/
  Effect.fnUntraced(function*(options: KmsKeyringOptions) {
    const kms = yield* Kms
    const { generator, additional, grantTokens } = yield* Effect.fromResult(validate(options))
    const all = generator === undefined ? additional : [generator, ...additional]
    const common = (keyId: string, materials: EncryptionMaterials | DecryptionMaterials): KmsRequest => ({
      keyId,
      encryptionContext: materials.encryptionContext,
      grantTokens
    })

    const generate = Effect.fnUntraced(function*(key: string, materials: EncryptionMaterials) {
      const answer = yield* own(kms.generateDataKey({
        ...common(key, materials),
        numberOfBytes: materials.algorithmSuite.dataKeyLength
      })).pipe(Effect.mapError((error) => notWrapped(key, error)))
      const fault = faultOfPlaintext(answer.plaintext, materials) ?? faultOfWrapped(answer)
      if (fault !== undefined) return yield* Effect.fail(notWrapped(key, invalidAnswer(fault)))
      return { plaintextDataKey: answer.plaintext, encryptedDataKey: toEncryptedDataKey(answer) }
    })

    const wrap = Effect.fnUntraced(
      function*(key: string, plaintext: DataKey.DataKey, materials: EncryptionMaterials) {
        const answer = yield* kms.encrypt({ ...common(key, materials), plaintext }).pipe(
          Effect.mapError((error) => notWrapped(key, error))
        )
        const fault = faultOfWrapped(answer)
        if (fault !== undefined) return yield* Effect.fail(notWrapped(key, invalidAnswer(fault)))
        return toEncryptedDataKey(answer)
      }
    )

    const onEncrypt = Effect.fnUntraced(function*(materials: EncryptionMaterials) {
      if (materials.plaintextDataKey === undefined && generator === undefined) {
        return yield* Effect.fail(misconfigured(
          "onEncrypt",
          "generatorKeyId",
          "is missing, and no other keyring has made a data key: only a generator key can"
        ))
      }
      const generated = materials.plaintextDataKey === undefined && generator !== undefined
        ? yield* generate(generator, materials)
        : undefined
      const plaintextDataKey = generated?.plaintextDataKey ?? materials.plaintextDataKey!
      const wrapped = yield* Effect.forEach(
        generated === undefined ? all : additional,
        (key) => wrap(key, plaintextDataKey, materials),
        { concurrency: "unbounded" }
      )
      return {
        ...materials,
        plaintextDataKey,
        encryptedDataKeys: [
          ...materials.encryptedDataKeys,
          ...generated === undefined ? [] : [generated.encryptedDataKey],
          ...wrapped
        ]
      }
    })

    const onDecrypt = Effect.fnUntraced(function*(
      materials: DecryptionMaterials,
      encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
    ): Effect.fn.Return<Keyring.OnDecryptResult, KeyringError, Scope.Scope> {
      const reports: Array<EncryptedDataKeyReport> = []
      for (const [index, encryptedDataKey] of encryptedDataKeys.entries()) {
        const row = {
          keyring: name,
          index,
          keyProviderId: encryptedDataKey.keyProviderId,
          keyProviderInfo: EncryptedDataKey.printableInfo(encryptedDataKey.keyProviderInfo)
        }
        const selected = select(all, encryptedDataKey)
        if (Result.isFailure(selected)) {
          reports.push({ _tag: "Skipped", ...row, because: selected.failure })
          continue
        }
        const key = selected.success
        const decrypted = yield* Effect.result(own(kms.decrypt({
          ...common(key, materials),
          ciphertextBlob: encryptedDataKey.ciphertext
        })))
        if (Result.isFailure(decrypted)) {
          const { code, description, failure, isRetryable } = decrypted.failure
          reports.push({ _tag: "Attempted", ...row, failure, code, ...said(description), isRetryable })
          continue
        }
        const { keyId, plaintext } = decrypted.success
        const fault = keyId === key ? faultOfPlaintext(plaintext, materials) : "KeyIdMismatch"
        if (fault === undefined) return { _tag: "Unwrapped", plaintextDataKey: plaintext, encryptedDataKey }
        DataKey.zero(plaintext)
        reports.push({ _tag: "Attempted", ...row, ...invalidAnswer(fault) })
      }
      return reports.every((report) => report._tag === "Skipped")
        ? { _tag: "NotMine", skipped: reports }
        : yield* new KeyringError({
          keyring: name,
          operation: "onDecrypt",
          reason: new DataKeyNotUnwrapped({ encryptedDataKeys: reports })
        })
    })

    return Keyring.make({ name, onEncrypt, onDecrypt })
  })

/** `make` as the keyring of this program. */
export const layer = (options: KmsKeyringOptions): Layer.Layer<Keyring.Keyring, KeyringError, Kms> =>
  Layer.effect(Keyring.Keyring, make(options))

/**
 * The answer to a call, with its plaintext zeroed when the scope closes. From the moment that the plaintext arrives, the
 * fiber yields to no other until the scope knows of it: an interruption in between would leave it behind.
 */
const own = <A extends { readonly plaintext: DataKey.DataKey }, E>(
  call: Effect.Effect<A, E>
): Effect.Effect<A, E, Scope.Scope> =>
  Effect.acquireRelease(call, ({ plaintext }) => Effect.sync(() => DataKey.zero(plaintext)), {
    interruptible: true
  }).pipe(Effect.provideService(References.PreventSchedulerYield, true))

const misconfigured = (operation: KeyringError["operation"], field: string, description: string): KeyringError =>
  new KeyringError({ keyring: name, operation, reason: new KeyringMisconfigured({ field, description }) })

interface Refusal {
  readonly failure: ProviderFailure
  readonly code: string
  readonly description?: string
  readonly isRetryable: boolean
}

/** The service's own words, where it says anything. */
const said = (description: string | undefined): { readonly description?: string } =>
  description === undefined || description === "" ? {} : { description }

const notWrapped = (keyName: string, { code, description, failure, isRetryable }: Refusal): KeyringError =>
  new KeyringError({
    keyring: name,
    operation: "onEncrypt",
    reason: new DataKeyNotWrapped({
      keyName,
      failure,
      code,
      ...said(description),
      isRetryable
    })
  })

/** What AWS KMS can get wrong in an answer. The names are the `code` of the failure. */
type Fault =
  | "KeyIdNotAKeyArn"
  | "KeyIdMismatch"
  | "PlaintextLengthMismatch"
  | "PlaintextAllZero"
  | "CiphertextBlobEmpty"

const invalidAnswer = (fault: Fault): Refusal => ({ failure: "InvalidAnswer", code: fault, isRetryable: false })

const faultOfPlaintext = (
  plaintext: DataKey.DataKey,
  { algorithmSuite }: EncryptionMaterials | DecryptionMaterials
): Fault | undefined =>
  DataKey.value(plaintext).length !== algorithmSuite.dataKeyLength
    ? "PlaintextLengthMismatch"
    : DataKey.isAllZero(plaintext)
    ? "PlaintextAllZero"
    : undefined

interface Wrapped {
  readonly keyId: string
  readonly ciphertextBlob: Uint8Array
}

const faultOfWrapped = ({ ciphertextBlob, keyId }: Wrapped): Fault | undefined =>
  !KeyArn.isKeyArn(keyId) ? "KeyIdNotAKeyArn" : ciphertextBlob.length === 0 ? "CiphertextBlobEmpty" : undefined

const toEncryptedDataKey = ({ ciphertextBlob, keyId }: Wrapped): EncryptedDataKey.EncryptedDataKey => ({
  keyProviderId: providerId,
  keyProviderInfo: bytes.utf8(keyId),
  ciphertext: ciphertextBlob
})

/** The configured key ARN under which to unwrap an encrypted data key, or why there is none. */
const select = (
  configured: ReadonlyArray<string>,
  { keyProviderId, keyProviderInfo }: EncryptedDataKey.EncryptedDataKey
): Result.Result<string, string> => {
  if (keyProviderId !== providerId) return Result.fail(`its key provider is not ${providerId}`)
  const text = bytes.fromUtf8(keyProviderInfo)
  const arn = text === undefined ? undefined : KeyArn.parseKeyArn(text)
  if (text === undefined || arn === undefined) return Result.fail("its key provider information is no key ARN")
  if (configured.includes(text)) return Result.succeed(text)
  const hints = configured.map((identifier) => hint(identifier, arn)).filter((hint) => hint !== undefined)
  return Result.fail(
    hints.length === 0
      ? "its key ARN is not configured"
      : `its key ARN is not configured, and names are compared exactly: ${hints.join(", ")}. ` +
        `If this is the key that is meant, configure its key ARN ${text}`
  )
}

/** What to say of a configured name that is no key ARN, where it may mean the key all the same. */
const hint = (identifier: string, arn: KeyArn.KeyArn): string | undefined => {
  const parsed = Result.getOrThrow(KeyArn.parse(identifier))
  switch (parsed._tag) {
    case "KeyArn":
      return undefined
    case "KeyId":
      return parsed.keyId === arn.keyId ? `${identifier} is the key id of that ARN alone` : undefined
    case "AliasName":
      return `${identifier} is an alias, which encrypts but does not decrypt`
    case "AliasArn":
      return parsed.partition === arn.partition && parsed.region === arn.region && parsed.account === arn.account
        ? `${identifier} is an alias, which encrypts but does not decrypt`
        : undefined
  }
}

interface Validated {
  readonly generator: string | undefined
  readonly additional: ReadonlyArray<string>
  readonly grantTokens: ReadonlyArray<string>
}

const validate = (
  { generatorKeyId, grantTokens = [], keyIds = [] }: KmsKeyringOptions
): Result.Result<Validated, KeyringError> => {
  const fail = (field: string, description: string) => Result.fail(misconfigured("make", field, description))
  for (const [field, list] of [["keyIds", keyIds], ["grantTokens", grantTokens]] as const) {
    if (!Array.isArray(list)) return fail(field, "must be an array of strings")
  }
  if (generatorKeyId === undefined && keyIds.length === 0) {
    return fail("generatorKeyId", "is missing, and so are keyIds: at least one key must be named")
  }
  const named = [
    ...generatorKeyId === undefined ? [] : [["generatorKeyId", generatorKeyId] as const],
    ...keyIds.map((keyId, index) => [`keyIds[${index}]`, keyId] as const)
  ]
  const seen = new Map<string, string>()
  for (const [field, keyId] of named) {
    if (typeof keyId !== "string") return fail(field, `must be a string, got ${typeof keyId}`)
    const parsed = KeyArn.parse(keyId)
    if (Result.isFailure(parsed)) return fail(field, parsed.failure.message)
    // The specification speaks of a set of keys: a second entry would cost a call and bytes of every message for nothing.
    const before = seen.get(keyId)
    if (before !== undefined) return fail(field, `is ${keyId}, which ${before} names already`)
    seen.set(keyId, field)
  }
  const bad = grantTokens.findIndex((token) => typeof token !== "string" || token === "")
  if (bad >= 0) return fail(`grantTokens[${bad}]`, "must be a string that is not empty")
  return Result.succeed({ generator: generatorKeyId, additional: [...keyIds], grantTokens: [...grantTokens] })
}
