/** All benchmarks, by group. */
import type { Benchmark } from "./support/benchmark.ts"

/** Loaded apart, so that the process of a benchmark loads what it measures and nothing else. */
export const groups: Readonly<Record<string, () => Promise<{ readonly benchmarks: ReadonlyArray<Benchmark> }>>> = {
  messages: () => import("./groups/messages.ts"),
  edges: () => import("./groups/edges.ts"),
  signed: () => import("./groups/signed.ts"),
  branchKeys: () => import("./groups/branchKeys.ts"),
  fields: () => import("./groups/fields.ts"),
  stampede: () => import("./groups/stampede.ts"),
  streams: () => import("./groups/streams.ts"),
  memory: () => import("./groups/memory.ts"),
  garbage: () => import("./groups/garbage.ts"),
  cache: () => import("./groups/cache.ts"),
  imports: () => import("./groups/imports.ts"),
  web: () => import("./groups/web.ts")
}
