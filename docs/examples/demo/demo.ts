/**
 * The demo from its settings to its verdict: encrypts records, decrypts them from the serialised text alone, and compares
 * both the records and the KMS calls with what they should be.
 */
import { Console, Data, Duration, Effect, FileSystem, Redacted, Runtime } from "effect"
import { MultiKeyring } from "effect-encryption-sdk"
import { CachePolicy } from "effect-encryption-sdk/caching"
import { Primitives } from "effect-encryption-sdk/crypto"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import * as BranchKeys from "./branch-keys.ts"
import * as Messages from "./messages.ts"
import type { Settings } from "./options.ts"
import * as Output from "./output.ts"
import * as Phase from "./phase.ts"
import * as Progress from "./progress.ts"
import * as Records from "./records.ts"
import * as Report from "./report.ts"
import { requiredCalls } from "./required-calls.ts"
import { verify } from "./verification.ts"

/** The key of the embedded KMS. */
export const embeddedKeyArn = "arn:aws:kms:us-east-1:111122223333:key/0b1fcf2a-6d0e-4a3c-9d3f-8b7f6f1c2d3e"

/** The report said what was wrong; there is nothing to add but the exit status. */
export class Unsuccessful extends Data.TaggedError("Unsuccessful") {
  override readonly [Runtime.errorReported] = false
}

/** Runs the demo, and fails with `Unsuccessful` where a record differs or the calls are not those that are required. */
export const demo = Effect.fnUntraced(function*(settings: Settings) {
  const { input, output, provider } = settings
  const source = yield* Records.load({ input, column: settings.column, count: settings.records })
  if (output !== undefined) {
    yield* Output.check({ output, withKey: provider._tag === "Embedded", input, force: settings.force })
  }
  yield* announce(settings, source)
  const outcome = yield* settings.hierarchical ? withBranchKeys(settings, source) : withDataKeys(settings, source)
  const report = Report.render({
    ...outcome,
    maxAge: Duration.toMillis(settings.policy.thresholds.maxAge!),
    refreshAhead: settings.refreshAhead
  })
  yield* Console.log(report.text)
  if (!report.succeeded) return yield* new Unsuccessful()
}, Effect.scoped)

/** Work on all records with a progress bar. */
const progressOf =
  ({ parallel }: Settings, { records }: Records.Source) =>
  <A, E, R>(label: string, work: (work: Messages.Work) => Effect.Effect<A, E, R>) =>
    Progress.withProgress(label, records.length, process.stderr, (step) => work({ parallel, step }))

/** Both phases with cached data keys. */
const withDataKeys = Effect.fnUntraced(function*(settings: Settings, source: Records.Source) {
  const { capacity, output, parallel, policy, provider, suite } = settings
  const embedded = provider._tag === "Embedded"
  const kmsKeyring = { generatorKeyId: embedded ? embeddedKeyArn : provider.keyArn }
  const rawKey = output !== undefined && embedded ? yield* makeRawKey : undefined
  const encryptionKeyring = rawKey === undefined
    ? KmsKeyring.layer(kmsKeyring)
    : MultiKeyring.layer({ generator: KmsKeyring.make(kmsKeyring), children: [RawAesKeyring.make(rawKey)] })
  const progress = progressOf(settings, source)
  const encrypted = yield* progress(
    "encrypted",
    (work) => Phase.run("encrypt", settings, encryptionKeyring, Messages.encryptRecords(source.records, suite, work))
  )
  let text = encrypted.result
  if (output !== undefined) {
    yield* Output.write({ output, messages: text, rawKey, force: settings.force })
    // From here on nothing counts but what is in the file.
    text = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(output))
  }
  // The raw key is left out, so that each data key is unwrapped by KMS.
  const decrypted = yield* progress(
    "decrypted",
    (work) => Phase.run("decrypt", settings, KmsKeyring.layer(kmsKeyring), Messages.decryptMessages(text, work))
  )
  const { maxBytesEncrypted, maxMessagesEncrypted } = policy.thresholds
  return {
    encryption: encrypted.report,
    decryption: decrypted.report,
    required: requiredCalls(
      source.records.map(({ encryptionContext, plaintext }) => ({
        context: encryptionContext[source.column]!,
        length: plaintext.length
      })),
      {
        maxMessages: maxMessagesEncrypted ?? CachePolicy.maxMessagesEncryptedLimit,
        maxBytes: maxBytesEncrypted ?? CachePolicy.maxBytesEncryptedLimit,
        capacity
      },
      parallel
    ),
    verification: verify(source.records, decrypted.result)
  }
})

/** Both phases with cached branch keys. */
const withBranchKeys = Effect.fnUntraced(function*(settings: Settings, source: Records.Source) {
  const { capacity, parallel, policy, suite } = settings
  const keys = { keyArn: embeddedKeyArn, maxAge: policy.thresholds.maxAge!, capacity }
  const store = yield* BranchKeys.store(keys, source)
  const progress = progressOf(settings, source)
  const encrypted = yield* progress("encrypted", (work) => {
    const messages = Messages.encryptRecords(source.records, suite, work)
    return BranchKeys.run(store, "encrypt", keys, source, messages)
  })
  const decrypted = yield* progress("decrypted", (work) => {
    const messages = Messages.decryptMessages(encrypted.result, work)
    return BranchKeys.run(store, "decrypt", keys, source, messages)
  })
  return {
    encryption: encrypted.report,
    decryption: decrypted.report,
    required: BranchKeys.requiredCalls(source, capacity, parallel),
    storeReads: { encryption: encrypted.reads, decryption: decrypted.reads },
    verification: verify(source.records, decrypted.result)
  }
})

/** Says what is going to be done. */
const announce = (
  { capacity, hierarchical, output, policy, provider, suite }: Settings,
  source: Records.Source
) => {
  const { count, seconds } = Report
  const { maxAge, maxBytesEncrypted, maxMessagesEncrypted } = policy.thresholds
  const { column, name, records } = source
  const contexts = BranchKeys.valuesOf(source).size
  const bytes = records.reduce((sum, { plaintext }) => sum + plaintext.length, 0)
  const calls = 2 * records.length
  return Console.log([
    `${count(records.length)} records of ${name}, ${count(bytes)} bytes, each encrypted by itself`,
    `context   ${JSON.stringify(column)}: ${count(contexts)} different values`,
    `suite     ${suite.name}`,
    provider._tag === "Embedded"
      ? `KMS       embedded, with a simulated latency of ${Duration.format(provider.latency)} a call: ` +
        `${seconds(calls * Duration.toMillis(provider.latency))} for the ${count(calls)} calls without a cache`
      : `KMS       ${provider.keyArn}${provider.endpoint === undefined ? "" : ` at ${provider.endpoint}`}`,
    hierarchical
      ? `keys      ${count(contexts)} branch keys, ${Duration.format(maxAge!)}; a cache keeps ${
        count(capacity)
      } of them`
      : `data keys ${Duration.format(maxAge!)}, ` +
        `${maxMessagesEncrypted === undefined ? "2^32" : count(maxMessagesEncrypted)} messages, ` +
        `${maxBytesEncrypted === undefined ? "2^63-1" : count(maxBytesEncrypted)} bytes at most; ` +
        `a cache keeps ${count(capacity)} of them`,
    ...output === undefined
      ? []
      : provider._tag === "Embedded"
      ? [`output    ${output}, and in the clear the key that decrypts it: ${Output.keyFile(output)}`]
      : [`output    ${output}`]
  ].join("\n"))
}

/** A raw key for those who have no part in the embedded KMS. Zeroed when the scope closes. */
const makeRawKey = Effect.map(
  Effect.acquireRelease(
    Primitives.Primitives.use((primitives) => primitives.randomBytes(32)),
    (bytes) => Effect.sync(() => bytes.fill(0))
  ),
  (bytes): Output.RawKey => ({
    keyNamespace: "effect-encryption-sdk-demo",
    keyName: "output-key",
    wrappingKey: Redacted.make(bytes, { label: "wrapping-key" })
  })
)
