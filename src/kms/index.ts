export * as KeyArn from "./KeyArn.ts"
export * as Kms from "./Kms.ts"
export * from "./KmsError.ts"
export * as KmsKeyring from "./KmsKeyring.ts"
