/**
 * KMS with a count of the calls that go through its ports. What caches are for is counted at the ports themselves, whatever
 * the caches say of their hits.
 */
import { Context, Effect, Layer } from "effect"
import { Kms } from "effect-encryption-sdk/kms"

/** No call of any operation. */
export const none = { GenerateDataKey: 0, Encrypt: 0, Decrypt: 0, GenerateDataKeyWithoutPlaintext: 0, ReEncrypt: 0 }

type Operation = keyof typeof none

/** Calls by operation, whatever became of them. */
export type KmsCalls = Readonly<Record<Operation, number>>

/** Reads the count so far. */
export class KmsCallCount extends Context.Service<KmsCallCount, { readonly calls: Effect.Effect<KmsCalls> }>()(
  "effect-encryption-sdk/demo/KmsCallCount"
) {}

type Ports = Kms.Kms | Kms.KmsDecrypt | Kms.KmsWithoutPlaintext

/** The same ports, and their count. */
export const layer: Layer.Layer<Ports | KmsCallCount, never, Ports> = Layer.effectContext(
  Effect.gen(function*() {
    const kms = yield* Kms.Kms
    const { decrypt } = yield* Kms.KmsDecrypt
    const withoutPlaintext = yield* Kms.KmsWithoutPlaintext
    const calls = { ...none }
    const counted =
      <Request, A, E>(operation: Operation, call: (request: Request) => Effect.Effect<A, E>) => (request: Request) =>
        Effect.suspend(() => {
          calls[operation]++
          return call(request)
        })
    return Context.make(
      Kms.Kms,
      Kms.Kms.of({
        generateDataKey: counted("GenerateDataKey", kms.generateDataKey),
        encrypt: counted("Encrypt", kms.encrypt),
        decrypt: counted("Decrypt", kms.decrypt)
      })
    ).pipe(
      Context.add(Kms.KmsDecrypt, { decrypt: counted("Decrypt", decrypt) }),
      Context.add(Kms.KmsWithoutPlaintext, {
        generateDataKeyWithoutPlaintext: counted(
          "GenerateDataKeyWithoutPlaintext",
          withoutPlaintext.generateDataKeyWithoutPlaintext
        ),
        reEncrypt: counted("ReEncrypt", withoutPlaintext.reEncrypt)
      }),
      Context.add(KmsCallCount, { calls: Effect.sync(() => ({ ...calls })) })
    )
  })
)

/** The calls that `after` counts and `before` does not. */
export const difference = (before: KmsCalls, after: KmsCalls): KmsCalls => {
  const since = { ...after }
  for (const operation of Object.keys(none) as Array<Operation>) since[operation] -= before[operation]
  return since
}

/** All calls together. */
export const total = (calls: KmsCalls): number => Object.values(calls).reduce((sum, number) => sum + number, 0)
