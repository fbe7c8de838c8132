/**
 * The state of a message by its header. Not exported.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { findUnknown, type NamesOf, optionNames } from "../internal/optionNames.ts"
import { orReject } from "../internal/rejection.ts"
import * as MessageHeader from "../message/MessageHeader.ts"
import type { AlgorithmSuite } from "../model/AlgorithmSuite.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { type DecryptError, orFailDecrypt } from "../model/errors/DecryptError.ts"
import { type EncryptError, orFailEncrypt } from "../model/errors/EncryptError.ts"
import { explain } from "../model/errors/NotAMessage.ts"
import type { Receipt } from "../model/Receipt.ts"
import type { Client } from "./Client.ts"
import { requestEncryptionMaterials } from "./materials.ts"
import { operation } from "./operation.ts"
import { checkMessage, decryptSettings, type EncryptSettings, encryptSettings, invalidOption } from "./request.ts"
import type { IsCurrentOptions, IsCurrentResult, NotCurrentReason, WrappingKey } from "./RotationOptions.ts"
import { identify, type Identity } from "./wrappingKey.ts"

/** See `EncryptionSdk.isCurrent`. */
export const isCurrent = (
  client: Client,
  input: Uint8Array,
  options: IsCurrentOptions = {}
): Effect.Effect<IsCurrentResult, DecryptError | EncryptError> =>
  Effect.gen(function*() {
    const settings = yield* orFailEncrypt(() => isCurrentSettings(client, options))
    const header = yield* orFailDecrypt(() => readHeader(client, input))
    if (settings.wrappingKeys !== undefined) {
      const expected = settings.encrypt.algorithmSuite ??
        CommitmentPolicy.defaultAlgorithmSuite(client.commitmentPolicy)
      return resultOf(client, header, expected, compareTexts(header, settings.wrappingKeys), undefined)
    }
    return (yield* askManager(client, settings, header)).result
  })

/** Requests the materials that a message of this context would be encrypted with, of which no plaintext is charged. */
const askManager = (client: Client, settings: IsCurrentSettings, header: MessageHeader.MessageHeader) =>
  operation(client, "EncryptionSdk.isCurrent", (owned) =>
    Effect.gen(function*() {
      const { encryptionContext, required } = yield* orFailEncrypt(() => contextOf(client, settings, header))
      const request = { ...settings.encrypt, encryptionContext }
      const { materials, receipt } = yield* requestEncryptionMaterials(client, owned, request, 0, required)
      const { algorithmSuite, encryptedDataKeys, missingWrappings } = materials
      // What is missing now may have wrapped the message.
      const keys = compare(header, encryptedDataKeys.map(identify), missingWrappings !== undefined)
      const result = resultOf(client, header, algorithmSuite, keys, receipt)
      return { header, encryptionContext: materials.encryptionContext, algorithmSuite, receipt, result }
    }))

interface IsCurrentSettings {
  readonly encrypt: EncryptSettings
  readonly expected: EncryptionContext.EncryptionContext
  readonly wrappingKeys: ReadonlyArray<WrappingKey> | undefined
}

const names = /*#__PURE__*/ optionNames(
  "isCurrent",
  {
    expectedEncryptionContext: true,
    materialsManager: true,
    algorithmSuite: true,
    wrappingKeys: true
  } satisfies NamesOf<IsCurrentOptions>
)

const isCurrentSettings = (client: Client, options: IsCurrentOptions): IsCurrentSettings => {
  if (typeof options !== "object" || options === null) invalidOption("options", "must be an object")
  const unknown = findUnknown(options, names)
  if (unknown !== undefined) invalidOption(unknown.field, unknown.description)
  const { algorithmSuite, expectedEncryptionContext, materialsManager, wrappingKeys } = options
  return {
    encrypt: encryptSettings(client, { algorithmSuite, materialsManager }),
    expected: decryptSettings(client, { expectedEncryptionContext }).expectedEncryptionContext,
    wrappingKeys: wrappingKeys === undefined ? undefined : checkWrappingKeys(wrappingKeys)
  }
}

const checkWrappingKeys = (given: ReadonlyArray<WrappingKey>): ReadonlyArray<WrappingKey> => {
  const isText = (value: unknown): value is string => typeof value === "string"
  const invalid = () =>
    invalidOption(
      "wrappingKeys",
      "must be an array of at least one key, each with keyProviderId and keyProviderInfo as texts"
    )
  if (!Array.isArray(given) || given.length === 0) return invalid()
  return Array.from(given, (key: Partial<WrappingKey> | null | undefined) => {
    const { branchKeyVersion, keyProviderId, keyProviderInfo } = key ?? {}
    return isText(keyProviderId) && isText(keyProviderInfo) &&
        (branchKeyVersion === undefined || isText(branchKeyVersion))
      ? { keyProviderId, keyProviderInfo, ...branchKeyVersion === undefined ? {} : { branchKeyVersion } }
      : invalid()
  })
}

/** The header, whatever policy its suite violates: that is a reason. */
const readHeader = (client: Client, input: Uint8Array): MessageHeader.MessageHeader => {
  const message = checkMessage(input)
  return orReject(
    Result.mapError(
      MessageHeader.decodeKnown(message, client.maxEncryptedDataKeys, () => undefined),
      (error) => explain(error, message)
    )
  ).header
}

/** The context of a new message, and the keys of its pairs that are not stored. */
const contextOf = (
  client: Client,
  { expected }: IsCurrentSettings,
  { encryptionContext: stored }: MessageHeader.MessageHeader
) => {
  const kept = Object.keys(stored).filter((key) => !key.startsWith(EncryptionContext.reservedPrefix))
  return {
    encryptionContext: client.contexts.check({ ...expected, ...EncryptionContext.pick(stored, kept) }),
    required: Object.keys(expected).filter((key) => !Object.hasOwn(stored, key))
  }
}

interface Comparison {
  readonly missing: ReadonlyArray<WrappingKey>
  readonly unexpected: ReadonlyArray<WrappingKey>
}

/** Compares the keys of a message with those that would wrap now, whatever their order and number. */
const compare = (
  { encryptedDataKeys }: MessageHeader.MessageHeader,
  expected: ReadonlyArray<Identity>,
  mayHaveMore: boolean
): Comparison => {
  const actual = encryptedDataKeys.map(identify)
  return { missing: without(expected, actual), unexpected: mayHaveMore ? [] : without(actual, expected) }
}

/** The keys of the first list that are not in the second. */
const without = (keys: ReadonlyArray<Identity>, others: ReadonlyArray<Identity>): ReadonlyArray<WrappingKey> => {
  const ids = new Set(others.map(({ id }) => id))
  return keys.filter(({ id }) => !ids.has(id)).map(({ key }) => key)
}

/** `compare` with keys as texts, of which one without a version stands for all. */
const compareTexts = (
  { encryptedDataKeys }: MessageHeader.MessageHeader,
  expected: ReadonlyArray<WrappingKey>
): Comparison => {
  const actual = encryptedDataKeys.map((encryptedDataKey) => identify(encryptedDataKey).key)
  const matches = (a: WrappingKey, e: WrappingKey) =>
    a.keyProviderId === e.keyProviderId && a.keyProviderInfo === e.keyProviderInfo &&
    (e.branchKeyVersion ?? a.branchKeyVersion) === a.branchKeyVersion
  return {
    missing: expected.filter((e) => !actual.some((a) => matches(a, e))),
    unexpected: actual.filter((a) => !expected.some((e) => matches(a, e)))
  }
}

const resultOf = (
  { commitmentPolicy }: Client,
  { algorithmSuite: actual }: MessageHeader.MessageHeader,
  expected: AlgorithmSuite,
  keys: Comparison,
  receipt: Receipt | undefined
): IsCurrentResult => {
  const reasons: Array<NotCurrentReason> = []
  if (!CommitmentPolicy.allowsEncrypt(commitmentPolicy, actual)) {
    reasons.push({ _tag: "CommitmentPolicy", commitmentPolicy, actual })
  }
  if (actual !== expected) reasons.push({ _tag: "AlgorithmSuite", actual, expected })
  if (keys.missing.length > 0 || keys.unexpected.length > 0) reasons.push({ _tag: "WrappingKeys", ...keys })
  return { isCurrent: reasons.length === 0, reasons, receipt }
}
