export * as PostgresBranchKeyStorage from "./PostgresBranchKeyStorage.ts"
