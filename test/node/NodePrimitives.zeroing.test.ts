/**
 * Every array that node:crypto is given as a key, or answers in the clear, is recorded: what the library does not hand
 * out must be zero when the operation has ended.
 */
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { AlgorithmSuite, DataKey } from "effect-encryption-sdk"
import { KeyDerivation } from "effect-encryption-sdk/crypto"
import { NodePrimitives } from "effect-encryption-sdk/node"
import type * as Curves from "@noble/curves/nist.js"
import type * as Crypto from "node:crypto"
import * as crypto from "node:crypto"
import { vi } from "vitest"

const recorded: Array<{ readonly what: string; readonly array: Uint8Array; readonly wasZero: boolean }> = []
const record = <A extends Uint8Array>(what: string, array: A): A => {
  recorded.push({ what, array, wasZero: array.every((byte) => byte === 0) })
  return array
}

vi.mock("node:crypto", async (importOriginal) => {
  const original = await importOriginal<typeof Crypto>()
  return {
    ...original,
    createSecretKey: (key: Uint8Array) => original.createSecretKey(record("createSecretKey", key)),
    hash: (name: string, data: Uint8Array, encoding: "buffer") =>
      record("digest", original.hash(name, record("digested", data), encoding)),
    createDecipheriv: (
      name: Crypto.CipherGCMTypes,
      key: Crypto.KeyObject,
      iv: Uint8Array,
      options: Crypto.CipherGCMOptions
    ) => {
      const decipher = original.createDecipheriv(name, key, iv, options)
      const update = decipher.update.bind(decipher)
      return Object.assign(decipher, { update: (data: Uint8Array) => record("Decipher.update", update(data)) })
    },
    createPrivateKey: (input: Crypto.PrivateKeyInput) =>
      original.createPrivateKey({ ...input, key: record("createPrivateKey", input.key as Buffer) }),
    privateDecrypt: (key: Crypto.RsaPrivateKey, data: Uint8Array) =>
      record("privateDecrypt", original.privateDecrypt(key, data)),
    generateKeyPairSync: (type: "ec", options: Crypto.ECKeyPairKeyObjectOptions) => {
      const pair = original.generateKeyPairSync(type, options)
      // The tests' own keys are of another type.
      if (type !== "ec") return pair
      const exported = pair.privateKey.export.bind(pair.privateKey) as (options: object) => Buffer
      Object.assign(pair.privateKey, { export: (options: object) => record("KeyObject.export", exported(options)) })
      return pair
    }
  }
})

vi.mock("@noble/curves/nist.js", async (importOriginal) => {
  const original = await importOriginal<typeof Curves>()
  const recording = ({ sign, ...curve }: typeof original.p256): typeof original.p256 => ({
    ...curve,
    sign: (digest, key, options) => sign(digest, record("scalar", key), options)
  })
  return { ...original, p256: recording(original.p256), p384: recording(original.p384) }
})

beforeEach(() => {
  recorded.length = 0
})

const primitives = NodePrimitives.make

/** What one HMAC leaves: two digests and what they are of, which holds the key. */
const hmac = ["digested", "digest", "digested", "digest"]

const assertZeroed = (expected: ReadonlyArray<string>) => {
  assert.deepStrictEqual(recorded.map((entry) => entry.what), expected)
  for (const { array, wasZero, what } of recorded) {
    assert.isFalse(wasZero, `${what} was given zeroes`)
    assert.isTrue(array.every((byte) => byte === 0), `${what} left its bytes behind`)
  }
}

describe("zeroing inside the primitives", () => {
  it.effect("deriveKeys leaves neither pseudo-random key nor derived key behind", () =>
    Effect.gen(function*() {
      const suite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
      const key = new Uint8Array(32).fill(3)
      const messageId = new Uint8Array(32).fill(4)
      yield* primitives.deriveKeys(DataKey.make(key), KeyDerivation.parameters(suite, messageId))
      assert.isTrue(key.every((byte) => byte === 3))
      // Extract, the derived key's block and its import, the commitment's block.
      assertZeroed([...hmac, ...hmac, "createSecretKey", ...hmac])
    }))

  it.effect("deriveKeys leaves no block behind where the output takes several", () =>
    Effect.gen(function*() {
      const info = Uint8Array.of(1)
      const { commitment } = yield* primitives.deriveKeys(DataKey.make(new Uint8Array(32).fill(3)), {
        hash: "SHA-256",
        salt: new Uint8Array(1).fill(4),
        encryptionKey: { info, length: 32 },
        commitment: { info, length: 80 }
      })
      assert.isFalse(commitment!.every((byte) => byte === 0))
      assertZeroed([...hmac, ...hmac, "createSecretKey", ...hmac, ...hmac, ...hmac])
    }))

  it.effect("importAesKey changes nothing of the caller's", () =>
    Effect.gen(function*() {
      const key = new Uint8Array(32).fill(3)
      yield* primitives.importAesKey(Redacted.make(key))
      assert.deepStrictEqual(recorded.map((entry) => entry.array), [key])
      assert.isTrue(key.every((byte) => byte === 3))
    }))

  it.effect("open leaves no plaintext behind but in its output, and none at all where the tag is wrong", () =>
    Effect.gen(function*() {
      const key = yield* primitives.importAesKey(Redacted.make(new Uint8Array(32).fill(3)))
      const iv = new Uint8Array(12)
      const aad = new Uint8Array(0)
      const sealed = new Uint8Array(48)
      yield* primitives.seal(key, [{ iv, aad, plaintext: new Uint8Array(32).fill(5), output: sealed }])
      const job = {
        iv,
        aad,
        ciphertext: sealed.subarray(0, 32),
        tag: sealed.subarray(32),
        output: new Uint8Array(32)
      }
      recorded.length = 0
      yield* primitives.open(key, [job])
      assert.isTrue(job.output.every((byte) => byte === 5))
      assertZeroed(["Decipher.update"])

      recorded.length = 0
      sealed[47]! ^= 1
      job.output.fill(0)
      yield* Effect.flip(primitives.open(key, [job]))
      assert.isTrue(job.output.every((byte) => byte === 0))
      assertZeroed(["Decipher.update"])
    }))

  it.effect.each(["P-256", "P-384"] as const)(
    "a signer of %s leaves neither the number of its key behind nor what that was read from",
    (curve) =>
      Effect.gen(function*() {
        const synchronous = NodePrimitives.makeSynchronous
        const { publicKey, signingKey } = yield* synchronous.generateSigningKey(curve)
        const signer = yield* synchronous.signer(signingKey)
        signer.update(Uint8Array.of(1, 2, 3))
        const signature = yield* signer.finish
        const key = yield* synchronous.importVerificationKey(curve, publicKey)
        assert.isTrue(yield* synchronous.verify(key, Uint8Array.of(1, 2, 3), signature))
        // A signature of another length than the suite's is made again.
        const scalars = recorded.filter(({ what }) => what === "scalar")
        assertZeroed(["KeyObject.export", ...scalars.map(({ what }) => what)])
        assert.isNotEmpty(scalars)
        assert.strictEqual(scalars[0]!.array.length, curve === "P-256" ? 32 : 48)
      })
  )

  it.effect("rsaDecrypt answers a copy and zeroes what it was copied from", () =>
    Effect.gen(function*() {
      const pair = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 })
      const ciphertext = crypto.publicEncrypt({ key: pair.publicKey, oaepHash: "sha256" }, Uint8Array.of(1, 2, 3))
      const key = yield* primitives.importRsaPrivateKey(
        Redacted.make(pair.privateKey.export({ format: "pem", type: "pkcs8" }) as string),
        "OAEP-SHA256"
      )
      const plaintext = yield* primitives.rsaDecrypt(key, "OAEP-SHA256", ciphertext)
      assert.deepStrictEqual([...Redacted.value(plaintext)], [1, 2, 3])
      assertZeroed(["createPrivateKey", "privateDecrypt"])
    }))

  it.effect("importRsaPrivateKey leaves no bytes of a key behind, whether it takes it or not", () =>
    Effect.gen(function*() {
      const pemOf = (der: Buffer) =>
        Redacted.make(`-----BEGIN PRIVATE KEY-----\n${der.toString("base64")}\n-----END PRIVATE KEY-----\n`)
      const der = crypto.generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({
        format: "der",
        type: "pkcs8"
      })
      assert.include(
        (yield* Effect.flip(primitives.importRsaPrivateKey(pemOf(der), "OAEP-SHA256"))).message,
        "1024 bits"
      )
      // The sequence of its numbers.
      der[26]! ^= 1
      assert.include(
        (yield* Effect.flip(primitives.importRsaPrivateKey(pemOf(der), "OAEP-SHA256"))).message,
        "no valid"
      )
      assertZeroed(["createPrivateKey", "createPrivateKey"])
    }))
})
