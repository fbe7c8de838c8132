/** The layer on WebCrypto beside the layer on node:crypto: each reads what the other wrote, and refuses what it refuses. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted } from "effect"
import { AlgorithmSuite, DataKey } from "effect-encryption-sdk"
import { Ecdsa, KeyDerivation, Primitives, PrimitivesError } from "effect-encryption-sdk/crypto"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { WebPrimitives } from "effect-encryption-sdk/web"
import * as WebCrypto from "effect/crypto/WebCrypto"
import * as crypto from "node:crypto"
import { decompress } from "../../src/crypto/decompress.ts"
import { arbitraryBytes, arbitraryInt } from "../support/arbitraryBytes.ts"
import { flip, hex } from "../support/bytes.ts"
import { rsaPrivateKey, rsaPublicKey } from "../support/rsaKeys.ts"
import { replaceSubtle, withoutAes192 } from "../support/withoutAes192.ts"

const node = NodePrimitives.make

const chromium = withoutAes192()
const layers = [
  ["Node's own WebCrypto", WebPrimitives.make(globalThis.crypto)],
  ["WebCrypto without AES-192", chromium.primitives]
] as const
const web = layers[0][1]

const iv = new Uint8Array(12).fill(3)
const sealOne = (primitives: Primitives.Primitives, key: Primitives.AesKey, plaintext: Uint8Array) => {
  const output = new Uint8Array(plaintext.length + 16)
  return Effect.as(primitives.seal(key, [{ iv, aad: Uint8Array.of(1), plaintext, output }]), output)
}
const openOne = (primitives: Primitives.Primitives, key: Primitives.AesKey, sealed: Uint8Array) => {
  const output = new Uint8Array(sealed.length - 16)
  const job = { iv, aad: Uint8Array.of(1), ciphertext: sealed.subarray(0, -16), tag: sealed.subarray(-16), output }
  return Effect.as(primitives.open(key, [job]), output)
}
const failed = (method: string) => new PrimitivesError({ method, reason: "Failed", description: "" })

/** The bytes in memory that WebCrypto takes no view of. */
const viewOf = (buffer: ArrayBufferLike, bytes: Uint8Array) => {
  const view = new Uint8Array(buffer, 3, bytes.length)
  view.set(bytes)
  return view
}
const shared = (bytes: Uint8Array) => viewOf(new SharedArrayBuffer(bytes.length + 9), bytes)
const resizable = (bytes: Uint8Array) =>
  viewOf(new ArrayBuffer(bytes.length + 9, { maxByteLength: bytes.length + 99 }), bytes)

const settle = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 50)))

describe("the layer", () => {
  it.effect("runs on the WebCrypto reference, which is the runtime's own or what was provided", () =>
    Effect.gen(function*() {
      const own = yield* Effect.provide(Primitives.Primitives, WebPrimitives.layer)
      assert.lengthOf(yield* own.randomBytes(5), 5)
      const double = { subtle: globalThis.crypto.subtle, getRandomValues: (array: Uint8Array) => array.fill(7) }
      const provided = yield* Primitives.Primitives.pipe(
        Effect.provide(WebPrimitives.layer),
        Effect.provideService(WebCrypto.WebCrypto, double as never)
      )
      assert.deepStrictEqual(yield* provided.randomBytes(3), new Uint8Array(3).fill(7))
    }))

  it.effect("where there is no secure context, it says so", () =>
    Effect.gen(function*() {
      assert.throws(() => WebPrimitives.make({ subtle: undefined, getRandomValues: () => undefined }), /secure context/)
      const exit = yield* Effect.exit(
        Primitives.Primitives.pipe(
          Effect.provide(WebPrimitives.layer),
          Effect.provideService(WebCrypto.WebCrypto, { getRandomValues: () => undefined } as never)
        )
      )
      assert.isTrue(Exit.hasDies(exit))
    }))

  it.effect("random bytes beyond what one call answers", () =>
    Effect.gen(function*() {
      const bytes = yield* web.randomBytes(200_000)
      for (let offset = 0; offset < bytes.length; offset += 50_000) {
        assert.isTrue(bytes.subarray(offset, offset + 50_000).some((byte) => byte !== 0))
      }
    }))

  it("compares all bytes, and lengths first", () => {
    for (let i = 0; i < 40; i++) {
      const bytes = new Uint8Array(40).fill(9)
      assert.isTrue(web.timingSafeEqual(bytes, bytes.slice()))
      assert.isFalse(web.timingSafeEqual(bytes, flip(bytes, i, 1)))
      assert.isFalse(web.timingSafeEqual(bytes, bytes.subarray(0, i)))
    }
    assert.isTrue(web.timingSafeEqual(new Uint8Array(0), new Uint8Array(0)))
  })
})

describe.each(layers)("%s", (_, primitives) => {
  it.effect.each(AlgorithmSuite.all)("$name: derives what node:crypto derives", (suite) =>
    Effect.gen(function*() {
      const messageId = yield* node.randomBytes(suite.messageIdLength)
      const key = yield* node.randomBytes(suite.dataKeyLength)
      const before = key.slice()
      const plan = KeyDerivation.parameters(suite, messageId)
      const ours = yield* primitives.deriveKeys(DataKey.make(key), plan)
      const theirs = yield* node.deriveKeys(DataKey.make(key), plan)
      assert.deepStrictEqual(ours.commitment, theirs.commitment)
      assert.deepStrictEqual(key, before)
      const plaintext = yield* node.randomBytes(100)
      const sealed = yield* sealOne(primitives, ours.encryptionKey, plaintext)
      assert.deepStrictEqual(sealed, yield* sealOne(node, theirs.encryptionKey, plaintext))
      assert.deepStrictEqual(yield* openOne(primitives, ours.encryptionKey, sealed), plaintext)
      assert.deepStrictEqual(yield* openOne(node, theirs.encryptionKey, sealed), plaintext)
    }))

  it.effect("a data key of another length than the plan's, that would encrypt itself, is a defect", () =>
    Effect.gen(function*() {
      const plan = KeyDerivation.parameters(AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF, new Uint8Array(16))
      assert.isTrue(Exit.hasDies(yield* Effect.exit(primitives.deriveKeys(DataKey.make(new Uint8Array(16)), plan))))
    }))

  it.effect.prop(
    "AES-GCM of any length is node:crypto's; a changed byte opens nothing",
    {
      size: arbitraryInt(0, 2),
      aad: arbitraryBytes(0, 50),
      plaintext: arbitraryBytes(0, 200),
      at: arbitraryInt(0, 9999)
    },
    ({ aad, at, plaintext, size }) =>
      Effect.gen(function*() {
        const bytes = new Uint8Array(16 + 8 * size).fill(5)
        const key = yield* primitives.importAesKey(Redacted.make(bytes))
        bytes.fill(0)
        const output = new Uint8Array(plaintext.length + 16)
        yield* primitives.seal(key, [{ iv, aad, plaintext, output }])
        const expected = new Uint8Array(plaintext.length + 16)
        const nodeKey = yield* node.importAesKey(Redacted.make(new Uint8Array(16 + 8 * size).fill(5)))
        yield* node.seal(nodeKey, [{ iv, aad, plaintext, output: expected }])
        assert.deepStrictEqual(output, expected)
        // Tag and ciphertext lie side by side in a message; elsewhere they may not.
        for (const tag of [output.subarray(-16), output.slice(-16)]) {
          const opened = new Uint8Array(plaintext.length)
          yield* primitives.open(key, [{ iv, aad, ciphertext: output.subarray(0, -16), tag, output: opened }])
          assert.deepStrictEqual(opened, plaintext)
        }
        const wrong = flip(output, at % output.length, 1)
        const untouched = new Uint8Array(plaintext.length).fill(0xaa)
        const job = { iv, aad, ciphertext: wrong.subarray(0, -16), tag: wrong.subarray(-16), output: untouched }
        assert.deepStrictEqual(yield* Effect.flip(primitives.open(key, [job])), failed("open"))
        assert.isTrue(untouched.every((byte) => byte === 0xaa))
      }),
    { arbitrary: { seed: "web", runs: 100 } }
  )

  it.effect("wrong lengths: refused as a key, a wrong tag as tag or IV to open, a defect as anything else", () =>
    Effect.gen(function*() {
      for (const length of [0, 15, 17, 31, 33]) {
        const error = yield* Effect.flip(primitives.importAesKey(Redacted.make(new Uint8Array(length))))
        assert.strictEqual(error.message, `importAesKey: InvalidKey: is ${length} bytes, must be 16, 24 or 32`)
      }
      for (const size of [16, 24]) {
        const key = yield* primitives.importAesKey(Redacted.make(new Uint8Array(size).fill(1)))
        const aad = new Uint8Array(0)
        const sealed = new Uint8Array(20)
        yield* primitives.seal(key, [{ iv, aad, plaintext: new Uint8Array(4), output: sealed }])
        const good = { iv, aad, ciphertext: sealed.subarray(0, 4), tag: sealed.subarray(4), output: new Uint8Array(4) }
        yield* primitives.open(key, [good])
        for (const tag of [sealed.subarray(4, 16), new Uint8Array(17)]) {
          assert.deepStrictEqual(yield* Effect.flip(primitives.open(key, [{ ...good, tag }])), failed("open"))
        }
        const other = new Uint8Array(16)
        assert.deepStrictEqual(yield* Effect.flip(primitives.open(key, [{ ...good, iv: other }])), failed("open"))
        const job = { iv, aad, plaintext: new Uint8Array(4), output: new Uint8Array(20) }
        for (
          const effect of [
            primitives.open(key, [{ ...good, output: new Uint8Array(5) }]),
            primitives.seal(key, [{ ...job, iv: other }]),
            primitives.seal(key, [{ ...job, output: new Uint8Array(21) }])
          ]
        ) assert.isTrue(Exit.hasDies(yield* Effect.exit(effect)))
      }
    }))

  it.effect("many jobs from a lazy iterable: a bounded number in flight, all of them done, none read after a failure", () =>
    Effect.gen(function*() {
      for (const size of [24, 32]) {
        const key = yield* primitives.importAesKey(Redacted.make(new Uint8Array(size).fill(1)))
        const ivOf = (i: number) => new Uint8Array(12).fill(i)
        const outputs = Array.from({ length: 200 }, () => new Uint8Array(24))
        const isDone = (output: Uint8Array) => output.some((byte) => byte !== 0)
        let mostInFlight = 0
        yield* primitives.seal(
          key,
          (function*() {
            for (const [i, output] of outputs.entries()) {
              mostInFlight = Math.max(mostInFlight, i - outputs.filter(isDone).length + 1)
              yield { iv: ivOf(i), aad: new Uint8Array(0), plaintext: new Uint8Array(8).fill(i), output }
            }
          })()
        )
        assert.isTrue(outputs.every(isDone))
        assert.isTrue(mostInFlight > 1 && mostInFlight <= 16, `${mostInFlight} in flight`)
        const jobs = (sealed: ReadonlyArray<Uint8Array>) =>
          sealed.map((bytes, i) => ({
            iv: ivOf(i),
            aad: new Uint8Array(0),
            ciphertext: bytes.subarray(0, 8),
            tag: bytes.subarray(8),
            output: new Uint8Array(8)
          }))
        const good = jobs(outputs)
        yield* primitives.open(key, good)
        assert.deepStrictEqual(good.map(({ output }) => output[7]), outputs.map((_, i) => i))
        let read = 0
        let closed = false
        const error = yield* Effect.flip(primitives.open(
          key,
          (function*() {
            try {
              for (const job of jobs(outputs.map((output, i) => i === 3 ? flip(output, 0) : output))) {
                read++
                yield job
              }
            } finally {
              closed = true
            }
          })()
        ))
        assert.deepStrictEqual(error, failed("open"))
        assert.isTrue(read < 40 && closed, `${read} read`)
        yield* primitives.seal(key, [])
        yield* primitives.open(key, [])
      }
    }))

  it.effect("an iterable that throws is a defect, once nothing is in flight any more", () =>
    Effect.gen(function*() {
      const key = yield* primitives.importAesKey(Redacted.make(new Uint8Array(24).fill(1)))
      const output = new Uint8Array(24)
      const exit = yield* Effect.exit(primitives.seal(
        key,
        (function*() {
          yield { iv, aad: new Uint8Array(0), plaintext: new Uint8Array(8), output }
          throw new Error("the iterable")
        })()
      ))
      assert.isTrue(Exit.hasDies(exit))
      assert.isTrue(output.some((byte) => byte !== 0))
    }))

  it.effect("shared and resizable memory is taken as any other, by every operation", () =>
    Effect.gen(function*() {
      for (const copyOf of [resizable, shared]) {
        const key = yield* primitives.importAesKey(Redacted.make(copyOf(new Uint8Array(24).fill(1))))
        const job = { iv: copyOf(iv), aad: copyOf(Uint8Array.of(1)) }
        const output = copyOf(new Uint8Array(20))
        yield* primitives.seal(key, [{ ...job, plaintext: copyOf(Uint8Array.of(1, 2, 3, 4)), output }])
        const own = yield* node.importAesKey(Redacted.make(new Uint8Array(24).fill(1)))
        assert.deepStrictEqual(new Uint8Array(output), yield* sealOne(node, own, Uint8Array.of(1, 2, 3, 4)))
        for (const tag of [output.subarray(4), copyOf(output.subarray(4))]) {
          const opened = copyOf(new Uint8Array(4))
          yield* primitives.open(key, [{ ...job, ciphertext: output.subarray(0, 4), tag, output: opened }])
          assert.deepStrictEqual([...opened], [1, 2, 3, 4])
        }
        assert.deepStrictEqual(
          yield* primitives.sha384(copyOf(Uint8Array.of(1))),
          yield* node.sha384(Uint8Array.of(1))
        )
        for (const suite of AlgorithmSuite.all) {
          const plan = KeyDerivation.parameters(suite, copyOf(new Uint8Array(suite.messageIdLength).fill(2)))
          const dataKey = new Uint8Array(suite.dataKeyLength).fill(3)
          const ours = yield* primitives.deriveKeys(DataKey.make(copyOf(dataKey)), plan)
          const theirs = yield* node.deriveKeys(DataKey.make(dataKey), plan)
          assert.deepStrictEqual(ours.commitment, theirs.commitment)
        }
        const { publicKey, signingKey } = yield* primitives.generateSigningKey("P-384")
        const message = copyOf(Uint8Array.of(1, 2, 3))
        const verificationKey = yield* primitives.importVerificationKey("P-384", copyOf(publicKey))
        const signer = yield* primitives.signer(signingKey)
        signer.update(message)
        for (const signature of [yield* primitives.sign(signingKey, message), yield* signer.finish]) {
          const given = copyOf(signature)
          assert.isTrue(yield* primitives.verify(verificationKey, message, given))
          const verifier = yield* primitives.verifier(verificationKey)
          verifier.update(message)
          assert.isTrue(yield* verifier.finish(given))
        }
        const rsaKey = yield* primitives.importRsaPublicKey(rsaPublicKey, "OAEP-SHA256")
        const privateKey = yield* primitives.importRsaPrivateKey(Redacted.make(rsaPrivateKey), "OAEP-SHA256")
        const wrapped = yield* primitives.rsaEncrypt(rsaKey, "OAEP-SHA256", Redacted.make(message))
        const unwrapped = yield* primitives.rsaDecrypt(privateKey, "OAEP-SHA256", copyOf(wrapped))
        assert.deepStrictEqual([...Redacted.value(unwrapped)], [1, 2, 3])
      }
    }))

  it.effect("what is no verdict on a tag is no failed authentication", () =>
    Effect.gen(function*() {
      for (const size of [24, 32]) {
        const key = yield* primitives.importAesKey(Redacted.make(new Uint8Array(size).fill(1)))
        const job = { iv, aad: Uint8Array.of(1), ciphertext: new Uint8Array(0), tag: new Uint8Array(16) }
        const output = new Uint8Array(0)
        assert.deepStrictEqual(yield* Effect.flip(primitives.open(key, [{ ...job, output }])), failed("open"))
        assert.isTrue(Exit.hasDies(
          yield* Effect.exit(primitives.open(key, [{ ...job, aad: "no bytes" as never, output }]))
        ))
      }
      const full = WebPrimitives.make(replaceSubtle((_, name) =>
        name === "decrypt" ? () => Promise.reject(new DOMException("", "QuotaExceededError")) : undefined
      ))
      for (const size of [24, 32]) {
        const key = yield* full.importAesKey(Redacted.make(new Uint8Array(size).fill(1)))
        assert.isTrue(Exit.hasDies(yield* Effect.exit(openOne(full, key, new Uint8Array(16)))))
      }
    }))

  it.effect("after an interruption no plaintext is written any more", () =>
    Effect.gen(function*() {
      const key = yield* primitives.importAesKey(Redacted.make(new Uint8Array(24).fill(1)))
      const plaintext = new Uint8Array(100_000).fill(1)
      const sealed = yield* sealOne(primitives, key, plaintext)
      const output = new Uint8Array(plaintext.length)
      const job = { iv, aad: Uint8Array.of(1), ciphertext: sealed.subarray(0, -16), tag: sealed.subarray(-16), output }
      const fiber = yield* Effect.forkChild(primitives.open(key, Array.from({ length: 40 }, () => job)), {
        startImmediately: true
      })
      yield* Fiber.interrupt(fiber)
      output.fill(0)
      yield* settle
      assert.isTrue(output.every((byte) => byte === 0))
    }))
})

describe("AES-192", () => {
  it("was asked of WebCrypto first, and was not to be had there", () => {
    assert.isAbove(chromium.counts.refused, 0)
  })

  it.effect("where WebCrypto lacks it, the key lies in memory only while a frame is worked on", () =>
    Effect.gen(function*() {
      const { primitives, seen } = withoutAes192()
      const areZero = (least: number) => {
        assert.isAtLeast(seen.length, least)
        for (const [method, array] of seen.splice(0)) assert.isTrue(array.every((byte) => byte === 0), method)
      }
      const dataKey = new Uint8Array(24).fill(7)
      const given = new Uint8Array(24).fill(8)
      const keys = [yield* primitives.importAesKey(Redacted.make(given))]
      for (const suite of AlgorithmSuite.all.filter(({ dataKeyLength }) => dataKeyLength === 24)) {
        const plan = KeyDerivation.parameters(suite, new Uint8Array(16))
        // The data key's own bytes are what WebCrypto is given to derive from, which zeroes nothing.
        const { encryptionKey } = yield* primitives.deriveKeys(DataKey.make(dataKey), plan)
        keys.push(encryptionKey)
      }
      assert.lengthOf(keys, 4)
      assert.isTrue(dataKey.every((byte) => byte === 7) && given.every((byte) => byte === 8))
      seen.splice(0, seen.length, ...seen.filter(([, array]) => array !== dataKey))
      areZero(4)
      for (const key of keys) {
        const sealed = yield* sealOne(primitives, key, new Uint8Array(5).fill(9))
        assert.deepStrictEqual(yield* openOne(primitives, key, sealed), new Uint8Array(5).fill(9))
        yield* Effect.flip(openOne(primitives, key, flip(sealed, 0, 1)))
        areZero(3)
      }
    }))
})

describe.each(["P-256", "P-384"] as const)("ECDSA %s", (curve) => {
  const { signatureLength } = Ecdsa.algorithm(curve)

  it.effect("both layers verify what the other signs, always of one length", () =>
    Effect.gen(function*() {
      for (const [signer, verifier] of [[web, node], [node, web], [web, web]] as const) {
        const { publicKey, signingKey } = yield* signer.generateSigningKey(curve)
        assert.strictEqual([signingKey].map(String)[0], "<redacted:signing-key>")
        const key = yield* verifier.importVerificationKey(curve, publicKey)
        for (let i = 0; i < 60; i++) {
          const message = Uint8Array.of(i)
          const signature = yield* signer.sign(signingKey, message)
          assert.strictEqual(signature.length, signatureLength)
          assert.isTrue(yield* verifier.verify(key, message, signature))
          assert.isFalse(yield* verifier.verify(key, Uint8Array.of(i + 1), signature))
        }
      }
    }))

  it.effect("messages in parts are signed and verified as whole ones, whatever becomes of the parts", () =>
    Effect.gen(function*() {
      const { publicKey, signingKey } = yield* web.generateSigningKey(curve)
      const message = Uint8Array.from({ length: 50 }, (_, index) => index)
      for (const cuts of [[], [0], [1, 20], [49, 50, 50]]) {
        const signer = yield* web.signer(signingKey)
        const verifiers = [
          yield* web.verifier(yield* web.importVerificationKey(curve, publicKey)),
          yield* node.verifier(yield* node.importVerificationKey(curve, publicKey))
        ]
        for (const [index, end] of [...cuts, 50].entries()) {
          const part = message.slice(cuts[index - 1] ?? 0, end)
          for (const { update } of [signer, ...verifiers]) update(part)
          part.fill(0)
        }
        const signature = yield* signer.finish
        assert.strictEqual(signature.length, signatureLength)
        assert.isTrue(yield* web.verify(yield* web.importVerificationKey(curve, publicKey), message, signature))
        for (const { finish } of verifiers) assert.isTrue(yield* finish(signature))
        const other = yield* web.verifier(yield* web.importVerificationKey(curve, publicKey))
        other.update(message.subarray(1))
        assert.isFalse(yield* other.finish(signature))
        assert.isFalse(yield* other.finish(signature.subarray(1)))
      }
    }))

  it.effect("DER is read as OpenSSL reads it: every length, and nothing that is malformed", () =>
    Effect.gen(function*() {
      const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: curve })
      const spki = publicKey.export({ format: "der", type: "spki" })
      const point = Ecdsa.compress(curve, Ecdsa.uncompressedFromSpki(curve, spki))
      const ours = yield* web.importVerificationKey(curve, point)
      const theirs = yield* node.importVerificationKey(curve, point)
      const message = Uint8Array.of(1, 2, 3)
      const inParts = (signature: Uint8Array) =>
        Effect.flatMap(web.verifier(ours), ({ finish, update }) => {
          update(message)
          return finish(signature)
        })
      const lengths = new Set<number>()
      let good = new Uint8Array(0)
      for (let i = 0; i < 600; i++) {
        good = new Uint8Array(crypto.sign(Ecdsa.algorithm(curve).hash, message, privateKey))
        lengths.add(good.length)
        assert.isTrue(yield* web.verify(ours, message, good))
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
        assert.isFalse(yield* web.verify(ours, message, variant), Buffer.from(variant).toString("hex"))
        assert.isFalse(yield* node.verify(theirs, message, variant), Buffer.from(variant).toString("hex"))
        assert.isFalse(yield* inParts(variant), Buffer.from(variant).toString("hex"))
      }
    }))

  it.effect("points: the same are refused, and a runtime that takes no compressed ones gets them uncompressed", () =>
    Effect.gen(function*() {
      const { subtle } = globalThis.crypto
      let refused = 0
      const uncompressedOnly = WebPrimitives.make({
        subtle: new Proxy(subtle, {
          get: (target, name) =>
            name === "importKey"
              ? (format: "raw", key: Uint8Array<ArrayBuffer>, algorithm: string, ...rest: [boolean, ["verify"]]) => {
                if (key[0] === 4) return target.importKey(format, key, algorithm, ...rest)
                refused++
                return Promise.reject(new DOMException("", "DataError"))
              }
              : (target[name as keyof typeof target] as (...args: Array<unknown>) => unknown).bind(target)
        }),
        getRandomValues: () => undefined
      })
      const { publicKey, signingKey } = yield* web.generateSigningKey(curve)
      const signature = yield* web.sign(signingKey, Uint8Array.of(1))
      const invalid = new PrimitivesError({
        method: "importVerificationKey",
        reason: "InvalidKey",
        description: `is not a compressed point of ${curve}`
      })
      for (const primitives of [web, uncompressedOnly]) {
        const key = yield* primitives.importVerificationKey(curve, publicKey)
        assert.isTrue(yield* primitives.verify(key, Uint8Array.of(1), signature))
        let off = 0
        for (let i = 0; i < 40; i++) {
          const candidate = flip(publicKey, publicKey.length - 1, i + 1)
          const theirs = yield* Effect.exit(node.importVerificationKey(curve, candidate))
          const exit = yield* Effect.exit(primitives.importVerificationKey(curve, candidate))
          assert.strictEqual(Exit.isSuccess(exit), Exit.isSuccess(theirs))
          if (Exit.isFailure(exit)) {
            off++
            assert.deepStrictEqual<unknown>(exit, Exit.fail(invalid))
          }
        }
        assert.isTrue(off > 0 && off < 40)
        for (
          const wrong of [
            new Uint8Array(0),
            new Uint8Array(publicKey.length),
            publicKey.subarray(1),
            Uint8Array.of(...publicKey, 0),
            Uint8Array.of(4, ...publicKey.subarray(1)),
            new Uint8Array(publicKey.length).fill(0xff).fill(2, 0, 1)
          ]
        ) assert.deepStrictEqual(yield* Effect.flip(primitives.importVerificationKey(curve, wrong)), invalid)
      }
      assert.isAbove(refused, 0)
    }))

  it("decompress is the other way round of compress, for both signs of y", () => {
    const signs = new Set<number>()
    for (let i = 0; i < 30; i++) {
      const { publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: curve })
      const point = Ecdsa.uncompressedFromSpki(curve, publicKey.export({ format: "der", type: "spki" }))
      const compressed = Ecdsa.compress(curve, point)
      signs.add(compressed[0]!)
      assert.deepStrictEqual(decompress(curve, compressed), point)
    }
    assert.deepStrictEqual([...signs].toSorted((a, b) => a - b), [2, 3])
    assert.isUndefined(decompress(curve, hex("04")))
  })
})

describe("RSA", () => {
  it.effect.each(
    [{ padding: "OAEP-SHA1" }, { padding: "OAEP-SHA256" }, { padding: "OAEP-SHA384" }, {
      padding: "OAEP-SHA512"
    }] as const
  )("$padding crosses both ways", ({ padding }) =>
    Effect.gen(function*() {
      for (const [from, to] of [[web, node], [node, web], [web, web]] as const) {
        const publicKey = yield* from.importRsaPublicKey(rsaPublicKey, padding)
        const privateKey = yield* to.importRsaPrivateKey(Redacted.make(rsaPrivateKey), padding)
        const plaintext = yield* node.randomBytes(32)
        const ciphertext = yield* from.rsaEncrypt(publicKey, padding, Redacted.make(plaintext))
        assert.deepStrictEqual(Redacted.value(yield* to.rsaDecrypt(privateKey, padding, ciphertext)), plaintext)
        const wrong = yield* Effect.flip(to.rsaDecrypt(privateKey, padding, flip(ciphertext, 9, 1)))
        assert.deepStrictEqual(wrong, failed("rsaDecrypt"))
      }
    }))

  it.effect("PKCS1 is unsupported, and says what to do", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(web.importRsaPublicKey(rsaPublicKey, "PKCS1"))
      assert.strictEqual(
        error.message,
        "importRsaPublicKey: Unsupported: WebCrypto has no RSA PKCS #1 v1.5 encryption: use an OAEP padding, or the layer for Node"
      )
      const other = yield* Effect.flip(web.importRsaPrivateKey(Redacted.make(rsaPrivateKey), "PKCS1"))
      assert.deepInclude(other, { reason: "Unsupported" })
    }))

  it.effect("fails under another padding than the key's, and with what does not fit", () =>
    Effect.gen(function*() {
      const publicKey = yield* web.importRsaPublicKey(rsaPublicKey, "OAEP-SHA256")
      const privateKey = yield* web.importRsaPrivateKey(Redacted.make(rsaPrivateKey), "OAEP-SHA256")
      assert.strictEqual([privateKey].map(String)[0], "<redacted:rsa-private-key>")
      const secret = Redacted.make(new Uint8Array(32))
      const ciphertext = yield* web.rsaEncrypt(publicKey, "OAEP-SHA256", secret)
      for (
        const [method, effect] of [
          ["rsaEncrypt", web.rsaEncrypt(publicKey, "OAEP-SHA1", secret)],
          ["rsaEncrypt", web.rsaEncrypt(publicKey, "OAEP-SHA256", Redacted.make(new Uint8Array(191)))],
          ["rsaDecrypt", web.rsaDecrypt(privateKey, "OAEP-SHA1", ciphertext)],
          ["rsaDecrypt", web.rsaDecrypt(privateKey, "OAEP-SHA256", ciphertext.subarray(1))]
        ] as const
      ) {
        assert.deepStrictEqual(
          yield* Effect.flip(effect as Effect.Effect<unknown, PrimitivesError>),
          failed(method)
        )
      }
    }))

  const spki = (pair: { readonly publicKey: crypto.KeyObject }) =>
    pair.publicKey.export({ format: "pem", type: "spki" })
  const pkcs8 = (pair: { readonly privateKey: crypto.KeyObject }) =>
    pair.privateKey.export({ format: "pem", type: "pkcs8" })
  const pairs = [
    crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }),
    crypto.generateKeyPairSync("rsa-pss", { modulusLength: 2048 }),
    crypto.generateKeyPairSync("rsa", { modulusLength: 1024 }),
    crypto.generateKeyPairSync("ed25519"),
    crypto.generateKeyPairSync("x25519")
  ]
  const broken = (label: string) => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`

  it.effect("what is no RSA key, or too small a one, is refused in the words of the layer for Node", () =>
    Effect.gen(function*() {
      const wrong = ["", "hello", rsaPublicKey + rsaPublicKey, broken("PUBLIC KEY"), broken("PRIVATE KEY")]
      for (const pem of [...wrong, rsaPrivateKey, ...pairs.map(spki)] as ReadonlyArray<string>) {
        assert.deepStrictEqual(
          yield* Effect.flip(web.importRsaPublicKey(pem, "OAEP-SHA256")),
          yield* Effect.flip(node.importRsaPublicKey(pem, "OAEP-SHA256"))
        )
      }
      for (const pem of [...wrong, rsaPublicKey, ...pairs.map(pkcs8)] as ReadonlyArray<string>) {
        assert.deepStrictEqual(
          yield* Effect.flip(web.importRsaPrivateKey(Redacted.make(pem), "OAEP-SHA256")),
          yield* Effect.flip(node.importRsaPrivateKey(Redacted.make(pem), "OAEP-SHA256"))
        )
      }
      yield* web.importRsaPublicKey(`\n  ${rsaPublicKey.replaceAll("\n", "\r\n")}\r\n`, "OAEP-SHA256")
    }))
})

/** Every array that WebCrypto is given as a key, or answers in the clear. */
describe("zeroing, and what can be exported", () => {
  const recorder = () => {
    const { subtle } = globalThis.crypto
    const arrays: Array<readonly [string, Uint8Array]> = []
    const keys: Array<CryptoKeyLike> = []
    interface CryptoKeyLike {
      readonly type: string
      readonly extractable: boolean
      readonly privateKey?: CryptoKeyLike
    }
    const double = new Proxy(subtle, {
      get: (target, name) => (...args: Array<unknown>) => {
        const method = target[name as keyof typeof target] as (...args: Array<unknown>) => Promise<unknown>
        if (name === "importKey" && args[0] === "pkcs8") arrays.push(["pkcs8", args[1] as Uint8Array])
        return method.apply(target, args).then((answer) => {
          if (name === "decrypt") arrays.push(["decrypt", new Uint8Array(answer as ArrayBuffer)])
          if (typeof answer === "object" && answer !== null && !(answer instanceof ArrayBuffer)) {
            const key = answer as CryptoKeyLike
            keys.push(key.privateKey ?? key)
          }
          return answer
        })
      }
    })
    const make = WebPrimitives.make({
      subtle: double,
      getRandomValues: (array) => globalThis.crypto.getRandomValues(array as Uint8Array<ArrayBuffer>)
    })
    return { arrays, keys, make }
  }

  it.effect("secret and private keys cannot be exported, and what was decrypted stands in the output alone", () =>
    Effect.gen(function*() {
      const { arrays, keys, make } = recorder()
      for (const suite of AlgorithmSuite.all) {
        const plan = KeyDerivation.parameters(suite, new Uint8Array(suite.messageIdLength))
        const { encryptionKey } = yield* make.deriveKeys(
          DataKey.make(new Uint8Array(suite.dataKeyLength).fill(1)),
          plan
        )
        const sealed = yield* sealOne(make, encryptionKey, new Uint8Array(9).fill(7))
        assert.deepStrictEqual(yield* openOne(make, encryptionKey, sealed), new Uint8Array(9).fill(7))
      }
      yield* make.generateSigningKey("P-384")
      const padding = "OAEP-SHA256"
      const privateKey = yield* make.importRsaPrivateKey(Redacted.make(rsaPrivateKey), padding)
      assert.deepStrictEqual([...new Set(keys.map(({ extractable }) => extractable))], [false])
      assert.deepStrictEqual([...new Set(keys.map(({ type }) => type))].toSorted(), ["private", "secret"])
      assert.lengthOf(arrays, AlgorithmSuite.all.length + 1)
      for (const [what, array] of arrays) assert.isTrue(array.every((byte) => byte === 0), what)

      const ciphertext = yield* node.rsaEncrypt(
        yield* node.importRsaPublicKey(rsaPublicKey, padding),
        padding,
        Redacted.make(Uint8Array.of(1, 2))
      )
      const plaintext = yield* make.rsaDecrypt(privateKey, padding, ciphertext)
      assert.strictEqual(arrays.at(-1)![1].buffer, Redacted.value(plaintext).buffer, "no other copy is left")
    }))
})
