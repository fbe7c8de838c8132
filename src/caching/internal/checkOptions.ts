import { optionsOf } from "../../model/errors/optionsOf.ts"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as bytes from "../../internal/bytes.ts"
import { isFunction, stringBound } from "../../internal/options.ts"
import { isCryptographicMaterialsManager } from "../../materials/CryptographicMaterialsManager.ts"
import * as AlgorithmSuite from "../../model/AlgorithmSuite.ts"
import * as CommitmentPolicy from "../../model/CommitmentPolicy.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import type { InvalidOption } from "../../model/errors/Reasons.ts"
import { isMaterialsCache } from "../MaterialsCache.ts"
import { PositiveDuration, positiveDuration } from "../../internal/durations.ts"

/** Whether a value can be a partition. In an entry's identifier, U+0000 stands behind it. */
const isText = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && bytes.isWellFormed(value) && !value.includes("\0")

const AnyCache = /*#__PURE__*/ Schema.declare(isMaterialsCache)
const Flag = /*#__PURE__*/ Schema.optional(Schema.Boolean)

const isNoCache = "must be a materials cache"
const isNoFlag = "must be a boolean"

/** The check of a caching manager's options. */
export const checkOptions = /*#__PURE__*/ optionsOf(
  /*#__PURE__*/ Schema.Struct({
    materialsManager: /*#__PURE__*/ Schema.declare(isCryptographicMaterialsManager),
    cache: AnyCache,
    // Checked apart, with an error or fields of their own.
    policy: /*#__PURE__*/ Schema.optional(Schema.Unknown),
    refreshAhead: /*#__PURE__*/ Schema.optional(Schema.Unknown),
    partitionId: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isText)),
    decryptCache: /*#__PURE__*/ Schema.optional(AnyCache),
    evictRevoked: Flag,
    seedDecryptCache: Flag,
    fetchDeadline: PositiveDuration,
    maxAgeIncomplete: PositiveDuration,
    cacheTimeout: PositiveDuration,
    onEvent: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isFunction))
  }),
  "a caching materials manager",
  {
    materialsManager: "must be a materials manager",
    cache: isNoCache,
    policy: "",
    refreshAhead: "",
    partitionId: "must be a text of at least one character, and well-formed Unicode without U+0000",
    decryptCache: isNoCache,
    evictRevoked: isNoFlag,
    seedDecryptCache: isNoFlag,
    fetchDeadline: positiveDuration,
    maxAgeIncomplete: positiveDuration,
    cacheTimeout: positiveDuration,
    onEvent: "must be a function"
  },
  ["policy.maxAge", "policy.maxMessagesEncrypted", "policy.maxBytesEncrypted", "refreshAhead.gracePeriod"]
)

const isContext = (value: unknown): value is EncryptionContext.EncryptionContext =>
  Result.isSuccess(EncryptionContext.validate(value as EncryptionContext.EncryptionContext))

const Context = /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isContext))
const isNoContext = "must be a plain object of strings"

const Selector = /*#__PURE__*/ Schema.Struct({
  encryptionContext: Context,
  wrappingKey: /*#__PURE__*/ Schema.optional(Schema.String)
})

const checkFields = /*#__PURE__*/ optionsOf(Selector, "a selector", {
  encryptionContext: isNoContext,
  wrappingKey: stringBound
})

/** Checks a selector, and copies it: it is remembered. */
export const checkSelector = (selector: unknown): Effect.Effect<typeof Selector.Type, InvalidOption> =>
  Effect.map(checkFields(selector), ({ encryptionContext, wrappingKey }) => ({
    encryptionContext: encryptionContext && { ...encryptionContext },
    wrappingKey
  }))

/** The most data keys that a cache is warmed with for one context. */
const maxDataKeys = 1000

const isNumberOfKeys = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= maxDataKeys

/** The check of a request to warm a cache. */
export const checkWarmRequest = /*#__PURE__*/ optionsOf(
  /*#__PURE__*/ Schema.Struct({
    encryptionContext: Context,
    algorithmSuite: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(AlgorithmSuite.isAlgorithmSuite)),
    commitmentPolicy: /*#__PURE__*/ Schema.optional(CommitmentPolicy.CommitmentPolicy),
    dataKeys: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isNumberOfKeys))
  }),
  "a request to warm",
  {
    encryptionContext: isNoContext,
    algorithmSuite: "must be one of AlgorithmSuite",
    commitmentPolicy: "must be a commitment policy",
    dataKeys: `must be an integer from 1 to ${maxDataKeys}`
  }
)
