/**
 * Spans of the client's operations. They say what was done, and never hold key bytes, plaintext or context values.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import * as AlgorithmSuite from "../model/AlgorithmSuite.ts"
import { withSpan } from "../internal/tracing.ts"
import type { MessageHeader } from "../message/MessageHeader.ts"
import type { Receipt } from "../model/Receipt.ts"

/** Result of an operation, as far as its span describes it. */
interface Described {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly header: MessageHeader
  readonly receipt: Receipt
}

/**
 * Runs an operation in a span of this name, where someone is tracing. Attributes: `algorithm_suite`, `key_providers`,
 * `outcome` (of the receipt: `hit`, `miss`, `joined`, `bypassed`, `uncached`) and, where they apply, `bypass_reason`,
 * `refresh_started`, `data_key_age_millis`, `data_key_messages`, `data_key_bytes`; for a failure `error_reason`.
 */
export const withOperationSpan = <A extends Described, E extends { readonly reason: { readonly _tag: string } }>(
  name: string,
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  withSpan(name, {}, (span) =>
    span === undefined
      ? effect
      : Effect.tapError(
        Effect.tap(effect, (result) => Effect.sync(() => describe(span, result))),
        ({ reason }) => Effect.sync(() => span.attribute("error_reason", reason._tag))
      ))

const describe = (span: Tracer.Span, { algorithmSuite, header, receipt }: Described): void => {
  span.attribute("algorithm_suite", AlgorithmSuite.formatId(algorithmSuite.id))
  span.attribute("key_providers", [...new Set(header.encryptedDataKeys.map((edk) => edk.keyProviderId))].join(" "))
  span.attribute("outcome", receipt._tag.toLowerCase())
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
