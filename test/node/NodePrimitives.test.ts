import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted } from "effect"
import { AlgorithmSuite, DataKey } from "effect-encryption-sdk"
import { KeyDerivation, Primitives, PrimitivesError } from "effect-encryption-sdk/crypto"
import { NodePrimitives } from "effect-encryption-sdk/node"
import type { KeyObject } from "node:crypto"
import * as crypto from "node:crypto"
import { arbitraryBytes, arbitraryInt } from "../support/arbitraryBytes.ts"

const primitives = NodePrimitives.make
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const fromHex = (text: string) => new Uint8Array(Buffer.from(text, "hex"))
const exported = (key: Primitives.AesKey) => new Uint8Array((Redacted.value(key) as unknown as KeyObject).export())
const importAes = (key: Uint8Array) => primitives.importAesKey(Redacted.make(key))

const sealOne = (key: Primitives.AesKey, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) => {
  const output = new Uint8Array(plaintext.length + 16)
  return Effect.as(primitives.seal(key, [{ iv, aad, plaintext, output }]), output)
}

const openJob = (iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Primitives.OpenJob => {
  const length = sealed.length - 16
  return {
    iv,
    aad,
    ciphertext: sealed.subarray(0, length),
    tag: sealed.subarray(length),
    output: new Uint8Array(length).fill(0xaa)
  }
}

/** The failure of a check of authenticity says nothing but which operation it was. */
const assertFailed = (method: string, exit: Exit.Exit<unknown, PrimitivesError>) => {
  assert.deepStrictEqual(
    exit,
    Exit.fail(new PrimitivesError({ method, reason: "Failed", description: "" }))
  )
}

describe("the layer", () => {
  it.effect("is make", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Primitives.Primitives, NodePrimitives.make)
    }).pipe(Effect.provide(NodePrimitives.layer)))
})

describe("randomBytes, sha384, timingSafeEqual", () => {
  it.effect("random bytes have the length, are plain arrays of their own, and differ", () =>
    Effect.gen(function*() {
      for (const length of [0, 1, 32, 100_000]) {
        const bytes = yield* primitives.randomBytes(length)
        assert.strictEqual(bytes.constructor, Uint8Array)
        assert.strictEqual(bytes.length, length)
        assert.strictEqual(bytes.buffer.byteLength, length)
      }
      assert.notDeepEqual(yield* primitives.randomBytes(16), yield* primitives.randomBytes(16))
    }))

  it.effect("SHA-384 of \"abc\" is FIPS 180's", () =>
    Effect.gen(function*() {
      const digest = yield* primitives.sha384(new TextEncoder().encode("abc"))
      assert.strictEqual(digest.constructor, Uint8Array)
      assert.strictEqual(
        hex(digest),
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
      )
    }))

  it("compares, and arrays of different lengths are just not equal", () => {
    const a = Uint8Array.of(1, 2, 3)
    assert.isTrue(primitives.timingSafeEqual(a, Uint8Array.of(1, 2, 3)))
    assert.isFalse(primitives.timingSafeEqual(a, Uint8Array.of(1, 2, 4)))
    assert.isFalse(primitives.timingSafeEqual(a, Uint8Array.of(1, 2)))
    assert.isTrue(primitives.timingSafeEqual(new Uint8Array(0), new Uint8Array(0)))
  })
})

describe("deriveKeys", () => {
  // RFC 5869, appendix A.1 to A.3: input key, salt, info, output.
  it.effect.each([
    {
      name: "A.1",
      key: "0b".repeat(22),
      salt: "000102030405060708090a0b0c",
      info: "f0f1f2f3f4f5f6f7f8f9",
      output: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    },
    {
      name: "A.2",
      key: Array.from({ length: 80 }, (_, i) => i.toString(16).padStart(2, "0")).join(""),
      salt: Array.from({ length: 80 }, (_, i) => (0x60 + i).toString(16)).join(""),
      info: Array.from({ length: 80 }, (_, i) => (0xb0 + i).toString(16)).join(""),
      output: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09" +
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
    },
    {
      name: "A.3",
      key: "0b".repeat(22),
      salt: "",
      info: "",
      output: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    }
  ])("HKDF-SHA256 is that of RFC 5869, $name", ({ info, key, output, salt }) =>
    Effect.gen(function*() {
      const derived = yield* primitives.deriveKeys(DataKey.make(fromHex(key)), {
        hash: "SHA-256",
        salt: fromHex(salt),
        encryptionKey: { info: fromHex(info), length: 32 },
        commitment: { info: fromHex(info), length: output.length / 2 }
      })
      assert.strictEqual(hex(derived.commitment!), output)
      assert.strictEqual(hex(exported(derived.encryptionKey)), output.slice(0, 64))
    }))

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
        const expected = crypto.hkdfSync(hash.replace("-", "").toLowerCase(), key, salt, info, 200)
        assert.deepStrictEqual(derived.commitment, new Uint8Array(expected))
      })
  )

  it.effect.each(AlgorithmSuite.all)("$name is derived as hkdfSync would", (suite) =>
    Effect.gen(function*() {
      const messageId = yield* primitives.randomBytes(suite.messageIdLength)
      const key = yield* primitives.randomBytes(suite.dataKeyLength)
      const before = { messageId: messageId.slice(), key: key.slice() }
      const plan = KeyDerivation.parameters(suite, messageId)
      const planBefore = structuredClone(plan)
      const derived = yield* primitives.deriveKeys(DataKey.make(key), plan)
      assert.deepStrictEqual({ messageId, key }, before)
      assert.deepStrictEqual(plan, planBefore)
      const id = Buffer.from(suite.id.toString(16).padStart(4, "0"), "hex")
      const hkdf = (salt: Uint8Array, info: Uint8Array, length: number) =>
        new Uint8Array(
          crypto.hkdfSync(plan.hash!.replace("-", "").toLowerCase(), key, salt, info, length)
        )
      switch (true) {
        case suite.keyDerivation._tag === "Identity": {
          assert.deepStrictEqual(exported(derived.encryptionKey), key)
          assert.isUndefined(derived.commitment)
          break
        }
        case suite.messageFormatVersion === 1: {
          const hashLength = plan.hash === "SHA-256" ? 32 : 48
          assert.deepStrictEqual(
            exported(derived.encryptionKey),
            hkdf(new Uint8Array(hashLength), Buffer.concat([id, messageId]), suite.dataKeyLength)
          )
          assert.isUndefined(derived.commitment)
          break
        }
        default: {
          assert.deepStrictEqual(
            exported(derived.encryptionKey),
            hkdf(messageId, Buffer.concat([id, Buffer.from("DERIVEKEY")]), 32)
          )
          assert.deepStrictEqual(derived.commitment, hkdf(messageId, Buffer.from("COMMITKEY"), 32))
          assert.strictEqual(derived.commitment!.constructor, Uint8Array)
        }
      }
    }))

  it.effect("a data key of the wrong length, that would encrypt itself, is a defect", () =>
    Effect.gen(function*() {
      const suite = AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF
      const exit = yield* Effect.exit(
        primitives.deriveKeys(
          DataKey.make(new Uint8Array(16).fill(1)),
          KeyDerivation.parameters(suite, new Uint8Array(16))
        )
      )
      assert.isTrue(Exit.hasDies(exit))
    }))
})

describe("AES-GCM", () => {
  // McGrew and Viega, The Galois/Counter Mode of Operation, test cases 4, 10 and 16.
  const plaintext = fromHex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
  )
  const aad = fromHex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
  const iv = fromHex("cafebabefacedbaddecaf888")
  const key = fromHex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
  it.effect.each([
    {
      bits: 128,
      sealed: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e" +
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"
    },
    {
      bits: 192,
      sealed: "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c" +
        "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda27102519498e80f1478f37ba55bd6d27618c"
    },
    {
      bits: 256,
      sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" +
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"
    }
  ])("known answer with $bits bits, both ways", ({ bits, sealed }) =>
    Effect.gen(function*() {
      const imported = yield* importAes(key.slice(0, bits / 8))
      assert.strictEqual(hex(yield* sealOne(imported, iv, aad, plaintext)), sealed)
      const job = openJob(iv, aad, fromHex(sealed))
      yield* primitives.open(imported, [job])
      assert.deepStrictEqual(job.output, plaintext)
    }))

  const message = {
    key: arbitraryInt(0, 2),
    iv: arbitraryBytes(12),
    aad: arbitraryBytes(0, 80),
    plaintexts: arbitraryBytes(0, 200)
  }
  const keyOf = (index: number) => importAes(new Uint8Array(16 + 8 * index).fill(9 + index))

  it.effect.prop(
    "what seal wrote, open reads; nothing that was handed in is changed",
    message,
    ({ aad, iv, key, plaintexts }) =>
      Effect.gen(function*() {
        const imported = yield* keyOf(key)
        const before = structuredClone({ iv, aad, plaintexts })
        const sealed = yield* sealOne(imported, iv, aad, plaintexts)
        const job = openJob(iv, aad, sealed)
        const sealedBefore = sealed.slice()
        yield* primitives.open(imported, [job])
        assert.deepStrictEqual(job.output, plaintexts)
        assert.deepStrictEqual({ iv, aad, plaintexts }, before)
        assert.deepStrictEqual(sealed, sealedBefore)
      }),
    { arbitrary: { seed: "seal-open", runs: 150 } }
  )

  it.effect.each([2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 3 * 2 ** 20 + 5])(
    "%i bytes are one job, as node seals them in one step",
    (length) =>
      Effect.gen(function*() {
        const imported = yield* importAes(key)
        const long = Uint8Array.from({ length }, (_, index) => index * 7 + (index >> 16))
        const cipher = crypto.createCipheriv("aes-256-gcm", key, iv).setAAD(aad)
        const expected = Buffer.concat([cipher.update(long), cipher.final(), cipher.getAuthTag()])
        const sealed = yield* sealOne(imported, iv, aad, long)
        assert.isTrue(expected.equals(sealed))
        const job = openJob(iv, aad, sealed)
        yield* primitives.open(imported, [job])
        assert.isTrue(Buffer.from(long).equals(job.output))
        sealed[length - 1]! ^= 1
        const forged = openJob(iv, aad, sealed)
        assertFailed("open", yield* Effect.exit(primitives.open(imported, [forged])))
        assert.isTrue(forged.output.every((byte) => byte === 0xaa), "unverified plaintext reached the output")
      })
  )

  it.effect.prop(
    "one changed bit of IV, AAD, ciphertext or tag fails without a detail, and no plaintext comes out",
    { ...message, bit: arbitraryInt(0, 100_000) },
    ({ aad, bit, iv, key, plaintexts }) =>
      Effect.gen(function*() {
        const imported = yield* keyOf(key)
        const sealed = yield* sealOne(imported, iv, aad, plaintexts)
        for (const field of [iv, aad, sealed.subarray(0, plaintexts.length), sealed.subarray(plaintexts.length)]) {
          if (field.length === 0) continue
          const at = (bit >> 3) % field.length
          field[at]! ^= 1 << (bit & 7)
          const job = openJob(iv, aad, sealed)
          assertFailed("open", yield* Effect.exit(primitives.open(imported, [job])))
          assert.isTrue(job.output.every((byte) => byte === 0xaa), "unverified plaintext reached the output")
          field[at]! ^= 1 << (bit & 7)
        }
        const job = openJob(iv, aad, sealed)
        yield* primitives.open(imported, [job])
      }),
    { arbitrary: { seed: "tamper", runs: 150 } }
  )

  it.effect("another key fails, of the same length or not", () =>
    Effect.gen(function*() {
      const sealed = yield* sealOne(yield* importAes(new Uint8Array(32).fill(1)), iv, aad, plaintext)
      for (const other of [new Uint8Array(32).fill(2), new Uint8Array(16).fill(1)]) {
        assertFailed(
          "open",
          yield* Effect.exit(primitives.open(yield* importAes(other), [openJob(iv, aad, sealed)]))
        )
      }
    }))

  it.effect("a tag that is shorter or longer fails, though node would take the shorter one", () =>
    Effect.gen(function*() {
      const imported = yield* importAes(key)
      const sealed = yield* sealOne(imported, iv, aad, plaintext)
      const job = openJob(iv, aad, sealed)
      for (const length of [0, 4, 8, 12, 13, 14, 15]) {
        assertFailed("open", yield* Effect.exit(primitives.open(imported, [{ ...job, tag: job.tag.slice(0, length) }])))
      }
      const longer = Uint8Array.of(...job.tag, 0)
      assertFailed("open", yield* Effect.exit(primitives.open(imported, [{ ...job, tag: longer }])))
      assert.isTrue(job.output.every((byte) => byte === 0xaa))
      yield* primitives.open(imported, [job])
    }))

  it.effect("an IV of another length does not open, and is a defect to seal under", () =>
    Effect.gen(function*() {
      const imported = yield* importAes(key)
      const sealed = yield* sealOne(imported, iv, aad, plaintext)
      for (const length of [1, 11, 13, 16]) {
        assertFailed(
          "open",
          yield* Effect.exit(primitives.open(imported, [openJob(new Uint8Array(length), aad, sealed)]))
        )
        assert.isTrue(Exit.hasDies(yield* Effect.exit(sealOne(imported, new Uint8Array(length), aad, plaintext))))
      }
    }))

  it.effect("an output of another length is a defect, and nothing is written to it", () =>
    Effect.gen(function*() {
      const imported = yield* importAes(key)
      const sealed = yield* sealOne(imported, iv, aad, plaintext)
      for (const difference of [-1, 1]) {
        const output = new Uint8Array(plaintext.length + difference)
        assert.isTrue(
          Exit.hasDies(yield* Effect.exit(primitives.open(imported, [{ ...openJob(iv, aad, sealed), output }])))
        )
        const tooFew = new Uint8Array(plaintext.length + 16 + difference)
        assert.isTrue(
          Exit.hasDies(yield* Effect.exit(primitives.seal(imported, [{ iv, aad, plaintext, output: tooFew }])))
        )
        assert.isTrue([...output, ...tooFew].every((byte) => byte === 0))
      }
    }))

  it.effect("many jobs in order from a lazy iterable; open stops at the first that fails", () =>
    Effect.gen(function*() {
      const imported = yield* importAes(key)
      const ivOf = (i: number) => new Uint8Array(12).fill(i)
      const outputs = [0, 1, 2, 3].map((i) => new Uint8Array(i + 16))
      const read: Array<number> = []
      yield* primitives.seal(
        imported,
        (function*() {
          for (const [i, output] of outputs.entries()) {
            read.push(i)
            // The output of the job before is there already when the next one is asked for.
            if (i > 0) assert.isTrue(outputs[i - 1]!.some((byte) => byte !== 0))
            yield { iv: ivOf(i), aad, plaintext: new Uint8Array(i).fill(i), output }
          }
        })()
      )
      assert.deepStrictEqual(read, [0, 1, 2, 3])
      const jobs = outputs.map((output, i) => openJob(ivOf(i), aad, output))
      yield* primitives.open(imported, jobs)
      assert.deepStrictEqual(jobs.map((job) => [...job.output]), [[], [1], [2, 2], [3, 3, 3]])

      outputs[2]![0]! ^= 1
      const again = outputs.map((output, i) => openJob(ivOf(i), aad, output))
      const opened: Array<number> = []
      assertFailed(
        "open",
        yield* Effect.exit(primitives.open(
          imported,
          (function*() {
            for (const [i, job] of again.entries()) {
              opened.push(i)
              yield job
            }
          })()
        ))
      )
      assert.deepStrictEqual(opened, [0, 1, 2])
      assert.deepStrictEqual([...again[3]!.output], [0xaa, 0xaa, 0xaa])
    }))

  it.effect("no jobs are nothing to do", () =>
    Effect.gen(function*() {
      const imported = yield* importAes(key)
      yield* primitives.seal(imported, [])
      yield* primitives.open(imported, [])
    }))

  it.effect("a key is a copy of its bytes, of 16, 24 or 32", () =>
    Effect.gen(function*() {
      const bytes = new Uint8Array(32).fill(1)
      const imported = yield* importAes(bytes)
      assert.deepStrictEqual(bytes, new Uint8Array(32).fill(1))
      bytes.fill(2)
      assert.deepStrictEqual(exported(imported), new Uint8Array(32).fill(1))
      for (const length of [0, 15, 17, 31, 33, 64]) {
        assert.deepStrictEqual(
          yield* Effect.flip(importAes(new Uint8Array(length))),
          new PrimitivesError({
            method: "importAesKey",
            reason: "InvalidKey",
            description: `is ${length} bytes, must be 16, 24 or 32`
          })
        )
      }
    }))
})

describe.each(
  [
    { curve: "P-256", hash: "sha256", length: 71, point: 33, runs: 1500 },
    { curve: "P-384", hash: "sha384", length: 103, point: 49, runs: 150 }
  ] as const
)("ECDSA $curve", ({ curve, hash, length, point, runs }) => {
  const spkiPrefix = curve === "P-256"
    ? "3039301306072a8648ce3d020106082a8648ce3d030107032200"
    : "3046301006072a8648ce3d020106052b81040022033200"
  const nodeKey = (publicKey: Uint8Array) =>
    crypto.createPublicKey({ key: Buffer.from(spkiPrefix + hex(publicKey), "hex"), format: "der", type: "spki" })

  it.effect(`${runs} signatures all have ${length} bytes, and node verifies them`, () =>
    Effect.gen(function*() {
      const { publicKey, signingKey } = yield* primitives.generateSigningKey(curve)
      assert.strictEqual(publicKey.constructor, Uint8Array)
      assert.strictEqual(publicKey.length, point)
      const key = nodeKey(publicKey)
      yield* Effect.forEach(Array.from({ length: runs }, (_, i) => i), (i) =>
        Effect.gen(function*() {
          const message = Buffer.from(`message ${i}`)
          const signature = yield* primitives.sign(signingKey, message)
          assert.strictEqual(signature.constructor, Uint8Array)
          assert.strictEqual(signature.length, length)
          assert.isTrue(crypto.verify(hash, message, key, signature))
        }), { concurrency: 8 })
    }))

  it.effect(`${runs} signatures over parts all have ${length} bytes, and node verifies them over the whole`, () =>
    Effect.gen(function*() {
      const { publicKey, signingKey } = yield* primitives.generateSigningKey(curve)
      const key = nodeKey(publicKey)
      const seen = new Set<string>()
      for (let i = 0; i < runs; i++) {
        const message = Buffer.from(`message ${i}`)
        const signer = yield* primitives.signer(signingKey)
        const part = new Uint8Array(message.subarray(0, i % (message.length + 1)))
        signer.update(part)
        part.fill(0)
        signer.update(message.subarray(part.length))
        const signature = yield* signer.finish
        assert.strictEqual(signature.constructor, Uint8Array)
        assert.strictEqual(signature.length, length)
        assert.isTrue(crypto.verify(hash, message, key, signature))
        seen.add(hex(signature))
      }
      assert.strictEqual(seen.size, runs)
    }))

  it.effect("verifies over parts what was signed over the whole, and nothing else", () =>
    Effect.gen(function*() {
      const { publicKey, signingKey } = yield* primitives.generateSigningKey(curve)
      const key = yield* primitives.importVerificationKey(curve, publicKey)
      const message = Buffer.from("a message of several parts")
      const signature = yield* primitives.sign(signingKey, message)
      const verify = Effect.fnUntraced(function*(parts: ReadonlyArray<string>, signature: Uint8Array) {
        const verifier = yield* primitives.verifier(key)
        for (const part of parts) {
          const copy = Buffer.from(part)
          verifier.update(copy)
          copy.fill(0)
        }
        return yield* verifier.finish(signature)
      })
      assert.isTrue(yield* verify(["a message of several parts"], signature))
      assert.isTrue(yield* verify(["a message", "", " of several ", "parts"], signature))
      assert.isFalse(yield* verify(["a message of several part"], signature))
      assert.isFalse(yield* verify([" of several ", "a message", "parts"], signature))
      assert.isFalse(yield* verify(["a message of several parts"], new Uint8Array(0)))
      assert.isFalse(yield* verify(["a message of several parts"], signature.map((byte) => byte ^ 1)))
    }))

  it.effect("verifies what node signs, in DER of whatever length", () =>
    Effect.gen(function*() {
      const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: curve })
      const spki = publicKey.export({ format: "der", type: "spki" })
      const half = point - 1
      const compressed = Uint8Array.of(2 + (spki.at(-1)! & 1), ...spki.subarray(-2 * half, spki.length - half))
      const before = compressed.slice()
      const key = yield* primitives.importVerificationKey(curve, compressed)
      assert.deepStrictEqual(compressed, before)
      const lengths = new Set<number>()
      for (let i = 0; i < 40; i++) {
        const message = Buffer.from(`message ${i}`)
        const signature = crypto.sign(hash, message, privateKey)
        lengths.add(signature.length)
        assert.isTrue(yield* primitives.verify(key, message, signature))
      }
      assert.isTrue(lengths.size > 1)
    }))

  it.effect("a changed message, a changed or malformed signature and another key are just wrong", () =>
    Effect.gen(function*() {
      const { publicKey, signingKey } = yield* primitives.generateSigningKey(curve)
      const key = yield* primitives.importVerificationKey(curve, publicKey)
      const message = Buffer.from("message")
      const signature = yield* primitives.sign(signingKey, message)
      assert.isTrue(yield* primitives.verify(key, message, signature))
      assert.isFalse(yield* primitives.verify(key, Buffer.from("massage"), signature))
      for (let i = 0; i < signature.length; i++) {
        const changed = signature.slice()
        changed[i]! ^= 1
        assert.isFalse(yield* primitives.verify(key, message, changed), `byte ${i}`)
      }
      for (
        const malformed of [
          new Uint8Array(0),
          signature.slice(0, -1),
          Uint8Array.of(...signature, 0),
          new Uint8Array(length),
          Uint8Array.of(0x30, 0x80, ...signature.subarray(2), 0, 0)
        ]
      ) {
        assert.isFalse(yield* primitives.verify(key, message, malformed))
      }
      const other = yield* primitives.generateSigningKey(curve)
      assert.isFalse(
        yield* primitives.verify(
          yield* primitives.importVerificationKey(curve, other.publicKey),
          message,
          signature
        )
      )
    }))

  it.effect.each([10, 65_537])(
    "signs and verifies messages of %i bytes alone and together",
    (length) =>
      Effect.gen(function*() {
        const { publicKey, signingKey } = yield* primitives.generateSigningKey(curve)
        const key = yield* primitives.importVerificationKey(curve, publicKey)
        const message = (index: number) => new Uint8Array(length).fill(index)
        const alone = yield* primitives.sign(signingKey, message(0))
        assert.isTrue(yield* primitives.verify(key, message(0), alone))
        const indices = [0, 1, 2, 3, 4, 5, 6, 7]
        const together = { concurrency: "unbounded" } as const
        // One of those that wait together gives up, which leaves the others as they are.
        const given = yield* Effect.forkChild(primitives.sign(signingKey, message(9)), { startImmediately: true })
        const signing = yield* Effect.forkChild(
          Effect.forEach(indices, (index) => primitives.sign(signingKey, message(index)), together),
          { startImmediately: true }
        )
        yield* Fiber.interrupt(given)
        const signatures = yield* Fiber.join(signing)
        const verified = (offset: number) =>
          Effect.forEach(
            indices,
            (index) => primitives.verify(key, message(index + offset), signatures[index]!),
            together
          )
        assert.deepStrictEqual(yield* verified(0), indices.map(() => true))
        assert.deepStrictEqual(yield* verified(1), indices.map(() => false))
      })
  )

  it.effect("takes message and signature as they are when it is called, and changes neither", () =>
    Effect.gen(function*() {
      const { publicKey, signingKey } = yield* primitives.generateSigningKey(curve)
      const key = yield* primitives.importVerificationKey(curve, publicKey)
      const message = Uint8Array.of(1, 2, 3)
      const signature = yield* primitives.sign(signingKey, message)
      const signatureBefore = signature.slice()
      assert.isTrue(yield* primitives.verify(key, message, signature))
      assert.deepStrictEqual(message, Uint8Array.of(1, 2, 3))
      assert.deepStrictEqual(signature, signatureBefore)

      const fiber = yield* Effect.forkChild(primitives.verify(key, message, signature), { startImmediately: true })
      message.fill(0)
      signature.fill(0)
      assert.isTrue(yield* Fiber.join(fiber))
    }))

  it.effect("bytes that are no compressed point of the curve are an invalid key", () =>
    Effect.gen(function*() {
      const { publicKey } = yield* primitives.generateSigningKey(curve)
      const uncompressed = nodeKey(publicKey).export({ format: "der", type: "spki" }).subarray(-2 * point + 1)
      // About half of all x have no y: one of 64 is found at once.
      const offCurve = Array.from({ length: 64 }, (_, i) => {
        const candidate = publicKey.slice()
        candidate[point - 1]! ^= i + 1
        return candidate
      })
      let refused = 0
      for (const candidate of offCurve) {
        const exit = yield* Effect.exit(primitives.importVerificationKey(curve, candidate))
        if (Exit.isFailure(exit)) refused++
      }
      assert.isTrue(refused > 0 && refused < 64, `${refused} of 64`)
      for (
        const bytes of [
          new Uint8Array(0),
          new Uint8Array(point),
          publicKey.slice(1),
          Uint8Array.of(...publicKey, 0),
          Uint8Array.of(4, ...publicKey.subarray(1)),
          uncompressed,
          Uint8Array.of(2, ...new Uint8Array(point - 1).fill(0xff))
        ]
      ) {
        assert.deepStrictEqual(
          yield* Effect.flip(primitives.importVerificationKey(curve, bytes)),
          new PrimitivesError({
            method: "importVerificationKey",
            reason: "InvalidKey",
            description: `is not a compressed point of ${curve}`
          })
        )
      }
    }))

  it.effect("every key pair is new", () =>
    Effect.gen(function*() {
      const pairs = yield* Effect.all([primitives.generateSigningKey(curve), primitives.generateSigningKey(curve)])
      assert.notDeepEqual(pairs[0].publicKey, pairs[1].publicKey)
    }))
})

describe("RSA", () => {
  const pair = (modulusLength: number) => crypto.generateKeyPairSync("rsa", { modulusLength })
  const { privateKey, publicKey } = pair(2048)
  const publicPem = publicKey.export({ format: "pem", type: "spki" }) as string
  const privatePem = privateKey.export({ format: "pem", type: "pkcs8" }) as string
  const paddings = ["PKCS1", "OAEP-SHA1", "OAEP-SHA256", "OAEP-SHA384", "OAEP-SHA512"] as const
  const importPrivate = (pem: string) => primitives.importRsaPrivateKey(Redacted.make(pem), "OAEP-SHA256")
  const importPublic = (pem: string) => primitives.importRsaPublicKey(pem, "OAEP-SHA256")

  it.effect.each(paddings.map((padding) => ({ padding })))(
    "$padding: what was encrypted decrypts, and inputs stay as they are",
    ({ padding }) =>
      Effect.gen(function*() {
        const encryptionKey = yield* primitives.importRsaPublicKey(publicPem, padding)
        const decryptionKey = yield* primitives.importRsaPrivateKey(Redacted.make(privatePem), padding)
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
  )

  it.effect.each(
    [
      { padding: "OAEP-SHA1", hash: "SHA-1" },
      { padding: "OAEP-SHA256", hash: "SHA-256" },
      { padding: "OAEP-SHA384", hash: "SHA-384" },
      { padding: "OAEP-SHA512", hash: "SHA-512" }
    ] as const
  )("$padding masks with the same hash function, as WebCrypto does", ({ hash, padding }) =>
    Effect.gen(function*() {
      const key = yield* Effect.promise(() =>
        crypto.subtle.importKey(
          "pkcs8",
          privateKey.export({ format: "der", type: "pkcs8" }),
          { name: "RSA-OAEP", hash },
          false,
          ["decrypt"]
        )
      )
      const encryptionKey = yield* primitives.importRsaPublicKey(publicPem, padding)
      const ciphertext = yield* primitives.rsaEncrypt(encryptionKey, padding, Redacted.make(Uint8Array.of(1, 2, 3)))
      const decrypted = yield* Effect.promise(() =>
        crypto.subtle.decrypt({ name: "RSA-OAEP" }, key, ciphertext as Uint8Array<ArrayBuffer>)
      )
      assert.deepStrictEqual([...new Uint8Array(decrypted)], [1, 2, 3])
    }))

  it.effect("OAEP: a changed ciphertext, a wrong length, another padding and another key fail without a detail", () =>
    Effect.gen(function*() {
      const encryptionKey = yield* importPublic(publicPem)
      const decryptionKey = yield* importPrivate(privatePem)
      const ciphertext = yield* primitives.rsaEncrypt(
        encryptionKey,
        "OAEP-SHA256",
        Redacted.make(Uint8Array.of(1, 2, 3))
      )
      const changed = ciphertext.slice()
      changed[255]! ^= 1
      for (
        const wrong of [changed, ciphertext.slice(1), Uint8Array.of(...ciphertext, 0), new Uint8Array(0)]
      ) {
        assertFailed("rsaDecrypt", yield* Effect.exit(primitives.rsaDecrypt(decryptionKey, "OAEP-SHA256", wrong)))
      }
      assertFailed("rsaDecrypt", yield* Effect.exit(primitives.rsaDecrypt(decryptionKey, "OAEP-SHA1", ciphertext)))
      const other = yield* importPrivate(pair(2048).privateKey.export({ format: "pem", type: "pkcs8" }) as string)
      assertFailed("rsaDecrypt", yield* Effect.exit(primitives.rsaDecrypt(other, "OAEP-SHA256", ciphertext)))
    }))

  it.effect("PKCS1: a changed ciphertext never answers the plaintext; mostly it answers random bytes instead", () =>
    Effect.gen(function*() {
      const encryptionKey = yield* importPublic(publicPem)
      const decryptionKey = yield* importPrivate(privatePem)
      const plaintext = new Uint8Array(32).fill(5)
      const ciphertext = yield* primitives.rsaEncrypt(encryptionKey, "PKCS1", Redacted.make(plaintext))
      let answered = 0
      for (let i = 1; i < 32; i++) {
        const changed = ciphertext.slice()
        changed[i]! ^= 1
        const exit = yield* Effect.exit(primitives.rsaDecrypt(decryptionKey, "PKCS1", changed))
        if (Exit.isSuccess(exit)) {
          answered++
          assert.notDeepEqual(Redacted.value(exit.value), plaintext)
        }
      }
      assert.isTrue(answered > 0)
    }))

  it.effect("a plaintext that does not fit fails", () =>
    Effect.gen(function*() {
      const encryptionKey = yield* importPublic(publicPem)
      assertFailed(
        "rsaEncrypt",
        yield* Effect.exit(primitives.rsaEncrypt(encryptionKey, "OAEP-SHA512", Redacted.make(new Uint8Array(127))))
      )
    }))

  const ec = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
  const pss = crypto.generateKeyPairSync("rsa-pss", { modulusLength: 2048 })
  const small = pair(1024)
  const publicKeys: ReadonlyArray<readonly [string, string, string]> = [
    ["no PEM", "hello", "is no PEM text of one key, expected \"PUBLIC KEY\" (SubjectPublicKeyInfo, not encrypted)"],
    ["nothing", "", "is no PEM text of one key, expected \"PUBLIC KEY\" (SubjectPublicKeyInfo, not encrypted)"],
    [
      "two keys",
      publicPem + publicPem,
      "is no PEM text of one key, expected \"PUBLIC KEY\" (SubjectPublicKeyInfo, not encrypted)"
    ],
    [
      "a private key",
      privatePem,
      "is a PEM \"PRIVATE KEY\", expected \"PUBLIC KEY\" (SubjectPublicKeyInfo, not encrypted)"
    ],
    [
      "PKCS #1",
      publicKey.export({ format: "pem", type: "pkcs1" }) as string,
      "is a PEM \"RSA PUBLIC KEY\", expected \"PUBLIC KEY\" (SubjectPublicKeyInfo, not encrypted)"
    ],
    [
      "a broken structure",
      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
      "is no valid SubjectPublicKeyInfo"
    ],
    [
      "another algorithm",
      ec.publicKey.export({ format: "pem", type: "spki" }) as string,
      "is a key for ec, expected rsa"
    ],
    ["RSA-PSS", pss.publicKey.export({ format: "pem", type: "spki" }) as string, "is a key for rsa-pss, expected rsa"],
    [
      "a small modulus",
      small.publicKey.export({ format: "pem", type: "spki" }) as string,
      "has a modulus of 1024 bits, at least 2048 are needed"
    ]
  ]
  it.effect.each(publicKeys)("as a public key, %s is refused", ([, pem, description]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* Effect.flip(importPublic(pem)),
        new PrimitivesError({ method: "importRsaPublicKey", reason: "InvalidKey", description })
      )
    }))

  const privateKeys: ReadonlyArray<readonly [string, string, string]> = [
    [
      "a public key",
      publicPem,
      "is a PEM \"PUBLIC KEY\", expected \"PRIVATE KEY\" (PKCS #8 PrivateKeyInfo, not encrypted)"
    ],
    [
      "PKCS #1",
      privateKey.export({ format: "pem", type: "pkcs1" }) as string,
      "is a PEM \"RSA PRIVATE KEY\", expected \"PRIVATE KEY\" (PKCS #8 PrivateKeyInfo, not encrypted)"
    ],
    [
      "an encrypted key",
      privateKey.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "x" }) as string,
      "is a PEM \"ENCRYPTED PRIVATE KEY\", expected \"PRIVATE KEY\" (PKCS #8 PrivateKeyInfo, not encrypted)"
    ],
    [
      "another algorithm",
      ec.privateKey.export({ format: "pem", type: "pkcs8" }) as string,
      "is a key for ec, expected rsa"
    ],
    [
      "a small modulus",
      small.privateKey.export({ format: "pem", type: "pkcs8" }) as string,
      "has a modulus of 1024 bits, at least 2048 are needed"
    ],
    [
      "a broken structure",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
      "is no valid PKCS #8 PrivateKeyInfo"
    ]
  ]
  it.effect.each(privateKeys)("as a private key, %s is refused", ([, pem, description]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* Effect.flip(importPrivate(pem)),
        new PrimitivesError({ method: "importRsaPrivateKey", reason: "InvalidKey", description })
      )
    }))

  it.effect("white space around a PEM text and Windows line ends are fine", () =>
    Effect.gen(function*() {
      yield* importPublic(`\n  ${publicPem.replaceAll("\n", "\r\n")}\r\n\n`)
      yield* importPrivate(`\n  ${privatePem.replaceAll("\n", "\r\n")}\r\n\n`)
    }))
})

describe("what is printed", () => {
  it.effect("keys print as redacted", () =>
    Effect.gen(function*() {
      const aes = yield* importAes(new Uint8Array(32).fill(7))
      const { signingKey } = yield* primitives.generateSigningKey("P-256")
      const rsa = yield* primitives.importRsaPrivateKey(
        Redacted.make(
          crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({
            format: "pem",
            type: "pkcs8"
          }) as string
        ),
        "PKCS1"
      )
      assert.deepStrictEqual([aes, signingKey, rsa].map(String), [
        "<redacted:aes-key>",
        "<redacted:signing-key>",
        "<redacted:rsa-private-key>"
      ])
    }))
})
