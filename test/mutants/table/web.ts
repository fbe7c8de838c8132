/** Defects of the layer of `Primitives` on WebCrypto. Their tests make the layer themselves, and run under Node. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const aes192 = "src/web/internal/aes192.ts"
const aesGcm = "src/web/internal/aesGcm.ts"
const aesKeys = "src/web/internal/aesKeys.ts"
const ecdsa = "src/web/internal/ecdsa.ts"
const jobs = "src/web/internal/jobs.ts"
const primitives = "src/web/WebPrimitives.ts"
const rawSignature = "src/web/internal/rawSignature.ts"
const rsa = "src/web/internal/rsa.ts"

const by = places.byFolder("web")
const byWeb = by("WebPrimitives")
const byOwn = by("WebPrimitives", "Node's own WebCrypto > ")
const byLeast = by("WebPrimitives", "WebCrypto without AES-192 and compressed points > ")

const nothingExported = byWeb(
  "zeroing, and what can be exported > secret and private keys cannot be exported, and what was decrypted stands in the output alone"
)
const noCopyLeft = byWeb(
  "zeroing, and what can be exported > a copy of secret bytes that WebCrypto is given is zeroed, and the bytes themselves are not"
)
const noAes192Left = byWeb("what WebCrypto lacks > an AES-192 key lies in memory only while a frame is worked on")
const derIsRead =
  "as node:crypto: ECDSA P-256 > DER is read as OpenSSL reads it: every length, and nothing that is malformed"

export const web: ReadonlyArray<Mutant> = [
  {
    name: "negative DER integers accepted",
    file: rawSignature,
    find: " || der[start]! >= 0x80) return undefined",
    replace: ") return undefined",
    killedBy: byOwn(
      "ECDSA P-384 > a zero before a number of a signature is there if and only if the number begins with a set bit"
    )
  },
  {
    name: "a zero before digits that need none is accepted",
    file: rawSignature,
    find: "(++start === end || der[start]! < 0x80)",
    replace: "++start === end",
    killedBy: byOwn(
      "ECDSA P-256 > a zero before a number of a signature is there if and only if the number begins with a set bit"
    )
  },
  {
    name: "bytes behind the integers of a signature are accepted",
    file: rawSignature,
    find: "return end === der.length ? out : undefined",
    replace: "return end <= der.length ? out : undefined",
    killedBy: byOwn(derIsRead)
  },
  {
    name: "the length of a signature's sequence is not looked at",
    file: rawSignature,
    find: " || der[1] !== der.length - 2) return undefined",
    replace: ") return undefined",
    killedBy: byOwn(derIsRead)
  },
  {
    name: "a signature over parts must have the lower s",
    file: "src/web/internal/verifier.ts",
    find: "lowS: false",
    replace: "lowS: true",
    killedBy: byOwn(derIsRead)
  },
  {
    name: "a verification key changes with the header that it was read from",
    file: ecdsa,
    find: "const point = new Uint8Array(publicKey)",
    replace: "const point = publicKey",
    killedBy: byOwn("ECDSA P-256 > a verification key is a copy of its point")
  },
  {
    name: "a signing key can be exported",
    file: ecdsa,
    find: "subtle.generateKey(ecdsa(curve), false,",
    replace: "subtle.generateKey(ecdsa(curve), true,",
    killedBy: nothingExported
  },
  {
    name: "a message in parts is signed with what was left over in memory",
    file: "src/web/internal/Collected.ts",
    find: "[...this.full, this.last.subarray(0, this.end)]",
    replace: "[...this.full, this.last]",
    killedBy: byOwn(
      "ECDSA P-256 > messages in parts are signed and verified as whole ones, whatever becomes of the parts"
    )
  },
  {
    name: "an imported AES key can be exported",
    file: aesKeys,
    find: "\"AES-GCM\", false, usages)).then",
    replace: "\"AES-GCM\", true, usages)).then",
    killedBy: nothingExported
  },
  {
    name: "a derived AES key can be exported",
    file: aesKeys,
    find: "length: 8 * length }, false, usages)",
    replace: "length: 8 * length }, true, usages)",
    killedBy: nothingExported
  },
  {
    name: "WebCrypto makes tags of 96 bits",
    file: aesKeys,
    find: "tagLength: 8 * tagLength",
    replace: "tagLength: 6 * tagLength",
    killedBy: byOwn("AES-GCM > known answer with 256 bits for a message, both ways")
  },
  {
    name: "the copy of an AES-192 key that WebCrypto takes is not zeroed",
    file: aesKeys,
    find: "      copy.fill(0)\n",
    replace: "",
    killedBy: noCopyLeft
  },
  {
    name: "the copy of an AES-192 key that WebCrypto does not take is not zeroed",
    file: aesKeys,
    find: "    .finally(() => key.fill(0))\n",
    replace: "",
    killedBy: noAes192Left
  },
  {
    name: "copies of secret bytes out of shared memory are not zeroed",
    file: "src/web/internal/subtle.ts",
    find: "use(view).finally(() => view.fill(0))",
    replace: "use(view)",
    killedBy: noCopyLeft
  },
  {
    name: "an AES-192 key stays in memory between two frames",
    file: aes192,
    find: "key.fill(0)",
    replace: "void key",
    killedBy: noAes192Left
  },
  {
    name: "whatever the library for AES-192 throws is a wrong tag",
    file: aes192,
    find: "error instanceof Error && error.message === \"aes-gcm: invalid tag\"",
    replace: "error instanceof Error",
    killedBy: byLeast("what is no verdict on a tag is no failed authentication")
  },
  {
    name: "whatever WebCrypto rejects is a wrong tag",
    file: aesGcm,
    find: "aes.isWrongTag(error)",
    replace: "aes.isWrongTag(error) || error instanceof Error",
    killedBy: byOwn("what is no verdict on a tag is no failed authentication")
  },
  {
    name: "the array of a decryption is not zeroed",
    file: aesGcm,
    find: "      plaintext.fill(0)\n",
    replace: "",
    killedBy: nothingExported
  },
  {
    name: "plaintext is written after an interruption",
    file: aesGcm,
    find: "if (!run.interrupted) job.output.set(plaintext)",
    replace: "if (!run.interrupted || plaintext.length > 0) job.output.set(plaintext)",
    killedBy: byOwn("after an interruption no plaintext is written any more")
  },
  {
    name: "tag and ciphertext are taken as one wherever they lie in the same memory",
    file: aesGcm,
    find: "ciphertext.buffer === tag.buffer && ciphertext.byteOffset + ciphertext.length === tag.byteOffset",
    replace: "ciphertext.buffer === tag.buffer",
    killedBy: byOwn("AES-GCM > ciphertext and tag may lie anywhere in the same memory")
  },
  {
    name: "frames are given to WebCrypto without bound",
    file: jobs,
    find: "const maxInFlight = 16",
    replace: "const maxInFlight = 1600",
    killedBy: by("calls", "calls of WebCrypto > ")(
      "of many jobs 16 begin at once, and each of the others when one ends"
    )
  },
  {
    name: "an operation ends while frames are still with WebCrypto",
    file: jobs,
    find: "if (!reading && inFlight === 0) resume",
    replace: "if (!reading && (inFlight === 0 || failed !== undefined)) resume",
    killedBy: byOwn("AES-GCM > an iterable that throws is a defect, once nothing is in flight any more")
  },
  {
    name: "an iterable of frames is left open after a wrong tag",
    file: jobs,
    find: "    iterator.return?.()\n",
    replace: "    void iterator\n",
    killedBy: byOwn(
      "AES-GCM > many jobs from a lazy iterable under a key of 32 bytes: a bounded number in flight, none read after a failure"
    )
  },
  {
    name: "only the first bytes of a long array are random",
    file: primitives,
    find: "out.subarray(offset, offset + maxRandomLength)",
    replace: "out.subarray(0, maxRandomLength)",
    killedBy: byOwn(
      "randomBytes, sha384, timingSafeEqual > random bytes have the length, are plain arrays of their own, and differ"
    )
  },
  {
    name: "a comparison tells the last byte alone",
    file: primitives,
    find: "difference |= a[i]! ^ b[i]!",
    replace: "difference = a[i]! ^ b[i]!",
    killedBy: byOwn(
      "randomBytes, sha384, timingSafeEqual > compares all bytes, and arrays of different lengths are just not equal"
    )
  },
  {
    name: "arrays that go on with zeroes are equal",
    file: primitives,
    find: "      if (a.length !== b.length) return false\n",
    replace: "",
    killedBy: byOwn(
      "randomBytes, sha384, timingSafeEqual > compares all bytes, and arrays of different lengths are just not equal"
    )
  },
  {
    name: "a data key of another length encrypts by itself in WebCrypto",
    file: "src/web/internal/hkdf.ts",
    find: "bytes.checkLength(\"data key\", key, parameters.encryptionKey.length)",
    replace: "bytes.checkLength(\"data key\", key, key.length)",
    killedBy: byOwn("deriveKeys > a data key of the wrong length, that would encrypt itself, is a defect")
  },
  {
    name: "the DER of a private RSA key is not zeroed",
    file: rsa,
    find: ".finally(() => der.fill(0))",
    replace: "",
    killedBy: nothingExported
  },
  {
    name: "a key for one padding decrypts under another",
    file: rsa,
    find: "if (rsa.padding !== padding) return failed(\"rsaDecrypt\")",
    replace: "if (Rsa.oaepHashes[padding] === undefined) return failed(\"rsaDecrypt\")",
    killedBy: byOwn(
      "RSA > OAEP: a changed ciphertext, a wrong length, another padding and another key fail without a detail"
    )
  },
  {
    name: "a key for one padding encrypts under another",
    file: rsa,
    find: "if (rsa.padding !== padding) return failed(\"rsaEncrypt\")",
    replace: "if (Rsa.oaepHashes[padding] === undefined) return failed(\"rsaEncrypt\")",
    killedBy: byWeb("RSA > does not encrypt under another padding than the key's")
  },
  {
    name: "what RSA decrypts after an interruption is not zeroed",
    file: rsa,
    find: "if (aborted) DataKey.zero(taken)",
    replace: "if (aborted) void taken",
    killedBy: byWeb("zeroing, and what can be exported > what rsaDecrypt answers after an interruption is zeroed")
  }
]
