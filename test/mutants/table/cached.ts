import type { Mutant } from "../Mutant.ts"
import {
  byControl,
  byFlights,
  byOptions,
  byPromises,
  byThresholds,
  cacheable,
  cryptographicMaterials,
  encryptedDataKey,
  entryKey,
  fetching,
  manager,
  operations
} from "./places.ts"

/** What may be cached, and for whom: promises 1 to 4. */
export const cached: ReadonlyArray<Mutant> = [
  {
    name: "materials of a suite without key derivation are cached",
    file: fetching,
    find: "if (!AlgorithmSuite.isCacheable(fetched.materials.algorithmSuite)) {",
    replace: "if (!AlgorithmSuite.isCacheable(fetched.materials.algorithmSuite) && flight.trigger === \"refresh\") {",
    killedBy: byPromises(
      "promise 1: only suites with key derivation are cached > materials that may not be cached serve " +
        "the request that fetched them, and every waiter fetches for itself at once"
    )
  },
  {
    name: "a request for a suite without key derivation is not passed on",
    file: cacheable,
    find: "if (algorithmSuite !== undefined && !AlgorithmSuite.isCacheable(algorithmSuite)) {",
    replace: "if (algorithmSuite !== undefined && AlgorithmSuite.isCacheable(algorithmSuite) && (false as boolean)) {",
    killedBy: byThresholds("suites without key derivation are never cached: ALG_AES_256_GCM_IV12_TAG16_NO_KDF")
  },
  {
    name: "a request of unknown length is cached as an empty one",
    file: operations,
    find: "maxPlaintextLength: length } = request",
    replace: "maxPlaintextLength: length = 0 } = request",
    killedBy: byThresholds("a request of unknown plaintext length goes straight through, unchanged")
  },
  {
    name: "a request larger than the limit evicts the entry",
    file: cacheable,
    find: "  if (read.charge.bytes > limits.maxBytesEncrypted) return " +
      "Effect.succeed(\"LargerThanMaxBytesEncrypted\")\n",
    replace: "",
    killedBy: byThresholds("a request larger than the byte limit by itself goes straight through and evicts nothing")
  },
  {
    name: "a request as large as the limit goes straight through",
    file: cacheable,
    find: "if (read.charge.bytes > limits.maxBytesEncrypted)",
    replace: "if (read.charge.bytes >= limits.maxBytesEncrypted)",
    killedBy: byThresholds("the first use of a data key is exempt from the thresholds but counted")
  },
  {
    name: "a partition is no part of the key",
    file: entryKey,
    find: "encryptionPreimage({ partitionId, algorithmSuite,",
    replace: "encryptionPreimage({ partitionId: \"\", algorithmSuite,",
    killedBy: byThresholds(
      "a context object that is used again and again is served by what separates its entries, each time"
    )
  },
  {
    name: "managers without a partition ID share one",
    file: manager,
    find: "options.partitionId ?? Hex.encode(yield* primitives.randomBytes(16))",
    replace: "options.partitionId ?? \"default\"",
    killedBy: byThresholds("managers share entries if and only if they share a cache and an equal partition ID")
  },
  {
    name: "joining across contexts, encrypt",
    file: entryKey,
    find: "encryptionPreimage({ partitionId, algorithmSuite, encryptionContext }, encode)",
    replace: "encryptionPreimage({ partitionId, algorithmSuite, encryptionContext: {} }, encode)",
    killedBy: byFlights("promise 8: single flight with reservations > encrypts of another context do not join")
  },
  {
    name: "joining across contexts, decrypt",
    file: entryKey,
    find: "decryptionPreimage({ partitionId, ...request }, encode)",
    replace: "decryptionPreimage({ partitionId, ...request, encryptionContext: {} }, encode)",
    killedBy: byFlights("promise 8: single flight with reservations > decrypts of another context do not join")
  },
  {
    name: "joining across encrypted data keys",
    file: entryKey,
    find: "decryptionPreimage({ partitionId, ...request }, encode)",
    replace: "decryptionPreimage({ partitionId, ...request, encryptedDataKeys: [] }, encode)",
    killedBy: byFlights(
      "promise 8: single flight with reservations > decrypts of another encrypted data key do not join"
    )
  },
  {
    name: "joining across commitment policies, encrypt",
    file: entryKey,
    find: "commitmentPolicy,\n        Object.fromEntries",
    replace: "\"\",\n        Object.fromEntries",
    killedBy: byFlights(
      "promise 8: single flight with reservations > encrypts of another commitment policy do not join"
    )
  },
  {
    name: "the key that a context was given is taken for another commitment policy",
    file: entryKey,
    find: "known?.request.commitmentPolicy === commitmentPolicy",
    replace: "known !== undefined",
    killedBy: byThresholds(
      "a context object that is used again and again is served by what separates its entries, each time"
    )
  },
  {
    name: "the key that a context was given is taken for another partition",
    file: entryKey,
    find: "const byContext = new BoundedMap<EncryptionContext, Remembered<EncryptionKeyRequest>>(maxRemembered)",
    replace: "const byContext = everywhere",
    also: {
      find: "const maxRemembered = 256\n",
      replace: "const maxRemembered = 256\n" +
        "const everywhere = new BoundedMap<EncryptionContext, Remembered<EncryptionKeyRequest>>(maxRemembered)\n"
    },
    killedBy: byThresholds(
      "a context object that is used again and again is served by what separates its entries, each time"
    )
  },
  {
    name: "joining across commitment policies, decrypt",
    file: entryKey,
    find: "request.commitmentPolicy,\n        request.expected",
    replace: "\"\",\n        request.expected",
    killedBy: byFlights(
      "promise 8: single flight with reservations > decrypts of another commitment policy do not join"
    )
  },
  {
    name: "joining across required context keys",
    file: entryKey,
    find: "requiredEncryptionContextKeys.map((name)",
    replace: "requiredEncryptionContextKeys.slice(1).map((name)",
    killedBy: byFlights(
      "promise 8: single flight with reservations > encrypts of other required context keys do not join"
    )
  },
  {
    name: "joining across expected contexts",
    file: entryKey,
    find: "request.commitmentPolicy,\n        request.expectedEncryptionContext",
    replace: "request.commitmentPolicy,\n        {}",
    killedBy: byFlights("promise 8: single flight with reservations > decrypts of another expected context do not join")
  },
  {
    name: "the underlying manager is not told the expected context",
    file: operations,
    find: "encryptionContext,\n      expectedEncryptionContext\n    }",
    replace: "encryptionContext,\n      expectedEncryptionContext: {}\n    }",
    killedBy: byPromises(
      "promise 4: the underlying manager learns nothing of the plaintext > a cacheable decrypt asks for " +
        "all that the request asked for"
    )
  },
  {
    name: "the underlying manager is told the length",
    file: operations,
    find: "maxPlaintextLength: undefined\n",
    replace: "maxPlaintextLength: request.maxPlaintextLength\n",
    killedBy: byPromises(
      "promise 4: the underlying manager learns nothing of the plaintext > a cacheable request has no " +
        "length"
    )
  },
  {
    name: "an all-zero key is accepted",
    file: cryptographicMaterials,
    find: "if (bytes.isAllZero(value)) invalid(\"plaintextDataKey\", \"is all zero\")",
    replace: "",
    killedBy: byPromises(
      "promise 14: keys in memory > an all-zero key that the underlying manager answers is refused, and " +
        "not cached"
    )
  },
  {
    name: "the encrypted data keys of an entry can be changed",
    file: encryptedDataKey,
    find: "return Object.freeze({",
    replace: "return ({",
    killedBy: byControl(
      "what is handed out of an entry > encrypted data keys, which all copies share, cannot be changed"
    )
  },
  {
    name: "an option is read again after its check",
    file: manager,
    find: "options.partitionId ?? ",
    replace: "given.partitionId ?? ",
    killedBy: byOptions("an option is read once: what was checked is what is used")
  }
]
