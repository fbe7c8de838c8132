/** A layer of `Primitives` beside node:crypto itself: each reads what the other wrote, and rejects what it rejects. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { AlgorithmSuite, DataKey } from "effect-encryption-sdk"
import { Ecdsa, KeyDerivation, Primitives } from "effect-encryption-sdk/crypto"
import * as crypto from "node:crypto"
import { arbitraryBytes, arbitraryInt } from "../arbitraryBytes.ts"
import { flip, toHex } from "../bytes.ts"
import { failed, openJob, sealOne } from "./helpers.ts"
import { rsaPrivateKey, rsaPublicKey } from "../rsaKeys.ts"

const nodeSeal = (key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) => {
  const cipher = crypto.createCipheriv(`aes-${8 * key.length}-gcm` as crypto.CipherGCMTypes, key, iv).setAAD(aad)
  return new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]))
}

const nodeHkdf = (hash: string, key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number) =>
  new Uint8Array(crypto.hkdfSync(hash.replace("-", "").toLowerCase(), key, salt, info, length))

/** node:crypto's view of a compressed point. */
const nodeKey = (curve: "P-256" | "P-384", publicKey: Uint8Array) => {
  const spkiPrefix = curve === "P-256"
    ? "3039301306072a8648ce3d020106082a8648ce3d030107032200"
    : "3046301006072a8648ce3d020106052b81040022033200"
  const key = Buffer.from(spkiPrefix + toHex(publicKey), "hex")
  return crypto.createPublicKey({ key, format: "der", type: "spki" })
}

/** Registers the comparisons of a layer with node:crypto. */
export const agreesWithNode = (primitives: Primitives.Primitives) => {
  describe("as node:crypto: deriveKeys", () => derivation(primitives))
  describe("as node:crypto: AES-GCM", () => aesGcm(primitives))
  describe.each([{ curve: "P-256", runs: 1500 }, { curve: "P-384", runs: 150 }] as const)(
    "as node:crypto: ECDSA $curve",
    ({ curve, runs }) => signatures(primitives, curve, runs)
  )
  describe("as node:crypto: RSA", () => rsa(primitives))
}

const derivation = (primitives: Primitives.Primitives) => {
  it.effect.each(
    (["SHA-256", "SHA-384", "SHA-512"] as const).flatMap((hash) =>
      // Empty, of a block and past one, and past what is kept to work in.
      [0, 64, 65, 128, 129, 1000].flatMap((saltLength) =>
        [0, 100, 1000].map((infoLength) => ({ hash, saltLength, infoLength }))
      )
    )
  )(
    "$hash, a salt of $saltLength bytes and an info of $infoLength",
    ({ hash, infoLength, saltLength }) =>
      Effect.gen(function*() {
        const key = crypto.randomBytes(32)
        const salt = crypto.randomBytes(saltLength)
        const info = crypto.randomBytes(infoLength)
        const derived = yield* primitives.deriveKeys(DataKey.make(key), {
          hash,
          salt,
          encryptionKey: { info, length: 32 },
          commitment: { info, length: 200 }
        })
        assert.deepStrictEqual(derived.commitment, nodeHkdf(hash, key, salt, info, 200))
      })
  )

  it.effect.each(AlgorithmSuite.all)("$name", (suite) =>
    Effect.gen(function*() {
      const messageId = yield* primitives.randomBytes(suite.messageIdLength)
      const key = yield* primitives.randomBytes(suite.dataKeyLength)
      const parameters = KeyDerivation.parameters(suite, messageId)
      const before = structuredClone({ messageId, key, parameters })
      const derived = yield* primitives.deriveKeys(DataKey.make(key), parameters)
      assert.deepStrictEqual({ messageId, key, parameters }, before)
      const id = Buffer.from(suite.id.toString(16).padStart(4, "0"), "hex")
      const hkdf = (salt: Uint8Array, info: Uint8Array, length: number) =>
        nodeHkdf(parameters.hash!, key, salt, info, length)
      const iv = crypto.randomBytes(12)
      const aad = Uint8Array.of(1)
      const plaintext = crypto.randomBytes(100)
      const sealed = yield* sealOne(primitives, derived.encryptionKey, iv, aad, plaintext)
      const encryptsWith = (key: Uint8Array) => assert.deepStrictEqual(sealed, nodeSeal(key, iv, aad, plaintext))
      switch (true) {
        case suite.keyDerivation._tag === "Identity": {
          encryptsWith(key)
          assert.isUndefined(derived.commitment)
          break
        }
        case suite.messageFormatVersion === 1: {
          const salt = new Uint8Array(parameters.hash === "SHA-256" ? 32 : 48)
          encryptsWith(hkdf(salt, Buffer.concat([id, messageId]), suite.dataKeyLength))
          assert.isUndefined(derived.commitment)
          break
        }
        default: {
          encryptsWith(hkdf(messageId, Buffer.concat([id, Buffer.from("DERIVEKEY")]), 32))
          assert.deepStrictEqual(derived.commitment, hkdf(messageId, Buffer.from("COMMITKEY"), 32))
          assert.strictEqual(derived.commitment!.constructor, Uint8Array)
        }
      }
      const job = openJob(iv, aad, sealed)
      yield* primitives.open(derived.encryptionKey, [job])
      assert.deepStrictEqual(job.output, new Uint8Array(plaintext))
    }))
}

const aesGcm = (primitives: Primitives.Primitives) => {
  it.effect.prop(
    "the same bytes, of any length",
    { size: arbitraryInt(0, 2), iv: arbitraryBytes(12), aad: arbitraryBytes(0, 50), plaintext: arbitraryBytes(0, 200) },
    ({ aad, iv, plaintext, size }) =>
      Effect.gen(function*() {
        const key = new Uint8Array(16 + 8 * size).fill(5)
        const imported = yield* primitives.importAesKey(Redacted.make(key))
        const sealed = yield* sealOne(primitives, imported, iv, aad, plaintext)
        assert.deepStrictEqual(sealed, nodeSeal(key, iv, aad, plaintext))
      }),
    { arbitrary: { seed: "node", runs: 100 } }
  )

  it.effect.each([2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 3 * 2 ** 20 + 5])(
    "%i bytes are one job, as node seals them in one step",
    (length) =>
      Effect.gen(function*() {
        const key = crypto.randomBytes(32)
        const iv = crypto.randomBytes(12)
        const aad = crypto.randomBytes(20)
        const imported = yield* primitives.importAesKey(Redacted.make(key))
        const long = Uint8Array.from({ length }, (_, index) => index * 7 + (index >> 16))
        const sealed = yield* sealOne(primitives, imported, iv, aad, long)
        assert.isTrue(Buffer.from(nodeSeal(key, iv, aad, long)).equals(sealed))
        const job = openJob(iv, aad, sealed)
        yield* primitives.open(imported, [job])
        assert.isTrue(Buffer.from(long).equals(job.output))
        sealed[length - 1]! ^= 1
        const forged = openJob(iv, aad, sealed)
        assert.deepStrictEqual(yield* Effect.flip(primitives.open(imported, [forged])), failed("open"))
        assert.isTrue(forged.output.every((byte) => byte === 0xaa), "unverified plaintext reached the output")
      })
  )
}

const signatures = (primitives: Primitives.Primitives, curve: "P-256" | "P-384", runs: number) => {
  const { hash, signatureLength } = Ecdsa.algorithm(curve)
  const nodeVerifies = (key: crypto.KeyObject, message: Uint8Array, signature: Uint8Array) => {
    assert.strictEqual(signature.constructor, Uint8Array)
    assert.strictEqual(signature.length, signatureLength)
    assert.isTrue(crypto.verify(hash, message, key, signature))
  }

  it.effect(`${runs} signatures all have one length, and node verifies them`, () =>
    Effect.gen(function*() {
      const { publicKey, signingKey } = yield* primitives.generateSigningKey(curve)
      const key = nodeKey(curve, publicKey)
      yield* Effect.forEach(Array.from({ length: runs }, (_, i) => i), (i) =>
        Effect.gen(function*() {
          const message = Buffer.from(`message ${i}`)
          nodeVerifies(key, message, yield* primitives.sign(signingKey, message))
        }), { concurrency: 8 })
    }))

  it.effect(`${runs} signatures over parts all have one length, and node verifies them over the whole`, () =>
    Effect.gen(function*() {
      const { publicKey, signingKey } = yield* primitives.generateSigningKey(curve)
      const key = nodeKey(curve, publicKey)
      const seen = new Set<string>()
      for (let i = 0; i < runs; i++) {
        const message = Buffer.from(`message ${i}`)
        const signer = yield* primitives.signer(signingKey)
        const part = new Uint8Array(message.subarray(0, i % (message.length + 1)))
        signer.update(part)
        part.fill(0)
        signer.update(message.subarray(part.length))
        const signature = yield* signer.finish
        nodeVerifies(key, message, signature)
        seen.add(toHex(signature))
      }
      assert.strictEqual(seen.size, runs)
    }))

  it.effect("DER is read as OpenSSL reads it: every length, and nothing that is malformed", () =>
    Effect.gen(function*() {
      const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: curve })
      const spki = publicKey.export({ format: "der", type: "spki" })
      const half = Ecdsa.coordinateLength(curve)
      const point = Uint8Array.of(2 + (spki.at(-1)! & 1), ...spki.subarray(-2 * half, spki.length - half))
      const before = point.slice()
      const key = yield* primitives.importVerificationKey(curve, point)
      assert.deepStrictEqual(point, before)
      const message = Uint8Array.of(1, 2, 3)
      const inParts = (signature: Uint8Array) =>
        Effect.flatMap(primitives.verifier(key), ({ finish, update }) => {
          update(message)
          return finish(signature)
        })
      const lengths = new Set<number>()
      let good = new Uint8Array(0)
      for (let i = 0; i < 600; i++) {
        good = new Uint8Array(crypto.sign(hash, message, privateKey))
        lengths.add(good.length)
        assert.isTrue(yield* primitives.verify(key, message, good))
        if (i % 30 === 0) assert.isTrue(yield* inParts(good))
      }
      assert.isAbove(lengths.size, 2)
      const inside = good.subarray(2)
      const wrap = (...content: ReadonlyArray<number>) => Uint8Array.of(0x30, content.length, ...content)
      const variants = [
        new Uint8Array(0),
        Uint8Array.of(0x30),
        Uint8Array.of(0x30, 0),
        good.subarray(1),
        good.subarray(0, -1),
        Uint8Array.of(...good, 0),
        Uint8Array.of(0x30, 0x81, inside.length, ...inside),
        Uint8Array.of(0x30, 0x82, 0, inside.length, ...inside),
        Uint8Array.of(0x30, 0x80, ...inside, 0, 0),
        Uint8Array.of(0x31, ...good.subarray(1)),
        wrap(...inside, 5, 0),
        wrap(2, 1, 0, 2, 1, 0),
        wrap(2, 0, 2, 0),
        wrap(2, 1, 0x80, 2, 1, 0x80),
        wrap(2, inside[1]! + 1, 0, ...inside.subarray(2)),
        wrap(...inside.subarray(0, 2 + inside[1]!)),
        ...Array.from(good, (_, index) => flip(good, index, 1)),
        ...Array.from(good, (_, index) => flip(good, index, 0x80))
      ]
      for (const variant of variants) {
        assert.isFalse(yield* primitives.verify(key, message, variant), toHex(variant))
        assert.isFalse(yield* inParts(variant), toHex(variant))
        assert.isFalse(crypto.verify(hash, message, publicKey, variant), toHex(variant))
      }
    }))

  it.effect("the same points are no keys", () =>
    Effect.gen(function*() {
      const { publicKey } = yield* primitives.generateSigningKey(curve)
      let refused = 0
      for (let i = 1; i <= 64; i++) {
        const candidate = flip(publicKey, publicKey.length - 1, i)
        const exit = yield* Effect.exit(primitives.importVerificationKey(curve, candidate))
        if (Exit.isSuccess(exit)) nodeKey(curve, candidate)
        else {
          assert.throws(() => nodeKey(curve, candidate))
          refused++
        }
      }
      assert.isTrue(refused > 0 && refused < 64, `${refused} of 64`)
    }))
}

const rsa = (primitives: Primitives.Primitives) => {
  it.effect.each(
    [
      { padding: "OAEP-SHA1", hash: "SHA-1" },
      { padding: "OAEP-SHA256", hash: "SHA-256" },
      { padding: "OAEP-SHA384", hash: "SHA-384" },
      { padding: "OAEP-SHA512", hash: "SHA-512" }
    ] as const
  )(
    "$padding crosses both ways, to node:crypto and to Node's WebCrypto: it masks with the same hash function",
    (row) =>
      Effect.gen(function*() {
        const { hash, padding } = row
        const oaepHash = hash.replace("-", "").toLowerCase()
        const plaintext = yield* primitives.randomBytes(32)
        const encryptionKey = yield* primitives.importRsaPublicKey(rsaPublicKey, padding)
        const ciphertext = yield* primitives.rsaEncrypt(encryptionKey, padding, Redacted.make(plaintext))
        assert.deepStrictEqual(
          new Uint8Array(crypto.privateDecrypt({ key: rsaPrivateKey, oaepHash }, ciphertext)),
          plaintext
        )
        const der = crypto.createPrivateKey(rsaPrivateKey).export({ format: "der", type: "pkcs8" })
        const decrypted = yield* Effect.promise(async () => {
          const key = await crypto.subtle.importKey("pkcs8", der, { name: "RSA-OAEP", hash }, false, ["decrypt"])
          return crypto.subtle.decrypt({ name: "RSA-OAEP" }, key, ciphertext)
        })
        assert.deepStrictEqual(new Uint8Array(decrypted), plaintext)

        const decryptionKey = yield* primitives.importRsaPrivateKey(Redacted.make(rsaPrivateKey), padding)
        const theirs = crypto.publicEncrypt({ key: rsaPublicKey, oaepHash }, plaintext)
        assert.deepStrictEqual(Redacted.value(yield* primitives.rsaDecrypt(decryptionKey, padding, theirs)), plaintext)
      })
  )
}
