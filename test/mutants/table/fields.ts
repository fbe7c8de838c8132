/** Defects of encrypted fields. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const current = "src/fields/CurrentEncryptionContext.ts"
const field = "src/fields/internal/field.ts"
const fieldIssue = "src/fields/internal/fieldIssue.ts"
const fieldOptions = "src/fields/internal/fieldOptions.ts"
const messageText = "src/fields/internal/messageText.ts"
const plaintextCodec = "src/fields/internal/plaintextCodec.ts"
const rowContext = "src/fields/internal/rowContext.ts"
const withoutValues = "src/fields/internal/withoutValues.ts"

const by = places.byFolder("fields")
const byField = by("EncryptedField", "a field > ")
const byContext = by("EncryptedField", "the row's context > ")
const byOptions = by("EncryptedField", "options of a field > ")
const byMigration = by("migration", "a field that accepts plaintext > ")
const byMessage = by("migration", "a message > ")
const bySecrecy = by("secrecy", "no error, log or span of a field holds its value > ")
const byCauses = by("secrecy", "the causes of an issue > ")

export const fields: ReadonlyArray<Mutant> = [
  {
    name: "fields: text has JSON around it",
    file: plaintextCodec,
    find: `return "Text"`,
    replace: `return "Json"`,
    killedBy: byField("is text of a message with the pairs of the field, without JSON around the text")
  },
  {
    name: "fields: bytes become JSON",
    file: plaintextCodec,
    find: `? "Bytes" : "Json"`,
    replace: `? "Json" : "Json"`,
    killedBy: byField("of bytes has the bytes as its plaintext")
  },
  {
    name: "fields: the bytes of a value are zeroed",
    file: plaintextCodec,
    find: `if (form === "Bytes") return decode(plaintext)`,
    replace: `if (form === "Bytes") return Effect.tap(decode(plaintext), Effect.sync(() => void plaintext.fill(0)))`,
    killedBy: byField("of bytes has the bytes as its plaintext")
  },
  {
    name: "fields: the bytes of a text are not zeroed",
    file: plaintextCodec,
    find: "      plaintext.fill(0)\n",
    replace: "",
    killedBy: byField("zeroes the bytes of a text and of JSON, also those that it rejects")
  },
  {
    name: "fields: the bytes of a message with other pairs are not zeroed",
    file: field,
    find: "        plaintext.fill(0)\n",
    replace: "",
    killedBy: byField("zeroes the bytes of a text and of JSON, also those that it rejects")
  },
  {
    name: "fields: the suite is not used",
    file: field,
    find: "algorithmSuite: parts.settings.algorithmSuite",
    replace: "algorithmSuite: undefined",
    killedBy: byField("has the suite that it says")
  },
  {
    name: "fields: the decoded side is not redacted",
    file: field,
    find: "settings.redacted ? Effect.map(decoded, (value): unknown => Redacted.make(value)) : decoded",
    replace: "settings.redacted ? Effect.map(decoded, (value): unknown => Redacted.make(`${value}!`)) : decoded",
    killedBy: byField("is redacted where it says so")
  },
  {
    name: "fields: the inner pair does not take the place of the outer one",
    file: current,
    find: "{ ...outer, ...inner }",
    replace: "{ ...inner, ...outer }",
    killedBy: byContext("has the pairs of the request, of outer calls and of inner ones")
  },
  {
    name: "fields: reserved keys are set",
    file: current,
    find: "    EncryptionContext.checkUnreserved(inner)\n",
    replace: "",
    killedBy: byContext("is rejected where no message can have it, before the effect runs")
  },
  {
    name: "fields: a message with more pairs decodes",
    file: rowContext,
    find: "!Object.hasOwn(expected, key) && !key.startsWith",
    replace: "Object.hasOwn(expected, key) && key.startsWith",
    killedBy: byContext("does not decode a value outside of the row that it was encoded in")
  },
  {
    name: "fields: required keys are not required",
    file: rowContext,
    find: "if (missing !== undefined)",
    replace: "if (missing === null)",
    killedBy: byContext("must have the required keys, to encode and to decode")
  },
  {
    name: "fields: the request changes a pair of the field",
    file: rowContext,
    find: "if (changed !== undefined)",
    replace: "if (changed === null)",
    killedBy: byContext("cannot have another value for a pair of the field")
  },
  {
    name: "fields: the context of an object that may change is remembered",
    file: rowContext,
    find: "if (request.success === input) known.set",
    replace: "known.set",
    killedBy: byContext("that changes later changes nothing")
  },
  {
    name: "fields: a field may have no pairs",
    file: fieldOptions,
    find: "Object.keys(result.success).length > 0 &&",
    replace: "",
    killedBy: byOptions(`are rejected: encryptionContext of {"encryptionContext":{}}`)
  },
  {
    name: "fields: a required key may be empty",
    file: fieldOptions,
    find: "value.length > 0 && ",
    replace: "",
    killedBy: byOptions(
      `are rejected: requiredKeys[0] of {"encryptionContext":{"table":"customers","column":"email"},"requiredKeys":[""]}`
    )
  },
  {
    name: "fields: the list of required keys is the caller's",
    file: fieldOptions,
    find: "requiredKeys: [...requiredKeys ?? []]",
    replace: "requiredKeys: requiredKeys === undefined ? [] : options.requiredKeys!",
    killedBy: byOptions("are taken as they were")
  },
  {
    name: "fields: plaintext is not counted",
    file: field,
    find: "updateUnsafe(1, context)",
    replace: "updateUnsafe(0, context)",
    killedBy: byMigration("reads it as it is, counts it and reports it, without its value")
  },
  {
    name: "fields: a callback that throws fails the field",
    file: field,
    find: "} catch {",
    replace: "} catch (thrown) { throw thrown",
    killedBy: byMigration("goes on where the callback throws")
  },
  {
    name: "fields: what does not decrypt is read as plaintext",
    file: field,
    find: "parts.settings.acceptsPlaintext && !MessageText.beginsAsMessage(encoded)",
    replace: "parts.settings.acceptsPlaintext",
    killedBy: byMigration("does not take a message of another field or row for plaintext")
  },
  {
    name: "fields: hexadecimal digits of a message are plaintext",
    file: messageText,
    find: "hex.test(start)",
    replace: "hex.test(start.slice(0, 2))",
    killedBy: byMigration("takes no form of a message for plaintext")
  },
  {
    name: "fields: the bytes of a message are plaintext",
    file: messageText,
    find: `(typeof value !== "string" && binary.test(start))`,
    replace: "(typeof value !== \"string\" && binary.test(start.slice(1)))",
    killedBy: byMigration("takes no form of a message for plaintext")
  },
  {
    name: "fields: any number with an area code is a message",
    file: messageText,
    find: "[0-9a-f]{32}",
    replace: "",
    killedBy: byMigration("reads texts that only look a little like one")
  },
  {
    name: "fields: text is not canonical base64",
    file: messageText,
    find: "return isWhole && text.endsWith(Base64.encode(tail)) ? bytes : undefined",
    replace: "return text.endsWith(Base64.encode(tail)) || !isWhole ? bytes : undefined",
    killedBy: byMigration("takes no form of a message for plaintext")
  },
  {
    name: "fields: the bits behind the last byte do not count",
    file: messageText,
    find: "return isWhole && text.endsWith(Base64.encode(tail)) ? bytes : undefined",
    replace: "return isWhole && tail.length < 4 ? bytes : undefined",
    killedBy: byField("has one text for each message")
  },
  {
    name: "fields: a message is encrypted again",
    file: field,
    find: "if (MessageText.isMessage(plaintext))",
    replace: "if (plaintext === undefined)",
    killedBy: byMessage("is not encrypted again: as text, as bytes, and within JSON")
  },
  {
    name: "fields: what begins as a message is rejected",
    file: messageText,
    find: "return message !== undefined && hasHeader(message)",
    replace: "return message === undefined || hasHeader(message)",
    killedBy: byMessage("that only begins as one is a plaintext")
  },
  {
    name: "fields: an issue has the sentence of the value's schema",
    file: field,
    find: "FieldIssue.findOwn(issue) ?? fail(sentences(settings)[operation])",
    replace: "(sentences(settings)[operation] === notOfSchema ? issue : fail(notOfSchema))",
    killedBy: bySecrecy("of a check that quotes")
  },
  {
    name: "fields: a defect of the value's schema is passed on",
    file: withoutValues,
    find: "if (Cause.hasInterrupts(cause)) return Effect.interrupt",
    replace:
      "if (Cause.hasInterrupts(cause)) return Effect.interrupt\n    if (Cause.hasDies(cause)) return Effect.failCause(cause) as never",
    killedBy: bySecrecy("of a getter that dies")
  },
  {
    name: "fields: an interruption is an issue",
    file: withoutValues,
    find: "if (Cause.hasInterrupts(cause)) return Effect.interrupt",
    replace: "",
    killedBy: bySecrecy("where a schema is interrupted, the field is")
  },
  {
    name: "fields: an issue has no cause",
    file: fieldIssue,
    find: "cause === undefined ? { message } : { message, cause }",
    replace: "cause === undefined ? { message } : { message }",
    killedBy: byCauses("are the library's errors, of each field, in their order")
  },
  {
    name: "fields: causes are those of the first field",
    file: fieldIssue,
    find: ": within(issue).flatMap(causesOf)",
    replace: ": within(issue).slice(0, 1).flatMap(causesOf)",
    killedBy: byCauses("are the library's errors, of each field, in their order")
  }
]
