/** Defects of the resilient multi-keyring, and of what caching makes of materials that lack a wrapping. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const file = "src/materials/ResilientMultiKeyring.ts"
const by = places.byFolder("materials")
const byOnEncrypt = by("ResilientMultiKeyring", "ResilientMultiKeyring.onEncrypt > ")
const byMembers = by("multiKeyringMembers", "a member of a ResilientMultiKeyring > ")
const byStack = places.byFolder("caching")("incomplete", "materials that lack a wrapping > ")

export const resilient: ReadonlyArray<Mutant> = [
  {
    name: "resilient: one child fewer is enough",
    file,
    find: "if (count < minimumChildren) {",
    replace: "if (count < minimumChildren - 1) {",
    killedBy: byOnEncrypt("all children must wrap, unless fewer are enough")
  },
  {
    name: "resilient: a generator does not count as the child that it is too",
    file,
    find: "(children.some(({ keyring }) => keyring === generated.keyring) ? 1 : 0)",
    replace: "(children.length === 0 ? 1 : 0)",
    killedBy: byOnEncrypt("a child that made the data key has wrapped it, and one that failed to is not asked again")
  },
  {
    name: "resilient: a keyring that failed to make a data key is asked to wrap it",
    file,
    find: "const done = [generated.keyring, ...failed.keys()]",
    replace: "const done = [generated.keyring]",
    killedBy: byOnEncrypt("a child that made the data key has wrapped it, and one that failed to is not asked again")
  },
  {
    name: "resilient: generators that failed are not missing",
    file,
    find: "const lacking = [...failed.values(), ...results",
    replace: "const lacking = [...results",
    killedBy: byOnEncrypt("the first generator that responds makes the data key, and those before it are missing")
  },
  {
    name: "resilient: a misconfigured keyring is an outage",
    file,
    find: "    default:\n      return undefined\n",
    replace: "    default:\n      return { failure: \"Rejected\", code: reason._tag, isRetryable: false }\n",
    killedBy: byOnEncrypt("neither is one that is misconfigured, or breaks its contract")
  },
  {
    name: "resilient: children wrap one after the other",
    file,
    find: "concurrency: \"unbounded\"",
    replace: "concurrency: 1",
    killedBy: byOnEncrypt("a generator that never responds has its deadline, and so has each child, all at once")
  },
  {
    name: "resilient: encrypted data keys of the generator are repeated",
    file,
    find: "materials.encryptedDataKeys.slice(start)",
    replace: "materials.encryptedDataKeys.slice(start - 1)",
    killedBy: byOnEncrypt("children wrap at the same time, and keep their order")
  },
  {
    name: "resilient: what the generator of another lacks is lost",
    file,
    find: "...[generated, ...wrapped].flatMap(({ missing }) => missing)",
    replace: "...wrapped.flatMap(({ missing }) => missing)",
    killedBy: byOnEncrypt("within another, what is missing is named by its way there, and once")
  },
  {
    name: "resilient: a member that changes the others' encrypted data keys is trusted",
    file,
    find: "encryptedDataKeys[index] !== encryptedDataKey)",
    replace: "encryptedDataKeys[index] === undefined && encryptedDataKey !== undefined)",
    killedBy: byOnEncrypt("a member that changes the others' encrypted data keys is no outage: it fails the operation")
  },
  {
    name: "resilient: a member's list of encrypted data keys is not copied",
    file,
    find: "encryptedDataKeys: listOf(encryptedDataKeys, (encryptedDataKey) => encryptedDataKey),",
    replace: "encryptedDataKeys,",
    killedBy: byMembers("that goes on to change its list of encrypted data keys takes away no other's")
  },
  {
    name: "resilient: missing wrappings of a member may be anything",
    file,
    find: ": missingWrappings.includes(undefined)",
    replace: ": missingWrappings.includes(null as never)",
    killedBy: byMembers("that returns missing wrappings which are no rows fails the operation")
  },
  {
    name: "materials that lack a wrapping are cached as long as others",
    file: "src/caching/internal/fetching.ts",
    find: "materials.missingWrappings !== undefined ? incompleteOwner : whole",
    replace: "materials.missingWrappings === undefined ? incompleteOwner : whole",
    killedBy: byStack("a data key that lacks a wrapping lives for undefined of ten minutes: 60 seconds")
  },
  {
    name: "materials that lack a wrapping outlive the policy",
    file: "src/caching/internal/limits.ts",
    find: "    : Math.min(own.maxAgeMillis, Duration.toMillis(Duration.fromInputUnsafe(maxAge)))",
    replace: "    : Duration.toMillis(Duration.fromInputUnsafe(maxAge))",
    killedBy: byStack("a data key that lacks a wrapping lives for 1 hour of ten minutes: 600 seconds")
  },
  {
    name: "materials that lack a wrapping are refreshed ahead as if they lived as long as others",
    file: "src/caching/internal/fetching.ts",
    find: "point.ageMillis * (maxAgeMillis / whole.limits.maxAgeMillis)",
    replace: "Math.max(point.ageMillis, maxAgeMillis * 0 + whole.limits.maxAgeMillis * 0)",
    killedBy: byStack("it is refreshed ahead within its own age")
  },
  {
    name: "the receipt of a hit does not say who did not wrap",
    file: "src/client/materials.ts",
    find: "      ...missingWrappings && { missingWrappings },\n",
    replace: "      ...!acquired.isShared && missingWrappings && { missingWrappings },\n",
    killedBy: byStack("the receipt says who was missing, of a miss and of each hit")
  }
]
