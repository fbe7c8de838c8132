/**
 * A file as a source of `decryptRange`, through Effect's `FileSystem`. Whole files need no more than `FileSystem.stream`
 * and `FileSystem.sink`.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import type { RandomAccessSource } from "../client/Options.ts"

/**
 * Opens a file, which is closed with the scope. Its length is that of the moment in which it was opened.
 *
 * **Gotchas**
 *
 * A file that is truncated while it is read gives fewer bytes than requested, which `decryptRange` rejects.
 */
export const make: (
  path: string
) => Effect.Effect<RandomAccessSource<PlatformError>, PlatformError, FileSystem.FileSystem | Scope.Scope> =
  /*#__PURE__*/ Effect.fnUntraced(function*(path: string) {
    const fileSystem = yield* FileSystem.FileSystem
    const file = yield* fileSystem.open(path)
    const { size } = yield* file.stat
    return {
      length: Number(size),
      read: Effect.fnUntraced(function*(offset: number, length: number) {
        const out = new Uint8Array(length)
        let filled = 0
        while (filled < length) {
          const count = yield* file.read(out.subarray(filled), { position: BigInt(offset + filled) })
          if (count === 0) break
          filled += count
        }
        return out.subarray(0, filled)
      })
    }
  })
