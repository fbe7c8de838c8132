/** Options of branch key stores, and what a store keeps of them. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as bytes from "../../internal/bytes.ts"
import { shown } from "../../internal/printable.ts"
import { uuid } from "../../internal/uuid.ts"
import { GrantTokens, grantTokensBounds } from "../../kms/calls.ts"
import { Primitives } from "../../crypto/Primitives.ts"
import type { BranchKeyStorage } from "../BranchKeyStorage.ts"
import type * as Kms from "../KmsConfiguration.ts"

/** Whether a text can be the name of something: not empty, with UTF-8 bytes, at most this many. */
export const isName = (value: unknown, maxLength = 0xffff): value is string =>
  typeof value === "string" && value !== "" && bytes.isWellFormed(value) && bytes.utf8(value).length <= maxLength

const Name = /*#__PURE__*/ Schema.declare((value): value is string => isName(value))

/** Options of every store. */
export const common = /*#__PURE__*/ (() => ({
  /**
   * Name of the table as it is bound to every key in it, whatever the table is called. The same for all who use the table, and for no
   * other table.
   */
  logicalKeyStoreName: Name,
  /** Identifier of this store for people. Default: a random UUID. */
  keyStoreId: Schema.optional(Schema.String),
  /** Grant tokens that every call of AWS KMS is sent with. */
  grantTokens: GrantTokens
} as const))()

/** Bounds of the options of a store that takes these configurations. */
export const bounds = (tags: ReadonlyArray<string>) => ({
  logicalKeyStoreName: "must be a text of 1 to 65,535 bytes of UTF-8",
  keyStoreId: "must be a string",
  ...grantTokensBounds,
  kmsConfiguration: `must be an object whose _tag is one of ${tags.join(", ")}`,
  "kmsConfiguration._tag": (value: unknown) => `must be one of ${tags.join(", ")}, got ${shown(value)}`,
  "kmsConfiguration.keyArn": (value: unknown) => `must be a key ARN, got ${shown(value)}`,
  "kmsConfiguration.region": (value: unknown) =>
    `must be the name of a Region, such as eu-central-1, got ${shown(value)}`
})

/**
 * A store's description of itself.
 *
 * Specification: framework/branch-key-store.md#getkeystoreinfo
 */
export interface Info<Configuration = Kms.KmsConfiguration> {
  readonly keyStoreId: string
  /** Name of the table, as the storage gives it. */
  readonly keyStoreName: string
  readonly logicalKeyStoreName: string
  readonly grantTokens: ReadonlyArray<string>
  readonly kmsConfiguration: Configuration
}

/** The description of a store whose options were checked. */
export const infoOf = <Configuration extends Kms.KmsConfiguration>(
  { name }: BranchKeyStorage,
  { grantTokens = [], keyStoreId, kmsConfiguration, logicalKeyStoreName }: Schema.Struct<typeof common>["Type"] & {
    readonly kmsConfiguration: Configuration
  }
): Effect.Effect<Info<Configuration>, never, Primitives> =>
  Effect.map(
    keyStoreId === undefined
      ? Effect.flatMap(Primitives, ({ randomBytes }) => Effect.map(randomBytes(16), uuid))
      : Effect.succeed(keyStoreId),
    (keyStoreId) =>
      Object.freeze({
        keyStoreId,
        keyStoreName: name,
        logicalKeyStoreName,
        grantTokens: Object.freeze([...grantTokens]),
        kmsConfiguration: Object.freeze({ ...kmsConfiguration })
      })
  )
