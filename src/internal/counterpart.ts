import { Returned } from "./brand.ts"

/** The counterparts of some functions: another function that does the same in another way. */
export interface Counterparts<Function extends object, Counterpart> {
  /** Gives a function its counterpart, and returns the function. */
  readonly give: <F extends Function>(to: F, counterpart: Counterpart) => F
  /** The counterpart of a function; undefined for one that has none, and for a wrapper of one that has. */
  readonly of: (function_: Function) => Counterpart | undefined
}

/**
 * Makes a kind of counterparts. They are in private fields of the functions: a wrapper, which counts calls or changes results, has
 * none, and every call goes through it.
 */
export const makeCounterparts = <Function extends object, Counterpart>(): Counterparts<Function, Counterpart> => {
  class Holder extends Returned {
    readonly #counterpart: Counterpart

    constructor(function_: object, counterpart: Counterpart) {
      super(function_)
      this.#counterpart = counterpart
    }

    static of(this: void, function_: object): Counterpart | undefined {
      return typeof function_ === "function" && #counterpart in function_ ? function_.#counterpart : undefined
    }
  }
  return {
    of: Holder.of,
    give: (to, counterpart) => new Holder(to, counterpart) as typeof to
  }
}
