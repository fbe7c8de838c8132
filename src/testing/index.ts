export * as ScriptedKms from "./ScriptedKms.ts"
export * as SeededRandom from "./SeededRandom.ts"
