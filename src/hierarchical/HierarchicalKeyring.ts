/**
 * A keyring that wraps data keys with AES-GCM under branch keys, which AWS KMS has wrapped and a store keeps.
 *
 * Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Primitives } from "../crypto/Primitives.ts"
import * as bytes from "../internal/bytes.ts"
import { isFunction } from "../internal/options.ts"
import * as Keyring from "../materials/Keyring.ts"
import { checkLocked, failKeyring, failMisconfigured, failNotWrapped, optionsOf } from "../materials/keyringFailures.ts"
import { unwrapFirst } from "../materials/unwrapFirst.ts"
import { append, ensureDataKey, serializeContext } from "../materials/wrapping.ts"
import { tagLength } from "../model/AesGcm.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import type { BrokenContract } from "../model/errors/BrokenContract.ts"
import type { KeyringError, ProviderRefusal } from "../model/errors/KeyringError.ts"
import { type BranchKey, BranchKeyStore } from "./BranchKeyStore.ts"
import * as wrapping from "./internal/branchKeyWrapping.ts"
import { fetchBranchKey } from "./internal/fetchBranchKey.ts"
import { toRefusal } from "./internal/refusals.ts"
import { isName } from "./internal/storeOptions.ts"
import { failUnsupplied, type Supply, supplyOf } from "./internal/supply.ts"

const { providerId } = wrapping

/** Options of a hierarchical keyring: one of `branchKeyId` and `branchKeyIdSupplier`. */
export interface Options {
  /** The branch key of all messages. */
  readonly branchKeyId?: string | undefined
  /**
   * Chooses the branch key of a message by its encryption context: one for each tenant, say. To decrypt, it is given the whole
   * context of the message, with the pairs that are authenticated and not stored. It may fail with any error; one that has
   * `isRetryable: true` makes an error of the keyring that a retry can help with.
   */
  readonly branchKeyIdSupplier?: ((encryptionContext: EncryptionContext) => Effect.Effect<string, unknown>) | undefined
}

const name = "HierarchicalKeyring"

/**
 * A keyring over the program's branch key store. To encrypt, it wraps under the active version of the branch key; to decrypt, it
 * tries the encrypted data keys that name its branch key, in order, each under the version that it names.
 *
 * Fails with `KeyringMisconfigured` where neither or both of `branchKeyId` and `branchKeyIdSupplier` are given, and where the id is
 * empty, not well-formed, or longer than 65,535 bytes.
 *
 * Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#initialization
 */
export const make: (
  options: Options
) => Effect.Effect<Keyring.Keyring, KeyringError, BranchKeyStore | Primitives> = /*#__PURE__*/ Effect.fnUntraced(
  function*(options: Options) {
    const checked = yield* checkOptions(options)
    const { branchKeyId, branchKeyIdSupplier } = checked
    if ((branchKeyId === undefined) === (branchKeyIdSupplier === undefined)) {
      return yield* failMisconfigured(
        name,
        "make",
        "branchKeyId",
        branchKeyId === undefined
          ? "is missing, and so is branchKeyIdSupplier: one of them must be there"
          : "is there, and so is branchKeyIdSupplier: only one of them can be"
      )
    }
    const store = yield* BranchKeyStore
    const parts: Parts = {
      primitives: yield* Primitives,
      supply: supplyOf(branchKeyId ?? (branchKeyIdSupplier as Required<Options>["branchKeyIdSupplier"])!),
      branchKeyOf: (id, version) => Effect.mapError(fetchBranchKey(store, id, version), toRefusal)
    }
    return Keyring.make({
      name,
      onEncrypt: (materials) => onEncrypt(parts, materials),
      onDecrypt: (materials, encryptedDataKeys) => onDecrypt(parts, materials, encryptedDataKeys)
    })
  }
)

/** `make` as the keyring of this program. */
export const layer = (
  options: Options
): Layer.Layer<Keyring.Keyring, KeyringError, BranchKeyStore | Primitives> =>
  Layer.effect(Keyring.Keyring, make(options))

const checkOptions = /*#__PURE__*/ optionsOf(
  name,
  "a hierarchical keyring",
  /*#__PURE__*/ Schema.Struct({
    branchKeyId: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare((id): id is string => isName(id))),
    branchKeyIdSupplier: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isFunction))
  }),
  {
    branchKeyId: "must be a text of 1 to 65,535 bytes of UTF-8",
    branchKeyIdSupplier: "must be a function of an encryption context"
  }
)

/** The parts of a keyring. */
interface Parts {
  readonly primitives: Primitives
  readonly supply: Supply
  /** The active version, or the one that is named, for as long as the scope is open. */
  readonly branchKeyOf: (
    branchKeyId: string,
    version: string | undefined
  ) => Effect.Effect<BranchKey, ProviderRefusal | BrokenContract, Scope.Scope>
}

/** Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#onencrypt */
const onEncrypt = Effect.fnUntraced(
  function*({ branchKeyOf, primitives, supply }: Parts, materials: EncryptionMaterials) {
    const context = yield* serializeContext(name, "onEncrypt", materials)
    const failed = (keyName: string) => (error: ProviderRefusal | BrokenContract) =>
      "_tag" in error ? failKeyring(name, "onEncrypt", error) : failNotWrapped(name, keyName, error)
    const branchKeyId = yield* Effect.catch(supply(materials), failed("(branchKeyIdSupplier)"))
    const plaintextDataKey = yield* ensureDataKey(primitives, materials)
    // The branch key is needed for the wrapping alone, the materials for the message.
    const ciphertext = yield* Effect.flatMap(
      branchKeyOf(branchKeyId, undefined),
      (branchKey) => wrapping.wrap(primitives, branchKey, context, plaintextDataKey)
    ).pipe(Effect.scoped, Effect.catch(failed(branchKeyId)))
    return append(materials, plaintextDataKey, [{
      keyProviderId: providerId,
      keyProviderInfo: bytes.utf8(branchKeyId),
      ciphertext
    }])
  }
)

/** Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#ondecrypt */
const onDecrypt = Effect.fnUntraced(function*(
  parts: Parts,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
): Effect.fn.Return<Keyring.OnDecryptResult, KeyringError, Scope.Scope> {
  yield* checkLocked(name, materials)
  const context = yield* serializeContext(name, "onDecrypt", materials)
  // A supplier is called where there is something to decrypt, and once.
  const branchKeyId = encryptedDataKeys.some(({ keyProviderId }) => keyProviderId === providerId)
    ? yield* Effect.catch(
      parts.supply(materials),
      (error) => failUnsupplied(name, providerId, encryptedDataKeys, error)
    )
    : undefined
  return yield* unwrapFirst(
    name,
    materials,
    encryptedDataKeys,
    (encryptedDataKey) => select(branchKeyId, materials, encryptedDataKey),
    (ciphertext) =>
      ciphertext === undefined ? Effect.fail(wrongLength) : unwrap(parts, branchKeyId!, context, ciphertext)
  )
})

/** The ciphertext of an encrypted data key of the keyring's own, undefined where its length is wrong; or the reason why it is none. */
const select = (
  branchKeyId: string | undefined,
  { algorithmSuite }: DecryptionMaterials,
  { ciphertext, keyProviderId, keyProviderInfo }: EncryptedDataKey
): Result.Result<wrapping.Ciphertext | undefined, string> => {
  if (keyProviderId !== providerId) return Result.fail(`its key provider is not ${providerId}`)
  const id = bytes.fromUtf8(keyProviderInfo)
  if (id === undefined) return Result.fail("its key provider information is not valid UTF-8")
  return id === branchKeyId
    ? Result.succeed(wrapping.decode(ciphertext, algorithmSuite.dataKeyLength))
    : Result.fail("its branch key is not the one of this keyring for this context")
}

const wrongLength: ProviderRefusal = {
  failure: "InvalidCiphertext",
  code: "CiphertextLengthMismatch",
  description: "its ciphertext has not the length of a data key of the algorithm suite",
  isRetryable: false
}

/** Specification: framework/aws-kms/aws-kms-hierarchical-keyring.md#branch-key-unwrapping */
const unwrap = Effect.fnUntraced(function*(
  { branchKeyOf, primitives }: Parts,
  branchKeyId: string,
  context: Uint8Array,
  ciphertext: wrapping.Ciphertext
) {
  // The scope knows of the array before there is anything in it.
  const length = ciphertext.wrapped.length - tagLength
  const dataKey = yield* DataKey.zeroWithScope(DataKey.make(new Uint8Array(length)))
  yield* Effect.scoped(Effect.flatMap(
    branchKeyOf(branchKeyId, ciphertext.version),
    (branchKey) => wrapping.unwrap(primitives, branchKey, context, ciphertext, dataKey)
  ))
  return dataKey
})
