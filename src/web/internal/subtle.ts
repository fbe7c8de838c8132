/**
 * The part of WebCrypto that is used, in types of our own: a program for the browser has them from its DOM library and one
 * for Node from `@types/node`, under different names.
 */

/** A key that WebCrypto keeps. */
export interface WebKey {
  readonly algorithm: { readonly modulusLength?: number }
}

export interface WebKeyPair {
  readonly privateKey: WebKey
  readonly publicKey: WebKey
}

/** Work that was begun. Once it is interrupted, no one waits for it. */
export interface Run {
  interrupted: boolean
}

/** AES-GCM under one key. Both operations resolve to memory of their own. */
export interface AesGcm {
  readonly encrypt: (
    iv: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    run: Run
  ) => Promise<ArrayBuffer>
  /** The tag stands behind the ciphertext. */
  readonly decrypt: (
    iv: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
    run: Run
  ) => Promise<ArrayBuffer>
  /** Whether it is for a wrong tag that `decrypt` rejects with this. */
  readonly isWrongTag: (error: unknown) => boolean
}

type Algorithm = string | { readonly name: string; readonly [parameter: string]: unknown }

export interface Subtle {
  digest(algorithm: string, data: Uint8Array): Promise<ArrayBuffer>
  importKey(
    format: "raw" | "spki" | "pkcs8",
    key: Uint8Array,
    algorithm: Algorithm,
    extractable: boolean,
    usages: ReadonlyArray<string>
  ): Promise<WebKey>
  exportKey(format: "raw", key: WebKey): Promise<ArrayBuffer>
  generateKey(
    algorithm: { readonly name: "ECDSA"; readonly namedCurve: string },
    extractable: boolean,
    usages: ReadonlyArray<string>
  ): Promise<WebKeyPair>
  generateKey(
    algorithm: { readonly name: "AES-GCM"; readonly length: number },
    extractable: boolean,
    usages: ReadonlyArray<string>
  ): Promise<WebKey>
  deriveBits(algorithm: Algorithm, key: WebKey, length: number): Promise<ArrayBuffer>
  deriveKey(
    algorithm: Algorithm,
    key: WebKey,
    derived: Algorithm,
    extractable: boolean,
    usages: ReadonlyArray<string>
  ): Promise<WebKey>
  encrypt(algorithm: Algorithm, key: WebKey, data: Uint8Array): Promise<ArrayBuffer>
  decrypt(algorithm: Algorithm, key: WebKey, data: Uint8Array): Promise<ArrayBuffer>
  sign(algorithm: Algorithm, key: WebKey, data: Uint8Array): Promise<ArrayBuffer>
  verify(algorithm: Algorithm, key: WebKey, signature: Uint8Array, data: Uint8Array): Promise<boolean>
}

/** The view, or a copy of it if its memory is shared or resizable, which WebCrypto rejects. */
export const plain = (view: Uint8Array): Uint8Array => {
  const buffer = view.buffer as ArrayBuffer
  // Memory of another realm is copied in vain: to ask what it calls itself takes seven times as long.
  return buffer.resizable || !(buffer instanceof ArrayBuffer) ? new Uint8Array(view) : view
}

/** Lends secret bytes as `plain` returns them. A copy of them is zeroed. */
export const withPlain = <A>(secret: Uint8Array, use: (secret: Uint8Array) => Promise<A>): Promise<A> => {
  const view = plain(secret)
  return view === secret ? use(view) : use(view).finally(() => view.fill(0))
}

export const toBytes = (buffer: ArrayBuffer): Uint8Array<ArrayBuffer> => new Uint8Array(buffer)
