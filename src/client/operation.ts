/**
 * One operation of the client: its scope, its span, and the memory that it owns.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import { hasSucceeded } from "../internal/atOnce.ts"
import * as bytes from "../internal/bytes.ts"
import { printable } from "../internal/printable.ts"
import { withSpan } from "../internal/tracing.ts"
import type { KeyHolder } from "../materials/atOnce.ts"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import * as DataKey from "../model/DataKey.ts"
import type { Client } from "./Client.ts"
import type { MessageMetadata } from "./Options.ts"
import type { Turns } from "./turns.ts"

/** Memory of one operation. All of it is zeroed or freed when the operation ends, however it ends. */
export interface Owned extends KeyHolder {
  /** A copy of the caller's plaintext. */
  plaintext: Uint8Array | undefined
  /** A copy of the caller's message. */
  message: Uint8Array | undefined
  /** The data key of materials that came with one. */
  materialsKey: DataKey.DataKey | undefined
  /** Length in bytes of what is worked on. */
  work: number
}

/**
 * Runs an operation, in a scope of its own unless it ends at once, and in a span of this name where spans are recorded.
 *
 * Attributes of the span: `algorithm_suite`, `key_providers`, `outcome` (of the receipt: `hit`, `miss`, `unoffered`, `joined`, `bypassed`,
 * `uncached`) and, where they apply, `missing_wrappings`, `bypass_reason`, `refresh_started`, `data_key_age_millis`, `data_key_messages`,
 * `data_key_bytes`; for a failure `error_reason`. They never hold key bytes, plaintext or context values.
 *
 * There is one finalizer, which is there before the operation owns anything: a scope with a finalizer for each would cost a
 * small message some three microseconds (`npm run bench -- messages`).
 */
export const operation = <A extends MessageMetadata, E extends { readonly reason: { readonly _tag: string } }>(
  { turns }: Client,
  name: string,
  run: (owned: Owned) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E> =>
  withSpan(name, {}, (span) => span === undefined ? owning(turns, run) : described(span, owning(turns, run)))

const owning = <A, E>(turns: Turns, run: (owned: Owned) => Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> => {
  const owned: Owned = {
    plaintext: undefined,
    message: undefined,
    dataKey: undefined,
    materialsKey: undefined,
    work: 0
  }
  const start = Effect.suspend(() => {
    const running = run(owned)
    return hasSucceeded(running) ? running : Effect.scoped(running)
  })
  // Others have their turn before anything is owned.
  return turns.begin(Effect.onExitPrimitive(start, () => {
    turns.count(owned.work)
    return release(owned)
  }))
}

const release = ({ dataKey, materialsKey, message, plaintext }: Owned): undefined => {
  if (dataKey !== undefined) dataKey.fill(0)
  if (materialsKey !== undefined) DataKey.zero(materialsKey)
  if (plaintext !== undefined) bytes.free(plaintext.fill(0))
  if (message !== undefined) bytes.free(message)
}

const described = <A extends MessageMetadata, E extends { readonly reason: { readonly _tag: string } }>(
  span: Tracer.Span,
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.tapError(
    Effect.tap(effect, (result) => Effect.sync(() => describe(span, result))),
    ({ reason }) => Effect.sync(() => span.attribute("error_reason", reason._tag))
  )

const describe = (span: Tracer.Span, { algorithmSuite, header, receipt }: MessageMetadata): void => {
  span.attribute("algorithm_suite", AlgorithmSuite.formatId(algorithmSuite.id))
  span.attribute(
    "key_providers",
    printable([...new Set(header.encryptedDataKeys.map((edk) => edk.keyProviderId))].join(" "))
  )
  span.attribute("outcome", receipt._tag.toLowerCase())
  if (receipt.missingWrappings !== undefined) {
    span.attribute("missing_wrappings", printable(receipt.missingWrappings.map(({ member }) => member).join(", ")))
  }
  if (receipt.branchKeys !== undefined) {
    span.attribute(
      "branch_key_outcomes",
      printable(receipt.branchKeys.map(({ outcome }) => outcome.toLowerCase()).join(" "))
    )
  }
  if (receipt._tag === "Bypassed") span.attribute("bypass_reason", receipt.reason)
  if (receipt._tag === "Hit") {
    span.attribute("refresh_started", receipt.refreshStarted)
    span.attribute("data_key_age_millis", Duration.toMillis(receipt.age))
  }
  if ("usage" in receipt) {
    span.attribute("data_key_messages", receipt.usage.messages)
    span.attribute("data_key_bytes", String(receipt.usage.bytes))
  }
}
