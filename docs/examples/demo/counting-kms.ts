/**
 * `Kms` with a count of the calls that go through it. What the thresholds are for is counted at the port itself, whatever
 * the cache says of its hits.
 */
import { Context, Effect, Layer } from "effect"
import { Kms } from "effect-encryption-sdk/kms"

/** Operations of the port `Kms`. */
type Operation = "GenerateDataKey" | "Encrypt" | "Decrypt"

/** Calls by operation, whatever became of them. */
export type KmsCalls = Readonly<Record<Operation, number>>

/** Reads the count so far. */
export class KmsCallCount extends Context.Service<KmsCallCount, { readonly calls: Effect.Effect<KmsCalls> }>()(
  "effect-encryption-sdk/demo/KmsCallCount"
) {}

/** The same `Kms`, and its count. */
export const layer: Layer.Layer<Kms.Kms | KmsCallCount, never, Kms.Kms> = Layer.effectContext(
  Effect.map(Kms.Kms, (kms) => {
    const calls = { GenerateDataKey: 0, Encrypt: 0, Decrypt: 0 }
    const counted = <A, E>(operation: Operation, call: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.suspend(() => {
        calls[operation]++
        return call
      })
    return Context.make(
      Kms.Kms,
      Kms.Kms.of({
        generateDataKey: (request) => counted("GenerateDataKey", kms.generateDataKey(request)),
        encrypt: (request) => counted("Encrypt", kms.encrypt(request)),
        decrypt: (request) => counted("Decrypt", kms.decrypt(request))
      })
    ).pipe(Context.add(KmsCallCount, { calls: Effect.sync(() => ({ ...calls })) }))
  })
)

/** The calls that `after` counts and `before` does not. */
export const difference = (before: KmsCalls, after: KmsCalls): KmsCalls => ({
  GenerateDataKey: after.GenerateDataKey - before.GenerateDataKey,
  Encrypt: after.Encrypt - before.Encrypt,
  Decrypt: after.Decrypt - before.Decrypt
})

/** All calls together. */
export const total = (calls: KmsCalls): number => calls.GenerateDataKey + calls.Encrypt + calls.Decrypt
