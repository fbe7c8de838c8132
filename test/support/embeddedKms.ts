import { Effect } from "effect"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import type { KmsKey } from "./kmsContract.ts"

let made = 0

/** Makes a key of the embedded KMS, with a name of every kind. */
export const createKey = Effect.fnUntraced(function*(region: string) {
  const control = yield* EmbeddedKms.EmbeddedKms
  const alias = `alias/made/${++made}`
  const arn = yield* Effect.orDie(control.createKey({ region, aliases: [alias] }))
  return {
    arn,
    names: [arn.split("/")[1]!, alias, arn.replace(/key\/.*$/, alias)],
    disable: Effect.orDie(control.setKeyState(arn, "Disabled")),
    scheduleDeletion: Effect.orDie(control.setKeyState(arn, "PendingDeletion"))
  } satisfies KmsKey
})

/** A symmetric key as it is described, made at the beginning of a test clock. */
export const infoOf = (arn: string, fields: Partial<EmbeddedKms.KeyInfo> = {}): EmbeddedKms.KeyInfo => ({
  arn,
  keySpec: "SYMMETRIC_DEFAULT",
  keyUsage: "ENCRYPT_DECRYPT",
  state: "Enabled",
  aliases: [],
  creationDate: 0,
  deletionDate: undefined,
  ...fields
})
