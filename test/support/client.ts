import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
import {
  AlgorithmSuite,
  CommitmentPolicy,
  type CryptographicMaterialsManager,
  DecryptError,
  DefaultCmm,
  EncryptError,
  EncryptionSdk,
  Keyring
} from "effect-encryption-sdk"
import type { Primitives } from "effect-encryption-sdk/crypto"
import { TestPrimitives } from "./TestPrimitives.ts"

/** A client over this keyring. */
export const clientOf = (
  keyring: Keyring.Keyring,
  options: EncryptionSdk.Options = {},
  primitives: Layer.Layer<Primitives.Primitives> = TestPrimitives.layer
) =>
  EncryptionSdk.EncryptionSdk.pipe(
    Effect.provide(
      EncryptionSdk.layer(options).pipe(
        Layer.provide(DefaultCmm.layer),
        Layer.provide(Layer.succeed(Keyring.Keyring, keyring)),
        Layer.provide(primitives)
      )
    )
  )

/** A default manager over this keyring. */
export const managerOf = (
  keyring: Keyring.Keyring
): Effect.Effect<CryptographicMaterialsManager.CryptographicMaterialsManager> =>
  Effect.provide(DefaultCmm.make(keyring), TestPrimitives.layer)

/** A policy under which messages of the suite are written and read. */
export const policyFor = (suite: AlgorithmSuite.AlgorithmSuite): CommitmentPolicy.CommitmentPolicy =>
  AlgorithmSuite.isCommitting(suite) ? "RequireEncryptRequireDecrypt" : "ForbidEncryptAllowDecrypt"

/** The error of an effect. It must fail, with a typed error. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.flatMap(
    Effect.exit(effect),
    Exit.match({
      onSuccess: () => Effect.sync(() => assert.fail("expected a failure, got a success")),
      onFailure: (cause) => {
        const error = Cause.findErrorOption(cause)
        return error._tag === "Some" ? Effect.succeed(error.value) : Effect.sync(() => assert.fail(Cause.pretty(cause)))
      }
    })
  )

/** The reason for which an encryption fails. It must fail, with a typed error. */
export const encryptFailure = <A, R>(effect: Effect.Effect<A, EncryptError, R>) =>
  Effect.map(failureOf(effect), (error) => {
    if (!(error instanceof EncryptError)) throw new Error(`not an EncryptError: ${String(error)}`)
    return error.reason
  })

/** The reason for which a decryption fails. It must fail, with a typed error. */
export const decryptFailure = <A, R>(effect: Effect.Effect<A, DecryptError, R>) =>
  Effect.map(failureOf(effect), (error) => {
    if (!(error instanceof DecryptError)) throw new Error(`not a DecryptError: ${String(error)}`)
    return error.reason
  })

/** What an error carries, without what every error has. */
export const fieldsOf = (error: object): Readonly<Record<string, unknown>> => ({ ...error })
