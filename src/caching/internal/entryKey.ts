/**
 * The key under which an entry is stored: the specification's identifier, and what must separate entries besides. Managers
 * of different commitment policies, and requests that require or expect different contexts, share no entry even where the
 * identifier is the same.
 */
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import type { AtOnce } from "../../crypto/atOnce.ts"
import { andThen } from "../../internal/atOnce.ts"
import { BoundedMap } from "../../internal/BoundedMap.ts"
import * as bytes from "../../internal/bytes.ts"
import type {
  DecryptMaterialsRequest,
  EncryptionMaterialsRequest
} from "../../materials/CryptographicMaterialsManager.ts"
import * as ContextEncoder from "../../message/contextEncoder.ts"
import * as EncryptionContextCodec from "../../message/EncryptionContextCodec.ts"
import type { EncryptionContext } from "../../model/EncryptionContext.ts"
import * as CacheEntryIdentifier from "../CacheEntryIdentifier.ts"

/** The part of an encryption request that its entry depends on. */
export type EncryptionKeyRequest = Omit<EncryptionMaterialsRequest, "maxPlaintextLength">

/** The entry keys of one manager. */
export interface EntryKeys {
  /**
   * The key of a request. `isValidated`: the context is the very object that the caller gave, which was validated and frozen
   * before; then the key is remembered.
   */
  readonly encryption: (request: EncryptionKeyRequest, isValidated: boolean) => Effect.Effect<string>
  /** The key of a request. `isStable`: the list of encrypted data keys never changes; then the key is remembered. */
  readonly decryption: (request: DecryptMaterialsRequest, isStable: boolean) => Effect.Effect<string>
  /** The key of an entry for this manager alone, beside the one that managers share. */
  readonly own: (key: string) => string
}

/** The last key of an object, and the rest of the request that it was made of. */
interface Remembered<Request> {
  readonly request: Request
  readonly key: string
}

/** Number of contexts, and of lists, that are remembered: more than a program uses at a time, and little memory. */
const maxRemembered = 256

/**
 * The entry keys of a manager. `managerId` is a random text that no other manager has.
 *
 * Keys are remembered by the identity of an object that never changes, for the last 256 of them: a validated context of
 * encryption requests, the list of encrypted data keys of decryption requests. So a look-up takes the place of a serialisation
 * and a digest, which are half of what a hit costs (`npm run bench -- --only cache`).
 */
export const make = ({ sha384 }: Pick<AtOnce, "sha384">, partitionId: string, managerId: string): EntryKeys => {
  const encode = ContextEncoder.make()
  const byContext = new BoundedMap<EncryptionContext, Remembered<EncryptionKeyRequest>>(maxRemembered)
  const byList = new BoundedMap<DecryptMaterialsRequest["encryptedDataKeys"], Remembered<DecryptMaterialsRequest>>(
    maxRemembered
  )
  return {
    encryption: (request, isValidated) => {
      const { algorithmSuite, commitmentPolicy, encryptionContext, requiredEncryptionContextKeys } = request
      const isRemembered = isValidated && requiredEncryptionContextKeys.length === 0
      const known = isRemembered ? byContext.get(encryptionContext) : undefined
      if (known?.request.algorithmSuite === algorithmSuite && known?.request.commitmentPolicy === commitmentPolicy) {
        return Effect.succeed(known.key)
      }
      const computed = storedKey(
        sha384,
        CacheEntryIdentifier.encryptionPreimage({ partitionId, algorithmSuite, encryptionContext }, encode),
        commitmentPolicy,
        Object.fromEntries(requiredEncryptionContextKeys.map((name) => [name, ""]))
      )
      return isRemembered ? remembering(byContext, encryptionContext, request, computed) : computed
    },
    decryption: (request, isStable) => {
      const known = isStable ? byList.get(request.encryptedDataKeys) : undefined
      if (known !== undefined && isSame(known.request, request)) return Effect.succeed(known.key)
      const computed = storedKey(
        sha384,
        CacheEntryIdentifier.decryptionPreimage({ partitionId, ...request }, encode),
        request.commitmentPolicy,
        request.expectedEncryptionContext
      )
      return isStable ? remembering(byList, request.encryptedDataKeys, request, computed) : computed
    },
    own: (key) => `${key}.${managerId}`
  }
}

/** Whether two requests that have the same encrypted data keys are the same. Equal contexts that are two objects may count as two. */
const isSame = (a: DecryptMaterialsRequest, b: DecryptMaterialsRequest): boolean =>
  a.algorithmSuite === b.algorithmSuite && a.commitmentPolicy === b.commitmentPolicy &&
  a.encryptionContext === b.encryptionContext && a.expectedEncryptionContext === b.expectedEncryptionContext

const remembering = <Identity, Request>(
  memory: BoundedMap<Identity, Remembered<Request>>,
  identity: Identity,
  request: Request,
  computed: Effect.Effect<string>
): Effect.Effect<string> =>
  andThen(computed, (key) => {
    memory.set(identity, { request, key })
    return Effect.succeed(key)
  })

/** `distinction`: pairs that separate entries of the same identifier and policy. */
const storedKey = (
  sha384: AtOnce["sha384"],
  preimage: Uint8Array,
  commitmentPolicy: string,
  distinction: EncryptionContext
): Effect.Effect<string> =>
  andThen(sha384(preimage), (identifier) => {
    const key = textOf(identifier, commitmentPolicy)
    return Object.keys(distinction).length === 0
      ? Effect.succeed(key)
      : andThen(
        sha384(EncryptionContextCodec.encode(distinction)),
        (digest) => Effect.succeed(`${key}.${Hex.encode(digest)}`)
      )
  })

const digits = /*#__PURE__*/ bytes.utf8("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

/**
 * The digest in base64, which is short, and the policy. Concatenated text is kept in its pieces, which would be a third of an
 * entry's memory (`npm run bench -- --only memory`); this is in one piece.
 */
const textOf = (digest: Uint8Array, commitmentPolicy: string): string => {
  const codes = new Uint8Array(digest.length / 3 * 4 + 1 + commitmentPolicy.length)
  let at = 0
  for (let i = 0; i < digest.length; i += 3) {
    const bits = digest[i]! << 16 | digest[i + 1]! << 8 | digest[i + 2]!
    codes[at++] = digits[bits >> 18]!
    codes[at++] = digits[bits >> 12 & 63]!
    codes[at++] = digits[bits >> 6 & 63]!
    codes[at++] = digits[bits & 63]!
  }
  codes[at++] = 0x2e
  for (let i = 0; i < commitmentPolicy.length; i++) codes[at++] = commitmentPolicy.charCodeAt(i)
  return bytes.toLatin1(codes)
}
