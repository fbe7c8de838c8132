export * as BranchKeyTable from "./BranchKeyTable.ts"
export * from "./BranchKeyTableError.ts"
export * as DynamoDbBranchKeyStorage from "./DynamoDbBranchKeyStorage.ts"
