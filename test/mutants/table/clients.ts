import type { Mutant } from "../Mutant.ts"
import { byClient } from "./places.ts"

const client = (name: string) => `src/client/${name}.ts`

const byDecryptManagers = byClient("managers", "decrypt with a manager that answers > ")
const byMemory = byClient("memory", "EncryptionSdk > keys and plaintext in memory > ")
const byRequests = byClient("requests", "EncryptionSdk > ")
const byClientItself = byClient("EncryptionSdk", "EncryptionSdk > ")
const byTampering = byClient("tampering", "tampering > ")
const byAtOnce = byClient("atOnce")
const byNotAMessage = byClient("notAMessage")
const byContexts = byClient("contextMemo", "the memory of contexts > ")
const byKeySections = byClient("keySections", "the memory of key sections > ")

const eachPart = byTampering("ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY > each part has its own check")

/** The client: what it asks managers for, what it checks of their responses, and what it leaves in memory. */
export const clients: ReadonlyArray<Mutant> = [
  {
    name: "a manager is given the header's own encrypted data keys",
    file: client("materials"),
    find: "EncryptedDataKey.copyAll(header.encryptedDataKeys)",
    replace: "header.encryptedDataKeys",
    also: { find: "import * as EncryptedDataKey from \"../model/EncryptedDataKey.ts\"\n", replace: "" },
    killedBy: byClient("aliases", "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY > ")(
      "a manager's requests, and what it is answered by the manager below it"
    )
  },
  {
    name: "the suite of a manager's materials is not held against the policy",
    file: client("materials"),
    find: "  CommitmentPolicy.checkEncrypt(commitmentPolicy, algorithmSuite)\n",
    replace: "  CommitmentPolicy.checkSuite(algorithmSuite)\n",
    also: {
      find: "{ commitmentPolicy, isPortable, maxEncryptedDataKeys: maximum }",
      replace: "{ isPortable, maxEncryptedDataKeys: maximum }"
    },
    killedBy: byClient("managers", "encrypt with a manager that answers > ")("a suite that the policy forbids")
  },
  {
    name: "one encrypted data key more than the maximum",
    file: client("materials"),
    find: "if (count > maximum)",
    replace: "if (count > maximum + 1)",
    killedBy: byClientItself(
      "maximum of encrypted data keys > holds on encrypt and on decrypt, at the exact number"
    )
  },
  {
    name: "no limit of encrypted data keys where none is given",
    file: "src/EncryptionSdk.ts",
    find: "maxEncryptedDataKeys ?? EncryptedDataKey.defaultMaxCount",
    replace: "maxEncryptedDataKeys ?? EncryptedDataKey.maxCount",
    killedBy: byClientItself("maximum of encrypted data keys > is 128 where none is given")
  },
  {
    name: "a manager may answer another suite than the message's",
    file: client("materials"),
    find:
      "  if (materials.algorithmSuite !== header.algorithmSuite) invalidMaterials(\"algorithmSuite\", \"is not the message's\")\n",
    replace: "",
    killedBy: byDecryptManagers("a suite that is not the message's")
  },
  {
    name: "a manager may answer another value of a pair",
    file: client("materials"),
    find: " || stored[key] !== encryptionContext[key]",
    replace: "",
    killedBy: byDecryptManagers("a context with another value")
  },
  {
    name: "a manager may require a pair that the message stores",
    file: client("materials"),
    find: "if (Object.hasOwn(stored, key)) {",
    replace: "if (Object.hasOwn(stored, key) && stored[key] !== encryptionContext[key]) {",
    killedBy: byDecryptManagers("a required key that the message stores")
  },
  {
    name: "required keys of the message's own context are not looked at",
    file: client("materials"),
    find: "if (encryptionContext === stored && required.length === 0) return",
    replace: "if (encryptionContext === stored) return",
    killedBy: byDecryptManagers("a required key that the message stores")
  },
  {
    name: "required pairs of a manager are not checked",
    file: client("materials"),
    find: "  if (required.length === 0) return\n",
    replace: "  if (required.length >= 0) return\n",
    killedBy: byDecryptManagers("a required pair that is no text")
  },
  {
    name: "an expected pair that is missing is no mismatch",
    file: client("materials"),
    find: "if (mismatch !== undefined) reject",
    replace: "if (mismatch !== undefined && Object.hasOwn(materials.encryptionContext, mismatch)) reject",
    killedBy: byDecryptManagers("a context without the expected pair")
  },
  {
    name: "an operation that does not succeed leaves its memory",
    file: client("operation"),
    find: "Effect.onExitPrimitive(start, () => {",
    replace: "Effect.onExitPrimitive(start, (exit) => {",
    also: {
      find: "    return release(owned)\n",
      replace: "    return exit._tag === \"Success\" ? release(owned) : undefined\n"
    },
    killedBy: byMemory("are zeroed when encrypt is interrupted while it signs")
  },
  {
    name: "the key that a cache copied is left",
    file: client("operation"),
    find: "  if (dataKey !== undefined) dataKey.fill(0)\n",
    replace: "  if (dataKey !== undefined) bytes.free(dataKey)\n",
    killedBy: byAtOnce("an operation at once > zeroes its key when it ends, well or not")
  },
  {
    name: "the copy of a plaintext is given back as it is",
    file: client("operation"),
    find: "bytes.free(plaintext.fill(0))",
    replace: "bytes.free(plaintext)",
    killedBy: byMemory("are zeroed when an operation ends, and the caller's own array is not")
  },
  {
    name: "the bytes of a text are not the operation's",
    file: client("encrypt"),
    find: "        if (typeof input === \"string\") owned.plaintext = plaintext\n",
    replace: "",
    killedBy: byAtOnce("an operation at once > zeroes its key when it ends, well or not")
  },
  {
    name: "bytes of other threads are encrypted where they stand",
    file: client("encrypt"),
    find: " && bytes.isUnshared(plaintext)",
    replace: "",
    also: { find: "import * as bytes from \"../internal/bytes.ts\"\n", replace: "" },
    killedBy: byAtOnce("an operation at once > takes bytes that other threads may change as they are when it starts")
  },
  {
    name: "a plaintext whose memory went meanwhile is empty",
    file: client("encrypt"),
    find: "if (owned.plaintext === undefined && plaintext.length !== length)",
    replace: "if (owned.plaintext !== undefined && plaintext.length !== length)",
    killedBy: byAtOnce(
      "a listener that hears of a hit > takes the plaintext's memory away: an error that says so, and no message of nothing"
    )
  },
  {
    name: "encrypted data keys are remembered before they were authentic",
    file: client("decrypt"),
    find: "          return andThen(requested, (acquired) =>\n",
    replace:
      "          if (decoded.knownSection === undefined) remember(client, decoded)\n          return andThen(requested, (acquired) =>\n",
    killedBy: byAtOnce("an operation at once > remembers nothing of a message that was refused")
  },
  {
    name: "half of a commitment is compared",
    file: client("messageCipher"),
    find: "timingSafeEqual(commitment ?? bytes.empty, suiteData)",
    replace: "timingSafeEqual((commitment ?? bytes.empty).subarray(0, 16), suiteData.subarray(0, 16))",
    killedBy: eachPart
  },
  {
    name: "a header that is not authentic is called a body",
    file: client("messageCipher"),
    find: "afterHeader(atOnce, key, headerJob, failedTag(\"body\", error)))",
    replace: "failedTag(\"body\", error))",
    killedBy: eachPart
  },
  {
    name: "the form of a body is told before its header was verified",
    file: client("messageCipher"),
    find: "return afterHeader(atOnce, key, headerJob, failDecrypt(layout.failure))",
    replace: "return failDecrypt(layout.failure)",
    killedBy: byTampering("what is no whole body, or has no whole footer, is only told of a header that is authentic")
  },
  {
    name: "the form of a footer is told before the header was verified",
    file: client("messageCipher"),
    find: "return afterHeader(atOnce, key, headerJob, failDecrypt(footer.failure))",
    replace: "return failDecrypt(footer.failure)",
    killedBy: byTampering("what is no whole body, or has no whole footer, is only told of a header that is authentic")
  },
  {
    name: "plaintext of a message with a wrong signature is left",
    file: client("messageCipher"),
    find: "andThen(zeroedUnless(verified, plaintext), () => Effect.succeed(plaintext))",
    replace: "andThen(verified, () => Effect.succeed(plaintext))",
    killedBy: byMemory("are zeroed when an operation fails, what was decrypted of a forged message included")
  },
  {
    name: "only plaintext of a wrong signature is zeroed",
    file: client("messageCipher"),
    find: "andThen(zeroedUnless(verified, plaintext), () => Effect.succeed(plaintext))",
    replace:
      "andThen(signature === undefined ? verified : zeroedUnless(verified, plaintext), () => Effect.succeed(plaintext))",
    killedBy: byMemory("are zeroed when the last of many frames is forged, those of the frames before it too")
  },
  {
    name: "the stored pairs are authenticated twice, and the required ones not",
    file: client("messageCipher"),
    find: "EncryptionContext.pick(encryptionContext, requiredEncryptionContextKeys)",
    replace: "EncryptionContext.omit(encryptionContext, requiredEncryptionContextKeys)",
    killedBy: byRequests(
      "required context keys > are authenticated and not stored: ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY"
    )
  },
  {
    name: "a stored context that lacks its required pairs can be changed",
    file: client("messageCipher"),
    find: "Object.freeze(EncryptionContext.omit(encryptionContext, requiredEncryptionContextKeys))",
    replace: "EncryptionContext.omit(encryptionContext, requiredEncryptionContextKeys)",
    killedBy: byRequests(
      "required context keys > are authenticated and not stored: ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY"
    )
  },
  {
    name: "a result has the encrypted data keys of the cached materials",
    file: client("messageCipher"),
    find: "encryptedDataKeys: encryptedDataKeys.map(EncryptedDataKey.copy),",
    replace: "encryptedDataKeys: encryptedDataKeys as never,",
    also: { find: "import * as EncryptedDataKey from \"../model/EncryptedDataKey.ts\"\n", replace: "" },
    killedBy: byAtOnce("an operation at once > hands out nothing that the next message is made of")
  },
  {
    name: "a result has the tag in the message's own array",
    file: client("messageCipher"),
    find: "tag: new Uint8Array(tag)",
    replace: "tag: tag as never",
    killedBy: byClientItself("results > belong to the caller: changing them changes no later result")
  },
  {
    name: "a section is remembered in the message's own array",
    file: client("keySections"),
    find: "const encoded = new Uint8Array(message.subarray(start, end))",
    replace: "const encoded = message.subarray(start, end)",
    killedBy: byKeySections("keeps bytes of its own: what becomes of the message does not change it")
  },
  {
    name: "another number of pairs in a section that is known",
    file: client("keySections"),
    find: "for (let i = 0; i < expected.length; i++) {",
    replace: "for (let i = 4; i < expected.length; i++) {",
    killedBy: byKeySections("finds no section of which one byte differs, whichever it is")
  },
  {
    name: "interned contexts without bound",
    file: client("contextMemo"),
    find: "EncryptionContext.EncryptionContext>(capacity)",
    replace: "EncryptionContext.EncryptionContext>(capacity * maxLength)",
    killedBy: byContexts("holds 256 contexts, and forgets the first of them for one more")
  },
  {
    name: "interned contexts of any length",
    file: client("contextMemo"),
    find: "return length <= maxLength ?",
    replace: "return length <= maxLength * maxPairs ?",
    killedBy: byContexts(
      "holds contexts of 1024 characters and of 32 pairs, and no larger ones; and encodings of 1024 bytes"
    )
  },
  {
    name: "an interned context with other values",
    file: client("contextMemo"),
    find: "if (knownKeys[i] !== key || known[key] !== context[key]) return false",
    replace: "if (knownKeys[i] !== key || known[key]?.length !== context[key]?.length) return false",
    killedBy: byContexts("takes none for another one that is as long and ends alike")
  },

  {
    name: "an answered context that is not frozen",
    file: "src/model/EncryptionContext.ts",
    find: "return Object.freeze(validated.mark(context))",
    replace: "return validated.mark(context)",
    killedBy: byContexts("returns one frozen object for all equal contexts, whatever objects they come in")
  },
  {
    name: "a message of a suite that the policy forbids asks for a key",
    file: client("request"),
    find: "  CommitmentPolicy.checkDecrypt(client.commitmentPolicy, decoded.header.algorithmSuite)\n",
    replace: "",
    killedBy: byClientItself("materials manager > is not asked for a suite that the policy forbids")
  },
  {
    name: "an encryption of a suite that the policy forbids asks for a key",
    file: client("request"),
    find:
      "  if (algorithmSuite !== undefined) CommitmentPolicy.checkEncrypt(client.commitmentPolicy, algorithmSuite)\n",
    replace: "",
    killedBy: byClientItself("materials manager > is not asked for a suite that the policy forbids")
  },
  {
    name: "what is authenticated is read from the message once more",
    file: client("request"),
    find: "bytes.copyRange(message, 0, headerBodyLength)",
    replace: "message.subarray(0, headerBodyLength)",
    killedBy: byAtOnce(
      "a listener that hears of a hit > changes the message: what was read is what is authenticated, and nothing else is remembered"
    )
  },
  {
    name: "an error quotes what should have been a plaintext",
    file: client("request"),
    find: "Array.isArray(value) ? \"array\" : typeof value",
    replace: "Array.isArray(value) ? \"array\" : String(value)",
    killedBy: byRequests("arguments > that are wrong fail encrypt, and name field and bound")
  },

  {
    name: "only long messages count for the turn of others",
    file: client("turns"),
    find: "worked += length + messageCost",
    replace: "worked = length + messageCost",
    killedBy: byAtOnce("other fibers > have their turn while a fiber encrypts short messages one after the other")
  },
  {
    name: "a message with too many encrypted data keys is taken for text",
    file: "src/model/errors/NotAMessage.ts",
    find: "  if (!(error instanceof MalformedMessage)) return error\n",
    replace: "  if (!(error instanceof Error)) return error\n",
    also: { find: "import { MalformedMessage } from \"./MalformedMessage.ts\"\n", replace: "" },
    killedBy: byNotAMessage(
      "a message > with too many encrypted data keys is said to have too many, whatever its bytes look like"
    )
  },
  {
    name: "U+FFFD is looked for behind the message ID",
    file: "src/model/errors/NotAMessage.ts",
    find: "\\x02[^]{2,33})",
    replace: "\\x02[^]*)",
    killedBy: byNotAMessage(
      "a message > that is cut off is malformed, wherever it is cut, with U+FFFD in its context too"
    )
  },
  {
    name: "a stream looks at no more of what is no message than it has read",
    file: "src/stream/headerReader.ts",
    find: "explain(malformed, seen)",
    replace: "explain(malformed, message)",
    killedBy: byNotAMessage(
      "bytes that are no message > are seen in a stream too, in chunks of 64 bytes and more, of every suite"
    )
  },
  {
    name: "base64 of version 2 is not recognised in all suites",
    file: "src/model/errors/NotAMessage.ts",
    find: "g[RV]4",
    replace: "gV4",
    killedBy: byNotAMessage(
      "bytes that are no message > are seen in a stream too, in chunks of 64 bytes and more, of every suite"
    )
  }
]
