/**
 * A message whose materials are there, and whose cryptography is synchronous, is encrypted or decrypted in one step. Nothing but
 * the time that it takes tells: neither results nor events, nor what is left in memory.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Fiber, Schema } from "effect"
import { AlgorithmSuite, CryptographicMaterialsManager } from "effect-encryption-sdk"
import { type CacheEntry, MaterialsCache } from "effect-encryption-sdk/caching"
import { Primitives } from "effect-encryption-sdk/crypto"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { flip, isZero } from "../support/bytes.ts"
import { cachingClient as caching } from "../support/cachingClient.ts"
import { decryptFailure, encryptFailure, fieldsOf } from "../support/client.ts"
import { staticKeyring } from "../support/keyrings.ts"
import { recordingPrimitives } from "../support/recordingPrimitives.ts"
import { TestClock } from "../support/TestClock.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

/** A page has shared memory by WebAssembly alone, unless it is isolated from other origins. */
declare const WebAssembly: {
  readonly Memory: new(
    options: { readonly initial: number; readonly maximum: number; readonly shared: true }
  ) => { readonly buffer: SharedArrayBuffer }
}
const sharedMemory = () => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer

const algorithmSuite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
type Manager = CryptographicMaterialsManager.CryptographicMaterialsManager

/** The operations of a manager in functions of their own, as somebody has them who counts calls. */
const counting = () => {
  const counts = { encryption: 0, decryption: 0 }
  const wrap = (cmm: Manager): Manager => ({
    ...cmm,
    getEncryptionMaterials: (request) => {
      counts.encryption++
      return cmm.getEncryptionMaterials(request)
    },
    decryptMaterials: (request) => {
      counts.decryption++
      return cmm.decryptMaterials(request)
    }
  })
  return { counts, wrap }
}

const step = Arbitrary.all({
  operation: Arbitrary.schema(Schema.Literals(["encrypt", "encrypt", "decrypt", "decrypt", "forge", "wait", "clear"])),
  context: arbitraryInt(0, 2),
  length: arbitraryInt(0, 9000),
  seconds: arbitraryInt(0, 70),
  expects: Arbitrary.schema(Schema.Boolean)
})
type Step = typeof step extends Arbitrary.Arbitrary<infer A> ? A : never

/** Runs the steps, and tells all that a caller can see of them. */
const told = Effect.fnUntraced(function*(steps: ReadonlyArray<Step>, options: Parameters<typeof caching>[0]) {
  const { cmm, events, sdk } = yield* caching({ policy: { maxAge: "1 minute", maxMessagesEncrypted: 4 }, ...options })
  const messages: Array<Uint8Array> = []
  const results: Array<unknown> = []
  for (const { context, expects, length, operation, seconds } of steps) {
    const encryptionContext = { tenant: `${context}` }
    const message = messages[length % Math.max(1, messages.length)]
    if (operation === "wait") yield* TestClock.adjust(`${seconds} seconds`)
    else if (operation === "clear") yield* cmm.clear
    else if (operation === "encrypt") {
      const result = yield* sdk.encrypt(new Uint8Array(length).fill(context), { algorithmSuite, encryptionContext })
      messages.push(result.message)
      results.push([
        result.receipt,
        result.message.length,
        result.encryptionContext,
        result.header.encryptedDataKeys.length
      ])
    } else if (message !== undefined) {
      const given = operation === "forge" ? flip(message, length % message.length, 1 + context) : message
      const expected = expects ? { expectedEncryptionContext: encryptionContext } : {}
      results.push(
        yield* Effect.match(sdk.decrypt(given, expected), {
          onFailure: ({ reason }) => reason._tag,
          onSuccess: ({ encryptionContext, plaintext, receipt }) => [receipt, plaintext, encryptionContext]
        })
      )
    }
  }
  return { results, events: events.map((event) => ({ ...event, key: "" })) }
})

/** Primitives as somebody has them who counts calls. */
const wrapped = (primitives: Primitives.Primitives): Primitives.Primitives => ({
  ...primitives,
  randomBytes: (length) => primitives.randomBytes(length),
  sha384: (data) => primitives.sha384(data),
  deriveKeys: (dataKey, parameters) => primitives.deriveKeys(dataKey, parameters),
  seal: (key, jobs) => primitives.seal(key, jobs),
  open: (key, jobs) => primitives.open(key, jobs)
})

/** Primitives, and the number of digests that they made. */
const countingDigests = () => {
  let digests = 0
  const primitives: Primitives.Primitives = {
    ...TestPrimitives.make,
    sha384: (data) => {
      digests++
      return TestPrimitives.make.sha384(data)
    }
  }
  return { digests: () => digests, primitives }
}

describe("an operation at once", () => {
  it.effect.prop(
    "has the same results and the same events, in the same order, as one through functions of others",
    { steps: Arbitrary.array(step, { minLength: 1, maxLength: 25 }) },
    ({ steps }) =>
      Effect.gen(function*() {
        const { counts, wrap } = counting()
        const atOnce = yield* Effect.scoped(told(steps, {}))
        const others = yield* Effect.scoped(told(steps, { wrap, primitives: wrapped(TestPrimitives.make) }))
        assert.deepStrictEqual(others, atOnce)
        assert.strictEqual(counts.encryption, steps.filter(({ operation }) => operation === "encrypt").length)
      }),
    { timeout: 60_000, arbitrary: { seed: "at-once", runs: 60 } }
  )

  it.effect("goes through each function that somebody has wrapped, every time", () =>
    Effect.gen(function*() {
      const { counts, wrap } = counting()
      const calls: Record<string, number> = {}
      const counted = Object.fromEntries(
        Object.entries(wrapped(TestPrimitives.make)).map(([name, operation]) => [
          name,
          (...args: ReadonlyArray<never>) => {
            calls[name] = (calls[name] ?? 0) + 1
            return (operation as (...args: ReadonlyArray<never>) => unknown)(...args)
          }
        ])
      ) as unknown as Primitives.Primitives
      // Another client, of the functions as they are, changes nothing of that.
      yield* caching()
      const { sdk } = yield* caching({ wrap, primitives: counted })
      const { message } = yield* sdk.encrypt("first", { algorithmSuite })
      yield* sdk.decrypt(message)
      const before = { ...calls }
      for (let time = 0; time < 3; time++) {
        const encrypted = yield* sdk.encrypt("again", { algorithmSuite })
        const decrypted = yield* sdk.decrypt(encrypted.message)
        assert.deepStrictEqual([encrypted.receipt._tag, decrypted.receipt._tag], ["Hit", "Hit"])
      }
      assert.deepStrictEqual(counts, { encryption: 4, decryption: 4 })
      const since = (name: string) => calls[name]! - (before[name] ?? 0)
      // Header and body of a message are one call.
      assert.deepStrictEqual(["randomBytes", "deriveKeys", "seal", "open"].map(since), [3, 6, 3, 3])
    }))

  it.effect("takes no digest for a message whose encrypted data keys were authentic before", () =>
    Effect.gen(function*() {
      const { digests, primitives } = countingDigests()
      const { sdk } = yield* caching({ primitives })
      const encryptionContext = { tenant: "a" }
      const options = { algorithmSuite, encryptionContext }
      const messages = yield* Effect.forEach([1, 2, 3, 4], (i) => sdk.encrypt(Uint8Array.of(i), options))
      const expected = { expectedEncryptionContext: { ...encryptionContext } }
      const taken: Array<number> = []
      for (const { message } of messages) {
        const before = digests()
        yield* sdk.decrypt(message, expected)
        taken.push(digests() - before)
      }
      // The first is read and fetched; the second is known, and identified once.
      assert.deepStrictEqual(taken, [2, 2, 0, 0])
    }))

  it.effect("remembers nothing of a message that was refused", () =>
    Effect.gen(function*() {
      const { digests, primitives } = countingDigests()
      const { sdk } = yield* caching({ primitives })
      const { header, message } = yield* sdk.encrypt("a secret", { algorithmSuite })
      for (let time = 0; time < 3; time++) {
        const before = digests()
        const forged = flip(message, message.length - 1 - time)
        assert.deepStrictEqual(fieldsOf(yield* decryptFailure(sdk.decrypt(forged))), {
          _tag: "AuthenticationFailed",
          check: "body"
        })
        assert.strictEqual(digests() - before, 1, "read anew")
      }
      assert.deepStrictEqual((yield* sdk.decrypt(message)).header, header)
    }))

  it.effect("remembers what the message says, whatever a manager makes of the arrays that it is given", () =>
    Effect.gen(function*() {
      const { sdk } = yield* caching({
        wrap: (cmm) => ({
          ...cmm,
          decryptMaterials: (request) =>
            Effect.tap(cmm.decryptMaterials(request), () =>
              Effect.sync(() => {
                for (const { ciphertext, keyProviderInfo } of request.encryptedDataKeys) {
                  ciphertext.fill(0)
                  keyProviderInfo.fill(0)
                }
              }))
        })
      })
      const { message } = yield* sdk.encrypt("a secret", { algorithmSuite })
      const receipts: Array<string> = []
      for (let time = 0; time < 4; time++) {
        receipts.push(
          yield* Effect.match(sdk.decrypt(message), {
            onFailure: ({ message }) => message,
            onSuccess: ({ receipt }) => receipt._tag
          })
        )
      }
      assert.deepStrictEqual(receipts, ["Miss", "Hit", "Hit", "Hit"])
    }))

  it.effect("zeroes its key when it ends, well or not", () =>
    Effect.gen(function*() {
      const primitives = recordingPrimitives()
      const { sdk } = yield* caching({ primitives: primitives.service })
      const { message } = yield* sdk.encrypt("a secret", { algorithmSuite })
      yield* sdk.decrypt(message)
      for (let time = 0; time < 3; time++) {
        yield* sdk.encrypt("another", { algorithmSuite })
        yield* sdk.decrypt(message)
        yield* decryptFailure(sdk.decrypt(flip(message, message.length - 1)))
      }
      const keys = primitives.arrays("deriveKeys")
      assert.strictEqual(keys.length, 11)
      assert.isTrue(keys.every(isZero), "keys")
      assert.isTrue(primitives.arrays("seal").every(isZero), "texts")
      assert.isTrue(primitives.arrays("open").slice(-2).every(isZero), "plaintext of the forged message")
    }))

  it.effect("takes bytes that other threads may change as they are when it starts", () =>
    Effect.gen(function*() {
      const primitives = recordingPrimitives()
      const { sdk } = yield* caching({ primitives: primitives.service })
      yield* sdk.encrypt("first", { algorithmSuite })
      const shared = new Uint8Array(sharedMemory(), 0, 10).fill(1)
      const { message } = yield* sdk.encrypt(shared, { algorithmSuite })
      assert.isFalse(primitives.arrays("seal").some(({ buffer }) => buffer === shared.buffer))
      const own = new Uint8Array(sharedMemory(), 0, message.length)
      own.set(message)
      yield* sdk.decrypt(message)
      assert.deepStrictEqual((yield* sdk.decrypt(own)).plaintext, new Uint8Array(10).fill(1))
    }))

  it.effect("hands out nothing that the next message is made of", () =>
    Effect.gen(function*() {
      const { cmm, sdk } = yield* caching()
      const spoil = (
        edks: ReadonlyArray<{ readonly ciphertext: Uint8Array; readonly keyProviderInfo: Uint8Array }>
      ) => {
        for (const { ciphertext, keyProviderInfo } of edks) {
          ciphertext.fill(0)
          keyProviderInfo.fill(0)
        }
      }
      const first = yield* sdk.encrypt("first", { algorithmSuite })
      const kept = new Uint8Array(first.message)
      const header = yield* sdk.inspect(kept)
      const copies = () => structuredClone(header.encryptedDataKeys)
      const pristine = copies()
      for (let time = 0; time < 3; time++) {
        const encrypted = yield* sdk.encrypt("again", { algorithmSuite })
        assert.strictEqual(encrypted.receipt._tag, "Hit")
        assert.deepStrictEqual(encrypted.header.encryptedDataKeys, pristine)
        assert.deepStrictEqual((yield* sdk.inspect(encrypted.message)).encryptedDataKeys, pristine)
        spoil(encrypted.header.encryptedDataKeys)
        encrypted.header.messageId.fill(0)
        const decrypted = yield* sdk.decrypt(kept)
        assert.deepStrictEqual(decrypted.header.encryptedDataKeys, pristine)
        assert.deepStrictEqual(decrypted.plaintext, new TextEncoder().encode("first"))
        spoil(decrypted.header.encryptedDataKeys)
        decrypted.plaintext.fill(0)
        const request = {
          algorithmSuite,
          commitmentPolicy: "RequireEncryptRequireDecrypt",
          encryptionContext: {}
        } as const
        const { materials } = yield* Effect.scoped(
          cmm.getEncryptionMaterials({ ...request, requiredEncryptionContextKeys: [], maxPlaintextLength: 0 })
        )
        assert.deepStrictEqual(materials.encryptedDataKeys, pristine)
        spoil(materials.encryptedDataKeys)
        const unwrapped = yield* Effect.scoped(
          cmm.decryptMaterials({ ...request, encryptedDataKeys: copies(), expectedEncryptionContext: {} })
        )
        assert.deepStrictEqual(unwrapped.materials.unwrappedDataKey, pristine[0])
        spoil([unwrapped.materials.unwrappedDataKey])
      }
    }))

  it.effect("takes bytes for what they are, whatever methods their class has", () =>
    Effect.gen(function*() {
      const { sdk } = yield* caching()
      class Liar extends Uint8Array {
        override get length() {
          return 5
        }
        override subarray() {
          return new Uint8Array(1)
        }
      }
      yield* sdk.encrypt("first", { algorithmSuite })
      const { message, receipt } = yield* sdk.encrypt(new Liar(10).fill(7), { algorithmSuite })
      assert.strictEqual(receipt._tag, "Hit")
      const decrypted = yield* Effect.exit(Effect.map(sdk.decrypt(message), ({ plaintext }) => plaintext))
      assert.deepStrictEqual(decrypted, Exit.succeed(new Uint8Array(10).fill(7)))
      const lying = new Liar(message.length)
      lying.set(message)
      for (let time = 0; time < 3; time++) {
        assert.deepStrictEqual((yield* sdk.decrypt(lying)).plaintext, new Uint8Array(10).fill(7))
      }
    }))

  it.effect("tells the fault of a cache that throws, once, and takes it for a miss", () =>
    Effect.gen(function*() {
      let throws = false
      const entries = new Map<string, CacheEntry.CacheEntry>()
      const cache = MaterialsCache.make({
        stores: true,
        get: (key) => Effect.sync(() => entries.get(key)),
        getUnsafe: (key) => {
          if (throws) {
            throws = false
            throw new Error("the cache's own")
          }
          return entries.get(key)
        },
        put: (entry) => Effect.sync(() => void entries.set(entry.metadata.key, entry)),
        delete: () => Effect.void,
        deleteWhere: () => Effect.succeed(0),
        clear: Effect.void,
        size: Effect.succeed(0)
      })
      const { events, sdk } = yield* caching({ cache })
      yield* sdk.encrypt("first", { algorithmSuite })
      throws = true
      const { receipt } = yield* sdk.encrypt("again", { algorithmSuite })
      assert.strictEqual(receipt._tag, "Miss")
      assert.strictEqual(events.filter(({ _tag }) => _tag === "CacheFault").length, 1)
      assert.strictEqual((yield* sdk.encrypt("again", { algorithmSuite })).receipt._tag, "Hit")
    }))
})

describe("other fibers", () => {
  for (const [what, length, most] of [["long", 2 ** 20, 3], ["short", 0, 65]] as const) {
    it.effect(`have their turn while a fiber encrypts ${what} messages one after the other`, () =>
      Effect.gen(function*() {
        const { sdk } = yield* caching()
        const plaintext = new Uint8Array(length)
        yield* sdk.encrypt(plaintext, { algorithmSuite, frameLength: 2 ** 20 })
        let done = 0
        const total = 2 * most
        const busy = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: total }),
            () =>
              Effect.tap(
                sdk.encrypt(plaintext, { algorithmSuite, frameLength: 2 ** 20 }),
                () => Effect.sync(() => done++)
              ),
            { discard: true }
          )
        )
        const seen: Array<number> = []
        while (busy.pollUnsafe() === undefined) {
          yield* Effect.yieldNow
          seen.push(done)
        }
        yield* Fiber.join(busy)
        assert.isAtMost(Math.max(...seen.map((count, i) => count - (seen[i - 1] ?? 0))), most)
      }))
  }
})

describe("other fibers, while messages fail", () => {
  it.effect("have their turn too", () =>
    Effect.gen(function*() {
      const { sdk } = yield* caching()
      const { message } = yield* sdk.encrypt(new Uint8Array(2 ** 20), { algorithmSuite })
      const forged = flip(message, message.length - 1)
      yield* decryptFailure(sdk.decrypt(message).pipe(Effect.andThen(sdk.decrypt(forged))))
      let done = 0
      const busy = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 9 }), () =>
          Effect.tap(decryptFailure(sdk.decrypt(forged)), () => Effect.sync(() => done++)))
      )
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.isBelow(done, 9)
      yield* Fiber.join(busy)
    }))
})

describe("a listener that hears of a hit", () => {
  const listening = Effect.fnUntraced(function*(hear: () => void) {
    let isArmed = false
    const made = yield* caching({
      onEvent: (event) => {
        if (isArmed && event._tag === "Admitted") hear()
      }
    })
    const { message } = yield* made.sdk.encrypt("first", { algorithmSuite })
    yield* made.sdk.decrypt(message)
    yield* made.sdk.decrypt(message)
    isArmed = true
    return { ...made, message }
  })

  it.effect("throws: nothing of it is seen", () =>
    Effect.gen(function*() {
      const { message, sdk } = yield* listening(() => {
        throw new Error("the listener's own")
      })
      const encrypted = yield* sdk.encrypt("again", { algorithmSuite })
      assert.strictEqual((yield* sdk.decrypt(encrypted.message)).plaintext.length, 5)
      assert.strictEqual((yield* sdk.decrypt(message)).receipt._tag, "Hit")
    }))

  it.effect("evicts the entry: the message has its key all the same", () =>
    Effect.gen(function*() {
      const { cmm, sdk } = yield* listening(() => void Effect.runFork(cmm.clear))
      const encrypted = yield* sdk.encrypt("again", { algorithmSuite })
      assert.strictEqual(encrypted.receipt._tag, "Hit")
      const decrypted = yield* Effect.exit(Effect.map(sdk.decrypt(encrypted.message), ({ plaintext }) => plaintext))
      assert.deepStrictEqual(decrypted, Exit.succeed(new TextEncoder().encode("again")))
    }))

  it.effect("interrupts the operation: it ends interrupted, or whole, and its key is zeroed", () =>
    Effect.gen(function*() {
      const primitives = recordingPrimitives()
      let running: Fiber.Fiber<unknown, unknown> | undefined
      const { sdk } = yield* caching({
        primitives: primitives.service,
        onEvent: (event) => {
          if (event._tag === "Admitted") running?.interruptUnsafe()
        }
      })
      const { message } = yield* sdk.encrypt("first", { algorithmSuite })
      yield* sdk.decrypt(message)
      const operations: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        sdk.encrypt("again", { algorithmSuite }),
        sdk.decrypt(message)
      ]
      for (const operation of operations) {
        const fiber = yield* Effect.forkChild(Effect.withFiber((fiber) => {
          running = fiber
          return operation
        }))
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isSuccess(exit) || Exit.hasInterrupts(exit))
        running = undefined
      }
      assert.isTrue(primitives.arrays("deriveKeys").every(isZero))
    }))

  it.effect("changes the message: what was read is what is authenticated, and nothing else is remembered", () =>
    Effect.gen(function*() {
      let change: (() => void) | undefined
      const { sdk } = yield* caching({
        // Does not bind the context to the data key.
        keyring: staticKeyring(new Uint8Array(32).fill(0x42)),
        onEvent: (event) => {
          if (event._tag === "Admitted") change?.()
        }
      })
      const { message } = yield* sdk.encrypt("a secret", { algorithmSuite, encryptionContext: { role: "user" } })
      const text = String.fromCharCode(...message)
      const forged = new Uint8Array(message)
      forged.set(new TextEncoder().encode("root"), text.indexOf("user"))
      const original = new Uint8Array(forged)
      yield* decryptFailure(sdk.decrypt(forged))
      change = () => forged.set(message)
      const changed = yield* Effect.match(sdk.decrypt(forged), {
        onFailure: ({ reason }) => fieldsOf(reason),
        onSuccess: ({ encryptionContext }) => encryptionContext
      })
      assert.deepStrictEqual(changed, { _tag: "AuthenticationFailed", check: "header" })
      change = undefined
      assert.strictEqual((yield* decryptFailure(sdk.decrypt(original)))._tag, "AuthenticationFailed")
      assert.deepStrictEqual((yield* sdk.decrypt(message)).encryptionContext, { role: "user" })
      const expected = { expectedEncryptionContext: { role: "root" } }
      assert.strictEqual((yield* decryptFailure(sdk.decrypt(message, expected)))._tag, "EncryptionContextMismatch")
    }))

  it.effect("takes the plaintext's memory away: an error that says so, and no message of nothing", () =>
    Effect.gen(function*() {
      const buffer = new ArrayBuffer(100)
      const { sdk } = yield* listening(() => void buffer.transfer())
      const exit = yield* Effect.exit(sdk.encrypt(new Uint8Array(buffer), { algorithmSuite }))
      if (Exit.isSuccess(exit)) {
        // Where the plaintext was copied, the listener came too late.
        assert.strictEqual((yield* sdk.decrypt(exit.value.message)).plaintext.length, 100)
      } else {
        const reason = yield* encryptFailure(Effect.failCause(exit.cause))
        assert.deepStrictEqual(fieldsOf(reason), {
          _tag: "InvalidOption",
          field: "plaintext",
          description: "is a view of a buffer that was transferred meanwhile"
        })
      }
    }))
})
