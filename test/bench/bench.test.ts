/** That the benchmarks do what they say. How long anything takes is no matter here. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { groups } from "./groups.ts"
import { type Line, line } from "./support/benchmark.ts"
import * as Floor from "./support/floor.ts"
import { measure, median, type Mode } from "./support/measure.ts"
import * as sides from "./support/sides.ts"
import { table } from "./support/table.ts"

const smoke: Mode = { smoke: true, quick: true, cpu: false }

const run = async (group: string, name: string): Promise<ReadonlyArray<Line>> => {
  const { benchmarks } = await groups[group]!()
  const lines: Array<Line> = []
  const named = benchmarks.filter((benchmark) => benchmark.name.includes(name))
  assert.isAbove(named.length, 0, `${group}: ${name}`)
  for (const benchmark of named) lines.push(...await benchmark.run(smoke))
  return lines
}

const isTime = (value: number | null) => value !== null && Number.isInteger(value) && value > 0

const checkTimes = ({ floor, ours, oursOverFloor, peer, peerOverOurs }: Line, has: ReadonlyArray<string>) => {
  for (const [name, value] of Object.entries({ ours, floor, peer })) {
    assert.isTrue(has.includes(name) ? isTime(value) : value === null, `${name}: ${value}`)
  }
  const ratio = (a: number | null, b: number | null) => a === null || b === null ? null : Number((a / b).toPrecision(3))
  assert.strictEqual(oursOverFloor, ratio(ours, floor))
  assert.strictEqual(peerOverOurs, ratio(peer, ours))
}

describe("benchmarks", () => {
  for (const suite of ["0x0478", "0x0578", "0x0178"]) {
    it(`messages of ${suite}: ours, the floor and the peer do the same work`, async () => {
      // Each case begins with the check that all three read the floor's message.
      const lines = await run("messages", `${suite}, small`)
      assert.deepStrictEqual(
        lines.map((line) => line.case),
        ["0 B", "100 B", "1 KiB", "10 KiB"].flatMap((length) =>
          ["encrypt", "decrypt"].map((operation) => `${operation} ${suite}, ${length} in frames of 4 KiB`)
        )
      )
      for (const each of lines) checkTimes(each, ["ours", "floor", "peer"])
    })
  }

  it("the sizes, suites and frame lengths there are", async () => {
    const { benchmarks } = await groups["messages"]!()
    const large = ["100 KiB", "1 MiB", "10 MiB"]
    assert.deepStrictEqual(benchmarks.map(({ name }) => name), [
      ...["0x0478", "0x0578", "0x0178"].flatMap((suite) => [
        `${suite}, small`,
        ...large.map((length) => `${suite}, ${length} in frames of 4 KiB`)
      ]),
      ...["64 KiB", "1 MiB"].flatMap((frame) => large.map((length) => `0x0478, ${length} in frames of ${frame}`))
    ])
    for (const load of Object.values(groups)) {
      const names = (await load()).benchmarks.map(({ name }) => name)
      assert.strictEqual(new Set(names).size, names.length)
    }
  })

  it("calls from outside, listeners, and signed messages in parallel", async () => {
    for (const each of await run("edges", "Effect.runPromise")) checkTimes(each, ["ours", "floor", "peer"])
    for (const each of await run("edges", "somebody listens")) checkTimes(each, ["ours", "floor"])
    for (const each of await run("signed", "")) checkTimes(each, ["ours", "floor", "peer"])
  })

  it("a stampede makes exactly as many calls as there are contexts", async () => {
    const lines = await run("stampede", "")
    assert.deepStrictEqual(
      lines.filter(({ unit }) => unit === "calls").map((line) => [line.case, line.ours, line.floor, line.peer]),
      ["encrypt", "decrypt"].flatMap((operation) => [
        [`${operation}, 1 context, calls of the keyring`, 1, 1, 100],
        [`${operation}, 100 contexts, calls of the keyring`, 100, 100, 100]
      ])
    )
    for (const each of lines.filter(({ unit }) => unit === "ns")) {
      checkTimes(each, each.case.includes("without the latency") ? ["ours", "floor"] : ["ours", "floor", "peer"])
    }
  })

  it("streams, hits and the web layer", async () => {
    const lines = await run("streams", "")
    assert.strictEqual(lines.length, 4)
    for (const each of lines) checkTimes(each, ["ours", "floor", "peer"])
    const hits = await run("cache", "hit")
    assert.deepStrictEqual(hits.map((line) => line.case), ["hit of one, 1 entries"])
    for (const each of hits) checkTimes(each, ["ours", "peer"])
    for (const each of await run("web", "Node")) checkTimes(each, ["ours", "floor"])
  })
})

describe("the floor authenticates", () => {
  for (const suite of ["0x0478", "0x0578", "0x0178"] as const) {
    it(`a changed byte of a message of ${suite} is refused, wherever it is`, async () => {
      const floor = Floor.make(await sides.floorKeys(suite))
      const plaintext = Uint8Array.from({ length: 250 }, (_, index) => index)
      const message = floor.encrypt(plaintext, 100)
      assert.deepStrictEqual(new Uint8Array(floor.decrypt(message, 100)), plaintext)
      for (let offset = 0; offset < message.length; offset += suite === "0x0578" ? 29 : 1) {
        const changed = Uint8Array.from(message)
        changed[offset]! ^= 1
        let read: Uint8Array
        try {
          read = floor.decrypt(changed, 100)
        } catch {
          continue
        }
        // What stands in clear in a body is not read: how many frames there are follows from the message's length.
        assert.deepStrictEqual(new Uint8Array(read), plaintext, `byte ${offset}`)
      }
      for (const offset of [5, message.length - 40, message.length - 1]) {
        const changed = Uint8Array.from(message)
        changed[offset]! ^= 1
        assert.throws(() => floor.decrypt(changed, 100))
      }
    })
  }
})

describe("measuring", () => {
  it("a time is of the work done once", async () => {
    let calls = 0
    const times = await measure({ ours: (times) => void (calls += times) }, smoke)
    assert.isAbove(calls, 1)
    assert.deepStrictEqual([times.floor, times.peer], [null, null])
  })

  it("the median", () => {
    assert.strictEqual(median([5, 1, 100]), 5)
    assert.strictEqual(median([4, 1, 100, 2]), 3)
  })

  it("a line has all fields, and a table all figures", () => {
    const one = line("case", "ns", { ours: 1_500, floor: 1_000, peer: 3_000_000 })
    assert.deepStrictEqual(one, {
      case: "case",
      unit: "ns",
      ours: 1_500,
      floor: 1_000,
      peer: 3_000_000,
      oursOverFloor: 1.5,
      peerOverOurs: 2000
    })
    assert.deepStrictEqual(line("case", "bytes", { ours: 1 }), {
      case: "case",
      unit: "bytes",
      ours: 1,
      floor: null,
      peer: null,
      oursOverFloor: null,
      peerOverOurs: null
    })
    assert.match(table([one]), /case .* 1\.50 µs .* 1\.00 µs .* 3\.00 ms .* 1\.5 .* 2000/)
  })

  for (
    const [args, problem] of [[["--fast"], "--fast"], [["mesages"], "mesages"], [
      ["memory", "--only", "?"],
      "?"
    ]] as const
  ) {
    it(`npm run bench -- ${args.join(" ")} says what is wrong`, () => {
      const { status, stderr } = spawnSync(
        process.execPath,
        ["--conditions=effect-encryption-sdk-source", "test/bench/run.ts", ...args],
        { encoding: "utf8" }
      )
      assert.strictEqual(status, 1)
      assert.include(stderr, problem)
      assert.include(stderr, "messages, edges, signed, stampede, streams, memory, cache, imports, web")
    })
  }
})
