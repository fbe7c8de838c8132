import type { Mutant } from "../Mutant.ts"
import { byCachePolicy, byControl, cachePolicy, limits } from "./places.ts"

/** Policies. */
export const decided: ReadonlyArray<Mutant> = [
  {
    name: "a rule that throws admits",
    file: cachePolicy,
    find: "catch {\n      return bypass\n",
    replace: "catch {\n      continue\n",
    killedBy: byControl(
      "rules, over the running manager > a rule that throws means bypass, for encrypt and decrypt, and " +
        "is passed on unchanged"
    )
  },
  {
    name: "a rule's bypass is not obeyed",
    file: cachePolicy,
    find: "if (decoded === undefined) return bypass",
    replace: "if (decoded === undefined) continue",
    killedBy: byControl(
      "rules, over the running manager > a rule by context keeps a tenant out of the cache, and binds " +
        "another more strictly"
    )
  },
  {
    name: "a rule's thresholds are not obeyed",
    file: limits,
    find: "complete(decision.thresholds, own)",
    replace: "complete({ ...decision.thresholds, maxMessagesEncrypted: own.maxMessagesEncrypted }, own)",
    killedBy: byControl(
      "rules, over the running manager > a rule by context keeps a tenant out of the cache, and binds " +
        "another more strictly"
    )
  },
  {
    name: "tightest takes the looser threshold",
    file: cachePolicy,
    find: "order(b, a) ? b : a",
    replace: "order(b, a) ? a : b",
    killedBy: byCachePolicy("rules > can make a policy stricter, but never looser")
  }
]
