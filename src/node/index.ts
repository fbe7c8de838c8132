export * as NodePrimitives from "./NodePrimitives.ts"
export * as NodeStreams from "./NodeStreams.ts"
