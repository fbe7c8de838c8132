export * as WebPrimitives from "./WebPrimitives.ts"
