import { Effect, Exit, Redacted } from "effect"
import {
  AlgorithmSuite,
  type CryptographicMaterials,
  CryptographicMaterialsManager,
  DataKey,
  DecryptError,
  type EncryptedDataKey,
  EncryptError,
  MaterialsManagerFailed
} from "effect-encryption-sdk"
import { unsigned } from "../support/suites.ts"

type EncryptionRequest = CryptographicMaterialsManager.EncryptionMaterialsRequest
type DecryptRequest = CryptographicMaterialsManager.DecryptMaterialsRequest

/** A call that the manager under the cache received, and the very array of the key that it handed out. */
export interface Call {
  readonly operation: "encrypt" | "decrypt"
  readonly request: EncryptionRequest | DecryptRequest
  key: Uint8Array | undefined
  outcome: "pending" | "answered" | "failed" | "interrupted"
}

export interface Script {
  /** Runs before the answer of the call with this number, counted from 1: a latency, a fault, a wait. */
  readonly before?: (call: number) => Effect.Effect<void, MaterialsManagerFailed>
  /** The suite of the answer; by default the request's, or 0x0478. */
  readonly suite?: (call: number, requested: AlgorithmSuite.AlgorithmSuite | undefined) => AlgorithmSuite.AlgorithmSuite
  /** The key bytes of a call; by default 32 bytes that hold the number of the call. */
  readonly key?: (call: number, length: number) => Uint8Array
}

export const keyBytes = (call: number, length = 32): Uint8Array => {
  const bytes = new Uint8Array(length).fill(0xa5)
  new DataView(bytes.buffer).setUint32(0, call)
  return bytes
}

/** Makes the calls of a manager: each waits as the script says, and gets a data key that says its number. */
const makeCalls = (script: Script) => {
  const calls: Array<Call> = []
  const respond = Effect.fnUntraced(function*(
    operation: Call["operation"],
    request: EncryptionRequest | DecryptRequest
  ) {
    const call: Call = { operation, request, key: undefined, outcome: "pending" }
    const number = calls.push(call)
    yield* Effect.onExit(script.before?.(number) ?? Effect.void, (exit) =>
      Effect.sync(() => {
        if (Exit.isFailure(exit)) call.outcome = Exit.hasInterrupts(exit) ? "interrupted" : "failed"
      }))
    const algorithmSuite = script.suite?.(number, request.algorithmSuite) ?? request.algorithmSuite ?? unsigned
    const { dataKeyLength, signature } = algorithmSuite
    // In one step, so that no interruption leaves a key behind.
    const plaintextDataKey = yield* DataKey.acquire(Effect.sync(() => {
      call.key = script.key?.(number, dataKeyLength) ?? keyBytes(number, dataKeyLength)
      call.outcome = "answered"
      return DataKey.make(call.key)
    }))
    return { number, algorithmSuite, isSigned: signature !== undefined, plaintextDataKey }
  })
  return { calls, respond }
}

const receipt = { _tag: "Uncached" } as const

/** A manager whose data keys say the number of their call, and which keeps all that it saw. */
export const scriptedManager = (script: Script = {}) => {
  const { calls, respond } = makeCalls(script)
  const manager = CryptographicMaterialsManager.make({
    getEncryptionMaterials: Effect.fnUntraced(function*(request) {
      const { algorithmSuite, isSigned, number, plaintextDataKey } = yield* respond("encrypt", request)
      const materials: CryptographicMaterials.CompleteEncryptionMaterials = {
        algorithmSuite,
        encryptionContext: isSigned
          ? { ...request.encryptionContext, "aws-crypto-public-key": "scripted" }
          : request.encryptionContext,
        requiredEncryptionContextKeys: request.requiredEncryptionContextKeys,
        encryptedDataKeys: [edk(number)],
        plaintextDataKey,
        signingKey: isSigned ? Redacted.make({} as never) : undefined
      }
      return { materials, receipt }
    }, (effect) => Effect.mapError(effect, (reason) => new EncryptError({ reason }))),
    decryptMaterials: Effect.fnUntraced(function*(request) {
      const unwrappedDataKey = request.encryptedDataKeys[0]!
      const { algorithmSuite, isSigned, plaintextDataKey } = yield* respond("decrypt", request)
      const materials: CryptographicMaterials.CompleteDecryptionMaterials = {
        algorithmSuite,
        encryptionContext: { ...request.encryptionContext, ...request.expectedEncryptionContext },
        requiredEncryptionContextKeys: [],
        plaintextDataKey,
        unwrappedDataKey,
        verificationKey: isSigned ? {} as never : undefined
      }
      return { materials, receipt }
    }, (effect) => Effect.mapError(effect, (reason) => new DecryptError({ reason })))
  })
  return {
    manager,
    calls,
    count: (operation?: Call["operation"]) =>
      calls.filter((call) => operation === undefined || call.operation === operation).length
  }
}

export const edk = (number: number): EncryptedDataKey.EncryptedDataKey => ({
  keyProviderId: "scripted",
  keyProviderInfo: new TextEncoder().encode(`key-${number}`),
  ciphertext: keyBytes(number).fill(0x5a, 4)
})

export const failed = (description = "scripted fault") =>
  new MaterialsManagerFailed({ description, isRetryable: false })

export const encryptRequest = (options: {
  readonly context?: Record<string, string>
  readonly length?: number | undefined
  readonly suite?: AlgorithmSuite.AlgorithmSuite | undefined
  readonly policy?: EncryptionRequest["commitmentPolicy"]
  readonly required?: ReadonlyArray<string>
} = {}): EncryptionRequest => ({
  encryptionContext: options.context ?? { tenant: "a" },
  commitmentPolicy: options.policy ?? "RequireEncryptRequireDecrypt",
  algorithmSuite: options.suite,
  requiredEncryptionContextKeys: options.required ?? [],
  maxPlaintextLength: "length" in options ? options.length : 10
})

export const decryptRequest = (options: {
  readonly context?: Record<string, string>
  readonly expected?: Record<string, string>
  readonly suite?: AlgorithmSuite.AlgorithmSuite
  readonly policy?: DecryptRequest["commitmentPolicy"]
  readonly edks?: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>
} = {}): DecryptRequest => ({
  algorithmSuite: options.suite ?? unsigned,
  commitmentPolicy: options.policy ?? "RequireEncryptRequireDecrypt",
  encryptedDataKeys: options.edks ?? [edk(1), edk(2)],
  encryptionContext: options.context ?? { tenant: "a" },
  expectedEncryptionContext: options.expected ?? {}
})

/** The number of the call that made the key of these materials. */
export const keyNumber = (answer: { readonly materials: { readonly plaintextDataKey: DataKey.DataKey } }): number => {
  const bytes = DataKey.value(answer.materials.plaintextDataKey)
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}
