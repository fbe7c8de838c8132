import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { EncryptionSdk } from "../../EncryptionSdk.ts"
import { type Bounds, checker, isFunction } from "../../internal/options.ts"
import * as AlgorithmSuite from "../../model/AlgorithmSuite.ts"
import * as EncryptionContext from "../../model/EncryptionContext.ts"
import type { DecryptError } from "../../model/errors/DecryptError.ts"
import type { EncryptError } from "../../model/errors/EncryptError.ts"
import { InvalidOption } from "../../model/errors/Reasons.ts"
import * as Envelope from "./envelope.ts"
import { context, isContext } from "./fieldOptions.ts"
import { withoutValues } from "./withoutValues.ts"

/** Options of a store whose values are encrypted. */
export interface StoreOptions {
  /** The pairs of every value, such as the name of the store: at least one. */
  readonly encryptionContext: EncryptionContext.EncryptionContext
  /** Suite of the values that are written. Default: the client's choice. */
  readonly algorithmSuite?: AlgorithmSuite.AlgorithmSuite | undefined
  /**
   * Makes of a key the one under which the store beneath has the value: a keyed hash, such as `forWrite` of a `BlindIndex`. Default: keys
   * stay as they are.
   */
  readonly blindKey?: ((key: string) => Effect.Effect<string, unknown>) | undefined
}

const check = /*#__PURE__*/ checker(
  /*#__PURE__*/ Schema.Struct({
    encryptionContext: /*#__PURE__*/ Schema.declare((value): value is EncryptionContext.EncryptionContext =>
      isContext(value)
    ),
    algorithmSuite: /*#__PURE__*/ Schema.optional(
      /*#__PURE__*/ Schema.declare((suite): suite is AlgorithmSuite.AlgorithmSuite =>
        AlgorithmSuite.resolve(suite) !== undefined
      )
    ),
    blindKey: /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.declare(isFunction))
  }),
  "an encrypted store",
  {
    encryptionContext: context,
    algorithmSuite: "must be one of the eleven suites of AlgorithmSuite",
    blindKey: "must be a function that returns an Effect"
  } satisfies Bounds<StoreOptions>
)

/** A fault of a store's cipher: a sentence without key or value, and the library's error where there is one. */
export interface StoreFault {
  readonly sentence: string
  readonly cause?: EncryptError | DecryptError
}

/** Encrypts and decrypts the values of a store, and makes the keys beneath. */
export interface StoreCipher {
  /** The message of a value that belongs to this name. */
  readonly seal: (name: string, value: string | Uint8Array) => Effect.Effect<Uint8Array, StoreFault>
  /** The value of a message. Fails where it belongs to another name; `undefined` takes any. */
  readonly open: (name: string | undefined, message: Uint8Array) => Effect.Effect<Envelope.Envelope, StoreFault>
  readonly keyOf: (key: string) => Effect.Effect<string, StoreFault>
  readonly isBlind: boolean
}

/** Makes the cipher of a store. Fails with `InvalidOption`, which names the option. */
export const make = (sdk: EncryptionSdk, options: StoreOptions): Effect.Effect<StoreCipher, InvalidOption> =>
  Effect.suspend(() => {
    const checked = check(options)
    if (Result.isFailure(checked)) return Effect.fail(new InvalidOption(checked.failure))
    const { algorithmSuite, blindKey } = checked.success as StoreOptions
    const encryptionContext = Result.getOrThrow(EncryptionContext.validate(checked.success.encryptionContext))
    return Effect.succeed({
      seal: (name, value) => seal(sdk, { encryptionContext, algorithmSuite }, { name, value }),
      open: (name, message) =>
        Effect.flatMap(
          Effect.mapError(sdk.decrypt(message, { expectedEncryptionContext: encryptionContext }), faultOf),
          ({ plaintext }) => envelopeOf(name, plaintext)
        ),
      keyOf: blindKey === undefined ? Effect.succeed : (key) => blinded(blindKey, key),
      isBlind: blindKey !== undefined
    })
  })

const faultOf = (cause: EncryptError | DecryptError): StoreFault => ({ sentence: cause.message, cause })

const seal = (
  sdk: EncryptionSdk,
  options: Pick<StoreOptions, "algorithmSuite" | "encryptionContext">,
  envelope: Envelope.Envelope
): Effect.Effect<Uint8Array, StoreFault> =>
  Effect.suspend(() => {
    const plaintext = Envelope.encode(envelope)
    if (plaintext === undefined) return Effect.fail({ sentence: "is not well-formed Unicode: it has no UTF-8 bytes" })
    return Effect.ensuring(
      Effect.mapBoth(sdk.encrypt(plaintext, options), { onFailure: faultOf, onSuccess: ({ message }) => message }),
      Effect.sync(() => void plaintext.fill(0))
    )
  })

const envelopeOf = (name: string | undefined, plaintext: Uint8Array): Effect.Effect<Envelope.Envelope, StoreFault> => {
  const envelope = Envelope.decode(plaintext)
  if (envelope === undefined) return Effect.fail({ sentence: "the message is none of an encrypted store" })
  return name === undefined || envelope.name === name
    ? Effect.succeed(envelope)
    : Effect.fail({ sentence: "the value is that of another key" })
}

/** Errors and defects of the function may hold the key. */
const blinded = (blindKey: NonNullable<StoreOptions["blindKey"]>, key: string): Effect.Effect<string, StoreFault> =>
  Effect.flatMap(
    withoutValues(() => {
      const blind: unknown = blindKey(key)
      return Effect.isEffect(blind) ? blind as Effect.Effect<unknown, unknown> : Effect.fail(blind)
    }, (): StoreFault => ({ sentence: "blindKey failed" })),
    (blind) =>
      typeof blind === "string" && blind !== key
        ? Effect.succeed(blind)
        : Effect.fail({ sentence: "blindKey returned no other text than the key" })
  )
