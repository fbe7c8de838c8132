/** Random programs for a cache of branch keys: its options, and commands. */
import { Arbitrary, Schema } from "effect"
import { arbitraryInt } from "../../support/arbitraryBytes.ts"

/** What a program's requests come from: two share entries, the second with a maximum age of its own. */
export const sources = [
  { partitionId: "p", maxAge: undefined },
  { partitionId: "p", maxAge: 20_000 },
  { partitionId: "q", maxAge: undefined }
] as const

export const ids = ["a", "b", "c"] as const

/** The version of a request that names one. */
export const namedVersion = "99999999-1111-4111-8111-111111111111"

export const maxAge = 60_000

export interface Options {
  readonly capacity: number
  readonly fetchDeadline: number
  readonly refreshAhead: number | undefined
  /** The byte that the share of a refresh is drawn by. */
  readonly random: number
}

export type Command =
  | {
    readonly _tag: "Request"
    readonly source: number
    readonly id: number
    readonly isNamed: boolean
    /** Number of fibers that make it at once. */
    readonly fibers: number
  }
  /** Ends one of the reads that have not ended, by its place among them. */
  | { readonly _tag: "End"; readonly which: number; readonly succeeds: boolean }
  | { readonly _tag: "Adjust"; readonly millis: number }
  /** Interrupts one of the requests that wait, by its place among them. */
  | { readonly _tag: "Interrupt"; readonly which: number }
  | { readonly _tag: "Invalidate"; readonly id: number }
  | { readonly _tag: "Clear" }
  | { readonly _tag: "Close" }

export interface Program {
  readonly options: Options
  readonly commands: ReadonlyArray<Command>
}

const options: Arbitrary.Arbitrary<Options> = Arbitrary.all({
  capacity: arbitraryInt(1, 5),
  fetchDeadline: Arbitrary.schema(Schema.Literals([10_000, 90_000])),
  refreshAhead: Arbitrary.map(
    Arbitrary.schema(Schema.Literals([0, 0.1, 0.2, 0.3])),
    (share) => share === 0 ? undefined : share
  ),
  random: Arbitrary.schema(Schema.Literals([0, 64, 255]))
})

const kinds = [
  ...Array.from({ length: 10 }, () => "Request" as const),
  ...Array.from({ length: 9 }, () => "End" as const),
  ...Array.from({ length: 6 }, () => "Adjust" as const),
  "Interrupt",
  "Interrupt",
  "Invalidate",
  "Clear"
] as const

/** Moves of time that meet deadlines and ages exactly, or pass them, or neither. */
const moves = [1, 999, 1000, 5000, 5000, 9000, 10_000, 15_000, 40_000]

const command: Arbitrary.Arbitrary<Command> = Arbitrary.map(
  Arbitrary.all([arbitraryInt(0, kinds.length - 1), arbitraryInt(0, 8), arbitraryInt(0, 5), arbitraryInt(0, 7)]),
  ([kind, a, b, c]): Command => {
    switch (kinds[kind]!) {
      case "Request":
        return {
          _tag: "Request",
          source: a < 5 ? 0 : a % 3,
          id: Math.max(0, b - 3),
          isNamed: c === 7,
          fibers: 1 + c % 3
        }
      case "End":
        return { _tag: "End", which: a, succeeds: c !== 0 }
      case "Adjust":
        return { _tag: "Adjust", millis: moves[a]! }
      case "Interrupt":
        return { _tag: "Interrupt", which: a }
      case "Invalidate":
        return { _tag: "Invalidate", id: Math.max(0, b - 3) }
      case "Clear":
        return { _tag: "Clear" }
    }
  }
)

export const arbitraryProgram = (maxLength: number): Arbitrary.Arbitrary<Program> =>
  Arbitrary.map(
    Arbitrary.all([options, Arbitrary.array(command, { minLength: 1, maxLength }), arbitraryInt(0, 3)]),
    ([options, commands, closes]) => ({
      options,
      commands: closes === 0 ? [...commands, { _tag: "Close" }, commands[0]!] : [...commands, { _tag: "Close" }]
    })
  )
