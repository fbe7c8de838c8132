export * as AwsKms from "./AwsKms.ts"
