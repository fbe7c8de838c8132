import { Schema } from "effect"
import { EncryptedField } from "effect-encryption-sdk/fields"

const email = { table: "customers", column: "email" }
export const Customer = Schema.Struct({
  id: Schema.String,
  email: EncryptedField.make(Schema.String, { encryptionContext: email, requiredKeys: ["customer"] })
})
