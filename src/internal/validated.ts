import { Stamped } from "./stamp.ts"

/** What is remembered of a validated context. */
export interface Remembered {
  /** Whether its serialisation was asked for. */
  asked: boolean
  /** Its serialisation, with a character for each byte: an array takes three times the memory. */
  serialized: string | undefined
}

/** Marks contexts as validated. */
export class Validated extends Stamped {
  readonly #known: Remembered = { asked: false, serialized: undefined }

  /** Marks a context and answers it; it must be frozen next. */
  static mark<A extends object>(context: A): A {
    return new Validated(context) as object as A
  }

  /** What is remembered of a context; undefined where it is not marked. */
  static of(context: object): Remembered | undefined {
    return #known in context ? context.#known : undefined
  }
}
