/** Gives the library to whoever drives the page: in the page itself, and in a worker. */
import { handle, type PageAnswer, type PageRequest } from "./library.ts"

interface WorkerAnswer {
  readonly data: { readonly answer?: PageAnswer; readonly error?: string; readonly hasDocument?: boolean }
}

declare const Worker: new(url: URL, options: { readonly type: "module" }) => {
  readonly addEventListener:
    & ((type: "message", listener: (event: WorkerAnswer) => void) => void)
    & ((type: "error", listener: (event: { readonly message: string }) => void) => void)
  readonly postMessage: (request: PageRequest) => void
  readonly terminate: () => void
}

const inWorker = (request: PageRequest): Promise<PageAnswer> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" })
    worker.addEventListener("error", ({ message }) => reject(new Error(message)))
    worker.addEventListener("message", ({ data }) => {
      worker.terminate()
      if (data.answer === undefined || data.hasDocument === true) reject(new Error(data.error ?? "is no worker"))
      else resolve(data.answer)
    })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no other origin
    worker.postMessage(request)
  })

Object.assign(globalThis, {
  library: { page: handle, worker: inWorker },
  runtime: { hasBuffer: "Buffer" in globalThis, hasProcess: "process" in globalThis }
})
