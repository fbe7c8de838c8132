/** The sources that mutants change, and the tests that kill them. */
import type { NamedTest } from "../Mutant.ts"

export const cachePolicy = "src/caching/CachePolicy.ts"
export const manager = "src/caching/CachingCmm.ts"
export const localCache = "src/caching/LocalCache.ts"
export const refreshOptions = "src/caching/internal/refreshOptions.ts"
export const admission = "src/caching/internal/admission.ts"
export const background = "src/internal/background.ts"
export const cacheAccess = "src/caching/internal/cacheAccess.ts"
export const cacheable = "src/caching/internal/cacheable.ts"
export const entry = "src/caching/internal/entry.ts"
export const entryKey = "src/caching/internal/entryKey.ts"
export const checkOptions = "src/caching/internal/checkOptions.ts"
export const deadline = "src/internal/deadline.ts"
export const expiries = "src/caching/internal/expiries.ts"
export const fetching = "src/caching/internal/fetching.ts"
export const instant = "src/internal/instant.ts"
export const invalidation = "src/caching/internal/invalidation.ts"
export const invalidations = "src/caching/internal/invalidations.ts"
export const limits = "src/caching/internal/limits.ts"
export const metadata = "src/caching/internal/metadata.ts"
export const operations = "src/caching/internal/operations.ts"
export const record = "src/caching/internal/record.ts"
export const refreshAhead = "src/caching/internal/refreshAhead.ts"
export const revocation = "src/caching/internal/revocation.ts"
export const seeding = "src/caching/internal/seeding.ts"
export const serve = "src/caching/internal/serve.ts"
export const singleFlight = "src/caching/internal/singleFlight.ts"
export const steps = "src/caching/internal/steps.ts"
export const usage = "src/caching/internal/usage.ts"
export const keySections = "src/client/keySections.ts"
export const cryptographicMaterials = "src/model/CryptographicMaterials.ts"
export const dataKey = "src/model/DataKey.ts"
export const encryptedDataKey = "src/model/EncryptedDataKey.ts"

/** A test of a file, by its title behind the titles around it. */
export const test = (file: string, around = "", folder = "caching") => (title: string): NamedTest => ({
  file: `test/${folder}/${file}.test.ts`,
  title: around + title
})

/** The tests of a folder. */
export const byFolder = (folder: string) => (file: string, around?: string) => test(file, around, folder)

export const byClient = (file: string, around?: string) => test(file, around, "client")

export const byThresholds = test("thresholds", "the rules of the thresholds guide > ")
export const byPromises = test("promises")
export const byFlights = test("flights")
export const byZeroing = test("zeroing")
export const byRefresh = test("refresh", "promise 12: refresh ahead > ")
export const byControl = test("control")
export const byOptions = test("options", "options of a caching manager > ")
export const byLocalCache = test("LocalCache")
export const byListeners = test("listeners")
export const byOtherCode = test("otherCode")
export const byCachePolicy = test("CachePolicy")
export const byModel = test("model/found", "found by the model > ")
