export * as EmbeddedKms from "./EmbeddedKms.ts"
export * from "./EmbeddedKmsError.ts"
