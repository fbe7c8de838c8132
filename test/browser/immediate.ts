/**
 * Gives the page of the tests a `setImmediate`, by messages. Effect's scheduler takes it where there is one. Without it the
 * scheduler takes `setTimeout`, of which a page grants one in four milliseconds: a simulated minute of short ticks would then
 * last a real one. Pages without it are in test/browser/site.ts and test/peers/browser.test.ts.
 *
 * Loaded before Effect, so it imports nothing.
 */
const channel = new MessageChannel()
const waiting = new Map<number, () => void>()
let last = 0

channel.port1.addEventListener("message", (event) => {
  const { data } = event as Event & { readonly data: number }
  const run = waiting.get(data)
  waiting.delete(data)
  run?.()
})
channel.port1.start()

Object.assign(globalThis, {
  setImmediate: (run: () => void) => {
    waiting.set(++last, run)
    channel.port2.postMessage(last)
    return last
  },
  clearImmediate: (handle: number) => void waiting.delete(handle)
})
