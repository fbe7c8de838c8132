/**
 * The part of the library that the ECDH keyrings load when they are made. For keyrings of the library: no entry point exports it.
 */
import * as Effect from "effect/Effect"
import type { KeyringError } from "../model/errors/KeyringError.ts"
import { load, orNotLoaded } from "../model/errors/load.ts"
import { failKeyring } from "./keyringFailures.ts"

/** Code that wraps and unwraps data keys under shared secrets. */
export type Ecdh = typeof import("./ecdhWrapping.ts")

/** Loads it: the code of curves is large, and few programs need it. */
export const loadEcdh = (keyring: string): Effect.Effect<Ecdh, KeyringError> =>
  Effect.catch(
    orNotLoaded(() => load("ECDH (@noble/curves)", () => import("./ecdhWrapping.ts"))),
    (error) => failKeyring(keyring, "make", error)
  )
