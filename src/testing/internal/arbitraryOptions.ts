/** Options of arbitraries, and their names. */
import type * as Duration from "effect/Duration"
import { type NamesOf, optionNames } from "../../internal/optionNames.ts"

/** Options of `text`. */
export interface TextOptions {
  readonly maxLength?: number | undefined
}

export const textNames = /*#__PURE__*/ optionNames("text", { maxLength: true } satisfies NamesOf<TextOptions>)

/** Options of `encryptionContext`. */
export interface ContextOptions extends TextOptions {
  readonly maxPairs?: number | undefined
}

export const contextNames = /*#__PURE__*/ optionNames(
  "encryptionContext",
  { maxPairs: true, maxLength: true } satisfies NamesOf<ContextOptions>
)

/** Options of `steps`. */
export interface StepsOptions {
  /** Maximum number of contexts. Few, so that they recur. Default 3. */
  readonly maxContexts?: number | undefined
  /** Maximum plaintext length in bytes. Default 100. */
  readonly maxLength?: number | undefined
  /** Maximum pause. Default 2 minutes. */
  readonly maxPause?: Duration.Input | undefined
  /** Maximum number of steps. Default 50. */
  readonly maxSteps?: number | undefined
}

export const stepsNames = /*#__PURE__*/ optionNames(
  "steps",
  {
    maxContexts: true,
    maxLength: true,
    maxPause: true,
    maxSteps: true
  } satisfies NamesOf<StepsOptions>
)
