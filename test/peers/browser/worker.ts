/** The library in a Web Worker. */
import { handle, type PageRequest } from "./library.ts"

addEventListener("message", ({ data }: { readonly data: PageRequest }) => {
  handle(data).then(
    (answer) => postMessage({ answer, hasDocument: "document" in globalThis }),
    (error: unknown) => postMessage({ error: String(error) })
  )
})

declare function addEventListener(type: "message", listener: (event: { readonly data: PageRequest }) => void): void
declare function postMessage(message: unknown): void
