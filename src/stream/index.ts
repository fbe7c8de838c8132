/** The client's operations on streams, which `EncryptionSdk` loads when the first of them is used. Not exported. */
export { decryptRange } from "./decryptRange.ts"
export { decryptStream, decryptStreamUnverified } from "./decryptStream.ts"
export { encryptStream } from "./encryptStream.ts"
export { rewrapStream } from "./rewrapStream.ts"
