export * as KmsGovernor from "./KmsGovernor.ts"
export * as KmsGovernorMetrics from "./KmsGovernorMetrics.ts"
