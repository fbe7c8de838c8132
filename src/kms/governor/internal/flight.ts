/** One call of the governed ports in flight, and the ownership of its secrets. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Duration from "effect/Duration"
import * as DataKey from "../../../model/DataKey.ts"
import { guarded } from "../../../materials/contract.ts"
import type { Operations } from "../../Kms.ts"
import { KmsError } from "../../KmsError.ts"

/** A call of a port, whatever it is. */
export type AnyCall = (request: object) => Effect.Effect<object, KmsError>

/** Makes an effect interruptible within a region that is not. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * Makes the call, for this long at most, and interrupts it when it gives up. A secret that comes later is zeroed. The call has a copy
 * of a plaintext in its request, which is zeroed when the call has ended: the caller may zero its own before. Not interruptible but
 * for the waiting.
 */
export const fly = <E>(
  operation: keyof Operations,
  call: AnyCall,
  request: object,
  duration: Duration.Duration,
  restore: Restore,
  overdue: () => E
): Effect.Effect<object, KmsError | E> =>
  Effect.suspend((): Effect.Effect<object, KmsError | E> => {
    const { copy, sent } = withOwnPlaintext(request)
    // A breach of the port's contract is no `KmsError`; it goes to the caller as it is, who guards the port too.
    const flight: Effect.Effect<object, KmsError> = Effect.interruptible(
      guarded(`Kms.${operation}`, KmsError, () => call(sent), (breach) => breach as never)
    )
    return Effect.flatMap(Effect.forkDetach(flight, { startImmediately: true }), (fiber) => {
      if (copy !== undefined) fiber.addObserver(() => DataKey.zero(copy))
      const giveUp = Effect.sync(() => {
        fiber.interruptUnsafe()
        fiber.addObserver((exit) => {
          if (Exit.isSuccess(exit)) zeroSecrets(exit.value)
        })
      })
      const done = fiber.pollUnsafe()
      if (done !== undefined) return done
      return restore(Effect.timeoutOption(Fiber.await(fiber), duration)).pipe(
        Effect.onInterrupt(() => giveUp),
        Effect.flatMap((exit): Effect.Effect<object, KmsError | E> =>
          Option.isSome(exit) ? exit.value : Effect.andThen(giveUp, Effect.suspend(() => Effect.fail(overdue())))
        )
      )
    })
  })

/** The request with a copy of its plaintext, where it has one. */
const withOwnPlaintext = (request: object): { readonly sent: object; readonly copy: DataKey.DataKey | undefined } => {
  const plaintext = "plaintext" in request ? request.plaintext : undefined
  if (!DataKey.isDataKey(plaintext)) return { sent: request, copy: undefined }
  const copy = DataKey.copy(plaintext)
  return { sent: { ...request, plaintext: copy }, copy }
}

/** Zeroes the secrets of a response that no caller takes, whatever it is. */
const zeroSecrets = (response: unknown): void => {
  for (const field of ["plaintext", "sharedSecret"] as const) {
    try {
      const secret = (response as Readonly<Record<string, unknown>>)[field]
      if (DataKey.isDataKey(secret)) DataKey.zero(secret)
    } catch {
      // It cannot be read.
    }
  }
}
