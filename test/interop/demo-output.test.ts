import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import * as Records from "../../docs/examples/demo/records.ts"
import { lastLine, run } from "../support/run.ts"

const decrypt = (file: string) => run("test/support/decryptWithJavascriptSdk.ts", [file])

const inDirectory = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped()
  return { fs, file: path.join(directory, "messages") }
})

describe("what the demo writes is decrypted by the AWS Encryption SDK for JavaScript, in another process", () => {
  for (const suite of ["0x0578", "0x0478"]) {
    it.live(`suite ${suite}`, () =>
      Effect.gen(function*() {
        const { file } = yield* inDirectory
        const args = ["--records", "60", "--max-messages", "10", "--suite", suite, "--output", file]
        const encrypted = yield* run("docs/examples/demo/main.ts", args)
        assert.strictEqual(lastLine(encrypted.stdout), "verified 60/60 records", encrypted.stderr)
        const decrypted = yield* decrypt(file)
        assert.strictEqual(decrypted.status, 0, decrypted.stderr)
        const { records } = yield* Records.load({ input: undefined, column: undefined, count: 60 })
        const answers = decrypted.stdout.trimEnd().split("\n").map((line) => {
          const { encryptionContext, plaintext } = JSON.parse(line)
          const { "aws-crypto-public-key": publicKey, ...own } = encryptionContext
          assert.strictEqual(publicKey !== undefined, suite === "0x0578")
          return { plaintext, encryptionContext: own }
        })
        assert.deepStrictEqual(
          answers,
          records.map(({ encryptionContext, plaintext }) => ({
            plaintext: new TextDecoder().decode(plaintext),
            encryptionContext: { ...encryptionContext }
          }))
        )
      }).pipe(Effect.provide(NodeServices.layer)), 120_000)
  }

  it.live(
    "records of one's own, under contexts that are not ASCII; and not with another key",
    () =>
      Effect.gen(function*() {
        const { file, fs } = yield* inDirectory
        const records = [`{"ⅰé": "Zoë"}`, `{"ⅰé": "😀"}`]
        yield* fs.writeFileString(`${file}.jsonl`, records.join("\n"))
        const args = ["--input", `${file}.jsonl`, "--column", "ⅰé", "--output", file]
        const encrypted = yield* run("docs/examples/demo/main.ts", args)
        assert.strictEqual(lastLine(encrypted.stdout), "verified 2/2 records", encrypted.stderr)
        const decrypted = yield* decrypt(file)
        assert.strictEqual(decrypted.status, 0, decrypted.stderr)
        assert.deepStrictEqual(
          decrypted.stdout.trimEnd().split("\n").map((line) => JSON.parse(line).plaintext),
          records
        )

        const key = JSON.parse(yield* fs.readFileString(`${file}.key`))
        const other = { ...key, wrappingKey: Buffer.alloc(32, 7).toString("base64") }
        yield* fs.writeFileString(`${file}.key`, JSON.stringify(other))
        const refused = yield* decrypt(file)
        assert.notStrictEqual(refused.status, 0)
        assert.strictEqual(refused.stdout, "")
      }).pipe(Effect.provide(NodeServices.layer)),
    120_000
  )
})
