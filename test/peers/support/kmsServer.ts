/**
 * Keys on the KMS server of the run, made through its own API, and the layer under test in front of it.
 */
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  KMSClient,
  ScheduleKeyDeletionCommand
} from "@aws-sdk/client-kms"
import { Effect } from "effect"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { inject } from "vitest"

export const regions = ["us-east-1", "eu-central-1"] as const
export type Region = typeof regions[number]

/** What every client needs to reach the server. The server looks at no credentials. */
export const config = {
  endpoint: inject("kmsEndpoint"),
  credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
  maxAttempts: 1
}

export const layer = AwsKms.layer({ ...config, region: regions[0] })

const admin = (region: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new KMSClient({ ...config, region })),
    (client) => Effect.sync(() => client.destroy())
  )

const regionOf = (arn: string) => arn.split(":")[3]!

/** moto takes nothing else where the state of a key is changed. */
const keyIdOf = (arn: string) => arn.split("/")[1]!

/** Makes a key and answers its ARN. */
export const createKey = (region: Region = regions[0]) =>
  Effect.gen(function*() {
    const client = yield* admin(region)
    const { KeyMetadata } = yield* Effect.promise(() => client.send(new CreateKeyCommand({})))
    return KeyMetadata!.Arn!
  }).pipe(Effect.scoped)

let aliases = 0

/** Gives a key an alias that no other has, and answers its name. */
export const createAlias = (arn: string) =>
  Effect.gen(function*() {
    const client = yield* admin(regionOf(arn))
    const AliasName = `alias/test/${process.pid}-${++aliases}`
    yield* Effect.promise(() => client.send(new CreateAliasCommand({ AliasName, TargetKeyId: arn })))
    return AliasName
  }).pipe(Effect.scoped)

export const aliasArn = (arn: string, alias: string): string => `${arn.slice(0, arn.indexOf("key/"))}${alias}`

export const disable = (arn: string) =>
  Effect.gen(function*() {
    const client = yield* admin(regionOf(arn))
    yield* Effect.promise(() => client.send(new DisableKeyCommand({ KeyId: keyIdOf(arn) })))
  }).pipe(Effect.scoped)

export const enable = (arn: string) =>
  Effect.gen(function*() {
    const client = yield* admin(regionOf(arn))
    yield* Effect.promise(() => client.send(new EnableKeyCommand({ KeyId: keyIdOf(arn) })))
  }).pipe(Effect.scoped)

export const scheduleDeletion = (arn: string) =>
  Effect.gen(function*() {
    const client = yield* admin(regionOf(arn))
    yield* Effect.promise(() =>
      client.send(new ScheduleKeyDeletionCommand({ KeyId: keyIdOf(arn), PendingWindowInDays: 7 }))
    )
  }).pipe(Effect.scoped)
