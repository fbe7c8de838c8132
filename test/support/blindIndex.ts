/** Blind indexes as the guide has them, computed by WebCrypto, and what tests of them share. */
import { Effect, Redacted } from "effect"
import { BlindIndex, type BlindIndexError } from "effect-encryption-sdk/fields"

/** A key of 32 bytes that differ. */
export const key = Uint8Array.from({ length: 32 }, (_, i) => i)

export const column = { key: Redacted.make(key), table: "customers", column: "email" }

const utf8 = new TextEncoder()

/** The message that is authenticated. */
export const messageOf = (table: string, name: string, text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(
    ["effect-encryption-sdk/BlindIndex/1", table, name, text].flatMap((part) => {
      const bytes = utf8.encode(part)
      const length = new DataView(new ArrayBuffer(4))
      length.setUint32(0, bytes.length)
      return [...new Uint8Array(length.buffer), ...bytes]
    })
  )

/** The HMAC of WebCrypto, as bits: a text of zeros and ones. */
export const expectedBits = (
  hash: "SHA-256" | "SHA-384",
  secret: Uint8Array,
  message: Uint8Array<ArrayBuffer>
): Effect.Effect<string> =>
  Effect.promise(async () => {
    const imported = await crypto.subtle.importKey("raw", new Uint8Array(secret), { name: "HMAC", hash }, false, [
      "sign"
    ])
    return bitsOf(new Uint8Array(await crypto.subtle.sign("HMAC", imported, message)))
  })

export const bitsOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("")

/** The bits of hexadecimal digits. */
export const bitsOfHex = (hex: string): string =>
  bitsOf(Uint8Array.from(hex.match(/../g)!, (byte) => parseInt(byte, 16)))

/** The index of a value under these options. */
export const indexOf = <const O extends BlindIndex.Options>(
  options: O,
  value: string
): Effect.Effect<BlindIndex.Index<O>, BlindIndexError, BlindIndex.Services<O>> =>
  Effect.scoped(Effect.flatMap(Effect.orDie(BlindIndex.make(options)), ({ forWrite }) => forWrite(value)))

/** The arrays that are zeroed while an effect runs, with the bytes that they held. */
export const zeroedDuring = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const zeroed: Array<{ readonly held: string; readonly array: Uint8Array }> = []
      const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Pick<Uint8Array, "fill">
      const original = Object.getOwnPropertyDescriptor(typedArray, "fill")!
      const fill = original.value as (...args: Parameters<Uint8Array["fill"]>) => Uint8Array
      const value = function(this: Uint8Array, ...args: Parameters<Uint8Array["fill"]>) {
        if (args.length === 1 && args[0] === 0) zeroed.push({ held: this.join(), array: this })
        return Reflect.apply(fill, this, args)
      }
      Object.defineProperty(typedArray, "fill", { ...original, value })
      return { zeroed, restore: () => void Object.defineProperty(typedArray, "fill", original) }
    }),
    ({ zeroed }) => Effect.as(Effect.exit(effect), zeroed),
    ({ restore }) => Effect.sync(restore)
  )
