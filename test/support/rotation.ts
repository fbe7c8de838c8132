/** Two wrapping keys, of which one follows on the other, and clients over them. */
import { Effect, Redacted, type Scope } from "effect"
import {
  type CryptographicMaterialsManager,
  DefaultCmm,
  type EncryptionSdk,
  type Keyring,
  MultiKeyring,
  RequiredEncryptionContextCmm
} from "effect-encryption-sdk"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { clientOf } from "./client.ts"
import { partsOf } from "./messages.ts"
import { TestPrimitives } from "./TestPrimitives.ts"

/** A raw AES keyring of this name, with a key of its own. */
export const keyringOf = (keyName: string): Effect.Effect<Keyring.Keyring, never, Scope.Scope> =>
  RawAesKeyring.make({
    keyNamespace: "rotation",
    keyName,
    wrappingKey: Redacted.make(new Uint8Array(32).fill(keyName.length))
  }).pipe(Effect.provide(TestPrimitives.layer), Effect.orDie)

/** The keys of now and of before, and clients that have one alone, or both with the key of now for new messages. */
export const rotation = Effect.fnUntraced(function*(options: EncryptionSdk.Options = {}) {
  const current = yield* keyringOf("now")
  const old = yield* keyringOf("before")
  const both: Keyring.Keyring = {
    ...current,
    onDecrypt: (yield* MultiKeyring.make({ children: [current, old] })).onDecrypt
  }
  return {
    keyrings: { current, old },
    current: yield* clientOf(current, options),
    old: yield* clientOf(old, options),
    both: yield* clientOf(both, options)
  }
})

/** A manager that keeps these keys out of messages. */
export const requiring = (
  keyring: Keyring.Keyring,
  ...requiredEncryptionContextKeys: ReadonlyArray<string>
): Effect.Effect<CryptographicMaterialsManager.CryptographicMaterialsManager> =>
  Effect.flatMap(
    DefaultCmm.make(keyring),
    (materialsManager) => RequiredEncryptionContextCmm.make({ requiredEncryptionContextKeys, materialsManager })
  ).pipe(Effect.provide(TestPrimitives.layer), Effect.orDie)

/** The bytes of a message behind its header. */
export const bodyOf = (message: Uint8Array): Uint8Array => message.slice(partsOf(message).bodyOffset)
