import { WebPrimitives } from "effect-encryption-sdk/web"

type Subtle = typeof globalThis.crypto.subtle

/** A `SubtleCrypto` of which some methods are replaced. */
export const replaceSubtle = (
  replace: (target: Subtle, name: string) => ((...args: Array<never>) => unknown) | undefined,
  subtle: Subtle = globalThis.crypto.subtle
): WebPrimitives.WebCryptoApi & { readonly subtle: Subtle } => ({
  subtle: new Proxy(subtle, {
    get: (target, name) => {
      const replaced = replace(target, String(name))
      if (replaced !== undefined) return replaced
      const method = target[name as keyof typeof target] as (...args: Array<unknown>) => unknown
      return method.bind(target)
    }
  }),
  getRandomValues: (array) => globalThis.crypto.getRandomValues(array as Uint8Array<ArrayBuffer>)
})

/** WebCrypto as of a browser that takes no compressed points. Counts how often it was given one, and another. */
export const uncompressedOnly = () => {
  const counts = { refused: 0, imported: 0 }
  const api = replaceSubtle((target, name) =>
    name === "importKey"
      ? (...args: [format: "raw", key: Uint8Array<ArrayBuffer>, algorithm: { name: string }, boolean, ["verify"]]) => {
        if (args[2].name !== "ECDSA") return target.importKey(...args)
        const isCompressed = args[1][0] !== 4
        counts[isCompressed ? "refused" : "imported"]++
        return isCompressed ? Promise.reject(new DOMException("", "DataError")) : target.importKey(...args)
      }
      : undefined
  )
  return { counts, subtle: api.subtle, primitives: WebPrimitives.make(api) }
}

/** What WebCrypto was given as a key of 24 bytes, or answered of as many: the very arrays. */
export type Seen = Array<readonly [method: string, array: Uint8Array]>

/** WebCrypto as Chromium has it: without AES-192. Counts how often it was asked for it. */
export const withoutAes192 = (subtle?: Subtle) => {
  const counts = { refused: 0, decrypted: 0 }
  const seen: Seen = []
  const refuse = () => {
    counts.refused++
    return Promise.reject(new DOMException("192-bit AES keys are not supported", "OperationError"))
  }
  const keep = (method: string, array: Uint8Array) => {
    if (array.length === 24) seen.push([method, array])
  }
  const api = replaceSubtle((target, name) => {
    switch (name) {
      case "importKey":
        return (format: "raw", key: Uint8Array<ArrayBuffer>, algorithm: string, ...rest: [boolean, []]) => {
          keep(name, key)
          return algorithm === "AES-GCM" && key.length === 24
            ? refuse()
            : target.importKey(format, key, algorithm, ...rest)
        }
      case "deriveKey":
        return (algorithm: never, key: never, derived: { length: number; name: string }, ...rest: [boolean, []]) =>
          derived.length === 192 ? refuse() : target.deriveKey(algorithm, key, derived, ...rest)
      case "encrypt":
        return (algorithm: never, key: never, data: Uint8Array<ArrayBuffer>) => {
          keep(name, data)
          return target.encrypt(algorithm, key, data)
        }
      case "decrypt":
        return (algorithm: never, key: never, data: Uint8Array<ArrayBuffer>) => {
          counts.decrypted++
          return target.decrypt(algorithm, key, data).then((answer) => {
            keep(name, new Uint8Array(answer))
            return answer
          })
        }
      case "deriveBits":
        return (...args: Parameters<Subtle["deriveBits"]>) =>
          target.deriveBits(...args).then((answer) => {
            keep(name, new Uint8Array(answer))
            return answer
          })
      default:
        return undefined
    }
  }, subtle)
  return { counts, seen, primitives: WebPrimitives.make(api) }
}
