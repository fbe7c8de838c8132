/** Options that do not exist: of every public function that takes options, by one mechanism. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Stream } from "effect"
import { EncryptionSdk, InvalidOption, MultiKeyring } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { Arbitraries, FaultyCache, ScriptedKms } from "effect-encryption-sdk/testing"
import { findUnknown, type NamesOf, nearest, noOption, optionNames } from "../../src/internal/optionNames.ts"
import { clientOf, decryptFailure, encryptFailure, fieldsOf } from "../support/client.ts"
import { recordingKeyring } from "../support/keyrings.ts"
import { one, TestKms } from "../support/kmsKeyring.ts"
import { scriptedManager } from "../support/scriptedManager.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

const names = optionNames(
  "a tool",
  {
    size: true,
    sizeLimit: true,
    colour: true
  } satisfies NamesOf<{ size?: number; sizeLimit?: number; colour?: string }>
)

describe("names of options", () => {
  it("finds the first that does not exist, and names the one that is most like it", () => {
    assert.isUndefined(findUnknown({ size: 1, colour: undefined }, names))
    for (
      const [given, suggested] of [
        ["sise", "size"],
        ["SIZE", "size"],
        ["colours", "colour"],
        ["color", "colour"],
        ["sizelimitt", "sizeLimit"],
        ["Limit", "sizeLimit"]
      ] as const
    ) {
      assert.deepStrictEqual(findUnknown({ size: 1, [given]: 1 }, names), {
        field: given,
        description: `is no option of a tool: did you mean ${suggested}?`
      })
    }
    for (const given of ["", "a", "weight", "__proto_", "x".repeat(100_000)]) {
      assert.strictEqual(noOption(given, "a tool", names.names), "is no option of a tool", given.slice(0, 10))
    }
  })

  it("prefers the nearest name", () => {
    assert.strictEqual(nearest("maxAge", ["maxPage", "maxAgee", "maxage"]), "maxage")
    assert.strictEqual(nearest("maxAge", ["policy.maxPage", "policy.maxAge"]), "policy.maxAge")
  })

  it("looks at inherited names, as reading does; symbols and what is not enumerable name no option", () => {
    assert.strictEqual(findUnknown(Object.create({ sise: 1 }) as object, names)?.field, "sise")
    assert.isUndefined(findUnknown(Object.create({ size: 1 }) as object, names))
    assert.isUndefined(findUnknown({ [Symbol("sise")]: 1 }, names))
    assert.isUndefined(findUnknown(Object.defineProperty({}, "sise", { value: 1 }), names))
    class Defaults {
      readonly size = 1
      method() {
        return this.size
      }
    }
    assert.isUndefined(findUnknown(new Defaults(), names))
  })
})

const text = (chunk: string) => new TextEncoder().encode(chunk)

describe("an option that does not exist, of an operation", () => {
  const sdk = clientOf(recordingKeyring().keyring)
  const sealed = Effect.flatMap(sdk, (sdk) => sdk.encrypt("a", { encryptionContext: { a: "1" } }))
  const meant = (field: string, owner: string, option: string) => ({
    _tag: "InvalidOption",
    field,
    description: `is no option of ${owner}: did you mean ${option}?`
  })

  it.effect("encrypt", () =>
    Effect.gen(function*() {
      for (const field of ["encryptionContex", "context"]) {
        const reason = yield* encryptFailure((yield* sdk).encrypt("a", { [field]: { a: "1" } }))
        assert.deepStrictEqual(fieldsOf(reason), meant(field, "encrypt", "encryptionContext"))
      }
    }))

  it.effect("decrypt, which opened a message whose context was another one", () =>
    Effect.gen(function*() {
      const { message } = yield* sealed
      for (const field of ["expectedEncryptionContex", "encryptionContext", "expectedencryptioncontext"]) {
        const reason = yield* decryptFailure((yield* sdk).decrypt(message, { [field]: { a: "2" } }))
        assert.deepStrictEqual(fieldsOf(reason), meant(field, "decrypt", "expectedEncryptionContext"))
      }
      const inherited = Object.create({ expectedEncryptionContex: { a: "2" } }) as object
      assert.strictEqual((yield* decryptFailure((yield* sdk).decrypt(message, inherited)))._tag, "InvalidOption")
    }))

  it.effect("streams", () =>
    Effect.gen(function*() {
      const client = yield* sdk
      const { message } = yield* sealed
      const source = Stream.make(message)
      const random = {
        length: message.length,
        read: (offset: number, length: number) => Effect.succeed(message.subarray(offset, offset + length))
      }
      const encrypting = client.encryptStream(Stream.make(text("a")), { plaintextLenght: 1 } as never)
      assert.deepStrictEqual(
        fieldsOf(yield* encryptFailure(Stream.runDrain(encrypting))),
        meant("plaintextLenght", "encryptStream", "plaintextLength")
      )
      for (
        const [stream, field, owner, option] of [
          [client.decryptStream(source, { unsigned: true } as never), "unsigned", "decryptStream", "unsignedOnly"],
          [
            client.decryptStreamUnverified(source, { onheader: 1 } as never),
            "onheader",
            "decryptStream",
            "onHeader"
          ],
          [
            client.decryptRange(random, { offset: 0 }, { maxWithheldByte: 1 } as never),
            "maxWithheldByte",
            "decryptRange",
            "maxWithheldBytes"
          ],
          [client.decryptRange(random, { offset: 0, lenght: 1 } as never), "range.lenght", "a range", "length"]
        ] as const
      ) {
        const reason = yield* decryptFailure(Stream.runDrain(stream as Stream.Stream<unknown>))
        assert.deepStrictEqual(fieldsOf(reason), meant(field, owner, option))
      }
      const unsignedOnly = client.decryptRange(random, { offset: 0 }, { unsignedOnly: true } as never)
      assert.strictEqual((yield* decryptFailure(Stream.runDrain(unsignedOnly)))._tag, "InvalidOption")
    }))
})

describe("an option that does not exist, of a part", () => {
  const { manager: materialsManager } = scriptedManager()
  const caching = (options: object) =>
    Effect.flatMap(
      LocalCache.make({ capacity: 1 }),
      (cache) => CachingCmm.make({ materialsManager, cache, policy: { maxAge: "1 minute" }, ...options })
    )

  const parts: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown>, string]> = [
    [
      "a client",
      EncryptionSdk.make({ maxEncryptedDataKey: 1 } as never) as Effect.Effect<unknown, unknown>,
      "maxEncryptedDataKey: is no option of a client: did you mean maxEncryptedDataKeys?"
    ],
    [
      "a local cache",
      LocalCache.make({ capacity: 1, sweepIntervall: "1 second" } as never),
      "sweepIntervall: is no option of a local cache: did you mean sweepInterval?"
    ],
    [
      "a caching manager",
      caching({ partitionID: "a" }),
      "partitionID: is no option of a caching materials manager: did you mean partitionId?"
    ],
    [
      "a caching manager, where a threshold is no part of the policy",
      caching({ maxAge: "1 minute" }),
      "maxAge: is no option of a caching materials manager: did you mean policy.maxAge?"
    ],
    [
      "refreshing ahead, by the name of a threshold",
      caching({ refreshAhead: { maxage: "1 second" } }),
      "refreshAhead.maxage: is no option of refreshing ahead"
    ],
    ["a caching manager without a cache", caching({ cache: undefined }), "cache: must be a materials cache"],
    [
      "a partition that is no text",
      caching({ partitionId: 55 }),
      "partitionId: must be a text of at least one character, and well-formed Unicode without U+0000"
    ],
    [
      "refreshing ahead",
      caching({ refreshAhead: { gracePeriode: "1 second" } }),
      "refreshAhead.gracePeriode: is no option of refreshing ahead: did you mean gracePeriod?"
    ],
    [
      "a KMS keyring",
      Effect.provide(KmsKeyring.make({ generatorKeyId: one, keyIDs: [] } as never), TestKms),
      "KmsKeyring.make: keyIDs: is no option of a KMS keyring: did you mean keyIds?"
    ],
    [
      "a multi-keyring as a layer",
      Layer.build(MultiKeyring.layer({ generator: Effect.succeed(recordingKeyring().keyring), childern: [] } as never)),
      "MultiKeyring.make: childern: is no option of a multi-keyring: did you mean children?"
    ],
    [
      "the keys of the embedded KMS",
      EmbeddedKms.make({ keys: [{ aliasses: ["alias/a"] }] } as never),
      "embedded KMS: keys[0].aliasses: is no option of the embedded KMS: did you mean aliases?"
    ],
    [
      "a key of the embedded KMS",
      Effect.flatMap(EmbeddedKms.make(), ({ control }) => control.createKey({ regions: "a" } as never)),
      "embedded KMS: regions: is no option of a key: did you mean region?"
    ]
  ].map(([name, effect, message]) =>
    [
      name as string,
      Effect.scoped(Effect.provide(effect as Effect.Effect<unknown, unknown>, TestPrimitives.layer)),
      message as string
    ] as const
  )
  it.effect.each(parts)("%s", ([, effect, message]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(effect)
      assert.strictEqual((error as Error).message, message)
    }))
})

describe("an option that does not exist, of the test kit", () => {
  const invalid = (exit: Exit.Exit<unknown, unknown>): string => {
    const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    assert.instanceOf(defect, InvalidOption)
    return defect.message
  }

  it.effect("is a defect of who wrote the test, and named", () =>
    Effect.gen(function*() {
      const kms = yield* ScriptedKms.ScriptedKms
      assert.strictEqual(
        invalid(yield* Effect.exit(kms.when({ operatoin: "Decrypt" } as never, ScriptedKms.hang))),
        "operatoin: is no option of a rule: did you mean operation?"
      )
      assert.strictEqual(
        invalid(yield* Effect.exit(ScriptedKms.assertCalls({ Decypt: 1 } as never))),
        "Decypt: is no option of assertCalls: did you mean Decrypt?"
      )
      const { script } = yield* FaultyCache.make()
      assert.strictEqual(
        invalid(yield* Effect.exit(script.when({ keys: "a" } as never, FaultyCache.hang))),
        "keys: is no option of a rule: did you mean key?"
      )
      assert.throws(() => ScriptedKms.fail("Rejected", { retryable: true } as never), InvalidOption)
      assert.throws(() => Arbitraries.text({ maxLenght: 1 } as never), InvalidOption)
      assert.throws(() => Arbitraries.encryptionContext({ maxPair: 1 } as never), InvalidOption)
      assert.throws(() => Arbitraries.steps({ maxStep: 1 } as never), InvalidOption)
    }).pipe(Effect.scoped, Effect.provide(TestKms)))
})
