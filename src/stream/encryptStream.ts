/**
 * Encrypts a stream. Not exported.
 *
 * Specification: client-apis/encrypt.md, client-apis/streaming.md
 */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Client, EncryptSettings } from "../client/ClientRequests.ts"
import * as ClientRequests from "../client/ClientRequests.ts"
import * as DataKey from "../model/DataKey.ts"
import type { EncryptError, EncryptErrorReason } from "../model/errors/EncryptError.ts"
import { InvalidOption, WrongPlaintextLength } from "../model/errors/Reasons.ts"
import * as MessageBody from "../message/MessageBody.ts"
import * as MessageParts from "./messageParts.ts"
import type { EncryptStreamOptions, MessageMetadata } from "../client/MessageStream.ts"
import { withOperationSpan } from "../client/operationSpan.ts"
import { failEncrypt, orFailEncrypt } from "../model/errors/EncryptError.ts"
import * as StreamChecks from "./StreamChecks.ts"
import * as StreamInlet from "./StreamInlet.ts"

type Chunks = Arr.NonEmptyReadonlyArray<Uint8Array>

/** See `EncryptionSdk.encryptStream`. */
export const encryptStream = <E, R, E2, R2>(
  client: Client,
  plaintext: Stream.Stream<Uint8Array, E, R>,
  options: EncryptStreamOptions<E2, R2> | undefined
): Stream.Stream<Uint8Array, E | E2 | EncryptError, R | R2> =>
  Stream.transformPullBracket(plaintext, (upstream, _, scope) => run(client, upstream, scope, options))

/** One run of the stream, whose state lives in here alone. */
const run = Effect.fnUntraced(function*<E, R, E2, R2>(
  client: Client,
  upstream: Pull.Pull<Chunks, E, void, R>,
  scope: Scope.Scope,
  options: EncryptStreamOptions<E2, R2> = {}
): Effect.fn.Return<Pull.Pull<Chunks, E | E2 | EncryptError, void, R | R2>, EncryptError> {
  const settings = yield* orFailEncrypt(checkOptions(client, options))
  const { frameLength, limit } = settings
  let total = 0
  const inlet = StreamInlet.make(upstream, "plaintext", failEncrypt, (length) => {
    total += length
    return limit !== undefined && total > limit.expected ? failEncrypt(new WrongPlaintextLength(limit)) : Effect.void
  })
  yield* Scope.addFinalizer(scope, Effect.sync(() => inlet.queue.zero()))
  const { queue } = inlet
  let frames = 0
  let bytes = 0

  /** The frames that are known not to be the final one, as many as a batch takes. */
  const collect = (): ReadonlyArray<Uint8Array> => {
    const contents: Array<Uint8Array> = []
    const end = limit?.field === "plaintextLength" ? Math.max(limit.expected, total) : total
    for (let length = 0; length < StreamInlet.batchLength;) {
      if (queue.available >= frameLength && queue.offset + frameLength < end) {
        contents.push(queue.take(frameLength))
        length += frameLength
      } else if (!inlet.advance()) break
    }
    return contents
  }

  const seal = Effect.fnUntraced(function*(
    sealing: MessageParts.Sealing,
    contents: ReadonlyArray<Uint8Array>,
    endsMessage: boolean
  ) {
    const count = contents.length
    if (frames + count > (endsMessage ? MessageBody.maxFrames : MessageBody.maxFrames - 1)) {
      return yield* failEncrypt(tooManyFrames())
    }
    const out = yield* sealing.sealFrames({
      first: frames + 1,
      count,
      endsMessage,
      content: (index) => contents[index]!
    })
    frames += count
    for (const content of contents) bytes += content.length
    queue.release()
    if (options.onProgress !== undefined) yield* options.onProgress({ frames, bytes })
    return out
  })

  const finish = Effect.fnUntraced(function*(sealing: MessageParts.Sealing) {
    if (limit?.field === "plaintextLength" && total < limit.expected) {
      return yield* failEncrypt(new WrongPlaintextLength({ ...limit, length: total }))
    }
    const final = yield* seal(sealing, [queue.take(queue.available)], true)
    const footer = yield* sealing.finish
    queue.zero()
    next = Cause.done()
    return footer.length === 0 ? [final] as const : [final, footer] as const
  })

  const body = (sealing: MessageParts.Sealing): typeof next =>
    Effect.suspend(() => {
      const contents = collect()
      if (contents.length > 0) return Effect.map(seal(sealing, contents, false), (out) => [out] as const)
      return Effect.flatMap(inlet.pull, (arrived): typeof next => arrived ? body(sealing) : finish(sealing))
    })

  let next: Pull.Pull<Chunks, E | E2 | EncryptError, void, R | R2> = Effect.gen(function*() {
    const { metadata, sealing } = yield* withOperationSpan("EncryptionSdk.encryptStream", begin(client, settings))
    if (options.onHeader !== undefined) yield* options.onHeader(metadata)
    next = body(sealing)
    return [sealing.headerBytes]
  })
  return Effect.suspend(() => next)
})

const tooManyFrames = () =>
  new InvalidOption({
    field: "frameLength",
    description: `makes more than ${MessageBody.maxFrames} frames, which is the most that fit a message`
  })

/** Gets the materials, and makes the header. The data key is zeroed before the first byte of plaintext is asked for. */
const begin = (client: Client, settings: StreamSettings) =>
  Effect.scoped(Effect.gen(function*() {
    const answer = yield* settings.materialsManager.getEncryptionMaterials({
      encryptionContext: settings.encryptionContext,
      commitmentPolicy: client.commitmentPolicy,
      algorithmSuite: settings.algorithmSuite,
      requiredEncryptionContextKeys: [],
      maxPlaintextLength: settings.limit?.expected
    })
    const { materials, receipt } = yield* orFailEncrypt(
      ClientRequests.checkEncryptionAnswer(client, answer)
    )
    yield* DataKey.zeroWithScope(materials.plaintextDataKey)
    const sealing = yield* MessageParts.sealParts(client.primitives, materials, settings.frameLength)
    const { header } = sealing
    const { algorithmSuite, encryptionContext } = materials
    const metadata: MessageMetadata = { header, encryptionContext, algorithmSuite, receipt }
    return { ...metadata, metadata, sealing }
  }))

interface StreamSettings extends EncryptSettings {
  /** What is known of the length of the plaintext. */
  readonly limit: { readonly field: "plaintextLength" | "maxPlaintextLength"; readonly expected: number } | undefined
}

const checkOptions = (
  client: Client,
  options: EncryptStreamOptions<unknown, unknown>
): Result.Result<StreamSettings, EncryptErrorReason> =>
  Result.gen(function*() {
    const settings = yield* ClientRequests.encryptSettings(client, options)
    const { maxPlaintextLength, plaintextLength } = options
    yield* StreamChecks.checkLength("plaintextLength", plaintextLength)
    yield* StreamChecks.checkLength("maxPlaintextLength", maxPlaintextLength)
    yield* StreamChecks.checkHooks(options)
    if (plaintextLength !== undefined && maxPlaintextLength !== undefined) {
      return yield* ClientRequests.invalidOption("plaintextLength", "cannot be given together with maxPlaintextLength")
    }
    if (plaintextLength !== undefined) {
      yield* ClientRequests.checkFrames(plaintextLength, settings.frameLength)
      return { ...settings, limit: { field: "plaintextLength", expected: plaintextLength } }
    }
    return {
      ...settings,
      limit: maxPlaintextLength === undefined
        ? undefined
        : { field: "maxPlaintextLength", expected: maxPlaintextLength }
    }
  })
