/**
 * The options of the demo, and what they mean.
 */
import { Duration, Effect, Option } from "effect"
import { CliError, Flag } from "effect/cli"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { CachePolicy } from "effect-encryption-sdk/caching"
import { KeyArn } from "effect-encryption-sdk/kms"
import { WrongOption } from "./wrong-option.ts"

const suites = {
  "0x0478": AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
  "0x0578": AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
} as const

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

const integer = (name: string, minimum: number, maximum: number, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("INTEGER"),
    Flag.withDescription(description),
    Flag.optional,
    Flag.mapEffect((given) =>
      Option.match(given, {
        onNone: () => Effect.undefined,
        onSome: (value) =>
          /^[0-9]+$/.test(value) && Number(value) >= minimum && Number(value) <= maximum
            ? Effect.succeed(Number(value))
            : Effect.fail(
              new CliError.InvalidValue({
                option: name,
                value,
                expected: `an integer from ${minimum} to ${maximum}`,
                kind: "flag"
              })
            )
      })
    )
  )

/**
 * A maximum age that no run on a usual machine reaches, so that the calls follow from the input alone; and so few messages
 * that some data keys meet that threshold.
 */
const defaults = {
  maxAge: "10 minutes",
  maxMessages: "1000",
  capacity: 100,
  kmsLatency: "10 millis",
  parallel: 1
}

/** The flags, with what `--help` says of them. */
export const flags = {
  records: integer("records", 1, Number.MAX_SAFE_INTEGER, "How many records, from the first on (default: all)"),
  maxAge: text(
    "max-age",
    "DURATION",
    `How long a data key may be used, such as "90 seconds" (default: ${defaults.maxAge}, longer than the run)`
  ),
  maxMessages: text(
    "max-messages",
    "INTEGER",
    `How many messages a data key may encrypt, 1 to 2^32 (default: ${defaults.maxMessages})`
  ),
  maxBytes: text("max-bytes", "INTEGER", "How many bytes a data key may encrypt, 0 to 2^63-1 (default: 2^63-1)"),
  capacity: integer(
    "capacity",
    0,
    Number.MAX_SAFE_INTEGER,
    `How many entries each cache keeps; 0 turns caching off (default: ${defaults.capacity})`
  ),
  column: text("column", "NAME", "The column that makes the encryption context (default: Phase of flight)"),
  input: text("input", "FILE", "Your own records, one JSON object a line; needs --column"),
  output: text("output", "FILE", "Write the messages here, one a line in base64; without --kms-key also FILE.key"),
  refreshAhead: Flag.Boolean("refresh-ahead").pipe(
    Flag.withDescription("Renew data keys that are in use before they meet a threshold"),
    Flag.withoutNegation,
    Flag.withDefault(false)
  ),
  force: Flag.Boolean("force").pipe(
    Flag.withDescription("Let --output replace files that exist"),
    Flag.withoutNegation,
    Flag.withDefault(false)
  ),
  kmsKey: text(
    "kms-key",
    "ARN",
    "A real AWS KMS key, with the credentials that the AWS SDK finds (default: a key of the embedded KMS)"
  ),
  endpoint: text("endpoint", "URL", "Where AWS KMS is, for --kms-key (default: the key's Region)"),
  kmsLatency: text(
    "kms-latency",
    "DURATION",
    `How long each call to the embedded KMS takes, simulated (default: ${defaults.kmsLatency})`
  ),
  hierarchical: Flag.Boolean("hierarchical").pipe(
    Flag.withDescription(
      "Wrap data keys under branch keys, one for each value of the column, instead of caching them: each message has its own"
    ),
    Flag.withoutNegation,
    Flag.withDefault(false)
  ),
  suite: Flag.Literals("suite", ["0x0478", "0x0578"]).pipe(
    Flag.withDescription(
      "0x0578, the library's default, signs each message, which is most of its time; 0x0478 does not"
    ),
    Flag.withDefault("0x0578" as const)
  ),
  parallel: integer(
    "parallel",
    1,
    10_000,
    `How many records are worked on at once (default: ${defaults.parallel})`
  )
}

/** The flags as they were given. */
export type Given = { readonly [K in keyof typeof flags]: (typeof flags)[K] extends Flag.Flag<infer A> ? A : never }

/** KMS that has the wrapping key. */
export type Provider =
  | { readonly _tag: "Embedded"; readonly latency: Duration.Duration }
  | { readonly _tag: "Aws"; readonly keyArn: string; readonly endpoint: string | undefined }

/** Settings of a run, from the flags. */
export interface Settings {
  readonly records: number | undefined
  readonly column: string | undefined
  readonly input: string | undefined
  readonly output: string | undefined
  readonly force: boolean
  readonly refreshAhead: boolean
  readonly provider: Provider
  readonly policy: CachePolicy.CachePolicy
  readonly capacity: number
  readonly suite: AlgorithmSuite.AlgorithmSuite
  readonly parallel: number
  /** Whether branch keys are cached, and not data keys. */
  readonly hierarchical: boolean
}

const optionOf: Readonly<Record<string, string>> = {
  maxAge: "max-age",
  maxMessagesEncrypted: "max-messages",
  maxBytesEncrypted: "max-bytes"
}

/** Checks what was given, before anything is done. */
export const settings = Effect.fnUntraced(function*(given: Given) {
  yield* checkTogether(given)
  const policy = yield* CachePolicy.make({
    maxAge: Option.getOrElse(given.maxAge, () => defaults.maxAge),
    maxMessagesEncrypted: Option.getOrElse(given.maxMessages, () => defaults.maxMessages),
    maxBytesEncrypted: Option.getOrUndefined(given.maxBytes)
  }).pipe(
    Effect.mapError(({ violations: [violation] }) =>
      new WrongOption({ option: optionOf[violation!.field]!, description: violation!.description })
    )
  )
  return {
    records: given.records,
    column: Option.getOrUndefined(given.column),
    input: Option.getOrUndefined(given.input),
    output: Option.getOrUndefined(given.output),
    force: given.force,
    refreshAhead: given.refreshAhead,
    provider: yield* providerOf(given),
    policy,
    capacity: given.capacity ?? defaults.capacity,
    suite: suites[given.suite],
    parallel: given.parallel ?? defaults.parallel,
    hierarchical: given.hierarchical
  } satisfies Settings
})

/** Rejects what `--hierarchical` has no use for. */
const checkTogether = Effect.fnUntraced(function*(
  { capacity, force, hierarchical, kmsKey, maxBytes, maxMessages, output, refreshAhead }: Given
) {
  if (!hierarchical) return
  const ofDataKeys = "is of cached data keys, and --hierarchical caches branch keys: leave it out"
  const ofFiles = "is for messages under keys that outlive the run, and --hierarchical has none: leave it out"
  const problems = [
    [Option.isSome(maxMessages), "max-messages", ofDataKeys],
    [Option.isSome(maxBytes), "max-bytes", ofDataKeys],
    [refreshAhead, "refresh-ahead", ofDataKeys],
    [Option.isSome(output), "output", ofFiles],
    [force, "force", ofFiles],
    [Option.isSome(kmsKey), "kms-key", "is a real one, and --hierarchical makes branch keys under the embedded KMS's"],
    [capacity === 0, "capacity", "must be at least 1 with --hierarchical"]
  ] as const
  for (const [isProblem, option, description] of problems) {
    if (isProblem) return yield* new WrongOption({ option, description })
  }
})

const providerOf = Effect.fnUntraced(function*(
  given: Given
): Effect.fn.Return<Provider, WrongOption> {
  const wrong = (option: string, description: string) => new WrongOption({ option, description })
  const endpoint = Option.getOrUndefined(given.endpoint)
  if (Option.isNone(given.kmsKey)) {
    if (endpoint !== undefined) return yield* wrong("endpoint", "is for a real AWS KMS: give --kms-key too")
    const input = Option.getOrElse(given.kmsLatency, () => defaults.kmsLatency)
    const latency = Option.getOrUndefined(Duration.fromInput(input as Duration.Input))
    if (latency === undefined || !Duration.isFinite(latency) || Duration.isNegative(latency)) {
      return yield* wrong(
        "kms-latency",
        `must be a Duration such as "25 millis", finite and not negative, got ${JSON.stringify(input)}`
      )
    }
    return { _tag: "Embedded", latency }
  }
  const keyArn = given.kmsKey.value
  if (Option.isSome(given.kmsLatency)) {
    return yield* wrong(
      "kms-latency",
      "is simulated by the embedded KMS, and --kms-key names a real one: give one of them"
    )
  }
  if (!KeyArn.isKeyArn(keyArn)) {
    return yield* wrong(
      "kms-key",
      `must be a key ARN (messages name their key by it, so that nothing else decrypts), got ${JSON.stringify(keyArn)}`
    )
  }
  if (endpoint !== undefined && !URL.canParse(endpoint)) {
    return yield* wrong("endpoint", `must be a URL such as http://127.0.0.1:5000, got ${JSON.stringify(endpoint)}`)
  }
  return { _tag: "Aws", keyArn, endpoint }
})
