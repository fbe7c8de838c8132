/** What a log of entered functions says about the way of an operation through the files. */
import { posix } from "node:path"
import type { Instrumented } from "./instrument.ts"

/**
 * Files that are no stations of a message: helpers that any file calls, by their names. Files of the folder `internal` at the
 * top are as well.
 */
export const utilities = new Set([
  "AlgorithmSuite",
  "CommitmentPolicy",
  "DataKey",
  "ByteQueue",
  "ByteReader",
  "ByteWriter",
  "instant"
])

export const isUtility = (file: string): boolean =>
  file.startsWith("internal/") || utilities.has(posix.basename(file, ".ts"))

export interface Route {
  readonly functions: number
  readonly files: number
  /** Times that control comes to a file from another, or from outside at first. */
  readonly moves: number
  readonly stations: number
  /** Times that it comes to a station from another station, utilities left out. */
  readonly stationMoves: number
  /** Those moves that come back to a station where it has been before. */
  readonly returns: number
  /** Files in the order in which control comes to them. */
  readonly path: ReadonlyArray<string>
}

const withoutRepeats = (files: ReadonlyArray<string>): ReadonlyArray<string> =>
  files.filter((file, index) => file !== files[index - 1])

/** The route of one operation, given the functions that it entered, in their order. */
export const route = (entered: ReadonlyArray<Instrumented>): Route => {
  const files = entered.map(({ file }) => file)
  const path = withoutRepeats(files)
  const stationPath = withoutRepeats(files.filter((file) => !isUtility(file)))
  const stations = new Set(stationPath).size
  return {
    functions: entered.length,
    files: new Set(files).size,
    moves: path.length,
    stations,
    stationMoves: stationPath.length,
    returns: stationPath.length - stations,
    path
  }
}
