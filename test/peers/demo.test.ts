/**
 * The demo as a user runs it with a KMS key of their own: another process, the AWS SDK, an endpoint.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { lastLine, run } from "../support/run.ts"
import { config, createKey, disable } from "./support/kmsServer.ts"

const demo = (...args: ReadonlyArray<string>) =>
  run("docs/examples/demo/main.ts", ["--endpoint", config.endpoint, "--records", "60", ...args], {
    environment: {
      AWS_ACCESS_KEY_ID: config.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: config.credentials.secretAccessKey
    }
  })

describe("the demo with a real KMS key", () => {
  it.live("makes the calls that are required, and writes messages without a raw key", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const output = path.join(yield* fs.makeTempDirectoryScoped(), "messages")
      const keyArn = yield* createKey("eu-central-1")
      const ended = yield* demo("--kms-key", keyArn, "--max-messages", "5", "--parallel", "4", "--output", output)
      assert.strictEqual(ended.status, 0, ended.stdout + ended.stderr)
      assert.strictEqual(lastLine(ended.stdout), "verified 60/60 records")
      assert.include(ended.stdout, `${keyArn} at ${config.endpoint}`)
      assert.strictEqual((yield* fs.readFileString(output)).trimEnd().split("\n").length, 60)
      assert.isFalse(yield* fs.exists(`${output}.key`))
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("says which record failed and why, where KMS refuses", () =>
    Effect.gen(function*() {
      const keyArn = yield* createKey("us-east-1")
      yield* disable(keyArn)
      const ended = yield* demo("--kms-key", keyArn)
      assert.strictEqual(ended.status, 1)
      assert.include(lastLine(ended.stderr), "record 1: encrypt: ")
      assert.include(lastLine(ended.stderr), "KeyUnavailable (DisabledException: ")
      assert.notInclude(ended.stdout, "verified")
    }))
})
