/** The layer on WebCrypto in Node: the contract, the comparison with node:crypto, and what WebCrypto alone has or lacks. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted } from "effect"
import { AlgorithmSuite, DataKey } from "effect-encryption-sdk"
import { Ecdsa, KeyDerivation, Primitives } from "effect-encryption-sdk/crypto"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { WebPrimitives } from "effect-encryption-sdk/web"
import * as WebCrypto from "effect/crypto/WebCrypto"
import * as crypto from "node:crypto"
import { decompress } from "../../src/crypto/decompress.ts"
import { flip, hex } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import { agreesWithNode } from "../support/primitives/nodeOracle.ts"
import { failed, openJob, sealOne } from "../support/primitives/helpers.ts"
import { primitivesContract } from "../support/primitivesContract.ts"
import { rsaPrivateKey, rsaPublicKey } from "../support/rsaKeys.ts"
import { replaceSubtle, uncompressedOnly, withoutAes192 } from "../support/withoutAes192.ts"

const node = NodePrimitives.make

const uncompressed = uncompressedOnly()
const least = withoutAes192(uncompressed.subtle)
const layers = [
  ["Node's own WebCrypto", WebPrimitives.make(globalThis.crypto)],
  ["WebCrypto without AES-192 and compressed points", least.primitives]
] as const
const web = layers[0][1]

const iv = new Uint8Array(12).fill(3)
const aad = Uint8Array.of(1)
const seal = (primitives: Primitives.Primitives, key: Primitives.AesKey, plaintext: Uint8Array) =>
  sealOne(primitives, key, iv, aad, plaintext)
const open = (primitives: Primitives.Primitives, key: Primitives.AesKey, sealed: Uint8Array) => {
  const job = openJob(iv, aad, sealed)
  return Effect.as(primitives.open(key, [job]), job.output)
}

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
})

describe.each(layers)("%s", (_, primitives) => {
  primitivesContract(primitives, { maxInFlight: 16, hasPkcs1: false })
  agreesWithNode(primitives)

  it.effect("shared and resizable memory is taken as any other, by every operation", () =>
    Effect.gen(function*() {
      for (const copyOf of [resizable, shared]) {
        const key = yield* primitives.importAesKey(Redacted.make(copyOf(new Uint8Array(24).fill(1))))
        const job = { iv: copyOf(iv), aad: copyOf(Uint8Array.of(1)) }
        const output = copyOf(new Uint8Array(20))
        yield* primitives.seal(key, [{ ...job, plaintext: copyOf(Uint8Array.of(1, 2, 3, 4)), output }])
        const own = yield* node.importAesKey(Redacted.make(new Uint8Array(24).fill(1)))
        assert.deepStrictEqual(new Uint8Array(output), yield* seal(node, own, Uint8Array.of(1, 2, 3, 4)))
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
        const job = { iv, aad, ciphertext: new Uint8Array(0), tag: new Uint8Array(16) }
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
        assert.isTrue(Exit.hasDies(yield* Effect.exit(open(full, key, new Uint8Array(16)))))
      }
    }))

  it.effect("after an interruption no plaintext is written any more", () =>
    Effect.gen(function*() {
      const key = yield* primitives.importAesKey(Redacted.make(new Uint8Array(24).fill(1)))
      const plaintext = new Uint8Array(100_000).fill(1)
      const sealed = yield* seal(primitives, key, plaintext)
      const output = new Uint8Array(plaintext.length)
      const job = { iv, aad, ciphertext: sealed.subarray(0, -16), tag: sealed.subarray(-16), output }
      const fiber = yield* Effect.forkChild(primitives.open(key, Array.from({ length: 40 }, () => job)), {
        startImmediately: true
      })
      yield* Fiber.interrupt(fiber)
      output.fill(0)
      yield* settle
      assert.isTrue(output.every((byte) => byte === 0))
    }))
})

describe("what WebCrypto rejects", () => {
  it.effect.each([
    { rejected: ["importKey"] },
    { rejected: ["deriveKey"] },
    { rejected: ["deriveBits"] },
    { rejected: ["deriveKey", "deriveBits"] }
  ])(
    "is a defect of deriveKeys: $rejected",
    ({ rejected }) =>
      Effect.gen(function*() {
        const primitives = WebPrimitives.make(replaceSubtle((_, name) =>
          rejected.includes(name) ? () => Promise.reject(new DOMException("", "QuotaExceededError")) : undefined
        ))
        const suite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
        const parameters = KeyDerivation.parameters(suite, new Uint8Array(suite.messageIdLength))
        const exit = yield* Effect.exit(primitives.deriveKeys(DataKey.make(new Uint8Array(32)), parameters))
        assert.isTrue(Exit.hasDies(exit))
        assert.include(String(exit), "QuotaExceededError")
      })
  )
})

describe("what WebCrypto lacks", () => {
  it("was asked of it first, and was not to be had there", () => {
    assert.isAbove(least.counts.refused, 0)
    assert.isAbove(uncompressed.counts.refused, 0)
  })

  it.effect("an AES-192 key lies in memory only while a frame is worked on", () =>
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
        const sealed = yield* seal(primitives, key, new Uint8Array(5).fill(9))
        assert.deepStrictEqual(yield* open(primitives, key, sealed), new Uint8Array(5).fill(9))
        yield* Effect.flip(open(primitives, key, flip(sealed, 0, 1)))
        areZero(3)
      }
    }))
})

describe.each(["P-256", "P-384"] as const)("ECDSA %s", (curve) => {
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

  it("decompress returns nothing for what is no point of the curve", () => {
    const length = Ecdsa.coordinateLength(curve)
    const at = (x: number, sign: number) => Uint8Array.of(sign, ...new Uint8Array(length - 1), x)
    let refused = 0
    for (let x = 0; x < 40; x++) {
      const [even, odd] = [decompress(curve, at(x, 2)), decompress(curve, at(x, 3))]
      assert.strictEqual(even === undefined, odd === undefined)
      if (even === undefined) refused++
      else assert.deepStrictEqual(even.subarray(0, 1 + length), Uint8Array.of(4, ...at(x, 2).subarray(1)))
    }
    assert.isTrue(refused > 5 && refused < 35, `${refused} of 40`)
    // Congruent to a point's coordinate, and not one: the prime and a small number fit in as many bytes.
    const prime = curve === "P-256" ?
      2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
      : 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n
    let beyond = 0
    for (let x = 0; x < 40; x++) {
      if (decompress(curve, at(x, 2)) === undefined) continue
      const digits = (prime + BigInt(x)).toString(16).padStart(2 * length, "0")
      assert.isUndefined(decompress(curve, hex(`02${digits}`)))
      beyond++
    }
    assert.isAbove(beyond, 5)
  })
})

describe("RSA", () => {
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

  it.effect("does not encrypt under another padding than the key's", () =>
    Effect.gen(function*() {
      const publicKey = yield* web.importRsaPublicKey(rsaPublicKey, "OAEP-SHA256")
      assert.deepStrictEqual(
        yield* failureOf(web.rsaEncrypt(publicKey, "OAEP-SHA1", Redacted.make(new Uint8Array(32)))),
        failed("rsaEncrypt")
      )
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
        const sealed = yield* seal(make, encryptionKey, new Uint8Array(9).fill(7))
        assert.deepStrictEqual(yield* open(make, encryptionKey, sealed), new Uint8Array(9).fill(7))
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

  it.effect("a copy of secret bytes that WebCrypto is given is zeroed, and the bytes themselves are not", () =>
    Effect.gen(function*() {
      const given: Array<Uint8Array> = []
      const keep = (array: Uint8Array) => {
        if (array.some((byte) => byte !== 0)) given.push(array)
      }
      const make = WebPrimitives.make(replaceSubtle((target, name) =>
        name === "importKey" || name === "encrypt"
          ? (...args: ReadonlyArray<unknown>) => {
            keep((name === "importKey" ? args[1] : args[2]) as Uint8Array)
            const method = target[name] as (...args: ReadonlyArray<unknown>) => unknown
            return method.call(target, ...args)
          }
          : undefined
      ))
      const own: Array<Uint8Array> = []
      const secret = (length: number, copyOf: (bytes: Uint8Array) => Uint8Array) => {
        const bytes = copyOf(new Uint8Array(length).fill(7))
        own.push(bytes)
        return bytes
      }
      for (const copyOf of [shared, resizable, (bytes: Uint8Array) => bytes]) {
        for (const suite of AlgorithmSuite.all) {
          const plan = KeyDerivation.parameters(suite, new Uint8Array(suite.messageIdLength))
          yield* make.deriveKeys(DataKey.make(secret(suite.dataKeyLength, copyOf)), plan)
        }
        for (const length of [16, 24, 32]) {
          const key = yield* make.importAesKey(Redacted.make(secret(length, copyOf)))
          yield* seal(make, key, secret(9, copyOf))
        }
        const rsaKey = yield* make.importRsaPublicKey(rsaPublicKey, "OAEP-SHA256")
        yield* make.rsaEncrypt(rsaKey, "OAEP-SHA256", Redacted.make(secret(32, copyOf)))
      }
      assert.isAbove(given.length, 3 * (AlgorithmSuite.all.length + 7))
      assert.isTrue(own.every((array) => array.every((byte) => byte === 7)))
      const copies = given.filter((array) => !own.includes(array))
      assert.isAbove(copies.length, 2 * (AlgorithmSuite.all.length + 7))
      for (const array of copies) assert.isTrue(array.every((byte) => byte === 0), `${array.length} bytes`)
    }))

  it.effect("what rsaDecrypt answers after an interruption is zeroed", () =>
    Effect.gen(function*() {
      const decrypted = new ArrayBuffer(32)
      const { promise, resolve } = Promise.withResolvers<ArrayBuffer>()
      const asked = Promise.withResolvers<void>()
      const make = WebPrimitives.make(replaceSubtle((_, name) =>
        name === "decrypt"
          ? () => {
            asked.resolve()
            return promise
          }
          : undefined
      ))
      const key = yield* make.importRsaPrivateKey(Redacted.make(rsaPrivateKey), "OAEP-SHA256")
      const fiber = yield* Effect.forkChild(make.rsaDecrypt(key, "OAEP-SHA256", new Uint8Array(256)), {
        startImmediately: true
      })
      yield* Effect.promise(() => asked.promise)
      yield* Fiber.interrupt(fiber)
      new Uint8Array(decrypted).fill(7)
      resolve(decrypted)
      yield* settle
      assert.deepStrictEqual(new Uint8Array(decrypted), new Uint8Array(32))
    }))
})
