/** The tests that hold for both discovery keyrings. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { DataKey, type Keyring, type KeyringError, MultiKeyring } from "effect-encryption-sdk"
import { type Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { keyBytes, unwrapped } from "./keyringContract.ts"
import { callsOf, one, reasonOf, TestKms, toDecrypt, toEncrypt, wrapped } from "./kmsKeyring.ts"

/** The filter of the keys of `TestKms`. */
export const discoveryFilter = { partition: "aws", accountIds: ["111122223333"] }

const filter = (changes: object) => ({ discoveryFilter: { ...discoveryFilter, ...changes } })

/** Options that neither takes, for `rejectsOptions`. */
export const badOptions = (owner: string) =>
  [
    [
      "a filter without accounts",
      filter({ accountIds: [] }),
      "discoveryFilter.accountIds",
      /at least one account id/
    ],
    ["a filter of no accounts", filter({ accountIds: undefined }), "discoveryFilter.accountIds", /at least one/],
    ...["", "1111", "1111222233334", "11112222333x", "١١١١٢٢٢٢٣٣٣٣", "111122223333\n"].map((id) =>
      [
        `the account id ${JSON.stringify(id)}`,
        filter({ accountIds: ["444455556666", id] }),
        "discoveryFilter.accountIds[1]",
        `must be a string of 12 digits, got ${JSON.stringify(id)}`
      ] as const
    ),
    [
      "an account id that is a number",
      filter({ accountIds: [111122223333] }),
      "discoveryFilter.accountIds[0]",
      "must be a string of 12 digits, got 111122223333"
    ],
    [
      "no partition",
      filter({ partition: undefined }),
      "discoveryFilter.partition",
      /must be the name of a partition/
    ],
    ["an empty partition", filter({ partition: "" }), "discoveryFilter.partition", /such as aws, got ""/],
    ["an ARN as partition", filter({ partition: "arn:aws" }), "discoveryFilter.partition", /got "arn:aws"/],
    ["a filter that is a text", { discoveryFilter: "aws" }, "discoveryFilter", /object of partition and accountIds/],
    [
      "a filter with an unknown part",
      filter({ accounts: [] }),
      "discoveryFilter.accounts",
      new RegExp(`is no option of ${owner}`)
    ],
    // multi #aws-kms-discovery-multi-keyring and #aws-kms-mrk-discovery-multi-keyring: an empty set of Regions, and an empty Region, MUST fail.
    ["no Region", { regions: [] }, "regions", "must be an array of at least one Region"],
    ["an empty Region", { regions: ["us-east-1", ""] }, "regions[1]", /such as eu-central-1, got ""/],
    ["null for a Region", { regions: [null] }, "regions[0]", /got null/],
    ["a colon in a Region", { regions: ["a:b"] }, "regions[0]", /got "a:b"/],
    ["a Region twice", { regions: ["a", "b", "a"] }, "regions[2]", "is a, which regions[0] names already"],
    ["an empty grant token", { grantTokens: [""] }, "grantTokens[0]", /not empty/]
  ] as ReadonlyArray<readonly [string, object, string, string | RegExp]>

/** It fails where it is to encrypt, and where there is nothing to decrypt. */
export const onlyDecrypts = (
  name: string,
  make: Effect.Effect<Keyring.Keyring, KeyringError.KeyringError, Kms.KmsDecrypt>
) => {
  it.effect("#onencrypt: fails, and calls nothing", () =>
    Effect.gen(function*() {
      const keyring = yield* make
      for (const materials of [toEncrypt(), toEncrypt({ plaintextDataKey: DataKey.make(keyBytes(32)) })]) {
        const { operation, reason } = yield* reasonOf(keyring.onEncrypt(materials), name)
        assert.strictEqual(operation, "onEncrypt")
        assert.deepInclude(reason, { _tag: "KeyringMisconfigured", field: "keyring" })
        assert.match(reason.message, /only decrypts.*encrypt with KmsKeyring or KmsMrkKeyring/)
      }
      const several = yield* MultiKeyring.make({
        generator: yield* KmsKeyring.make({ generatorKeyId: one }),
        children: [keyring]
      })
      yield* reasonOf(several.onEncrypt(toEncrypt()), name)
      assert.deepStrictEqual(yield* callsOf, [`GenerateDataKey ${one}`])
    }).pipe(Effect.provide(TestKms)))

  it.effect("#ondecrypt: materials that have a data key fail, and stay as they are", () =>
    Effect.gen(function*() {
      const keyring = yield* make
      const { encryptedDataKeys } = yield* wrapped({ generatorKeyId: one })
      const plaintextDataKey = DataKey.make(keyBytes(32))
      const materials = { ...toDecrypt(), plaintextDataKey }
      const { reason } = yield* reasonOf(keyring.onDecrypt(materials, encryptedDataKeys), name)
      assert.deepInclude(reason, {
        _tag: "KeyringMisconfigured",
        field: "materials",
        description: "have a data key already"
      })
      assert.deepStrictEqual(materials, { ...toDecrypt(), plaintextDataKey })
      assert.deepStrictEqual(DataKey.value(plaintextDataKey), keyBytes(32))
      unwrapped(yield* keyring.onDecrypt({ ...toDecrypt(), plaintextDataKey: undefined } as never, encryptedDataKeys))
    }).pipe(Effect.provide(TestKms)))
}
