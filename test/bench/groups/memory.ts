/**
 * Peak resident memory of streams, each in a process of its own.
 *
 * The young generation of V8 is held at 4 MiB. Left alone, V8 enlarges it the longer a process allocates, whatever it
 * does, and the garbage of a source that makes new chunks with it: about 220 MiB after 256 MiB, 300 after 4 GiB.
 */
import { type Benchmark, counted, type Result } from "../support/benchmark.ts"
import * as child from "../support/child.ts"

const mebibyte = 2 ** 20
const operations = ["encrypt", "decrypt", "encryptSigned", "decryptSignedUnverified"] as const

const peak = (side: "ours" | "peer", operation: string, bytes: number): number =>
  Number(child.run("peak.ts", [side, operation, bytes], ["--max-semi-space-size=1"]))

export const benchmarks: ReadonlyArray<Benchmark> = operations.map((operation) => ({
  name: operation,
  run: async ({ quick, smoke }) => {
    const sizes = smoke ? [1] : quick ? [32, 128] : [256, 1024, 4096]
    const measured = sizes.map((size) => ({ size, ours: peak("ours", operation, size * mebibyte) }))
    const [smallest, greatest] = [measured[0]!, measured.at(-1)!]
    const peaks = ({ ours, size }: typeof smallest): Result => ({
      case: `${operation}, ${size} MiB: peak`,
      unit: "bytes",
      rounds: counted({
        ours,
        // The peer has no counterpart that would release a signed message before its signature is verified.
        ...size <= 1024 && operation !== "decryptSignedUnverified" &&
          { peer: peak("peer", operation, size * mebibyte) }
      })
    })
    return [
      ...measured.map(peaks),
      {
        case: `${operation}, ${greatest.size} MiB: peak; floor: that of ${smallest.size} MiB`,
        unit: "bytes",
        rounds: counted({ ours: greatest.ours, floor: smallest.ours })
      }
    ]
  }
}))
