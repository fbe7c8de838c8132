/**
 * Calls of the ports to AWS KMS, which may be the user's own: their requests, the form of their responses, and the ownership of
 * their plaintexts. For parts of the library: no entry point exports it.
 */
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as bytes from "../internal/bytes.ts"
import { guarded } from "../materials/contract.ts"
import { refusalOf } from "../materials/keyringFailures.ts"
import { invalidAnswer } from "../materials/unwrapFirst.ts"
import * as DataKey from "../model/DataKey.ts"
import { BrokenContract } from "../model/errors/BrokenContract.ts"
import type { ProviderRefusal } from "../model/errors/KeyringError.ts"
import type { Operations } from "./Kms.ts"
import { KmsError } from "./KmsError.ts"

/** Option of every keyring of AWS KMS. */
export const GrantTokens = /*#__PURE__*/ Schema.optional(/*#__PURE__*/ Schema.Array(Schema.NonEmptyString))

/** Bounds of `GrantTokens`. */
export const grantTokensBounds = {
  grantTokens: "must be an array of strings",
  "grantTokens[]": "must be a string that is not empty"
}

/** The calls of a port, and what every request has. */
export interface Caller<Calls> {
  readonly kms: Calls
  readonly grantTokens: ReadonlyArray<string>
}

/** The caller of a keyring that only decrypts. */
export type DecryptCaller = Caller<Pick<Operations, "decrypt">>

/** The caller of a keyring. Every request has the tokens' own list, which no `Kms` can change. */
export const callerOf = <Calls>(kms: Calls, grantTokens: ReadonlyArray<string> = []): Caller<Calls> => ({
  kms,
  grantTokens: Object.freeze([...grantTokens])
})

/**
 * A call of a `Kms`, which may be the user's own: fails with `BrokenContract` where it throws, returns no Effect, fails with
 * another error than a `KmsError`, or where its response lacks a field. The response is a copy.
 */
export const callKms = <A extends object>(
  operation: keyof Operations,
  call: () => Effect.Effect<A, KmsError>
): Effect.Effect<A, KmsError | BrokenContract> =>
  Effect.flatMap(guarded(`Kms.${operation}`, KmsError, call, innermost), (response) => {
    const fields = fieldsOf(operation, response)
    const fault = fields === undefined ? "that is no object" : faultOf(operation, fields)
    if (fault === undefined) return Effect.succeed(fields as A)
    for (const field of Object.values(fields ?? {})) if (DataKey.isDataKey(field)) DataKey.zero(field)
    return Effect.fail(new BrokenContract({ part: `Kms.${operation}`, description: `returned a response ${fault}` }))
  })

/** The breach of a port. One that passed through a port over it, such as a governor, stays what it is. */
const innermost = (breach: BrokenContract): BrokenContract =>
  breach.cause instanceof BrokenContract && breach.cause.part === breach.part ? breach.cause : breach

type Fields = Readonly<Record<string, unknown>>

/** The fields of a response, each read once: an instance of a class may compute them. One that cannot be read is missing. */
const fieldsOf = (operation: keyof Operations, response: unknown): Fields | undefined => {
  if (typeof response !== "object" || response === null) return undefined
  const fields: Record<string, unknown> = {}
  for (const name of Object.keys(forms[operation])) {
    try {
      fields[name] = (response as Fields)[name]
    } catch {
      fields[name] = undefined
    }
  }
  return fields
}

const faultOf = (operation: keyof Operations, fields: Fields): string | undefined =>
  Object.entries(forms[operation]).map(([field, faultIn]) => faultIn(fields[field], field)).find((fault) =>
    fault !== undefined
  )

type FaultIn = (value: unknown, field: string) => string | undefined

const keyArn: FaultIn = (value, field) => typeof value === "string" ? undefined : `without ${field}, the ARN of the key`

const text: FaultIn = (value, field) => typeof value === "string" ? undefined : `without ${field}`

const binary: FaultIn = (value, field) => bytes.isBytes(value) ? undefined : `without ${field}`

const secret = (type: string): FaultIn => (value, field) =>
  DataKey.isDataKey(value) ? undefined : `without ${field}, ${type}`

/** The fields of each response that are read. */
const forms: Readonly<Record<keyof Operations, Readonly<Record<string, FaultIn>>>> = /*#__PURE__*/ (() => ({
  generateDataKey: { keyId: keyArn, ciphertextBlob: binary, plaintext: secret("a DataKey") },
  encrypt: { keyId: keyArn, ciphertextBlob: binary },
  decrypt: { keyId: keyArn, plaintext: secret("a DataKey") },
  getPublicKey: { keyId: keyArn, publicKey: binary, keySpec: text, keyUsage: text },
  deriveSharedSecret: { keyId: keyArn, sharedSecret: secret("a Redacted of bytes") },
  generateDataKeyWithoutPlaintext: { keyId: keyArn, ciphertextBlob: binary },
  reEncrypt: { keyId: keyArn, sourceKeyId: keyArn, ciphertextBlob: binary }
}))()

/** A response, whose plaintext is zeroed when the scope closes. */
export const own = <A extends { readonly plaintext: DataKey.DataKey }, E>(
  call: Effect.Effect<A, E>
): Effect.Effect<A, E, Scope.Scope> => owning(call, ({ plaintext }) => plaintext)

/**
 * A response, whose secret is zeroed when the scope closes. From the moment that the secret arrives, the fiber yields to
 * no other until the scope knows of it: an interruption in between would leave it behind.
 */
export const owning = <A extends object, E>(
  call: Effect.Effect<A, E>,
  secretOf: (response: A) => DataKey.DataKey
): Effect.Effect<A, E, Scope.Scope> =>
  Effect.acquireRelease(
    call,
    (response) => Effect.sync(() => DataKey.zero(secretOf(response))),
    { interruptible: true }
  ).pipe(Effect.provideService(References.PreventSchedulerYield, true))

/**
 * One Decrypt, whose response must name the very key of the request. The plaintext is zeroed when the scope closes, and at
 * once where `check` returns its fault.
 */
export const decrypt = Effect.fnUntraced(
  function*(
    { kms }: DecryptCaller,
    request: Parameters<Operations["decrypt"]>[0],
    check: (plaintext: DataKey.DataKey) => ProviderRefusal | undefined
  ) {
    // Read before the call: the request is the port's own from then on.
    const { keyId: requested } = request
    const { keyId, plaintext } = yield* Effect.mapError(
      own(callKms("decrypt", () => kms.decrypt(request))),
      (error) => error._tag === "BrokenContract" ? error : refusalOf(error)
    )
    const fault = keyId === requested ? check(plaintext) : invalidAnswer("KeyIdMismatch")
    if (fault === undefined) return plaintext
    DataKey.zero(plaintext)
    return yield* Effect.fail(fault)
  }
)
