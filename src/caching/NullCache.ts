/**
 * A materials cache that keeps nothing: caching is off, each request makes its own call and gets its own data key.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CacheEntry from "./CacheEntry.ts"
import * as MaterialsCache from "./MaterialsCache.ts"

/** The null cache, a value: it has neither options nor state. An entry that is put is evicted at once. */
export const make: MaterialsCache.MaterialsCache = /*#__PURE__*/ MaterialsCache.make({
  stores: false,
  get: () => Effect.undefined,
  getUnsafe: () => undefined,
  put: (entry) => Effect.asVoid(CacheEntry.evict(entry, "capacity")),
  delete: (entry, cause) => Effect.asVoid(CacheEntry.evict(entry, cause)),
  deleteWhere: () => Effect.succeed(0),
  clear: Effect.void,
  size: Effect.succeed(0)
})

/** `make` as the program's materials cache. */
export const layer: Layer.Layer<MaterialsCache.MaterialsCache> = /*#__PURE__*/ Layer.succeed(
  MaterialsCache.MaterialsCache,
  make
)
