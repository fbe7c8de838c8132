/** Defects of the KMS ECDH keyring. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const keyring = "src/kms/KmsEcdhKeyring.ts"
const keyPairs = "src/kms/internal/ecdhKeyPairs.ts"
const by = places.byFolder("kms")
const onP256 = by("KmsEcdhKeyring", "KmsEcdhKeyring on P-256 > ")
const byMake = by("KmsEcdhKeyring", "KmsEcdhKeyring.make > ")
const byGetPublicKey = by("KmsEcdhKeyring.failures", "KmsEcdhKeyring, GetPublicKey > ")
const byDerive = by("KmsEcdhKeyring.failures", "KmsEcdhKeyring, DeriveSharedSecret > ")
const bySecrets = by("KmsEcdhKeyring.failures", "the shared secrets of a KmsEcdhKeyring > ")

const onEncrypt = onP256(
  "#onencrypt: one DeriveSharedSecret of the own key and the recipient's public key, wrapped as specified"
)
const response = (what: string) =>
  byGetPublicKey(`#kmsprivatekeytostaticpublickey: a response with ${what} is not taken`)

export const kmsEcdh: ReadonlyArray<Mutant> = [
  {
    name: "KMS ECDH: discovery derives with the recipient's own public key, as the text says",
    file: keyring,
    find: "(sender) => keyPairs.sharedSecret(setUp, recipient, sender)",
    replace: "() => keyPairs.sharedSecret(setUp, recipient, recipient.publicKey)",
    killedBy: onP256("#ondecrypt: discovery derives with the sender's public key of the message")
  },
  {
    name: "KMS ECDH: writes the key provider id of the raw keyring",
    file: keyring,
    find: "ecdh.providerIds.kms",
    replace: "ecdh.providerIds.raw",
    killedBy: onEncrypt
  },
  {
    name: "KMS ECDH: an alias is taken for a key ARN",
    file: keyPairs,
    find: "if (!KeyArn.isKeyArn(keyId)) {",
    replace: "if (!KeyArn.isKeyArn(keyId) && !keyId.startsWith(\"alias/\")) {",
    killedBy: byMake("is not made of an alias")
  },
  {
    name: "KMS ECDH: a key pair that is given is read from AWS KMS all the same",
    file: keyPairs,
    find: "yield* publicKey === undefined",
    replace: "yield* publicKey !== \"\"",
    killedBy: byMake("#initialization: calls nothing where the own public key is given")
  },
  {
    name: "KMS ECDH: a public key of another key is taken",
    file: keyPairs,
    find: "if (keyId !== keyArn) return",
    replace: "if (keyId === \"\") return",
    killedBy: response("another key")
  },
  {
    name: "KMS ECDH: a key for encryption is taken",
    file: keyPairs,
    find: "if (keyUsage !== \"KEY_AGREEMENT\") return",
    replace: "if (keyUsage === \"SIGN_VERIFY\") return",
    killedBy: response("a key to encrypt with")
  },
  {
    name: "KMS ECDH: the spec of a key is not compared",
    file: keyPairs,
    find: "if (keySpec !== expected) return",
    replace: "if (keySpec === \"\") return",
    killedBy: response("another curve")
  },
  {
    name: "KMS ECDH: a shared secret of another key is taken",
    file: keyPairs,
    find: "      keyId === keyArn\n",
    replace: "      keyId !== \"\"\n",
    killedBy: byDerive("a response with another key is not taken, and its secret is zeroed")
  },
  {
    name: "KMS ECDH: a shared secret is not zeroed",
    file: keyPairs,
    find: "({ sharedSecret }) => sharedSecret\n",
    replace: "() => DataKey.make(new Uint8Array(32))\n",
    killedBy: bySecrets("they and the derived keys are zero once a data key is wrapped, unwrapped, or not")
  },
  {
    name: "KMS ECDH: derives without the grant tokens",
    file: keyPairs,
    find: "kms.deriveSharedSecret({ keyId: keyArn, grantTokens,",
    replace: "kms.deriveSharedSecret({ keyId: keyArn, grantTokens: grantTokens.slice(2),",
    killedBy: onEncrypt
  }
]
