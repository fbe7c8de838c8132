/**
 * The client: encrypts and decrypts messages of the AWS Encryption SDK.
 *
 * Specification: client-apis/client.md, client-apis/encrypt.md, client-apis/decrypt.md
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type * as Scope from "effect/Scope"
import type * as AlgorithmSuite from "./AlgorithmSuite.ts"
import * as CommitmentPolicy from "./CommitmentPolicy.ts"
import { Primitives } from "./crypto/Primitives.ts"
import * as CryptographicMaterials from "./CryptographicMaterials.ts"
import * as CryptographicMaterialsManager from "./CryptographicMaterialsManager.ts"
import * as DataKey from "./DataKey.ts"
import * as EncryptionContext from "./EncryptionContext.ts"
import {
  type DecryptError,
  type DecryptErrorReason,
  type EncryptError,
  type EncryptErrorReason,
  EncryptionContextMismatch,
  InvalidMaterials,
  InvalidOption,
  MessageIsBase64,
  TooManyEncryptedDataKeys
} from "./EncryptionSdkError.ts"
import * as bytes from "./internal/bytes.ts"
import * as MessageBody from "./message/MessageBody.ts"
import * as MessageHeader from "./message/MessageHeader.ts"
import * as MessageCipher from "./MessageCipher.ts"
import { withOperationSpan } from "./OperationSpan.ts"
import type { Receipt } from "./Receipt.ts"
import * as RequestChecks from "./RequestChecks.ts"
import { orFailDecrypt, orFailEncrypt } from "./RequestChecks.ts"

/** The most encrypted data keys that a message can have, and so the greatest limit. */
const maxEncryptedDataKeysLimit = 0xffff

/**
 * What a client is made with. A Schema, so that it can be read from configuration too.
 *
 * Specification: client-apis/client.md#initialization
 */
export const Options = /*#__PURE__*/ Schema.Struct({
  /** Default: `RequireEncryptRequireDecrypt`. */
  commitmentPolicy: /*#__PURE__*/ Schema.optional(CommitmentPolicy.CommitmentPolicy),
  /** The most encrypted data keys that a message may have, 1 to 65,535, written or read. Default: no limit. */
  maxEncryptedDataKeys: /*#__PURE__*/ Schema.optional(
    /*#__PURE__*/ Schema.Int.check(
      /*#__PURE__*/ Schema.isBetween({ minimum: 1, maximum: maxEncryptedDataKeysLimit })
    )
  )
})

/** See the schema of the same name. */
export type Options = typeof Options.Type

/** What may be said about one encryption. */
export interface EncryptOptions {
  /**
   * Non-secret pairs that are bound to the message and stored in it. Keys that begin with `aws-crypto-` are reserved.
   * Default: none.
   */
  readonly encryptionContext?: EncryptionContext.EncryptionContext | undefined
  /** Default: the manager's choice, which is `0x0578` where the commitment policy requires commitment, else `0x0378`. */
  readonly algorithmSuite?: AlgorithmSuite.AlgorithmSuite | undefined
  /** Bytes of plaintext in each frame, 1 to 2^32 - 1. Default: 4096. */
  readonly frameLength?: number | undefined
  /** Instead of the client's own. */
  readonly materialsManager?: CryptographicMaterialsManager.CryptographicMaterialsManager | undefined
}

/** What may be said about one decryption. */
export interface DecryptOptions {
  /**
   * Pairs that must be in the message's context, with these values. Pairs that the message does not store must be those
   * that it was encrypted with. Default: none.
   */
  readonly expectedEncryptionContext?: EncryptionContext.EncryptionContext | undefined
  /** Instead of the client's own. */
  readonly materialsManager?: CryptographicMaterialsManager.CryptographicMaterialsManager | undefined
}

/**
 * An encrypted message, and what it was made with.
 *
 * Specification: client-apis/encrypt.md#output
 */
export interface EncryptResult {
  readonly message: Uint8Array
  readonly header: MessageHeader.MessageHeader
  /** The whole context: the caller's pairs, the public key of a suite that signs, pairs that are not stored. */
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  /** What the materials manager did. */
  readonly receipt: Receipt
}

/**
 * An authentic plaintext, and what its message said.
 *
 * Specification: client-apis/decrypt.md#output
 */
export interface DecryptResult {
  readonly plaintext: Uint8Array
  readonly header: MessageHeader.MessageHeader
  /** The whole authenticated context: the pairs that are stored and those that the caller reproduced. */
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  /** What the materials manager did. */
  readonly receipt: Receipt
}

/** A header that was read without keys: whoever wrote the bytes may have written anything. */
export interface InspectedHeader extends MessageHeader.MessageHeader {
  readonly authenticated: false
}

/** The client of this program. */
export class EncryptionSdk extends (/*#__PURE__*/ Context.Service<EncryptionSdk, {
  /**
   * Encrypts bytes, or a text as UTF-8.
   *
   * Plaintext and context are copied when the effect starts to run, so that the caller may reuse them at once; the copy of
   * the plaintext and the data key are zeroed when it ends, however it ends.
   *
   * Specification: client-apis/encrypt.md
   */
  readonly encrypt: (
    plaintext: Uint8Array | string,
    options?: EncryptOptions
  ) => Effect.Effect<EncryptResult, EncryptError>

  /**
   * Decrypts a whole message. There is no plaintext before commitment, header, body and signature were verified.
   *
   * The message is copied when the effect starts to run: what is verified is what is decrypted. The data key is zeroed when
   * it ends, however it ends.
   *
   * Specification: client-apis/decrypt.md
   */
  readonly decrypt: (message: Uint8Array, options?: DecryptOptions) => Effect.Effect<DecryptResult, DecryptError>

  /**
   * Reads the header of a message without any key.
   *
   * **Gotchas**
   *
   * Nothing of it is authenticated. The limit of encrypted data keys does not hold here, so that a message which exceeds it
   * can be looked at.
   */
  readonly inspect: (message: Uint8Array) => Effect.Effect<InspectedHeader, DecryptError>
}>()("effect-encryption-sdk/EncryptionSdk")) {}

/**
 * A client over the program's materials manager. Fails with `InvalidOption`, which names the option and its bound; an
 * option that does not exist is refused too.
 */
export const make: (
  options?: Options
) => Effect.Effect<
  EncryptionSdk["Service"],
  InvalidOption,
  CryptographicMaterialsManager.Service | Primitives
> = /*#__PURE__*/ Effect.fnUntraced(function*(options: Options = {}) {
  const client: Client = {
    ...(yield* Effect.fromResult(checkOptions(options))),
    primitives: yield* Primitives,
    materialsManager: yield* CryptographicMaterialsManager.Service
  }
  return EncryptionSdk.of({
    encrypt: (plaintext, options) =>
      withOperationSpan("EncryptionSdk.encrypt", Effect.scoped(encrypt(client, plaintext, options))),
    decrypt: (message, options) =>
      withOperationSpan("EncryptionSdk.decrypt", Effect.scoped(decrypt(client, message, options))),
    inspect
  })
})

/** The client of this program, over its materials manager. */
export const layer = (
  options?: Options
): Layer.Layer<EncryptionSdk, InvalidOption, CryptographicMaterialsManager.Service | Primitives> =>
  Layer.effect(EncryptionSdk, make(options))

interface Client {
  readonly commitmentPolicy: CommitmentPolicy.CommitmentPolicy
  readonly maxEncryptedDataKeys: number | undefined
  readonly primitives: Primitives["Service"]
  readonly materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
}

const bounds: Readonly<Record<string, string>> = {
  "": "must be an object",
  commitmentPolicy: /*#__PURE__*/ `must be ${CommitmentPolicy.CommitmentPolicy.literals.join(", ")} or left out`,
  maxEncryptedDataKeys: `must be an integer from 1 to ${maxEncryptedDataKeysLimit}, or left out`
}

const decodeOptions = /*#__PURE__*/ Schema.decodeUnknownResult(Options)
const formatIssues = /*#__PURE__*/ SchemaIssue.makeFormatterStandardSchemaV1()

const checkOptions = (input: Options): Result.Result<Pick<Client, keyof Options>, InvalidOption> =>
  Result.mapBoth(decodeOptions(input, { onExcessProperty: "error" }), {
    onSuccess: ({ commitmentPolicy = CommitmentPolicy.defaultPolicy, maxEncryptedDataKeys }) => ({
      commitmentPolicy,
      maxEncryptedDataKeys
    }),
    onFailure: ({ issue }) => {
      const name = (formatIssues(issue).issues[0]?.path ?? []).map(String).join(".")
      return new InvalidOption({
        field: name === "" ? "options" : name,
        description: Object.hasOwn(bounds, name) ? bounds[name]! : "is no option of a client"
      })
    }
  })

const encrypt = Effect.fnUntraced(function*(
  client: Client,
  plaintext: Uint8Array | string,
  options: EncryptOptions | undefined
): Effect.fn.Return<EncryptResult, EncryptError, Scope.Scope> {
  const request = yield* orFailEncrypt(encryptRequest(client, plaintext, options))
  yield* Effect.addFinalizer(() => Effect.sync(() => request.plaintext.fill(0)))
  const answer = yield* request.materialsManager.getEncryptionMaterials({
    encryptionContext: request.encryptionContext,
    commitmentPolicy: client.commitmentPolicy,
    algorithmSuite: request.algorithmSuite,
    requiredEncryptionContextKeys: [],
    maxPlaintextLength: request.plaintext.length
  })
  const { materials, receipt } = yield* orFailEncrypt(checkEncryptionAnswer(client, answer))
  yield* DataKey.zeroWithScope(materials.plaintextDataKey)
  const { header, message } = yield* MessageCipher.seal(
    client.primitives,
    materials,
    request.plaintext,
    request.frameLength
  )
  const { algorithmSuite, encryptionContext } = materials
  return { message, header, encryptionContext, algorithmSuite, receipt }
})

/** The arguments of one encryption, checked and copied. */
interface EncryptRequest extends Required<Pick<EncryptOptions, "algorithmSuite">> {
  readonly plaintext: Uint8Array
  readonly encryptionContext: EncryptionContext.EncryptionContext
  readonly frameLength: number
  readonly materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
}

const encryptRequest = (
  client: Client,
  input: Uint8Array | string,
  options: EncryptOptions = {}
): Result.Result<EncryptRequest, EncryptErrorReason> =>
  Result.gen(function*() {
    yield* checkIsObject(options)
    // The defaults are for what is undefined alone: null is an error of the caller's.
    const { algorithmSuite, frameLength = 4096 } = options
    const materialsManager = yield* checkMaterialsManager(client, options)
    const { encryptionContext: given = EncryptionContext.empty } = options
    const encryptionContext = yield* RequestChecks.encryptionContext(given)
    if (algorithmSuite !== undefined) yield* RequestChecks.suiteToEncrypt(client.commitmentPolicy, algorithmSuite)
    if (!Number.isInteger(frameLength) || frameLength < 1 || frameLength > MessageHeader.maxFrameLength) {
      return yield* invalidOption("frameLength", `must be an integer from 1 to ${MessageHeader.maxFrameLength}`)
    }
    const source = yield* checkPlaintext(input)
    const frames = Math.ceil(source.length / frameLength)
    if (frames > MessageBody.maxFrames) {
      return yield* invalidOption(
        "frameLength",
        `makes ${frames} frames, at most ${MessageBody.maxFrames} fit a message`
      )
    }
    const plaintext = typeof input === "string" ? source : new Uint8Array(source)
    return { plaintext, encryptionContext, algorithmSuite, frameLength, materialsManager }
  })

const checkPlaintext = (plaintext: Uint8Array | string): Result.Result<Uint8Array, InvalidOption> => {
  if (typeof plaintext !== "string") return checkBytes("plaintext", plaintext, "a Uint8Array or a string")
  return bytes.isWellFormed(plaintext)
    ? Result.succeed(bytes.utf8(plaintext))
    : invalidOption("plaintext", "is not well-formed Unicode: it has no UTF-8 bytes")
}

/**
 * What a manager answered is checked as if anybody had written it.
 *
 * Specification: client-apis/encrypt.md#get-the-encryption-materials
 */
const checkEncryptionAnswer = (
  { commitmentPolicy, maxEncryptedDataKeys: maximum }: Client,
  answer: CryptographicMaterialsManager.Answer<CryptographicMaterials.CompleteEncryptionMaterials>
): Result.Result<typeof answer, EncryptErrorReason> =>
  Result.gen(function*() {
    const receipt = yield* checkReceipt(answer)
    const materials = yield* CryptographicMaterials.checkEncryptionMaterials(answer.materials)
    yield* RequestChecks.suiteToEncrypt(commitmentPolicy, materials.algorithmSuite)
    const count = materials.encryptedDataKeys.length
    if (maximum !== undefined && count > maximum) {
      return yield* Result.fail(new TooManyEncryptedDataKeys({ count, maximum }))
    }
    return { materials, receipt }
  })

const decrypt = Effect.fnUntraced(function*(
  client: Client,
  input: Uint8Array,
  options: DecryptOptions | undefined
): Effect.fn.Return<DecryptResult, DecryptError, Scope.Scope> {
  const request = yield* orFailDecrypt(decryptRequest(client, input, options))
  const { decoded, expectedEncryptionContext, message } = request
  const { algorithmSuite, encryptedDataKeys, encryptionContext } = decoded.header
  const answer = yield* request.materialsManager.decryptMaterials({
    algorithmSuite,
    commitmentPolicy: client.commitmentPolicy,
    encryptedDataKeys,
    encryptionContext,
    expectedEncryptionContext
  })
  const { materials, receipt } = yield* orFailDecrypt(checkDecryptionAnswer(client, request, answer))
  yield* DataKey.zeroWithScope(materials.plaintextDataKey)
  const plaintext = yield* MessageCipher.open(client.primitives, materials, message, decoded)
  return {
    plaintext,
    header: decoded.header,
    encryptionContext: materials.encryptionContext,
    algorithmSuite,
    receipt
  }
})

/** The arguments of one decryption, checked and copied, and the header that was read from the copy. */
interface DecryptRequest {
  readonly message: Uint8Array
  readonly decoded: MessageHeader.DecodedHeader
  readonly expectedEncryptionContext: EncryptionContext.EncryptionContext
  readonly materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
}

const decryptRequest = (
  client: Client,
  input: Uint8Array,
  options: DecryptOptions = {}
): Result.Result<DecryptRequest, DecryptErrorReason> =>
  Result.gen(function*() {
    yield* checkIsObject(options)
    const materialsManager = yield* checkMaterialsManager(client, options)
    const { expectedEncryptionContext: given = EncryptionContext.empty } = options
    const expectedEncryptionContext = yield* EncryptionContext.validate(given)
    const message = yield* copyMessage(input)
    const decoded = yield* MessageHeader.decode(message, { maxEncryptedDataKeys: client.maxEncryptedDataKeys })
    yield* RequestChecks.suiteToDecrypt(client.commitmentPolicy, decoded.header.algorithmSuite)
    return { message, decoded, expectedEncryptionContext, materialsManager }
  })

/**
 * What a manager answered is checked as if anybody had written it: suite and context are the message's own, but for pairs
 * that are authenticated without being stored, and the expected pairs are among them. A manager may leave pairs out that
 * it had added to the message.
 *
 * Specification: client-apis/decrypt.md#get-the-decryption-materials
 */
const checkDecryptionAnswer = (
  client: Client,
  { decoded: { header }, expectedEncryptionContext }: DecryptRequest,
  answer: CryptographicMaterialsManager.Answer<CryptographicMaterials.CompleteDecryptionMaterials>
): Result.Result<typeof answer, DecryptErrorReason> =>
  Result.gen(function*() {
    const receipt = yield* checkReceipt(answer)
    const materials = yield* CryptographicMaterials.checkDecryptionMaterials(answer.materials)
    yield* RequestChecks.suiteToDecrypt(client.commitmentPolicy, materials.algorithmSuite)
    if (materials.algorithmSuite !== header.algorithmSuite) {
      return yield* invalidMaterials("algorithmSuite", "is not the message's")
    }
    const encryptionContext: EncryptionContext.EncryptionContext = Object.freeze({ ...materials.encryptionContext })
    const required = materials.requiredEncryptionContextKeys
    const stored = header.encryptionContext
    for (const [key, value] of Object.entries(encryptionContext)) {
      if (required.includes(key)) {
        if (Object.hasOwn(stored, key)) {
          return yield* invalidMaterials("requiredEncryptionContextKeys", `the message stores ${JSON.stringify(key)}`)
        }
      } else if (!Object.hasOwn(stored, key) || stored[key] !== value) {
        return yield* invalidMaterials(
          "encryptionContext",
          `the pair of ${JSON.stringify(key)} is neither stored in the message nor required`
        )
      }
    }
    const authenticatedOnly = EncryptionContext.validate(EncryptionContext.pick(encryptionContext, required))
    if (Result.isFailure(authenticatedOnly)) {
      return yield* invalidMaterials("encryptionContext", authenticatedOnly.failure.message)
    }
    const mismatch = EncryptionContext.findMismatch(expectedEncryptionContext, encryptionContext)
    if (mismatch !== undefined) return yield* Result.fail(new EncryptionContextMismatch({ key: mismatch }))
    return { materials: { ...materials, encryptionContext }, receipt }
  })

const inspect = (input: Uint8Array): Effect.Effect<InspectedHeader, DecryptError> =>
  Effect.suspend(() =>
    orFailDecrypt(
      Result.map(
        Result.flatMap(copyMessage(input), (message) => MessageHeader.decode(message)),
        ({ header }): InspectedHeader => ({ ...header, authenticated: false })
      )
    )
  )

/**
 * The bytes of a message, unless they are the base64 text of one: 01 80 begins with `AY` there, 02 04 and 02 05 with `Ag`.
 * No message begins with these letters, since 0x41 is no version.
 *
 * Specification: client-apis/decrypt.md#encrypted-message-format
 */
const copyMessage = (input: Uint8Array): Result.Result<Uint8Array, InvalidOption | MessageIsBase64> =>
  Result.flatMap(
    checkBytes("message", input, typeof input === "string" ? "a Uint8Array: decode text first" : "a Uint8Array"),
    (message) =>
      message[0] === 0x41 && (message[1] === 0x59 || message[1] === 0x67)
        ? Result.fail(new MessageIsBase64({}))
        : Result.succeed(new Uint8Array(message))
  )

const checkBytes = (field: string, input: Uint8Array, what: string): Result.Result<Uint8Array, InvalidOption> => {
  if (!bytes.isBytes(input)) return invalidOption(field, `must be ${what}, got ${typeName(input)}`)
  // Its length is zero now, whatever it held.
  return (input.buffer as ArrayBuffer).detached
    ? invalidOption(field, "is a view of a buffer that was transferred")
    : Result.succeed(input)
}

const checkIsObject = (options: object): Result.Result<void, InvalidOption> =>
  typeof options === "object" && options !== null ? Result.void : invalidOption("options", "must be an object")

const checkMaterialsManager = (
  client: Client,
  { materialsManager = client.materialsManager }: EncryptOptions | DecryptOptions
): Result.Result<CryptographicMaterialsManager.CryptographicMaterialsManager, InvalidOption> =>
  CryptographicMaterialsManager.isCryptographicMaterialsManager(materialsManager)
    ? Result.succeed(materialsManager)
    : invalidOption(
      "materialsManager",
      "must be a CryptographicMaterialsManager; DefaultCmm.make makes one of a keyring"
    )

const checkReceipt = (answer: { readonly receipt: Receipt }): Result.Result<Receipt, InvalidMaterials> =>
  typeof answer === "object" && answer !== null && typeof answer.receipt === "object" && answer.receipt !== null
    ? Result.succeed(answer.receipt)
    : invalidMaterials("receipt", "is missing")

const invalidOption = (field: string, description: string) => Result.fail(new InvalidOption({ field, description }))

const invalidMaterials = (field: string, description: string) =>
  Result.fail(new InvalidMaterials({ field, description }))

/** The type alone: the value may be a plaintext. */
const typeName = (value: unknown): string => value === null ? "null" : Array.isArray(value) ? "array" : typeof value
