/** Defects of the operations on many values. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const many = "src/client/many.ts"

const byValues = places.byClient("many", "many values > ")
const byTime = places.byClient("many", "many values at a time > ")

export const manyValues: ReadonlyArray<Mutant> = [
  {
    name: "many: outcomes stand in the order of the groups",
    file: many,
    find: "void (out[index] = result)",
    replace: "void out.push(result)",
    killedBy: byTime("of many contexts fetch one data key for each, from a small cache")
  },
  {
    name: "many: values are not grouped",
    file: many,
    find: "?? \"\" : \"\"",
    replace: "?? \"\" : \"\"\n    groups.set(`${index}`, [index])\n    if (index >= 0) return",
    killedBy: byTime("of many contexts fetch one data key for each, from a small cache")
  },
  {
    name: "many: messages of all data keys are one group",
    file: many,
    find: "  return end === undefined\n",
    replace: "  return end === undefined || end > 0\n",
    killedBy: byTime("of many contexts fetch one data key for each, from a small cache")
  },
  {
    name: "many: the bytes are the caller's",
    file: many,
    find: "return { value: new Uint8Array(view), options",
    replace: "return { value: view, options",
    killedBy: byValues("are taken as they are when the effect starts to run")
  },
  {
    name: "many: the context is the caller's",
    file: many,
    find: "isPlain(context) && !Object.isFrozen(context)",
    replace: "isPlain(context) && Object.isFrozen(context)",
    killedBy: byValues("are taken as they are when the effect starts to run")
  },
  {
    name: "many: the bound is not used",
    file: many,
    find: "{ concurrency, discard: true }",
    replace: "{ concurrency: Math.max(concurrency, 16), discard: true }",
    killedBy: byTime("are as many as the call says")
  },
  {
    name: "many: a getter that throws fails the call",
    file: many,
    find: "return invalid(new InvalidOption({ field: \"item\", description: \"cannot be read\" }))",
    replace: "return reject(new InvalidOption({ field: \"item\", description: \"cannot be read\" }))",
    killedBy: byValues("fail each for itself")
  },
  {
    name: "many: a concurrency of any size is taken",
    file: many,
    find: "concurrency > 1024",
    replace: "concurrency > 2048",
    killedBy: byValues("are rejected as a whole where the call has wrong options")
  },
  {
    name: "many: plaintexts are not zeroed",
    file: many,
    find: "if (bytes.isBytes(value)) value.fill(0)",
    replace: "if (!bytes.isBytes(value)) return",
    killedBy: byValues("leave no copy of a plaintext")
  }
]
