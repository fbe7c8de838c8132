import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CryptographicMaterialsManager, EncryptionSdk, Keyring } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { clientOf } from "../support/client.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { recordingTracer } from "../support/recordingTracer.ts"
import { scripted } from "../support/scriptedKeyring.ts"
import { unsigned } from "../support/suites.ts"

const arn = "arn:aws:kms:us-east-1:111122223333:key/0123abcd-0000-1111-2222-333344445555"

const program = EncryptionSdk.layer().pipe(
  Layer.provideMerge(CachingCmm.layer({ policy: { maxAge: "5 minutes", maxBytesEncrypted: 100 } })),
  Layer.provide(LocalCache.layer({ capacity: 10 })),
  Layer.provide(KmsKeyring.layer({ generatorKeyId: arn })),
  Layer.provide(EmbeddedKms.layer({ keys: [{ arn }] })),
  Layer.provide(TestPrimitives.layer)
)

describe("spans of the client's operations", () => {
  it.effect("say suite, key providers and outcome", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recordingTracer()
      yield* Effect.gen(function*() {
        const sdk = yield* EncryptionSdk.EncryptionSdk
        const algorithmSuite = unsigned
        const options = { algorithmSuite, encryptionContext: { tenant: "confidential value" } }
        yield* sdk.encrypt("secret text", options)
        const { message } = yield* sdk.encrypt("secret text", options)
        yield* sdk.encrypt("x".repeat(101), options)
        yield* sdk.decrypt(message)
        yield* Effect.flip(sdk.decrypt(message.subarray(1)))
      }).pipe(Effect.provide(program), Effect.withTracer(tracer))
      const operations = spans.filter(({ name }) => name.startsWith("EncryptionSdk."))
      const common = { algorithm_suite: "0x0478", key_providers: "aws-kms" }
      assert.deepStrictEqual(operations.map(({ attributes, name }) => [name, Object.fromEntries(attributes)]), [
        ["EncryptionSdk.encrypt", { ...common, outcome: "miss", data_key_messages: 1, data_key_bytes: "11" }],
        ["EncryptionSdk.encrypt", {
          ...common,
          outcome: "hit",
          refresh_started: false,
          data_key_age_millis: 0,
          data_key_messages: 2,
          data_key_bytes: "22"
        }],
        ["EncryptionSdk.encrypt", { ...common, outcome: "bypassed", bypass_reason: "LargerThanMaxBytesEncrypted" }],
        ["EncryptionSdk.decrypt", { ...common, outcome: "miss", data_key_messages: 0, data_key_bytes: "0" }],
        ["EncryptionSdk.decrypt", { error_reason: "MalformedMessage" }]
      ])
      assert.isTrue(operations.every(({ status }) => status._tag === "Ended"))
      const printed = JSON.stringify(spans.map(({ attributes, links, name }) => [name, [...attributes], links.length]))
      assert.notInclude(printed, "confidential value")
      assert.notInclude(printed, "secret text")
    }))

  it.effect("name the members of a multi-keyring that did not wrap, escaped and of a bounded length", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recordingTracer()
      const row = { keyring: "k", failure: "Unreachable", code: "Down", isRetryable: true } as const
      const generator = scripted("g", [])
      const encryptLacking = (members: ReadonlyArray<string>) =>
        Effect.gen(function*() {
          const keyring = Keyring.make({
            ...generator,
            onEncrypt: (materials) =>
              Effect.map(generator.onEncrypt(materials), (filled) => ({
                ...filled,
                missingWrappings: members.map((member) => ({ ...row, member }))
              }))
          })
          const sdk = yield* clientOf(keyring)
          yield* sdk.encrypt("text", { algorithmSuite: unsigned })
          return spans.at(-1)!.attributes.get("missing_wrappings")
        }).pipe(Effect.withTracer(tracer))
      assert.strictEqual(yield* encryptLacking(["generators[0]", "children[1]"]), "generators[0], children[1]")
      assert.strictEqual(yield* encryptLacking(["a\nb"]), "a\\u{a}b")
      assert.isAtMost(String(yield* encryptLacking(["x".repeat(9999)])).length, 1024)
    }).pipe(Effect.provide(TestPrimitives.layer)))

  it.effect("there are none where nobody traces", () =>
    Effect.gen(function*() {
      const { tracer } = recordingTracer()
      const seen: Array<string | undefined> = []
      const encrypt = Effect.gen(function*() {
        const sdk = yield* EncryptionSdk.EncryptionSdk
        const underlying = yield* CachingCmm.CachingCmm
        const materialsManager = CryptographicMaterialsManager.make({
          ...underlying,
          getEncryptionMaterials: (request) =>
            Effect.withFiber((fiber) => {
              seen.push(fiber.cache.span?._tag === "Span" ? fiber.cache.span.name : undefined)
              return underlying.getEncryptionMaterials(request)
            })
        })
        yield* sdk.encrypt("text", { materialsManager })
      }).pipe(Effect.provide(program))
      yield* encrypt
      yield* Effect.withTracer(encrypt, tracer)
      assert.deepStrictEqual(seen, [undefined, "EncryptionSdk.encrypt"])
    }))
})
