import * as Effect from "effect/Effect"
import * as bytes from "../internal/bytes.ts"

/** Runs an effect over a copy of a plaintext, which is zeroed and freed when the effect ends, however it ends. */
export const withPlaintext = <A, E, R>(plaintext: Uint8Array, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.onExitPrimitive(effect, () => {
    bytes.free(plaintext.fill(0))
    return undefined
  })

/** Runs an effect over a copy of a message, which is freed when the effect ends, however it ends. */
export const withMessage = <A, E, R>(message: Uint8Array, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.onExitPrimitive(effect, () => {
    bytes.free(message)
    return undefined
  })
