export * as NodePrimitives from "./NodePrimitives.ts"
