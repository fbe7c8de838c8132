/** The algorithm of a key, read from its DER. Not exported, and loaded with RSA alone. */
import * as Der from "./der.ts"

const identifierTag = 6

const keyTypes: Readonly<Record<string, string>> = {
  "2a864886f70d010101": "rsa",
  "2a864886f70d01010a": "rsa-pss",
  "2a8648ce3d0201": "ec",
  "2b656e": "x25519",
  "2b6570": "ed25519"
}

/**
 * The algorithm that a key names: `SubjectPublicKeyInfo` begins with its algorithm, `PrivateKeyInfo` with a version before
 * that. Undefined if it is no such structure.
 */
export const of = (key: Uint8Array): string | undefined => {
  const structure = Der.read(key, Der.sequenceTag, 0)
  if (structure === undefined || structure.end !== key.length) return undefined
  const version = Der.read(structure.content, Der.integerTag, 0)
  const algorithm = Der.read(structure.content, Der.sequenceTag, version?.end ?? 0)
  const identifier = algorithm && Der.read(algorithm.content, identifierTag, 0)
  if (identifier === undefined) return undefined
  const digits = Array.from(identifier.content, (byte) => byte.toString(16).padStart(2, "0")).join("")
  return keyTypes[digits] ?? "another algorithm"
}
