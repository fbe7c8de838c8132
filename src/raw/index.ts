export * as RawAesKeyring from "./RawAesKeyring.ts"
export * as RawEcdhKeyring from "./RawEcdhKeyring.ts"
export * as RawRsaKeyring from "./RawRsaKeyring.ts"
export * as WrappingKey from "./WrappingKey.ts"
