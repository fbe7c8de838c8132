/** The contract of RSA. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { Primitives } from "effect-encryption-sdk/crypto"
import { flip } from "../bytes.ts"
import { rsaPrivateKey, rsaPublicKey } from "../rsaKeys.ts"
import { failed, fails, invalidKey } from "./helpers.ts"
import { wrongPrivateKeys, wrongPublicKeys } from "./wrongRsaKeys.ts"

const roundTrip = (primitives: Primitives.Primitives, padding: Primitives.RsaPadding) =>
  Effect.gen(function*() {
    const encryptionKey = yield* primitives.importRsaPublicKey(rsaPublicKey, padding)
    const decryptionKey = yield* primitives.importRsaPrivateKey(Redacted.make(rsaPrivateKey), padding)
    for (const length of [16, 24, 32]) {
      const plaintext = yield* primitives.randomBytes(length)
      const before = plaintext.slice()
      const ciphertext = yield* primitives.rsaEncrypt(encryptionKey, padding, Redacted.make(plaintext))
      assert.strictEqual(ciphertext.length, 256)
      assert.strictEqual(ciphertext.constructor, Uint8Array)
      const ciphertextBefore = ciphertext.slice()
      const decrypted = Redacted.value(yield* primitives.rsaDecrypt(decryptionKey, padding, ciphertext))
      assert.strictEqual(decrypted.constructor, Uint8Array)
      assert.deepStrictEqual(decrypted, before)
      assert.deepStrictEqual(plaintext, before)
      assert.deepStrictEqual(ciphertext, ciphertextBefore)
    }
  })

export const rsa = (primitives: Primitives.Primitives) => {
  const importPublic = (pem: string) => primitives.importRsaPublicKey(pem, "OAEP-SHA256")
  const importPrivate = (pem: string) => primitives.importRsaPrivateKey(Redacted.make(pem), "OAEP-SHA256")
  const three = Redacted.make(Uint8Array.of(1, 2, 3))

  it.effect.each(
    (["OAEP-SHA1", "OAEP-SHA256", "OAEP-SHA384", "OAEP-SHA512"] as const).map((padding) => ({ padding }))
  )(
    "$padding: what was encrypted decrypts, and inputs stay as they are",
    ({ padding }) => roundTrip(primitives, padding)
  )

  it.effect("OAEP: a changed ciphertext, a wrong length, another padding and another key fail without a detail", () =>
    Effect.gen(function*() {
      const key = yield* importPrivate(rsaPrivateKey)
      const ciphertext = yield* primitives.rsaEncrypt(yield* importPublic(rsaPublicKey), "OAEP-SHA256", three)
      for (
        const wrong of [
          flip(ciphertext, 255, 1),
          flip(ciphertext, 9, 1),
          ciphertext.slice(1),
          Uint8Array.of(...ciphertext, 0),
          new Uint8Array(0)
        ]
      ) {
        yield* fails(primitives.rsaDecrypt(key, "OAEP-SHA256", wrong), failed("rsaDecrypt"))
      }
      yield* fails(primitives.rsaDecrypt(key, "OAEP-SHA1", ciphertext), failed("rsaDecrypt"))
      const other = yield* importPrivate(yield* Effect.promise(newPrivateKey))
      yield* fails(primitives.rsaDecrypt(other, "OAEP-SHA256", ciphertext), failed("rsaDecrypt"))
    }))

  it.effect("a plaintext that does not fit fails", () =>
    Effect.gen(function*() {
      for (const [padding, length] of [["OAEP-SHA256", 191], ["OAEP-SHA512", 127]] as const) {
        const key = yield* primitives.importRsaPublicKey(rsaPublicKey, padding)
        yield* fails(primitives.rsaEncrypt(key, padding, Redacted.make(new Uint8Array(length))), failed("rsaEncrypt"))
      }
    }))

  it.effect.each(wrongPublicKeys)(
    "as a public key, $name is refused",
    ({ description, pem }) =>
      Effect.gen(function*() {
        yield* fails(importPublic(pem), invalidKey("importRsaPublicKey", description))
      })
  )

  it.effect.each(wrongPrivateKeys)(
    "as a private key, $name is refused",
    ({ description, pem }) =>
      Effect.gen(function*() {
        yield* fails(importPrivate(pem), invalidKey("importRsaPrivateKey", description))
      })
  )

  it.effect("white space around a PEM text and Windows line ends are fine", () =>
    Effect.gen(function*() {
      yield* importPublic(`\n  ${rsaPublicKey.replaceAll("\n", "\r\n")}\r\n\n`)
      yield* importPrivate(`\n  ${rsaPrivateKey.replaceAll("\n", "\r\n")}\r\n\n`)
    }))

  it.effect.each([
    { how: "indented", change: (pem: string) => pem.replaceAll(/^/gm, "    ") },
    { how: "folded into one line", change: (pem: string) => pem.replaceAll("\n", " ") },
    { how: "without line ends", change: (pem: string) => pem.replaceAll("\n", "") },
    { how: "in long lines", change: (pem: string) => pem.replaceAll(/(?<!-)\n(?!-)/g, "") },
    { how: "in short lines", change: (pem: string) => pem.replaceAll(/^[^-]{32}/gm, "$&\n\t") }
  ])("a PEM text that is $how is read", ({ change }) =>
    Effect.gen(function*() {
      const decrypted = yield* Effect.exit(Effect.gen(function*() {
        const publicKey = yield* importPublic(change(rsaPublicKey))
        const privateKey = yield* importPrivate(change(rsaPrivateKey))
        const ciphertext = yield* primitives.rsaEncrypt(publicKey, "OAEP-SHA256", three)
        return Redacted.value(yield* primitives.rsaDecrypt(privateKey, "OAEP-SHA256", ciphertext))
      }))
      assert.deepStrictEqual(decrypted, Exit.succeed(Uint8Array.of(1, 2, 3)))
    }))
}

export const pkcs1 = (primitives: Primitives.Primitives) => {
  it.effect("what was encrypted decrypts, and inputs stay as they are", () => roundTrip(primitives, "PKCS1"))

  it.effect("a changed ciphertext never answers the plaintext; mostly it answers random bytes instead", () =>
    Effect.gen(function*() {
      const encryptionKey = yield* primitives.importRsaPublicKey(rsaPublicKey, "PKCS1")
      const decryptionKey = yield* primitives.importRsaPrivateKey(Redacted.make(rsaPrivateKey), "PKCS1")
      const plaintext = new Uint8Array(32).fill(5)
      const ciphertext = yield* primitives.rsaEncrypt(encryptionKey, "PKCS1", Redacted.make(plaintext))
      let answered = 0
      for (let i = 1; i < 32; i++) {
        const exit = yield* Effect.exit(primitives.rsaDecrypt(decryptionKey, "PKCS1", flip(ciphertext, i, 1)))
        if (Exit.isSuccess(exit)) {
          answered++
          assert.notDeepEqual(Redacted.value(exit.value), plaintext)
        }
      }
      assert.isTrue(answered > 0)
    }))
}

/** Another private key of 2048 bits than that of `rsaKeys.ts`. */
const newPrivateKey = async (): Promise<string> => {
  const { subtle } = globalThis.crypto
  const algorithm = {
    name: "RSA-OAEP",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: Uint8Array.of(1, 0, 1)
  }
  const { privateKey } = await subtle.generateKey(algorithm, true, ["encrypt", "decrypt"])
  const der = new Uint8Array(await subtle.exportKey("pkcs8", privateKey))
  return `-----BEGIN PRIVATE KEY-----\n${btoa(String.fromCharCode(...der))}\n-----END PRIVATE KEY-----\n`
}
