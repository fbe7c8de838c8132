/** The client's operations on streams, which `EncryptionSdk` loads when the first of them is used. Not exported. */
export { decryptRange } from "./RangeDecryption.ts"
export { decryptStream, decryptStreamUnverified } from "./StreamDecryption.ts"
export { encryptStream } from "./StreamEncryption.ts"
