import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path, Result, type Scope } from "effect"
import { MessageHeader } from "effect-encryption-sdk/message"
import * as Records from "../../docs/examples/demo/records.ts"
import { forEncryption, requiredCalls } from "../../docs/examples/demo/required-calls.ts"
import { type Ended, lastLine, run, type Watch } from "../support/run.ts"

/** Without signatures, which nothing here depends on, a run is short. */
const demo = (args: ReadonlyArray<string>, watch?: Watch) =>
  run("docs/examples/demo/main.ts", ["--suite", "0x0478", "--kms-latency", "1 milli", ...args], watch)

/** The numbers of a row of the table, for encryption and decryption. */
const row = ({ stdout }: Ended, name: string): ReadonlyArray<string> => {
  const line = stdout.split("\n").find((line) => line.startsWith(`│ ${name} `))
  assert.isDefined(line, `no row ${name} in ${stdout}`)
  return line.split("│").slice(2, -1).map((cell) => cell.trim())
}

const succeeds = (ended: Ended, records: number) => {
  assert.strictEqual(ended.status, 0, ended.stdout + ended.stderr)
  assert.strictEqual(lastLine(ended.stdout), `verified ${records}/${records} records`)
}

/** The records that the demo takes, as the requests that the model of the rules takes. */
const requests = (count: number, column?: string) =>
  Effect.map(
    Records.load({ input: undefined, column, count }),
    (source) =>
      source.records.map(({ encryptionContext, plaintext }) => ({
        context: encryptionContext[source.column]!,
        length: plaintext.length
      }))
  )

const noLimits = { maxMessages: 1000, maxBytes: 2n ** 63n - 1n, capacity: 100 }

const inDirectory = <A, E, R>(use: (file: (name: string) => string) => Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* fs.makeTempDirectoryScoped()
    return yield* use((name) => path.join(directory, name))
  })

const lines = (path: string) =>
  Effect.map(
    Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)),
    (text) => text.trimEnd().split("\n")
  )

/** The header of a message that stands on a line. */
const headerOf = (line: string) =>
  Result.getOrThrow(MessageHeader.decode(new Uint8Array(Buffer.from(line, "base64")))).header

/** The misses of a cache that keeps the values that were used last, looked for in a list. */
const leastRecentlyUsedMisses = (values: ReadonlyArray<string>, capacity: number): number => {
  let kept: ReadonlyArray<string> = []
  let misses = 0
  for (const value of values) {
    if (!kept.includes(value)) misses++
    kept = [value, ...kept.filter((other) => other !== value)].slice(0, capacity)
  }
  return misses
}

const test = (title: string, effect: Effect.Effect<void, unknown, NodeServices.NodeServices | Scope.Scope>) =>
  it.live(title, () => Effect.provide(effect, NodeServices.layer), 120_000)

describe.concurrent("npm run demo", () => {
  test(
    "encrypts, decrypts and verifies, under one data key for each context",
    Effect.gen(function*() {
      const ended = yield* run("docs/examples/demo/main.ts", ["--records", "200"])
      succeeds(ended, 200)
      const contexts = new Set((yield* requests(200)).map(({ context }) => context)).size
      assert.isAbove(contexts, 1)
      assert.deepStrictEqual(row(ended, "records"), ["200", "200"])
      assert.deepStrictEqual(row(ended, "KMS calls made"), [`${contexts} GenerateDataKey`, `${contexts} Decrypt`])
      assert.deepStrictEqual(row(ended, "calls that the thresholds require"), [`${contexts}`, `${contexts}`])
      assert.deepStrictEqual(row(ended, "calls without a cache"), ["200", "200"])
      assert.deepStrictEqual(row(ended, "hits"), [`${200 - contexts}`, `${200 - contexts}`])
      assert.deepStrictEqual(row(ended, "misses"), [`${contexts}`, `${contexts}`])
      assert.deepStrictEqual(row(ended, "evictions by cause"), [`${contexts} scope`, `${contexts} scope`])
      assert.include(ended.stdout, "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384")
      assert.include(ended.stdout, "a simulated latency of 10ms a call")
      assert.deepStrictEqual(
        ended.stderr.trimEnd().split("\n"),
        ["encrypted", "decrypted"].flatMap((label) =>
          Array.from({ length: 10 }, (_, tenth) => `${label} ${20 * (tenth + 1)}/200`)
        )
      )
    })
  )

  for (
    const [title, args, limits, column, parallel] of [
      [
        "messages, bytes and capacity",
        ["--max-messages", "9", "--max-bytes", "3000", "--capacity", "3"],
        { maxMessages: 9, maxBytes: 3000n, capacity: 3 },
        undefined,
        1
      ],
      [
        "bytes that few records fit, and another column",
        ["--max-bytes", "395", "--column", "Origin State"],
        {
          maxBytes: 395n
        },
        "Origin State",
        1
      ],
      ["no cache", ["--capacity", "0"], { capacity: 0 }, undefined, 1],
      ["in parallel", ["--max-messages", "7", "--parallel", "16"], { maxMessages: 7 }, undefined, 16]
    ] as const
  ) {
    test(
      `makes the calls that the thresholds require: ${title}`,
      Effect.gen(function*() {
        const ended = yield* demo(["--records", "150", ...args])
        succeeds(ended, 150)
        const required = requiredCalls(yield* requests(150, column), { ...noLimits, ...limits }, parallel)
        const [encryption, decryption] = [required.encryption.exactly!, required.decryption.exactly!]
        assert.deepStrictEqual(row(ended, "KMS calls made"), [
          `${encryption} GenerateDataKey`,
          `${decryption} Decrypt`
        ])
        assert.deepStrictEqual(row(ended, "calls that the thresholds require"), [`${encryption}`, `${decryption}`])
      })
    )
  }

  for (
    const [title, args, column, isSmall] of [
      ["as many as branch keys", [], "Phase of flight", false],
      ["in parallel", ["--parallel", "16"], "Phase of flight", false],
      ["a cache that is too small", ["--capacity", "3"], "Time of day", true]
    ] as const
  ) {
    test(
      `--hierarchical reads the store and calls KMS: ${title}`,
      Effect.gen(function*() {
        const ended = yield* demo(["--hierarchical", "--records", "150", "--column", column, ...args])
        succeeds(ended, 150)
        const contexts = (yield* requests(150, column)).map(({ context }) => context)
        const expected = isSmall ? leastRecentlyUsedMisses(contexts, 3) : new Set(contexts).size
        assert.isAbove(expected, 1)
        assert.deepStrictEqual(row(ended, "KMS calls made"), [`${expected} Decrypt`, `${expected} Decrypt`])
        for (const name of ["reads of the store", "calls that the branch keys require"]) {
          assert.deepStrictEqual(row(ended, name), [`${expected}`, `${expected}`], name)
        }
        assert.deepStrictEqual(row(ended, "calls without a cache"), ["150", "150"])
        assert.include(ended.stdout, `encryption made exactly the ${expected} KMS calls that the branch keys require`)
      })
    )
  }

  test(
    "--hierarchical says that only a lower bound is required where branch keys expire on the way",
    Effect.gen(function*() {
      const ended = yield* demo(["--hierarchical", "--records", "50", "--max-age", "1 milli"])
      succeeds(ended, 50)
      assert.include(ended.stdout, "so that branch keys may have expired on the way")
      const contexts = new Set((yield* requests(50)).map(({ context }) => context)).size
      const lowest = `at least ${contexts}`
      assert.deepStrictEqual(row(ended, "calls that the branch keys require"), [lowest, lowest])
    })
  )

  test(
    "says that only a lower bound is required where data keys expire on the way",
    Effect.gen(function*() {
      const ended = yield* demo(["--records", "150", "--max-age", "1 milli"])
      succeeds(ended, 150)
      assert.include(ended.stdout, "The run took longer than --max-age")
      const { decryption, encryption } = requiredCalls(yield* requests(150), noLimits, 1)
      assert.deepStrictEqual(row(ended, "calls that the thresholds require"), [
        `at least ${encryption.atLeast}`,
        `at least ${decryption.atLeast}`
      ])
      assert.isAbove(Number.parseInt(row(ended, "KMS calls made")[0]!, 10), encryption.atLeast)
    })
  )

  test(
    "says that only a lower bound is required where the cache is too small for what runs in parallel",
    Effect.gen(function*() {
      const ended = yield* demo(["--records", "150", "--capacity", "1", "--parallel", "8"])
      succeeds(ended, 150)
      assert.include(ended.stdout, "The cache is smaller than what was in use at once in parallel")
    })
  )

  test(
    "takes records of one's own, line by line and byte for byte",
    inDirectory((file) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const records = [
          `{"tenant": "Zoë", "n": 1.0}`,
          `{"n": 2, "tenant": "😀"}  `,
          `  {"tenant": 7, "note": "\\u00e9"}`,
          `{"tenant": true}`,
          `{"tenant": "Zoë"}`
        ]
        yield* fs.writeFileString(
          file("in.jsonl"),
          `\n${records.slice(0, 3).join("\r\n")}\n\n${records.slice(3).join("\n")}`
        )
        const ended = yield* demo(["--input", file("in.jsonl"), "--column", "tenant", "--output", file("out")])
        succeeds(ended, 5)
        assert.deepStrictEqual(row(ended, "KMS calls made"), ["4 GenerateDataKey", "4 Decrypt"])
        const contexts = (yield* lines(file("out"))).map((line) => headerOf(line).encryptionContext)
        assert.deepStrictEqual(contexts, [
          { tenant: "Zoë" },
          { tenant: "😀" },
          { tenant: "7" },
          { tenant: "true" },
          { tenant: "Zoë" }
        ])
      })
    )
  )

  test(
    "writes the messages, and a key that only its owner can read; replaces them if it is told to",
    inDirectory((file) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const [out, key] = [file("out"), file("out.key")]
        const args = ["--records", "40", "--output", out]
        succeeds(yield* demo(args), 40)
        const messages = yield* lines(out)
        assert.strictEqual(messages.length, 40)
        for (const message of messages) {
          assert.deepStrictEqual(headerOf(message).encryptedDataKeys.map(({ keyProviderId }) => keyProviderId), [
            "aws-kms",
            "effect-encryption-sdk-demo"
          ])
        }
        const written = JSON.parse(yield* fs.readFileString(key))
        assert.deepStrictEqual(Object.keys(written), ["keyNamespace", "keyName", "wrappingKey", "wrappingSuite"])
        assert.strictEqual(Buffer.from(written.wrappingKey, "base64").length, 32)
        assert.strictEqual((yield* fs.stat(key)).mode & 0o777, 0o600)

        yield* fs.writeFileString(out, "older\n")
        succeeds(yield* demo([...args, "--force"]), 40)
        assert.strictEqual((yield* lines(out)).length, 40)
        assert.notDeepEqual(JSON.parse(yield* fs.readFileString(key)), written)
      })
    )
  )

  test(
    "ends with status 130 when it is interrupted, and leaves nothing half done",
    inDirectory((file) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        let interrupted = false
        const ended = yield* demo(["--output", file("out")], {
          onStderr: (text, kill) => {
            if (interrupted || !text.includes("encrypted 1000/10000")) return
            interrupted = true
            kill("SIGINT")
          }
        })
        assert.strictEqual(ended.status, 130)
        assert.notInclude(ended.stdout, "verified")
        assert.isFalse(yield* fs.exists(file("out")))
        assert.isFalse(yield* fs.exists(file("out.key")))
      })
    )
  )

  test(
    "says on standard error what is wrong, and ends with status 1",
    Effect.gen(function*() {
      for (
        const [args, message] of [
          [["--max-messages", "0"], "--max-messages must be an integer from 1 to 4294967296, got \"0\""],
          [["--parallel", "0"], "Invalid value for flag --parallel: \"0\". Expected: an integer from 1 to 10000"]
        ] as const
      ) {
        const ended = yield* run("docs/examples/demo/main.ts", args)
        assert.strictEqual(ended.status, 1)
        assert.strictEqual(lastLine(ended.stderr).trim(), message)
        assert.notInclude(ended.stdout, "verified")
      }
    })
  )
})

describe.concurrent("the exit status is 1 where something is not as it should be", () => {
  for (
    const [kind, status, found, last] of [
      ["nothing", 0, "", "verified 50/50 records"],
      ["swapped", 1, "WRONG: these records differ: 1, 2", "verified 48/50 records"],
      ["lost", 1, "WRONG: these records differ: 50", "verified 49/50 records"]
    ] as const
  ) {
    test(
      kind,
      inDirectory((file) =>
        Effect.gen(function*() {
          const ended = yield* run("test/demo/fixtures/faulty.ts", [kind, file("out")])
          assert.strictEqual(ended.status, status)
          assert.include(ended.stdout, found)
          assert.strictEqual(lastLine(ended.stdout), last)
        })
      )
    )
  }

  test(
    "twice",
    inDirectory((file) =>
      Effect.gen(function*() {
        const ended = yield* run("test/demo/fixtures/faulty.ts", ["twice", file("out")])
        assert.strictEqual(ended.status, 1)
        const { calls } = forEncryption(yield* requests(50), noLimits)
        assert.include(
          ended.stdout,
          `WRONG: encryption made ${2 * calls} KMS calls, the thresholds require ${calls}\n` +
            `decryption made exactly the ${calls} KMS calls that the thresholds require\nverified 50/50 records`
        )
      })
    )
  )

  test(
    "tampered",
    inDirectory((file) =>
      Effect.gen(function*() {
        const ended = yield* run("test/demo/fixtures/faulty.ts", ["tampered", file("out")])
        assert.strictEqual(ended.status, 1)
        assert.include(ended.stdout, "record 2: decrypt: the message is not authentic: body check failed")
        assert.notInclude(ended.stdout, "verified")
      })
    )
  )
})
