/**
 * A multi-keyring that encrypts while some of its keyrings cannot: the first of several generators that responds makes the data
 * key, and some of the children may fail to wrap it.
 *
 * No part of the specification, whose multi-keyring fails as soon as one keyring does. The messages are those of a
 * `MultiKeyring` with fewer members.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { overdue, within } from "../internal/deadline.ts"
import { PositiveDuration, positiveDuration } from "../internal/durations.ts"
import { findUnknown, type NamesOf, optionNames } from "../internal/optionNames.ts"
import { line } from "../internal/printable.ts"
import * as BranchKeyUse from "../model/BranchKeyUse.ts"
import { type EncryptionMaterials, readMissingWrapping } from "../model/CryptographicMaterials.ts"
import {
  DataKeyNotWrapped,
  formatRefusal,
  KeyringError,
  type MissingWrapping,
  type ProviderRefusal
} from "../model/errors/KeyringError.ts"
import * as contract from "./contract.ts"
import * as Keyring from "./Keyring.ts"
import { failMisconfigured, failNotWrapped, optionsOf, refusalOf } from "./keyringFailures.ts"
import { decryptByFirst, makeAll, type Member, problemOf } from "./members.ts"

const AnyKeyring = /*#__PURE__*/ Schema.declare(Keyring.isKeyring)

/** Options of a resilient multi-keyring. */
export const Options = /*#__PURE__*/ (() =>
  Schema.Struct({
    /** Keyrings that make data keys, at least one: the first that responds makes it, and the others do nothing. */
    generators: Schema.Array(AnyKeyring).check(Schema.isMinLength(1)),
    /** Keyrings that wrap every data key, all at once. One that made it has wrapped it, and is not called again. */
    children: Schema.optional(Schema.Array(AnyKeyring)),
    /** Number of children that must wrap. Default: all of them. */
    minimumChildren: Schema.optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
    /** Time that each keyring has to respond. Default 5 seconds. */
    deadline: PositiveDuration
  }))()

/** See the schema of the same name. */
export type Options = typeof Options.Type

const name = "ResilientMultiKeyring"

/**
 * A keyring of the given keyrings. To encrypt, the generators are tried in order until one makes a data key; then all children
 * wrap it at the same time, and at least `minimumChildren` of them must. Who did not wrap, and why, is in the receipt of the
 * message, as `missingWrappings`. To decrypt, it does what a `MultiKeyring` of the generators and the children does.
 *
 * A keyring has failed when its key provider did (`DataKeyNotWrapped`, `NotLoaded`), or when it has not responded within
 * `deadline`. One that is misconfigured or breaks its contract fails the operation: that is no outage.
 *
 * Fails with `KeyringMisconfigured` where there is no generator, or where `minimumChildren` is more than there are.
 *
 * **Gotchas**
 *
 * Name a keyring under `generators` and under `children` where every message should have its wrapping. One that is a generator
 * alone wraps nothing while an earlier one responds.
 *
 * A message that lacks a wrapping can be read with the others only, for ever: read the receipts, or the attribute
 * `missing_wrappings` of the spans, and encrypt such messages again. A caching CMM keeps a data key that lacks one for a shorter
 * time, its `maxAgeIncomplete`.
 *
 * A denied permission counts as a failure too: a first generator that lost its permissions is passed over with every message.
 *
 * The option `evictRevoked` of a caching CMM does not see what is passed over: call its `invalidate` when a key is disabled.
 */
export const make: (options: Options) => Effect.Effect<Keyring.Keyring, KeyringError> = /*#__PURE__*/ Effect
  .fnUntraced(function*(options: Options) {
    const checked = yield* checkOptions(options)
    const { children = [], deadline = "5 seconds", generators, minimumChildren = children.length } = checked
    if (minimumChildren > children.length) {
      return yield* failMisconfigured(
        name,
        "make",
        "minimumChildren",
        `must be at most ${children.length}, the number of children, got ${minimumChildren}`
      )
    }
    yield* checkDistinct("generators", generators)
    yield* checkDistinct("children", children)
    const members: Members = {
      generators: generators.map((keyring, index) => ({ field: `generators[${index}]`, keyring })),
      children: children.map((keyring, index) => ({ field: `children[${index}]`, keyring })),
      minimumChildren,
      deadline: Duration.fromInputUnsafe(deadline)
    }
    // To decrypt, once is enough for each.
    const others = members.children.filter(({ keyring }) => !generators.includes(keyring))
    const readers = [...members.generators, ...others]
    const onDecryptInTime: typeof contract.onDecrypt = (keyring, materials, encryptedDataKeys) =>
      inTime(members, keyring, "onDecrypt", contract.onDecrypt(keyring, materials, encryptedDataKeys))
    return Keyring.make({
      name,
      onEncrypt: (materials) => onEncrypt(members, materials),
      onDecrypt: (materials, encryptedDataKeys) =>
        decryptByFirst(name, readers, onDecryptInTime, materials, encryptedDataKeys)
    })
  })

/**
 * The keyring of this program, made of keyrings that are made with it: `generators` and `children` are the effects that
 * `make` of each keyring returns. An effect that is named under both makes one keyring.
 */
export const layer = <
  const Generators extends ReadonlyArray<Effect.Effect<Keyring.Keyring, any, any>>,
  const Children extends ReadonlyArray<Effect.Effect<Keyring.Keyring, any, any>> = []
>(
  options: Omit<Options, "generators" | "children"> & {
    readonly generators: Generators
    readonly children?: Children | undefined
  }
): Layer.Layer<
  Keyring.Keyring,
  KeyringError | Effect.Error<Generators[number]> | Effect.Error<Children[number]>,
  Exclude<Effect.Services<Generators[number]> | Effect.Services<Children[number]>, Scope.Scope>
> =>
  Layer.effect(
    Keyring.Keyring,
    Effect.gen(function*() {
      const unknown = findUnknown(options, layerNames)
      if (unknown !== undefined) return yield* failMisconfigured(name, "make", unknown.field, unknown.description)
      const made = new Map<Generators[number] | Children[number], Keyring.Keyring>()
      const generators = yield* makeAll(made, options?.generators)
      return yield* make({ ...options, generators, children: yield* makeAll(made, options?.children) })
    })
  )

const layerNames = /*#__PURE__*/ optionNames(
  "a resilient multi-keyring",
  { generators: true, children: true, minimumChildren: true, deadline: true } satisfies NamesOf<Options>
)

const checkOptions = /*#__PURE__*/ optionsOf(name, "a resilient multi-keyring", Options, {
  generators: "must be an array of at least one keyring",
  "generators[]": "is no keyring",
  children: "must be an array of keyrings",
  "children[]": "is no keyring",
  minimumChildren: "must be an integer from 0",
  deadline: positiveDuration
})

/** A keyring that is named twice would wrap each data key twice. */
const checkDistinct = (field: string, keyrings: ReadonlyArray<Keyring.Keyring>): Effect.Effect<void, KeyringError> => {
  const index = keyrings.findIndex((keyring, index) => keyrings.indexOf(keyring) !== index)
  const before = keyrings.indexOf(keyrings[index]!)
  return index < 0
    ? Effect.void
    : failMisconfigured(name, "make", `${field}[${index}]`, `is the keyring that ${field}[${before}] is already`)
}

interface Members {
  readonly generators: ReadonlyArray<Member>
  readonly children: ReadonlyArray<Member>
  readonly minimumChildren: number
  readonly deadline: Duration.Duration
}

/** Additions of a member: its data key or that of the materials, its encrypted data keys, and what these lack in turn. */
interface Wrapped {
  readonly keyring: Keyring.Keyring
  readonly materials: EncryptionMaterials
  readonly missing: ReadonlyArray<MissingWrapping>
}

const onEncrypt = Effect.fnUntraced(
  function*(members: Members, { missingWrappings = [], ...input }: EncryptionMaterials) {
    if (input.plaintextDataKey !== undefined) {
      return yield* failMisconfigured(
        name,
        "onEncrypt",
        "generators",
        "would make a data key, but the materials have one already"
      )
    }
    const { failed, generated } = yield* generate(members, input)
    const done = [generated.keyring, ...failed.keys()]
    const asked = members.children.filter(({ keyring }) => !done.includes(keyring))
    const results = yield* Effect.forEach(asked, (child) => call(members, child, generated.materials), {
      concurrency: "unbounded"
    })
    const wrapped = results.filter(Result.isSuccess).map(({ success }) => success)
    const lacking = [...failed.values(), ...results.filter(Result.isFailure).map(({ failure }) => failure)]
    const { children, minimumChildren } = members
    const count = wrapped.length + (children.some(({ keyring }) => keyring === generated.keyring) ? 1 : 0)
    if (count < minimumChildren) {
      return yield* failWith(lacking, `${count} of ${children.length} children wrapped, ${minimumChildren} must`)
    }
    const start = generated.materials.encryptedDataKeys.length
    const missing = [...missingWrappings, ...lacking, ...[generated, ...wrapped].flatMap(({ missing }) => missing)]
    return {
      ...generated.materials,
      encryptedDataKeys: [
        ...generated.materials.encryptedDataKeys,
        ...wrapped.flatMap(({ materials }) => materials.encryptedDataKeys.slice(start))
      ],
      ...missing.length === 0 ? {} : { missingWrappings: missing },
      ...branchKeysOf(generated, wrapped)
    }
  }
)

/** The branch keys of the generator, and those that the children have added; absent where there are none. */
const branchKeysOf = (
  { materials: { branchKeys = [] } }: Wrapped,
  wrapped: ReadonlyArray<Wrapped>
): Pick<EncryptionMaterials, "branchKeys"> => {
  const all = [
    ...branchKeys,
    ...wrapped.flatMap(({ materials }) => materials.branchKeys?.slice(branchKeys.length) ?? [])
  ]
  return all.length === 0 ? {} : { branchKeys: all }
}

/** The first generator that made a data key, and those before it, which did not. */
const generate = Effect.fnUntraced(function*(members: Members, input: EncryptionMaterials) {
  const failed = new Map<Keyring.Keyring, MissingWrapping>()
  for (const generator of members.generators) {
    const result = yield* call(members, generator, input)
    if (Result.isSuccess(result)) return { generated: result.success, failed }
    failed.set(generator.keyring, result.failure)
  }
  return yield* failWith([...failed.values()], "no generator made a data key")
})

/**
 * Calls a member's `onEncrypt` with materials of its own. Succeeds with the row of a member that failed, where that is its key
 * provider's fault.
 */
const call = Effect.fnUntraced(function*(
  members: Members,
  { field, keyring }: Member,
  given: EncryptionMaterials
): Effect.fn.Return<Result.Result<Wrapped, MissingWrapping>, KeyringError, Scope.Scope> {
  const copy = { ...given, encryptedDataKeys: [...given.encryptedDataKeys] }
  const result = yield* Effect.result(inTime(members, keyring, "onEncrypt", contract.onEncrypt(keyring, copy)))
  if (Result.isFailure(result)) {
    const refusal = outageOf(result.failure)
    if (refusal === undefined) return yield* Effect.fail(result.failure)
    return Result.fail({ keyring: contract.nameOf(keyring), member: field, ...refusal })
  }
  const filled = ownOf(result.success)
  const problem = problemOf(given, filled) ?? additionProblemOf(given, filled)
  if (problem !== undefined) {
    return yield* failMisconfigured(name, "onEncrypt", field, `${contract.nameOf(keyring)} ${problem}`)
  }
  const { missingWrappings = [], ...materials } = filled
  // Those of a multi-keyring within this one.
  const missing = missingWrappings.map((row) => ({ ...row, member: `${field}.${row.member}` }))
  return Result.succeed({ keyring, materials, missing })
})

/** The materials of a member, each part read once. The lists in them are the member's, which may go on to change them. */
const ownOf = (filled: EncryptionMaterials): EncryptionMaterials => {
  if (typeof filled !== "object" || filled === null) return filled
  const { branchKeys, encryptedDataKeys, missingWrappings, ...others } = filled
  return {
    ...others,
    encryptedDataKeys: listOf(encryptedDataKeys, (encryptedDataKey) => encryptedDataKey),
    missingWrappings: listOf(missingWrappings, readMissingWrapping),
    ...branchKeys === undefined ? {} : { branchKeys: listOf(branchKeys, BranchKeyUse.read) }
  } as EncryptionMaterials
}

/** A list of what was read of each row, undefined where it is none. What is no list stays what it is. */
const listOf = <Row>(given: unknown, read: (row: Row) => Row | undefined): unknown =>
  Array.isArray(given) ? Array.from(given as ReadonlyArray<Row>, (row) => read(row)) : given

/** The problem with what a member has added, as a sentence's end. */
const additionProblemOf = (
  given: EncryptionMaterials,
  { branchKeys, encryptedDataKeys, missingWrappings }: EncryptionMaterials
): string | undefined =>
  !Array.isArray(encryptedDataKeys) || encryptedDataKeys.length <= given.encryptedDataKeys.length
    ? "wrapped nothing"
    : given.encryptedDataKeys.some((encryptedDataKey, index) => encryptedDataKeys[index] !== encryptedDataKey)
    ? "changed the encrypted data keys of others"
    : branchKeys !== undefined &&
        (!Array.isArray(branchKeys) || branchKeys.includes(undefined))
    ? "returned branch keys that are no rows of their use"
    : missingWrappings === undefined
    ? undefined
    : !Array.isArray(missingWrappings)
    ? "returned missing wrappings that are no array"
    : missingWrappings.includes(undefined)
    ? "returned missing wrappings that hold what is no row of a keyring that did not wrap"
    : undefined

/** Runs an operation of a member until the deadline. */
const inTime = <A>(
  { deadline }: Members,
  keyring: Keyring.Keyring,
  operation: KeyringError["operation"],
  effect: Effect.Effect<A, KeyringError, Scope.Scope>
): Effect.Effect<A, KeyringError, Scope.Scope> =>
  within(effect, deadline, () => {
    const keyName = contract.nameOf(keyring)
    const description = overdue(deadline)
    const refusal = { failure: "Unreachable", code: "DeadlineExceeded", description, isRetryable: true } as const
    return new KeyringError({ keyring: keyName, operation, reason: new DataKeyNotWrapped({ keyName, ...refusal }) })
  })

/** The refusal of a key provider that failed; undefined for any other error. */
const outageOf = ({ reason }: KeyringError): ProviderRefusal | undefined => {
  switch (reason._tag) {
    case "DataKeyNotWrapped":
      return refusalOf(reason)
    case "NotLoaded":
      return { failure: "Unreachable", code: reason._tag, description: reason.message, isRetryable: true }
    default:
      return undefined
  }
}

const failWith = (missing: ReadonlyArray<MissingWrapping>, description: string) => {
  const rows = missing.map((row) => `${line`${row.member} ${row.keyring}`}: ${formatRefusal(row)}`)
  const { code, failure } = missing[0]!
  return failNotWrapped(name, missing.map(({ member }) => member).join(", "), {
    failure,
    code,
    description: `${description}; ${rows.join("; ")}`,
    isRetryable: missing.some(({ isRetryable }) => isRetryable)
  })
}
