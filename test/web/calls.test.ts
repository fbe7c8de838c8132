/** Calls of WebCrypto that a message takes: how many, which of them at the same time, and how often each is waited for. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { AlgorithmSuite, DataKey } from "effect-encryption-sdk"
import { KeyDerivation, Primitives } from "effect-encryption-sdk/crypto"
import { WebPrimitives } from "effect-encryption-sdk/web"
import { openJob } from "../support/primitives/helpers.ts"
import { replaceSubtle } from "../support/withoutAes192.ts"

type Call = (...args: ReadonlyArray<unknown>) => Promise<unknown>

/**
 * WebCrypto that records the names of its calls, those of one turn together. It counts its promises and those made of them:
 * two for each call, where each is waited for once.
 */
const recorder = () => {
  const record = { turns: [] as Array<Array<string>>, promises: 0 }
  let isSameTurn = false
  class Counted<A> extends Promise<A> {
    constructor(executor: ConstructorParameters<typeof Promise<A>>[0]) {
      super(executor)
      record.promises++
    }
  }
  const api = replaceSubtle((target, name) => (...args) => {
    if (!isSameTurn) {
      record.turns.push([])
      queueMicrotask(() => {
        isSameTurn = false
      })
    }
    isSameTurn = true
    record.turns.at(-1)!.push(name)
    const running = (target[name as keyof typeof target] as Call).apply(target, args)
    return new Counted((resolve, reject) => {
      running.then(resolve, reject)
    })
  })
  /** The record since the last one was taken. */
  const taken = () => ({ turns: record.turns.splice(0), promises: record.promises - (record.promises = 0) })
  return { primitives: WebPrimitives.make(api), taken }
}

const suite = AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
const parameters = KeyDerivation.parameters(suite, new Uint8Array(suite.messageIdLength).fill(2))
const derive = (primitives: Primitives.Primitives) =>
  primitives.deriveKeys(DataKey.make(new Uint8Array(suite.dataKeyLength).fill(3)), parameters)

/** Jobs of as many bytes as their numbers. */
const jobs = (count: number) =>
  Array.from({ length: count }, (_, i): Primitives.SealJob => ({
    iv: new Uint8Array(12).fill(i),
    aad: Uint8Array.of(1),
    plaintext: new Uint8Array(i).fill(7),
    output: new Uint8Array(i + 16)
  }))

describe("calls of WebCrypto", () => {
  it.effect("a small message of 0x0478: one import, both derivations at once, then header and frame at once", () =>
    Effect.gen(function*() {
      const { primitives, taken } = recorder()
      const derivations = { turns: [["importKey"], ["deriveKey", "deriveBits"]], promises: 6 }
      const sealed = jobs(2)
      yield* primitives.seal((yield* derive(primitives)).encryptionKey, sealed)
      const encrypting = { turns: [...derivations.turns, ["encrypt", "encrypt"]], promises: 10 }
      assert.deepStrictEqual(taken(), encrypting)

      const { encryptionKey } = yield* derive(primitives)
      assert.deepStrictEqual(taken(), derivations)
      yield* primitives.open(encryptionKey, sealed.map(({ aad, iv, output }) => openJob(iv, aad, output)))
      assert.deepStrictEqual(taken(), { turns: [["decrypt", "decrypt"]], promises: 4 })
    }))

  it.effect("of many jobs 16 begin at once, and each of the others when one ends", () =>
    Effect.gen(function*() {
      const { primitives, taken } = recorder()
      const { encryptionKey } = yield* derive(primitives)
      taken()
      yield* primitives.seal(encryptionKey, jobs(20))
      const { promises, turns } = taken()
      assert.strictEqual(turns[0]!.length, 16)
      assert.deepStrictEqual(turns.flat(), Array.from({ length: 20 }, () => "encrypt"))
      assert.strictEqual(promises, 40)
    }))
})
