/** A thousand parallel calls on a cold cache, over a keyring that takes 20 ms; and the same calls again. */
import { KeyringNode, type NodeDecryptionMaterial, type NodeEncryptionMaterial } from "@aws-crypto/client-node"
import { Effect, Layer } from "effect"
import { Keyring } from "effect-encryption-sdk"
import * as assert from "node:assert/strict"
import { setTimeout as sleep } from "node:timers/promises"
import { type Benchmark, counted, isWanted, type Result } from "../support/benchmark.ts"
import * as Contest from "../support/contest.ts"
import * as Floor from "../support/floor.ts"
import { measureWhole, type Mode, type Rounds } from "../support/measure.ts"
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

interface Stampede {
  readonly operation: Operation
  readonly indices: ReadonlyArray<number>
  readonly contextOf: (index: number) => Readonly<Record<string, string>>
  /** One message for each context. */
  readonly messages: ReadonlyArray<Uint8Array>
}

/** One side of a stampede: all calls at once, on a cache that `renew` replaces by a cold one. */
interface Crowd {
  readonly renew: () => Promise<void>
  readonly all: () => Promise<unknown>
  /** Number of calls of the keyring since the cache was renewed. */
  readonly calls: () => number
}

const options = (contextOf: Stampede["contextOf"], index: number) => ({
  algorithmSuite,
  encryptionContext: contextOf(index)
})

const ours = ({ contextOf, indices, messages, operation }: Stampede): Crowd => {
  let client: sides.Client
  let calls = 0
  return {
    renew: async () => {
      calls = 0
      client = await sides.clientOf(sides.ours(suite, slowKeyring(() => calls++)))
    },
    all: () =>
      Effect.runPromise(Effect.forEach(
        indices,
        (index): Effect.Effect<unknown, unknown> =>
          operation === "encrypt"
            ? client.encrypt(plaintext, options(contextOf, index))
            : client.decrypt(messages[index % messages.length]!),
        { concurrency: "unbounded", discard: true }
      )),
    calls: () => calls
  }
}

const theirs = ({ contextOf, indices, messages, operation }: Stampede): Crowd => {
  const client = sides.theirClient(suite)
  let manager: ReturnType<typeof sides.theirCaching>
  let calls = 0
  return {
    renew: async () => {
      calls = 0
      manager = sides.theirCaching(new TheirSlowKeyring(() => calls++) as never)
    },
    all: () =>
      Promise.all(indices.map((index): Promise<unknown> =>
        operation === "encrypt"
          ? client.encrypt(manager, plaintext, { suiteId: algorithmSuite.id, encryptionContext: contextOf(index) })
          : client.decrypt(manager, messages[index % messages.length]!)
      )),
    calls: () => calls
  }
}

const floorOf = async ({ indices, operation }: Stampede) => {
  const floor = Floor.make(await sides.floorKeys(suite))
  const message = floor.encrypt(plaintext, frameLength)
  const all = () => {
    for (const _ of indices) {
      if (operation === "encrypt") floor.encrypt(plaintext, frameLength)
      else floor.decrypt(message, frameLength)
    }
  }
  return {
    all,
    /** The least there can be: the keyring's calls at the same time, and then the cryptography. */
    cold: async () => {
      await sleep(latency)
      all()
    }
  }
}

const stampede = async (operation: Operation, contexts: number, parallel: number): Promise<Stampede> => {
  const contextOf = (index: number) => ({ purpose: "bench", tenant: `tenant ${index % contexts}` })
  const client = await sides.clientOf(sides.ours(suite))
  // One data key for each context, as any cache would have made it.
  const results = await Effect.runPromise(
    Effect.forEach(
      Array.from({ length: contexts }).keys(),
      (index) => client.encrypt(plaintext, options(contextOf, index))
    )
  )
  return {
    operation,
    indices: Array.from({ length: parallel }, (_, index) => index),
    contextOf,
    messages: results.map(({ message }) => message)
  }
}

/** Calls of the keyring on a cold cache; afterwards everything is cached. */
const countCalls = async (our: Crowd, their: Crowd, contexts: number): Promise<Rounds> => {
  await our.renew()
  await their.renew()
  await our.all()
  await their.all()
  const calls = counted({ ours: our.calls(), floor: contexts, peer: their.calls() })
  await our.all()
  assert.equal(our.calls(), contexts, "the second time all are hits")
  return calls
}

const benchmark = (operation: Operation, contexts: number): Benchmark => {
  const title = `${operation}, ${contexts === 1 ? "1 context" : `${contexts} contexts`}`
  return {
    name: title,
    processes: 3,
    run: async (mode) => {
      await Contest.warmUp([Contest.small(await Contest.parties(suite))], mode)
      const made = await stampede(operation, contexts, mode.smoke ? 100 : 1000)
      const [our, their, floor] = [ours(made), theirs(made), await floorOf(made)]
      const calls = await countCalls(our, their, contexts)
      const cold = { prepare: our.renew, run: our.all }
      const warm = { run: our.all }
      const cases: Readonly<Record<string, (mode: Mode) => Promise<Rounds>>> = {
        warm: (mode) => measureWhole({ ours: warm, floor: { run: floor.all }, peer: { run: their.all } }, mode),
        cold: (mode) =>
          measureWhole(
            { ours: cold, floor: { run: floor.cold }, peer: { prepare: their.renew, run: their.all } },
            mode
          ),
        "cold without the latency; floor: warm": (mode) =>
          measureWhole({ ours: { ...cold, waiting: latency }, floor: warm }, mode)
      }
      const results: Array<Result> = [{ case: `${title}, calls of the keyring`, unit: "calls", rounds: calls }]
      for (const [name, measured] of Object.entries(cases)) {
        const full = `${title}, ${name}`
        if (isWanted(mode, full)) results.push({ case: full, unit: "ns", rounds: await measured(mode) })
      }
      return results.filter((result) => isWanted(mode, result.case))
    }
  }
}

export const benchmarks: ReadonlyArray<Benchmark> = (["encrypt", "decrypt"] as const).flatMap((operation) =>
  [1, 100].map((contexts) => benchmark(operation, contexts))
)
