import { Effect, Layer, Redacted } from "effect"
import { Primitives } from "effect-encryption-sdk/crypto"
import { type Synchronous, synchronousOf, withSynchronous } from "../../src/crypto/atOnce.ts"
import { TestPrimitives } from "./TestPrimitives.ts"

/** The jobs one by one, as they are pulled. */
function* each<Job>(jobs: Iterable<Job>, see: (job: Job) => void): Generator<Job> {
  for (const job of jobs) {
    see(job)
    yield job
  }
}

export interface RecordedArray {
  readonly method: keyof Primitives.Primitives
  /** `given` to the primitives or `answered` by them. */
  readonly direction: "given" | "answered"
  readonly array: Uint8Array
}

/**
 * node:crypto, keeping every array that can hold key material: those that it was given and those that it answered. A test
 * looks at the very arrays afterwards. `overrides` replace operations, which are recorded all the same.
 */
export const recordingPrimitives = (overrides: Partial<Primitives.Primitives> = {}) => {
  const recorded: Array<RecordedArray> = []
  const base = { ...TestPrimitives.make, ...overrides }
  const keep = (method: RecordedArray["method"], direction: RecordedArray["direction"]) => (array: Uint8Array) => {
    recorded.push({ method, direction, array })
  }
  /** The recorded operation, with its synchronous form recorded too where it has one. */
  const both = <Name extends keyof Synchronous>(
    name: Name,
    operation: Primitives.Primitives[Name],
    record: (synchronous: Synchronous[Name]) => Synchronous[Name]
  ): Primitives.Primitives[Name] => {
    const synchronous = synchronousOf(base, name)
    return synchronous === undefined ? operation : withSynchronous(name, operation, record(synchronous))
  }
  const service = Primitives.Primitives.of({
    ...base,
    randomBytes: both(
      "randomBytes",
      (length) =>
        Effect.tap(base.randomBytes(length), (array) => Effect.sync(() => keep("randomBytes", "answered")(array))),
      (random) => (length) => {
        const array = random(length)
        keep("randomBytes", "answered")(array)
        return array
      }
    ),
    importAesKey: (key) =>
      Effect.suspend(() => {
        keep("importAesKey", "given")(Redacted.value(key))
        return base.importAesKey(key)
      }),
    deriveKeys: both("deriveKeys", (dataKey, plan) =>
      Effect.suspend(() => {
        keep("deriveKeys", "given")(Redacted.value(dataKey))
        return base.deriveKeys(dataKey, plan)
      }), (derive) => (dataKey, plan) => {
      keep("deriveKeys", "given")(dataKey)
      return derive(dataKey, plan)
    }),
    seal: both("seal", (key, jobs) =>
      Effect.suspend(() => {
        const all = [...jobs]
        for (const job of all) keep("seal", "given")(job.plaintext)
        return base.seal(key, all)
      }), (seal) => (key, jobs) => seal(key, each(jobs, (job) => keep("seal", "given")(job.plaintext)))),
    open: both("open", (key, jobs) =>
      Effect.suspend(() => {
        const all = [...jobs]
        for (const job of all) keep("open", "given")(job.output)
        return base.open(key, all)
      }), (open) => (key, jobs) => open(key, each(jobs, (job) => keep("open", "given")(job.output)))),
    rsaEncrypt: (key, padding, plaintext) =>
      Effect.suspend(() => {
        keep("rsaEncrypt", "given")(Redacted.value(plaintext))
        return base.rsaEncrypt(key, padding, plaintext)
      }),
    rsaDecrypt: (key, padding, ciphertext) =>
      Effect.tap(
        base.rsaDecrypt(key, padding, ciphertext),
        (plaintext) => Effect.sync(() => keep("rsaDecrypt", "answered")(Redacted.value(plaintext)))
      )
  })
  return {
    recorded,
    service,
    layer: Layer.succeed(Primitives.Primitives, service),
    arrays: (method: RecordedArray["method"]) =>
      recorded.filter((entry) => entry.method === method).map((entry) => entry.array)
  }
}

export { isZero } from "./bytes.ts"
