/** Defects of operations at once, and of what is remembered of headers. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const byKeySections = places.byClient("keySections", "the memory of key sections > ")
const byAtOnce = places.byClient("atOnce")

export const atOnce: ReadonlyArray<Mutant> = [
  {
    name: "a key section is known by its end and its length",
    file: places.keySections,
    find: "    if (message[start + i] !== expected[i]) return false\n",
    replace: "    if (message[start + i] === undefined) return false\n",
    killedBy: byKeySections("finds no section of which one byte differs, whichever it is")
  },
  {
    name: "a known key section can be changed",
    file: "src/message/KeySection.ts",
    find: "Object.freeze(encryptedDataKeys.map((edk) => Object.freeze(edk)))",
    replace: "encryptedDataKeys.map((edk) => Object.freeze(edk))",
    killedBy: byKeySections("keeps bytes of its own: what becomes of the message does not change it")
  },
  {
    name: "a known key section is a view of the message",
    file: places.keySections,
    find: "new Uint8Array(message.subarray(start, end))",
    replace: "message.subarray(start, end)",
    killedBy: byKeySections("keeps bytes of its own: what becomes of the message does not change it")
  },
  {
    name: "key sections are remembered without bound",
    file: places.keySections,
    find: "const capacity = 256\n",
    replace: "const capacity = Infinity\n",
    killedBy: byKeySections("holds 256 sections of at most 4096 bytes, and forgets the first of them for one more")
  },
  {
    name: "a header is remembered before its message was authentic",
    file: "src/client/decrypt.ts",
    find: "        return andThen(requested, (acquired) =>\n",
    replace:
      "        if (decoded.knownSection === undefined) remember(client, decoded)\n        return andThen(requested, (acquired) =>\n",
    killedBy: byAtOnce("an operation at once > remembers nothing of a message that was refused")
  },
  {
    name: "a header that is known is handed out with the arrays that are remembered",
    file: "src/message/KeySection.ts",
    find: "encryptedDataKeys: encryptedDataKeys.map(EncryptedDataKey.copy) }",
    replace: "encryptedDataKeys: encryptedDataKeys.map((edk) => EncryptedDataKey.copy(edk) && edk) as never }",
    killedBy: byAtOnce("an operation at once > hands out nothing that the next message is made of")
  },
  {
    name: "the header of an encryption has the arrays of the entry",
    file: "src/client/messageCipher.ts",
    find: "encryptedDataKeys: encryptedDataKeys.map(EncryptedDataKey.copy),",
    replace: "encryptedDataKeys: encryptedDataKeys.map((edk) => EncryptedDataKey.copy(edk) && edk) as never,",
    killedBy: byAtOnce("an operation at once > hands out nothing that the next message is made of")
  },
  {
    name: "a caching manager hands out the encrypted data keys of its entry",
    file: places.entry,
    find: "Object.freeze(materials.encryptedDataKeys.map(EncryptedDataKey.copy))",
    replace: "materials.encryptedDataKeys",
    killedBy: byAtOnce("an operation at once > hands out nothing that the next message is made of")
  },
  {
    name: "an operation at once leaves its data key in memory",
    file: "src/client/operation.ts",
    find: "  if (dataKey !== undefined) dataKey.fill(0)\n",
    replace: "  if (dataKey === undefined) bytes.empty.fill(0)\n",
    killedBy: byAtOnce("an operation at once > zeroes its key when it ends, well or not")
  },
  {
    name: "an operation at once works with the very key of the entry",
    file: places.entry,
    find: "holder.dataKey = new Uint8Array(this.#dataKey)",
    replace: "holder.dataKey = this.#dataKey",
    killedBy: byAtOnce("a listener that hears of a hit > evicts the entry: the message has its key all the same")
  },
  {
    name: "bytes that other threads see are not copied",
    file: "src/internal/bytes.ts",
    find: "buffer instanceof ArrayBuffer && !buffer.resizable",
    replace: "!(buffer as ArrayBuffer).resizable",
    killedBy: byAtOnce("an operation at once > takes bytes that other threads may change as they are when it starts")
  },
  {
    name: "a plaintext that goes away in the middle is encrypted as nothing",
    file: "src/client/encrypt.ts",
    find: "plaintext.length !== length) return failEncrypt(",
    replace: "plaintext.length > length) return failEncrypt(",
    killedBy: byAtOnce(
      "a listener that hears of a hit > takes the plaintext's memory away: an error that says so, and no message of nothing"
    )
  },
  {
    name: "a wrapper of an operation is passed by",
    file: "src/crypto/atOnce.ts",
    find: "  const open = synchronousOf(primitives, \"open\")\n",
    replace: "  const open = latest ??= synchronousOf(primitives, \"open\")\n",
    also: {
      find: "const bare = (key",
      replace: "let latest: Synchronous[\"open\"] | undefined\n\nconst bare = (key"
    },
    killedBy: byAtOnce("an operation at once > goes through each function that somebody has wrapped, every time")
  },
  {
    name: "messages at once keep other fibers waiting",
    file: "src/client/turns.ts",
    find: "if (worked < turnLength) return",
    replace: "if (worked < turnLength * 2 ** 20) return",
    killedBy: byAtOnce("other fibers > have their turn while a fiber encrypts long messages one after the other")
  },
  {
    name: "a header is authenticated over the message as it is by then",
    file: "src/client/messageCipher.ts",
    find: "aad: headerAad(headerBody, materials),",
    replace: "aad: headerAad(message.subarray(0, headerBody.length), materials),",
    killedBy: byAtOnce(
      "a listener that hears of a hit > changes the message: what was read is what is authenticated, and nothing else is remembered"
    )
  },
  {
    name: "bytes are taken with the methods of their class",
    file: "src/client/request.ts",
    find: "? bytes.plainView(input)",
    replace: "? input",
    killedBy: byAtOnce("an operation at once > takes bytes for what they are, whatever methods their class has")
  },
  {
    name: "the fault of a cache at the look-up at once is not told",
    file: places.admission,
    find: "    request.cacheFault = true\n",
    replace: "",
    killedBy: byAtOnce("an operation at once > tells the fault of a cache that throws, once, and takes it for a miss")
  },
  {
    name: "only messages that are authentic count as work",
    file: "src/client/operation.ts",
    find: "  return turns.begin(Effect.onExitPrimitive(start, () => {\n    turns.count(owned.work)\n",
    replace: "  return turns.begin(Effect.onExitPrimitive(start, (exit) => {\n" +
      "    if (exit._tag === \"Success\") turns.count(owned.work)\n",
    killedBy: byAtOnce("other fibers, while messages fail > have their turn too")
  }
]
