import { optionsOf } from "../../model/errors/optionsOf.ts"
import * as Schema from "effect/Schema"
import * as bytes from "../../internal/bytes.ts"
import { isFunction } from "../../internal/options.ts"
import { isCryptographicMaterialsManager } from "../../materials/CryptographicMaterialsManager.ts"
import { isMaterialsCache } from "../MaterialsCache.ts"
import { PositiveDuration, positiveDuration } from "./durations.ts"

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
    cacheTimeout: positiveDuration,
    onEvent: "must be a function"
  }
)
