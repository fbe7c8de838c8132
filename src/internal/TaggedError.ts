import * as Schema from "effect/Schema"

/**
 * `Schema.TaggedError` for classes with `get message`: gives every error the text of the getter as a property of its own, as
 * any `Error` has it. `structuredClone`, `postMessage` and IPC pass on no other.
 */
export const TaggedError: typeof Schema.TaggedError = (identifier?: string) => (...schema: [any, any]): any =>
  class extends (Schema.TaggedError<Error>(identifier)(...schema) as unknown as new(...props: Array<any>) => Error) {
    constructor(...props: Array<any>) {
      super(...props)
      Object.defineProperty(this, "message", { value: this.message, writable: true, configurable: true })
    }
  }
