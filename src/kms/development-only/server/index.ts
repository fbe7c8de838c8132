export * as KmsServer from "./KmsServer.ts"
