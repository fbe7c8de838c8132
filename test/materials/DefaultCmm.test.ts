import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import {
  AlgorithmSuite,
  CommitmentPolicy,
  type CryptographicMaterials,
  CryptographicMaterialsManager,
  DataKey,
  DefaultCmm,
  Keyring,
  KeyringError,
  Receipt
} from "effect-encryption-sdk"
import { Primitives } from "effect-encryption-sdk/crypto"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { isZero } from "../support/bytes.ts"
import { decryptFailure, encryptFailure, fieldsOf, managerOf, policyFor } from "../support/client.ts"
import { carelessKeyring, recordingKeyring, staticKeyring } from "../support/keyrings.ts"
import { signed, uncommitted, unsigned } from "../support/suites.ts"
import { encryptionRequest } from "../support/materials.ts"

type DecryptRequest = CryptographicMaterialsManager.DecryptMaterialsRequest

const toDecrypt = (
  materials: CryptographicMaterials.EncryptionMaterials,
  changes: Partial<DecryptRequest> = {}
): DecryptRequest => ({
  algorithmSuite: materials.algorithmSuite,
  commitmentPolicy: policyFor(materials.algorithmSuite),
  encryptedDataKeys: materials.encryptedDataKeys,
  encryptionContext: materials.encryptionContext,
  expectedEncryptionContext: {},
  ...changes
})

const bytesOf = (materials: { readonly plaintextDataKey: DataKey.DataKey }) =>
  new Uint8Array(DataKey.value(materials.plaintextDataKey))

describe("DefaultCmm", () => {
  describe("getEncryptionMaterials", () => {
    it.effect("required keys are read once, though the request changes while a signing key is made", () =>
      Effect.gen(function*() {
        const primitives = yield* Primitives.Primitives
        const request = { ...encryptionRequest({ algorithmSuite: signed }) }
        const manager = yield* Effect.provideService(
          DefaultCmm.make(recordingKeyring().keyring),
          Primitives.Primitives,
          {
            ...primitives,
            generateSigningKey: (curve) =>
              Effect.tap(primitives.generateSigningKey(curve), () =>
                Effect.sync(() => {
                  request.requiredEncryptionContextKeys = ["aws-crypto-public-key"]
                }))
          }
        )
        const { materials } = yield* manager.getEncryptionMaterials(request)
        assert.deepStrictEqual(materials.requiredEncryptionContextKeys, [])
      }).pipe(Effect.provide(TestPrimitives.layer)))

    for (const algorithmSuite of AlgorithmSuite.all) {
      it.effect(`${algorithmSuite.name}: materials that decrypt again`, () =>
        Effect.gen(function*() {
          const manager = yield* managerOf(recordingKeyring().keyring)
          const commitmentPolicy = policyFor(algorithmSuite)
          const { materials, receipt } = yield* manager.getEncryptionMaterials(
            encryptionRequest({ algorithmSuite, commitmentPolicy })
          )
          assert.strictEqual(receipt, Receipt.uncached)
          assert.strictEqual(materials.algorithmSuite, algorithmSuite)
          const decrypted = yield* manager.decryptMaterials(toDecrypt(materials))
          assert.strictEqual(decrypted.receipt, Receipt.uncached)
          assert.deepStrictEqual(bytesOf(decrypted.materials), bytesOf(materials))
          assert.deepStrictEqual(decrypted.materials.unwrappedDataKey, materials.encryptedDataKeys[0])

          const { signature } = algorithmSuite
          assert.strictEqual(materials.signingKey === undefined, signature === undefined)
          assert.strictEqual(decrypted.materials.verificationKey === undefined, signature === undefined)
          if (signature === undefined) {
            assert.deepStrictEqual({ ...materials.encryptionContext }, { tenant: "a" })
          } else {
            const publicKey = Buffer.from(materials.encryptionContext["aws-crypto-public-key"]!, "base64")
            assert.strictEqual(publicKey.length, signature.curve === "P-256" ? 33 : 49)
            assert.include([2, 3], publicKey[0])
            const message = Buffer.from("signed")
            const primitives = TestPrimitives.make
            const made = yield* primitives.sign(materials.signingKey!, message)
            assert.isTrue(yield* primitives.verify(decrypted.materials.verificationKey!, message, made))
          }
        }))
    }

    it.effect("makes a key pair for every request", () =>
      Effect.gen(function*() {
        const manager = yield* managerOf(recordingKeyring().keyring)
        const first = yield* manager.getEncryptionMaterials(encryptionRequest())
        const second = yield* manager.getEncryptionMaterials(encryptionRequest())
        assert.notStrictEqual(
          first.materials.encryptionContext["aws-crypto-public-key"],
          second.materials.encryptionContext["aws-crypto-public-key"]
        )
      }))

    it.effect("chooses the policy's default suite", () =>
      Effect.gen(function*() {
        const manager = yield* managerOf(recordingKeyring().keyring)
        for (const commitmentPolicy of CommitmentPolicy.CommitmentPolicy.literals) {
          const { materials } = yield* manager.getEncryptionMaterials(encryptionRequest({ commitmentPolicy }))
          assert.strictEqual(materials.algorithmSuite, CommitmentPolicy.defaultAlgorithmSuite(commitmentPolicy))
        }
      }))

    it.effect("gives the keyring a context with the public key, and leaves the caller's own alone", () =>
      Effect.gen(function*() {
        const { encryptions, keyring } = recordingKeyring()
        const manager = yield* managerOf(keyring)
        const encryptionContext = { tenant: "a" }
        const { materials } = yield* manager.getEncryptionMaterials(encryptionRequest({ encryptionContext }))
        assert.deepStrictEqual(Object.keys(encryptions[0]!.encryptionContext), ["tenant", "aws-crypto-public-key"])
        assert.strictEqual(encryptions[0]!.encryptionContext, materials.encryptionContext)
        assert.deepStrictEqual(encryptionContext, { tenant: "a" })
        assert.isUndefined(encryptions[0]!.plaintextDataKey)
        assert.deepStrictEqual(encryptions[0]!.encryptedDataKeys, [])
      }))

    it.effect("passes on the required keys", () =>
      Effect.gen(function*() {
        const { encryptions, keyring } = recordingKeyring()
        const manager = yield* managerOf(keyring)
        const { materials } = yield* manager.getEncryptionMaterials(
          encryptionRequest({ requiredEncryptionContextKeys: ["tenant"] })
        )
        assert.deepStrictEqual(materials.requiredEncryptionContextKeys, ["tenant"])
        assert.deepStrictEqual(encryptions[0]!.requiredEncryptionContextKeys, ["tenant"])
      }))

    it.effect("refuses what may not be asked, without asking the keyring", () =>
      Effect.gen(function*() {
        const { encryptions, keyring } = recordingKeyring()
        const manager = yield* managerOf(keyring)
        const reserved =
          "encryption context: key \"aws-crypto-public-key\": keys that begin with aws-crypto- are reserved"
        const cases: ReadonlyArray<readonly [object, string]> = [
          [{ encryptionContext: { "aws-crypto-public-key": "x" } }, reserved],
          [{ encryptionContext: { "aws-crypto-public-key": "x" }, algorithmSuite: unsigned }, reserved],
          [{ encryptionContext: { a: 1 } }, "encryption context: key \"a\": value must be a string, got number"],
          [
            { requiredEncryptionContextKeys: ["tenant", "other"] },
            "encryption context: key \"other\": is required, and missing"
          ],
          [
            { algorithmSuite: uncommitted },
            "commitment policy RequireEncryptRequireDecrypt does not allow ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256"
          ],
          [
            { commitmentPolicy: "ForbidEncryptAllowDecrypt", algorithmSuite: unsigned },
            "commitment policy ForbidEncryptAllowDecrypt does not allow ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY"
          ],
          [{ algorithmSuite: 0x0578 }, "algorithmSuite: must be one of the eleven suites of AlgorithmSuite"]
        ]
        for (const [changes, message] of cases) {
          const reason = yield* encryptFailure(manager.getEncryptionMaterials(encryptionRequest(changes)))
          assert.strictEqual(reason.message, message)
        }
        assert.strictEqual(encryptions.length, 0)
      }))

    it.effect("passes on the keyring's failure", () =>
      Effect.gen(function*() {
        const error = new KeyringError.KeyringError({
          keyring: "Broken",
          operation: "onEncrypt",
          reason: new KeyringError.DataKeyNotWrapped({
            keyName: "key",
            failure: "Throttled",
            code: "ThrottlingException",
            isRetryable: true
          })
        })
        const manager = yield* managerOf(
          Keyring.make({ ...recordingKeyring().keyring, onEncrypt: () => Effect.fail(error) })
        )
        const failure = yield* Effect.flip(manager.getEncryptionMaterials(encryptionRequest()))
        assert.strictEqual(failure.reason, error)
        assert.isTrue(failure.isRetryable)
      }))
  })

  describe("decryptMaterials", () => {
    it.effect("the suite that the policy allows is the one that is used", () =>
      Effect.gen(function*() {
        const manager = yield* managerOf(recordingKeyring().keyring)
        const { materials } = yield* manager.getEncryptionMaterials(encryptionRequest({ algorithmSuite: unsigned }))
        const suites = [unsigned, uncommitted]
        const request = toDecrypt(materials)
        const lying = Object.defineProperty({ ...request }, "algorithmSuite", { get: () => suites.shift() })
        const { materials: lied } = yield* manager.decryptMaterials(lying)
        assert.strictEqual(lied.algorithmSuite, unsigned)
      }))

    const made = Effect.fnUntraced(function*(
      options: { readonly suite?: AlgorithmSuite.AlgorithmSuite; readonly edks?: number } = {}
    ) {
      const recording = recordingKeyring({ encryptedDataKeys: options.edks ?? 1 })
      const manager = yield* managerOf(recording.keyring)
      const algorithmSuite = options.suite ?? signed
      const { materials } = yield* manager.getEncryptionMaterials(
        encryptionRequest({
          algorithmSuite,
          commitmentPolicy: policyFor(algorithmSuite),
          encryptionContext: { a: "1", b: "2" }
        })
      )
      return { ...recording, manager, materials }
    })

    it.effect("compares each pair that is in both contexts, and asks no keyring where one differs", () =>
      Effect.gen(function*() {
        const { decryptions, manager, materials } = yield* made()
        for (
          const [expectedEncryptionContext, key] of [
            [{ a: "2" }, "a"],
            [{ a: "1", b: "" }, "b"],
            [{ "aws-crypto-public-key": "x" }, "aws-crypto-public-key"]
          ] as const
        ) {
          const reason = yield* decryptFailure(
            manager.decryptMaterials(toDecrypt(materials, { expectedEncryptionContext }))
          )
          assert.deepStrictEqual(fieldsOf(reason), { _tag: "EncryptionContextMismatch", key })
        }
        assert.strictEqual(decryptions.length, 0)
        const answer = yield* manager.decryptMaterials(
          toDecrypt(materials, { expectedEncryptionContext: materials.encryptionContext })
        )
        assert.deepStrictEqual(answer.materials.requiredEncryptionContextKeys, [])
      }))

    it.effect("adds pairs that were expected and not stored, and requires them", () =>
      Effect.gen(function*() {
        const { decryptions, manager, materials } = yield* made()
        const { b, ...stored } = materials.encryptionContext
        const answer = yield* manager.decryptMaterials(
          toDecrypt(materials, { encryptionContext: stored, expectedEncryptionContext: { a: "1", b: b! } })
        )
        assert.deepStrictEqual(answer.materials.requiredEncryptionContextKeys, ["b"])
        assert.deepStrictEqual({ ...answer.materials.encryptionContext }, { ...materials.encryptionContext })
        assert.deepStrictEqual({ ...decryptions[0]!.encryptionContext }, { ...materials.encryptionContext })
        assert.deepStrictEqual(decryptions[0]!.requiredEncryptionContextKeys, ["b"])
      }))

    it.effect("adds __proto__ like any other key", () =>
      Effect.gen(function*() {
        const manager = yield* managerOf(staticKeyring(new Uint8Array(32).fill(1)))
        const { materials } = yield* manager.getEncryptionMaterials(encryptionRequest({ algorithmSuite: unsigned }))
        const expectedEncryptionContext = JSON.parse("{\"__proto__\":\"x\"}") as Record<string, string>
        const answer = yield* manager.decryptMaterials(toDecrypt(materials, { expectedEncryptionContext }))
        assert.deepStrictEqual(answer.materials.requiredEncryptionContextKeys, ["__proto__"])
        assert.deepStrictEqual(Object.entries(answer.materials.encryptionContext), [["tenant", "a"], [
          "__proto__",
          "x"
        ]])
      }))

    it.effect("takes the library's own pairs from the message alone", () =>
      Effect.gen(function*() {
        const { decryptions, manager, materials } = yield* made()
        const { "aws-crypto-public-key": publicKey, ...stored } = materials.encryptionContext
        const reason = yield* decryptFailure(manager.decryptMaterials(toDecrypt(materials, {
          encryptionContext: stored,
          expectedEncryptionContext: { "aws-crypto-public-key": publicKey! }
        })))
        assert.deepStrictEqual(fieldsOf(reason), { _tag: "EncryptionContextMismatch", key: "aws-crypto-public-key" })
        assert.strictEqual(decryptions.length, 0)
      }))

    it.effect("wants a public key if and only if the suite signs, and a right one", () =>
      Effect.gen(function*() {
        const { decryptions, manager, materials } = yield* made()
        const messageOf = (changes: Partial<DecryptRequest>) =>
          Effect.map(
            decryptFailure(manager.decryptMaterials(toDecrypt(materials, changes))),
            (reason) => reason.message
          )
        const of = (publicKey: string) => ({ encryptionContext: { "aws-crypto-public-key": publicKey } })
        const name = "encryption context: key \"aws-crypto-public-key\":"
        const point = Buffer.from(materials.encryptionContext["aws-crypto-public-key"]!, "base64")
        const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")
        assert.strictEqual(yield* messageOf({ encryptionContext: {} }), `${name} is missing, the message's suite signs`)
        assert.strictEqual(
          yield* messageOf({ algorithmSuite: unsigned }),
          `${name} is there, the message's suite does not sign`
        )
        assert.strictEqual(yield* messageOf(of("?")), `${name} is not base64`)
        for (
          const wrong of [
            "",
            encode(point.subarray(0, 48)),
            encode(Buffer.concat([point, Buffer.of(0)])),
            encode(Buffer.concat([Buffer.of(4), point.subarray(1)])),
            encode(Buffer.concat([Buffer.of(0), point.subarray(1)])),
            encode(Buffer.concat([Buffer.of(2), Buffer.alloc(48, 0xff)]))
          ]
        ) {
          assert.strictEqual(yield* messageOf(of(wrong)), `${name} is not a public key of P-384`)
        }
        assert.strictEqual(decryptions.length, 0)
      }))

    it.effect("holds the commitment policy, without asking the keyring", () =>
      Effect.gen(function*() {
        const { decryptions, manager, materials } = yield* made({
          suite: uncommitted
        })
        const reason = yield* decryptFailure(
          manager.decryptMaterials(toDecrypt(materials, { commitmentPolicy: "RequireEncryptRequireDecrypt" }))
        )
        assert.strictEqual(reason._tag, "CommitmentPolicyViolation")
        assert.strictEqual(decryptions.length, 0)
        yield* manager.decryptMaterials(toDecrypt(materials, { commitmentPolicy: "RequireEncryptAllowDecrypt" }))
      }))

    it.effect("says which encrypted data key was unwrapped", () =>
      Effect.gen(function*() {
        const { manager, materials } = yield* made({ edks: 3 })
        const [, second, third] = materials.encryptedDataKeys
        const answer = yield* manager.decryptMaterials(toDecrypt(materials, { encryptedDataKeys: [third!, second!] }))
        assert.deepStrictEqual(answer.materials.unwrappedDataKey, third)
        assert.notDeepEqual(answer.materials.unwrappedDataKey, second)
      }))

    it.effect("has a row for each encrypted data key where none is the keyring's own", () =>
      Effect.gen(function*() {
        const { materials } = yield* made({ edks: 2 })
        const manager = yield* managerOf(recordingKeyring({ name: "Other" }).keyring)
        const error = yield* Effect.flip(manager.decryptMaterials(toDecrypt(materials)))
        assert.strictEqual(
          error.message,
          "decrypt: no encrypted data key could be unwrapped\n" +
            "  #0 RecordingKeyring … — Other: skipped, it is another keyring's\n" +
            "  #1 RecordingKeyring … — Other: skipped, it is another keyring's"
        )
        assert.isFalse(error.isRetryable)
      }))

    it.effect("has the keyring's rows where its own encrypted data keys are broken", () =>
      Effect.gen(function*() {
        const { manager, materials } = yield* made()
        const error = yield* Effect.flip(manager.decryptMaterials(
          toDecrypt(materials, { encryptionContext: { ...materials.encryptionContext, a: "other" } })
        ))
        assert.strictEqual(
          error.message,
          "decrypt: no encrypted data key could be unwrapped\n" +
            "  #0 RecordingKeyring … — RecordingKeyring: attempted, InvalidCiphertext (ContextOrCiphertext)"
        )
      }))

    it.effect("passes on another failure of the keyring", () =>
      Effect.gen(function*() {
        const { materials } = yield* made()
        const error = new KeyringError.KeyringError({
          keyring: "Broken",
          operation: "onDecrypt",
          reason: new KeyringError.KeyringMisconfigured({ field: "privateKey", description: "is missing" })
        })
        const manager = yield* managerOf(
          Keyring.make({ ...recordingKeyring().keyring, onDecrypt: () => Effect.fail(error) })
        )
        assert.strictEqual(yield* decryptFailure(manager.decryptMaterials(toDecrypt(materials))), error)
      }))
  })

  const keyrings = [
    ["hands out data keys that are zeroed when the scope closes", () => recordingKeyring()],
    [
      "zeroes the data keys of a keyring that registers nothing with the scope",
      () => carelessKeyring(new Uint8Array(32).fill(9))
    ]
  ] as const
  for (const [title, make] of keyrings) {
    it.effect(title, () =>
      Effect.gen(function*() {
        const { handedOut, keyring } = make()
        const manager = yield* managerOf(keyring)
        const scope = yield* Scope.make()
        const { materials } = yield* Scope.provide(manager.getEncryptionMaterials(encryptionRequest()), scope)
        yield* Scope.provide(manager.decryptMaterials(toDecrypt(materials)), scope)
        assert.strictEqual(handedOut.length, 2)
        assert.isFalse(handedOut.some(isZero))
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(handedOut.every(isZero))
      }))
  }

  it.effect("is a layer over the program's keyring", () =>
    Effect.gen(function*() {
      const { encryptions, keyring } = recordingKeyring()
      const manager = yield* CryptographicMaterialsManager.CryptographicMaterialsManager.pipe(Effect.provide(
        DefaultCmm.layer.pipe(
          Layer.provide(Layer.succeed(Keyring.Keyring, keyring)),
          Layer.provide(TestPrimitives.layer)
        )
      ))
      yield* manager.getEncryptionMaterials(encryptionRequest())
      assert.strictEqual(encryptions.length, 1)
    }))
})
