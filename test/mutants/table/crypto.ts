/** Defects of what the layers of `Primitives` share: lengths, encodings, derivation, paddings. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const aesGcm = "src/crypto/aesGcm.ts"
const decompress = "src/crypto/decompress.ts"
const ecdsa = "src/crypto/Ecdsa.ts"
const keyDerivation = "src/crypto/KeyDerivation.ts"
const pem = "src/internal/pem.ts"

const by = places.byFolder("crypto")
const byP256 = by("Ecdsa", "Ecdsa on P-256 > ")
const byP384 = by("Ecdsa", "Ecdsa on P-384 > ")
const byKeyDerivation = by("KeyDerivation", "KeyDerivation.parameters > ")
const byAesGcm = by("Primitives", "Primitives > AES-GCM > ")
const byRsa = by("Primitives", "Primitives > RSA > ")
const byWeb = places.byFolder("web")("WebPrimitives")

const committing =
  "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY: the salt is the message id, info is suite id and DERIVEKEY; COMMITKEY commits"

export const crypto: ReadonlyArray<Mutant> = [
  {
    name: "an integer of a signature is written without the zero before its set bit",
    file: ecdsa,
    find: "digits[0]! < 0x80 ? [] : [0]",
    replace: "digits.length > 1 ? [] : [0]",
    killedBy: byP256("takes s as it is where that has the length")
  },
  {
    name: "zeroes before an integer of a signature are kept",
    file: ecdsa,
    find: "while (start < magnitude.length - 1 && magnitude[start] === 0) start++",
    replace: "if (magnitude.length === 1 && magnitude[start] === 0) start++",
    killedBy: byP384("writes r of 31 or 47 bytes as that, which leaves no s that has the length")
  },
  {
    name: "the order of P-384 is mistyped",
    file: ecdsa,
    find: "ccc52973\")",
    replace: "ccc52937\")",
    killedBy: byP384("writes a signature that node verifies, of exactly the one length")
  },
  {
    name: "a signature of OpenSSL is taken for one of the suite's length",
    file: ecdsa,
    find: "if (der.length === algorithm.signatureLength) return new Uint8Array(der)",
    replace: "if (der.length <= algorithm.signatureLength) return new Uint8Array(der)",
    killedBy: byP256("makes a signature of any length one of the one length, as from r and s")
  },
  {
    name: "the sign of a compressed point is the other one",
    file: ecdsa,
    find: "=== 0 ? 2 : 3",
    replace: "=== 0 ? 3 : 2",
    killedBy: byP256("compresses points as node does, and wraps them so that node reads the same key")
  },
  {
    name: "anything but an uncompressed point is a compressed one",
    file: ecdsa,
    find: "(point[0] === 2 || point[0] === 3)",
    replace: "point[0] !== 4",
    killedBy: byP384("refuses what has not the form of a point")
  },
  {
    name: "a compressed point may be too long",
    file: ecdsa,
    find: "  point.length === 1 + curves[curve].length &&",
    replace: "  point.length > curves[curve].length &&",
    killedBy: byP256("refuses what has not the form of a point")
  },
  {
    name: "a point is decompressed with either sign",
    file: decompress,
    find: "(root & 1n) === BigInt(point[0]! & 1) ? root : (prime - root) % prime",
    replace: "(root & 1n) === 0n ? root : (prime - root) % prime",
    killedBy: byWeb("ECDSA P-256 > decompress is the other way round of compress, for both signs of y")
  },
  {
    name: "a point that is not on the curve is decompressed",
    file: decompress,
    find: "if ((root * root) % prime !== square) return undefined",
    replace: "if (root === 0n && square !== 0n) return undefined",
    killedBy: byWeb("ECDSA P-384 > decompress returns nothing for what is no point of the curve")
  },
  {
    name: "a coordinate beyond the field is decompressed",
    file: decompress,
    find: "if (x >= prime) return undefined",
    replace: "if (x < 0n) return undefined",
    killedBy: byWeb("ECDSA P-256 > decompress returns nothing for what is no point of the curve")
  },
  {
    name: "the commitment is derived like the encryption key",
    file: keyDerivation,
    find: "{ info: commitKeyLabel, length: commitmentLength }",
    replace: "{ info: committingInfo(id), length: commitmentLength }",
    also: { find: "const commitKeyLabel = /*#__PURE__*/ bytes.utf8(\"COMMITKEY\")\n", replace: "" },
    killedBy: byKeyDerivation(committing)
  },
  {
    name: "keys are derived without the message ID",
    file: keyDerivation,
    find: "salt: commits ? messageId : bytes.empty",
    replace: "salt: commits ? bytes.empty : bytes.empty",
    killedBy: byKeyDerivation(committing)
  },
  {
    name: "keys of a suite without commitment are derived for the suite alone",
    file: keyDerivation,
    find: "bytes.concat([AlgorithmSuite.encodeId(id), messageId])",
    replace: "AlgorithmSuite.encodeId(id)",
    killedBy: byKeyDerivation(
      "ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256: empty salt, info is suite id and message id"
    )
  },
  {
    name: "parameters of key derivation are those of all messages",
    file: keyDerivation,
    find: "commitment: commitment && { ...commitment, info: new Uint8Array(commitment.info) }",
    replace: "commitment",
    killedBy: byKeyDerivation(
      "a plan is not changed by what becomes of the message id, nor by what becomes of another plan"
    )
  },
  {
    name: "a message ID may be too long",
    file: keyDerivation,
    find: "if (messageId.length !== messageIdLength) {",
    replace: "if (messageId.length < messageIdLength) {",
    killedBy: byKeyDerivation("ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY refuses a message id of another length")
  },
  {
    name: "an AES key may have any multiple of its block",
    file: aesGcm,
    find: "length === 16 || length === 24 || length === 32",
    replace: "length % 16 === 0 || length === 24",
    killedBy: byAesGcm("a key is a copy of its bytes, of 16, 24 or 32")
  },
  {
    name: "a tag may be cut short",
    file: aesGcm,
    find: "return tag.length === tagLength && iv.length",
    replace: "return tag.length >= 12 && tag.length <= tagLength && iv.length",
    killedBy: byAesGcm(
      "wrong lengths under a key of 32 bytes: a wrong tag as tag or IV to open, a defect as anything else"
    )
  },
  {
    name: "an IV of any length encrypts",
    file: aesGcm,
    find: "  bytes.checkLength(\"iv\", iv, ivLength)\n",
    replace: "  bytes.checkLength(\"iv\", iv, iv.length)\n",
    killedBy: byAesGcm(
      "wrong lengths under a key of 16 bytes: a wrong tag as tag or IV to open, a defect as anything else"
    )
  },
  {
    name: "a failed check of authenticity says more than that it failed",
    file: "src/crypto/results.ts",
    find: "fail(method, \"Failed\", \"\")",
    replace: "fail(method, \"Failed\", \"the tag is wrong\")",
    killedBy: byAesGcm("another key fails, of the same length or not")
  },
  {
    name: "a wrong tag passes where the layer computes in this thread",
    file: "src/crypto/atOnce.ts",
    find: "isAuthentic ? Effect.void : failed(\"open\")",
    replace: "isAuthentic === undefined ? failed(\"open\") : Effect.void",
    killedBy: places.byClient("atOnce")("an operation at once > remembers nothing of a message that was refused")
  },
  {
    name: "an RSA key of 1024 bits is taken",
    file: "src/crypto/rsa.ts",
    find: "const minimumModulusLength = 2048",
    replace: "const minimumModulusLength = 1024",
    killedBy: byRsa("as a public key, a small modulus is refused")
  },
  {
    name: "a key for another algorithm is taken for one of RSA",
    file: "src/crypto/rsa.ts",
    find: "if (type === \"rsa\") return der",
    replace: "if (type?.startsWith(\"rsa\") === true) return der",
    killedBy: byRsa("as a private key, RSA-PSS is refused")
  },
  {
    name: "a PEM text that is indented is no base64",
    file: pem,
    find: "base64!.replace(/\\s/g, \"\")",
    replace: "base64!.trim()",
    killedBy: byRsa("a PEM text that is indented is read")
  },
  {
    name: "a PEM text with a backslash and an n is any text",
    file: pem,
    find: "-----BEGIN [A-Z0-9 ]+-----\\\\[rn]",
    replace: "-----BEGIN [A-Z0-9 ]+-----[\\r\\n]",
    killedBy: byRsa("as a private key, a text with \\n for line ends is refused")
  },
  {
    name: "the bytes of a PEM text are taken for a text",
    file: pem,
    find: "typeof text !== \"string\"",
    replace: "typeof text === \"number\"",
    killedBy: byRsa("as a private key, a text that is still bytes is refused")
  }
]
