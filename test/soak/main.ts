/**
 * `npm run test:soak`: a million requests for data keys in a simulated day, and as many for branch keys in another. Prints figures
 * and checks, and ends with status 1 where a check does not hold.
 *
 * `npm run test:soak -- --requests 50000 --seed 7` runs another day, and `--sabotage NAME` breaks something, to see that it
 * is found; `--sabotage ?` lists what there is.
 */
import { Effect } from "effect"
import { parseArgs } from "node:util"
import { bytesInUse } from "../support/bytesInUse.ts"
import { branchKeyDay } from "./branchKeys.ts"
import { type Check, hasPassed } from "./checks.ts"
import { type Sabotage, sabotages } from "./sabotage.ts"
import { requestsOfADay, soak } from "./soak.ts"

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: String(requestsOfADay) },
    seed: { type: "string", default: "1" },
    sabotage: { type: "string", multiple: true, default: [] }
  }
})
if (values.sabotage.some((name) => !Object.hasOwn(sabotages, name))) {
  for (const [name, description] of Object.entries(sabotages)) console.log(`${name.padEnd(18)}${description}`)
  process.exit(2)
}

const heap = (): number => {
  const { gc } = globalThis
  if (gc === undefined) throw new Error("run this with --expose-gc")
  return bytesInUse(() => gc())
}

const started = performance.now()
const elapsed = () => `${((performance.now() - started) / 1000).toFixed(0)} s`
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
const number = (value: number) => value.toLocaleString("en")
const list = (counts: Iterable<readonly [string, unknown]>) =>
  [...counts].filter(([, count]) => count !== 0).map(([name, count]) => `${name} ${number(Number(count))}`).join(", ")

const onTenth = (tenth: number, heap: number) =>
  console.log(`  ${tenth}/10 after ${elapsed()}: heap ${mebibytes(heap)}`)

const requests = Number(values.requests)
console.log([`${number(requests)} requests`, `seed ${values.seed}`, ...values.sabotage].join(", "))
const report = await Effect.runPromise(soak({
  requests,
  seed: Number(values.seed),
  heap,
  sabotages: values.sabotage as ReadonlyArray<Sabotage>,
  onTenth
}))

console.log(`\nsimulated time        ${(report.seconds / 3600).toFixed(1)} hours`)
console.log(`operations            ${list(Object.entries(report.outcomes))}`)
console.log(`KMS calls             ${list(Object.entries(report.called))}`)
console.log(`arrays of data keys   ${number(report.arrays)}`)
for (const operation of ["encrypt", "decrypt"] as const) {
  const { evictions, fetches, requests } = report.counts[operation]
  console.log(operation)
  console.log(`  requests            ${number(report.made[operation])}: ${list(Object.entries(requests))}`)
  console.log(`  fetches             ${list(Object.entries(fetches.request))}`)
  console.log(`  refreshes           ${list(Object.entries(fetches.refresh))}`)
  console.log(`  evictions           ${list(Object.entries(evictions))}`)
}

/** Prints checks, and returns them. */
const printChecks = (checks: Readonly<Record<string, Check>>): ReadonlyArray<Check> => {
  console.log("\nchecks")
  const all = Object.values(checks)
  for (const check of all) {
    console.log(`  ${hasPassed(check) ? "passed" : "FAILED"}: ${check.name} (${number(check.looked)} times)`)
    if (check.violations > 0) console.log(`          ${number(check.violations)} times not, first: ${check.first}`)
  }
  return all
}

const ofDataKeys = printChecks(report.checks)

console.log(`\n${number(requests)} requests for branch keys`)
const branchKeys = await Effect.runPromise(branchKeyDay({ requests, seed: Number(values.seed), heap, onTenth }))
console.log(`\nsimulated time        ${(branchKeys.seconds / 3600).toFixed(1)} hours`)
console.log(
  `operations            ${list(Object.entries(branchKeys.outcomes))}, rotations ${number(branchKeys.rotations)}`
)
console.log(`KMS calls             Decrypt ${number(branchKeys.called)}`)
console.log(`requests              ${number(branchKeys.made)}: ${list(Object.entries(branchKeys.metrics.requests))}`)
console.log(`reads                 ${list(Object.entries(branchKeys.metrics.fetches))}`)
console.log(`refreshes             ${list(Object.entries(branchKeys.metrics.refreshes))}`)
console.log(`evictions             ${list(Object.entries(branchKeys.metrics.evictions))}`)
const all = [...ofDataKeys, ...printChecks(branchKeys.checks)]

const failed = all.filter((check) => !hasPassed(check)).length
console.log(`\n${elapsed()}\n${all.length - failed} passed, ${failed} failed, 0 skipped`)
process.exitCode = failed === 0 ? 0 : 1
