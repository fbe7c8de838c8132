/**
 * A keyring made of keyrings: every data key is wrapped by all of them, and any one of them unwraps it.
 *
 * Specification: framework/multi-keyring.md
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { findUnknown, type NamesOf, optionNames } from "../internal/optionNames.ts"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as EncryptedDataKey from "../model/EncryptedDataKey.ts"
import type { EncryptedDataKeyReport, KeyringError, Skipped } from "../model/errors/KeyringError.ts"
import * as contract from "./contract.ts"
import * as Keyring from "./Keyring.ts"
import { failMisconfigured, failNotUnwrapped, optionsOf, refusalOf } from "./keyringFailures.ts"
import { omittedOf, Reports } from "./reports.ts"
import { reportFields } from "./unwrapFirst.ts"

const AnyKeyring = /*#__PURE__*/ Schema.declare(Keyring.isKeyring)

/** Options of a multi-keyring. They name at least one keyring. */
export const Options = /*#__PURE__*/ Schema.Struct({
  /** Makes the data keys, and wraps them first. Without it, materials must have a data key before they come here. */
  generator: /*#__PURE__*/ Schema.optional(AnyKeyring),
  /** Keyrings that wrap every data key too, in this order. */
  children: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Array(AnyKeyring))
})

/** See the schema of the same name. */
export type Options = typeof Options.Type

const name = "MultiKeyring"

/**
 * A keyring of the given keyrings. To decrypt, the generator tries first and the children after it, until one unwraps;
 * if none does, there is a row for every encrypted data key at every keyring, in that order.
 *
 * A keyring that could not even begin to decrypt, such as a raw RSA keyring without a private key, does not keep the
 * others from trying; its rows say what it lacks.
 *
 * Fails with `KeyringMisconfigured` where there is no keyring at all.
 *
 * Specification: framework/multi-keyring.md#inputs
 */
export const make: (options: Options) => Effect.Effect<Keyring.Keyring, KeyringError> = /*#__PURE__*/
  Effect.fnUntraced(function*(options: Options) {
    const { children = [], generator } = yield* checkOptions(options)
    const members: ReadonlyArray<Member> = [
      ...generator === undefined ? [] : [{ field: "generator", keyring: generator }],
      ...children.map((keyring, index) => ({ field: `children[${index}]`, keyring }))
    ]
    if (members.length === 0) {
      return yield* failMisconfigured(
        name,
        "make",
        "generator",
        "is missing, and so are children: give at least one keyring"
      )
    }
    return Keyring.make({
      name,
      onEncrypt: (materials) => onEncrypt(generator !== undefined, members, materials),
      onDecrypt: (materials, encryptedDataKeys) => onDecrypt(members, materials, encryptedDataKeys)
    })
  })

/**
 * The keyring of this program, made of keyrings that are made with it: `generator` and `children` are the effects that
 * `make` of each keyring returns.
 */
export const layer = <
  Generator extends Effect.Effect<Keyring.Keyring, any, any> = never,
  const Children extends ReadonlyArray<Effect.Effect<Keyring.Keyring, any, any>> = []
>(options: {
  readonly generator?: Generator | undefined
  readonly children?: Children | undefined
}): Layer.Layer<
  Keyring.Keyring,
  KeyringError | Effect.Error<Generator> | Effect.Error<Children[number]>,
  Exclude<Effect.Services<Generator> | Effect.Services<Children[number]>, Scope.Scope>
> =>
  Layer.effect(
    Keyring.Keyring,
    Effect.gen(function*() {
      const unknown = findUnknown(options, layerNames)
      if (unknown !== undefined) return yield* failMisconfigured(name, "make", unknown.field, unknown.description)
      const generator = options.generator === undefined ? undefined : yield* options.generator
      const children: Array<Keyring.Keyring> = []
      for (const child of options.children ?? []) children.push(yield* child)
      return yield* make({ generator, children })
    })
  )

const layerNames = /*#__PURE__*/ optionNames(
  "a multi-keyring",
  { generator: true, children: true } satisfies NamesOf<Options>
)

const checkOptions = /*#__PURE__*/ optionsOf(name, "a multi-keyring", Options, {
  generator: "is no keyring",
  children: "must be an array of keyrings",
  "children[]": "is no keyring"
})

interface Member {
  /** The option that the keyring was given as. */
  readonly field: string
  readonly keyring: Keyring.Keyring
}

/** Specification: framework/multi-keyring.md#onencrypt */
const onEncrypt = Effect.fnUntraced(function*(
  generates: boolean,
  members: ReadonlyArray<Member>,
  input: EncryptionMaterials
) {
  const fail = (field: string, description: string) => failMisconfigured(name, "onEncrypt", field, description)
  if (generates && input.plaintextDataKey !== undefined) {
    return yield* fail("generator", "would make a data key, but the materials have one already")
  }
  if (!generates && input.plaintextDataKey === undefined) {
    return yield* fail("generator", "is missing, and the materials have no data key yet")
  }
  let materials = input
  for (const { field, keyring } of members) {
    const before = materials.plaintextDataKey
    materials = yield* contract.onEncrypt(keyring, materials)
    if (typeof materials !== "object" || materials === null) {
      return yield* fail(field, `${contract.nameOf(keyring)} returned no materials`)
    }
    if (materials.plaintextDataKey === undefined) {
      return yield* fail(field, `${contract.nameOf(keyring)} made no data key`)
    }
    // A keyring that wraps one key and hands on another would make messages that only some keyrings can read.
    if (before !== undefined && materials.plaintextDataKey !== before) {
      return yield* fail(field, `${contract.nameOf(keyring)} replaced the data key`)
    }
  }
  return materials
})

/** Specification: framework/multi-keyring.md#ondecrypt */
const onDecrypt = Effect.fnUntraced(function*(
  members: ReadonlyArray<Member>,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
): Effect.fn.Return<Keyring.OnDecryptResult, KeyringError, Scope.Scope> {
  const reports = new Reports<EncryptedDataKeyReport>()
  let failed = false
  for (const { keyring } of members) {
    // Copies: no member can change what the next one is given.
    const copies = EncryptedDataKey.copyAll(encryptedDataKeys)
    const result = yield* Effect.result(contract.onDecrypt(keyring, { ...materials }, copies))
    if (Result.isFailure(result)) {
      failed = true
      addReports(reports, result.failure, encryptedDataKeys)
    } else if (result.success._tag === "Unwrapped") {
      const encryptedDataKey = encryptedDataKeys[copies.indexOf(result.success.encryptedDataKey)]
      return encryptedDataKey === undefined ? result.success : { ...result.success, encryptedDataKey }
    } else {
      reports.addAll(result.success.skipped, result.success.omitted)
    }
  }
  return failed
    ? yield* failNotUnwrapped(name, reports)
    : { _tag: "NotMine", skipped: reports.rows as ReadonlyArray<Skipped>, ...omittedOf(reports) }
})

/** Adds the rows of a keyring's failure. One without rows of its own is reported for each encrypted data key. */
const addReports = (
  reports: Reports<EncryptedDataKeyReport>,
  { keyring, reason }: KeyringError,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
): void => {
  if (reason._tag === "DataKeyNotUnwrapped") return reports.addAll(reason.encryptedDataKeys, reason.omitted)
  const row = rowOf(reason)
  for (const [index, encryptedDataKey] of encryptedDataKeys.entries()) {
    reports.add(row._tag, () => ({ ...row, ...reportFields(keyring, index, encryptedDataKey) }))
  }
}

/** A row, without the fields that name the encrypted data key. */
type RowOf<Row> = Row extends unknown ? Omit<Row, keyof ReturnType<typeof reportFields>> : never

const rowOf = (
  reason: Exclude<KeyringError["reason"], { readonly _tag: "DataKeyNotUnwrapped" }>
): RowOf<EncryptedDataKeyReport> => {
  switch (reason._tag) {
    case "KeyringMisconfigured":
      return { _tag: "Skipped", description: reason.message }
    case "NotLoaded":
      return {
        _tag: "Attempted",
        failure: "Unreachable",
        code: reason._tag,
        description: reason.message,
        isRetryable: true
      }
    case "BrokenContract":
      return {
        _tag: "Attempted",
        failure: "InvalidAnswer",
        code: reason._tag,
        description: reason.message,
        isRetryable: false
      }
    case "DataKeyNotWrapped":
    case "PublicKeyNotRead":
      return { _tag: "Attempted", ...refusalOf(reason) }
  }
}
