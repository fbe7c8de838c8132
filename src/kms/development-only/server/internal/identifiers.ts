/**
 * Names of keys in the Region of a call.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { quoted } from "../../../../internal/printable.ts"
import * as KeyArn from "../../../KeyArn.ts"
import type { Fault } from "./fault.ts"
import { fail } from "./fault.ts"

/** Region and account of a call. */
export interface Place {
  readonly region: string
  readonly account: string
}

/** The key ARN or alias ARN that an identifier means there. An ARN of another Region is not found, as at AWS KMS. */
export const toArn = (identifier: string, { account, region }: Place): Effect.Effect<string, Fault> =>
  Effect.suspend(() => {
    const parsed = KeyArn.parse(identifier)
    if (Result.isFailure(parsed)) {
      return identifier.startsWith("arn:")
        ? fail("InvalidArnException", parsed.failure.message)
        : fail("NotFoundException", `Invalid keyId ${quoted(identifier)}`)
    }
    const id = parsed.success
    if ("region" in id) {
      return id.region === region ? Effect.succeed(identifier) : fail("NotFoundException", `Invalid arn ${id.region}`)
    }
    const arn = { partition: "aws", account, region }
    return Effect.succeed(KeyArn.format(
      id._tag === "KeyId"
        ? { ...arn, _tag: "KeyArn", keyId: id.keyId }
        : { ...arn, _tag: "AliasArn", aliasName: id.aliasName }
    ))
  })

/** As `toArn`, for operations that take no alias. */
export const toKeyArn = (identifier: string, place: Place): Effect.Effect<string, Fault> =>
  Effect.flatMap(
    toArn(identifier, place),
    (arn) =>
      KeyArn.isKeyArn(arn) ? Effect.succeed(arn) : fail("NotFoundException", `Invalid keyId ${quoted(identifier)}`)
  )

/** The ARN of the key that wrapped a ciphertext, in the Region of the call where it has a replica there. */
export const wrappingKey = (arn: string | undefined, { region }: Place): Effect.Effect<string, Fault> =>
  Effect.suspend(() => {
    const parsed = arn === undefined ? undefined : KeyArn.parseKeyArn(arn)
    if (parsed === undefined) return fail("InvalidCiphertextException", "")
    const here = KeyArn.isMultiRegion(parsed) ? { ...parsed, region } : parsed
    return here.region === region ? Effect.succeed(KeyArn.format(here)) : noAccess
  })

/** The response for a key that a ciphertext names, and that cannot be used. */
export const noAccess = /*#__PURE__*/ fail(
  "AccessDeniedException",
  "The ciphertext names a key that is not there in this Region."
)
