import * as Effect from "effect/Effect"
import { NotLoaded } from "./NotLoaded.ts"

/** Loads a part. Rejects with `NotLoaded`. */
export const load = <A>(part: string, load: () => Promise<A>): Promise<A> =>
  load().catch((cause: unknown) => {
    throw new NotLoaded({ part, cause })
  })

/** A promise that may load parts. Whatever else it rejects with is a defect. */
export const orNotLoaded = <A>(run: () => Promise<A>): Effect.Effect<A, NotLoaded> =>
  Effect.tryPromise({ try: run, catch: (error) => error }).pipe(
    Effect.catch((error) => error instanceof NotLoaded ? Effect.fail(error) : Effect.die(error))
  )
