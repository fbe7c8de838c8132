import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"

const defaultTracer = /*#__PURE__*/ Context.get(/*#__PURE__*/ Context.empty(), Tracer.Tracer)

/**
 * Whether spans are recorded. A span costs half of what a small message's cryptography does (`npm run bench -- messages`),
 * so it is made only then.
 */
export const isTraced = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  fiber.getRef(Tracer.Tracer) !== defaultTracer && fiber.getRef(References.TracerEnabled)

/**
 * Runs an effect in a span where spans are recorded, and as it is elsewhere. The effect receives the span, to describe
 * itself.
 */
export const withSpan = <A, E, R>(
  name: string,
  options: { readonly root?: boolean },
  effect: (span: Tracer.Span | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>> =>
  Effect.withFiber<A, E, Exclude<R, Tracer.ParentSpan>>((fiber) =>
    isTraced(fiber)
      ? Effect.useSpan(name, options, (span) => Effect.withParentSpan(effect(span), span))
      : effect(undefined) as Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>>
  )
