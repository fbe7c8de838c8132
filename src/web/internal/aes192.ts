/** AES-GCM by a library, for keys that WebCrypto does not take. A module of its own, because few programs load it. */
import { gcm } from "@noble/ciphers/aes.js"
import { ivLength } from "../../model/AesGcm.ts"
import type { AesGcm, Run, Subtle } from "./subtle.ts"

/** Bytes that are processed, in some two milliseconds, before other tasks have their turn. */
const turnLength = 65_536

/** Cost of a frame besides its bytes, in bytes. */
const frameCost = 2048

/**
 * AES-GCM under a key of 24 bytes, which this leaves alone. Between two frames the key lies encrypted in memory, under a key
 * that WebCrypto keeps: its bytes are there while a frame is worked on, and zeroed behind it.
 */
export const make = (subtle: Subtle, key: Uint8Array): Promise<AesGcm> => {
  // One key for one encryption: any IV will do.
  const parameters = { name: "AES-GCM", iv: new Uint8Array(ivLength) }
  return subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]).then((lock) =>
    subtle.encrypt(parameters, lock, key).then((locked): AesGcm => {
      let turn: Promise<unknown> = Promise.resolve()
      let worked = 0
      const unlock = () => subtle.decrypt(parameters, lock, new Uint8Array(locked))
      const inTurn = (length: number, work: Run, use: (key: Uint8Array) => Uint8Array<ArrayBuffer>) => {
        const run = turn.then(() => {
          if (work.interrupted) throw new Error("interrupted")
          return unlock().then((unlocked) => {
            const key = new Uint8Array(unlocked)
            try {
              // The whole of it: the library allocates each array by itself.
              return use(key).buffer
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
        encrypt: (iv, aad, plaintext, work) =>
          inTurn(plaintext.length, work, (key) => gcm(key, iv, aad).encrypt(plaintext)),
        decrypt: (iv, aad, sealed, work) => inTurn(sealed.length, work, (key) => gcm(key, iv, aad).decrypt(sealed)),
        isWrongTag
      }
    })
  )
}

/** By the library's only word for it; a test shows when that changes. */
const isWrongTag = (error: unknown) => error instanceof Error && error.message === "aes-gcm: invalid tag"

/** Waits for the next task. Waiting for WebCrypto is not enough: Chromium puts its results before timers, input and painting. */
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
