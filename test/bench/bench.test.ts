/** That the benchmarks do what they say. How long anything takes is no matter here. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { groups } from "./groups.ts"
import { counted, type Line, line, pooled, quantile, type Result } from "./support/benchmark.ts"
import * as Floor from "./support/floor.ts"
import { measure, measureWhole, type Mode, type Rounds } from "./support/measure.ts"
import * as sides from "./support/sides.ts"
import { table, targetTable } from "./support/table.ts"
import { isReached, type Target, targetOf, targets } from "./targets.ts"

const smoke: Mode = { smoke: true, quick: true, cpu: false }

const run = async (group: string, name: string, mode: Mode = smoke): Promise<ReadonlyArray<Line>> => {
  const { benchmarks } = await groups[group]!()
  const lines: Array<Line> = []
  const named = benchmarks.filter((benchmark) => benchmark.name.includes(name))
  assert.isAbove(named.length, 0, `${group}: ${name}`)
  for (const benchmark of named) lines.push(...(await benchmark.run(mode)).map(line))
  return lines
}

const isTime = (value: number | null) => value !== null && Number.isInteger(value) && value > 0

const checkTimes = ({ floor, ours, oursOverFloor, peer, peerOverOurs }: Line, has: ReadonlyArray<string>) => {
  for (const [name, value] of Object.entries({ ours, floor, peer })) {
    assert.isTrue(has.includes(name) ? isTime(value) : value === null, `${name}: ${value}`)
  }
  for (const [name, value] of Object.entries({ floor: oursOverFloor, peer: peerOverOurs })) {
    assert.isTrue(has.includes(name) ? value !== null && value > 0 : value === null, `ratio to ${name}: ${value}`)
  }
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

  it("branch keys: ours and the peer do the same work under one branch key, which is cached", async () => {
    const lines = await run("branchKeys", "")
    assert.deepStrictEqual(
      lines.map((line) => line.case),
      ["0x0478", "0x0578"].flatMap((suite) =>
        ["encrypt", "decrypt"].flatMap((operation) => [
          `${operation} ${suite}, 1 KiB, branch key cached`,
          `${operation} ${suite}, 1 KiB, data key cached beside the branch key alone`
        ])
      )
    )
    for (const each of lines) checkTimes(each, ["ours", "peer"])
  })

  it("fields: each side reads what every other has written, with as many data keys as there are columns of tenants", async () => {
    const lines = await run("fields", "")
    assert.deepStrictEqual(
      lines.map((line) => line.case),
      ["0x0478", "0x0578"].flatMap((suite) =>
        ["fields", "many at once"].flatMap((what) =>
          ["encode", "decode"].map((direction) => `${direction} 3 rows, ${suite}, ${what}; floor: one by one`)
        )
      )
    )
    for (const each of lines) {
      checkTimes(each, each.case.includes("fields") ? ["ours", "floor", "peer"] : ["ours", "floor"])
    }
  })

  it("streams, hits and the web layer", async () => {
    const lines = await run("streams", "")
    assert.deepStrictEqual(
      lines.map((line) => line.case),
      ["4", "64", "1024"].flatMap((frame) =>
        ["encrypt", "decrypt"].map((operation) => `${operation} 1 MiB in frames of ${frame} KiB`)
      )
    )
    for (const each of lines) {
      checkTimes(
        each,
        each.case.startsWith("encrypt 1 MiB in frames of 4 KiB") ? ["ours", "floor"] : ["ours", "floor", "peer"]
      )
    }
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

/** Rounds of a case beside both others. */
const rounds: Rounds = {
  alone: [],
  besideFloor: [[1_500, 1_000], [3_000, 1_000], [2_000, 1_000]],
  besidePeer: [[1_000, 2_000_000], [1_000, 4_000_000]]
}

describe("measuring", () => {
  it("in smoke mode, work is done once", async () => {
    let calls = 0
    const measured = await measure({ ours: (times) => void (calls += times) }, smoke)
    assert.strictEqual(calls, 1)
    assert.lengthOf(measured.alone, 1)
    assert.deepStrictEqual([measured.besideFloor, measured.besidePeer], [[], []])
  })

  it("sides alternate, each second round begins with the other, and the peer has rounds of its own", async () => {
    const order: Array<string> = []
    const whole = (name: string) => ({ run: () => void order.push(name) })
    const sides = { ours: whole("ours"), floor: whole("floor"), peer: whole("peer") }
    const measured = await measureWhole(sides, { ...smoke, smoke: false })
    assert.isAtLeast(measured.besideFloor.length, 2)
    assert.isAtLeast(measured.besidePeer.length, 2)
    const [beforePeer, withPeer] = [order.slice(0, order.indexOf("peer") - 1), order.slice(order.indexOf("peer") - 1)]
    assert.isFalse(withPeer.includes("floor"))
    // The dropped rounds and those that count each begin with ours.
    assert.deepStrictEqual(beforePeer.slice(0, 4), ["ours", "floor", "floor", "ours"])
    assert.deepStrictEqual(withPeer.slice(0, 4), ["ours", "peer", "peer", "ours"])
    order.length = 0
    await measureWhole(sides, { ...smoke, withoutPeer: true })
    assert.deepStrictEqual(order, ["ours", "floor"])
  })

  it("short work runs twice on each side of a round", async () => {
    const order: Array<string> = []
    const side = (name: string) => (times: number) => {
      order.push(`${name} ${times}`)
      const end = performance.now() + 3
      while (performance.now() < end);
    }
    const measured = await measure({ ours: side("ours"), floor: side("floor") }, { ...smoke, smoke: false })
    assert.isAtLeast(measured.besideFloor.length, 4)
    const turns = order.map((text) => text.split(" ")[0]).join(" ")
    assert.include(turns, "ours floor floor ours floor ours ours floor")
  })

  it("waiting does not count", async () => {
    const whole = { run: () => {}, waiting: 1e9 }
    const { alone } = await measureWhole({ ours: whole }, smoke)
    assert.isBelow(alone[0]![0], 0)
    const cpu = await measureWhole({ ours: whole }, { ...smoke, cpu: true })
    assert.isAtLeast(cpu.alone[0]![0], 0)
  })

  it("quantiles", () => {
    assert.strictEqual(quantile([5, 1, 100], 0.5), 5)
    assert.strictEqual(quantile([4, 1, 100, 2], 0.5), 3)
    assert.strictEqual(quantile([4, 1, 3, 2, 5], 0.25), 2)
    assert.strictEqual(quantile([7], 0.75), 7)
  })

  it("a ratio is the median of the rounds' ratios, and its spread their quartiles", () => {
    assert.deepStrictEqual(line({ case: "case", unit: "ns", rounds }), {
      case: "case",
      unit: "ns",
      ours: 2_000,
      oursSpread: [1_750, 2_500],
      floor: 1_000,
      peer: 3_000_000,
      oursOverFloor: 2,
      oursOverFloorSpread: [1.75, 2.5],
      peerOverOurs: 3_000,
      peerOverOursSpread: [2_500, 3_500]
    })
    const drifting: Rounds = { ...rounds, besideFloor: [[10, 5], [1_000, 400], [100, 30]] }
    assert.strictEqual(line({ case: "case", unit: "ns", rounds: drifting }).oursOverFloor, 2.5)
  })

  it("what is counted once has no spread", () => {
    assert.deepStrictEqual(line({ case: "case", unit: "bytes", rounds: counted({ ours: 1, floor: 2 }) }), {
      case: "case",
      unit: "bytes",
      ours: 1,
      oursSpread: null,
      floor: 2,
      peer: null,
      oursOverFloor: 0.5,
      oursOverFloorSpread: null,
      peerOverOurs: null,
      peerOverOursSpread: null
    })
    assert.strictEqual(line({ case: "case", unit: "bytes", rounds: counted({ ours: 1 }) }).ours, 1)
  })

  it("rounds of several processes count together", () => {
    const result: Result = { case: "case", unit: "ns", rounds }
    const both = pooled([[result], [{ ...result, rounds: { ...rounds, besideFloor: [[9, 1]] } }]])
    assert.lengthOf(both, 1)
    assert.deepStrictEqual(both[0]!.rounds, {
      alone: [],
      besideFloor: [...rounds.besideFloor, [9, 1]],
      besidePeer: [...rounds.besidePeer, ...rounds.besidePeer]
    })
    assert.deepStrictEqual(pooled([[], []]), [])
  })

  it("a table has all figures", () => {
    const text = table([line({ case: "case", unit: "ns", rounds })])
    assert.match(text, /case .* 2\.00 µs .* 1\.00 µs .* 3\.00 ms .* 2 .* 1\.75 to 2\.5 .* 3000 .* 2,500 to 3,500/)
    assert.notInclude(text, "target")
    assert.notInclude(table([line({ case: "case", unit: "ns", rounds: { ...rounds, besidePeer: [] } })]), "peer")
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
      assert.include(
        stderr,
        "messages, edges, signed, branchKeys, fields, stampede, streams, memory, garbage, cache, imports, web"
      )
    })
  }
})

describe("targets", () => {
  /** The line of a target with this figure. */
  const reaching = ({ case: name, figure, group }: Target, value: number): Line => ({
    ...line({
      case: `${group}: ${name}`,
      unit: figure === "ours" ? "bytes" : "ns",
      rounds: counted({ ours: 1000 * value, floor: 1000 })
    }),
    [figure]: value
  })

  it("each is of a case that its benchmark measures, and of nothing else in the mode for targets", async () => {
    for (const [group, ofGroup] of Map.groupBy(targets, ({ group }) => group)) {
      // Chromium is not there on every machine. In Node, the cases have the same names.
      const inNode = (name: string) => group === "web" ? name.replace("Chromium", "Node") : name
      for (const [benchmark, ofBenchmark] of Map.groupBy(ofGroup, ({ benchmark }) => benchmark)) {
        const cases = ofBenchmark.map((target) => inNode(target.case))
        const lines = await run(group, inNode(benchmark), { ...smoke, withoutPeer: true, cases })
        assert.deepStrictEqual(lines.map((line) => line.case), cases)
        for (const { floor, peer } of lines) assert.deepStrictEqual([floor === null, peer], [false, null])
      }
    }
  })

  it("a target is reached by what is at most as much", () => {
    for (const target of targets) {
      assert.strictEqual(targetOf(reaching(target, 1)), target)
      assert.isTrue(isReached(target, reaching(target, target.atMost)))
      assert.isFalse(isReached(target, reaching(target, target.atMost * 1.01)))
    }
  })

  it("tables say which are reached, which are missed, and which were not measured", () => {
    const [ratio, bytes] = [targets[0]!, targets.find(({ figure }) => figure === "ours")!]
    assert.match(table([reaching(ratio, 1)]), / 1\.3 reached /)
    assert.match(table([reaching(ratio, 2)]), / 1\.3 MISSED /)
    const text = targetTable([ratio, bytes, targets[1]!], [reaching(ratio, 1.2), reaching(bytes, 20_000)])
    assert.match(text, /messages: encrypt 0x0478, 0 B .* 1\.2 .* 1\.3 .* yes /)
    assert.match(text, /garbage: encrypt .* 20,000 B .* 8,000 B .* no /)
    assert.match(text, /messages: decrypt 0x0478, 0 B .* 1\.4 .* not measured /)
  })
})
