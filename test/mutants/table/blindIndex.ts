/** Defects of blind indexes. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const blindIndex = "src/fields/BlindIndex.ts"
const hmac = "src/crypto/hmac.ts"
const indexOf = "src/fields/internal/indexOf.ts"
const indexOptions = "src/fields/internal/indexOptions.ts"
const withoutValues = "src/fields/internal/withoutValues.ts"

const by = places.byFolder("fields")
const byIndex = by("BlindIndex", "a blind index > ")
const byNormalization = by("BlindIndex", "normalization > ")
const byRotation = by("BlindIndex", "rotation > ")
const byOptions = by("BlindIndex", "options of a blind index > ")
const byKey = by("blindIndexKeys", "the key of a blind index > ")
const bySecrecy = by("blindIndexKeys", "no error, log or span of a blind index holds a value or a key > ")

const asTheGuide = "is the HMAC that node:crypto and Python make of the bytes of the guide"
const zeroedAfterwards = "that is zeroed makes no index: not under zeros either"

export const blindIndexes: ReadonlyArray<Mutant> = [
  {
    name: "blind index: SHA-384 is SHA-256",
    file: hmac,
    find: `"SHA-384": sha384`,
    replace: `"SHA-384": sha384 === undefined ? sha384 : sha256`,
    killedBy: byIndex(asTheGuide)
  },
  {
    name: "blind index: only the first part is authenticated",
    file: hmac,
    find: "for (const part of parts) state",
    replace: "for (const part of parts.slice(0, 1)) state",
    killedBy: byIndex(asTheGuide)
  },
  {
    name: "blind index: parts have no length",
    file: indexOf,
    find: "return [length, part]",
    replace: "return length.length === 0 ? [length, part] : [part]",
    killedBy: byIndex(asTheGuide)
  },
  {
    name: "blind index: a length counts characters",
    file: indexOf,
    find: "const domain = bytes.concat([label, table, column].flatMap((part) => withLength(bytes.utf8(part))))",
    replace:
      "const domain = bytes.concat([label, table, column].flatMap((part) => [withLength(new Uint8Array(part.length))[0]!, bytes.utf8(part)]))",
    killedBy: byIndex("has the bytes of each part counted: a letter with an accent is two")
  },
  {
    name: "blind index: the column does not count",
    file: indexOf,
    find: "[label, table, column]",
    replace: `[label, table, column === "email" ? column : "name"]`,
    killedBy: byIndex("has the bytes of each part counted: a letter with an accent is two")
  },
  {
    name: "blind index: the table does not count",
    file: indexOf,
    find: "[label, table, column]",
    replace: `[label, table === "" ? table : column, column]`,
    killedBy: byIndex(asTheGuide)
  },
  {
    name: "blind index: the bits behind the last one stay",
    file: indexOf,
    find: "0xff << unused",
    replace: "0xff << (unused & 0)",
    killedBy: byIndex("has zeros behind its bits")
  },
  {
    name: "blind index: the trailing bits are kept, not the leading ones",
    file: indexOf,
    find: "code.subarray(0, Math.ceil(bits / 8))",
    replace: "code.subarray(code.length - Math.ceil(bits / 8))",
    killedBy: byIndex("has zeros behind its bits")
  },
  {
    name: "blind index: bits are rounded down to bytes",
    file: indexOf,
    find: "Math.ceil(bits / 8)",
    replace: "Math.floor(bits / 8)",
    killedBy: byIndex("has zeros behind its bits")
  },
  {
    name: "blind index: bytes are text",
    file: indexOf,
    find: `encoding === "Hex" ?`,
    replace: `encoding !== "Hex" ?`,
    killedBy: byIndex(asTheGuide)
  },
  {
    name: "blind index: the bytes of a value are not zeroed",
    file: indexOf,
    find: "    value.fill(0)\n",
    replace: "",
    killedBy: bySecrecy("after it: the bytes of the value are zeroed")
  },
  {
    name: "blind index: the part of the code that is cut off is not zeroed",
    file: indexOf,
    find: "    code.fill(0)\n",
    replace: "",
    killedBy: bySecrecy("after it: the bits that are cut off are zeroed")
  },
  {
    name: "blind index: an index is made under zeros",
    file: indexOf,
    find: "if (!DataKey.isDataKey(key)) return undefined\n",
    replace: "if (!DataKey.isDataKey(key)) return Hex.encode(mac(hash, new Uint8Array(32), []))\n",
    killedBy: byKey(zeroedAfterwards)
  },
  {
    name: "blind index: the key is not zeroed",
    file: indexOptions,
    find: "    (key) => Effect.sync(() => DataKey.zero(key))",
    replace: "    () => Effect.void",
    killedBy: byKey("is zeroed when the scope closes, and so is the previous one")
  },
  {
    name: "blind index: a key that is rejected is not zeroed",
    file: indexOptions,
    find: "  DataKey.zero(key)\n  return invalid",
    replace: "  return invalid",
    killedBy: byKey("is zeroed where it is not used: too short, or beside a previous one that is")
  },
  {
    name: "blind index: the key is the caller's array",
    file: indexOptions,
    find: "DataKey.copyFrom(bytes.plainView(given))",
    replace: "DataKey.make(bytes.plainView(given))",
    killedBy: byKey("is a copy: the caller's is neither changed nor kept")
  },
  {
    name: "blind index: the key is copied once the code is there",
    file: blindIndex,
    find: "  const settings = yield* checkOptions(options)\n  const { hmac } = yield* loadHmac",
    replace: "  const { hmac } = yield* loadHmac\n  const settings = yield* checkOptions(options)",
    killedBy: byKey("is copied before the code of HMAC is there")
  },
  {
    name: "blind index: a key's length is what its members say",
    file: indexOptions,
    find: "const { length } = DataKey.value(key)",
    replace: "const { length } = given",
    killedBy: byKey("has the length of its bytes, whatever its own members say")
  },
  {
    name: "blind index: bytes whose memory is gone are a short key",
    file: indexOptions,
    find: "if (gone !== undefined)",
    replace: "if (gone === null)",
    killedBy: byKey("is rejected where its memory is made smaller, and says so")
  },
  {
    name: "blind index: a key may have 31 bytes",
    file: indexOptions,
    find: "const minKeyLength = 32",
    replace: "const minKeyLength = 31",
    killedBy: byOptions("are rejected: 31 bytes")
  },
  {
    name: "blind index: a key may be all zero",
    file: indexOptions,
    find: "if (length >= minKeyLength && !isZero)",
    replace: "if (length >= minKeyLength || isZero && length < 0)",
    killedBy: byOptions("are rejected: a key of zeros")
  },
  {
    name: "blind index: both keys may be the same",
    file: indexOptions,
    find: "return difference === 0",
    replace: "return difference === 0 && a === b",
    killedBy: byRotation("must have two keys")
  },
  {
    name: "blind index: a longer key that begins as the other is the same",
    file: indexOptions,
    find: "let difference = a.length ^ b.length",
    replace: "let difference = 0",
    killedBy: byRotation("must have two keys")
  },
  {
    name: "blind index: bits may be fewer than 8",
    file: indexOptions,
    find: "bits < minBits || ",
    replace: "bits < 1 || ",
    killedBy: byOptions("are rejected: 7 bits")
  },
  {
    name: "blind index: bits may be more than the hash function's",
    file: indexOptions,
    find: "|| bits > length)",
    replace: "|| bits > 384)",
    killedBy: byOptions("are rejected: 257 bits")
  },
  {
    name: "blind index: a name may be empty",
    file: indexOptions,
    find: "value.length > 0 && ",
    replace: "",
    killedBy: byOptions("are rejected: an empty table")
  },
  {
    name: "blind index: a name may be half a character",
    file: indexOptions,
    find: "value.length > 0 && bytes.isWellFormed(value)",
    replace: "value.length > 0",
    killedBy: byOptions("are rejected: half a character")
  },
  {
    name: "blind index: its name is not printable",
    file: indexOptions,
    find: "printable(`${table}.${column}`, maxName)",
    replace: "`${table}.${column}${printable(\"\", maxName)}`",
    killedBy: byIndex("has a name, which errors show")
  },
  {
    name: "blind index: a value is indexed as it is",
    file: blindIndex,
    find: "() => decode(value),",
    replace: "() => Effect.as(decode(value), value),",
    killedBy: byNormalization("is of the text that it makes, not of the value")
  },
  {
    name: "blind index: lone surrogates share an index",
    file: blindIndex,
    find: "return bytes.isWellFormed(text)",
    replace: "return bytes.isWellFormed(\"\")",
    killedBy: byNormalization("that makes half a character is an error")
  },
  {
    name: "blind index: the text of a number that the normalization makes is indexed",
    file: blindIndex,
    find: `if (typeof text !== "string") return`,
    replace: `if (typeof text === "undefined") return`,
    killedBy: byNormalization("that makes a number is an error")
  },
  {
    name: "blind index: any value is a text",
    file: blindIndex,
    find: `if (typeof value !== "string") return Effect.fail(invalid("a value must be text"))`,
    replace: `if (typeof value !== "string") return Effect.succeed(String(value))`,
    killedBy: bySecrecy("of a value that is no text")
  },
  {
    name: "blind index: a write is under the previous key",
    file: blindIndex,
    find: "indexes(value, [key])",
    replace: "indexes(value, [previousKey ?? key])",
    killedBy: byRotation("writes under the key, and searches under the previous one too")
  },
  {
    name: "blind index: a search is under the key alone",
    file: blindIndex,
    find: "previousKey === undefined ? [key] : [key, previousKey]",
    replace: "previousKey === undefined ? [key] : [key]",
    killedBy: byRotation("writes under the key, and searches under the previous one too")
  },
  {
    name: "blind index: what is interrupted is an error",
    file: withoutValues,
    find: "if (Cause.hasInterrupts(cause)) return Effect.interrupt",
    replace: "",
    killedBy: bySecrecy("where a schema is interrupted, the index is")
  },
  {
    name: "blind index: a defect of the normalization is passed on",
    file: withoutValues,
    find: "if (Cause.hasInterrupts(cause)) return Effect.interrupt",
    replace:
      "if (Cause.hasInterrupts(cause)) return Effect.interrupt\n    if (Cause.hasDies(cause)) return Effect.failCause(cause) as never",
    killedBy: bySecrecy("of a schema that dies")
  }
]
