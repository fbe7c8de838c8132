/** Defects of ECDH: key derivation, encodings, and the keyrings that wrap under shared secrets. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const counterModeKdf = "src/crypto/counterModeKdf.ts"
const publicKey = "src/crypto/ecdhPublicKey.ts"
const encoding = "src/materials/ecdhEncoding.ts"
const wrapping = "src/materials/ecdhWrapping.ts"
const keyPairs = "src/raw/internal/ecdhKeyPairs.ts"

const byCrypto = places.byFolder("crypto")
const byRaw = places.byFolder("raw")
const onP256 = byRaw("RawEcdhKeyring", "RawEcdhKeyring on P-256 > ")
const bySecret = byRaw("RawEcdhKeyring.secrets", "the shared secret of a RawEcdhKeyring > ")
const byTwo = byRaw("RawEcdhKeyring.encryptedDataKeys", "#ondecrypt with RawPrivateKeyToStaticPublicKey > ")
const byDiscovery = byRaw("RawEcdhKeyring.encryptedDataKeys", "#ondecrypt with PublicKeyDiscovery > ")
const byAttempts = byRaw(
  "RawEcdhKeyring.encryptedDataKeys",
  "#ondecrypt with PublicKeyDiscovery: attempts that fail > "
)

const byHand = onP256("#key-provider-information, #ciphertext: wraps as the specification says")

export const ecdh: ReadonlyArray<Mutant> = [
  {
    name: "the counter of the key derivation begins at zero",
    file: counterModeKdf,
    find: "round = 1;",
    replace: "round = 0;",
    killedBy: byHand
  },
  {
    name: "the length in the key derivation is in bytes",
    file: counterModeKdf,
    find: "bytes.setUint32(bits, 0, 8 * length)",
    replace: "bytes.setUint32(bits, 0, length)",
    killedBy: byHand
  },
  {
    name: "a public key on another curve is not named as one",
    file: publicKey,
    find: "if (found !== curve) return",
    replace: "if (found === curve && der.length === 0) return",
    killedBy: byCrypto("ecdhPublicKey", "a public key on P-256 > ")("is not read from a key on P-384")
  },
  {
    name: "any first byte is a compressed point's",
    file: publicKey,
    find: "&& (point[0] === 2 || point[0] === 3) ? decode",
    replace: "? decode",
    also: {
      find: "fromBytes(new Uint8Array(encoded))",
      replace: "fromBytes(encoded.with(0, encoded[0]! > 3 ? 2 : encoded[0]!))"
    },
    killedBy: byCrypto("ecdhPublicKey", "a public key on P-256 > ")(
      "is no compressed point: the first byte of an uncompressed one"
    )
  },
  {
    name: "the recipient comes first in the fixed information",
    file: encoding,
    find: "    sender,\n    recipient,\n    separator,",
    replace: "    recipient,\n    sender,\n    separator,",
    killedBy: byHand
  },
  {
    name: "the label of the key derivation is in upper case",
    file: encoding,
    find: "\"ecdh-key-derivation\"",
    replace: "\"ECDH-KEY-DERIVATION\"",
    killedBy: byHand
  },
  {
    name: "any version of key provider information is read",
    file: encoding,
    find: "if (info[0] !== version) return",
    replace: "if (info[0] === 0) return",
    killedBy: byTwo("is not its own: another version")
  },
  {
    name: "the commitment of a wrapped key is not compared",
    file: wrapping,
    find: "if (!primitives.timingSafeEqual(commitment, ciphertext.subarray(saltLength, prefixLength))) {",
    replace: "if (commitment.length === 0) {",
    killedBy: byAttempts(
      "nothing is opened whose commitment is another, and no data key is left of what is not authentic"
    )
  },
  {
    name: "a shared secret of another length is taken",
    file: wrapping,
    find: "if (sharedSecret.length !== PublicKey.coordinateLength(curve)) {",
    replace: "if (sharedSecret.length > PublicKey.coordinateLength(curve)) {",
    killedBy: bySecret("one of another length, or of zeroes, wraps and unwraps nothing, and is zeroed")
  },
  {
    name: "derived keys are not zeroed",
    file: wrapping,
    find: "(derived) => Effect.sync(() => derived.fill(0))",
    replace: "() => Effect.void",
    killedBy: bySecret("between two: it and the derived keys are zero once a data key is wrapped")
  },
  {
    name: "one of two static keys is enough",
    file: wrapping,
    find: "(bytes.equals(sender, own.compressed) && bytes.equals(recipient, peer.compressed)) ||",
    replace: "bytes.equals(recipient, peer.compressed) ||",
    killedBy: byTwo("is not its own: another sender")
  },
  {
    name: "a discovery keyring takes what was wrapped for others",
    file: wrapping,
    find: "  bytes.equals(recipient, own.compressed)\n",
    replace: "  recipient.length === own.compressed.length\n",
    killedBy: byDiscovery("is not its own: another recipient")
  },
  {
    name: "a raw ECDH keyring passes over what the KMS ECDH keyring wrapped",
    file: wrapping,
    find: "keyProviderId !== raw && keyProviderId !== kms",
    replace: "keyProviderId !== raw",
    killedBy: onP256("#ondecrypt: reads what a KMS ECDH keyring has wrapped")
  },
  {
    name: "a data key that is not authentic is left in memory",
    file: wrapping,
    find: "Effect.tapError(Effect.scoped(opened), () => Effect.sync(() => DataKey.zero(dataKey)))",
    replace: "Effect.scoped(opened)",
    killedBy: bySecret("what an unwrapping left behind that failed halfway is zero at once")
  },
  {
    name: "a shared secret is not zeroed",
    file: keyPairs,
    find: "(secret) => Effect.sync(() => bytes.findGone(secret) === undefined && secret.fill(0))",
    replace: "() => Effect.void",
    killedBy: bySecret(
      "between two: it and the derived keys are zero once a data key is unwrapped, and after a failed attempt"
    )
  },
  {
    name: "raw ECDH: a KeyAgreement may return anything as a shared secret",
    file: keyPairs,
    find: "      bytes.isBytes\n",
    replace: "      (secret) => !(secret instanceof Date)\n",
    killedBy: byRaw("RawEcdhKeyring.service", "RawEcdhKeyring over a KeyAgreement that breaks its contract > ")(
      "deriveSharedSecret of onEncrypt is a typed error that names it"
    )
  },
  {
    name: "the private key of a raw ECDH keyring outlives its scope",
    file: keyPairs,
    find: "(key) => Effect.sync(() => Redacted.wipeUnsafe(key))",
    replace: "() => Effect.void",
    killedBy: byRaw("RawEcdhKeyring.secrets", "the private key of a RawEcdhKeyring > ")(
      "after the scope it neither wraps nor unwraps; without a private key it wraps on"
    )
  }
]
