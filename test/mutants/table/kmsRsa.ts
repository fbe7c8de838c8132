/** Defects of the KMS RSA keyring. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const file = "src/kms/KmsRsaKeyring.ts"
const by = places.byFolder("kms")
const byMake = by("KmsRsaKeyring", "KmsRsaKeyring.make > ")
const byOnEncrypt = by("KmsRsaKeyring", "KmsRsaKeyring.onEncrypt > ")
const byOnDecrypt = by("KmsRsaKeyring", "KmsRsaKeyring.onDecrypt > ")

export const kmsRsa: ReadonlyArray<Mutant> = [
  {
    name: "KMS RSA: the digest of the encryption context is not compared",
    file,
    find: "primitives.timingSafeEqual(value.slice(0, digestLength), digest)",
    replace: "primitives.timingSafeEqual(digest, digest)",
    killedBy: byOnDecrypt("#encryption-context-digest: a single changed bit of the digest does not pass")
  },
  {
    name: "KMS RSA: only the first half of the digest is compared",
    file,
    find: "primitives.timingSafeEqual(value.slice(0, digestLength), digest)",
    replace: "primitives.timingSafeEqual(value.slice(0, 24), digest.slice(0, 24))",
    killedBy: byOnDecrypt("#encryption-context-digest: a single changed bit of the digest does not pass")
  },
  {
    name: "KMS RSA: wraps the data key before the digest",
    file,
    find: "bytes.concat([digest, DataKey.value(plaintextDataKey)])",
    replace: "bytes.concat([DataKey.value(plaintextDataKey), digest])",
    killedBy: byOnEncrypt(
      "#onencrypt: RSAES_OAEP_SHA_256 of digest and data key, under the configured key ARN, without a call"
    )
  },
  {
    name: "KMS RSA: the copy of a data key that was wrapped is not zeroed",
    file,
    find: "    (plaintext) => Effect.sync(() => DataKey.zero(plaintext))\n",
    replace: "    () => Effect.void\n",
    killedBy: byOnEncrypt("zeroes the copy of the data key that it encrypts")
  },
  {
    name: "KMS RSA: a suite that signs is taken",
    file,
    find: "algorithmSuite.signature === undefined\n",
    replace: "algorithmSuite.signature === undefined || operation === \"onDecrypt\"\n",
    killedBy: byOnDecrypt("#ondecrypt: fails with 0x0578, which signs, before any call")
  },
  {
    name: "KMS RSA: another replica of its key is not its own",
    file,
    find: "selectKey([pair.keyArn], KeyArn.mrkMatchForDecrypt, encryptedDataKey",
    replace: "selectKey([pair.keyArn], (one, other) => one === other, encryptedDataKey",
    killedBy: byOnDecrypt("#ondecrypt: another replica's is decrypted under the configured one")
  },
  {
    name: "KMS RSA: a context is sent",
    file,
    find: "    encryptionContext: {},\n",
    replace: "    encryptionContext: { key: keyArn },\n",
    killedBy: byOnDecrypt(
      "#ondecrypt: sends key, algorithm, ciphertext and grant tokens, and no context: RSAES_OAEP_SHA_1"
    )
  },
  {
    name: "KMS RSA: SHA-1 wraps whatever is configured",
    file,
    find: "RSAES_OAEP_SHA_256: \"OAEP-SHA256\"",
    replace: "RSAES_OAEP_SHA_256: \"OAEP-SHA1\"",
    killedBy: byOnEncrypt(
      "#onencrypt: RSAES_OAEP_SHA_256 of digest and data key, under the configured key ARN, without a call"
    )
  },
  {
    name: "KMS RSA: a key may be named by its id alone",
    file,
    find: "if (!KeyArn.isKeyArn(keyId)) {",
    replace: "if (keyId === \"\" || keyId.includes(\"alias\")) {",
    killedBy: byMake("is not made of a bare key id, whose messages nothing would read")
  }
]
