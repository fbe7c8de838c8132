/**
 * Keys of the embedded KMS, as they are described.
 */
import * as Schema from "effect/Schema"

/** The states of a key. Only an enabled key encrypts, decrypts, makes data keys and derives secrets. */
export const KeyState = /*#__PURE__*/ Schema.Literals(["Enabled", "Disabled", "PendingDeletion"])

/** See the schema of the same name. */
export type KeyState = typeof KeyState.Type

/** The key specs, by their names in AWS KMS. */
export const keySpecs = [
  "SYMMETRIC_DEFAULT",
  "RSA_2048",
  "RSA_3072",
  "RSA_4096",
  "ECC_NIST_P256",
  "ECC_NIST_P384",
  "ECC_NIST_P521"
] as const

/**
 * Kind of a key's material: AES-256, an RSA pair that encrypts and decrypts, or an elliptic curve pair for key agreement.
 *
 * API reference of AWS KMS: CreateKey, `KeySpec`
 */
export const KeySpec = /*#__PURE__*/ Schema.Literals(keySpecs)

/** See the schema of the same name. */
export type KeySpec = typeof KeySpec.Type

/** Specs of key pairs. */
export type KeyPairSpec = Exclude<KeySpec, "SYMMETRIC_DEFAULT">

/** Purpose of a key, in the words of AWS KMS. The spec decides it here. */
export type KeyUsage = "ENCRYPT_DECRYPT" | "KEY_AGREEMENT"

/** The usage of keys of a spec. */
export const usageOf = (keySpec: KeySpec): KeyUsage => keySpec.startsWith("ECC_") ? "KEY_AGREEMENT" : "ENCRYPT_DECRYPT"

/** Options of a key to be made. */
export const KeyOptions = /*#__PURE__*/ Schema.Struct({
  /** The key's ARN, which also chooses its Region and account. A key id that begins with `mrk-` makes a multi-Region key. Default: one with a random key id. */
  arn: /*#__PURE__*/ Schema.optional(Schema.String),
  /** The Region of a random ARN. Default: that of the layer. */
  region: /*#__PURE__*/ Schema.optional(Schema.String),
  /** Alias names of the key in its Region: `alias/orders`. */
  aliases: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Array(Schema.String)),
  /** Kind of the key's material. Default: `SYMMETRIC_DEFAULT`. */
  keySpec: /*#__PURE__*/ Schema.optional(KeySpec),
  /** Whether a random key id is that of a multi-Region key, which begins with `mrk-`. Default: false. */
  multiRegion: /*#__PURE__*/ Schema.optional(Schema.Boolean),
  /** Further Regions that have a replica of the multi-Region key: the same key id and key material. */
  replicaRegions: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Array(Schema.String))
})

/** See the schema of the same name. */
export type KeyOptions = typeof KeyOptions.Type

/** A key without its material. Dates are in milliseconds of the Clock. */
export interface KeyInfo {
  readonly arn: string
  readonly keySpec: KeySpec
  readonly keyUsage: KeyUsage
  readonly state: KeyState
  readonly aliases: ReadonlyArray<string>
  readonly creationDate: number
  /** End of the waiting time of `scheduleKeyDeletion`; undefined of any other key. */
  readonly deletionDate: number | undefined
}
