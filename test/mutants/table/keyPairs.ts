/** Defects of the key pairs of the embedded KMS. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const calls = "src/kms/development-only/internal/calls.ts"
const keyPairs = "src/kms/development-only/internal/keyPairs.ts"
const keyStore = "src/kms/development-only/internal/keyStore.ts"

const by = places.byFolder("kms")
const byExports = by("EmbeddedKms.exports", "EmbeddedKms and exported key stores > ")
const byAgreement = by("EmbeddedKms.keyPairs", "EmbeddedKms and keys for key agreement > ")
const byEveryKind = by("EmbeddedKms.keyPairs", "EmbeddedKms and keys of every kind > ")
const byRsa = by("EmbeddedKms.keyPairs", "EmbeddedKms and RSA keys > ")

export const keyPairsOfKms: ReadonlyArray<Mutant> = [
  {
    name: "an RSA key of the embedded KMS takes an encryption context, and binds nothing to it",
    file: calls,
    find: "material._tag === \"Rsa\" && context.length > 0",
    replace: "material._tag === \"Rsa\" && context.length < 0",
    killedBy: byRsa("takes no encryption context: a ValidationException")
  },
  {
    name: "a symmetric key of the embedded KMS encrypts whatever the algorithm is",
    file: calls,
    find: "material._tag === \"Symmetric\" && algorithm === \"SYMMETRIC_DEFAULT\"",
    replace: "material._tag === \"Symmetric\"",
    killedBy: byEveryKind("Encrypt with a symmetric key and an algorithm of RSA is an InvalidKeyUsageException")
  },
  {
    name: "the embedded KMS hands out the public key that it keeps",
    file: calls,
    find: "publicKey: material.publicKey.slice()",
    replace: "publicKey: material.publicKey",
    killedBy: byAgreement("getPublicKey returns spec and usage, and a copy of the key")
  },
  {
    name: "a disabled key pair of the embedded KMS derives secrets",
    file: calls,
    find: "  yield* Effect.fromResult(requireEnabled(key))\n  const sharedSecret",
    replace: "  const sharedSecret",
    killedBy: byEveryKind("a key pair that is disabled, pending deletion or deleted does nothing")
  },
  {
    name: "an RSA key of another length loads under the key spec of an export",
    file: keyPairs,
    find: "if (privateKey.algorithm.modulusLength !== algorithm.modulusLength) return undefined",
    replace: "if (privateKey.algorithm.modulusLength < 2048) return undefined",
    killedBy: byExports("material that is none of its spec is an error of the option")
  },
  {
    name: "a replica of the embedded KMS has the very secret of its primary, and loses it with that",
    file: keyStore,
    find: "secret: DataKey.copy(secret),",
    replace: "secret,",
    killedBy: byExports("secrets of every kind are zeroed with the layer and with their key, each replica's apart")
  },
  {
    name: "an export forgets the date of deletion",
    file: keyStore,
    find: "const date = deletionDate === undefined ? {} : { deletionDate }",
    replace: "const date = deletionDate === undefined ? {} : {}",
    killedBy: byExports("a key is deleted after a waiting time, and can be taken back")
  }
]
