/**
 * The tests that hold for every keyring, for the tests of each.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, type Layer, Scope } from "effect"
import { AlgorithmSuite, DataKey, EncryptedDataKey, Keyring, KeyringError } from "effect-encryption-sdk"
import { flip } from "./bytes.ts"
import { failureOf } from "./client.ts"
import { inspect } from "./inspect.ts"
import { decryptionMaterials, encryptionMaterials, exampleContext } from "./materials.ts"
import { isZero, type recordingPrimitives } from "./recordingPrimitives.ts"

type Edk = EncryptedDataKey.EncryptedDataKey
type Report = KeyringError.EncryptedDataKeyReport
type Made = Effect.Effect<Keyring.Keyring, KeyringError.KeyringError, Scope.Scope>

/** A keyring under test. */
export interface Subject {
  readonly keyring: Keyring.Keyring
  /** One that takes a data key that is there already, and whose encrypted data keys `keyring` unwraps. Default: `keyring`. */
  readonly wrapping?: Keyring.Keyring
  /** An encrypted data key for the example context that the keyring had no part in. */
  readonly wrapByHand: (dataKey: Uint8Array) => Effect.Effect<Edk, never, Scope.Scope>
  /** The very arrays that have held data keys. */
  readonly dataKeys: Effect.Effect<ReadonlyArray<Uint8Array>>
}

export interface Contract {
  readonly title: string
  /** Name of the keyring in the rows of `wrapByHand`'s encrypted data keys. */
  readonly name: string
  readonly make: Effect.Effect<Subject, KeyringError.KeyringError, Scope.Scope>
  /** Whether the encryption context is authenticated with the data key. */
  readonly bindsContext: boolean
  /** Code of an attempt with another context or changed bytes; undefined where changed bytes may unwrap to random ones. */
  readonly rejects: string | undefined
  /** Further codes of attempts with changed bytes. */
  readonly alsoRejects?: ReadonlyArray<string>
  /** The failures of those codes that mean another one than `InvalidCiphertext`. */
  readonly failures?: Readonly<Record<string, KeyringError.ProviderFailure>>
  /** Codes of data keys that are wrapped well and must not be used. */
  readonly invalidKeys: ReadonlyArray<readonly [dataKey: Uint8Array, code: string]>
  /** Code of an attempt with another context, where it is not `rejects`. */
  readonly contextCode?: string
  /** The algorithm suites that it takes. Default: all. */
  readonly suites?: ReadonlyArray<AlgorithmSuite.AlgorithmSuite>
  /** Whether materials that have a data key already come back from `onDecrypt`. Default: they fail. */
  readonly returnsUnlocked?: boolean
}

export const keyBytes = (length: number, first = 3) => Uint8Array.from({ length }, (_, i) => first + i)

export const unwrapped = (result: Keyring.OnDecryptResult) => {
  if (result._tag !== "Unwrapped") return assert.fail(`result is ${result._tag}`)
  return result
}

export const skipped = (result: Keyring.OnDecryptResult) => {
  if (result._tag !== "NotMine") return assert.fail(`result is ${result._tag}`)
  return result.skipped
}

/** The errors of one keyring. */
export const errorsOf = (keyring: string) => ({
  misconfigured: (operation: KeyringError.KeyringError["operation"], field: string, description: string) =>
    new KeyringError.KeyringError({
      keyring,
      operation,
      reason: new KeyringError.KeyringMisconfigured({ field, description })
    }),
  notUnwrapped: (encryptedDataKeys: ReadonlyArray<Report>) =>
    new KeyringError.KeyringError({
      keyring,
      operation: "onDecrypt",
      reason: new KeyringError.DataKeyNotUnwrapped({ encryptedDataKeys })
    }),
  notWrapped: (keyName: string, refusal: KeyringError.ProviderRefusal) =>
    new KeyringError.KeyringError({
      keyring,
      operation: "onEncrypt",
      reason: new KeyringError.DataKeyNotWrapped({ keyName, ...refusal })
    })
})

/** The arrays in a recording that have held data keys. */
export const dataKeyArrays = ({ recorded }: ReturnType<typeof recordingPrimitives>) =>
  Effect.sync(() =>
    recorded.filter(({ array, method }) =>
      method === "open" || method === "rsaDecrypt" || (method === "randomBytes" && array.length === 32)
    ).map(({ array }) => array)
  )

const rowsOf = <A, R>(effect: Effect.Effect<A, KeyringError.KeyringError, R>) =>
  Effect.map(failureOf(effect), ({ isRetryable, operation, reason }) => {
    assert.strictEqual(operation, "onDecrypt")
    assert.isFalse(isRetryable)
    if (reason._tag !== "DataKeyNotUnwrapped") return assert.fail(`reason is ${reason._tag}`)
    return reason.encryptedDataKeys
  })

const foreign: Edk = {
  keyProviderId: "another provider",
  keyProviderInfo: Uint8Array.of(1),
  ciphertext: Uint8Array.of(2)
}

/** A failed attempt at each of these, with the same refusal. */
export const attempts = (
  keyring: string,
  edks: ReadonlyArray<Edk>,
  refusal: KeyringError.ProviderRefusal
): ReadonlyArray<KeyringError.Attempted> =>
  edks.map(({ keyProviderId, keyProviderInfo }, index) => ({
    _tag: "Attempted",
    keyring,
    index,
    keyProviderId,
    keyProviderInfo: EncryptedDataKey.printableInfo(keyProviderInfo),
    ...refusal
  }))

export const keyringContract = (
  {
    alsoRejects = [],
    bindsContext,
    contextCode,
    failures = {},
    invalidKeys,
    make,
    name,
    rejects,
    returnsUnlocked = false,
    suites = AlgorithmSuite.all,
    title
  }: Contract
) =>
  describe(`${title}, as every keyring`, () => {
    it.effect.each(suites)("a data key for $name comes back", (algorithmSuite) =>
      Effect.gen(function*() {
        const { keyring } = yield* make
        const materials = yield* keyring.onEncrypt(encryptionMaterials({ algorithmSuite }))
        const dataKey = DataKey.value(materials.plaintextDataKey!)
        assert.strictEqual(dataKey.length, algorithmSuite.dataKeyLength)
        for (const edk of materials.encryptedDataKeys) {
          const result = unwrapped(yield* keyring.onDecrypt(decryptionMaterials({ algorithmSuite }), [edk]))
          assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), dataKey)
          assert.strictEqual(result.encryptedDataKey, edk)
        }
      }))

    it.effect("keeps the data key that materials have, appends to their encrypted data keys, changes nothing else", () =>
      Effect.gen(function*() {
        const { keyring, wrapping = keyring } = yield* make
        const plaintextDataKey = DataKey.make(keyBytes(32))
        const input = encryptionMaterials({
          plaintextDataKey,
          encryptedDataKeys: [foreign],
          requiredEncryptionContextKeys: ["purpose"]
        })
        const before = { ...input }
        const output = yield* Effect.scoped(wrapping.onEncrypt(input))
        assert.strictEqual(output.plaintextDataKey, plaintextDataKey)
        assert.strictEqual(output.encryptedDataKeys[0], foreign)
        assert.isAbove(output.encryptedDataKeys.length, 1)
        // Receipts show the branch keys of a hierarchical keyring.
        const { branchKeys: _, ...rest } = output
        assert.deepStrictEqual({ ...rest, encryptedDataKeys: [foreign] }, before)
        assert.deepStrictEqual(input, before)
        assert.deepStrictEqual(DataKey.value(plaintextDataKey), keyBytes(32), "also after the scope")
        const result = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), output.encryptedDataKeys))
        assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), keyBytes(32))
        assert.strictEqual(result.encryptedDataKey, output.encryptedDataKeys[1])
      }))

    it.effect("every data key is new, and so is every wrapping of it", () =>
      Effect.gen(function*() {
        const { keyring } = yield* make
        const one = yield* keyring.onEncrypt(encryptionMaterials())
        const two = yield* keyring.onEncrypt(encryptionMaterials())
        assert.notDeepEqual(DataKey.value(one.plaintextDataKey!), DataKey.value(two.plaintextDataKey!))
        assert.notDeepEqual(one.encryptedDataKeys, two.encryptedDataKeys)
      }))

    it.effect("what it returned may be changed: the next is its own", () =>
      Effect.gen(function*() {
        const { keyring } = yield* make
        const first = yield* keyring.onEncrypt(encryptionMaterials())
        const info = new Uint8Array(first.encryptedDataKeys[0]!.keyProviderInfo)
        first.encryptedDataKeys[0]!.keyProviderInfo.fill(0)
        const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
        assert.deepStrictEqual(encryptedDataKeys[0]!.keyProviderInfo.subarray(0, 3), info.subarray(0, 3))
        unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), encryptedDataKeys))
      }))

    it.effect("unwraps what was wrapped without it", () =>
      Effect.gen(function*() {
        const { keyring, wrapByHand } = yield* make
        const edk = yield* wrapByHand(keyBytes(32).toReversed())
        const result = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [edk]))
        assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), keyBytes(32).toReversed())
      }))

    it.effect("no encrypted data keys are none of its own, and another provider's are not", () =>
      Effect.gen(function*() {
        const { keyring } = yield* make
        assert.deepStrictEqual(skipped(yield* keyring.onDecrypt(decryptionMaterials(), [])), [])
        const rows = skipped(yield* keyring.onDecrypt(decryptionMaterials(), [foreign]))
        assert.isNotEmpty(rows)
        for (const row of rows) {
          assert.deepInclude(row, { index: 0, keyProviderId: "another provider", keyProviderInfo: "…" })
          assert.match(row.description, /^its key provider is not /)
        }
      }))

    it.effect(`materials that have a data key already ${returnsUnlocked ? "come back" : "fail"}`, () =>
      Effect.gen(function*() {
        const { keyring, wrapByHand } = yield* make
        const plaintextDataKey = DataKey.make(keyBytes(32, 7))
        const unwrappedDataKey = yield* wrapByHand(keyBytes(32))
        const materials = { ...decryptionMaterials(), plaintextDataKey, unwrappedDataKey }
        const decrypted = keyring.onDecrypt(materials, [unwrappedDataKey])
        if (returnsUnlocked) {
          assert.strictEqual(unwrapped(yield* decrypted).plaintextDataKey, plaintextDataKey)
        } else {
          const error = yield* failureOf(decrypted)
          const { misconfigured } = errorsOf(keyring.name)
          assert.deepStrictEqual(error, misconfigured("onDecrypt", "materials", "have a data key already"))
        }
        assert.deepStrictEqual(DataKey.value(plaintextDataKey), keyBytes(32, 7))
      }))

    if (rejects !== undefined) {
      const refusal = { failure: "InvalidCiphertext", code: rejects, isRetryable: false } as const

      it.effect("any changed byte of the ciphertext is an attempt that failed, and the next ones are tried", () =>
        Effect.gen(function*() {
          const { keyring, wrapByHand } = yield* make
          const good = yield* wrapByHand(keyBytes(32))
          const changed = Array.from(good.ciphertext, (_, index) => ({
            ...good,
            ciphertext: flip(good.ciphertext, index, 1)
          }))
          const rows = yield* rowsOf(keyring.onDecrypt(decryptionMaterials(), [foreign, ...changed]))
          assert.isTrue(rows.some((row) => row._tag === "Skipped" && row.index === 0))
          const tried = rows.filter((row) => row._tag === "Attempted")
          for (const { code, failure } of tried) {
            assert.include([rejects, ...alsoRejects], code)
            assert.strictEqual(failure, failures[code] ?? refusal.failure)
          }
          assert.deepStrictEqual(
            tried.map(({ code: _code, description: _description, failure: _failure, ...row }) => row),
            attempts(name, [foreign, ...changed], refusal).slice(1)
              .map(({ code: _code, failure: _failure, ...row }) => row)
          )
          const all = [foreign, changed.at(-1)!, good, yield* wrapByHand(keyBytes(32, 9))]
          const result = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), all))
          assert.strictEqual(result.encryptedDataKey, good)
          assert.deepStrictEqual(DataKey.value(result.plaintextDataKey), keyBytes(32))
        }))

      const anotherContext = contextCode === undefined ? refusal : { ...refusal, code: contextCode }
      if (bindsContext) {
        it.effect("the context is bound to the data key", () =>
          Effect.gen(function*() {
            const { keyring } = yield* make
            const { encryptedDataKeys } = yield* keyring.onEncrypt(encryptionMaterials())
            for (
              const encryptionContext of [{}, { ...exampleContext, purpose: "Test" }, { ...exampleContext, more: "" }]
            ) {
              const rows = yield* rowsOf(
                keyring.onDecrypt(decryptionMaterials({ encryptionContext }), encryptedDataKeys)
              )
              const tried = rows.filter((row) => row._tag === "Attempted")
              assert.lengthOf(tried, encryptedDataKeys.length)
              for (const row of tried) assert.deepInclude(row, anotherContext)
            }
            const reordered = Object.fromEntries(Object.entries(exampleContext).toReversed())
            unwrapped(
              yield* keyring.onDecrypt(decryptionMaterials({ encryptionContext: reordered }), encryptedDataKeys)
            )
          }))
      }
    }

    it.effect("a data key of another length, or of zeroes, is rejected and zeroed at once", () =>
      Effect.gen(function*() {
        const { dataKeys, keyring, wrapByHand } = yield* make
        const edks = yield* Effect.forEach(invalidKeys, ([dataKey]) => wrapByHand(dataKey))
        const rows = yield* rowsOf(keyring.onDecrypt(decryptionMaterials(), edks))
        const invalid = (code: string) => ({ failure: "InvalidAnswer", code, isRetryable: false } as const)
        assert.deepStrictEqual(
          rows.filter((row) => row._tag === "Attempted"),
          edks.map((_, index) => attempts(name, edks, invalid(invalidKeys[index]![1]))[index]!)
        )
        assert.isTrue((yield* dataKeys).every(isZero))
      }))

    it.effect("data keys that it made and unwrapped are there until the scope closes, and zero afterwards", () =>
      Effect.gen(function*() {
        const { dataKeys, keyring } = yield* make
        const scope = yield* Scope.make()
        const materials = yield* Scope.provide(keyring.onEncrypt(encryptionMaterials()), scope)
        const result = unwrapped(
          yield* Scope.provide(keyring.onDecrypt(decryptionMaterials(), materials.encryptedDataKeys), scope)
        )
        const arrays = yield* dataKeys
        for (const dataKey of [materials.plaintextDataKey!, result.plaintextDataKey]) {
          assert.include(arrays, DataKey.value(dataKey), "no copy is handed out")
          assert.isFalse(isZero(DataKey.value(dataKey)))
        }
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(arrays.every(isZero))
      }))

    it.effect("prints no data key", () =>
      Effect.gen(function*() {
        const { keyring } = yield* make
        const materials = yield* keyring.onEncrypt(encryptionMaterials())
        const result = yield* keyring.onDecrypt(decryptionMaterials(), materials.encryptedDataKeys)
        printsNone([keyring, materials.plaintextDataKey, result], DataKey.value(materials.plaintextDataKey!))
      }))
  })

/** Asserts that values print no run of four bytes of a secret, and none of these texts. */
export const printsNone = (values: ReadonlyArray<unknown>, secret: Uint8Array, texts: ReadonlyArray<string> = []) => {
  const run = secret.subarray(0, 4)
  for (const value of values) {
    for (
      const text of [String(value), JSON.stringify(value) ?? "", inspect(value, { depth: 20, showHidden: true })]
    ) {
      assert.notInclude(text.replaceAll(/\s/g, ""), run.join(","))
      assert.notInclude(text, Buffer.from(run).toString("hex"))
      assert.notInclude(text, Buffer.from(run).toString("latin1"))
      for (const word of texts) assert.notInclude(text, word)
    }
  }
}

/** A data key that is being wrapped when its request is interrupted is zeroed. `make` is given what the wrapping waits for. */
export const zeroesWhenInterrupted = (
  make: (begun: Effect.Effect<void>) => Effect.Effect<
    Pick<Subject, "keyring" | "dataKeys">,
    KeyringError.KeyringError,
    Scope.Scope
  >
) =>
  it.effect("under interruption: a data key is zero when wrapping it is interrupted", () =>
    Effect.gen(function*() {
      const wrapping = yield* Deferred.make<void>()
      const { dataKeys, keyring } = yield* make(Effect.asVoid(Deferred.succeed(wrapping, undefined)))
      const fiber = yield* Effect.forkChild(Effect.scoped(keyring.onEncrypt(encryptionMaterials())))
      yield* Deferred.await(wrapping)
      assert.deepStrictEqual((yield* dataKeys).map(isZero), [false])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual((yield* dataKeys).map(isZero), [true])
    }))

/** The keyring is made by each of its layers. */
export const layersMake = <E>(
  keyring: string,
  layers: Readonly<Record<string, Layer.Layer<Keyring.Keyring, E>>>
) => {
  for (const [title, layer] of Object.entries(layers)) {
    it.effect(`${title} is the keyring of the program`, () =>
      Effect.gen(function*() {
        const made = yield* Keyring.Keyring
        assert.isTrue(Keyring.isKeyring(made))
        assert.strictEqual(made.name, keyring)
        const { encryptedDataKeys } = yield* made.onEncrypt(encryptionMaterials())
        unwrapped(yield* made.onDecrypt(decryptionMaterials(), encryptedDataKeys))
      }).pipe(Effect.provide(layer)))
  }
}

/** Options that are not taken: what they are, the options, the field and the description or its pattern. */
export const rejectsOptions = <Options>(
  keyring: string,
  owner: string,
  make: (options: Options) => Made,
  valid: Options,
  rows: ReadonlyArray<readonly [string, Partial<Record<keyof Options, unknown>>, string, string | RegExp]>
) => {
  const all: typeof rows = [
    ...rows,
    ["an unknown option", { keyspace: "" } as never, "keyspace", `is no option of ${owner}`]
  ]
  it.effect.each(all)("is not made of %s", ([, overrides, field, description]) =>
    Effect.gen(function*() {
      const error = yield* failureOf(make({ ...valid, ...overrides }))
      const reason = error.reason
      if (reason._tag !== "KeyringMisconfigured") return assert.fail(`reason is ${reason._tag}`)
      assert.strictEqual(error.keyring, keyring)
      assert.strictEqual(error.operation, "make")
      assert.isFalse(error.isRetryable)
      assert.strictEqual(reason.field, field)
      if (typeof description === "string") assert.strictEqual(reason.description, description)
      else assert.match(reason.description, description)
      assert.notInclude(inspect(error, { depth: 20 }), "MII", "a PEM text")
    }))
}

/** Encrypted data keys that are passed over, each with its reason. */
export const passesOver = (
  keyring: string,
  make: Made,
  rows: ReadonlyArray<readonly [string, Edk, string]>
) =>
  it.effect.each(rows)("is not its own: %s", ([, edk, description]) =>
    Effect.gen(function*() {
      const made = yield* make
      const row = {
        _tag: "Skipped" as const,
        keyring,
        index: 0,
        keyProviderId: edk.keyProviderId,
        keyProviderInfo: EncryptedDataKey.printableInfo(edk.keyProviderInfo),
        description
      }
      assert.deepStrictEqual<unknown>(
        yield* Effect.exit(made.onDecrypt(decryptionMaterials(), [edk])),
        Exit.succeed({ _tag: "NotMine", skipped: [row] })
      )
    }))

/** The names of raw keyrings that are not taken. */
export const badNames = (maxKeyName: number) =>
  [
    ["no namespace", { keyNamespace: undefined }, "keyNamespace", "must be a string, got undefined"],
    ["an empty namespace", { keyNamespace: "" }, "keyNamespace", "must not be empty"],
    [
      "the namespace of AWS KMS",
      { keyNamespace: "aws-kms" },
      "keyNamespace",
      "must not start with \"aws-kms\", which belongs to the KMS keyrings"
    ],
    [
      "a namespace that begins with it",
      { keyNamespace: "aws-kms-hierarchy" },
      "keyNamespace",
      "must not start with \"aws-kms\", which belongs to the KMS keyrings"
    ],
    ["a broken namespace", { keyNamespace: "\udc00" }, "keyNamespace", "is not well-formed Unicode"],
    [
      "a long namespace",
      { keyNamespace: "é".repeat(32_768) },
      "keyNamespace",
      "is 65536 bytes of UTF-8, at most 65535 fit"
    ],
    ["an empty name", { keyName: "" }, "keyName", "must not be empty"],
    ["a broken name", { keyName: "a\ud800" }, "keyName", "is not well-formed Unicode"],
    [
      "a long name",
      { keyName: "x".repeat(maxKeyName + 1) },
      "keyName",
      `is ${maxKeyName + 1} bytes of UTF-8, at most ${maxKeyName} fit`
    ]
  ] as const
