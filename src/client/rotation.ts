/** Rotation of one message, which `EncryptionSdk` loads when it is first used. Not exported. */
export { isCurrent } from "./isCurrent.ts"
export { rewrap } from "./rewrap.ts"
