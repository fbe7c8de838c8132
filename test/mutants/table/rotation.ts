import type { Mutant } from "../Mutant.ts"
import { byClient, byFolder } from "./places.ts"

const client = (name: string) => `src/client/${name}.ts`
const stream = (name: string) => `src/stream/${name}.ts`

const byRewrap = byClient("rewrap", "rewrap > ")
const bySafety = byClient("rewrapSafety", "rewrap > ")
const byIsCurrent = byClient("isCurrent", "isCurrent > ")
const byWrappingKeys = byClient("wrappingKeys", "isCurrent > ")
const byReuse = byClient("headerReuse", "two headers of one body > ")
const byStream = byFolder("stream")("rewrap", "rewrapStream > ")

const unstored = "pairs that the old message does not store are not stored in the new one"
const kept = "keepBody: what is signed, or of another suite than is wanted, is encrypted again"

/** Rotation of messages, and the state of their headers. */
export const rotation: ReadonlyArray<Mutant> = [
  {
    name: "a message that is signed keeps its body",
    file: client("rewrapRequest"),
    find: "suite.signature === undefined && (encrypt",
    replace: "(encrypt",
    killedBy: byRewrap(kept)
  },
  {
    name: "a body is kept whatever suite is wanted",
    file: client("rewrapRequest"),
    find: " && (encrypt.algorithmSuite ?? suite) === suite",
    replace: " && encrypt !== undefined",
    killedBy: byRewrap(kept)
  },
  {
    name: "pairs that were not stored are stored after rotation",
    file: client("rewrapRequest"),
    find: "keys.filter((key) => !Object.hasOwn(header.encryptionContext, key))",
    replace: "keys.filter((key) => !Object.hasOwn(encryptionContext, key))",
    killedBy: byRewrap(unstored)
  },
  {
    name: "a rotated message has frames of the default length",
    file: client("rewrapRequest"),
    find: "header.contentType === \"framed\" ? header.frameLength : MessageHeader.defaultFrameLength",
    replace: "header.contentType === \"framed\" ? MessageHeader.defaultFrameLength : header.frameLength",
    killedBy: byRewrap("may decrypt and encrypt by managers of its own, and change the frame length")
  },
  {
    name: "the manager of the new message is not that of the old one by default",
    file: client("rewrapRequest"),
    find: "const { sourceMaterialsManager = materialsManager } = options",
    replace: "const { sourceMaterialsManager } = options",
    killedBy: byRewrap("may decrypt and encrypt by managers of its own, and change the frame length")
  },
  {
    name: "a manager may store pairs that must not be stored",
    file: client("materials"),
    find: "checkEncryption(client, checkRequired(requiredEncryptionContextKeys, acquired))",
    replace: "checkEncryption(client, checkRequired([], acquired))",
    killedBy: byRewrap("a manager that stores such pairs is rejected")
  },
  {
    name: "a kept header of version 1 has the IV of the one before",
    file: client("keepBody"),
    find: "isVersion1 ? yield* freshIv(client) : messageCipher.headerIv",
    replace: "isVersion1 && primitives === undefined ? yield* freshIv(client) : messageCipher.headerIv",
    killedBy: byReuse("of version 1 do not, since each has an IV of its own")
  },
  {
    name: "the IV of a kept header may be that of a frame",
    file: client("keepBody"),
    find: "    iv[0]! |= 0x80\n",
    replace: "    iv[0]! &= 0x7f\n",
    killedBy: byRewrap(
      "keepBody, ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256 > has another IV in the header, where the header stores one"
    )
  },
  {
    name: "a body is kept of a suite that the policy forbids",
    file: client("keepBody"),
    find: "CommitmentPolicy.checkEncrypt(commitmentPolicy, algorithmSuite)",
    replace: "CommitmentPolicy.checkDecrypt(commitmentPolicy, algorithmSuite)",
    killedBy: byStream(
      "keepBody: a suite that the policy forbids for new messages is rejected before a key provider is called"
    )
  },
  {
    name: "frames are kept that not all implementations read",
    file: client("keepBody"),
    find: "if (isPortable) portability",
    replace: "if (isPortable && frameLength === 0) portability",
    killedBy: byRewrap("a client whose messages all implementations read keeps no frames that some do not read")
  },
  {
    name: "a kept header is not held against the client's options",
    file: client("keepBody"),
    find: "checkEncryption(client, { ...acquired",
    replace: "({ ...acquired",
    also: { find: "import { checkEncryption, type Decr", replace: "import { type Decr" },
    killedBy: byRewrap("wrong options and messages fail, and name what is wrong; no keyring is called")
  },
  {
    name: "required pairs are not part of a kept header's tag",
    file: client("keepBody"),
    find: "messageCipher.headerAad(body, materials)",
    replace: "body",
    killedBy: byRewrap(unstored)
  },
  {
    name: "a keyring may return another data key for a kept body",
    file: "src/materials/wrapExisting.ts",
    find: "if (!timingSafeEqual(DataKey.value(complete.plaintextDataKey), dataKey)) changed",
    replace: "if (timingSafeEqual(new Uint8Array(32), dataKey)) changed",
    killedBy: bySafety("keepBody: a keyring that breaks its contract > returns another data key")
  },
  {
    name: "a keyring is given the very data key that the kept body is checked with",
    file: "src/materials/wrapExisting.ts",
    find: "DataKey.copyFrom(dataKey)",
    replace: "DataKey.make(dataKey)",
    killedBy: bySafety("keepBody: a keyring that breaks its contract > changes the data key where it stands")
  },
  {
    name: "another data key of a keyring is not zeroed",
    file: "src/materials/wrapExisting.ts",
    find: "if (DataKey.isDataKey(returned)) yield* DataKey.zeroWithScope(returned)",
    replace: "if (DataKey.isDataKey(returned)) yield* Effect.void",
    killedBy: bySafety("keepBody: a keyring that breaks its contract > another data key that it returns is zeroed")
  },
  {
    name: "the data key of a kept body is not zeroed",
    file: "src/materials/wrapExisting.ts",
    find: "yield* DataKey.acquire(Effect.sync(() => DataKey.copyFrom(dataKey)))",
    replace: "DataKey.copyFrom(dataKey)",
    also: {
      find: "  if (DataKey.isDataKey(returned)) yield* DataKey.zeroWithScope(returned)\n",
      replace: "  void returned\n"
    },
    killedBy: bySafety("keeps the body: keys and plaintext are zeroed at the end, and the caller's message is not")
  },
  {
    name: "the plaintext of a rotation is not zeroed",
    file: client("rewrap"),
    find: "({ plaintext }) => Effect.sync(() => plaintext.fill(0)),",
    replace: "({ plaintext }) => Effect.sync(() => plaintext.length),",
    killedBy: bySafety("encrypts again: keys and plaintext are zeroed at the end, and the caller's message is not")
  },
  {
    name: "the plaintext of a kept body is not zeroed",
    file: client("rewrap"),
    find: "bytes.free(plaintext.fill(0))",
    replace: "bytes.free(plaintext)",
    killedBy: bySafety("keeps the body: keys and plaintext are zeroed at the end, and the caller's message is not")
  },
  {
    name: "a body is kept that was not verified",
    file: client("rewrap"),
    find:
      "  const plaintext = yield* messageCipher.open(client, acquired, message, decoded)\n  bytes.free(plaintext.fill(0))\n",
    replace: "",
    also: { find: "import * as messageCipher from \"./messageCipher.ts\"\n", replace: "" },
    killedBy: bySafety(
      "keeps the body: fails for a message with any byte changed, cut or added to, ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY"
    )
  },
  {
    name: "a raw AES key is known by all that its encrypted data key says",
    file: client("wrappingKey"),
    find: "? info.subarray(0, nameLength)",
    replace: "? info.subarray(0, nameLength + aesLengths.length + ivLength)",
    killedBy: byIsCurrent("compares all keys, whatever their order and number")
  },
  {
    name: "raw AES names that begin alike are the same",
    file: client("wrappingKey"),
    find: "? info.subarray(0, nameLength)",
    replace: "? info.subarray(0, 3)",
    killedBy: byIsCurrent("knows a raw AES key by its name, and tells names apart that begin alike")
  },
  {
    name: "a wrapping key is known by its name alone",
    file: client("wrappingKey"),
    find: "JSON.stringify([keyProviderId, ",
    replace: "JSON.stringify([",
    killedBy: byIsCurrent("knows a raw AES key by its name, and tells names apart that begin alike")
  },
  {
    name: "versions of a branch key are the same",
    file: client("wrappingKey"),
    find: "keyProviderId === \"aws-kms-hierarchy\" && ",
    replace: "keyProviderId === \"\" && ",
    killedBy: byWrappingKeys("knows a branch key by its id and its version")
  },
  {
    name: "a key of ECDH is known by an ephemeral sender",
    file: client("wrappingKey"),
    find: "info.length < 5 ? info.length : 5 + bytes.getUint32(info, 1)",
    replace: "info.length",
    killedBy: byWrappingKeys("knows a key of ECDH by the recipient, whose sender may be ephemeral: P-256")
  },
  {
    name: "keys that should not be there are no reason",
    file: client("isCurrent"),
    find: "if (keys.missing.length > 0 || keys.unexpected.length > 0) reasons",
    replace: "if (keys.missing.length > 0) reasons",
    killedBy: byIsCurrent("compares all keys, whatever their order and number")
  },
  {
    name: "more keys are a reason where a wrapping is missing",
    file: client("isCurrent"),
    find: "mayHaveMore ? [] : without(actual, expected)",
    replace: "mayHaveMore && expected.length === 0 ? [] : without(actual, expected)",
    killedBy: byIsCurrent("where a wrapping is missing now, more keys are no reason")
  },
  {
    name: "a suite that the policy forbids is no reason",
    file: client("isCurrent"),
    find: "!CommitmentPolicy.allowsEncrypt(commitmentPolicy, actual)",
    replace: "!CommitmentPolicy.allowsEncrypt(commitmentPolicy, expected)",
    killedBy: byIsCurrent("names suite and policy, by themselves")
  },
  {
    name: "isCurrent charges a data key for a plaintext",
    file: client("isCurrent"),
    find: "requestEncryptionMaterials(client, owned, request, 0, required)",
    replace: "requestEncryptionMaterials(client, owned, request, 1, required)",
    killedBy: byIsCurrent(
      "unwraps nothing, costs one message of no bytes in a cache, and nothing where the keys are given"
    )
  },
  {
    name: "the plaintext of a rotated stream is not zeroed",
    file: stream("rewrapStream"),
    find: "for (const chunk of last) chunk.fill(0)",
    replace: "for (const chunk of last.slice(0, 0)) chunk.fill(0)",
    killedBy: byStream("encrypts again: plaintext and keys are zeroed at the end, and after an interruption")
  },
  {
    name: "the last plaintext of a rotated stream is not zeroed",
    file: stream("rewrapStream"),
    find: "Scope.addFinalizer(scope, Effect.sync(zero))",
    replace: "Scope.addFinalizer(scope, Effect.void)",
    killedBy: byStream("encrypts again: plaintext and keys are zeroed at the end, and after an interruption")
  },
  {
    name: "plaintext of frames that pass is not zeroed",
    file: stream("keepBody"),
    find: "    plaintext.fill(0)\n",
    replace: "",
    killedBy: byStream("keeps the body: plaintext and keys are zeroed at the end, and after an interruption")
  },
  {
    name: "frames pass that were not verified",
    file: stream("keepBody"),
    find: "const plaintext = yield* opening.openFrames(passing, encoded)",
    replace: "const plaintext = concat(passing.map(({ ciphertext }) => ciphertext))",
    killedBy: byStream("keeps the body: a message with any byte changed or missing fails, and leaves no message")
  },
  {
    name: "the final frame passes before the message ends",
    file: stream("keepBody"),
    find: "      yield* opening.finish(yield* readSignature(upstream, header))\n",
    replace: "",
    also: { find: "import { readSignature, withheldLength }", replace: "import { withheldLength }" },
    killedBy: byStream("keeps the body: a message with any byte changed or missing fails, and leaves no message")
  },
  {
    name: "what a rotation has looked at is not copied",
    file: stream("peekSuite"),
    find: "seen.push(new Uint8Array(chunk))",
    replace: "seen.push(chunk)",
    killedBy: byStream("keeps the body: chunks that arrive may be used again by the source, and runs share no state")
  }
]
