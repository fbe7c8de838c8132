import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result } from "effect"
import {
  AlgorithmSuite,
  CryptographicMaterials,
  DataKey,
  EncryptionContext,
  InvalidMaterials
} from "effect-encryption-sdk"
import type { Primitives } from "effect-encryption-sdk/crypto"
import { withParts } from "../../src/model/CryptographicMaterials.ts"
import { assertFails } from "../support/assertFails.ts"
import { signed, unsigned } from "../support/suites.ts"
import * as checks from "../support/checks.ts"

const dataKey = (length = 32) => DataKey.make(new Uint8Array(length).fill(7))
const edk = { keyProviderId: "p", keyProviderInfo: Uint8Array.of(1), ciphertext: Uint8Array.of(2) }
const signingKey = Redacted.make({}) as unknown as Primitives.SigningKey
const verificationKey = {} as Primitives.VerificationKey

/** What a suite that signs takes besides. */
const signing = { algorithmSuite: signed, signingKey, encryptionContext: { "aws-crypto-public-key": "key" } }

const encryption = (changes: object = {}): CryptographicMaterials.EncryptionMaterials => ({
  algorithmSuite: unsigned,
  encryptionContext: { a: "1", b: "2" },
  requiredEncryptionContextKeys: [],
  encryptedDataKeys: [edk],
  plaintextDataKey: dataKey(),
  signingKey: undefined,
  ...changes
})

const decryption = (changes: object = {}): CryptographicMaterials.CompleteDecryptionMaterials => ({
  algorithmSuite: unsigned,
  encryptionContext: { a: "1", b: "2" },
  requiredEncryptionContextKeys: [],
  plaintextDataKey: dataKey(),
  unwrappedDataKey: edk,
  verificationKey: undefined,
  ...changes
})

const assertInvalid = (result: Result.Result<unknown, unknown>, field: string, description: string) =>
  assertFails(result, InvalidMaterials, { field, description })

const released = () => {
  const key = dataKey()
  DataKey.zero(key)
  return key
}

describe("CryptographicMaterials", () => {
  describe("checkDataKey", () => {
    it("accepts the suite's length, and no other", () => {
      for (const suite of AlgorithmSuite.all) {
        for (const length of [0, 15, 16, 24, 31, 32, 33]) {
          const result = checks.checkDataKey(suite, dataKey(length))
          if (length === suite.dataKeyLength) assert.isTrue(Result.isSuccess(result))
          else {
            assertInvalid(result, "plaintextDataKey", `is ${length} bytes, the suite takes ${suite.dataKeyLength}`)
          }
        }
      }
    })

    it("refuses a key of zeroes, a released one, and what is no key", () => {
      const check = (key: unknown) => checks.checkDataKey(unsigned, key as DataKey.DataKey)
      assertInvalid(check(DataKey.make(new Uint8Array(32))), "plaintextDataKey", "is all zero")
      for (const key of [released(), undefined, null, new Uint8Array(32).fill(1), Redacted.make("x".repeat(32))]) {
        assertInvalid(check(key), "plaintextDataKey", "is no data key, or was released already")
      }
    })
  })

  describe("checkEncryptionMaterials", () => {
    const check = (changes: object) => checks.checkEncryptionMaterials(encryption(changes))

    it("accepts what is complete, and answers it with a context that cannot change", () => {
      const encryptionContext = { a: "1" }
      const materials = Result.getOrThrow(check({ encryptionContext, requiredEncryptionContextKeys: ["a"] }))
      encryptionContext.a = "2"
      assert.deepStrictEqual({ ...materials.encryptionContext }, { a: "1" })
      assert.isTrue(Object.isFrozen(materials.encryptionContext))
      assert.deepStrictEqual(materials.requiredEncryptionContextKeys, ["a"])
      assert.isTrue(Result.isSuccess(check(signing)))
    })

    it("refuses each part that is missing or wrong, and names it", () => {
      assertInvalid(
        checks.checkEncryptionMaterials(
          undefined as unknown as CryptographicMaterials.EncryptionMaterials
        ),
        "materials",
        "are missing"
      )
      assertInvalid(check({ algorithmSuite: 0x0578 }), "algorithmSuite", "is none of the known suites")
      assertInvalid(
        check({ algorithmSuite: { ...unsigned, id: 0x0678 } }),
        "algorithmSuite",
        "is none of the known suites"
      )
      assertInvalid(
        check({ encryptionContext: { a: 1 } }),
        "encryptionContext",
        "encryption context: key \"a\": value must be a string, got number"
      )
      assertInvalid(check({ plaintextDataKey: undefined }), "plaintextDataKey", "is missing")
      assertInvalid(check({ plaintextDataKey: dataKey(16) }), "plaintextDataKey", "is 16 bytes, the suite takes 32")
      assertInvalid(
        check({ plaintextDataKey: released() }),
        "plaintextDataKey",
        "is no data key, or was released already"
      )
      assertInvalid(check({ encryptedDataKeys: [] }), "encryptedDataKeys", "there is none")
      assertInvalid(check({ encryptedDataKeys: undefined }), "encryptedDataKeys", "there is none")
      assertInvalid(
        check({ encryptedDataKeys: Array.from({ length: 65_536 }, () => edk) }),
        "encryptedDataKeys",
        "there are 65536, at most 65535 fit a message"
      )
      assertInvalid(check({ encryptedDataKeys: [null] }), "encryptedDataKeys", "holds what is no encrypted data key")
      assertInvalid(
        check({ encryptedDataKeys: [edk, { ...edk, keyProviderId: "\ud83d" }] }),
        "encryptedDataKeys.keyProviderId",
        "is not well-formed Unicode"
      )
      assertInvalid(
        check({ encryptedDataKeys: [{ ...edk, keyProviderId: "é".repeat(32_768) }] }),
        "encryptedDataKeys.keyProviderId",
        "is 65536 bytes, at most 65535 fit a message"
      )
      for (const field of ["keyProviderInfo", "ciphertext"] as const) {
        assertInvalid(
          check({ encryptedDataKeys: [{ ...edk, [field]: new Uint8Array(65_536) }] }),
          `encryptedDataKeys.${field}`,
          "is 65536 bytes, at most 65535 fit a message"
        )
        assertInvalid(
          check({ encryptedDataKeys: [{ ...edk, [field]: "text" }] }),
          `encryptedDataKeys.${field}`,
          "is no Uint8Array"
        )
      }
      assertInvalid(check({ algorithmSuite: signed }), "signingKey", "is missing, the suite signs")
      assertInvalid(check({ signingKey }), "signingKey", "is there, the suite does not sign")
      assertInvalid(
        check({ algorithmSuite: signed, signingKey }),
        "encryptionContext",
        "\"aws-crypto-public-key\" is missing, the suite signs"
      )
      assertInvalid(
        check({ encryptionContext: { "aws-crypto-public-key": "key" } }),
        "encryptionContext",
        "\"aws-crypto-public-key\" is there, the suite does not sign"
      )
      assertInvalid(
        check({ requiredEncryptionContextKeys: ["a", "c"] }),
        "requiredEncryptionContextKeys",
        "the context has no key \"c\""
      )
      assertInvalid(
        check({ requiredEncryptionContextKeys: ["toString"] }),
        "requiredEncryptionContextKeys",
        "the context has no key \"toString\""
      )
      assertInvalid(
        check({ requiredEncryptionContextKeys: undefined }),
        "requiredEncryptionContextKeys",
        "are missing"
      )
    })

    it("accepts fields of the greatest length", () => {
      const most = new Uint8Array(65_535)
      assert.isTrue(Result.isSuccess(
        check({ encryptedDataKeys: [{ keyProviderId: "a".repeat(65_535), keyProviderInfo: most, ciphertext: most }] })
      ))
    })
  })

  describe("checkDecryptionMaterials", () => {
    const check = (changes: object) => checks.checkDecryptionMaterials(decryption(changes))

    it("accepts what is complete", () => {
      assert.isTrue(Result.isSuccess(check({})))
      assert.isTrue(Result.isSuccess(check({ algorithmSuite: signed, verificationKey })))
      assert.isTrue(Result.isSuccess(check({ requiredEncryptionContextKeys: ["b"] })))
    })

    it("accepts a context that would not fit a message, since a part of it may never have been stored", () => {
      const long = EncryptionContext.pick({ a: "x".repeat(60_000), b: "x".repeat(60_000) }, ["a", "b"])
      assert.isTrue(Result.isSuccess(check({ encryptionContext: long, requiredEncryptionContextKeys: ["b"] })))
    })

    it("refuses each part that is missing or wrong, and names it", () => {
      assertInvalid(
        checks.checkDecryptionMaterials(
          null as unknown as CryptographicMaterials.CompleteDecryptionMaterials
        ),
        "materials",
        "are missing"
      )
      assertInvalid(check({ algorithmSuite: undefined }), "algorithmSuite", "is none of the known suites")
      assertInvalid(check({ plaintextDataKey: dataKey(24) }), "plaintextDataKey", "is 24 bytes, the suite takes 32")
      assertInvalid(check({ plaintextDataKey: DataKey.make(new Uint8Array(32)) }), "plaintextDataKey", "is all zero")
      assertInvalid(check({ algorithmSuite: signed }), "verificationKey", "is missing, the suite signs")
      assertInvalid(check({ verificationKey }), "verificationKey", "is there, the suite does not sign")
      assertInvalid(check({ encryptionContext: undefined }), "encryptionContext", "is missing")
      assertInvalid(
        check({ encryptionContext: { a: "1", [Symbol("s")]: "2" } }),
        "encryptionContext",
        "encryption context: key \"Symbol(s)\": key is a symbol, must be a string"
      )
      assertInvalid(
        check({ unwrappedDataKey: undefined }),
        "unwrappedDataKey",
        "holds what is no encrypted data key"
      )
      assertInvalid(
        check({ unwrappedDataKey: { ...edk, ciphertext: "a" } }),
        "unwrappedDataKey.ciphertext",
        "is no Uint8Array"
      )
      assertInvalid(
        check({ requiredEncryptionContextKeys: ["c"] }),
        "requiredEncryptionContextKeys",
        "the context has no key \"c\""
      )
    })
  })

  describe("materials that were checked", () => {
    const { checkDecryptionMaterials, checkEncryptionMaterials } = checks
    type Materials =
      & CryptographicMaterials.CompleteEncryptionMaterials
      & CryptographicMaterials.CompleteDecryptionMaterials
    const sides = [
      {
        name: "encryption",
        check: (materials: Materials) =>
          Result.map(checkEncryptionMaterials(materials), (checked) => checked as Materials),
        make: (changes?: object) => encryption(changes) as Materials
      },
      {
        name: "decryption",
        check: (materials: Materials) =>
          Result.map(checkDecryptionMaterials(materials), (checked) => checked as Materials),
        make: (changes?: object) => decryption(changes) as Materials
      }
    ]
    const lies = {
      algorithmSuite: signed,
      encryptionContext: { c: "3" },
      requiredEncryptionContextKeys: ["c"],
      encryptedDataKeys: [],
      signingKey,
      verificationKey
    }
    for (const { check, make, name } of sides) {
      describe(name, () => {
        const checked = (changes?: object) => Result.getOrThrow(check(make(changes)))

        it("are returned as they are, and those of a caller are not, though they are frozen", () => {
          const materials = checked()
          assert.strictEqual(Result.getOrThrow(check(materials)), materials)
          const frozen = Object.freeze(make())
          assert.notStrictEqual(Result.getOrThrow(check(frozen)), frozen)
        })

        it("can no longer change, in any part that was checked", () => {
          const context = { a: "1", b: "2" }
          const keys = ["a"]
          const materials = checked({ encryptionContext: context, requiredEncryptionContextKeys: keys })
          context.a = "3"
          keys.push("c")
          assert.deepStrictEqual({ ...materials.encryptionContext }, { a: "1", b: "2" })
          assert.deepStrictEqual(materials.requiredEncryptionContextKeys, ["a"])
          const changes: ReadonlyArray<() => unknown> = [
            () => Object.assign(materials, { algorithmSuite: signed }),
            () => Object.assign(materials, { plaintextDataKey: dataKey(16) }),
            () => Object.assign(materials, { added: 1 }),
            () => Object.assign(materials.encryptionContext, { a: "3" }),
            () => (materials.requiredEncryptionContextKeys as Array<string>).push("c"),
            () => Object.setPrototypeOf(materials, {})
          ]
          for (const change of changes) assert.throws(change, TypeError)
          if (name === "encryption") {
            assert.throws(() => (materials.encryptedDataKeys as Array<unknown>).pop(), TypeError)
            assert.throws(() => Object.assign(materials.encryptedDataKeys[0]!, { keyProviderId: "q" }), TypeError)
          }
        })

        it("are checked again where they were copied, inherited from or wrapped", () => {
          const materials = checked()
          const copies = [{ ...materials }, Object.assign({}, materials), new Proxy(materials, {})]
          for (const copy of copies) assert.notStrictEqual(Result.getOrThrow(check(copy)), copy)
          const wrong: ReadonlyArray<Materials> = [
            { ...materials, algorithmSuite: { ...unsigned, id: 0x0678 } },
            { ...materials, requiredEncryptionContextKeys: ["c"] },
            Object.create(materials, { requiredEncryptionContextKeys: { value: ["c"] } }) as Materials,
            new Proxy({ ...materials }, {
              get: (target, key): unknown => key === "requiredEncryptionContextKeys" ? ["c"] : Reflect.get(target, key)
            })
          ]
          const [suite, ...keys] = wrong
          assertInvalid(check(suite!), "algorithmSuite", "is none of the known suites")
          for (const copy of keys) {
            assertInvalid(check(copy), "requiredEncryptionContextKeys", "the context has no key \"c\"")
          }
        })

        it("are what was checked, whatever a getter returns the next time", () => {
          for (const [part, lie] of Object.entries(lies)) {
            if (!(part in make())) continue
            const given = { ...make() }
            let value: unknown = given[part as keyof Materials]
            Object.defineProperty(given, part, {
              enumerable: true,
              get: () => {
                const now = value
                value = lie
                return now
              }
            })
            const materials = Result.getOrThrow(check(given))
            assert.deepStrictEqual(materials[part as keyof Materials], make()[part as keyof Materials], part)
          }
        })

        it("are rejected all the same once their data key was released or zeroed", () => {
          const materials = checked()
          DataKey.value(materials.plaintextDataKey).fill(0)
          assertInvalid(check(materials), "plaintextDataKey", "is all zero")
          DataKey.zero(materials.plaintextDataKey)
          assertInvalid(check(materials), "plaintextDataKey", "is no data key, or was released already")
        })

        it("stay so with another data key, which is checked by itself", () => {
          const materials = checked()
          const other = withParts(materials, { plaintextDataKey: dataKey() })
          assert.isTrue(Object.isFrozen(other))
          assert.strictEqual(Result.getOrThrow(check(other)), other)
          const wrong = withParts(materials, { plaintextDataKey: dataKey(16) })
          assertInvalid(check(wrong), "plaintextDataKey", "is 16 bytes, the suite takes 32")
          const unchecked = withParts({ ...materials, requiredEncryptionContextKeys: ["c"] }, {
            plaintextDataKey: dataKey()
          })
          assertInvalid(check(unchecked), "requiredEncryptionContextKeys", "the context has no key \"c\"")
        })
      })
    }

    it("of one kind do not pass for the other", () => {
      const toEncrypt = Result.getOrThrow(checkEncryptionMaterials(encryption(signing))) as Materials
      assertInvalid(checkDecryptionMaterials(toEncrypt), "verificationKey", "is missing, the suite signs")
      const toDecrypt = Result.getOrThrow(checkDecryptionMaterials(decryption())) as Materials
      assertInvalid(checkEncryptionMaterials(toDecrypt), "encryptedDataKeys", "there is none")
    })
  })
})
