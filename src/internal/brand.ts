/** A mark on objects. */
export interface Brand {
  /** Marks an object and returns it. Marking it again changes nothing. */
  readonly mark: <A extends object>(object: A) => A
  /** Whether an object is marked. A copy of a marked object is not. */
  readonly has: (object: object) => boolean
}

/** Returns its argument, so that a class that extends it puts its private fields on that. */
export const Returned = function(object: object) {
  return object
} as unknown as new(object: object) => object

/**
 * Makes a mark that cannot be seen, forged or copied, and that a frozen object can carry: a private field, which classes can
 * put on any object. A `WeakSet` would do the same, but gets slower with every object in it; a large cache holds millions
 * (`npm run bench -- --only cache`: a hit among a million entries costs 1.1 times a hit of one).
 */
export const makeBrand = (): Brand => {
  class Marked extends Returned {
    readonly #marked = true

    static has(this: void, object: object): boolean {
      return #marked in object && object.#marked
    }
  }
  return {
    has: Marked.has,
    mark: (object) => Marked.has(object) ? object : new Marked(object) as typeof object
  }
}
