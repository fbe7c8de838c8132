/** Defects of stores whose values are encrypted. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const keyValueStore = "src/fields/EncryptedKeyValueStore.ts"
const persistence = "src/fields/EncryptedPersistence.ts"
const envelope = "src/fields/internal/envelope.ts"
const storeCipher = "src/fields/internal/storeCipher.ts"

const by = places.byFolder("fields")
const byStore = by("stores", "an encrypted key-value store > ")
const byPlain = by("stores", "a key-value store with keys as they are > ")
const byBlind = by("stores", "a key-value store with blinded keys > ")
const byPersistence = by("stores", "an encrypted persistence > ")

export const stores: ReadonlyArray<Mutant> = [
  {
    name: "stores: a value is read under another key",
    file: storeCipher,
    find: "envelope.name === name",
    replace: "envelope.name !== \"\"",
    killedBy: byPlain("holds no value, and does not take one for that of another key")
  },
  {
    name: "stores: bytes come back as text",
    file: envelope,
    find: "kind === 0 ? bytes.fromUtf8(plaintext.subarray(start)) : plaintext.slice(start)",
    replace: "kind === 1 ? bytes.toLatin1(plaintext.subarray(start)) : bytes.fromUtf8(plaintext.subarray(start))",
    killedBy: byPlain("gives back text and bytes, as the stores of Effect do")
  },
  {
    name: "stores: text without UTF-8 is replaced",
    file: envelope,
    find: "!bytes.isWellFormed(name) || (isText && !bytes.isWellFormed(value))",
    replace: "!bytes.isWellFormed(name) && isText && !bytes.isWellFormed(value)",
    killedBy: byStore("has no text without UTF-8")
  },
  {
    name: "stores: the library's error is lost",
    file: keyValueStore,
    find: "...cause === undefined ? {} : { cause }",
    replace: "...cause === undefined ? { cause } : {}",
    killedBy: byStore("fails with the library's error as cause, and the key")
  },
  {
    name: "stores: a blinded key is in the error",
    file: keyValueStore,
    find: "key === undefined || cipher.isBlind",
    replace: "key === undefined || !cipher.isBlind",
    killedBy: byStore("does not name a key that is blinded, nor what blindKey says of it")
  },
  {
    name: "stores: a key that is not blinded is taken",
    file: storeCipher,
    find: " && blind !== key",
    replace: "",
    killedBy: byStore("does not name a key that is blinded, nor what blindKey says of it")
  },
  {
    name: "stores: a prefix is looked for among blinded keys",
    file: keyValueStore,
    find: "clearPrefix: cipher.isBlind",
    replace: "clearPrefix: !cipher.isBlind",
    killedBy: byBlind("clears the keys that begin with a prefix, and no others")
  },
  {
    name: "stores: blinded keys are the keys",
    file: keyValueStore,
    find: "  parts.cipher.isBlind\n    ? Effect.flatMap(",
    replace: "  !parts.cipher.isBlind\n    ? Effect.flatMap(",
    killedBy: byBlind("gives back text and bytes, as the stores of Effect do")
  },
  {
    name: "stores: the value is taken after blindKey",
    file: storeCipher,
    find: "  Effect.suspend(() => {\n    const plaintext = Envelope.encode(envelope)",
    replace: "  Effect.flatMap(Effect.yieldNow, () => {\n    const plaintext = Envelope.encode(envelope)",
    killedBy: byStore("encrypts the value as it is when the effect starts to run")
  },
  {
    name: "stores: a store may have no pairs",
    file: storeCipher,
    find: "isContext(value)",
    replace: "isContext(value) || isContext({ store: \"x\", ...value as object })",
    killedBy: byStore(`rejects encryptionContext of {"encryptionContext":{}}`)
  },
  {
    name: "stores: a value of another store of the backing is read",
    file: persistence,
    find: "JSON.stringify([storeId, key])",
    replace: "JSON.stringify([storeId.length * 0, key])",
    killedBy: byPersistence("does not take a value for that of another key or store")
  },
  {
    name: "stores: a time to live is lost",
    file: persistence,
    find: "store.set(beneath, sealed, ttl)",
    replace: "store.set(beneath, sealed, ttl === undefined ? ttl : undefined)",
    killedBy: byPersistence("serves PersistedCache, which holds messages alone")
  },
  {
    name: "stores: the error of a value without JSON is a defect",
    file: persistence,
    find: "const json = Result.try(() => JSON.stringify(value) as string | undefined)",
    replace: "const json = Result.succeed(JSON.stringify(value) as string | undefined)",
    killedBy: byPersistence("has no value without JSON, and says so without the value")
  }
]
