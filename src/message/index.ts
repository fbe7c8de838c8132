export * from "./MalformedMessage.ts"
export * as MessageBody from "./MessageBody.ts"
export * as MessageFooter from "./MessageFooter.ts"
export * as MessageHeader from "./MessageHeader.ts"
