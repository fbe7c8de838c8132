export * from "./CurrentEncryptionContext.ts"
export * as EncryptedField from "./EncryptedField.ts"
export * as FieldMetrics from "./FieldMetrics.ts"
