/**
 * Answers what it is given, so that the private fields of a class that extends it are put on that: a mark which nobody can
 * see, forge or copy, and which a frozen object can have too. A WeakMap would do the same, but be the slower the more
 * objects there are; in a large cache there are millions.
 */
export const Stamped = function(given: object) {
  return given
} as unknown as new(given: object) => object
