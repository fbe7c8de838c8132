import { MemoryBranchKeyStorage } from "effect-encryption-sdk/hierarchical"
import { branchKeyStorageContract } from "../support/branchKeyStorageContract.ts"

branchKeyStorageContract("memory", MemoryBranchKeyStorage.layer)
