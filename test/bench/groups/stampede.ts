/** A thousand parallel calls on a cold cache, over a keyring that takes 20 ms; and the same calls again. */
import { KeyringNode, type NodeDecryptionMaterial, type NodeEncryptionMaterial } from "@aws-crypto/client-node"
import { Effect, Layer } from "effect"
import { Keyring } from "effect-encryption-sdk"
import * as assert from "node:assert/strict"
import { setTimeout as sleep } from "node:timers/promises"
import { type Benchmark, line } from "../support/benchmark.ts"
import * as Floor from "../support/floor.ts"
import { measureWhole } from "../support/measure.ts"
import * as sides from "../support/sides.ts"

const latency = 20
const frameLength = 4096
const suite = "0x0478"
const algorithmSuite = sides.suites[suite]
const plaintext = new Uint8Array(100).fill(0x61)
type Operation = "encrypt" | "decrypt"

/** The raw AES keyring behind a network. */
const slowKeyring = (count: () => void) => {
  const through = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      count()
      return Effect.delay(effect, latency)
    })
  return Layer.effect(
    Keyring.Keyring,
    Effect.map(Keyring.Keyring, (keyring) =>
      Keyring.make({
        name: "SlowKeyring",
        onEncrypt: (materials) => through(keyring.onEncrypt(materials)),
        onDecrypt: (materials, encryptedDataKeys) => through(keyring.onDecrypt(materials, encryptedDataKeys))
      }))
  ).pipe(Layer.provide(sides.rawAesKeyring))
}

class TheirSlowKeyring extends KeyringNode {
  readonly keyring = sides.theirKeyring()
  readonly count: () => void

  constructor(count: () => void) {
    super()
    this.count = count
  }

  override async _onEncrypt(material: NodeEncryptionMaterial) {
    this.count()
    await sleep(latency)
    return await this.keyring.onEncrypt(material)
  }

  override async _onDecrypt(
    material: NodeDecryptionMaterial,
    encryptedDataKeys: Parameters<KeyringNode["_onDecrypt"]>[1]
  ) {
    this.count()
    await sleep(latency)
    return await this.keyring.onDecrypt(material, encryptedDataKeys)
  }
}

const benchmark = (operation: Operation, contexts: number): Benchmark => {
  const title = `${operation}, ${contexts === 1 ? "1 context" : `${contexts} contexts`}`
  return {
    name: title,
    run: async (mode) => {
      await sides.warmUp(suite, mode)
      const parallel = mode.smoke ? 100 : 1000
      const contextOf = (index: number) => ({ purpose: "bench", tenant: `tenant ${index % contexts}` })
      const options = (index: number) => ({ algorithmSuite, encryptionContext: contextOf(index) })
      const theirOptions = (index: number) => ({ suiteId: algorithmSuite.id, encryptionContext: contextOf(index) })
      const theirs = sides.theirClient(suite)
      const first = await sides.clientOf(sides.ours(suite))
      // One data key for each context, as any cache would have made it.
      const messages = await Effect.runPromise(
        Effect.forEach(Array.from({ length: contexts }).keys(), (index) => first.encrypt(plaintext, options(index)))
      )
      const indices = Array.from({ length: parallel }, (_, index) => index)
      const floor = Floor.make(await sides.floorKeys(suite))
      const floorMessage = floor.encrypt(plaintext, frameLength)

      let client: sides.Client
      let calls = 0
      const renew = async () => {
        calls = 0
        client = await sides.clientOf(sides.ours(suite, slowKeyring(() => calls++)))
      }
      const all = () =>
        Effect.runPromise(Effect.forEach(
          indices,
          (index): Effect.Effect<unknown, unknown> =>
            operation === "encrypt"
              ? client.encrypt(plaintext, options(index))
              : client.decrypt(messages[index % contexts]!.message),
          { concurrency: "unbounded", discard: true }
        ))

      let manager: ReturnType<typeof sides.theirCaching>
      let theirCalls = 0
      const theirRenew = async () => {
        theirCalls = 0
        manager = sides.theirCaching(new TheirSlowKeyring(() => theirCalls++) as never)
      }
      const theirAll = () =>
        Promise.all(indices.map((index): Promise<unknown> =>
          operation === "encrypt"
            ? theirs.encrypt(manager, plaintext, theirOptions(index))
            : theirs.decrypt(manager, messages[index % contexts]!.message)
        ))

      const floorAll = () => {
        for (const _ of indices) {
          if (operation === "encrypt") floor.encrypt(plaintext, frameLength)
          else floor.decrypt(floorMessage, frameLength)
        }
      }
      // The least there can be: the keyring's calls at the same time, and then the cryptography.
      const floorCold = async () => {
        await sleep(latency)
        floorAll()
      }

      await renew()
      await theirRenew()
      await all()
      await theirAll()
      const counted = { ours: calls, floor: contexts, peer: theirCalls }
      await all()
      assert.equal(calls, contexts, "the second time all are hits")
      const rounds = { quick: 1, full: 11 }
      const warm = await measureWhole(
        { ours: { run: all }, floor: { run: floorAll }, peer: { run: theirAll } },
        rounds,
        mode
      )
      const cold = await measureWhole(
        {
          ours: { prepare: renew, run: all },
          floor: { run: floorCold },
          peer: { prepare: theirRenew, run: theirAll }
        },
        rounds,
        mode
      )
      return [
        line(`${title}, calls of the keyring`, "calls", counted),
        line(`${title}, cold`, "ns", cold),
        line(`${title}, cold without the latency; floor: warm`, "ns", {
          ours: cold.ours! - 1e6 * latency,
          floor: warm.ours
        }),
        line(`${title}, warm`, "ns", warm)
      ]
    }
  }
}

export const benchmarks: ReadonlyArray<Benchmark> = (["encrypt", "decrypt"] as const).flatMap((operation) =>
  [1, 100].map((contexts) => benchmark(operation, contexts))
)
