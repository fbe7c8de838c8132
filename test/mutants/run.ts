/**
 * `npm run test:mutants`: can the tests fail?
 *
 * Copies the sources and the tests into a temporary folder. The unmutated tests must pass there first. Then each mutant of
 * `mutants.ts` is seeded in a copy of its own, which must type-check, and the one test that the table names must fail by an
 * assertion. The last line says how many mutants were killed; the exit status is 1 unless all of them were.
 *
 * `npm run test:mutants -- off-by-one sliding` seeds only the mutants whose names have one of these texts in them, and
 * runs only the test files that these need. `--sample 90 --seed TEXT` seeds 90 of them, which the seed chooses.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Data, Duration, Effect, FileSystem, Path, Runtime, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Mutant from "./Mutant.ts"
import { mutants } from "./mutants.ts"
import { sample } from "./sample.ts"
import * as TestReport from "./TestReport.ts"

const repository = fileURLToPath(new URL("../..", import.meta.url))
const copied = ["src", "test", "package.json", "tsconfig.json", "vitest.config.ts"]
const suite = "test/caching/"

/** What was written to the terminal says all; there is nothing to add but the exit status. */
class Unsuccessful extends Data.TaggedError("Unsuccessful") {
  override readonly [Runtime.errorReported] = false
}

const unsuccessful = (lines: ReadonlyArray<string>) =>
  Effect.andThen(Console.error(lines.join("\n")), Effect.fail(new Unsuccessful()))

/** Runs a program of `node_modules` in a folder, to its end or to a time limit. */
const run = (folder: string, minutes: number, program: string, args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { join } = yield* Path.Path
    const child = yield* ChildProcess.make(
      process.execPath,
      [join(repository, "node_modules", program), ...args],
      { cwd: folder, stdin: "ignore", env: { NO_COLOR: "1" }, extendEnv: true, forceKillAfter: "5 seconds" }
    )
    const output = yield* Stream.mkString(Stream.decodeText(child.all))
    return { status: Number(yield* child.exitCode), output: output.trim() }
  }).pipe(
    Effect.scoped,
    Effect.timeoutOrElse({
      duration: Duration.minutes(minutes),
      orElse: () => Effect.succeed({ status: 1, output: `${program} was ended after ${minutes} minutes` })
    })
  )

/** What the compiler says of the sources of a copy. The second time it looks only at what has changed. */
const typeErrors = Effect.fnUntraced(function*(folder: string) {
  const { join } = yield* Path.Path
  const args = ["--noEmit", "--project", "src", "--incremental", "--tsBuildInfoFile", join(folder, "tsbuildinfo")]
  const { output, status } = yield* run(folder, 2, "typescript/bin/tsc", args)
  return status === 0 ? undefined : output
})

/** Runs tests in a copy. Answers vitest's report, or the output where there is none. */
const runTests = Effect.fnUntraced(function*(folder: string, minutes: number, args: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const { join } = yield* Path.Path
  const file = join(folder, "report.json")
  const { output } = yield* run(folder, minutes, "vitest/vitest.mjs", [
    "run",
    "--project=node",
    // Quicker to start than processes.
    "--pool=threads",
    "--reporter=json",
    `--outputFile=${file}`,
    ...args
  ])
  return yield* fs.readFileString(file).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Schema.fromJsonString(TestReport.TestReport))),
    Effect.orElseSucceed(() => `vitest wrote no report\n${output}`)
  )
})

const survived = (reason: string): TestReport.Verdict => ({ _tag: "Survived", reason })

const literally = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/gu, String.raw`\$&`)

/** Seeds one mutant in a copy of the original, and says what became of it. */
const seed = Effect.fnUntraced(function*(original: string, mutant: Mutant.Mutant) {
  const fs = yield* FileSystem.FileSystem
  const { dirname, join } = yield* Path.Path
  const folder = yield* fs.makeTempDirectoryScoped({ directory: dirname(original) })
  yield* fs.copy(original, folder)
  const file = join(folder, mutant.file)
  const defective = yield* Effect.fromResult(Mutant.apply(mutant, yield* fs.readFileString(file)))
  yield* fs.writeFileString(file, defective)
  const errors = yield* typeErrors(folder)
  if (errors !== undefined) return survived(`it does not type-check, and is no mutant\n${errors}`)
  const { killedBy } = mutant
  const report = yield* runTests(folder, 2, [
    killedBy.file,
    `--testNamePattern=^${literally(killedBy.title)}$`
  ])
  return typeof report === "string" ? survived(report) : TestReport.verdict(report, killedBy)
}, Effect.scoped)

const parse = Effect.suspend(() => {
  try {
    const parsed = parseArgs({
      allowPositionals: true,
      options: { sample: { type: "string" }, seed: { type: "string", default: "" } }
    })
    const { sample: size } = parsed.values
    return size === undefined || /^[1-9][0-9]*$/u.test(size)
      ? Effect.succeed(parsed)
      : unsuccessful([`--sample must be a number from 1, got ${size}`])
  } catch (error) {
    return unsuccessful([(error as Error).message])
  }
})

const inSeconds = (duration: Duration.Duration): string => `${Duration.toSeconds(duration).toFixed(1)} s`

const program = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const { join } = yield* Path.Path
  const { positionals: wanted, values } = yield* parse
  const named = mutants.filter(({ name }) => wanted.length === 0 || wanted.some((text) => name.includes(text)))
  if (named.length === 0) return yield* unsuccessful([`no mutant's name has ${wanted.join(" or ")} in it`])
  const size = values.sample === undefined ? named.length : Number(values.sample)
  const seeded = sample(named, size, values.seed)
  if (seeded.length < named.length) {
    yield* Console.log(`${seeded.length} of ${named.length} mutants: --sample ${size} --seed ${values.seed}`)
  }

  const temporary = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "effect-encryption-sdk-mutants-" }))
  const original = join(temporary, "original")
  yield* fs.makeDirectory(original)
  for (const name of copied) yield* fs.copy(join(repository, name), join(original, name))
  // Found from every copy, as from any folder beneath it.
  yield* fs.symlink(join(repository, "node_modules"), join(temporary, "node_modules"))

  const stale = yield* Effect.forEach(
    seeded,
    (mutant) =>
      Effect.map(fs.readFileString(join(original, mutant.file)), (source) => {
        const applied = Mutant.apply(mutant, source)
        return applied._tag === "Failure" ? [applied.failure.message] : []
      })
  )
  if (stale.flat().length > 0) return yield* unsuccessful(stale.flat())

  const errors = yield* typeErrors(original)
  if (errors !== undefined) return yield* unsuccessful(["the unmutated sources do not type-check:", errors])
  const files = new Set(seeded.map(({ killedBy }) => killedBy.file))
  if (seeded.length === mutants.length) files.add(suite)
  const [time, report] = yield* Effect.timed(runTests(original, 15, [...files]))
  if (typeof report === "string") return yield* unsuccessful([report])
  const failed = TestReport.failures(report)
  if (failed.length > 0 || !report.success) {
    return yield* unsuccessful(["the unmutated tests do not pass:", ...failed])
  }
  const unsound = seeded.flatMap(({ killedBy, name }) => {
    const wrong = TestReport.unsound(report, killedBy)
    return wrong === undefined ? [] : [`mutant "${name}": the test "${killedBy.title}" of ${killedBy.file} ${wrong}`]
  })
  if (unsound.length > 0) return yield* unsuccessful(unsound)
  yield* Console.log(`unmutated: all ${report.numTotalTests} tests pass (${inSeconds(time)})\n`)
  yield* fs.remove(join(original, "report.json"))

  let killed = 0
  yield* Effect.forEach(seeded, (mutant) =>
    Effect.flatMap(Effect.timed(seed(original, mutant)), ([time, verdict]) => {
      const { file, title } = mutant.killedBy
      const by = `    ${file}: ${title}`
      if (verdict._tag === "Survived") {
        return Console.log(`SURVIVED  ${mutant.name} (${inSeconds(time)})\n${by}\n    ${verdict.reason}`)
      }
      killed++
      return Console.log(`killed    ${mutant.name} (${inSeconds(time)})\n${by}\n    ${verdict.assertion}`)
    }), { concurrency: 2, discard: true })
  yield* Console.log(`\nkilled ${killed}/${seeded.length}`)
  if (killed < seeded.length) return yield* new Unsuccessful()
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
