/** The heap after each tenth of a run, which must not grow. */

const maxHeapGrowth = 5 * 2 ** 20

export interface HeapOptions {
  /** Bytes in use, after garbage collection. */
  readonly heap: () => number
  /** Called after each tenth of the requests. */
  readonly onTenth?: ((tenth: number, heap: number) => void) | undefined
}

export const makeHeaps = ({ heap, onTenth }: HeapOptions) => {
  const heaps: Array<number> = []
  return {
    heaps,
    record: () => {
      heaps.push(heap())
      onTenth?.(heaps.length, heaps.at(-1)!)
    },
    check: (check: (id: "heap", holds: boolean, describe: () => string) => void) => {
      // The first tenth leaves behind what the compiler has not thrown away yet, which would hide a leak.
      const early = Math.min(heaps[0]!, heaps[1]!)
      for (const later of heaps.slice(2)) {
        check("heap", later - early <= maxHeapGrowth, () => `${((later - early) / 2 ** 20).toFixed(1)} MiB more`)
      }
    }
  }
}
