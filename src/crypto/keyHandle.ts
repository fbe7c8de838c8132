/**
 * Handles of the keys that a layer of `Primitives` keeps. The layer casts back what it made. Not exported.
 */
import * as Redacted from "effect/Redacted"
import type { AesKey, KeyHandle, SigningKey } from "../model/KeyHandles.ts"

/** A layer's own value as the handle of a key. */
export const toHandle = <Kind extends string>(value: object) => value as unknown as KeyHandle<Kind>

export const aesKey = (value: object): AesKey => Redacted.make(toHandle<"AesKey">(value), { label: "aes-key" })

export const signingKey = (value: object): SigningKey =>
  Redacted.make(toHandle<"SigningKey">(value), { label: "signing-key" })
