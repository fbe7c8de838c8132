/**
 * A simulated day of requests for branch keys, on the virtual clock, with a rotation every few seconds, and what must hold of it.
 *
 * At the level of the cache, because all that is looked at happens there; one request in some hundred goes through the keyring, and
 * decrypts what was wrapped under a version before.
 */
import { Cause, Effect, Exit, Layer, Metric, Scope } from "effect"
import { BranchKeyMetrics } from "effect-encryption-sdk/hierarchical"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { ScriptedKms, SeededRandom } from "effect-encryption-sdk/testing"
import { TestClock } from "effect/testing"
import { isZero, toHex } from "../support/bytes.ts"
import { decryptionMaterials, encryptionMaterials } from "../support/materials.ts"
import * as run from "./branchKeyRun.ts"
import { type HeapOptions, makeHeaps } from "./heaps.ts"
import { arn } from "./setting.ts"
import { requestsPerSecond } from "./soak.ts"
import * as traffic from "./traffic.ts"

export type { Sabotage } from "./branchKeyRun.ts"

export interface Options extends HeapOptions {
  readonly requests: number
  readonly seed: number
  /** What is broken on purpose. Default: nothing. */
  readonly sabotages?: ReadonlyArray<run.Sabotage> | undefined
}

const tickMillis = 500
/** Rotations in a day of any length. The storage keeps each version, so that its memory grows with them. */
const rotationsOfADay = 1000
const leastRequestsPerRotation = 100
const requestsPerMessage = 200
const requestsPerCheckpoint = 1000

const isScripted = (error: unknown) =>
  error instanceof Error && /AccessDenied|Throttl|no answer within/.test(error.message)

/** Runs a request, holds what it has as long as `holdFor` milliseconds, and looks at its end. */
const settle = <A, E>(counts: run.Run, effect: Effect.Effect<A, E>) => {
  counts.running++
  counts.begun++
  if (!counts.broken.has("uncountedRequest") || counts.begun % 50 > 0) counts.made++
  return Effect.map(Effect.exit(effect), (exit) => {
    counts.running--
    if (Exit.isSuccess(exit)) counts.outcomes.served++
    else {
      counts.outcomes.failed++
      counts.check("errors", isScripted(Cause.squash(exit.cause)), () => Cause.pretty(exit.cause))
    }
  })
}

/** A request for the active version, or for one that is named. */
const request = (counts: run.Run, parts: run.Parts, known: run.Known, place: number | undefined, holdFor: number) => {
  const { broken, cache, now, source } = parts
  const { check } = counts
  const { valid, versions } = known
  let array: Uint8Array | undefined
  const body = Effect.flatMap(cache.get(source, known.id, versions[place ?? -1]?.version), (branchKey) => {
    array = run.arrayOf(branchKey)
    counts.holding++
    const bytes = toHex(array)
    const served = versions.findIndex(({ version }) => version === branchKey.version)
    const { replacedAt } = versions[served]!
    if (place === undefined) {
      check("age", now() - replacedAt < run.maxAgeMillis, () => `replaced ${now() - replacedAt} ms ago`)
      check("invalidated", served >= valid, () => `version ${served} of ${known.id}, ${valid} is valid`)
    }
    const first = counts.bytes.get(branchKey.version) ?? bytes
    counts.bytes.set(branchKey.version, first)
    check("bytes", first === bytes && served >= 0, () => `of ${known.id}`)
    if (broken.has("zeroedEarly")) array.fill(0)
    const isIntact = Effect.sync(() => check("intact", toHex(array!) === bytes, () => `within ${holdFor} ms`))
    return holdFor === 0 ? isIntact : Effect.delay(isIntact, holdFor)
  })
  const scoped = broken.has("neverZeroed") ? Scope.provide(body, Scope.makeUnsafe()) : Effect.scoped(body)
  return Effect.map(settle(counts, scoped), () => {
    if (array === undefined) return
    counts.holding--
    check("released", isZero(array), () => "its bytes are still there")
  })
}

/** A data key that is wrapped, and one that was wrapped before, which is unwrapped. */
const message = (counts: run.Run, { broken, keyring }: run.Parts, known: run.Known) => {
  const encryptionContext = { tenant: known.id }
  const { message: before } = known
  counts.holding++
  const wrap = Effect.map(
    Effect.scoped(keyring.onEncrypt(encryptionMaterials({ encryptionContext }))),
    ({ branchKeys, encryptedDataKeys: [edk] }) => {
      known.message = { edk: edk!, version: branchKeys![0]!.version }
    }
  )
  const wrapped = Effect.map(settle(counts, wrap), () => void counts.holding--)
  if (before === undefined) return wrapped
  const { ciphertext, ...rest } = before.edk
  const changed = broken.has("spoiltMessage") ? ciphertext.map((byte, at) => at < 90 ? byte : byte ^ 1) : ciphertext
  const unwrap = Effect.scoped(
    keyring.onDecrypt(decryptionMaterials({ encryptionContext }), [{ ...rest, ciphertext: changed }])
  ).pipe(
    Effect.tap(({ _tag }) => Effect.sync(() => counts.check("old", _tag === "Unwrapped", () => _tag))),
    Effect.tapError((error) => Effect.sync(() => counts.check("old", isScripted(error), () => error.message)))
  )
  return Effect.andThen(wrapped, Effect.suspend(() => settle(counts, unwrap)))
}

/** A new version, which every other time the process is notified of. */
const rotate = Effect.fnUntraced(
  function*(counts: run.Run, { admin, broken, cache, now }: run.Parts, known: run.Known) {
    const { version } = yield* admin.versionKey(known.id)
    known.versions.at(-1)!.replacedAt = now()
    known.versions.push({ version, replacedAt: Infinity })
    if (++counts.rotations % 2 === 0) return
    if (!broken.has("forgottenInvalidation")) yield* cache.invalidate(known.id)
    known.valid = known.versions.length - 1
  }
)

const count = <State extends { readonly count: number | bigint } | { readonly value: number | bigint }>(
  metric: Metric.Metric<never, State>
) => Effect.map(Metric.value(metric), (state) => Number("count" in state ? state.count : state.value))

const sum = (metrics: ReadonlyArray<Effect.Effect<number>>) =>
  Effect.map(Effect.all(metrics), (numbers) => numbers.reduce((all, number) => all + number, 0))

const kinds = ["active", "version"] as const

/** Counts of the metrics, both kinds together. */
const metrics = {
  requests: (outcome: string) =>
    sum(kinds.map((operation) => count(BranchKeyMetrics.requests({ operation, outcome })))),
  fetches: (trigger: string, outcome: string) =>
    sum(kinds.map((operation) => count(BranchKeyMetrics.fetches({ operation, trigger, outcome })))),
  flights: sum(kinds.map((operation) => count(BranchKeyMetrics.flights({ operation })))),
  evictions: (cause: string) => sum(kinds.map((operation) => count(BranchKeyMetrics.evictions({ operation, cause }))))
}

const read = Effect.gen(function*() {
  const table = Effect.fnUntraced(function*(names: ReadonlyArray<string>, of: (name: string) => Effect.Effect<number>) {
    const entries: Record<string, number> = {}
    for (const name of names) entries[name] = yield* of(name)
    return entries
  })
  const ends = ["succeeded", "failed", "deadline", "abandoned"]
  return {
    requests: yield* table(["hit", "joined", "miss"], metrics.requests),
    fetches: yield* table(ends, (outcome) => metrics.fetches("request", outcome)),
    refreshes: yield* table(ends, (outcome) => metrics.fetches("refresh", outcome)),
    evictions: yield* table(["age", "capacity", "replaced", "invalidated", "cleared"], metrics.evictions)
  }
})

const total = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((all, number) => all + number, 0)

/** What must hold between two steps of the clock. */
const checkpoint = Effect.fnUntraced(function*(counts: run.Run, { cache, counted, script }: run.Parts, before: number) {
  const { check, holding } = counts
  const { calls, handedOut } = yield* script.takeEnded
  counts.called += calls.filter(({ operation }) => operation === "Decrypt").length
  counts.unreleased = [...counts.unreleased, ...handedOut].filter(({ bytes }) => !isZero(bytes))
  check("kmsReleased", counts.unreleased.length === 0, () => `${counts.unreleased.length} are not`)
  const size = yield* cache.size
  const alive = counts.arrays.alive() - before
  check("memory", alive === size + holding, () => `${alive}, of ${size} entries and ${holding} requests`)
  const { fetches, refreshes, requests } = yield* read
  check("requests", total(requests) === counts.made, () => `${total(requests)}, ${counts.made} were made`)
  const reads = total(fetches) + total(refreshes) + (yield* metrics.flights)
  const called = counts.called + (yield* script.calls).length
  check("reads", reads === counted.reads && reads === called, () => `${reads}, read ${counted.reads}, called ${called}`)
})

type Clock = Effect.Success<ReturnType<typeof TestClock.make>>

/** Sends the requests of one day. */
const requests = Effect.fnUntraced(function*(
  options: Options,
  counts: run.Run,
  parts: run.Parts,
  clock: Clock,
  inspect: Readonly<Record<"checkpoint" | "tenth", Effect.Effect<void>>>
) {
  const draw = traffic.random(options.seed)
  const tenants = traffic.tenants(parts.keys.length)
  const popular = traffic.popularity(tenants, draw)
  const drawKey = () => parts.keys[tenants.indexOf(popular())]!
  const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })
  const secondsOfDay = options.requests / requestsPerSecond
  const requestsPerRotation = Math.max(leastRequestsPerRotation, Math.floor(options.requests / rotationsOfADay))
  let sent = 0
  let arrived = 0
  while (sent < options.requests) {
    yield* clock.adjust(tickMillis)
    const seconds = clock.currentTimeMillisUnsafe() / 1000
    arrived += traffic.diurnal(requestsPerSecond, seconds / secondsOfDay) * tickMillis / 1000
    const until = seconds >= secondsOfDay ? options.requests : Math.min(options.requests, Math.floor(arrived))
    const from = sent
    for (; sent < until; sent++) {
      const known = drawKey()
      const named = draw() < 0.25 ? Math.floor(draw() ** 0.2 * known.versions.length) : undefined
      const holdFor = draw() < 0.02 ? Math.ceil(draw() * 20) * tickMillis : 0
      yield* fork(request(counts, parts, known, named, holdFor))
      if (sent % requestsPerRotation === 0) yield* rotate(counts, parts, drawKey())
      if (sent % requestsPerMessage === 0) yield* fork(message(counts, parts, drawKey()))
      if (sent === Math.floor(options.requests / 2)) yield* parts.cache.clear
    }
    const size = yield* parts.cache.size
    counts.check("capacity", size <= run.capacity, () => String(size))
    const passed = (each: number) => Math.floor(from / each) < Math.floor(sent / each)
    if (passed(requestsPerCheckpoint)) yield* inspect.checkpoint
    if (passed(options.requests / 10) && sent < options.requests) yield* inspect.tenth
  }
})

/** One day, and what must hold at its end. */
const day = Effect.fnUntraced(function*(options: Options, counts: run.Run, clock: Clock) {
  const { check } = counts
  const now = () => clock.currentTimeMillisUnsafe()
  const before = counts.arrays.alive()
  const heaps = makeHeaps(options)
  const parts = yield* run.make(now, options.seed + 1, counts.broken)
  yield* parts.script.clearLog
  parts.counted.reads = 0
  yield* requests(options, counts, parts, clock, {
    checkpoint: checkpoint(counts, parts, before),
    tenth: Effect.sync(heaps.record)
  })
  yield* clock.adjust("1 minute")
  yield* checkpoint(counts, parts, before)
  heaps.record()
  check("ended", counts.running === 0 && counts.holding === 0, () => `${counts.running} have not`)
  check("errors", counts.outcomes.failed > 0, () => "none failed, though the KMS had faults")
  heaps.check(check)
  const metrics = yield* read
  const never = [metrics.requests, metrics.evictions, { refreshed: metrics.refreshes["succeeded"]! }]
    .flatMap((table) => Object.entries(table)).filter(([, number]) => number === 0)
  check("everything", never.length === 0, () => `never ${never.map(([name]) => name).join(", ")}`)
  return { metrics, heaps: heaps.heaps, seconds: now() / 1000 }
}, Effect.scoped)

/** One run. */
export const branchKeyDay = (options: Options) =>
  Effect.gen(function*() {
    const clock = yield* TestClock.testClockWith(Effect.succeed)
    const counts = run.makeRun(new Set(options.sabotages))
    yield* Effect.addFinalizer(() => Effect.sync(counts.arrays.stop))
    const arraysAtFirst = counts.arrays.alive()
    const figures = yield* Effect.provide(
      day(options, counts, clock),
      ScriptedKms.layer({ keys: [{ arn }] }).pipe(
        Layer.provideMerge(
          SeededRandom.layer(`branch keys ${options.seed}`).pipe(Layer.provide(NodePrimitives.layer))
        )
      )
    )
    const left = counts.arrays.alive() - arraysAtFirst
    counts.check("scope", left === 0, () => `${left} branch keys are not zeroed`)
    const { called, made, outcomes, results, rotations } = counts
    return { ...figures, called, made, outcomes, rotations, checks: results }
  }).pipe(
    Effect.scoped,
    Effect.provide(TestClock.layer()),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

export type Report = Effect.Success<ReturnType<typeof branchKeyDay>>
