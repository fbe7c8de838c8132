/**
 * A simulated day of traffic on the virtual clock, through a caching manager over a scripted KMS, and what must hold of it.
 *
 * At the level of the materials manager, because all that is looked at happens there: what is handed out, how often, how
 * old, and what is left in memory. The cryptography of a million messages would only take time.
 */
import { Cause, Duration, Effect, Exit, Layer, Metric, Option } from "effect"
import { CryptographicMaterialsManager, DataKey, DefaultCmm } from "effect-encryption-sdk"
import { type CacheEntry, CachePolicy, CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { CachingCounts, ScriptedKms, SeededRandom } from "effect-encryption-sdk/testing"
import { TestClock } from "effect/testing"
import * as checks from "./checks.ts"
import * as dataKeyArrays from "./dataKeyArrays.ts"
import * as ledger from "./ledger.ts"
import * as sabotage from "./sabotage.ts"
import * as traffic from "./traffic.ts"
import { unsigned } from "../support/suites.ts"

const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const commitmentPolicy = "RequireEncryptRequireDecrypt"

/** So many requests are a day. A run of fewer is a shorter day, with as many requests in each second. */
export const requestsOfADay = 1_000_000
const requestsPerSecond = requestsOfADay / 86_400
/** Time moves in such steps, so that entries are asked for in the very moment in which they become too old. */
const tickMillis = 500
const tenantCount = 2000
const capacity = { encrypt: 600, decrypt: 300 } as const
const requestsPerCheckpoint = 1000
const maxHeapGrowth = 5 * 2 ** 20

/** The policy of the manager; what is added to the thresholds is nothing, unless they are broken. */
const policy = ({ bytes, messages, millis }: sabotage.More) =>
  Effect.map(
    CachePolicy.make({
      maxAge: Duration.millis(600_000 + millis),
      maxMessagesEncrypted: 100 + messages,
      maxBytesEncrypted: 40_000 + bytes
    }),
    CachePolicy.tightest(CachePolicy.rule(({ encryptionContext: { purpose } }) => {
      if (purpose === "audit") return "bypass"
      return purpose !== "secrets" ? undefined : {
        maxAge: Duration.millis(60_000 + millis),
        maxMessagesEncrypted: 10 + messages,
        maxBytesEncrypted: 180 + bytes
      }
    }))
  )

/** How the KMS behaves: mostly quick, at times slow, throttled or denying, and rarely it does not answer at all. */
const behaviour = (draw: traffic.Random): ScriptedKms.Behaviour => (real, call) => {
  const kind = draw()
  const latency = [0, 100, 100, 100, 200, 500, 1000, 2000][Math.floor(draw() * 8)]!
  if (kind < 0.001) return Effect.never
  const outcome = kind < 0.008
    ? ScriptedKms.fail("AccessDenied")(real, call)
    : kind < 0.016
    ? ScriptedKms.fail("Throttled")(real, call)
    : real
  return latency === 0 ? outcome : Effect.delay(outcome, latency)
}

export interface SoakOptions {
  readonly requests: number
  readonly seed: number
  /** Bytes in use, after garbage collection. */
  readonly heap: () => number
  /** Called after each tenth of the requests. */
  readonly onTenth?: ((tenth: number, heap: number) => void) | undefined
  /** What is broken on purpose. Default: nothing. */
  readonly sabotages?: ReadonlyArray<sabotage.Sabotage> | undefined
}

/** One run. */
export const soak = (options: SoakOptions) =>
  Effect.gen(function*() {
    const { check, results } = checks.make({
      intact: "no operation's data key was zeroed under it",
      released: "every operation's data key was zeroed when it ended",
      memory: "all data keys but those of entries and running operations were zeroed",
      kmsReleased: "every plaintext of the KMS was zeroed",
      capacity: "no cache held more entries than its capacity",
      requests: "requests in the metrics were those made",
      bypasses: "bypasses in the metrics were those due",
      calls: "fetches and bypasses in the metrics were the calls of the KMS",
      evictions: "evictions in the metrics were those of the caches",
      entries: "entries in the metrics were those in the caches",
      errors: "requests failed by faults of the KMS, and by nothing else",
      ended: "every request ended",
      everything: "the day met every threshold and every way of being served",
      scope: "nothing was left when the scope had closed",
      heap: "heap at no later tenth more than 5 MiB above that after the first or the second"
    })
    const arrays = dataKeyArrays.record()
    yield* Effect.addFinalizer(() => Effect.sync(arrays.stop))
    const clock = yield* TestClock.testClockWith(Effect.succeed)
    const now = () => clock.currentTimeMillisUnsafe()
    const book = ledger.make(now)
    const broken = sabotage.apply(options.sabotages ?? [])

    const evicted = { encrypt: new Map<string, number>(), decrypt: new Map<string, number>() }
    const onEviction = ({ cause, metadata: { operation } }: CacheEntry.EvictionEvent) => {
      evicted[operation].set(cause, (evicted[operation].get(cause) ?? 0) + 1)
    }
    const heaps: Array<number> = []

    const day = Effect.gen(function*() {
      const draw = traffic.random(options.seed)
      const tenants = traffic.tenants(tenantCount)
      const drawTenant = traffic.popularity(tenants, draw)
      const script = yield* ScriptedKms.ScriptedKms
      yield* script.when({}, behaviour(traffic.random(options.seed + 1)))
      const arraysBefore = arrays.alive()

      const defaultCmm = yield* DefaultCmm.make(
        yield* Effect.updateService(KmsKeyring.make({ generatorKeyId: arn }), Kms.Kms, broken.kms)
      )
      const registering = CryptographicMaterialsManager.make({
        getEncryptionMaterials: (request) =>
          Effect.tap(defaultCmm.getEncryptionMaterials(request), ({ materials }) =>
            Effect.sync(() =>
              book.generated(identityOf(materials), request.encryptionContext["tenant"] ?? "")
            )),
        decryptMaterials: (request) =>
          Effect.tap(defaultCmm.decryptMaterials(request), ({ materials }) =>
            Effect.sync(() =>
              book.unwrapped(identityOf(materials))
            ))
      })
      const caches = {
        encrypt: yield* LocalCache.make({ capacity: capacity.encrypt, onEviction }),
        decrypt: yield* LocalCache.make({ capacity: capacity.decrypt + broken.more.entries, onEviction })
      }
      const cmm = broken.manager(
        yield* CachingCmm.make({
          policy: yield* policy(broken.more),
          materialsManager: broken.underlying(registering),
          cache: broken.cache(caches.encrypt),
          decryptCache: caches.decrypt,
          refreshAhead: { gracePeriod: "3 minutes" },
          evictRevoked: true,
          fetchDeadline: "10 seconds"
        })
      )

      const made = { encrypt: 0, decrypt: 0 }
      const due = { encrypt: 0, decrypt: 0 }
      const outcomes = { served: 0, failed: 0, timedOut: 0 }
      const called = { GenerateDataKey: 0, Encrypt: 0, Decrypt: 0 }
      let running = 0
      /** Operations that have a data key. */
      let holding = 0
      let unreleased: ReadonlyArray<ScriptedKms.HandedOut> = []

      /**
       * Runs a request and the operation that it is for: some take longer, some are given up soon. Those that go past the
       * cache are given up at some time, since no deadline of a fetch holds for them.
       */
      const perform = <M extends { readonly plaintextDataKey: DataKey.DataKey }, E, R>(
        request: Effect.Effect<CryptographicMaterialsManager.MaterialsResponse<M>, E, R>,
        isBypassDue: boolean,
        handedOut: (answer: CryptographicMaterialsManager.MaterialsResponse<M>, identity: string) => void
      ) => {
        const holdFor = draw() < 0.02 ? Math.ceil(draw() * 20) * tickMillis : 0
        const patience = draw() < 0.01 ? "700 millis" : isBypassDue ? "30 seconds" : undefined
        let array: Uint8Array | undefined
        const operation = Effect.scoped(Effect.flatMap(request, (answer) => {
          array = DataKey.value(answer.materials.plaintextDataKey)
          holding++
          const identity = ledger.identityOf(array)
          handedOut(answer, identity)
          broken.answered(answer)
          const isIntact = Effect.sync(() =>
            check("intact", ledger.identityOf(array!) === identity, () => `zeroed within ${holdFor} ms`)
          )
          return holdFor === 0 ? Effect.void : Effect.delay(isIntact, holdFor)
        }))
        running++
        return Effect.map(
          Effect.exit(patience === undefined ? Effect.asSome(operation) : Effect.timeoutOption(operation, patience)),
          (exit) => {
            running--
            if (array !== undefined) {
              holding--
              check("released", dataKeyArrays.isZero(array), () => "its bytes are still there")
            }
            if (Exit.isSuccess(exit)) {
              if (Option.isSome(exit.value)) outcomes.served++
              else outcomes.timedOut++
              return
            }
            outcomes.failed++
            const error = Cause.squash(exit.cause)
            const isScripted = error instanceof Error && /AccessDenied|Throttl|no answer within/.test(error.message)
            check("errors", isScripted, () => Cause.pretty(exit.cause))
          }
        )
      }

      /** Half of the callers make a new object for each request. */
      const contextOf = ({ encryptionContext }: traffic.Tenant) =>
        draw() < 0.5 ? encryptionContext : { ...encryptionContext }

      const encrypt = (tenant: traffic.Tenant) => {
        const length = traffic.length(draw, tenant.purpose)
        const bounds = ledger.limits[tenant.purpose]
        const isBypassDue = bounds === undefined || length === undefined || length > bounds.maxBytes
        made.encrypt++
        if (isBypassDue) due.encrypt++
        const request = { tenant, length, place: draw() }
        return perform(
          cmm.getEncryptionMaterials({
            encryptionContext: contextOf(tenant),
            commitmentPolicy,
            algorithmSuite: unsigned,
            requiredEncryptionContextKeys: [],
            maxPlaintextLength: length
          }),
          isBypassDue,
          ({ materials: { encryptedDataKeys, encryptionContext: context }, receipt }, identity) =>
            book.encrypted(identity, request, { encryptedDataKeys, context }, receipt)
        )
      }

      const decrypt = (message: ledger.Message) => {
        const { encryptedDataKeys, tenant } = message
        const isBypassDue = ledger.limits[tenant.purpose] === undefined
        made.decrypt++
        if (isBypassDue) due.decrypt++
        return perform(
          cmm.decryptMaterials({
            algorithmSuite: unsigned,
            commitmentPolicy,
            encryptedDataKeys,
            encryptionContext: contextOf(tenant),
            expectedEncryptionContext: draw() < 0.1 ? tenant.encryptionContext : {}
          }),
          isBypassDue,
          ({ receipt }, identity) => book.decrypted(identity, message, receipt)
        )
      }

      const warm = ({ encryptionContext }: traffic.Tenant) => {
        made.encrypt++
        running++
        return Effect.map(
          Effect.exit(cmm.warm({ encryptionContext, algorithmSuite: unsigned, commitmentPolicy })),
          () => {
            running--
          }
        )
      }

      const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

      const takeCalls = Effect.map(script.takeEnded, ({ calls, handedOut }) => {
        for (const { operation } of calls) called[operation]++
        unreleased = [...unreleased, ...handedOut].filter(({ bytes }) => !dataKeyArrays.isZero(bytes))
      })

      /** What must hold whenever nothing is on its way from one place to another. */
      const checkpoint = Effect.gen(function*() {
        yield* takeCalls
        // What goes past the cache is the operation's own.
        check("kmsReleased", unreleased.length <= holding, () => `${unreleased.length}, and ${holding} are in use`)
        const sizes = [yield* caches.encrypt.size, yield* caches.decrypt.size] as const
        check("capacity", sizes[0] <= capacity.encrypt && sizes[1] <= capacity.decrypt, () => sizes.join(" and "))
        const alive = arrays.alive() - arraysBefore
        check(
          "memory",
          alive === sizes[0] + sizes[1] + holding,
          () => `${alive}, of ${sizes[0] + sizes[1]} entries and ${holding} operations`
        )
        book.forget()
      })

      /** What the metrics say, against what was counted elsewhere. */
      const compareMetrics = Effect.gen(function*() {
        yield* takeCalls
        const inTheAir = yield* script.calls
        const counts = yield* CachingCounts.read
        for (const [operation, call] of [["encrypt", "GenerateDataKey"], ["decrypt", "Decrypt"]] as const) {
          const { bypasses, entries, evictions, fetches, flights, requests } = counts[operation]
          const compare = (id: "requests" | "bypasses" | "calls" | "entries", metrics: number, counted: number) =>
            check(id, metrics === counted, () => `${operation}: ${metrics}, counted ${counted}`)
          compare("requests", sum(requests), made[operation])
          compare("bypasses", sum(bypasses), due[operation])
          compare("bypasses", requests.bypassed, due[operation])
          compare(
            "calls",
            sum(fetches.request) + sum(fetches.refresh) + flights + requests.bypassed,
            called[call] + inTheAir.filter(({ operation }) => operation === call).length
          )
          compare("entries", entries, yield* caches[operation].size)
          const causes = Object.fromEntries(evicted[operation])
          check(
            "evictions",
            sum(evictions) === sum(causes) &&
              Object.entries(evictions).every(([cause, count]) => causes[cause] === count),
            () => `${operation}: ${JSON.stringify(evictions)}, the cache told ${JSON.stringify(causes)}`
          )
        }
        return counts
      })

      const secondsOfDay = options.requests / requestsPerSecond
      const at = (share: number) => Math.floor(options.requests * share)
      let sent = 0
      let arrived = 0
      let checkedAt = 0
      while (sent < options.requests) {
        yield* clock.adjust(tickMillis)
        const seconds = now() / 1000
        arrived += traffic.diurnal(requestsPerSecond, seconds / secondsOfDay) * tickMillis / 1000
        // What rounding leaves over comes at the end of the day.
        const until = seconds >= secondsOfDay ? options.requests : Math.min(options.requests, Math.floor(arrived))
        if (sent - checkedAt >= requestsPerCheckpoint) {
          checkedAt = sent
          yield* checkpoint
        }
        for (; sent < until; sent++) {
          const message = book.message(draw() ** 4)
          yield* fork(message !== undefined && draw() < 0.4 ? decrypt(message) : encrypt(drawTenant()))
          if (sent % 500 === 0) {
            const { tenant = "" } = drawTenant().encryptionContext
            yield* cmm.invalidate({ encryptionContext: { tenant } })
          }
          if (sent % 2000 === 0) yield* Effect.forEach(tenants.slice(0, 10), (tenant) => fork(warm(tenant)))
          if (sent === at(0.25) || sent === at(0.75)) yield* cmm.clear
          if (sent === at(0.5)) yield* cmm.invalidate({ wrappingKey: arn })
          if (heaps.length < 9 && sent === at((heaps.length + 1) / 10)) {
            yield* compareMetrics
            heaps.push(options.heap())
            options.onTenth?.(heaps.length, heaps.at(-1)!)
          }
        }
      }
      yield* clock.adjust("1 minute")
      yield* checkpoint
      const counts = yield* compareMetrics
      heaps.push(options.heap())
      options.onTenth?.(heaps.length, heaps.at(-1)!)
      check("ended", running === 0 && holding === 0, () => `${running} have not, ${holding} hold a data key`)
      check("kmsReleased", unreleased.length === 0, () => `${unreleased.length} at the end`)
      check("errors", outcomes.failed > 0, () => "none failed, though the KMS had faults")
      // The first tenth leaves behind what the compiler has not thrown away yet, which would hide a leak.
      const early = Math.min(heaps[0]!, heaps[1]!)
      for (const later of heaps.slice(2)) {
        check("heap", later - early <= maxHeapGrowth, () => `${((later - early) / 2 ** 20).toFixed(1)} MiB more`)
      }
      for (const [what, count] of Object.entries(mustHaveOccurred(counts))) {
        check("everything", count > 0, () => `no ${what}`)
      }
      return { counts, made, outcomes, called, seconds: now() / 1000 }
    })

    const arraysAtFirst = arrays.alive()
    const figures = yield* Effect.scoped(day).pipe(
      Effect.provide(
        ScriptedKms.layer({ keys: [{ arn }] }).pipe(
          Layer.provideMerge(SeededRandom.layer(`soak ${options.seed}`).pipe(Layer.provide(NodePrimitives.layer)))
        )
      )
    )
    const left = arrays.alive() - arraysAtFirst
    check("scope", left === 0, () => `${left} data keys are not zeroed`)
    return { ...figures, evicted, heaps, arrays: arrays.recorded(), checks: { ...book.results, ...results } }
  }).pipe(
    Effect.scoped,
    Effect.provide(TestClock.layer()),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

export type Report = Effect.Success<ReturnType<typeof soak>>

const identityOf = ({ plaintextDataKey }: { readonly plaintextDataKey: DataKey.DataKey }): string =>
  ledger.identityOf(DataKey.value(plaintextDataKey))

const sum = (counts: object): number => Object.values(counts).reduce<number>((total, count) => total + Number(count), 0)

const mustHaveOccurred = ({ decrypt, encrypt }: CachingCounts.CachingCounts): Readonly<Record<string, number>> => ({
  ...Object.fromEntries(
    (["age", "messages", "bytes", "capacity", "replaced", "invalidated", "revoked", "cleared"] as const).map(
      (cause) => [`eviction of cause ${cause}`, encrypt.evictions[cause] ?? 0]
    )
  ),
  "hit": encrypt.requests.hit,
  "join": encrypt.requests.joined,
  "decrypt hit": decrypt.requests.hit,
  "decrypt join": decrypt.requests.joined,
  "decrypt eviction of cause age": decrypt.evictions.age ?? 0,
  "decrypt eviction of cause capacity": decrypt.evictions.capacity ?? 0,
  "refresh": encrypt.fetches.refresh.landed,
  "failed refresh": encrypt.fetches.refresh.failed,
  "decrypt refresh": decrypt.fetches.refresh.landed,
  "failed fetch": encrypt.fetches.request.failed,
  "fetch that met its deadline": encrypt.fetches.request.deadline,
  "abandoned fetch": encrypt.fetches.request.abandoned
})
