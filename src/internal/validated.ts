/** What is remembered of a validated context. */
export interface Remembered {
  /** Whether its serialisation was asked for. */
  asked: boolean
  /** Its serialisation, with a character for each byte: an array takes three times the memory. */
  serialized: string | undefined
  /** The last key that a caching manager made of it, and what else the key was made of. */
  cacheKey: {
    readonly partitionId: string
    readonly commitmentPolicy: string
    readonly algorithmSuite: unknown
    readonly key: string
  } | undefined
}

/** Answers what it is given, so that the fields of a class that extends it are put on that. */
const Given = function(given: object) {
  return given
} as unknown as new(given: object) => object

/**
 * Marks contexts as validated. The mark is a private field of the context itself, which nobody can see, forge or copy. A
 * WeakMap would do the same, but be the slower the more contexts there are; in a large cache there are millions.
 */
export class Validated extends Given {
  readonly #known: Remembered = { asked: false, serialized: undefined, cacheKey: undefined }

  /** Marks a context and answers it; it must be frozen next. */
  static mark<A extends object>(context: A): A {
    return new Validated(context) as object as A
  }

  /** What is remembered of a context; undefined where it is not marked. */
  static of(context: object): Remembered | undefined {
    return #known in context ? context.#known : undefined
  }
}
