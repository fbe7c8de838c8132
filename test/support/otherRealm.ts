/** An expression's value from another realm, where even Object is another: a frame of the page, or a context of Node. */
import { inBrowser } from "./TestPrimitives.ts"

interface Page {
  readonly body: { readonly append: (frame: unknown) => void }
  readonly createElement: (name: string) => { readonly contentWindow: { readonly eval: (text: string) => unknown } }
}

export const fromOtherRealm: (expression: string) => unknown = inBrowser
  ? (expression) => {
    const { document } = globalThis as unknown as { readonly document: Page }
    const frame = document.createElement("iframe")
    document.body.append(frame)
    return frame.contentWindow.eval(expression)
  }
  : (await import("node:vm")).runInNewContext
