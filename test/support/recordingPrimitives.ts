import { Effect, Layer, Redacted } from "effect"
import { Primitives } from "effect-encryption-sdk/crypto"
import { TestPrimitives } from "./TestPrimitives.ts"

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
  const service = Primitives.Primitives.of({
    ...base,
    randomBytes: (length) =>
      Effect.tap(base.randomBytes(length), (array) => Effect.sync(() => keep("randomBytes", "answered")(array))),
    importAesKey: (key) =>
      Effect.suspend(() => {
        keep("importAesKey", "given")(Redacted.value(key))
        return base.importAesKey(key)
      }),
    deriveKeys: (dataKey, plan) =>
      Effect.suspend(() => {
        keep("deriveKeys", "given")(Redacted.value(dataKey))
        return base.deriveKeys(dataKey, plan)
      }),
    seal: (key, jobs) =>
      Effect.suspend(() => {
        const all = [...jobs]
        for (const job of all) keep("seal", "given")(job.plaintext)
        return base.seal(key, all)
      }),
    open: (key, jobs) =>
      Effect.suspend(() => {
        const all = [...jobs]
        for (const job of all) keep("open", "given")(job.output)
        return base.open(key, all)
      }),
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
