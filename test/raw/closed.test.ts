/** Raw keyrings that are used after the scope that they were made in. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Scope } from "effect"
import { type Keyring, KeyringError } from "effect-encryption-sdk"
import type { Primitives } from "effect-encryption-sdk/crypto"
import { RawAesKeyring, RawEcdhKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import { clientOf, decryptFailure, encryptFailure } from "../support/client.ts"
import { generate, keyAgreementLayer } from "../support/ecdh.ts"
import { rsaPrivateKey, rsaPublicKey } from "../support/rsaKeys.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { unsigned } from "../support/suites.ts"

const aes = RawAesKeyring.make({
  keyNamespace: "n",
  keyName: "k",
  wrappingKey: Redacted.make(new Uint8Array(32).fill(7))
})
const rsa = RawRsaKeyring.make({
  keyNamespace: "n",
  keyName: "k",
  padding: "OAEP-SHA256",
  publicKey: rsaPublicKey,
  privateKey: Redacted.make(rsaPrivateKey)
})
const pair = await generate("P-256")
const ecdh = RawEcdhKeyring.make({
  curve: "P-256",
  keyAgreement: {
    _tag: "RawPrivateKeyToStaticPublicKey",
    senderPrivateKey: Redacted.make(pair.privatePem),
    recipientPublicKey: pair.publicPem
  }
}).pipe(Effect.provide(keyAgreementLayer))

const dropped = "was dropped when the scope closed that the keyring was made in: use the keyring within that scope"

/** A keyring after its scope, and a message that it encrypted before. */
const closed = Effect.fnUntraced(function*<E>(
  make: Effect.Effect<Keyring.Keyring, E, Primitives.Primitives | Scope.Scope>
) {
  const scope = yield* Scope.make()
  const keyring = yield* Scope.provide(make, scope)
  const sdk = yield* clientOf(keyring)
  const { message } = yield* sdk.encrypt("a", { algorithmSuite: unsigned })
  yield* Scope.close(scope, Exit.void)
  return { sdk, message }
}, Effect.provide(TestPrimitives.layer))

const assertDropped = (reason: unknown, keyring: string, operation: string, field: string) => {
  assert.instanceOf(reason, KeyringError.KeyringError)
  assert.strictEqual(reason.message, `${keyring}.${operation}: ${field}: ${dropped}`)
  assert.strictEqual(reason.reason._tag, "KeyringMisconfigured")
}

describe("after its scope", () => {
  it.effect("a raw AES keyring fails, and says why", () =>
    Effect.gen(function*() {
      const { message, sdk } = yield* closed(aes)
      assertDropped(yield* encryptFailure(sdk.encrypt("a")), "RawAesKeyring", "onEncrypt", "wrappingKey")
      assertDropped(yield* decryptFailure(sdk.decrypt(message)), "RawAesKeyring", "onDecrypt", "wrappingKey")
    }))

  it.effect("a raw RSA keyring fails to decrypt, and says why", () =>
    Effect.gen(function*() {
      const { message, sdk } = yield* closed(rsa)
      assertDropped(yield* decryptFailure(sdk.decrypt(message)), "RawRsaKeyring", "onDecrypt", "privateKey")
    }))

  it.effect("a raw ECDH keyring fails, and says why", () =>
    Effect.gen(function*() {
      const { message, sdk } = yield* closed(ecdh)
      const field = "keyAgreement.senderPrivateKey"
      assertDropped(yield* encryptFailure(sdk.encrypt("a")), "RawEcdhKeyring", "onEncrypt", field)
      assertDropped(yield* decryptFailure(sdk.decrypt(message)), "RawEcdhKeyring", "onDecrypt", field)
    }))
})
