/**
 * Randomness that a seed decides, so that a test sees the same data keys, initialisation vectors and message ids in every
 * run. **For tests alone:** the seed gives away the keys.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Primitives } from "../crypto/Primitives.ts"
import * as bytes from "../internal/bytes.ts"

const digestLength = 48

/**
 * The `Primitives` of the environment with other `randomBytes`: the n-th call returns SHA-384(seed, n, 0), SHA-384(seed,
 * n, 1) and so on, cut to the length. So the result of a call depends on the number of calls before it, and not on
 * their lengths.
 *
 * **Gotchas**
 *
 * Only `randomBytes` is seeded. Key pairs and signatures draw on the randomness of their own runtime.
 *
 * Fibers that run in parallel draw in the order in which they are scheduled.
 */
export const layer = (seed: string): Layer.Layer<Primitives, never, Primitives> =>
  Layer.effect(
    Primitives,
    Effect.map(Primitives, (primitives) => {
      const seedBytes = bytes.utf8(seed)
      let calls = 0
      const block = (call: number, index: number) => {
        const counter = new DataView(new ArrayBuffer(12))
        counter.setBigUint64(0, BigInt(call))
        counter.setUint32(8, index)
        return primitives.sha384(bytes.concat([seedBytes, new Uint8Array(counter.buffer)]))
      }
      return Primitives.of({
        ...primitives,
        randomBytes: (length) =>
          Effect.suspend(() => {
            const call = calls++
            return Effect.map(
              Effect.forEach(
                Array.from({ length: Math.ceil(length / digestLength) }, (_, index) => index),
                (index) => block(call, index)
              ),
              (blocks) => bytes.concat(blocks).slice(0, length)
            )
          })
      })
    })
  )
