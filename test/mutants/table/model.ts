/** Defects of values and of errors: data keys, contexts, materials, suites, policies, and the printer of texts that others chose. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const { cryptographicMaterials, dataKey, encryptedDataKey } = places
const algorithmSuite = "src/model/AlgorithmSuite.ts"
const commitmentPolicy = "src/model/CommitmentPolicy.ts"
const encryptionContext = "src/model/EncryptionContext.ts"
const keyringError = "src/model/errors/KeyringError.ts"
const printable = "src/internal/printable.ts"
const reasons = "src/model/errors/Reasons.ts"

const by = places.byFolder("model")
const byDataKey = by("DataKey", "DataKey > ")
const byContract = places.byFolder("materials")("contract", "a keyring that breaks its contract > ")
const byContext = by("EncryptionContext", "EncryptionContext > ")
const byValidate = by("EncryptionContext", "EncryptionContext > validate > ")
const byMaterials = by("CryptographicMaterials", "CryptographicMaterials > ")
const byChecked = by("CryptographicMaterials", "CryptographicMaterials > materials that were checked > ")
const bySuite = by("AlgorithmSuite", "AlgorithmSuite > ")
const byPolicy = by("CommitmentPolicy", "CommitmentPolicy > ")
const byPrintableInfo = by("EncryptedDataKey", "EncryptedDataKey > printableInfo > ")
const byPrinting = by("printing")
const byPrinter = by("printing", "the printer of texts that others chose > ")
const byOthers = by("printing", "encrypted data keys that others wrote > ")
const ownBytes = places.byClient("aliases", "keyrings > ")(
  "materials have bytes of their own: those of the keyring's encrypted data keys may change"
)

export const model: ReadonlyArray<Mutant> = [
  {
    name: "a data key whose memory is gone is zeroed like any other",
    file: dataKey,
    find: "  if (bytes.findGone(held.success) === undefined) held.success.fill(0)\n",
    replace: "  held.success.fill(0)\n",
    killedBy: byDataKey("whose memory was transferred is released like any other, since there is nothing to zero")
  },
  {
    name: "a released data key can be used, with its zeroes",
    file: dataKey,
    find: "  Redacted.wipeUnsafe(key)\n",
    replace: "",
    killedBy: byDataKey("zeroes its bytes, and throws when it is used afterwards")
  },
  {
    name: "a scope does not zero the data key that it was given",
    file: dataKey,
    find: "Effect.addFinalizer(() => Effect.sync(() => zero(key)))",
    replace: "Effect.addFinalizer(() => Effect.sync(() => value(key)))",
    killedBy: byDataKey("is zeroed with its scope, not before")
  },
  {
    name: "a scope does not zero the data key that it has acquired",
    file: dataKey,
    find: "Effect.acquireRelease(effect, (key) => Effect.sync(() => zero(key)),",
    replace: "Effect.acquireRelease(effect, (key) => Effect.sync(() => value(key)),",
    killedBy: byDataKey("acquired is zeroed whether the scope ends in success, failure or interruption")
  },
  {
    name: "a client reads any number of encrypted data keys unless it is told otherwise",
    file: encryptedDataKey,
    find: "export const defaultMaxCount = 128",
    replace: "export const defaultMaxCount = 65_535",
    killedBy: byOthers(
      "are kept out by their number, before any keyring is called, unless the client has another limit"
    )
  },
  {
    name: "key provider information prints whatever its length",
    file: encryptedDataKey,
    find: "new Uint8Array(info.subarray(0, maxPrinted))",
    replace: "new Uint8Array(info.subarray(0))",
    killedBy: byPrintableInfo("shows the start of a long text, however long")
  },
  {
    name: "key provider information prints bidirectional characters",
    file: encryptedDataKey,
    find: "/^[^\\p{C}\\p{Zl}\\p{Zp}\\uFFFD]*/u",
    replace: "/^[^\\p{Cc}\\p{Zl}\\p{Zp}\\uFFFD]*/u",
    killedBy: byPrintableInfo("shows no control characters, which could forge a line of a log")
  },
  {
    name: "a copy of an encrypted data key has the very ciphertext",
    file: encryptedDataKey,
    find: "isSmall ? new Uint8Array(ciphertext) :",
    replace: "isSmall ? ciphertext as never :",
    killedBy: ownBytes
  },
  {
    name: "a copy of an encrypted data key has the very key provider information",
    file: encryptedDataKey,
    find: "isSmall ? new Uint8Array(keyProviderInfo) :",
    replace: "isSmall ? keyProviderInfo as never :",
    killedBy: ownBytes
  },
  {
    name: "other code is given the very encrypted data keys",
    file: encryptedDataKey,
    find: "findGone(edk) === undefined ? copy(edk) : edk",
    replace: "findGone(edk) === undefined ? edk : edk",
    killedBy: places.byFolder("materials")("MultiKeyring")(
      "MultiKeyring.onDecrypt > every keyring is given the same materials and encrypted data keys, in copies of its own"
    )
  },
  {
    name: "materials have the encrypted data keys of the keyring",
    file: cryptographicMaterials,
    find: "return EncryptedDataKey.copy({ keyProviderId, keyProviderInfo, ciphertext })",
    replace: "return Object.freeze({ keyProviderId, keyProviderInfo, ciphertext })",
    killedBy: ownBytes
  },
  {
    name: "materials that were checked can be changed",
    file: cryptographicMaterials,
    find: "return Object.freeze(checkedEncryption.mark(complete))",
    replace: "return checkedEncryption.mark(complete)",
    killedBy: byChecked("encryption > can no longer change, in any part that was checked")
  },
  {
    name: "one mark stands for both kinds of materials",
    file: cryptographicMaterials,
    find: "const checkedDecryption = /*#__PURE__*/ makeBrand()",
    replace: "const checkedDecryption = checkedEncryption",
    killedBy: byChecked("of one kind do not pass for the other")
  },
  {
    name: "materials that were checked may have a released data key",
    file: cryptographicMaterials,
    find: "  checkDataKey(algorithmSuite, plaintextDataKey)\n  if (isChecked) return materials as",
    replace: "  if (!isChecked) checkDataKey(algorithmSuite, plaintextDataKey)\n  if (isChecked) return materials as",
    killedBy: byChecked("encryption > are rejected all the same once their data key was released or zeroed")
  },
  {
    name: "parts of the library's own make materials checked",
    file: cryptographicMaterials,
    find: "if (checkedDecryption.has(materials)) checkedDecryption.mark(copy)",
    replace: "checkedDecryption.mark(copy)",
    killedBy: byChecked("decryption > stay so with another data key, which is checked by itself")
  },
  {
    name: "a data key may be too long",
    file: cryptographicMaterials,
    find: "if (value.length !== suite.dataKeyLength) {",
    replace: "if (value.length < suite.dataKeyLength) {",
    killedBy: byMaterials("checkDataKey > accepts the suite's length, and no other")
  },
  {
    name: "a required key may be inherited",
    file: cryptographicMaterials,
    find: "keys.find((key) => !Object.hasOwn(context, key))",
    replace: "keys.find((key) => !(key in context))",
    killedBy: byMaterials("checkEncryptionMaterials > refuses each part that is missing or wrong, and names it")
  },
  {
    name: "a field of an encrypted data key may be one byte too long",
    file: cryptographicMaterials,
    find: "if (value.length > EncryptedDataKey.maxFieldLength) {",
    replace: "if (value.length > EncryptedDataKey.maxFieldLength + 1) {",
    killedBy: byMaterials("checkEncryptionMaterials > refuses each part that is missing or wrong, and names it")
  },
  {
    name: "a suite that does not sign may have a public key in the context",
    file: cryptographicMaterials,
    find: "if (Object.hasOwn(context, EncryptionContext.publicKeyKey) !== (signingKey !== undefined)) {",
    replace: "if (!Object.hasOwn(context, EncryptionContext.publicKeyKey) && signingKey !== undefined) {",
    killedBy: byMaterials("checkEncryptionMaterials > refuses each part that is missing or wrong, and names it")
  },
  {
    name: "a context carries the symbols of the caller's object",
    file: encryptionContext,
    find: "if (typeof name === \"symbol\") invalid(\"key is a symbol, must be a string\", String(name))",
    replace: "if (typeof name === \"symbol\") String(name)",
    killedBy: byValidate("refuses symbols as keys, whose getters do not run, and names the first")
  },
  {
    name: "a context takes the values of getters",
    file: encryptionContext,
    find: "else if (hasGetter(input, name)) ",
    replace: "else if (hasGetter(input, name) && name === \"\") ",
    killedBy: byValidate("refuses getters, which do not run, and names the key")
  },
  {
    name: "a context leaves out what is not enumerable",
    file: encryptionContext,
    find: "    if (Object.keys(context).length !== names.length) checkEnumerable(input)\n",
    replace: "    if (Object.keys(context).length > names.length) checkEnumerable(input)\n",
    killedBy: byValidate("refuses pairs that are not enumerable, and names the key")
  },
  {
    name: "a context is the caller's object",
    file: encryptionContext,
    find: "    const context = { ...input }\n",
    replace: "    const context = input\n",
    killedBy: byValidate("reads each value of a proxy once, and keeps its text")
  },
  {
    name: "any object but a list passes for a context",
    file: encryptionContext,
    find: "  prototype === Object.prototype || prototype === null ||",
    replace: "  !Array.isArray(prototype) || prototype === Object.prototype ||",
    killedBy: byValidate("refuses what is no plain object")
  },
  {
    name: "an error quotes what reading a context threw",
    file: encryptionContext,
    find: "invalid(\"cannot be read\")",
    replace: "invalid(`cannot be read: ${String(thrown)}`)",
    killedBy: byValidate("refuses what cannot be read, without what it threw")
  },
  {
    name: "an error quotes a value of a context",
    file: encryptionContext,
    find: "return invalid(\"value is not well-formed Unicode\", key)",
    replace: "return invalid(`value ${value} is not well-formed Unicode`, key)",
    killedBy: byValidate("does not put values into errors")
  },
  {
    name: "a value of a context may have half a character",
    file: encryptionContext,
    find: "if (!bytes.isWellFormed(value)) return invalid(",
    replace: "if (value === \"\\ud800\") return invalid(",
    killedBy: byValidate("refuses text that is not well-formed, which would silently become another text")
  },
  {
    name: "the length of a context is counted without the lengths in it",
    file: encryptionContext,
    find: "length += 4 + keyLength + valueLength",
    replace: "length += keyLength + valueLength",
    killedBy: byValidate("refuses what is too long, at the exact limits")
  },
  {
    name: "the length of a value is counted in UTF-16",
    file: encryptionContext,
    find: "const valueLength = bytes.utf8(value).length",
    replace: "const valueLength = value.length",
    killedBy: byValidate("refuses what is too long, at the exact limits")
  },
  {
    name: "a validated context can be changed",
    file: encryptionContext,
    find: "return Object.freeze(validated.mark(context))",
    replace: "return validated.mark(context)",
    killedBy: byValidate("copies and freezes, so that the caller's object can change without effect")
  },
  {
    name: "only the key of the public key is reserved",
    file: encryptionContext,
    find: "if (key.startsWith(reservedPrefix)) return key",
    replace: "if (key === publicKeyKey) return key",
    killedBy: byContext("finds reserved keys, and only those")
  },
  {
    name: "a pair that is expected may have another value",
    file: encryptionContext,
    find: "!Object.hasOwn(actual, key) || actual[key] !== expected[key])",
    replace: "!Object.hasOwn(actual, key) || actual[key] === \"\")",
    killedBy: byContext("findMismatch > asks that every expected pair is there, and no more")
  },
  {
    name: "a suite of version 2 commits to nothing",
    file: algorithmSuite,
    find: "    commitmentLength: 32,\n",
    replace: "    commitmentLength: 0,\n",
    killedBy: bySuite("is the specification's table")
  },
  {
    name: "a suite is what its own fields say",
    file: algorithmSuite,
    find: "? byId.get((value as AlgorithmSuite).id) : undefined",
    replace: "&& byId.has((value as AlgorithmSuite).id) ? value as AlgorithmSuite : undefined",
    killedBy: places.byClient("suiteCopies", "a suite as a copy by the fields of another suite > ")(
      "evades no commitment policy"
    )
  },
  {
    name: "the errors of a second copy of the package break a contract",
    file: "src/materials/contract.ts",
    find: "copied(errors, error) ??",
    replace: "copied(errors, undefined) ??",
    killedBy: places.byClient("secondCopy", "parts of a second copy of the package > ")(
      "a keyring, under managers of both, says why a data key does not unwrap"
    )
  },
  {
    name: "a promise of another realm is any object",
    file: "src/materials/contract.ts",
    find: "    void Promise.prototype.then.call(value, undefined, () => undefined)\n",
    replace: "    if (!(value instanceof Promise)) throw new TypeError()\n    void value.catch(() => undefined)\n",
    killedBy: byContract("returns a promise of another realm")
  },
  {
    name: "a suite is one of eleven objects",
    file: algorithmSuite,
    find: "? byId.get((value as AlgorithmSuite).id) : undefined",
    replace: "? all.find((suite) => suite === value) : undefined",
    killedBy: bySuite("is one of eleven ids, and resolves to the value of this module, whatever its other fields say")
  },
  {
    name: "every suite counts as one that derives a key for each message",
    file: algorithmSuite,
    find: "suite.keyDerivation._tag === \"Hkdf\"",
    replace: "suite.keyDerivation !== undefined",
    killedBy: bySuite("may be cached if and only if it derives a key for each message")
  },
  {
    name: "a policy that requires commitment decrypts without it",
    file: commitmentPolicy,
    find: "policy !== \"RequireEncryptRequireDecrypt\" || suite.commitmentLength > 0",
    replace: "policy !== \"RequireEncryptRequireDecrypt\" || suite.dataKeyLength === 32",
    killedBy: byPolicy("RequireEncryptRequireDecrypt allows what the specification says")
  },
  {
    name: "a policy that forbids commitment encrypts with it",
    file: commitmentPolicy,
    find: "suite.commitmentLength > 0 === (policy !== \"ForbidEncryptAllowDecrypt\")",
    replace: "suite.commitmentLength > 0 || policy === \"ForbidEncryptAllowDecrypt\"",
    killedBy: byPolicy("ForbidEncryptAllowDecrypt allows what the specification says")
  },
  {
    name: "messages without commitment are read unless the client is told otherwise",
    file: commitmentPolicy,
    find: "export const defaultPolicy: CommitmentPolicy = \"RequireEncryptRequireDecrypt\"",
    replace: "export const defaultPolicy: CommitmentPolicy = \"RequireEncryptAllowDecrypt\"",
    killedBy: byPolicy("requires commitment by default")
  },
  {
    name: "the printer lets control characters through",
    file: printable,
    find: "const unprintable = /[\\p{C}\\p{Zl}\\p{Zp}]/gu",
    replace: "const unprintable = /[\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]/gu",
    killedBy: byPrinter("shows what does not print by its number")
  },
  {
    name: "the printer lets separators of lines through",
    file: printable,
    find: "const unprintable = /[\\p{C}\\p{Zl}\\p{Zp}]/gu",
    replace: "const unprintable = /[\\p{C}]/gu",
    killedBy: byPrinter("shows what does not print by its number")
  },
  {
    name: "a printed text ends in half a character",
    file: printable,
    find: ".replace(/\\p{Surrogate}$/u, \"\")",
    replace: "",
    killedBy: byPrinter("bounds the length, and leaves what it printed as it is")
  },
  {
    name: "a line has the values of others as they are",
    file: printable,
    find: "printable(String(values[index - 1])) + part",
    replace: "String(values[index - 1]) + part",
    killedBy: byPrinting("errors > KmsError is one line, whatever it names")
  },
  {
    name: "a key of a context is printed as it is",
    file: reasons,
    find: "` key ${quoted(this.key)}:`",
    replace: "` key \"${this.key}\":`",
    killedBy: byPrinting("errors > InvalidEncryptionContext is one line, whatever it names")
  },
  {
    name: "a key that was expected is printed as it is",
    file: reasons,
    find: "`encryption context: key ${quoted(this.key)} is missing",
    replace: "`encryption context: key \"${this.key}\" is missing",
    killedBy: byPrinting("errors > EncryptionContextMismatch is one line, whatever it names")
  },
  {
    name: "a row has the text of others as it is",
    file: keyringError,
    find: "`skipped, ${printable(report.description)}`",
    replace: "`skipped, ${report.description}`",
    killedBy: byPrinting("errors > has one line for each row, whatever the rows name")
  },
  {
    name: "an error has a line for each of its rows",
    file: keyringError,
    find: "const maxLines = 20",
    replace: "const maxLines = 512",
    killedBy: byPrinting("errors > prints some of many rows, attempts first, and counts the others")
  },
  {
    name: "of many rows the first are printed, attempts or not",
    file: keyringError,
    find: "rows.length <= maxLines ? rows : [...attempts,",
    replace: "rows.length > attempts.length ? rows : [...attempts,",
    killedBy: byPrinting("errors > prints some of many rows, attempts first, and counts the others")
  },
  {
    name: "an error has no message of its own",
    file: "src/internal/TaggedError.ts",
    find: "Object.defineProperty(this, \"message\", { value",
    replace: "Object.defineProperty({}, \"message\", { value",
    killedBy: by("errors", "every error class > ")("MalformedMessage keeps its message where it is cloned")
  },
  {
    name: "an error lists its message among its fields",
    file: "src/internal/TaggedError.ts",
    find: "writable: true,",
    replace: "writable: true, enumerable: true,",
    killedBy: by("errors", "every error class > ")("MalformedMessage keeps its message where it is cloned")
  },
  {
    name: "what says nothing of a retry may be retried",
    file: "src/model/errors/retryable.ts",
    find: "error.isRetryable === true",
    replace: "error.isRetryable !== false",
    killedBy: places.byFolder("materials")("DefaultCmm", "DefaultCmm > decryptMaterials > ")(
      "has a row for each encrypted data key where none is the keyring's own"
    )
  }
]
