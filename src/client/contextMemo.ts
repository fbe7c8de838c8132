import { BoundedMap } from "../internal/BoundedMap.ts"
import * as ContextEncoder from "../message/contextEncoder.ts"
import * as EncryptionContext from "../model/EncryptionContext.ts"

/** The encryption contexts that a client met lately. */
export interface ContextMemo {
  /** `EncryptionContext.check`, which returns one object for all equal contexts. */
  readonly check: (context: EncryptionContext.EncryptionContext) => EncryptionContext.EncryptionContext
  readonly encode: ContextEncoder.ContextEncoder
}

/** Number of contexts that are remembered, and the greatest length of one in characters. */
const capacity = 256
const maxLength = 1024

/**
 * Makes the memory of one client. A program has few contexts, and makes an object of each for every request: validation and
 * encoding of one hold for all that are equal. They take a quarter of a small encryption's time on a cache hit
 * (`npm run bench -- messages`).
 */
export const make = (): ContextMemo => {
  const byText = new BoundedMap<string, EncryptionContext.EncryptionContext>(capacity)
  return {
    encode: ContextEncoder.make(),
    check: (input) => {
      const context = EncryptionContext.copy(input)
      if (context === input) return input
      const text = textOf(context)
      const known = text === undefined ? undefined : byText.get(text)
      if (known !== undefined) return known
      const checked = EncryptionContext.checkPairs(context)
      if (text !== undefined) byText.set(text, checked)
      return checked
    }
  }
}

/** All that is in a context, as a text that no other context has; undefined where it is too long, or holds no text. */
const textOf = (context: EncryptionContext.EncryptionContext): string | undefined => {
  let text = ""
  for (const key of Object.keys(context)) {
    const value: unknown = context[key]
    if (typeof value !== "string") return undefined
    text += `${key.length}.${value.length}.${key}${value}`
  }
  return text.length <= maxLength ? text : undefined
}
