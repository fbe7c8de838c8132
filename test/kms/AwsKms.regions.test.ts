/**
 * The Regions that keyrings call, by a client supplier: framework/aws-kms/aws-kms-multi-keyrings.md and
 * framework/aws-kms/aws-kms-mrk-multi-keyrings.md. A regional client supplier is the `Kms` layer's own here, and no option of
 * keyrings.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { DataKey, type Keyring, type KeyringError } from "effect-encryption-sdk"
import { Kms, KmsDiscoveryKeyring, KmsKeyring, KmsMrkDiscoveryKeyring, KmsMrkKeyring } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { keyBytes } from "../support/keyringContract.ts"
import { alias, edk, one, three, toDecrypt, toEncrypt, two } from "../support/kmsKeyring.ts"

const replica = two.replace("us-east-1", "ap-south-1")

/** The Regions that a supplier is called with for a request. It has no clients, so that every call fails. */
const regionsOf = Effect.fnUntraced(function*(
  make: Effect.Effect<Keyring.Keyring, KeyringError.KeyringError, Kms.Kms | Kms.KmsDecrypt>,
  request: "decrypt" | "generate" | "wrap"
) {
  const regions: Array<string | undefined> = []
  const keyring = yield* Effect.provide(
    make,
    AwsKms.layerSupplier((region) => {
      regions.push(region)
      return undefined
    })
  )
  const plaintextDataKey = request === "wrap" ? DataKey.make(keyBytes(32)) : undefined
  yield* Effect.exit(
    request === "decrypt"
      ? Effect.asVoid(keyring.onDecrypt(toDecrypt(), [one, two, three].map((arn) => edk("aws-kms", arn))))
      : Effect.asVoid(keyring.onEncrypt(toEncrypt({ plaintextDataKey })))
  )
  return regions
})

describe("keyrings over Regions", () => {
  for (
    const [section, module] of [
      ["multi #aws-kms-multi-keyring", KmsKeyring],
      ["mrk-multi #aws-kms-mrk-multi-keyring", KmsMrkKeyring]
    ] as const
  ) {
    it.effect(`${section}: the client is that of the Region of the generator's ARN`, () =>
      Effect.gen(function*() {
        const make = module.make({ generatorKeyId: three, keyIds: [one] })
        assert.deepStrictEqual(yield* regionsOf(make, "generate"), ["eu-central-1"])
      }))

    it.effect(`${section}: and of each child's ARN; the AWS SDK chooses for a name without one`, () =>
      Effect.gen(function*() {
        for (const [key, region] of [[one, "us-east-1"], [three, "eu-central-1"], [alias, undefined]] as const) {
          assert.deepStrictEqual(yield* regionsOf(module.make({ keyIds: [key] }), "wrap"), [region])
        }
        const make = module.make({ generatorKeyId: one, keyIds: [three] })
        assert.deepStrictEqual(yield* regionsOf(make, "decrypt"), ["us-east-1", "eu-central-1"])
      }))
  }

  it.effect("mrk-multi #aws-kms-mrk-multi-keyring: a replica is called in the Region that is configured", () =>
    Effect.gen(function*() {
      const make = KmsMrkKeyring.make({ generatorKeyId: replica })
      assert.deepStrictEqual(yield* regionsOf(make, "decrypt"), ["ap-south-1"])
    }))

  it.effect("multi #aws-kms-discovery-multi-keyring: the given Regions, and no others", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* regionsOf(KmsDiscoveryKeyring.make(), "decrypt"), [
        "us-east-1",
        "us-east-1",
        "eu-central-1"
      ])
      const make = KmsDiscoveryKeyring.make({ regions: ["eu-central-1", "ap-south-1"] })
      assert.deepStrictEqual(yield* regionsOf(make, "decrypt"), ["eu-central-1"])
    }))

  it.effect("mrk-multi #aws-kms-mrk-discovery-multi-keyring: the given Regions, and no others", () =>
    Effect.gen(function*() {
      const make = KmsMrkDiscoveryKeyring.make({ regions: ["eu-central-1", "ap-south-1"] })
      assert.deepStrictEqual(yield* regionsOf(make, "decrypt"), ["eu-central-1", "eu-central-1", "ap-south-1"])
    }))
})
