import type { Mutant } from "../Mutant.ts"
import { test } from "./places.ts"

const stream = (name: string) => `src/stream/${name}.ts`

const by = (file: string, around?: string) => test(file, around, "stream")
const byQueue = by("ByteQueue", "a queue of bytes > ")
const byWithheld = by("Withheld", "withheld plaintext > ")
const byLifecycle = by("lifecycle")
const byRange = by("range", "a range > ")
const byBatches = by("batches", "frames of one byte, all in one chunk > ")
const byHeaderReader = by("headerReader", "a header in parts > ")
const byFrames = by("frameReader", "frames in parts > ")
const byLengths = by("lengths", "a plaintext of another length > ")
const byHooks = by("hooks")
const byArguments = by("arguments")
const byNodeStreams = by("nodeStreams")
const byAliases = test("aliases", "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY > ", "client")

const unsignedOnlyCheck =
  "    if (settings.unsignedOnly && header.algorithmSuite.signature !== undefined) return yield* failDecrypt(isSigned())\n"
const beginOpeningCall = "    const { metadata, opening } = yield* beginOpening(name, client, settings, read)\n"
const checkKindCall = "      yield* checkKind(read.decoded.header)\n"

/** Streams and ranges: what they hold in memory, what they release and when, what they refuse and in which order. */
export const streams: ReadonlyArray<Mutant> = [
  {
    name: "a hook of a header is called past the guard",
    file: stream("hooks"),
    find: `called("hook onHeader", () => onHeader.call(options, metadata), fail)`,
    replace: "onHeader(metadata)",
    killedBy: byHooks("hooks of encryptStream > onHeader that throws")
  },
  {
    name: "a hook of progress is called past the guard",
    file: stream("hooks"),
    find: `called("hook onProgress", () => onProgress.call(options, progress), fail)`,
    replace: "onProgress(progress)",
    killedBy: byHooks("hooks of decryptStream > onProgress that throws")
  },
  {
    name: "a source of a range is called past the guard",
    file: stream("decryptRange"),
    find: `called("source.read", () => source.read(offset, length), failedBy)`,
    replace: "source.read(offset, length)",
    also: { find: "import { called } from \"../materials/contract.ts\"\n", replace: "" },
    killedBy: byHooks("source.read of decryptRange > that throws")
  },
  {
    name: "memory of a chunk that went after its first part was taken",
    file: stream("Upstream"),
    find: "!this.queue.isIntact ||\n      ",
    replace: "",
    killedBy: by("goneMemory", "chunks of memory that was transferred > ")(
      "after their first part was taken, and after the chunk before them"
    )
  },
  {
    name: "the rest of a chunk is read after its owner may have changed it",
    file: stream("Upstream"),
    find: "      queue.own()\n",
    replace: "",
    killedBy: byLifecycle(
      "a stream that does not come to its end > a source may write each chunk to where the one before it stood"
    )
  },
  {
    name: "batches of as many frames as their bytes allow",
    file: stream("Upstream"),
    find: "batchFrames = 512",
    replace: "batchFrames = 100_000",
    killedBy: byBatches("are sealed and opened 512 at a time, ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY")
  },
  {
    name: "all arrays of a queue are kept for later",
    file: stream("ByteQueue"),
    find: "const maxSpare = 2",
    replace: "const maxSpare = 1000",
    killedBy: byQueue("keeps the two longest of its arrays once their pieces are released, and zeroes the others")
  },
  {
    name: "an array of a queue that is not kept is not zeroed",
    file: stream("ByteQueue"),
    find: "    for (const array of free.slice(maxSpare)) array.fill(0)\n",
    replace: "",
    killedBy: byQueue("keeps the two longest of its arrays once their pieces are released, and zeroes the others")
  },
  {
    name: "an array that a queue grew out of is not zeroed",
    file: stream("ByteQueue"),
    find: "if (this.carryStart === 0) this.carry.fill(0)\n      else this.used.push(this.carry)",
    replace: "if (this.carryStart > 0) this.used.push(this.carry)",
    killedBy: byQueue("zeroes an array that it grew out of, of which nothing was taken")
  },
  {
    name: "an array that a queue grew out of is zeroed under the pieces of it",
    file: stream("ByteQueue"),
    find: "if (this.carryStart === 0) this.carry.fill(0)\n      else this.used.push(this.carry)",
    replace: "this.carry.fill(0)",
    killedBy: byQueue("changes no piece before it is released, however the array grows that it stands in")
  },
  {
    name: "arrays that a queue keeps for later are not zeroed at the end",
    file: stream("ByteQueue"),
    find: "[this.carry, ...this.used, ...this.spare]",
    replace: "[this.carry, ...this.used]",
    killedBy: byQueue("zeroes all of its arrays at the end: what is in it, what is in use and what is kept")
  },
  {
    name: "withheld parts that were put together are left",
    file: stream("Withheld"),
    find: "    plaintext.fill(0)\n",
    replace: "",
    killedBy: byWithheld("is zeroed where it is not released")
  },
  {
    name: "withheld plaintext that was moved is left where it was",
    file: stream("Withheld"),
    find: "    this.last.fill(0)\n    this.last = moved\n",
    replace: "    this.last = moved\n",
    killedBy: byWithheld("is zeroed where it is not released")
  },
  {
    name: "only the last part of withheld plaintext is zeroed",
    file: stream("Withheld"),
    find: "    for (const part of this.parts) part.fill(0)\n",
    replace: "",
    killedBy: byWithheld("is zeroed where it is not released")
  },
  {
    name: "the limit of withheld plaintext is that of one frame",
    file: stream("decryptStream"),
    find: "(withholdsAll ? maxWithheldBytes - before : maxWithheldBytes)",
    replace: "maxWithheldBytes",
    also: { find: "(contentLength, before) =>", replace: "(contentLength) =>" },
    killedBy: byLifecycle(
      "signed messages > are withheld up to the limit, to the byte, and fail clearly beyond it before more is read"
    )
  },
  {
    name: "signed plaintext is released before its signature was verified",
    file: stream("decryptStream"),
    find: "const chunks = withholdsAll ? undefined : withheld.take()",
    replace: "const chunks = withheld.take()",
    killedBy: byLifecycle(
      "signed messages > are withheld up to the limit, to the byte, and fail clearly beyond it before more is read"
    )
  },
  {
    name: "unsignedOnly is looked at after a key was asked for",
    file: stream("decryptStream"),
    find: unsignedOnlyCheck,
    replace: "",
    also: { find: beginOpeningCall, replace: beginOpeningCall + unsignedOnlyCheck },
    killedBy: byLifecycle(
      "signed messages > are refused by unsignedOnly, before a key is asked for, and unsigned ones are not"
    )
  },
  {
    name: "an interruption after a release becomes a failure",
    file: stream("decryptStream"),
    find: " || Cause.hasInterruptsOnly(cause)",
    replace: "",
    killedBy: by("afterRelease", "a stream that released unverified plaintext > ")(
      "interruption stays interruption, of its source and of whoever reads it"
    )
  },
  {
    name: "a defect before any release becomes a failure",
    file: stream("decryptStream"),
    find: "releasedBytes === 0 || ",
    replace: "",
    killedBy: by("afterRelease", "a stream that released nothing > ")("a defect: it stays one")
  },
  {
    name: "only the last released part is counted",
    file: stream("decryptStream"),
    find: "releasedBytes += part.length",
    replace: "releasedBytes = part.length",
    killedBy: by("failures", "a stream of a changed message > ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY > ")(
      "any byte changed: fails, in chunks and as a whole"
    )
  },
  {
    name: "withheld plaintext is not zeroed at the end of a stream",
    file: stream("decryptStream"),
    find: "      withheld.zero()\n",
    replace: "",
    killedBy: byLifecycle("signed messages > what is withheld of a message that fails is zeroed")
  },
  {
    name: "the final frame comes with those before it",
    file: stream("frameReader"),
    find: "      if (isFinal && frames.length > 0) break\n",
    replace: "",
    killedBy: byFrames("come in batches of a quarter of a mebibyte, the final one by itself")
  },
  {
    name: "the length of a frame is checked as if it were the first",
    file: stream("frameReader"),
    find: "this.checkLength(length, this.length)",
    replace: "this.checkLength(length, 0)",
    killedBy: byFrames("are rejected by the length of their content, before any of it has to be there")
  },
  {
    name: "frames before a malformed one are lost",
    file: stream("frameReader"),
    find: "return frames.length > 0 ? Result.succeed({ frames, encoded, isFinal: false }) : Result.fail(read.failure)",
    replace: "return Result.fail(read.failure)",
    killedBy: byFrames("are rejected by the length of their content, before any of it has to be there")
  },
  {
    name: "a header that was read is a view of the source's chunk",
    file: stream("headerReader"),
    find: "new Uint8Array(seen.subarray(0, length))",
    replace: "seen.subarray(0, length)",
    killedBy: byHeaderReader("is a copy, which the chunks no longer change")
  },
  {
    name: "a header that is too long is read before it is refused",
    file: stream("headerReader"),
    find: "    if (length > maxHeaderLength) return yield* failDecrypt(explain(headerTooLong(), seen))\n",
    replace: "",
    also: {
      find: "    seen = yield* see(length)\n",
      replace:
        "    seen = yield* see(length)\n    if (length > maxHeaderLength) return yield* failDecrypt(explain(headerTooLong(), seen))\n"
    },
    killedBy: by("failures", "a stream of a changed message > ")(
      "a header is put together up to 16 MiB, to the byte, and no further is read of a longer one"
    )
  },
  {
    name: "a stream reads all encrypted data keys before it counts them",
    file: "src/message/PartialMessage.ts",
    find: "  if (count > (options?.maxEncryptedDataKeys ?? count)) return\n",
    replace: "  if (options?.maxEncryptedDataKeys === 0) return\n",
    killedBy: byHeaderReader("with too many encrypted data keys is refused by their count, before one of them is read")
  },
  {
    name: "a stream's own header is given to onHeader of encryptStream",
    file: stream("messageParts"),
    find: "MessageHeader.copy(messageCipher.sealedHeader(fields, headerJob.output))",
    replace: "messageCipher.sealedHeader(fields, headerJob.output)",
    also: { find: "import * as MessageHeader from", replace: "import type * as MessageHeader from" },
    killedBy: byAliases("what onHeader is given, and each piece of a message that was written")
  },
  {
    name: "a stream's own header is given to onHeader of decryptStream",
    file: stream("beginOpening"),
    find: "header: MessageHeader.copy(header)",
    replace: "header",
    also: { find: "import * as MessageHeader from \"../message/MessageHeader.ts\"\n", replace: "" },
    killedBy: byAliases("what onHeader is given, and each piece of a message that was written")
  },
  {
    name: "plaintext before a forged frame of a batch is left",
    file: stream("messageParts"),
    find: "andThen(messageCipher.zeroedUnless(opened, plaintext), () => {",
    replace: "andThen(opened, () => {",
    killedBy: byLifecycle(
      "signed messages > what was decrypted of a batch is zeroed where a later frame of it is forged"
    )
  },
  {
    name: "a plaintext of exactly its bound is too long",
    file: stream("encryptStream"),
    find: "received > limit.expected",
    replace: "received >= limit.expected",
    killedBy: byLengths("a bound that is not reached is no fault, nor is one that is met")
  },
  {
    name: "a plaintext that is a byte too short passes",
    file: stream("encryptStream"),
    find: "received() < limit.expected",
    replace: "received() + 1 < limit.expected",
    killedBy: byLengths(
      "shorter than {\"plaintextLength\":36} fails, in chunks of 10, ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY"
    )
  },
  {
    name: "copies of plaintext are not zeroed when an encryption ends early",
    file: stream("encryptStream"),
    find: "  yield* Scope.addFinalizer(scope, Effect.sync(() => upstream.queue.zero()))\n",
    replace: "  yield* Scope.addFinalizer(scope, Effect.sync(() => upstream.queue.release()))\n",
    killedBy: byLifecycle(
      "a stream that does not come to its end > a consumer that stops early closes the source, ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY"
    )
  },
  {
    name: "a range may end behind the plaintext",
    file: stream("decryptRange"),
    find: "offset > plaintextLength || end > plaintextLength",
    replace: "offset > plaintextLength",
    killedBy: byRange("beyond the plaintext, and what is no range or no source, is refused by name")
  },
  {
    name: "a range to the end does not read the final frame",
    file: stream("decryptRange"),
    find: "length === undefined ? frameCount - 1 : frameAt(end - 1)",
    replace: "frameAt(end - 1)",
    killedBy: byRange("any byte of a touched frame changed, and any other length of the source: fails, or is the same")
  },
  {
    name: "a range takes any frame for the final one",
    file: stream("decryptRange"),
    find: "(frame.content === \"finalFrame\") !== (index + frames.length === frameCount - 1)",
    replace: "frame.content === \"finalFrame\" && index + frames.length !== frameCount - 1",
    killedBy: byRange("any byte of a touched frame changed, and any other length of the source: fails, or is the same")
  },
  {
    name: "a source of a range may give fewer bytes",
    file: stream("decryptRange"),
    find: "return part.length === length",
    replace: "return part.length <= length",
    killedBy: byRange("beyond the plaintext, and what is no range or no source, is refused by name")
  },
  {
    name: "a range asks for the key of a signed message",
    file: stream("decryptRange"),
    find: checkKindCall,
    replace: "",
    also: {
      find: "      yield* onHeader(metadata)\n",
      replace: checkKindCall + "      yield* onHeader(metadata)\n"
    },
    killedBy: byRange("of a signed message, or of one without frames, is refused")
  },
  {
    name: "a frame of a range may be a byte longer than the limit",
    file: stream("decryptRange"),
    find: "Math.min(frameLength, plaintextLength) > maxWithheldBytes",
    replace: "Math.min(frameLength, plaintextLength) > maxWithheldBytes + 1",
    killedBy: byRange("frames longer than the limit are refused before they are read")
  },
  {
    name: "a range takes the options of a stream",
    file: stream("request"),
    find: "decryptStreamSettings(client, options, rangeNames)",
    replace: "decryptStreamSettings(client, options)",
    also: {
      find:
        "const rangeNames = /*#__PURE__*/ optionNames(\"decryptRange\", rangeOptions satisfies NamesOf<DecryptRangeOptions>)\n",
      replace: ""
    },
    killedBy: test("optionNames", "an option that does not exist, of an operation > ", "internal")("streams")
  },
  {
    name: "32 MiB are withheld where no limit is given",
    file: stream("request"),
    find: "defaultMaxWithheldBytes = 2 ** 24",
    replace: "defaultMaxWithheldBytes = 2 ** 25",
    killedBy: byLifecycle("signed messages > have a limit of 16 MiB where none is given")
  },
  {
    name: "what is no stream is read as one",
    file: stream("encryptStream"),
    find: "Stream.isStream(plaintext)",
    replace: "Stream.isStream(plaintext) || client !== undefined",
    killedBy: byArguments(
      "an argument that is no stream > a body is named, before a key is requested, and nothing of it is read"
    )
  },
  {
    name: "a body is read again, as an empty one",
    file: stream("WebStreams"),
    find: "readable.locked || begun.has(readable)",
    replace: "readable.locked",
    killedBy: byArguments(
      "WebStreams.fromReadable > of a body that was read before fails, whether the same stream runs again or another one"
    )
  },
  {
    name: "a Readable that has ended is read as an empty one",
    file: "src/node/NodeStreams.ts",
    find: "readable.destroyed || readable.readableEnded",
    replace: "readable.destroyed",
    killedBy: byNodeStreams("NodeStreams.fromReadable > of a Readable that has ended and stays fails, and says why")
  }
]
