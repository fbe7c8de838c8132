/** Defects of the layer of `Primitives` on node:crypto. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const aesGcm = "src/node/internal/aesGcm.ts"
const hkdf = "src/node/internal/hkdf.ts"
const hmac = "src/node/internal/hmac.ts"
const rsa = "src/node/internal/rsa.ts"
const signatures = "src/node/internal/signatures.ts"

const by = places.byFolder("node")
const byZeroing = by("NodePrimitives.zeroing", "zeroing inside the primitives > ")
const byNode = by("NodePrimitives", "NodePrimitives.layer > as node:crypto: ")
const byContract = places.byFolder("crypto")("Primitives", "Primitives > ")

const noKeyLeft = byZeroing("deriveKeys leaves neither pseudo-random key nor derived key behind")
const noPlaintextLeft = byZeroing(
  "open leaves no plaintext behind but in its output, and none at all where the tag is wrong"
)
const noScalarLeft = byZeroing(
  "a signer of P-384 leaves neither the number of its key behind nor what that was read from"
)

export const node: ReadonlyArray<Mutant> = [
  {
    name: "a scalar of a signature is not zeroed",
    file: "src/node/internal/signDigest.ts",
    find: "    secret.fill(0)\n",
    replace: "    void secret\n",
    killedBy: noScalarLeft
  },
  {
    name: "what a scalar was read from is not zeroed",
    file: "src/node/internal/ecKey.ts",
    find: "  der.fill(0)\n",
    replace: "",
    killedBy: noScalarLeft
  },
  {
    name: "a signature over parts is left as long as it is",
    file: "src/node/internal/signDigest.ts",
    find: "const der = Ecdsa.derFromRaw(curve, raw)",
    replace: "const der = Ecdsa.derFromRaw(curve, raw) && raw",
    killedBy: byNode(
      "ECDSA P-384 > 150 signatures over parts all have one length, and node verifies them over the whole"
    )
  },
  {
    name: "a signature is left as long as OpenSSL makes it",
    file: signatures,
    find: ": Effect.succeed(der)",
    replace: ": Effect.succeed(signature as never)",
    killedBy: byNode("ECDSA P-256 > 1500 signatures all have one length, and node verifies them")
  },
  {
    name: "a signature is read once it is its turn",
    file: signatures,
    find: "const given = new Uint8Array(signature)",
    replace: "const given = signature",
    killedBy: byContract("ECDSA P-256 > takes message and signature as they are when it is called, and changes neither")
  },
  {
    name: "a message is read once it is its turn",
    file: "src/node/internal/threadPool.ts",
    find: "operation(new Uint8Array(message))",
    replace: "operation(message)",
    killedBy: byContract("ECDSA P-384 > takes message and signature as they are when it is called, and changes neither")
  },
  {
    name: "a pseudo-random key is not zeroed",
    file: hkdf,
    find: "  zero(pseudoRandomKey)\n",
    replace: "",
    killedBy: noKeyLeft
  },
  {
    name: "the bytes of a derived key are not zeroed",
    file: hkdf,
    find: "  zero(derived)\n",
    replace: "",
    killedBy: noKeyLeft
  },
  {
    name: "the last block of an output is not zeroed",
    file: hkdf,
    find: "      zero(block)\n      return out\n",
    replace: "      return out\n",
    killedBy: noKeyLeft
  },
  {
    name: "every block of an output has the same number",
    file: hkdf,
    find: "++counter)",
    replace: "counter)",
    also: { find: "for (let offset = 0, counter = 1;;)", replace: "const counter = 1\n  for (let offset = 0;;)" },
    killedBy: byContract("deriveKeys > HKDF-SHA256 is that of RFC 5869, A.2")
  },
  {
    name: "a data key of another length encrypts by itself",
    file: hkdf,
    find: "bytes.checkLength(\"data key\", dataKey, encryptionKey.length)",
    replace: "bytes.checkLength(\"data key\", dataKey, dataKey.length)",
    killedBy: byContract("deriveKeys > a data key of the wrong length, that would encrypt itself, is a defect")
  },
  {
    name: "the inner key of an HMAC is not zeroed",
    file: hmac,
    find: "  input.fill(0)\n",
    replace: "",
    killedBy: noKeyLeft
  },
  {
    name: "the outer key of an HMAC is not zeroed",
    file: hmac,
    find: "  outerInput.fill(0)\n",
    replace: "",
    killedBy: noKeyLeft
  },
  {
    name: "the inner digest of an HMAC is not zeroed",
    file: hmac,
    find: "  zero(inner)\n",
    replace: "",
    killedBy: noKeyLeft
  },
  {
    name: "a salt of more than a block is cut",
    file: hmac,
    find: "hmac(hash, crypto.hash(hash, key, \"buffer\"), message, lastByte)",
    replace: "hmac(hash, key.subarray(0, block), message, lastByte)",
    killedBy: byNode("deriveKeys > SHA-256, a salt of 65 bytes and an info of 100")
  },
  {
    name: "plaintext is written before its tag was verified",
    file: aesGcm,
    find: "if (verified) output.set(piece, offset)",
    replace: "output.set(piece, offset)",
    killedBy: byContract("AES-GCM > another key fails, of the same length or not")
  },
  {
    name: "a decrypted piece is not zeroed",
    file: aesGcm,
    find: "    zero(piece)\n",
    replace: "",
    also: { find: "import { zero } from \"./hmac.ts\"\n", replace: "" },
    killedBy: noPlaintextLeft
  },
  {
    name: "only the tag of the last frame counts",
    file: aesGcm,
    find: "    if (!openOne(imported, job)) return false\n  }\n  return true\n",
    replace: "    verified = openOne(imported, job)\n  }\n  return verified\n",
    also: {
      find: "const open: Synchronous[\"open\"] = (key, jobs) => {\n",
      replace: "const open: Synchronous[\"open\"] = (key, jobs) => {\n  let verified = true\n"
    },
    killedBy: byContract(
      "AES-GCM > many jobs from a lazy iterable under a key of 32 bytes: a bounded number in flight, none read after a failure"
    )
  },
  {
    name: "a long frame is encrypted as its first piece over and over",
    file: aesGcm,
    find: "plaintext.subarray(offset, offset + pieceLength)",
    replace: "plaintext.subarray(0, Math.min(length - offset, pieceLength))",
    killedBy: byNode("AES-GCM > 1048577 bytes are one job, as node seals them in one step")
  },
  {
    name: "additional data is not authenticated",
    file: aesGcm,
    find: "  cipher.setAAD(aad)\n",
    replace: "  cipher.setAAD(aad.subarray(0, 0))\n",
    also: { find: "  decipher.setAAD(aad)\n", replace: "  decipher.setAAD(aad.subarray(0, 0))\n" },
    killedBy: byContract("AES-GCM > known answer with 256 bits for a message, both ways")
  },
  {
    name: "an array that goes on is equal to its start",
    file: "src/node/NodePrimitives.ts",
    find: "a.length === b.length && crypto.timingSafeEqual(a, b)",
    replace: "a.length >= b.length && crypto.timingSafeEqual(a.subarray(0, b.length), b)",
    killedBy: byContract(
      "randomBytes, sha384, timingSafeEqual > compares all bytes, and arrays of different lengths are just not equal"
    )
  },
  {
    name: "what RSA decrypted is not zeroed",
    file: rsa,
    find: "  secret.fill(0)\n",
    replace: "",
    killedBy: byZeroing("rsaDecrypt answers a copy and zeroes what it was copied from")
  },
  {
    name: "OAEP takes SHA-1, whatever the padding says",
    file: rsa,
    find: "oaepHash: hashNames[hash]",
    replace: "oaepHash: hashNames[\"SHA-1\"]",
    killedBy: byContract(
      "RSA > OAEP: a changed ciphertext, a wrong length, another padding and another key fail without a detail"
    )
  },
  {
    name: "the public half of a private key is taken for a public key",
    file: rsa,
    find: "if (typeof der === \"string\") return der\n",
    replace: "if (typeof der === \"string\") return pem.includes(\"PRIVATE\") ? crypto.createPublicKey(pem) : der\n",
    killedBy: byContract("RSA > as a public key, the other half of a pair is refused")
  },
  {
    name: "the DER of a private RSA key is not zeroed in Node",
    file: rsa,
    find: "  der.fill(0)\n",
    replace: "",
    killedBy: byZeroing("importRsaPrivateKey leaves no bytes of a key behind, whether it takes it or not")
  }
]
