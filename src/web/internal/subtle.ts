/**
 * What is used of WebCrypto, in types of our own: a program for the browser has them from its DOM library and one for Node
 * from `@types/node`, under different names.
 */

/** A key that WebCrypto keeps. */
export interface WebKey {
  readonly algorithm: { readonly modulusLength?: number }
}

export interface WebKeyPair {
  readonly privateKey: WebKey
  readonly publicKey: WebKey
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
  generateKey(algorithm: Algorithm, extractable: boolean, usages: ReadonlyArray<string>): Promise<WebKeyPair>
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
