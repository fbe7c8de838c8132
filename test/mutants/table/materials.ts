/** Defects of the default manager, of what keyrings share, and of raw keyrings. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const contract = "src/materials/contract.ts"
const defaultCmm = "src/materials/DefaultCmm.ts"
const filled = "src/materials/filled.ts"
const members = "src/materials/members.ts"
const rawAes = "src/raw/RawAesKeyring.ts"
const rawRsa = "src/raw/RawRsaKeyring.ts"
const requiredCmm = "src/materials/RequiredEncryptionContextCmm.ts"
const reports = "src/materials/reports.ts"
const unwrapFirst = "src/materials/unwrapFirst.ts"
const wrapping = "src/materials/wrapping.ts"

const by = places.byFolder("materials")
const byDefaultCmm = by("DefaultCmm", "DefaultCmm > ")
const byEncryptAnswers = by(
  "keyringResponses",
  "DefaultCmm > getEncryptionMaterials > checks what the keyring answers > "
)
const byDecryptAnswers = by("keyringResponses", "DefaultCmm > decryptMaterials > checks what the keyring answers > ")
const byRequired = by("RequiredEncryptionContextCmm")
const byMultiKeyring = by("MultiKeyring")
const byAliases = places.byClient("aliases", "keyrings > ")
const byOthers = places.byFolder("model")("printing", "encrypted data keys that others wrote > ")
const byRaw = places.byFolder("raw")
const byAes = byRaw("RawAesKeyring", "RawAesKeyring > ")
const byAesKey = byRaw("RawAesKeyring", "the key material of a RawAesKeyring > ")
const byAesContract = byRaw("RawAesKeyring", "RawAesKeyring with 256 bits, as every keyring > ")
const byRsa = byRaw("RawRsaKeyring", "RawRsaKeyring > ")
const byRsaContract = byRaw("RawRsaKeyring", "RawRsaKeyring with OAEP-SHA256, as every keyring > ")

const untilScope = "data keys that it made and unwrapped are there until the scope closes, and zero afterwards"

export const materials: ReadonlyArray<Mutant> = [
  {
    name: "a required pair is stored in the message",
    file: requiredCmm,
    find: "...given.requiredEncryptionContextKeys, ...keys]",
    replace: "...given.requiredEncryptionContextKeys]",
    killedBy: byRequired(
      "get encryption materials > the request to the manager under it has all keys, those of the caller too, each once"
    )
  },
  {
    name: "materials without a required key are taken",
    file: requiredCmm,
    find: "!materials.requiredEncryptionContextKeys.includes(key)",
    replace: "materials.requiredEncryptionContextKeys.length === 0 && key === \"\"",
    killedBy: byRequired("get encryption materials > materials without one of the keys are rejected")
  },
  {
    name: "materials whose context lacks a required pair are taken",
    file: requiredCmm,
    find: "!Object.hasOwn(materials.encryptionContext, key)",
    replace: "materials.encryptionContext[key] === \"\"",
    killedBy: byRequired("decrypt materials > materials whose context lacks one of the pairs are rejected")
  },
  {
    name: "what all objects have counts as a pair",
    file: requiredCmm,
    find: "keys.find((key) => !Object.hasOwn(context, key))",
    replace: "keys.find((key) => !(key in context))",
    killedBy: byRequired(
      "get encryption materials > a request without one of the pairs fails, and the manager under it is not called"
    )
  },
  {
    name: "a keyring's response is compared with materials that it can change",
    file: defaultCmm,
    find: "onEncrypt(keyring, given)",
    replace: "onEncrypt(keyring, empty)",
    also: { find: "  const given = { ...empty, encryptedDataKeys: [] }\n", replace: "" },
    killedBy: byAliases("that change what they are given and answer that: refused, by the name of the field")
  },
  {
    name: "a keyring may answer another signing key",
    file: filled,
    find: "if (filled.signingKey !== empty.signingKey) changed",
    replace: "if (filled.signingKey === undefined && empty.signingKey !== undefined) changed",
    killedBy: byEncryptAnswers("another signing key")
  },
  {
    name: "a keyring may answer another suite",
    file: filled,
    find: "if (AlgorithmSuite.resolve(filled.algorithmSuite) !== empty.algorithmSuite) changed",
    replace: "if (!AlgorithmSuite.isAlgorithmSuite(filled.algorithmSuite)) changed",
    killedBy: byEncryptAnswers("another suite")
  },
  {
    name: "a keyring may add pairs to the context",
    file: filled,
    find: "b !== null && EncryptionContext.isEqual(a, b)",
    replace: "b !== null && EncryptionContext.findMismatch(a, b) === undefined",
    killedBy: byEncryptAnswers("a pair more")
  },
  {
    name: "materials have whatever a keyring answers besides",
    file: filled,
    find: "checkEncryptionMaterials({\n    ...empty,",
    replace: "checkEncryptionMaterials({\n    ...filled,",
    killedBy: byEncryptAnswers("other changes are not taken over")
  },
  {
    name: "the unwrapped encrypted data key need not be the message's",
    file: defaultCmm,
    find: "bytes.isBytes(b.ciphertext) &&\n    EncryptedDataKey.equals(a, b))",
    replace: "bytes.isBytes(b.ciphertext) &&\n    bytes.equals(a.ciphertext, b.ciphertext))",
    killedBy: byDecryptAnswers("one with other information")
  },
  {
    name: "a data key of a keyring that forgets it is not zeroed",
    file: contract,
    find: "materials.plaintextDataKey === undefined ? Effect.tap(filled, zeroWithScope) : filled",
    replace: "filled",
    killedBy: byDefaultCmm("zeroes the data keys of a keyring that registers nothing with the scope")
  },
  {
    name: "a keyring decrypts for materials that have a data key",
    file: unwrapFirst,
    find: "  yield* checkLocked(keyring, materials)\n",
    replace: "  if (encryptedDataKeys.length === 0) yield* checkLocked(keyring, materials)\n",
    killedBy: byAesContract("materials that have a data key already fail")
  },
  {
    name: "a multi-keyring decrypts for materials that have a data key",
    file: members,
    find: "  yield* checkLocked(name, materials)\n",
    replace: "  if (encryptedDataKeys.length === 0) yield* checkLocked(name, materials)\n",
    killedBy: byMultiKeyring("MultiKeyring, as every keyring > materials that have a data key already fail")
  },
  {
    name: "the default manager decrypts whatever the policy says",
    file: defaultCmm,
    find: "  CommitmentPolicy.checkDecrypt(request.commitmentPolicy, algorithmSuite)\n",
    replace: "",
    killedBy: byDefaultCmm("decryptMaterials > holds the commitment policy, without asking the keyring")
  },
  {
    name: "the default manager encrypts whatever the policy says",
    file: defaultCmm,
    find: "  CommitmentPolicy.checkEncrypt(commitmentPolicy, algorithmSuite)\n",
    replace: "",
    killedBy: byDefaultCmm("getEncryptionMaterials > refuses what may not be asked, without asking the keyring")
  },
  {
    name: "a caller's context may have keys of the library",
    file: defaultCmm,
    find: "  EncryptionContext.checkUnreserved(context)\n",
    replace: "",
    killedBy: byDefaultCmm("getEncryptionMaterials > refuses what may not be asked, without asking the keyring")
  },
  {
    name: "a caller can supply the public key of a message",
    file: defaultCmm,
    find: "key.startsWith(EncryptionContext.reservedPrefix)",
    replace: "key.startsWith(`${EncryptionContext.publicKeyKey}-`)",
    killedBy: byDefaultCmm("decryptMaterials > takes the library's own pairs from the message alone")
  },
  {
    name: "a pair of the message need not be the expected one",
    file: defaultCmm,
    find: "stored[key] !== expected[key]",
    replace: "stored[key] === expected[`${key}!`]",
    killedBy: byDefaultCmm(
      "decryptMaterials > compares each pair that is in both contexts, and asks no keyring where one differs"
    )
  },
  {
    name: "a message of a suite that does not sign may have a public key",
    file: defaultCmm,
    find: "return publicKey === undefined ? undefined : yield* invalid(",
    replace: "return publicKey !== \"\" ? undefined : yield* invalid(",
    killedBy: byDefaultCmm("decryptMaterials > wants a public key if and only if the suite signs, and a right one")
  },
  {
    name: "members of a multi-keyring share the encrypted data keys",
    file: members,
    find: "const copies = EncryptedDataKey.copyAll(encryptedDataKeys)",
    replace: "const copies = encryptedDataKeys",
    killedBy: byMultiKeyring(
      "MultiKeyring.onDecrypt > every keyring is given the same materials and encrypted data keys, in copies of its own"
    )
  },
  {
    name: "members of a multi-keyring share the materials",
    file: members,
    find: "call(keyring, { ...materials }, copies)",
    replace: "call(keyring, materials, copies)",
    killedBy: byMultiKeyring(
      "MultiKeyring.onDecrypt > every keyring is given the same materials and encrypted data keys, in copies of its own"
    )
  },
  {
    name: "a member of a multi-keyring may hand on another data key",
    file: members,
    find: "filled.plaintextDataKey !== given.plaintextDataKey\n",
    replace: "filled.plaintextDataKey === undefined\n",
    killedBy: byMultiKeyring("MultiKeyring.onEncrypt > a child that hands on another data key is found out")
  },
  {
    name: "a multi-keyring answers the encrypted data key of a member's copy",
    file: members,
    find: "encryptedDataKey === undefined ? result.success : { ...result.success, encryptedDataKey }",
    replace: "encryptedDataKey === undefined ? result.success : { ...result.success }",
    killedBy: byMultiKeyring(
      "MultiKeyring.onDecrypt > any one of the keyrings that wrapped unwraps, each time through another multi-keyring"
    )
  },
  {
    name: "rows are kept without bound",
    file: reports,
    find: "const maxRows = 512",
    replace: "const maxRows = 65_535",
    killedBy: byOthers("cost bounded rows, characters and calls, however many there are")
  },
  {
    name: "rows of attempts are left out where others are many",
    file: reports,
    find: "if (++this.counts[kind] > maxRows) this.omitted++",
    replace: "if (++this.counts[kind] > maxRows || this.rows.length >= maxRows) this.omitted++",
    killedBy: byOthers("keep the rows of attempts, where others are more than fit")
  },
  {
    name: "rows that a keyring has left out are forgotten",
    file: reports,
    find: "this.omitted += omitted",
    replace: "this.omitted = Math.max(this.omitted, omitted)",
    killedBy: byOthers("cost bounded rows, characters and calls, however many there are")
  },
  {
    name: "an unwrapped data key that does not fit is not zeroed at once",
    file: unwrapFirst,
    find: "    DataKey.zero(plaintextDataKey)\n",
    replace: "    DataKey.value(plaintextDataKey)\n",
    killedBy: byAesContract("a data key of another length, or of zeroes, is rejected and zeroed at once")
  },
  {
    name: "rows have the key provider of others as it is",
    file: unwrapFirst,
    find: "keyProviderId: printable(keyProviderId),",
    replace: "keyProviderId: printable(keyProviderId) && keyProviderId,",
    killedBy: byOthers("forge no line of an error, and no row")
  },
  {
    name: "a data key that a keyring made is not zeroed",
    file: wrapping,
    find: "(key) => Effect.sync(() => DataKey.zero(key))",
    replace: "(key) => Effect.sync(() => DataKey.value(key))",
    killedBy: byAesContract(untilScope)
  },
  {
    name: "a keyring drops the encrypted data keys of those before it",
    file: wrapping,
    find: "[...materials.encryptedDataKeys, ...encryptedDataKeys]",
    replace: "[...encryptedDataKeys]",
    killedBy: byAesContract(
      "keeps the data key that materials have, appends to their encrypted data keys, changes nothing else"
    )
  },
  {
    name: "a raw AES keyring does not authenticate the context",
    file: rawAes,
    find: "[{ iv, aad, plaintext, output: ciphertext }]",
    replace: "[{ iv, aad: aad.subarray(0, 0), plaintext, output: ciphertext }]",
    also: {
      find: "    aad,\n    ciphertext: wrapped",
      replace: "    aad: aad.subarray(0, 0),\n    ciphertext: wrapped"
    },
    killedBy: byAesContract("the context is bound to the data key")
  },
  {
    name: "a raw AES keyring wraps with the same IV always",
    file: rawAes,
    find: "const iv = yield* primitives.randomBytes(ivLength)",
    replace: "const iv = (yield* primitives.randomBytes(ivLength)).fill(1)",
    killedBy: byAes("every IV is new")
  },
  {
    name: "the copy of a raw wrapping key is not zeroed",
    file: rawAes,
    find: "Effect.sync(() => DataKey.zero(copy)))",
    replace: "Effect.sync(() => DataKey.value(copy)))",
    killedBy: byAesKey(
      "the caller's key stays as it is; the copy is zero once it is imported; nothing works afterwards"
    )
  },
  {
    name: "a raw wrapping key is the caller's own array",
    file: rawAes,
    find: "const copy = DataKey.copyFrom(given)",
    replace: "const copy = DataKey.make(given)",
    killedBy: byAesKey(
      "the caller's key stays as it is; the copy is zero once it is imported; nothing works afterwards"
    )
  },
  {
    name: "the copy of a raw wrapping key is left where its import throws",
    file: rawAes,
    find: "Effect.ensuring(Effect.suspend(() => primitives.importAesKey(copy)),",
    replace: "Effect.ensuring(primitives.importAesKey(copy),",
    killedBy: byAes("the copy of the key is zeroed, though the import throws where it should fail")
  },
  {
    name: "a raw wrapping key may be all zero",
    file: rawAes,
    find: "if (bytes.isAllZero(given) && given.length > 0) {",
    replace: "if (bytes.isAllZero(given) && given.length > 32) {",
    killedBy: byAes("is not made of a key of zeroes")
  },
  {
    name: "a raw AES keyring takes what begins with its name",
    file: rawAes,
    find: "!bytes.equals(keyProviderInfo.subarray(0, nameLength), keyName)",
    replace: "!bytes.equals(keyProviderInfo.subarray(0, keyName.length), keyName)",
    killedBy: byAes("is not its own: a longer name that begins with this one")
  },
  {
    name: "a raw AES keyring does not look at the length of tags",
    file: rawAes,
    find: "if (differs(0)) return",
    replace: "if (differs(0) && differs(4)) return",
    killedBy: byAes("is not its own: another tag length")
  },
  {
    name: "what an unwrapping left behind that failed is not zeroed at once",
    file: rawAes,
    find: "    DataKey.zero(dataKey)\n    return { failure",
    replace: "    return { failure",
    killedBy: byAesKey("what an unwrapping left behind that failed halfway is zero at once")
  },
  {
    name: "a data key that a raw AES keyring unwrapped is not zeroed",
    file: rawAes,
    find: "yield* DataKey.zeroWithScope(DataKey.make(new Uint8Array(length)))",
    replace: "yield* Effect.succeed(DataKey.make(new Uint8Array(length)))",
    killedBy: byAesContract(untilScope)
  },
  {
    name: "a raw keyring may have a namespace of AWS KMS",
    file: "src/raw/internal/keyOptions.ts",
    find: "keyNamespace.startsWith(\"aws-kms\")",
    replace: "keyNamespace === \"aws-kms\"",
    killedBy: byAes("is not made of a namespace that begins with it")
  },
  {
    name: "a name of a raw AES key leaves no room for what follows it",
    file: "src/raw/internal/keyOptions.ts",
    find: "[\"keyName\", keyName, maxFieldLength - suffixLength]",
    replace: "[\"keyName\", keyName, maxFieldLength - Math.min(suffixLength, 0)]",
    killedBy: byAes("is not made of a long name")
  },
  {
    name: "an error quotes a wrapping key of a wrong length",
    file: "src/raw/WrappingKey.ts",
    find: "got ${key.length}`",
    replace: "got ${String(key)}`",
    killedBy: byRaw("RawAesKeyring", "RawAesKeyring as a layer > ")(
      "a key that is another length fails without being quoted"
    )
  },
  {
    name: "a raw RSA keyring takes what begins with its name",
    file: rawRsa,
    find: "bytes.equals(keyProviderInfo, keyNameBytes)",
    replace: "bytes.equals(keyProviderInfo.subarray(0, keyNameBytes.length), keyNameBytes)",
    killedBy: byRsa("is not its own: a longer name")
  },
  {
    name: "a raw RSA keyring hands out the bytes of its name",
    file: rawRsa,
    find: "keyProviderInfo: new Uint8Array(keyNameBytes)",
    replace: "keyProviderInfo: keyNameBytes",
    killedBy: byRsaContract("what it returned may be changed: the next is its own")
  },
  {
    name: "a data key that a raw RSA keyring unwrapped is not zeroed",
    file: rawRsa,
    find: "(key) => Effect.sync(() => DataKey.zero(key))",
    replace: "(key) => Effect.sync(() => DataKey.value(key))",
    killedBy: byRsaContract(untilScope)
  }
]
