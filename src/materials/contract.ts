/**
 * Calls of parts that may be the user's own. A part that breaks its contract fails the call with one sentence that names it, and
 * with its own error as the cause. Defects of the Effect that it returned stay what they are. For parts of the library: no entry
 * point exports it.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { DecryptionMaterials, EncryptionMaterials } from "../model/CryptographicMaterials.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import { BrokenContract } from "../model/errors/BrokenContract.ts"
import { DecryptError } from "../model/errors/DecryptError.ts"
import { EncryptError } from "../model/errors/EncryptError.ts"
import { KeyringError, Skipped } from "../model/errors/KeyringError.ts"
import type { Keyring, OnDecryptResult } from "./Keyring.ts"

/** The class of the errors that a part may fail with. */
type ErrorClass<E> = { readonly name: string } & Schema.ConstraintDecoder<E> & (new(...args: Array<any>) => E)

/** An error of the same class in a second copy of this package, as one of this copy; undefined for what is no such error. */
const copied = <E>(errors: ErrorClass<E>, error: unknown): E | undefined => {
  // Of another realm, too.
  if (Object.prototype.toString.call(error) !== "[object Error]") return undefined
  try {
    return Option.getOrUndefined(Schema.decodeUnknownOption(errors)(error))
  } catch {
    // It cannot be read.
    return undefined
  }
}

const breach = (part: string, description: string, cause?: unknown): BrokenContract =>
  new BrokenContract({ part, description, ...cause === undefined ? {} : { cause } })

/** Calls a part, which must return an Effect. `fail` makes an error of its breach; the part's own errors stay what they are. */
export const called = <A, E, R, E2>(
  part: string,
  call: () => Effect.Effect<A, E, R>,
  fail: (breach: BrokenContract) => E2
): Effect.Effect<A, E | E2, R> =>
  Effect.suspend((): Effect.Effect<A, E | E2, R> => {
    let effect: Effect.Effect<A, E, R>
    try {
      effect = call()
    } catch (cause) {
      return Effect.fail(fail(breach(part, "threw instead of failing", cause)))
    }
    return Effect.isEffect(effect)
      ? effect
      : Effect.fail(fail(breach(part, `returned ${kindOf(effect)} instead of an Effect`)))
  })

/** Calls a part, which fails with errors of this class alone. `fail` makes an error of its breach. */
export const guarded = <A, E, R, E2>(
  part: string,
  errors: ErrorClass<E>,
  call: () => Effect.Effect<A, E, R>,
  fail: (breach: BrokenContract) => E2
): Effect.Effect<A, E | E2, R> => {
  const checkError = (error: E): E | E2 =>
    error instanceof errors
      ? error
      : copied(errors, error) ?? fail(breach(part, `failed with an error that is no ${errors.name}`, error))
  return called(part, () => {
    const effect = call()
    return Effect.isEffect(effect) ? Effect.mapError(effect, checkError) : effect
  }, fail)
}

/** Names a value by its kind alone. A promise is one that nothing waits for: it must not end the process. */
const kindOf = (value: unknown): string => {
  try {
    // A promise of another realm is one too. Nothing else is.
    void Promise.prototype.then.call(value, undefined, () => undefined)
    return "a Promise"
  } catch {
    return value === null || value === undefined ? String(value) : typeof value
  }
}

/** The error of a keyring that broke its contract. */
const keyringError = (keyring: Keyring, operation: KeyringError["operation"]) => (reason: BrokenContract) =>
  new KeyringError({ keyring: nameOf(keyring), operation, reason })

/** The name of a keyring, which may have none. */
export const nameOf = ({ name }: { readonly name: unknown }): string => typeof name === "string" ? name : "(no name)"

const partOf = (keyring: Keyring, operation: KeyringError["operation"]) => `keyring ${nameOf(keyring)}.${operation}`

/** Zeroes a data key when the scope closes. A keyring registers its own; one of a user's may have forgotten to. */
const zeroWithScope = (result: { readonly plaintextDataKey?: unknown } | null | undefined) => {
  const dataKey = result?.plaintextDataKey
  return DataKey.isDataKey(dataKey) ? DataKey.zeroWithScope(dataKey) : Effect.void
}

/** `keyring.onEncrypt`, whatever the keyring does. Its materials are checked by managers; a data key that it made is zeroed with the scope. */
export const onEncrypt = (
  keyring: Keyring,
  materials: EncryptionMaterials
): Effect.Effect<EncryptionMaterials, KeyringError, Scope.Scope> => {
  const filled = guarded(
    partOf(keyring, "onEncrypt"),
    KeyringError,
    () => keyring.onEncrypt(materials),
    keyringError(keyring, "onEncrypt")
  )
  return materials.plaintextDataKey === undefined ? Effect.tap(filled, zeroWithScope) : filled
}

/**
 * `keyring.onDecrypt`, whatever the keyring does. Its result is one of the two forms; the materials in it are checked by managers. A
 * data key that it unwrapped is zeroed with the scope.
 */
export const onDecrypt = (
  keyring: Keyring,
  materials: DecryptionMaterials,
  encryptedDataKeys: ReadonlyArray<EncryptedDataKey>
): Effect.Effect<OnDecryptResult, KeyringError, Scope.Scope> => {
  const part = partOf(keyring, "onDecrypt")
  const fail = keyringError(keyring, "onDecrypt")
  return Effect.flatMap(
    guarded(part, KeyringError, () => keyring.onDecrypt(materials, encryptedDataKeys), fail),
    (result) => {
      const description = problemOf(result)
      return description === undefined
        ? Effect.as(result._tag === "Unwrapped" ? zeroWithScope(result) : Effect.void, result)
        : Effect.fail(fail(new BrokenContract({ part, description })))
    }
  )
}

const isRows = /*#__PURE__*/ Schema.is(/*#__PURE__*/ Schema.Array(Skipped))

/** The problem with the form of a result; undefined where there is none. */
const problemOf = (result: unknown): string | undefined => {
  if (typeof result !== "object" || result === null) return `returned ${kindOf(result)} instead of a result`
  const { _tag, omitted, skipped } = result as Partial<Record<string, unknown>>
  if (_tag === "Unwrapped") return undefined
  if (_tag !== "NotMine") return "returned a result that is neither Unwrapped nor NotMine"
  if (omitted !== undefined && !Number.isSafeInteger(omitted)) return "returned NotMine with omitted that is no integer"
  return isRows(skipped)
    ? undefined
    : "returned NotMine without skipped, a row of the tag Skipped for each encrypted data key"
}

/** `manager.getEncryptionMaterials`, whatever the manager does. Its response is checked by the client. */
export const getEncryptionMaterials = <Request, Response, R>(
  manager: { readonly getEncryptionMaterials: (request: Request) => Effect.Effect<Response, EncryptError, R> },
  request: Request
): Effect.Effect<Response, EncryptError, R> =>
  guarded(
    "materials manager.getEncryptionMaterials",
    EncryptError,
    () => manager.getEncryptionMaterials(request),
    (reason) => new EncryptError({ reason })
  )

/** `manager.decryptMaterials`, whatever the manager does. Its response is checked by the client. */
export const decryptMaterials = <Request, Response, R>(
  manager: { readonly decryptMaterials: (request: Request) => Effect.Effect<Response, DecryptError, R> },
  request: Request
): Effect.Effect<Response, DecryptError, R> =>
  guarded(
    "materials manager.decryptMaterials",
    DecryptError,
    () => manager.decryptMaterials(request),
    (reason) => new DecryptError({ reason })
  )
