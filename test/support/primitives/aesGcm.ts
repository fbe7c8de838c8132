/** The contract of AES keys: `importAesKey`, `deriveKeys`, `seal` and `open`. */
import { assert, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { AlgorithmSuite, DataKey } from "effect-encryption-sdk"
import { KeyDerivation, Primitives } from "effect-encryption-sdk/crypto"
import { arbitraryBytes, arbitraryInt } from "../arbitraryBytes.ts"
import { flip, hex, toHex } from "../bytes.ts"
import { failureOf } from "../client.ts"
import { dies, failed, fails, invalidKey, isDone, isUntouched, openJob, sealOne } from "./helpers.ts"
import { gcm, hkdf, message, zero } from "./vectors.ts"

export const derivation = (primitives: Primitives.Primitives) => {
  it.effect.each(hkdf)(
    "HKDF-SHA256 is that of RFC 5869, $name",
    ({ info, key, output, salt }) =>
      Effect.gen(function*() {
        const derived = yield* primitives.deriveKeys(DataKey.make(hex(key)), {
          hash: "SHA-256",
          salt: hex(salt),
          encryptionKey: { info: hex(info), length: 32 },
          commitment: { info: hex(info), length: output.length / 2 }
        })
        assert.strictEqual(toHex(derived.commitment!), output)
        const { aad, iv, plaintext } = message
        const published = yield* primitives.importAesKey(Redacted.make(hex(output.slice(0, 64))))
        assert.deepStrictEqual(
          yield* sealOne(primitives, derived.encryptionKey, iv, aad, plaintext),
          yield* sealOne(primitives, published, iv, aad, plaintext)
        )
      })
  )

  it.effect("a data key of 192 bits that is the encryption key itself gives the published answer", () =>
    Effect.gen(function*() {
      const suite = AlgorithmSuite.ALG_AES_192_GCM_IV12_TAG16_NO_KDF
      const { commitment, encryptionKey } = yield* primitives.deriveKeys(
        DataKey.make(new Uint8Array(24)),
        KeyDerivation.parameters(suite, new Uint8Array(suite.messageIdLength))
      )
      const sealed = yield* sealOne(primitives, encryptionKey, zero.iv, zero.aad, zero.plaintext)
      assert.strictEqual(toHex(sealed), gcm[1]!.sealed)
      assert.isUndefined(commitment)
    }))

  it.effect("a data key of the wrong length, that would encrypt itself, is a defect", () =>
    Effect.gen(function*() {
      const suite = AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF
      const parameters = KeyDerivation.parameters(suite, new Uint8Array(16))
      const key = DataKey.make(new Uint8Array(16).fill(1))
      yield* dies(primitives.deriveKeys(key, parameters))
    }))
}

export const aesGcm = (primitives: Primitives.Primitives, maxInFlight: number) => {
  const { aad, iv, key, plaintext } = message
  const importAes = (key: Uint8Array) => primitives.importAesKey(Redacted.make(key))
  const seal = (key: Primitives.AesKey, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) =>
    sealOne(primitives, key, iv, aad, plaintext)
  const rejected = Effect.fnUntraced(function*(key: Primitives.AesKey, ...jobs: ReadonlyArray<Primitives.OpenJob>) {
    for (const job of jobs) {
      yield* fails(primitives.open(key, [job]), failed("open"))
      assert.isTrue(isUntouched(job.output), "unverified plaintext reached the output")
    }
  })

  it.effect.each(gcm)(
    "known answer with $bits bits for $text, both ways",
    ({ aad, bits, iv, key, plaintext, sealed }) =>
      Effect.gen(function*() {
        const imported = yield* importAes(key.slice(0, bits / 8))
        assert.strictEqual(toHex(yield* seal(imported, iv, aad, plaintext)), sealed)
        const job = openJob(iv, aad, hex(sealed))
        yield* primitives.open(imported, [job])
        assert.deepStrictEqual(job.output, plaintext)
      })
  )

  const arbitrary = {
    size: arbitraryInt(0, 2),
    iv: arbitraryBytes(12),
    aad: arbitraryBytes(0, 80),
    plaintext: arbitraryBytes(0, 200)
  }
  const keyOf = (size: number) => importAes(new Uint8Array(16 + 8 * size).fill(9 + size))

  it.effect.prop(
    "what seal wrote, open reads; nothing that was handed in is changed",
    arbitrary,
    ({ aad, iv, plaintext, size }) =>
      Effect.gen(function*() {
        const imported = yield* keyOf(size)
        const before = structuredClone({ iv, aad, plaintext })
        const sealed = yield* seal(imported, iv, aad, plaintext)
        const sealedBefore = sealed.slice()
        const job = openJob(iv, aad, sealed)
        // Tag and ciphertext lie side by side in a message; elsewhere they may not.
        for (const tag of [job.tag, job.tag.slice()]) {
          job.output.fill(0xaa)
          yield* primitives.open(imported, [{ ...job, tag }])
          assert.deepStrictEqual(job.output, plaintext)
        }
        assert.deepStrictEqual({ iv, aad, plaintext }, before)
        assert.deepStrictEqual(sealed, sealedBefore)
      }),
    { arbitrary: { seed: "seal-open", runs: 150 } }
  )

  it.effect.prop(
    "one changed bit of IV, AAD, ciphertext or tag fails without a detail, and no plaintext comes out",
    { ...arbitrary, bit: arbitraryInt(0, 100_000) },
    ({ aad, bit, iv, plaintext, size }) =>
      Effect.gen(function*() {
        const imported = yield* keyOf(size)
        const sealed = yield* seal(imported, iv, aad, plaintext)
        for (const field of [iv, aad, sealed.subarray(0, plaintext.length), sealed.subarray(plaintext.length)]) {
          if (field.length === 0) continue
          const at = (bit >> 3) % field.length
          field[at]! ^= 1 << (bit & 7)
          yield* rejected(imported, openJob(iv, aad, sealed))
          field[at]! ^= 1 << (bit & 7)
        }
        yield* primitives.open(imported, [openJob(iv, aad, sealed)])
      }),
    { arbitrary: { seed: "tamper", runs: 150 } }
  )

  it.effect("ciphertext and tag may lie anywhere in the same memory", () =>
    Effect.gen(function*() {
      for (const size of [16, 24, 32]) {
        const imported = yield* importAes(key.slice(0, size))
        const sealed = yield* seal(imported, iv, aad, plaintext)
        const { ciphertext, tag } = openJob(iv, aad, sealed)
        // The tag before the ciphertext, and behind it with something in between.
        const memory = Uint8Array.of(...tag, ...ciphertext, 0, 0, 0, ...tag)
        const start = tag.length
        const end = start + ciphertext.length
        for (const offset of [0, end + 3]) {
          const output = new Uint8Array(plaintext.length)
          yield* Effect.ignore(primitives.open(imported, [{
            iv,
            aad,
            ciphertext: memory.subarray(start, end),
            tag: memory.subarray(offset, offset + tag.length),
            output
          }]))
          assert.deepStrictEqual(output, plaintext, `a tag at ${offset}`)
        }
      }
    }))

  it.effect("another key fails, of the same length or not", () =>
    Effect.gen(function*() {
      const sealed = yield* seal(yield* importAes(new Uint8Array(32).fill(1)), iv, aad, plaintext)
      for (const other of [new Uint8Array(32).fill(2), new Uint8Array(16).fill(1)]) {
        yield* rejected(yield* importAes(other), openJob(iv, aad, sealed))
      }
    }))

  it.effect.each([{ size: 16 }, { size: 24 }, { size: 32 }])(
    "wrong lengths under a key of $size bytes: a wrong tag as tag or IV to open, a defect as anything else",
    ({ size }) =>
      Effect.gen(function*() {
        const imported = yield* importAes(key.slice(0, size))
        const sealed = yield* seal(imported, iv, aad, plaintext)
        const job = openJob(iv, aad, sealed)
        for (const length of [0, 4, 8, 12, 13, 14, 15, 17]) {
          yield* rejected(imported, { ...job, tag: Uint8Array.of(...job.tag, 0).subarray(0, length) })
        }
        for (const length of [1, 11, 13, 16]) {
          yield* rejected(imported, openJob(new Uint8Array(length), aad, sealed))
          yield* dies(seal(imported, new Uint8Array(length), aad, plaintext))
        }
        for (const difference of [-1, 1]) {
          const opened = new Uint8Array(plaintext.length + difference)
          yield* dies(primitives.open(imported, [{ ...job, output: opened }]))
          const written = new Uint8Array(plaintext.length + 16 + difference)
          yield* dies(primitives.seal(imported, [{ iv, aad, plaintext, output: written }]))
          assert.isFalse(isDone(opened) || isDone(written))
        }
        yield* primitives.open(imported, [job])
        assert.deepStrictEqual(job.output, plaintext)
      })
  )

  it.effect.each([{ size: 24 }, { size: 32 }])(
    "many jobs from a lazy iterable under a key of $size bytes: a bounded number in flight, none read after a failure",
    ({ size }) =>
      Effect.gen(function*() {
        const imported = yield* importAes(key.slice(0, size))
        const ivOf = (i: number) => new Uint8Array(12).fill(i)
        const outputs = Array.from({ length: 200 }, (_, i) => new Uint8Array((i % 9) + 16))
        let mostInFlight = 0
        yield* primitives.seal(
          imported,
          (function*() {
            for (const [i, output] of outputs.entries()) {
              mostInFlight = Math.max(mostInFlight, i - outputs.filter(isDone).length + 1)
              yield { iv: ivOf(i), aad, plaintext: new Uint8Array(i % 9).fill(i), output }
            }
          })()
        )
        assert.isTrue(outputs.every(isDone))
        assert.isTrue(mostInFlight <= maxInFlight && mostInFlight > maxInFlight / 16, `${mostInFlight} in flight`)
        const jobs = outputs.map((output, i) => openJob(ivOf(i), aad, output))
        yield* primitives.open(imported, jobs)
        assert.deepStrictEqual(
          jobs.map(({ output }) => [...output]),
          outputs.map((_, i) => Array.from({ length: i % 9 }, () => i))
        )

        let read = 0
        let closed = false
        const again = outputs.map((output, i) => openJob(ivOf(i), aad, i === 3 ? flip(output, 0) : output))
        const error = yield* failureOf(primitives.open(
          imported,
          (function*() {
            try {
              for (const job of again) {
                read++
                yield job
              }
            } finally {
              closed = true
            }
          })()
        ))
        assert.deepStrictEqual(error, failed("open"))
        assert.isTrue(read < 4 + 3 * maxInFlight && closed, `${read} read`)
        assert.isTrue(maxInFlight > 1 || read === 4)
        assert.isTrue(again.slice(read).every(({ output }) => isUntouched(output)))
        assert.isTrue(isUntouched(again[3]!.output))
        yield* primitives.seal(imported, [])
        yield* primitives.open(imported, [])
      })
  )

  it.effect("an iterable that throws is a defect, once nothing is in flight any more", () =>
    Effect.gen(function*() {
      const imported = yield* importAes(key.slice(0, 24))
      const output = new Uint8Array(24)
      yield* dies(primitives.seal(
        imported,
        (function*() {
          yield { iv, aad, plaintext: new Uint8Array(8), output }
          throw new Error("the iterable")
        })()
      ))
      assert.isTrue(isDone(output))
    }))

  it.effect("a key is a copy of its bytes, of 16, 24 or 32", () =>
    Effect.gen(function*() {
      for (const { bits, sealed } of gcm.slice(3)) {
        const bytes = key.slice(0, bits / 8)
        const before = bytes.slice()
        const imported = yield* importAes(bytes)
        assert.deepStrictEqual(bytes, before)
        bytes.fill(2)
        assert.strictEqual(toHex(yield* seal(imported, iv, aad, plaintext)), sealed)
      }
      for (const length of [0, 15, 17, 31, 33, 64]) {
        yield* fails(
          importAes(new Uint8Array(length)),
          invalidKey("importAesKey", `is ${length} bytes, must be 16, 24 or 32`)
        )
      }
    }))
}
