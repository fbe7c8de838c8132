import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { stripTypeScriptTypes } from "node:module"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { createContext, runInContext } from "node:vm"
import { instrument, type Instrumented } from "./trace/instrument.ts"
import { isUtility, route } from "./trace/route.ts"

/** Names of the functions that a text enters as it runs, and its value. */
const run = (text: string): { readonly entered: ReadonlyArray<string>; readonly value: unknown } => {
  const functions: Array<Instrumented> = []
  const entered: Array<string> = []
  const code = stripTypeScriptTypes(instrument("x.ts", text, functions))
  const context = createContext({ __entered: (index: number) => entered.push(functions[index]!.name) })
  return { value: structuredClone(runInContext(`${code}; value`, context)), entered }
}

describe("an instrumented source", () => {
  it("logs every function that is entered, by the name of what declares it, and does what it did", () => {
    assert.deepStrictEqual(
      run(`
        function plain(a: number): number { return a }
        const short = (a: number) => plain(a) + 1
        const object = { method() { return short(1) }, get got() { return this.method() } }
        class A { b = () => object.got; static c() { return new A().b() } }
        const unused = () => 1
        const value = A.c()`),
      { entered: ["c", "b", "got", "method", "short", "plain"], value: 2 }
    )
  })

  it("keeps short functions that return each other, objects and conditions", () => {
    assert.deepStrictEqual(
      run(`
        const curried = (a: number) => (b: number) => ({ sum: a + b })
        const either = (a: boolean) => a ? () => 1 : () => 2
        const value = [curried(1)(2).sum, either(true)(), either(false)(), ((a = () => 3) => a())()]`),
      { entered: ["curried", "curried", "either", "either", "either", "either", "value", "a"], value: [3, 1, 2, 3] }
    )
  })

  it("logs a generator at its first step", () => {
    assert.deepStrictEqual(
      run(`
        const steps = function*() { yield 1 }
        const later = steps()
        const first = () => 0
        first()
        const value = [...later]`),
      { entered: ["first", "steps"], value: [1] }
    )
  })
})

describe("a route", () => {
  const through = (...files: ReadonlyArray<string>) => route(files.map((file) => ({ file, name: "f" })))

  it("counts functions, files, and moves from file to file", () => {
    const { files, functions, moves, path } = through("a.ts", "a.ts", "b.ts", "a.ts")
    assert.deepStrictEqual({ files, functions, moves, path }, {
      files: 2,
      functions: 4,
      moves: 3,
      path: ["a.ts", "b.ts", "a.ts"]
    })
  })

  it("counts moves between stations, and those that come back", () => {
    const { returns, stationMoves, stations } = through(
      "a.ts",
      "internal/bytes.ts",
      "a.ts",
      "b/c.ts",
      "model/DataKey.ts",
      "a.ts",
      "d.ts"
    )
    assert.deepStrictEqual({ stations, stationMoves, returns }, { stations: 3, stationMoves: 4, returns: 1 })
    assert.isTrue(isUtility("message/internal/ByteReader.ts"))
    assert.isFalse(isUtility("caching/internal/cacheEntry.ts"))
  })

  it("of nothing is empty", () => {
    assert.deepStrictEqual(through(), {
      functions: 0,
      files: 0,
      moves: 0,
      stations: 0,
      stationMoves: 0,
      returns: 0,
      path: []
    })
  })
})

describe("npm run trace", () => {
  it("prints a line for each operation, and the route of those that are named", async () => {
    const program = fileURLToPath(new URL("trace.ts", import.meta.url))
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=effect-encryption-sdk-source", program, "--path", "decrypt, cache"]
    )
    for (const operation of ["encrypt", "decrypt", "encryptStream", "decryptStream"]) {
      for (const kind of ["default CMM", "cache hit"]) {
        const [, functions, files, moves] = new RegExp(`${operation}, ${kind} +│ +(\\d+) │ +(\\d+) │ +(\\d+)`).exec(
          stdout
        )!
          .map(Number)
        assert.isAbove(functions!, files!)
        assert.isAbove(moves!, 5)
      }
    }
    assert.match(stdout, /\ndecrypt, cache hit\nEncryptionSdk → .+ → /)
  })
})
