export * as Ecdsa from "./Ecdsa.ts"
export * as KeyDerivation from "./KeyDerivation.ts"
export * as Primitives from "./Primitives.ts"
export * from "./PrimitivesError.ts"
