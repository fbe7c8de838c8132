import type { Mutant } from "../Mutant.ts"
import { byClient, test } from "./places.ts"

const inside = (name: string) => `src/internal/${name}.ts`

const byHeader = test("MessageHeader", "MessageHeader > encryption context > ", "message")
const byBrand = test("brand", "brand > ", "internal")
const byEngines = test("engines", "the oldest engines > ", "node")("have all that both layers and streams use")
const byPrinter = test("printing", "the printer of texts that others chose > ", "model")

/** What all rooms stand on: bytes, texts, options, marks. */
export const foundations: ReadonlyArray<Mutant> = [
  {
    name: "memory is given back in engines of this year alone",
    file: inside("bytes"),
    find: "buffer.transfer?.(0)",
    replace: "buffer.transfer(0)",
    killedBy: byEngines
  },
  {
    name: "an engine without `detached` calls all memory made smaller",
    file: inside("bytes"),
    find: "(bufferOf.call(bytes) as ArrayBuffer).maxByteLength > 0",
    replace: "!(bufferOf.call(bytes) as ArrayBuffer).detached",
    killedBy: byEngines
  },
  {
    name: "bytes whose memory is gone pass for none",
    file: inside("bytes"),
    find: "    at.call(bytes, 0)\n",
    replace: "",
    also: {
      find:
        "/** A method of all typed arrays that throws where there is no memory behind one. */\nconst at = (Object.getPrototypeOf(Uint8Array.prototype) as Pick<Uint8Array, \"at\">).at\n",
      replace: ""
    },
    killedBy: byClient("goneMemory", "memory that was transferred > ")("messages that codecs read")
  },
  {
    name: "bytes keep the methods of their class",
    file: inside("bytes"),
    find: "offsetOf.call(bytes) as number, lengthOf.call(bytes) as number)",
    replace: "offsetOf.call(bytes) as number, bytes.length)",
    killedBy: byClient("atOnce", "an operation at once > ")(
      "takes bytes for what they are, whatever methods their class has"
    )
  },
  {
    name: "bytes of another type of array pass",
    file: inside("bytes"),
    find: "typeName.call(value) === \"Uint8Array\"",
    replace: "typeName.call(value) !== undefined",
    killedBy: byClient("requests", "EncryptionSdk > ")(
      "arguments > that are wrong fail encrypt, and name field and bound"
    )
  },
  {
    name: "bytes that are not UTF-8 are read as replacement characters",
    file: inside("bytes"),
    find: "{ fatal: true, ignoreBOM: true }",
    replace: "{ ignoreBOM: true }",
    killedBy: byHeader("refuses invalid UTF-8")
  },
  {
    name: "a byte order mark is left out of a text",
    file: inside("bytes"),
    find: "{ fatal: true, ignoreBOM: true }",
    replace: "{ fatal: true }",
    killedBy: byHeader("keeps empty keys, empty values and a byte order mark")
  },
  {
    name: "a low surrogate alone is well-formed",
    file: inside("bytes"),
    find: "!/\\p{Surrogate}/u.test(text)",
    replace: "!/[\\ud800-\\udbff]/u.test(text)",
    killedBy: byClient("contextMemo", "the memory of contexts > ")(
      "rejects what EncryptionContext.validate rejects, with its error, a second time too"
    )
  },
  {
    name: "a map of one more than its capacity",
    file: inside("BoundedMap"),
    find: "this.entries.size >= this.capacity",
    replace: "this.entries.size > this.capacity",
    killedBy: test("BoundedMap", "BoundedMap > ", "internal")(
      "drops the entry that was set longest ago, whatever was read since, and none for a key that it has"
    )
  },
  {
    name: "a mark that is inherited",
    file: inside("brand"),
    find: "return #marked in object && object.#marked",
    replace: "return #marked in object ? object.#marked : #marked in ((Object.getPrototypeOf(object) ?? {}) as object)",
    killedBy: byBrand("is on no copy, heir or proxy of a marked object")
  },
  {
    name: "one mark for all brands",
    file: inside("brand"),
    find: "export const makeBrand = (): Brand => {\n  class Marked",
    replace:
      "let only: Brand | undefined\nexport const makeBrand = (): Brand => {\n  if (only !== undefined) return only\n  class Marked",
    also: { find: "  return {\n    has: Marked.has,", replace: "  return only = {\n    has: Marked.has," },
    killedBy: byBrand("is apart from every other brand")
  },
  {
    name: "inherited options are not looked at",
    file: inside("optionNames"),
    find: "for (const name in options) {",
    replace: "for (const name of Object.keys(options)) {",
    killedBy: test("optionNames", "names of options > ", "internal")(
      "looks at inherited names, as reading does; symbols and what is not enumerable name no option"
    )
  },
  {
    name: "bidirectional characters are printed",
    file: inside("printable"),
    find: "[\\p{C}\\p{Zl}\\p{Zp}]",
    replace: "[\\p{Cc}\\p{Zl}\\p{Zp}]",
    killedBy: byPrinter("shows what does not print by its number")
  },
  {
    name: "a printed text grows by what is escaped in it",
    file: inside("printable"),
    find: "start.length < text.length || escaped.length > max",
    replace: "start.length < text.length",
    killedBy: byPrinter("bounds the length, and leaves what it printed as it is")
  },
  {
    name: "a defect passes for a rejection",
    file: inside("rejection"),
    find: "  throw thrown\n",
    replace: "  return thrown\n",
    killedBy: test("rejection", "checks that throw > ", "internal")("a defect passes through, and is no failure")
  }
]
