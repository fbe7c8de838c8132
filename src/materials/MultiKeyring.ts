/**
 * A keyring made of keyrings: every data key is wrapped by all of them, and any one of them unwraps it.
 *
 * Specification: framework/multi-keyring.md
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { findUnknown, type NamesOf, optionNames } from "../internal/optionNames.ts"
import type { EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import type { KeyringError } from "../model/errors/KeyringError.ts"
import * as contract from "./contract.ts"
import * as Keyring from "./Keyring.ts"
import { failMisconfigured, optionsOf } from "./keyringFailures.ts"
import { decryptByFirst, makeAll, type Member, problemOf } from "./members.ts"

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
      onDecrypt: (materials, encryptedDataKeys) =>
        decryptByFirst(name, members, contract.onDecrypt, materials, encryptedDataKeys)
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
      const { children, generator }: Partial<typeof options> = options ?? {}
      const made = yield* makeAll<Generator>(new Map(), generator === undefined ? [] : [generator])
      return yield* make({ generator: made[0], children: yield* makeAll<Children[number]>(new Map(), children) })
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
    const filled = yield* contract.onEncrypt(keyring, materials)
    const problem = problemOf(materials, filled)
    if (problem !== undefined) return yield* fail(field, `${contract.nameOf(keyring)} ${problem}`)
    materials = filled
  }
  return materials
})
