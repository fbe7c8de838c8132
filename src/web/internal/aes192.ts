/** AES-GCM by a library, for keys that WebCrypto does not take. Apart because few programs meet one. */
import { gcm } from "@noble/ciphers/aes.js"
import type { AesGcm, Subtle } from "./subtle.ts"

/** So many bytes are worked on, some two milliseconds, before others have their turn. */
const turnLength = 65_536

/** What a frame costs besides its bytes, in bytes. */
const frameCost = 2048

/**
 * AES-GCM under a key of 24 bytes, which this leaves alone. Between two frames the key lies encrypted in memory, under a key
 * that WebCrypto keeps: its bytes are there while a frame is worked on, and zeroed behind it.
 */
export const make = (subtle: Subtle, key: Uint8Array): Promise<AesGcm> => {
  // One key for one encryption: any IV will do.
  const parameters = { name: "AES-GCM", iv: new Uint8Array(12) }
  return subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]).then((lock) =>
    subtle.encrypt(parameters, lock, key).then((locked): AesGcm => {
      let turn: Promise<unknown> = Promise.resolve()
      let worked = 0
      const unlock = () => subtle.decrypt(parameters, lock, new Uint8Array(locked))
      const inTurn = <A>(length: number, signal: AbortSignal, use: (key: Uint8Array) => A): Promise<A> => {
        const run = turn.then(() => {
          signal.throwIfAborted()
          return unlock().then((unlocked) => {
            const key = new Uint8Array(unlocked)
            try {
              return use(key)
            } finally {
              key.fill(0)
            }
          })
        })
        const rest = () => {
          worked += length + frameCost
          if (worked < turnLength) return
          worked = 0
          return nextTask()
        }
        turn = run.then(rest, rest)
        return run
      }
      return {
        encrypt: (iv, aad, plaintext, signal) =>
          inTurn(plaintext.length, signal, (key) => gcm(key, iv, aad).encrypt(plaintext)),
        decrypt: (iv, aad, sealed, signal) =>
          inTurn(sealed.length, signal, (key) => {
            try {
              return gcm(key, iv, aad).decrypt(sealed)
            } catch (error) {
              if (error instanceof Error && error.message === wrongTag) return undefined
              throw error
            }
          })
      }
    })
  )
}

/** Its only word for it; a test shows where that changes. */
const wrongTag = "aes-gcm: invalid tag"

/** Waiting for WebCrypto is not enough: Chromium puts what it answers before timers, input and painting. */
const nextTask = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.addEventListener("message", () => {
      port1.close()
      resolve()
    })
    port1.start()
    port2.postMessage(undefined)
  })
