/**
 * Operations that make keys, describe them, name them and change their state.
 */
import * as Effect from "effect/Effect"
import { quoted } from "../../../../internal/printable.ts"
import * as KeyArn from "../../../KeyArn.ts"
import * as EmbeddedKms from "../../EmbeddedKms.ts"
import type { EmbeddedKmsError } from "../../EmbeddedKmsError.ts"
import { algorithmsOf, type Operation } from "./cryptography.ts"
import type { Fault } from "./fault.ts"
import { fail, fault, invalid } from "./fault.ts"
import { reader } from "./fields.ts"
import type { Place } from "./identifiers.ts"
import * as Identifiers from "./identifiers.ts"

type Control = EmbeddedKms.EmbeddedKms

/** Errors of the control that are not those of a request: the key store could not be written. */
const toFault = ({ description, field }: EmbeddedKmsError): Fault =>
  field === "keyStoreFile" ? fault("KMSInternalException", description, 500) : invalid(field, description)

/** The key of an ARN that was read from a request. */
const describe = (control: Control, arn: string): Effect.Effect<EmbeddedKms.KeyInfo, Fault> =>
  Effect.mapError(control.describeKey(arn), ({ description }) => fault("NotFoundException", description))

const readCreateKey = /*#__PURE__*/ reader({
  optional: ["keySpec", "customerMasterKeySpec", "keyUsage", "multiRegion"]
})

/** Descriptions, policies and tags are passed over. */
const createKey = (control: Control): Operation =>
  Effect.fnUntraced(function*(body, { region }) {
    const { customerMasterKeySpec, keySpec: named, keyUsage: given, multiRegion = false } = yield* Effect.fromResult(
      readCreateKey(body)
    )
    if (named !== undefined && customerMasterKeySpec !== undefined) {
      return yield* Effect.fail(invalid("CustomerMasterKeySpec", "is the old name of KeySpec: give one of them"))
    }
    const keySpec = named ?? customerMasterKeySpec ?? "SYMMETRIC_DEFAULT"
    const usage = EmbeddedKms.usageOf(keySpec)
    // Only a symmetric key has a default.
    const keyUsage = given ?? (keySpec === "SYMMETRIC_DEFAULT" ? "ENCRYPT_DECRYPT" : undefined)
    if (keyUsage !== usage) return yield* Effect.fail(invalid("KeyUsage", `must be ${usage} of a key of ${keySpec}`))
    const arn = yield* Effect.mapError(control.createKey({ region, keySpec, multiRegion }), toFault)
    return { KeyMetadata: yield* metadataOf(control, yield* describe(control, arn)) }
  })

const readDescribeKey = /*#__PURE__*/ reader({ required: ["keyId"], optional: ["grantTokens"] })

const describeKey = (control: Control): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const { keyId } = yield* Effect.fromResult(readDescribeKey(body))
    const key = yield* describe(control, yield* Identifiers.toArn(keyId, place))
    return { KeyMetadata: yield* metadataOf(control, key) }
  })

/** The first of a multi-Region key and its replicas is the primary. */
const relatedTo = (control: Control, { arn }: EmbeddedKms.KeyInfo): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(
    control.keys,
    (keys) => keys.map((key) => key.arn).filter((other) => other === arn || KeyArn.mrkMatchForDecrypt(other, arn))
  )

/** API reference of AWS KMS: `KeyMetadata`. Dates are in seconds. */
const metadataOf = Effect.fnUntraced(function*(control: Control, key: EmbeddedKms.KeyInfo) {
  const { arn, creationDate, deletionDate, keySpec, keyUsage, state } = key
  const { account, keyId, ...parts } = KeyArn.parseKeyArn(arn)!
  const isMultiRegion = KeyArn.isMultiRegion({ ...parts, account, keyId })
  const related = (yield* relatedTo(control, key)).map((Arn) => ({ Arn, Region: KeyArn.region(Arn) }))
  const [PrimaryKey, ...ReplicaKeys] = related
  return {
    AWSAccountId: account,
    KeyId: keyId,
    Arn: arn,
    CreationDate: creationDate / 1000,
    ...deletionDate === undefined ? {} : { DeletionDate: deletionDate / 1000 },
    Enabled: state === "Enabled",
    Description: "",
    KeyUsage: keyUsage,
    KeyState: state,
    Origin: "AWS_KMS",
    KeyManager: "CUSTOMER",
    CustomerMasterKeySpec: keySpec,
    KeySpec: keySpec,
    ...algorithmsOf(keySpec),
    MultiRegion: isMultiRegion,
    ...isMultiRegion
      ? {
        MultiRegionConfiguration: {
          MultiRegionKeyType: PrimaryKey?.Arn === arn ? "PRIMARY" : "REPLICA",
          PrimaryKey,
          ReplicaKeys
        }
      }
      : {}
  }
})

const notPendingDeletion = ({ arn, state }: EmbeddedKms.KeyInfo): Effect.Effect<void, Fault> =>
  state === "PendingDeletion" ? fail("KMSInvalidStateException", `${arn} is pending deletion.`) : Effect.void

const readReplicateKey = /*#__PURE__*/ reader({ required: ["keyId", "replicaRegion"] })

const replicateKey = (control: Control): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const { keyId, replicaRegion } = yield* Effect.fromResult(readReplicateKey(body))
    const key = yield* describe(control, yield* Identifiers.toKeyArn(keyId, place))
    const { arn, state } = key
    const related = yield* relatedTo(control, key)
    if (!KeyArn.isMultiRegion(KeyArn.parseKeyArn(arn)!) || related[0] !== arn) {
      return yield* fail("UnsupportedOperationException", `${arn} is no primary key of a multi-Region key.`)
    }
    yield* notPendingDeletion(key)
    if (state === "Disabled") return yield* fail("DisabledException", `${arn} is disabled.`)
    if (related.some((other) => KeyArn.region(other) === replicaRegion)) {
      return yield* fail("AlreadyExistsException", `There is a key of ${arn} in ${replicaRegion} already.`)
    }
    const replica = yield* Effect.mapError(control.replicateKey(arn, replicaRegion), toFault)
    return { ReplicaKeyMetadata: yield* metadataOf(control, yield* describe(control, replica)) }
  })

const readKey = /*#__PURE__*/ reader({ required: ["keyId"] })

const setState = (control: Control, state: "Enabled" | "Disabled"): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const { keyId } = yield* Effect.fromResult(readKey(body))
    const key = yield* describe(control, yield* Identifiers.toKeyArn(keyId, place))
    yield* notPendingDeletion(key)
    yield* Effect.mapError(control.setKeyState(key.arn, state), toFault)
    return undefined
  })

const readScheduleKeyDeletion = /*#__PURE__*/ reader({ required: ["keyId"], optional: ["pendingWindowInDays"] })

const scheduleKeyDeletion = (control: Control): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const { keyId, pendingWindowInDays = 30 } = yield* Effect.fromResult(readScheduleKeyDeletion(body))
    const key = yield* describe(control, yield* Identifiers.toKeyArn(keyId, place))
    yield* notPendingDeletion(key)
    const { arn, deletionDate, state } = yield* Effect.mapError(
      control.scheduleKeyDeletion(key.arn, pendingWindowInDays),
      toFault
    )
    return {
      KeyId: arn,
      DeletionDate: deletionDate! / 1000,
      KeyState: state,
      PendingWindowInDays: pendingWindowInDays
    }
  })

const readCreateAlias = /*#__PURE__*/ reader({ required: ["aliasName", "targetKeyId"] })

const createAlias = (control: Control): Operation =>
  Effect.fnUntraced(function*(body, place) {
    const { aliasName, targetKeyId } = yield* Effect.fromResult(readCreateAlias(body))
    if (!/^alias\/[a-zA-Z0-9/_-]+$/.test(aliasName)) {
      return yield* Effect.fail(
        invalid("AliasName", "must begin with alias/, and go on with letters, digits, /, _ and -")
      )
    }
    if (aliasName.startsWith("alias/aws/")) {
      return yield* fail("NotAuthorizedException", `${quoted(aliasName)} is a name of AWS.`)
    }
    const key = yield* describe(control, yield* targetOf(targetKeyId, place))
    yield* notPendingDeletion(key)
    const existing = yield* Effect.option(control.describeKey(yield* Identifiers.toArn(aliasName, place)))
    if (existing._tag === "Some") {
      return yield* fail("AlreadyExistsException", `${aliasName} names ${existing.value.arn} already.`)
    }
    yield* Effect.mapError(control.setAlias(aliasName, key.arn), toFault)
    return undefined
  })

const targetOf = (targetKeyId: string, place: Place): Effect.Effect<string, Fault> =>
  /^(arn:.*:)?alias\//.test(targetKeyId)
    ? Effect.fail(invalid("TargetKeyId", "must be a key id or key ARN, and no alias"))
    : Identifiers.toKeyArn(targetKeyId, place)

/** The operations, by their names. */
export const operations = (control: Control): Readonly<Record<string, Operation>> => ({
  CreateKey: createKey(control),
  DescribeKey: describeKey(control),
  ReplicateKey: replicateKey(control),
  EnableKey: setState(control, "Enabled"),
  DisableKey: setState(control, "Disabled"),
  ScheduleKeyDeletion: scheduleKeyDeletion(control),
  CreateAlias: createAlias(control)
})
