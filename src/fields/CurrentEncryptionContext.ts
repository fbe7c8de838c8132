/**
 * The pairs of the encryption context that only the request knows: the tenant, the id of the row. Fields and stores add them to
 * the pairs of their own.
 *
 * Specification: framework/structures.md#encryption-context
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Result from "effect/Result"
import { checked } from "../internal/rejection.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import type { InvalidEncryptionContext } from "../model/errors/Reasons.ts"

/** The pairs of the request. Default: none. Read it to log or test them; `withEncryptionContext` sets them. */
export const CurrentEncryptionContext: Context.Reference<EncryptionContext.EncryptionContext> = /*#__PURE__*/ Context
  .Reference<EncryptionContext.EncryptionContext>("effect-encryption-sdk/fields/CurrentEncryptionContext", {
    defaultValue: () => EncryptionContext.empty
  })

/**
 * Runs an effect with these pairs added to those of the request. A pair of an inner call takes the place of one with the same
 * key of an outer call. Pairs are taken as they are when the effect starts to run. Fails with `InvalidEncryptionContext`, before the
 * effect runs, for pairs that no message can have: a value that is no text, such as an id that is undefined, or a key that
 * begins with `aws-crypto-`.
 *
 * **Gotchas**
 *
 * Pairs are not secret: where the materials manager does not withhold them, each message stores them in the clear.
 *
 * A value is bound to all pairs that are set when it is encoded. Set those alone that are the same whenever it is decoded: no
 * request id, no time.
 */
export const withEncryptionContext: {
  (
    pairs: EncryptionContext.EncryptionContext
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | InvalidEncryptionContext, R>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    pairs: EncryptionContext.EncryptionContext
  ): Effect.Effect<A, E | InvalidEncryptionContext, R>
} = /*#__PURE__*/ dual(
  2,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    pairs: EncryptionContext.EncryptionContext
  ): Effect.Effect<A, E | InvalidEncryptionContext, R> =>
    Effect.flatMap(
      CurrentEncryptionContext,
      (outer) =>
        Effect.flatMap(Effect.fromResult(merge(outer, pairs)), (merged) =>
          Effect.provideService(self, CurrentEncryptionContext, merged))
    )
)

const merge = (
  outer: EncryptionContext.EncryptionContext,
  pairs: EncryptionContext.EncryptionContext
): Result.Result<EncryptionContext.EncryptionContext, InvalidEncryptionContext> =>
  checked(() => {
    const inner = EncryptionContext.check(pairs)
    EncryptionContext.checkUnreserved(inner)
    return EncryptionContext.check({ ...outer, ...inner })
  })
