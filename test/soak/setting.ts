/** The caching manager of a run, over a scripted KMS: thresholds that differ by purpose, and a KMS with faults. */
import { Duration, Effect } from "effect"
import { CryptographicMaterialsManager, DefaultCmm } from "effect-encryption-sdk"
import { CachePolicy, CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { ScriptedKms } from "effect-encryption-sdk/testing"
import { identityOfKey } from "./ledger.ts"
import type { Run } from "./Run.ts"
import type * as sabotage from "./sabotage.ts"
import * as traffic from "./traffic.ts"

export const arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
export const capacity = { encrypt: 600, decrypt: 300 } as const

/** The policy of the manager. Nothing is added to the thresholds, unless they are broken. */
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

/** Behaviour of the KMS: mostly quick, at times slow, throttled or denying; rarely it does not respond at all. */
export const behaviour = (draw: traffic.Random): ScriptedKms.Behaviour => (real, call) => {
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

/** The default manager over the KMS, which enters each data key in the book. */
const registering = (run: Run) =>
  Effect.gen(function*() {
    const defaultCmm = yield* DefaultCmm.make(
      yield* Effect.updateService(KmsKeyring.make({ generatorKeyId: arn }), Kms.Kms, run.broken.kms)
    )
    return CryptographicMaterialsManager.make({
      getEncryptionMaterials: (request) =>
        Effect.tap(defaultCmm.getEncryptionMaterials(request), ({ materials }) =>
          Effect.sync(() =>
            run.book.generated(identityOfKey(materials), request.encryptionContext["tenant"] ?? "")
          )),
      decryptMaterials: (request) =>
        Effect.tap(
          defaultCmm.decryptMaterials(request),
          ({ materials }) => Effect.sync(() => run.book.unwrapped(identityOfKey(materials)))
        )
    })
  })

/** The caching manager, its caches and the KMS. */
export const make = (run: Run, seed: number) =>
  Effect.gen(function*() {
    const { broken, onEviction } = run
    const script = yield* ScriptedKms.ScriptedKms
    yield* script.when({}, behaviour(traffic.random(seed)))
    const materialsManager = broken.underlying(yield* registering(run))
    const caches = {
      encrypt: yield* LocalCache.make({ capacity: capacity.encrypt, onEviction }),
      decrypt: yield* LocalCache.make({ capacity: capacity.decrypt + broken.more.entries, onEviction })
    }
    const cmm = broken.manager(
      yield* CachingCmm.make({
        policy: yield* policy(broken.more),
        materialsManager,
        cache: broken.cache(caches.encrypt),
        decryptCache: caches.decrypt,
        refreshAhead: { gracePeriod: "3 minutes" },
        evictRevoked: true,
        fetchDeadline: "10 seconds"
      })
    )
    return { script, caches, cmm }
  })

export type Setting = Effect.Success<ReturnType<typeof make>>
