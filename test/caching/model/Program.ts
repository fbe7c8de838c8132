/**
 * Random programs for caching managers: two managers over one cache, a script for the calls that they make, and commands.
 */
import { Arbitrary } from "effect"
import { AlgorithmSuite, type CryptographicMaterialsManager } from "effect-encryption-sdk"
import type { CachePolicy } from "effect-encryption-sdk/caching"
import { arbitraryInt } from "../../support/arbitraryBytes.ts"
import { decryptRequest, edk, encryptRequest } from "../../support/scriptedManager.ts"

/** What stands in for the numbers of a policy; `undefined` leaves the default, which no program here reaches. */
export interface ManagerSpec {
  readonly partition: "p" | "q"
  readonly maxAge: number
  readonly maxMessages: number | undefined
  readonly maxBytes: number | undefined
  readonly rule: "none" | "strict" | "bypass" | "throws"
  readonly refreshes: boolean
}

/** What one underlying call does, after its latency in milliseconds. */
export interface CallSpec {
  readonly latency: number | "hangs" | "hangs, uninterruptibly"
  readonly outcome: "answers" | "fails" | "dies" | "answers what may not be cached"
}

export type Command =
  | {
    readonly _tag: "Request"
    readonly manager: 0 | 1
    readonly shape: RequestShape
    /** Number of fibers at once. */
    readonly fibers: number
    /** Number of requests that each fiber makes, one after another. */
    readonly inTurn: number
  }
  | { readonly _tag: "Warm"; readonly manager: 0 | 1; readonly context: number }
  | { readonly _tag: "Adjust"; readonly millis: number }
  /** The wall clock alone: back, by `TestClock.setTime`. Monotonic time stands still meanwhile. */
  | { readonly _tag: "SetBack"; readonly millis: number }
  /** The wall clock alone, forth or back, without waking a fiber: the machine slept, or its clock was corrected. */
  | { readonly _tag: "Skew"; readonly millis: number }
  | { readonly _tag: "Interrupt"; readonly which: number }
  | { readonly _tag: "InterruptAll" }
  | {
    readonly _tag: "Invalidate"
    readonly manager: 0 | 1
    readonly context: number | undefined
    readonly wrappingKeyOfCall: number | undefined
  }
  | { readonly _tag: "Clear"; readonly manager: 0 | 1 }
  /** By the cache's owner, whatever the partition. */
  | { readonly _tag: "ClearCache" }
  | { readonly _tag: "EndOperations" }
  | { readonly _tag: "Close"; readonly manager: 0 | 1 }

/** One request, as plain data. */
export interface RequestShape {
  readonly operation: "encrypt" | "decrypt"
  readonly context: number
  /** In bytes; for encryption alone. */
  readonly length: number | undefined
  readonly suite: "default" | "explicit" | "without key derivation"
  readonly policy: "RequireEncryptRequireDecrypt" | "RequireEncryptAllowDecrypt"
  /** Required keys on encryption, the expected context on decryption. */
  readonly bound: "nothing" | "tenant" | "region"
  /** For decryption alone. */
  readonly edks: ReadonlyArray<number>
}

export interface Program {
  readonly capacity: number
  readonly decryptCapacity: number | undefined
  readonly sweepInterval: number
  readonly managers: readonly [ManagerSpec, ManagerSpec]
  /** For the first call, the second and so on, and then again from the first. */
  readonly calls: ReadonlyArray<CallSpec>
  /** The jitter of each entry, from 0 to less than 1. */
  readonly draws: ReadonlyArray<number>
  readonly commands: ReadonlyArray<Command>
}

export const fetchDeadline = 4000
/** Duration of a call that hangs: an hour. Only requests that fetch for themselves wait as long. */
export const hang = 3_600_000
export const gracePeriod = 500
export const budgetShare = 0.5
export const retryDelay = 250
/** The stricter thresholds that the rule `strict` answers for the context 1. */
export const strict = { maxAge: 750, maxMessages: 2, maxBytes: 8 }

export const contexts: ReadonlyArray<Readonly<Record<string, string>>> = [
  { tenant: "a" },
  { tenant: "a", purpose: "x" },
  { tenant: "b" }
]

/** What entries are invalidated by. */
export const selectors: ReadonlyArray<Readonly<Record<string, string>>> = [...contexts, { region: "z" }]

export const rule = (kind: ManagerSpec["rule"]): CachePolicy.Rule => ({ encryptionContext, plaintextLength }) => {
  switch (kind) {
    case "none":
      return undefined
    case "strict":
      return encryptionContext["purpose"] === "x"
        ? {
          maxAge: `${strict.maxAge} millis`,
          maxMessagesEncrypted: strict.maxMessages,
          maxBytesEncrypted: strict.maxBytes
        }
        : undefined
    case "bypass":
      return encryptionContext["tenant"] === "b" ? "bypass" : undefined
    case "throws":
      if (plaintextLength === 3) throw new Error("a rule that throws")
      return undefined
  }
}

export const uncacheableSuite = AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF

export const suites = {
  default: undefined,
  explicit: AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
  "without key derivation": uncacheableSuite
}

/** The request that a shape stands for, as the library takes it. */
export const encryptionOf = (shape: RequestShape): CryptographicMaterialsManager.EncryptionMaterialsRequest =>
  encryptRequest({
    context: { ...contexts[shape.context] },
    length: shape.length,
    suite: suites[shape.suite],
    policy: shape.policy,
    required: shape.bound === "nothing" ? [] : ["tenant"]
  })

/** The tenant is in the stored context, the region is not: it is reproduced. */
export const expectedOf = ({ bound, context }: RequestShape): Readonly<Record<string, string>> => {
  switch (bound) {
    case "nothing":
      return {}
    case "tenant":
      return { tenant: contexts[context]!["tenant"]! }
    case "region":
      return { region: "z" }
  }
}

export const decryptionOf = (shape: RequestShape): CryptographicMaterialsManager.DecryptMaterialsRequest =>
  decryptRequest({
    context: { ...contexts[shape.context] },
    expected: expectedOf(shape),
    suite: suites[shape.suite] ?? AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
    policy: shape.policy,
    edks: shape.edks.map(edk)
  })

const oneOf = <const A extends ReadonlyArray<unknown>>(...values: A): Arbitrary.Arbitrary<A[number]> =>
  Arbitrary.map(arbitraryInt(0, values.length - 1), (index) => values[index]!)

/** The first value, `times` times as often as each of the others. */
const mostly = <const A extends ReadonlyArray<unknown>>(times: number, ...values: A): Arbitrary.Arbitrary<A[number]> =>
  Arbitrary.map(arbitraryInt(0, values.length + times - 2), (index) => values[Math.max(0, index - times + 1)]!)

const manager: Arbitrary.Arbitrary<0 | 1> = mostly(2, 0, 1)

const arbitraryManager = (partition: Arbitrary.Arbitrary<"p" | "q">): Arbitrary.Arbitrary<ManagerSpec> =>
  Arbitrary.all({
    partition,
    maxAge: oneOf(2000, 1000),
    maxMessages: oneOf(undefined, 4, 2, 5, 7, 3, 1),
    maxBytes: mostly(2, undefined, 20, 30, 10, 0),
    rule: mostly(4, "none", "strict", "bypass", "throws"),
    refreshes: oneOf(false, true, true)
  })

const arbitraryCall: Arbitrary.Arbitrary<CallSpec> = Arbitrary.all({
  latency: mostly(6, 250, 0, 0, 0, 0, 500, 500, 750, 1000, 3750, "hangs", "hangs, uninterruptibly"),
  outcome: mostly(12, "answers", "fails", "fails", "dies", "answers what may not be cached")
})

const arbitraryShape: Arbitrary.Arbitrary<RequestShape> = Arbitrary.all({
  operation: mostly(2, "encrypt", "decrypt"),
  context: mostly(3, 0, 1, 2),
  length: mostly(3, 4, 0, 1, 3, 5, 6, 10, 11, 21, undefined),
  suite: mostly(20, "default", "explicit", "without key derivation"),
  policy: mostly(15, "RequireEncryptRequireDecrypt", "RequireEncryptAllowDecrypt"),
  bound: mostly(10, "nothing", "tenant", "region", "region"),
  edks: mostly(4, [1, 2], [2, 1], [3])
})

const arbitraryRequest: Arbitrary.Arbitrary<Command> = Arbitrary.map(
  Arbitrary.all({ manager, shape: arbitraryShape, fibers: mostly(2, 1, 2, 3), inTurn: mostly(3, 1, 2, 4) }),
  (request): Command => ({ _tag: "Request", ...request })
)

const arbitraryAdjust: Arbitrary.Arbitrary<Command> = Arbitrary.map(
  oneOf(250, 0, 250, 0, 250, 500, 500, 750, 1000, 249, 1),
  (millis): Command => ({ _tag: "Adjust", millis })
)

const arbitraryControl: Arbitrary.Arbitrary<Command> = Arbitrary.map(
  Arbitrary.all({
    manager,
    context: oneOf(undefined, 0, 1, 2, 3),
    wrappingKeyOfCall: mostly(3, undefined, 1, 2, 3)
  }),
  (selector): Command => ({ _tag: "Invalidate", ...selector })
)

const arbitraryInterruption: Arbitrary.Arbitrary<Command> = Arbitrary.map(
  arbitraryInt(0, 5),
  (which): Command => ({ _tag: "Interrupt", which })
)

const arbitraryRare: ReadonlyArray<Arbitrary.Arbitrary<Command>> = [
  arbitraryInterruption,
  arbitraryInterruption,
  arbitraryInterruption,
  Arbitrary.Constant<Command>({ _tag: "InterruptAll" }),
  arbitraryControl,
  arbitraryControl,
  Arbitrary.map(manager, (manager): Command => ({ _tag: "Clear", manager })),
  Arbitrary.Constant<Command>({ _tag: "ClearCache" }),
  Arbitrary.map(oneOf(250, 1000, 5000), (millis): Command => ({ _tag: "SetBack", millis })),
  Arbitrary.map(oneOf(1000, -1000, 750, 250), (millis): Command => ({ _tag: "Skew", millis })),
  Arbitrary.map(
    Arbitrary.all({ manager, context: mostly(2, 0, 1, 2) }),
    (warm): Command => ({ _tag: "Warm", ...warm })
  ),
  Arbitrary.Constant<Command>({ _tag: "EndOperations" }),
  Arbitrary.map(
    Arbitrary.all({ manager, really: mostly(2, false, true) }),
    ({ manager, really }): Command => really ? { _tag: "Close", manager } : { _tag: "Adjust", millis: 0 }
  )
]

const arbitraryCommand: Arbitrary.Arbitrary<Command> = Arbitrary.flatMap(
  arbitraryInt(0, 23 + arbitraryRare.length),
  (kind) => kind < 13 ? arbitraryRequest : kind < 24 ? arbitraryAdjust : arbitraryRare[kind - 24]!
)

/** Programs of up to `maxCommands` commands. */
export const arbitraryProgram = (maxCommands: number): Arbitrary.Arbitrary<Program> =>
  Arbitrary.all({
    capacity: mostly(5, 10, 3, 3, 2, 2, 1, 1, 0),
    decryptCapacity: mostly(4, undefined, 1),
    sweepInterval: mostly(2, 3_600_000, 1500),
    managers: Arbitrary.all([
      arbitraryManager(Arbitrary.Constant("p")),
      arbitraryManager(mostly(2, "p", "q"))
    ]),
    calls: Arbitrary.array(arbitraryCall, { minLength: 1, maxLength: 8 }),
    draws: Arbitrary.array(oneOf(0, 0.25, 0.5, 0.75), { minLength: 1, maxLength: 4 }),
    commands: Arbitrary.array(arbitraryCommand, { minLength: 1, maxLength: maxCommands })
  })
