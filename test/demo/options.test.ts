import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Path } from "effect"
import { TestConsole } from "effect/testing"
import { run } from "../../docs/examples/demo/command.ts"

/** What the demo says on standard error where it fails. */
const errorOf = (args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    yield* Effect.flip(run(args))
    return (yield* TestConsole.errorLines).join("\n")
  })

const output = Effect.map(TestConsole.logLines, (lines) => lines.join("\n"))

describe("a wrong option is named with its bound, and nothing is done", () => {
  const keyArn = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-1111-1111-111111111111"
  for (
    const [args, message] of [
      [["--records", "0"], `Invalid value for flag --records: "0". Expected: an integer from 1 to`],
      [["--records", "20000"], "--records must be an integer from 1 to 10000, the number of records in birdstrikes"],
      [["--max-age", "60000"], "--max-age must be a positive, finite Duration"],
      [["--max-messages", "0"], "--max-messages must be an integer from 1 to 4294967296, got \"0\""],
      [["--max-bytes", "9223372036854775808"], "--max-bytes must be an integer from 0 to 9223372036854775807"],
      [["--capacity", "1.5"], `Invalid value for flag --capacity: "1.5". Expected: an integer from 0 to`],
      [["--column", "tenant"], "--column must be a column of birdstrikes, got \"tenant\": \"Airport Name\""],
      [["--input", "no/such/file", "--column", "a"], "--input must be a file that can be read"],
      [["--input", "package.json", "--column", "a"], "package.json, line 1 is not JSON"],
      [["--output", "no/such/file"], "--output must be a file in a directory that can be written to"],
      [["--output", "package.json"], "--output would replace package.json, which exists already"],
      [["--kms-key", "alias/orders"], "--kms-key must be a key ARN"],
      [["--kms-key", keyArn, "--kms-latency", "1 second"], "--kms-latency is simulated by the embedded KMS"],
      [["--kms-latency", "25"], "--kms-latency must be a Duration such as \"25 millis\""],
      [["--kms-latency=-1 seconds"], "--kms-latency must be a Duration such as \"25 millis\""],
      [["--kms-latency", "Infinity"], "--kms-latency must be a Duration such as \"25 millis\""],
      [["--endpoint", "http://127.0.0.1:5000"], "--endpoint is for a real AWS KMS"],
      [["--kms-key", keyArn, "--endpoint", "localhost"], "--endpoint must be a URL"],
      [["--suite", "0x0078"], `Invalid value for flag --suite: "0x0078"`],
      [["--parallel", "0"], `Invalid value for flag --parallel: "0". Expected: an integer from 1 to 10000`],
      [["--hierarchical", "--max-messages", "5"], "--max-messages is of cached data keys"],
      [["--hierarchical", "--max-bytes", "5"], "--max-bytes is of cached data keys"],
      [["--hierarchical", "--refresh-ahead"], "--refresh-ahead is of cached data keys"],
      [["--hierarchical", "--output", "out"], "--output is for messages under keys that outlive the run"],
      [["--hierarchical", "--kms-key", keyArn], "--kms-key is a real one"],
      [["--hierarchical", "--capacity", "0"], "--capacity must be at least 1 with --hierarchical"],
      [["--colour"], "Unrecognized flag: --colour"]
    ] as const
  ) {
    it.effect(args.join(" "), () =>
      Effect.gen(function*() {
        assert.include(yield* errorOf(args), message)
        assert.notInclude(yield* output, "records of", "nothing was done")
      }))
  }
})

describe("nothing is lost", () => {
  const files = Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* fs.makeTempDirectoryScoped()
    return { fs, file: (name: string) => path.join(directory, name) }
  })

  for (const existing of ["out", "out.key"]) {
    it.effect(`a file that is there already is not replaced: ${existing}`, () =>
      Effect.gen(function*() {
        const { file, fs } = yield* files
        yield* fs.writeFileString(file(existing), "mine")
        const error = yield* errorOf(["--output", file("out")])
        assert.include(error, `--output would replace ${file(existing)}, which exists already: --force lets it`)
        assert.strictEqual(yield* fs.readFileString(file(existing)), "mine")
        assert.notInclude(yield* output, "records of", "nothing was done")
      }).pipe(Effect.provide(NodeServices.layer)))
  }

  it.effect("a directory is not replaced, whatever is allowed", () =>
    Effect.gen(function*() {
      const { file, fs } = yield* files
      yield* fs.makeDirectory(file("out"))
      const error = yield* errorOf(["--output", file("out"), "--force"])
      assert.include(error, `--output would replace ${file("out")}, which is no regular file`)
    }).pipe(Effect.provide(NodeServices.layer)))

  for (const output of ["records.key", "link"]) {
    it.effect(`the input is not replaced, whatever is allowed: ${output}`, () =>
      Effect.gen(function*() {
        const { file, fs } = yield* files
        yield* fs.writeFileString(file("records.key"), `{"a":"b"}\n`)
        yield* fs.symlink(file("records.key"), file("link"))
        for (const name of [output, "records"]) {
          const args = ["--input", file("records.key"), "--column", "a", "--output", file(name), "--force"]
          assert.include(yield* errorOf(args), "which is the --input")
          assert.strictEqual(yield* fs.readFileString(file("records.key")), `{"a":"b"}\n`)
        }
      }).pipe(Effect.provide(NodeServices.layer)))
  }
})

describe("records of one's own", () => {
  for (
    const [title, text, message] of [
      ["a line that is no JSON", `{"a":1}\n{`, "line 2 is not JSON"],
      ["a line that is no object", `\n{"a":1}\n[1]\n`, "line 3 is not a JSON object"],
      ["null", "null", "line 1 is not a JSON object"],
      ["a record without the column", `{"a":1}\n{"b":1}`, `line 2: column "a" must be a string, a number or a boolean`],
      ["a value that is no text", `{"a":null}`, `line 1: column "a" must be a string, a number or a boolean`],
      ["no records", "\n\n", "has no records"],
      ["no such column", `{"b":1,"c":2}`, `--column must be a column of`]
    ] as const
  ) {
    it.effect(`must be records: ${title}`, () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const file = yield* fs.makeTempFileScoped()
        yield* fs.writeFileString(file, text)
        const error = yield* errorOf(["--input", file, "--column", "a"])
        assert.include(error, message)
        assert.include(error, file)
      }).pipe(Effect.provide(NodeServices.layer)))
  }

  it.effect("must be UTF-8", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.makeTempFileScoped()
      yield* fs.writeFile(file, Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d))
      assert.include(yield* errorOf(["--input", file, "--column", "a"]), `${file} is not UTF-8 text`)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("need a column, and the message lists those that there are", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.makeTempFileScoped()
      yield* fs.writeFileString(file, `{"b":1,"c":2}`)
      assert.include(yield* errorOf(["--input", file]), `--column must be a column of ${file}: "b", "c"`)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("may not have a column of a reserved name", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.makeTempFileScoped()
      yield* fs.writeFileString(file, `{"aws-crypto-public-key":"x"}`)
      const error = yield* errorOf(["--input", file, "--column", "aws-crypto-public-key"])
      assert.include(error, "record 1: encrypt: ")
      assert.include(error, "keys that begin with aws-crypto- are reserved")
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("--help", () => {
  it.effect("explains every option", () =>
    Effect.gen(function*() {
      yield* run(["--help"])
      const help = yield* output
      for (
        const option of [
          ..."records max-age max-messages max-bytes capacity column input output force".split(" "),
          ..."kms-key endpoint kms-latency suite parallel".split(" ")
        ]
      ) {
        assert.match(help, new RegExp(`--${option} .*[a-z]{3}`))
      }
    }))
})
