/**
 * Arbitrary values of this library, for properties: `it.effect.prop` of `@effect/vitest`, or `Arbitrary.checkEffect` with
 * any runner. They favour what breaks naive code, and shrink to what is plain and small: a text of `a`s, the empty context,
 * one request, no pause, no thresholds.
 *
 * ```ts
 * it.effect.prop("no record is lost", { steps: Arbitraries.steps() }, ({ steps }) =>
 *   Effect.forEach(steps, ({ encryptionContext, length, pause }) =>
 *     Effect.andThen(TestClock.adjust(pause), roundTrip(new Uint8Array(length), encryptionContext))))
 * ```
 */
import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as CachePolicy from "../caching/CachePolicy.ts"
import * as CommitmentPolicy from "../model/CommitmentPolicy.ts"
import type { CompleteDecryptionMaterials, CompleteEncryptionMaterials } from "../model/CryptographicMaterials.ts"
import type { DecryptMaterialsRequest, EncryptionMaterialsRequest } from "../materials/CryptographicMaterialsManager.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptedDataKey } from "../model/EncryptedDataKey.ts"
import type { EncryptionContext } from "../model/EncryptionContext.ts"
import {
  contextNames,
  type ContextOptions,
  stepsNames,
  type StepsOptions,
  textNames,
  type TextOptions
} from "./internal/arbitraryOptions.ts"
import { checkNames } from "./internal/script.ts"

export type { ContextOptions, StepsOptions, TextOptions } from "./internal/arbitraryOptions.ts"

/** A whole number; shrinks to `minimum`. */
const integer = (minimum: number, maximum: number): Arbitrary.Arbitrary<number> =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

/** One of these values; shrinks to the first. */
const oneOf = <const A extends ReadonlyArray<unknown>>(values: A): Arbitrary.Arbitrary<A[number]> =>
  Arbitrary.map(integer(0, values.length - 1), (index) => values[index])

/** A value or nothing; shrinks to nothing. */
const optional = <A>(value: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<A | undefined> =>
  Arbitrary.map(
    Arbitrary.all([Arbitrary.schema(Schema.Boolean), value]),
    ([present, value]) => present ? value : undefined
  )

const byteArray = (minLength: number, maxLength: number): Arbitrary.Arbitrary<Uint8Array<ArrayBuffer>> =>
  Arbitrary.map(Arbitrary.array(integer(0, 0xff), { minLength, maxLength }), (values) => Uint8Array.from(values))

/**
 * Characters of one, two, three and four bytes of UTF-8: those whose order in UTF-8 is not that in UTF-16, a byte order
 * mark, a null.
 */
const characters = [
  "a",
  "B",
  "0",
  "z",
  "_",
  "é",
  "ß",
  "\u{ff21}",
  "\u{ffee}",
  "\u{1f600}",
  "\u{10ffff}",
  "\u{feff}",
  "\0"
] as const

/** Texts that are names of what objects have by themselves. */
const names = ["__proto__", "constructor", "toString", "hasOwnProperty"] as const

/** Well-formed text, ASCII and not, of at most `maxLength` characters (default 5). */
export const text = (options: TextOptions = {}): Arbitrary.Arbitrary<string> => {
  checkNames(options, textNames)
  return Arbitrary.map(
    Arbitrary.array(oneOf(characters), { maxLength: options.maxLength ?? 5 }),
    (characters) => characters.join("")
  )
}

/** A key of a context: a text, or now and then a name such as `__proto__`. */
const contextKey = (maxLength: number): Arbitrary.Arbitrary<string> =>
  Arbitrary.map(
    Arbitrary.all([integer(0, 7), oneOf(names), text({ maxLength })]),
    ([kind, name, text]) => kind === 7 ? name : text
  )

/**
 * Encryption contexts as a caller may give them, the empty one included, of at most `maxPairs` pairs (default 4) whose
 * texts have at most `maxLength` characters (default 5). No key is reserved.
 */
export const encryptionContext = (
  options: ContextOptions = {}
): Arbitrary.Arbitrary<EncryptionContext> => {
  checkNames(options, contextNames)
  const maxLength = options.maxLength ?? 5
  return Arbitrary.map(
    Arbitrary.array(Arbitrary.all([contextKey(maxLength), text({ maxLength })]), { maxLength: options.maxPairs ?? 4 }),
    // Defines own properties, so that `__proto__` is a key like any other.
    (pairs): EncryptionContext => Object.fromEntries(pairs)
  )
}

/** The three commitment policies; shrinks to the default one. */
export const commitmentPolicy: Arbitrary.Arbitrary<CommitmentPolicy.CommitmentPolicy> = /*#__PURE__*/ oneOf([
  "RequireEncryptRequireDecrypt",
  "RequireEncryptAllowDecrypt",
  "ForbidEncryptAllowDecrypt"
])

/** All eleven suites. */
export const algorithmSuite: Arbitrary.Arbitrary<AlgorithmSuite.AlgorithmSuite> = /*#__PURE__*/ oneOf(
  AlgorithmSuite.all
)

/** The suites whose materials may be cached. */
export const cacheableAlgorithmSuite: Arbitrary.Arbitrary<AlgorithmSuite.AlgorithmSuite> = /*#__PURE__*/ oneOf(
  /*#__PURE__*/ AlgorithmSuite.all.filter(AlgorithmSuite.isCacheable)
)

/** Encrypted data keys of any key provider. */
export const encryptedDataKey: Arbitrary.Arbitrary<EncryptedDataKey<ArrayBuffer>> = /*#__PURE__*/ Arbitrary.map(
  /*#__PURE__*/ Arbitrary.all([/*#__PURE__*/ text(), /*#__PURE__*/ byteArray(0, 12), /*#__PURE__*/ byteArray(0, 20)]),
  ([keyProviderId, keyProviderInfo, ciphertext]) => ({ keyProviderId, keyProviderInfo, ciphertext })
)

const encryptedDataKeys = /*#__PURE__*/ Arbitrary.array(encryptedDataKey, { minLength: 1, maxLength: 3 })

const seconds = /*#__PURE__*/ Arbitrary.map(/*#__PURE__*/ integer(1, 100), Duration.seconds)

/** Small enough that short tests meet them; rarely the largest there is. */
const maxMessagesEncrypted = /*#__PURE__*/ Arbitrary.map(
  /*#__PURE__*/ Arbitrary.all([/*#__PURE__*/ integer(0, 15), /*#__PURE__*/ integer(1, 20)]),
  ([kind, few]) => kind === 15 ? CachePolicy.maxMessagesEncryptedLimit : few
)

const maxBytesEncrypted = /*#__PURE__*/ Arbitrary.map(
  /*#__PURE__*/ Arbitrary.all([/*#__PURE__*/ integer(0, 15), /*#__PURE__*/ integer(0, 100)]),
  ([kind, few]) => kind === 15 ? CachePolicy.maxBytesEncryptedLimit : BigInt(few)
)

const thresholdsFrom = (
  maxAge: Duration.Duration | undefined,
  maxMessagesEncrypted: number | undefined,
  maxBytesEncrypted: bigint | undefined
): CachePolicy.Thresholds => ({
  ...(maxAge === undefined ? {} : { maxAge }),
  ...(maxMessagesEncrypted === undefined ? {} : { maxMessagesEncrypted }),
  ...(maxBytesEncrypted === undefined ? {} : { maxBytesEncrypted })
})

/**
 * Thresholds, each of which may be missing: ages of 1 to 100 seconds, mostly 1 to 20 messages and 0 to 100 bytes, so that
 * short tests meet them.
 */
export const thresholds: Arbitrary.Arbitrary<CachePolicy.Thresholds> = /*#__PURE__*/ Arbitrary.map(
  /*#__PURE__*/ Arbitrary.all([
    /*#__PURE__*/ optional(seconds),
    /*#__PURE__*/ optional(maxMessagesEncrypted),
    /*#__PURE__*/ optional(maxBytesEncrypted)
  ]),
  ([maxAge, messages, bytes]) => thresholdsFrom(maxAge, messages, bytes)
)

/** Thresholds that a caching manager can be made with: as `thresholds`, and with a `maxAge`. */
export const completeThresholds: Arbitrary.Arbitrary<CachePolicy.Thresholds & { readonly maxAge: Duration.Duration }> =
  /*#__PURE__*/ Arbitrary.map(
    /*#__PURE__*/ Arbitrary.all([
      seconds,
      /*#__PURE__*/ optional(maxMessagesEncrypted),
      /*#__PURE__*/ optional(maxBytesEncrypted)
    ]),
    ([maxAge, messages, bytes]) => Object.assign(thresholdsFrom(undefined, messages, bytes), { maxAge })
  )

/** Conditions of arbitrary rules. */
const conditions: Readonly<Record<string, (request: CachePolicy.RuleRequest) => boolean>> = {
  "always": () => true,
  "to encrypt": ({ operation }) => operation === "encrypt",
  "to decrypt": ({ operation }) => operation === "decrypt",
  "with a context": ({ encryptionContext }) => Object.keys(encryptionContext).length > 0,
  "longer than 30 bytes": ({ plaintextLength = 0 }) => plaintextLength > 30,
  "after 500 ms": ({ time }) => DateTime.toEpochMillis(time) > 500
}

/** Results of arbitrary rules: nothing, stricter thresholds, bypass, an exception, or thresholds that are none. */
const results = ["nothing", "thresholds", "bypass", "throws", "nonsense"] as const

/**
 * Rules of a policy: pure functions of the request, some of which throw or return nonsense. `String` of a rule describes
 * it.
 */
export const rule: Arbitrary.Arbitrary<CachePolicy.Rule> = /*#__PURE__*/ Arbitrary.map(
  /*#__PURE__*/ Arbitrary.all([
    /*#__PURE__*/ oneOf(/*#__PURE__*/ Object.keys(conditions)),
    /*#__PURE__*/ oneOf(results),
    thresholds
  ]),
  ([when, result, thresholds]): CachePolicy.Rule => {
    const evaluate: CachePolicy.Rule = (request) => {
      if (conditions[when]?.(request) !== true || result === "nothing") return undefined
      if (result === "throws") throw new Error("arbitrary rule")
      if (result === "nonsense") return { maxMessagesEncrypted: -1 }
      return result === "bypass" ? result : thresholds
    }
    const printed = result === "thresholds" ? formatThresholds(thresholds) : result
    return Object.assign(evaluate, { toString: () => `rule(${when}: ${printed})` })
  }
)

const formatThresholds = ({ maxAge, maxBytesEncrypted, maxMessagesEncrypted }: CachePolicy.Thresholds): string =>
  [
    ...(maxAge === undefined ? [] : [`maxAge ${Duration.format(maxAge)}`]),
    ...(maxMessagesEncrypted === undefined ? [] : [`maxMessagesEncrypted ${maxMessagesEncrypted}`]),
    ...(maxBytesEncrypted === undefined ? [] : [`maxBytesEncrypted ${maxBytesEncrypted}`])
  ].join(", ") || "no thresholds"

const policyFrom = (
  thresholds: CachePolicy.Thresholds,
  rules: ReadonlyArray<CachePolicy.Rule>
): CachePolicy.CachePolicy => ({ ...CachePolicy.empty, thresholds, rules })

const rules = /*#__PURE__*/ Arbitrary.array(rule, { maxLength: 3 })

/** Policies of thresholds and at most three rules. Not each of them has a `maxAge`. */
export const policy: Arbitrary.Arbitrary<CachePolicy.CachePolicy> = /*#__PURE__*/ Arbitrary.map(
  /*#__PURE__*/ Arbitrary.all([thresholds, rules]),
  ([thresholds, rules]) => policyFrom(thresholds, rules)
)

/** Policies that a caching manager can be made with: as `policy`, and with a `maxAge`. */
export const completePolicy: Arbitrary.Arbitrary<CachePolicy.CachePolicy> = /*#__PURE__*/ Arbitrary.map(
  /*#__PURE__*/ Arbitrary.all([completeThresholds, rules]),
  ([thresholds, rules]) => policyFrom(thresholds, rules)
)

/** Requests to rules, for `CachePolicy.decide`: the first second of the Clock, and lengths of at most 60 bytes. */
export const ruleRequest: Arbitrary.Arbitrary<CachePolicy.RuleRequest> = /*#__PURE__*/ Arbitrary.map(
  /*#__PURE__*/ Arbitrary.all([
    /*#__PURE__*/ oneOf(["encrypt", "decrypt"]),
    /*#__PURE__*/ encryptionContext({ maxPairs: 1 }),
    cacheableAlgorithmSuite,
    /*#__PURE__*/ optional(/*#__PURE__*/ integer(0, 60)),
    /*#__PURE__*/ integer(0, 1000)
  ]),
  ([operation, encryptionContext, algorithmSuite, plaintextLength, millis]) => ({
    operation,
    encryptionContext,
    algorithmSuite,
    plaintextLength,
    time: DateTime.makeUnsafe(millis)
  })
)

/** The first of the suites that fits, from a place on that was drawn. */
const suiteFrom = (
  drawn: AlgorithmSuite.AlgorithmSuite,
  fits: (suite: AlgorithmSuite.AlgorithmSuite) => boolean
): AlgorithmSuite.AlgorithmSuite => {
  const start = AlgorithmSuite.all.indexOf(drawn)
  const turned = [...AlgorithmSuite.all.slice(start), ...AlgorithmSuite.all.slice(0, start)]
  return turned.find(fits) ?? drawn
}

const isUnsigned = (suite: AlgorithmSuite.AlgorithmSuite): boolean => suite.signature === undefined

/**
 * Requests for encryption materials that a default manager grants: of any commitment policy, with a suite that it allows
 * or none, with or without required keys and a length of at most 100 bytes.
 */
export const encryptionRequest: Arbitrary.Arbitrary<EncryptionMaterialsRequest> = /*#__PURE__*/ Arbitrary.map(
  /*#__PURE__*/ Arbitrary.all([
    /*#__PURE__*/ encryptionContext(),
    commitmentPolicy,
    /*#__PURE__*/ optional(algorithmSuite),
    /*#__PURE__*/ integer(0, 4),
    /*#__PURE__*/ optional(/*#__PURE__*/ integer(0, 100))
  ]),
  ([encryptionContext, commitmentPolicy, suite, required, maxPlaintextLength]) => ({
    encryptionContext,
    commitmentPolicy,
    algorithmSuite: suite && suiteFrom(suite, (suite) => CommitmentPolicy.allowsEncrypt(commitmentPolicy, suite)),
    requiredEncryptionContextKeys: Object.keys(encryptionContext).slice(0, Math.max(0, required - 2)),
    maxPlaintextLength
  })
)

/**
 * Requests for decryption materials with one to three encrypted data keys of any key provider, of a suite that the
 * commitment policy allows. The suite does not sign, since the context would have to hold a real public key.
 */
export const decryptRequest: Arbitrary.Arbitrary<DecryptMaterialsRequest> = /*#__PURE__*/ Arbitrary.map(
  /*#__PURE__*/ Arbitrary.all([
    algorithmSuite,
    commitmentPolicy,
    encryptedDataKeys,
    /*#__PURE__*/ encryptionContext(),
    /*#__PURE__*/ integer(0, 3)
  ]),
  ([suite, commitmentPolicy, encryptedDataKeys, encryptionContext, expected]) => ({
    algorithmSuite: suiteFrom(
      suite,
      (suite) => isUnsigned(suite) && CommitmentPolicy.allowsDecrypt(commitmentPolicy, suite)
    ),
    commitmentPolicy,
    encryptedDataKeys,
    encryptionContext,
    expectedEncryptionContext: Object.fromEntries(Object.entries(encryptionContext).slice(0, expected))
  })
)

/** Bytes of a data key that are not all zero. */
const dataKeyBytes = /*#__PURE__*/ Arbitrary.map(/*#__PURE__*/ byteArray(32, 32), (bytes) => {
  bytes[0] = bytes[0]! | 1
  return bytes
})

/**
 * Complete encryption materials of suites that do not sign. The data key of each value is its own, and may be zeroed.
 */
export const encryptionMaterials: Arbitrary.Arbitrary<CompleteEncryptionMaterials> = /*#__PURE__*/ Arbitrary.map(
  /*#__PURE__*/ Arbitrary.all([algorithmSuite, /*#__PURE__*/ encryptionContext(), encryptedDataKeys, dataKeyBytes]),
  ([suite, encryptionContext, encryptedDataKeys, bytes]) => {
    const algorithmSuite = suiteFrom(suite, isUnsigned)
    return {
      algorithmSuite,
      encryptionContext,
      requiredEncryptionContextKeys: [],
      encryptedDataKeys,
      plaintextDataKey: DataKey.make(bytes.slice(0, algorithmSuite.dataKeyLength)),
      signingKey: undefined
    }
  }
)

/** Complete decryption materials of suites that do not sign. The data key of each value is its own. */
export const decryptionMaterials: Arbitrary.Arbitrary<CompleteDecryptionMaterials> = /*#__PURE__*/ Arbitrary.map(
  encryptionMaterials,
  ({ algorithmSuite, encryptedDataKeys, encryptionContext, plaintextDataKey }) => ({
    algorithmSuite,
    encryptionContext,
    requiredEncryptionContextKeys: [],
    plaintextDataKey,
    unwrappedDataKey: encryptedDataKeys[0]!,
    verificationKey: undefined
  })
)

/** One of a sequence of requests. */
export interface Step {
  readonly encryptionContext: EncryptionContext
  /** Bytes of plaintext. */
  readonly length: number
  /** Time since the step before. */
  readonly pause: Duration.Duration
}

/**
 * Sequences of requests, each with its context, its length and the time since the one before, which may be none.
 * Shrinks to fewer requests of fewer contexts, shorter and without pauses.
 */
export const steps = (options?: StepsOptions): Arbitrary.Arbitrary<ReadonlyArray<Step>> => {
  if (options !== undefined) checkNames(options, stepsNames)
  const maxSteps = options?.maxSteps ?? 50
  const maxMillis = Duration.toMillis(Duration.fromInputUnsafe(options?.maxPause ?? "2 minutes"))
  const maxContexts = options?.maxContexts ?? 3
  const step = Arbitrary.all([
    integer(0, maxContexts - 1),
    integer(0, options?.maxLength ?? 100),
    integer(0, 2),
    integer(0, maxMillis)
  ])
  return Arbitrary.map(
    Arbitrary.all([
      Arbitrary.array(encryptionContext({ maxPairs: 2 }), { minLength: 1, maxLength: maxContexts }),
      // An array has at most as many elements as the size of the run, 10 by default: too few to meet a threshold.
      Arbitrary.array(Arbitrary.array(step))
    ]),
    ([contexts, groups]) =>
      groups.flat().slice(0, maxSteps).map(([context, length, kind, millis]): Step => ({
        encryptionContext: contexts[context % contexts.length]!,
        length,
        pause: Duration.millis(kind === 0 ? 0 : millis)
      }))
  )
}
