/** A KMS under a governor, whose calls a test directs, and a log of them by the milliseconds of the test clock. */
import { Clock, Effect } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { type Kms, KmsError } from "effect-encryption-sdk/kms"
import { KmsGovernor } from "effect-encryption-sdk/kms/governor"

export const keyIn = (region: string) => `arn:aws:kms:${region}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`
export const arn = keyIn("us-east-1")

/** Happens before a call succeeds. Numbers are from 1. */
export type Before = (number: number, request: Kms.KeyRequest) => Effect.Effect<unknown, KmsError>

/** The error of a call. */
export const kmsError = (
  failure: KmsError["failure"],
  isRetryable = failure === "Throttled" || failure === "Unreachable"
) =>
  new KmsError({
    operation: "Decrypt",
    keyId: arn,
    failure,
    code: `${failure}Code`,
    description: "of the test",
    isRetryable
  })

/** Operations whose responses are data keys of ones. */
export const directedKms = (before: Before = () => Effect.void) => {
  const sent: Array<{ readonly at: number; readonly name: string; readonly request: Kms.KeyRequest }> = []
  const handedOut: Array<DataKey.DataKey> = []
  const counts = { inFlight: 0, most: 0, interrupted: 0 }
  const perform = <A>(name: string, request: Kms.KeyRequest, respond: () => A): Effect.Effect<A, KmsError> =>
    Effect.gen(function*() {
      const number = sent.push({ at: yield* Clock.currentTimeMillis, name, request })
      counts.most = Math.max(counts.most, ++counts.inFlight)
      yield* before(number, request).pipe(
        Effect.onInterrupt(() => Effect.sync(() => void counts.interrupted++)),
        Effect.ensuring(Effect.sync(() => void counts.inFlight--))
      )
      return respond()
    })
  const newKey = () => {
    const key = DataKey.make(new Uint8Array(32).fill(1))
    handedOut.push(key)
    return key
  }
  const ciphertextBlob = Uint8Array.of(1)
  const operations: Kms.Operations = {
    generateDataKey: (request) =>
      perform("GenerateDataKey", request, () => ({ keyId: request.keyId, plaintext: newKey(), ciphertextBlob })),
    encrypt: (request) => perform("Encrypt", request, () => ({ keyId: request.keyId, ciphertextBlob })),
    decrypt: (request) => perform("Decrypt", request, () => ({ keyId: request.keyId, plaintext: newKey() })),
    getPublicKey: (request) =>
      perform("GetPublicKey", request, () => ({
        keyId: request.keyId,
        publicKey: ciphertextBlob,
        keySpec: "",
        keyUsage: ""
      })),
    deriveSharedSecret: (request) =>
      perform("DeriveSharedSecret", request, () => ({ keyId: request.keyId, sharedSecret: newKey() })),
    generateDataKeyWithoutPlaintext: (request) =>
      perform("GenerateDataKeyWithoutPlaintext", request, () => ({ keyId: request.keyId, ciphertextBlob })),
    reEncrypt: (request) =>
      perform("ReEncrypt", request, () => ({ keyId: request.keyId, sourceKeyId: request.sourceKeyId, ciphertextBlob }))
  }
  return {
    operations,
    handedOut,
    counts,
    sent,
    /** Times of the calls in milliseconds. */
    times: () => sent.map(({ at }) => at),
    /** Names of keys, in the order of their calls. */
    keys: () => sent.map(({ request }) => request.keyId)
  }
}

const request = (keyId: string) => ({ keyId, grantTokens: [], encryptionContext: {} })

/** A governor over such operations. */
export const governed = Effect.fnUntraced(function*(
  options: KmsGovernor.Options,
  before?: Before,
  change: (operations: Kms.Operations) => Kms.Operations = (operations) => operations
) {
  const kms = directedKms(before)
  const governor = yield* KmsGovernor.make(options)
  return { ...kms, governor, ...callsOf(governor.govern(change(kms.operations))) }
})

/** Operations that no interruption ends. */
export const stubborn = (operations: Kms.Operations): Kms.Operations =>
  Object.fromEntries(
    Object.entries(operations).map(([name, call]) => [
      name,
      (request: never) => Effect.uninterruptible((call as (request: never) => Effect.Effect<unknown>)(request))
    ])
  ) as unknown as Kms.Operations

/** Calls with a key's name alone. */
export const callsOf = (calls: Kms.Operations) => ({
  calls,
  decrypt: (keyId: string = arn) => calls.decrypt({ ...request(keyId), ciphertextBlob: Uint8Array.of(1) }),
  generate: (keyId: string = arn) => calls.generateDataKey({ ...request(keyId), numberOfBytes: 32 }),
  publicKey: (keyId: string = arn) => calls.getPublicKey(request(keyId)),
  encrypt: (plaintext: DataKey.DataKey, keyId: string = arn) => calls.encrypt({ ...request(keyId), plaintext })
})

/** Most calls of any span of time that begins with one of them. Sorted times, in milliseconds. */
export const mostWithin = (times: ReadonlyArray<number>, span: number): number => {
  let most = 0
  for (let first = 0, last = 0; first < times.length; first++) {
    while (last < times.length && times[last]! < times[first]! + span) last++
    most = Math.max(most, last - first)
  }
  return most
}
