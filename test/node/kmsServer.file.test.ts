/** The file in which a KMS server keeps its keys. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Redacted, References, Scope } from "effect"
import { EmbeddedKmsError } from "effect-encryption-sdk/kms/development-only"
import { KmsServer } from "effect-encryption-sdk/kms/development-only/server"
import { NodePrimitives } from "effect-encryption-sdk/node"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { failureOf as errorOf } from "../support/client.ts"
import { call } from "../support/kmsHttp.ts"

const environment = Layer.merge(NodePrimitives.layer, Layer.succeed(References.MinimumLogLevel, "Error"))

const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(join(tmpdir(), "kms-server-"))),
  (path) => Effect.sync(() => fs.rmSync(path, { recursive: true, force: true }))
)

/** The keys in the file, without their material. */
const keysIn = (path: string) => {
  const { keys } = JSON.parse(fs.readFileSync(path, "utf8")) as { readonly keys: ReadonlyArray<Record<string, any>> }
  return keys.map((key) => ({ ...key, material: undefined }))
}

describe("KMS server: the file of its keys", () => {
  it.effect("keeps keys of all kinds for the next process, for its owner alone", () =>
    Effect.gen(function*() {
      const keyStoreFile = join(yield* folder, "keys.json")
      const scope = yield* Scope.make()
      const keys = [{ aliases: ["alias/a"] }]
      const first = yield* Scope.provide(KmsServer.make({ keyStoreFile, keys }), scope)
      assert.strictEqual(fs.statSync(keyStoreFile).mode & 0o777, 0o600)
      for (
        const body of [{ KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" }, {
          KeySpec: "ECC_NIST_P256",
          KeyUsage: "KEY_AGREEMENT"
        }]
      ) {
        yield* call(first.url, "CreateKey", body)
      }
      const encrypted = yield* call(first.url, "Encrypt", { KeyId: "alias/a", Plaintext: "AQID" })
      const infos = yield* first.control.keys
      yield* Scope.close(scope, Exit.void)

      const second = yield* KmsServer.make({ keyStoreFile })
      assert.deepStrictEqual(yield* second.control.keys, infos)
      const { CiphertextBlob } = JSON.parse(encrypted.text) as { CiphertextBlob: string }
      const decrypted = yield* call(second.url, "Decrypt", { CiphertextBlob })
      assert.strictEqual((JSON.parse(decrypted.text) as { Plaintext: string }).Plaintext, "AQID")
      assert.strictEqual(fs.statSync(keyStoreFile).mode & 0o777, 0o600)
    }).pipe(Effect.provide(environment)))

  it.effect("is written after every change, by calls and by the control, and is whole at any time", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const keyStoreFile = join(path, "keys.json")
      fs.writeFileSync(`${keyStoreFile}.new`, "left by a process that was killed")
      const { control, url } = yield* KmsServer.make({ keyStoreFile })
      assert.deepStrictEqual(keysIn(keyStoreFile), [])
      const arn = yield* control.createKey({ multiRegion: true })
      const changes: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        control.replicateKey(arn, "eu-central-1"),
        control.setAlias("alias/a", arn),
        control.setKeyState(arn, "Disabled"),
        call(url, "EnableKey", { KeyId: arn }),
        call(url, "CreateAlias", { AliasName: "alias/b", TargetKeyId: arn }),
        call(url, "ReplicateKey", { KeyId: arn, ReplicaRegion: "ap-south-1" }),
        call(url, "DisableKey", { KeyId: arn }),
        control.scheduleKeyDeletion(arn),
        control.setKeyState(arn, "Enabled"),
        call(url, "ScheduleKeyDeletion", { KeyId: arn }),
        control.deleteKey(arn)
      ]
      let before = fs.readFileSync(keyStoreFile, "utf8")
      for (const change of changes) {
        yield* change
        const after = fs.readFileSync(keyStoreFile, "utf8")
        assert.notStrictEqual(after, before)
        assert.strictEqual(after, Redacted.value(yield* control.exportKeys))
        before = after
      }
      const writing = { ended: false }
      const reader = Effect.gen(function*() {
        let counts = 0
        while (!writing.ended) {
          assert.doesNotThrow(() => keysIn(keyStoreFile))
          counts++
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        }
        return counts
      })
      const writers = Effect.all(Array.from({ length: 30 }, () => call(url, "CreateKey", {})), {
        concurrency: "unbounded"
      }).pipe(Effect.ensuring(Effect.sync(() => {
        writing.ended = true
      })))
      const [reads] = yield* Effect.all([reader, writers], { concurrency: 2 })
      assert.isAbove(reads, 10)
      assert.lengthOf(keysIn(keyStoreFile), 32)
      assert.deepStrictEqual(fs.readdirSync(path), ["keys.json"])
    }).pipe(Effect.provide(environment)))

  it.effect("a symbolic link to it stays one", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const [file, link] = [join(path, "keys.json"), join(path, "link.json")]
      yield* Effect.scoped(KmsServer.make({ keyStoreFile: file, keys: [{}] }))
      fs.symlinkSync(file, link)
      yield* Effect.scoped(Effect.flatMap(KmsServer.make({ keyStoreFile: link }), ({ control }) => control.createKey()))
      assert.isTrue(fs.lstatSync(link).isSymbolicLink())
      assert.lengthOf(keysIn(file), 2)
      assert.deepStrictEqual(fs.readdirSync(path), ["keys.json", "link.json"])
    }).pipe(Effect.provide(environment)))

  it.effect("what is no key store is an error of the option, and stays as it is", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const keyStoreFile = join(path, "keys.json")
      for (const text of ["", "{}", "not JSON", `{"version":3,"keys":[]}`]) {
        fs.writeFileSync(keyStoreFile, text)
        const error = yield* errorOf(KmsServer.make({ keyStoreFile }))
        assert.instanceOf(error, EmbeddedKmsError)
        assert.strictEqual(
          error.message,
          `embedded KMS: keyStoreFile: ${JSON.stringify(keyStoreFile)} is not what exportKeys gives`
        )
        assert.strictEqual(fs.readFileSync(keyStoreFile, "utf8"), text)
      }
      const of = (file: string) => Effect.map(errorOf(KmsServer.make({ keyStoreFile: file })), (error) => error.message)
      assert.match(yield* of(path), /keyStoreFile: .* cannot be read: EISDIR$/)
      assert.match(yield* of(join(path, "none", "keys.json")), /keyStoreFile: .* cannot be written: ENOENT$/)
      const both = yield* errorOf(KmsServer.make({ keyStoreFile, keyStore: Redacted.make("{}") }))
      assert.strictEqual(both.field, "keyStore")
    }).pipe(Effect.provide(environment)))

  it.effect("a change that cannot be written fails, and is written with the next one", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const keyStoreFile = join(path, "keys.json")
      const { control, url } = yield* KmsServer.make({ keyStoreFile })
      fs.rmSync(keyStoreFile)
      // A folder in its place takes no rename.
      fs.mkdirSync(join(keyStoreFile, "in the way"), { recursive: true })
      const failed = yield* call(url, "CreateKey", {})
      assert.deepStrictEqual([failed.status, failed.headers["x-amzn-errortype"]], [500, "KMSInternalException"])
      assert.strictEqual((yield* errorOf(control.createKey())).field, "keyStoreFile")
      assert.deepStrictEqual(fs.readdirSync(path), ["keys.json"])
      fs.rmSync(keyStoreFile, { recursive: true })
      assert.strictEqual((yield* call(url, "CreateKey", {})).status, 200)
      assert.lengthOf(keysIn(keyStoreFile), 3)
    }).pipe(Effect.provide(environment)))
})
