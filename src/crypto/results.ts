/** Results of the operations of `Primitives`, for its layers: handles of keys, and failures. Not exported. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { AesKey, KeyHandle, SigningKey } from "../model/KeyHandles.ts"
import { PrimitivesError } from "./PrimitivesError.ts"

/** Makes a layer's own value the handle of a key. The layer casts it back. */
export const toHandle = <Kind extends string>(value: object) => value as unknown as KeyHandle<Kind>

export const aesKey = (value: object): AesKey => Redacted.make(toHandle<"AesKey">(value), { label: "aes-key" })

export const signingKey = (value: object): SigningKey =>
  Redacted.make(toHandle<"SigningKey">(value), { label: "signing-key" })

export const fail = (
  method: string,
  reason: PrimitivesError["reason"],
  description: string
): Effect.Effect<never, PrimitivesError> => Effect.fail(new PrimitivesError({ method, reason, description }))

/** Fails since a check of authenticity failed. The error carries nothing but the operation. */
export const failed = (method: string): Effect.Effect<never, PrimitivesError> => fail(method, "Failed", "")

/** Fails since a key from outside is rejected. */
export const invalidKey = (method: string, description: string): Effect.Effect<never, PrimitivesError> =>
  fail(method, "InvalidKey", description)
