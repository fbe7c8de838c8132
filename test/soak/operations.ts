/** Requests of a run, and the operations that they are for. */
import { Cause, Effect, Exit, Option } from "effect"
import { type CryptographicMaterialsManager, DataKey } from "effect-encryption-sdk"
import type { CachingCmm } from "effect-encryption-sdk/caching"
import { isZero } from "../support/bytes.ts"
import { unsigned as algorithmSuite } from "../support/suites.ts"
import * as ledger from "./ledger.ts"
import type { Run } from "./Run.ts"
import * as traffic from "./traffic.ts"

const commitmentPolicy = "RequireEncryptRequireDecrypt"

/** Time moves in steps of this many milliseconds, so that entries are requested at the very moment when they are too old. */
export const tickMillis = 500

/** How long an operation takes once it is served, and how long its caller waits for that. */
interface Pace {
  readonly holdFor: number
  readonly patience: "700 millis" | "30 seconds" | undefined
}

/**
 * Some operations take longer, some are given up soon. Those that bypass the cache are given up at some time, since no
 * deadline of a fetch holds for them.
 */
const drawPace = (draw: traffic.Random, isBypassDue: boolean): Pace => ({
  holdFor: draw() < 0.02 ? Math.ceil(draw() * 20) * tickMillis : 0,
  patience: draw() < 0.01 ? "700 millis" : isBypassDue ? "30 seconds" : undefined
})

/** Runs a request, and holds its data key as long as the operation takes. */
const perform = <M extends { readonly plaintextDataKey: DataKey.DataKey }, E, R>(
  run: Run,
  { holdFor, patience }: Pace,
  request: Effect.Effect<CryptographicMaterialsManager.MaterialsResponse<M>, E, R>,
  handedOut: (response: CryptographicMaterialsManager.MaterialsResponse<M>, identity: string) => void
) => {
  let array: Uint8Array | undefined
  const operation = Effect.scoped(Effect.flatMap(request, (response) => {
    array = DataKey.value(response.materials.plaintextDataKey)
    run.holding++
    const identity = ledger.identityOfKey(response.materials)
    handedOut(response, identity)
    run.broken.answered(response)
    const isIntact = Effect.sync(() =>
      run.check("intact", ledger.identityOf(array!) === identity, () => `zeroed within ${holdFor} ms`)
    )
    return holdFor === 0 ? Effect.void : Effect.delay(isIntact, holdFor)
  }))
  run.running++
  return Effect.map(
    Effect.exit(patience === undefined ? Effect.asSome(operation) : Effect.timeoutOption(operation, patience)),
    (exit) => {
      run.running--
      if (array !== undefined) {
        run.holding--
        run.check("released", isZero(array), () => "its bytes are still there")
      }
      settled(run, exit)
    }
  )
}

const settled = ({ check, outcomes }: Run, exit: Exit.Exit<Option.Option<void>, unknown>) => {
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

/** The operations of a run through its manager. */
export const make = (run: Run, cmm: CachingCmm.CachingCmm, draw: traffic.Random) => {
  const { book, due, made } = run

  /** Half of the callers make a new object for each request. */
  const contextOf = ({ encryptionContext }: traffic.Tenant) =>
    draw() < 0.5 ? encryptionContext : { ...encryptionContext }

  return {
    encrypt: (tenant: traffic.Tenant) => {
      const length = traffic.length(draw, tenant.purpose)
      const bounds = ledger.limits[tenant.purpose]
      const isBypassDue = bounds === undefined || length === undefined || length > bounds.maxBytes
      made.encrypt++
      if (isBypassDue) due.encrypt++
      const entry = { tenant, length, place: draw() }
      const request = cmm.getEncryptionMaterials({
        encryptionContext: contextOf(tenant),
        commitmentPolicy,
        algorithmSuite,
        requiredEncryptionContextKeys: [],
        maxPlaintextLength: length
      })
      return perform(
        run,
        drawPace(draw, isBypassDue),
        request,
        ({ materials: { encryptedDataKeys, encryptionContext: context }, receipt }, identity) =>
          book.encrypted(identity, entry, { encryptedDataKeys, context }, receipt)
      )
    },
    decrypt: (message: ledger.Message) => {
      const { encryptedDataKeys, tenant } = message
      const isBypassDue = ledger.limits[tenant.purpose] === undefined
      made.decrypt++
      if (isBypassDue) due.decrypt++
      const request = cmm.decryptMaterials({
        algorithmSuite,
        commitmentPolicy,
        encryptedDataKeys,
        encryptionContext: contextOf(tenant),
        expectedEncryptionContext: draw() < 0.1 ? tenant.encryptionContext : {}
      })
      return perform(
        run,
        drawPace(draw, isBypassDue),
        request,
        ({ receipt }, identity) => book.decrypted(identity, message, receipt)
      )
    },
    warm: ({ encryptionContext }: traffic.Tenant) => {
      made.encrypt++
      run.running++
      return Effect.map(
        Effect.exit(cmm.warm({ encryptionContext, algorithmSuite, commitmentPolicy })),
        () => void run.running--
      )
    }
  }
}
