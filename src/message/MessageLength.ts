/**
 * Length of a message, before it is made.
 *
 * Specification: data-format/message.md#structure
 */
import * as Result from "effect/Result"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"
import { type InvalidEncryptionContext, InvalidOption } from "../model/errors/Reasons.ts"
import type * as EncryptedDataKeyCodec from "./EncryptedDataKeyCodec.ts"
import * as EncryptionContextCodec from "./EncryptionContextCodec.ts"
import * as MessageBody from "./MessageBody.ts"
import * as MessageFooter from "./MessageFooter.ts"
import * as MessageHeader from "./MessageHeader.ts"

/** Properties of a message that its length depends on, besides the length of its plaintext. */
export interface LengthOptions {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  /** Bytes of plaintext in each frame, 1 to 2^32 - 1. Default: 4096. */
  readonly frameLength?: number | undefined
  /** The pairs that are stored in the message. The public key of a suite that signs may be left out. Default: none. */
  readonly encryptionContext?: EncryptionContext.EncryptionContext | undefined
  /** Encrypted data keys of an earlier message under the same keyrings, or their lengths alone. */
  readonly encryptedDataKeys: ReadonlyArray<EncryptedDataKeyCodec.Size>
}

/** Bytes of a compressed point. */
const pointLengths = { "P-256": 33, "P-384": 49 } as const

/**
 * The exact length in bytes of the message that this library makes of a plaintext of this length, signature included.
 * Fails with `InvalidOption`, which names the option and its bound, where there can be no such message.
 *
 * **Gotchas**
 *
 * Exact as far as the encrypted data keys are: AWS KMS promises no length for its ciphertexts, even though all of one key
 * and one data key length have the same today.
 */
export const ciphertextLength = (
  plaintextLength: number,
  {
    algorithmSuite: suite,
    encryptedDataKeys,
    encryptionContext = EncryptionContext.empty,
    frameLength = MessageHeader.defaultFrameLength
  }: LengthOptions
): Result.Result<number, InvalidOption | InvalidEncryptionContext> =>
  Result.gen(function*() {
    const invalid = (field: string, description: string) => Result.fail(new InvalidOption({ field, description }))
    const algorithmSuite = AlgorithmSuite.resolve(suite)
    if (algorithmSuite === undefined) {
      return yield* invalid("algorithmSuite", "must be one of the eleven suites of AlgorithmSuite")
    }
    if (!Number.isSafeInteger(plaintextLength) || plaintextLength < 0) {
      return yield* invalid("plaintextLength", "must be an integer from 0 to 2^53 - 1")
    }
    if (!Number.isInteger(frameLength) || frameLength < 1 || frameLength > MessageHeader.maxFrameLength) {
      return yield* invalid("frameLength", `must be an integer from 1 to ${MessageHeader.maxFrameLength}`)
    }
    const context = yield* EncryptionContext.validate(withPublicKey(algorithmSuite, encryptionContext))
    const body = MessageBody.framedLayout(algorithmSuite, plaintextLength, frameLength)
    if (body.frameCount > MessageBody.maxFrames) {
      return yield* invalid("frameLength", MessageBody.tooManyFrames(body.frameCount))
    }
    const contextLength = EncryptionContextCodec.encode(context).length
    const header = MessageHeader.bodyLength(algorithmSuite, contextLength, encryptedDataKeys) +
      MessageHeader.authenticationLength(algorithmSuite)
    const length = header + body.length + MessageFooter.length(algorithmSuite)
    return Number.isSafeInteger(length) ? length : yield* invalid("plaintextLength", "makes a message beyond 2^53 - 1")
  })

/** The context of a message of the suite, with a text as long as its public key's. */
const withPublicKey = (
  { signature }: AlgorithmSuite.AlgorithmSuite,
  context: EncryptionContext.EncryptionContext
): EncryptionContext.EncryptionContext => {
  if (signature === undefined || Object.hasOwn(context, EncryptionContext.publicKeyKey)) return context
  const base64Length = 4 * Math.ceil(pointLengths[signature.curve] / 3)
  return { ...context, [EncryptionContext.publicKeyKey]: "A".repeat(base64Length) }
}
