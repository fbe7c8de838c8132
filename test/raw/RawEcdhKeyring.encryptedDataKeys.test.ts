/** framework/raw-ecdh-keyring.md#ondecrypt: encrypted data keys that are another's, and those that do not unwrap. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { KeyAgreement } from "effect/crypto"
import { DataKey, type EncryptedDataKey } from "effect-encryption-sdk"
import { RawEcdhKeyring } from "effect-encryption-sdk/raw"
import { concat, flip, isZero, patch } from "../support/bytes.ts"
import { failureOf } from "../support/client.ts"
import * as ecdh from "../support/ecdh.ts"
import { attempts, errorsOf, keyBytes, passesOver, unwrapped } from "../support/keyringContract.ts"
import { decryptionMaterials, exampleContext } from "../support/materials.ts"
import { recordingPrimitives } from "../support/recordingPrimitives.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"

type Edk = EncryptedDataKey.EncryptedDataKey

const sender = await ecdh.generate("P-256")
const recipient = await ecdh.generate("P-256")
const stranger = await ecdh.generate("P-256")
const elsewhere = [await ecdh.generate("P-384"), await ecdh.generate("P-384")] as const

const between: RawEcdhKeyring.Options = {
  curve: "P-256",
  keyAgreement: {
    _tag: "RawPrivateKeyToStaticPublicKey",
    senderPrivateKey: Redacted.make(sender.privatePem),
    recipientPublicKey: recipient.spki
  }
}
const ofRecipient: RawEcdhKeyring.Options = {
  curve: "P-256",
  keyAgreement: { _tag: "PublicKeyDiscovery", recipientPrivateKey: Redacted.make(recipient.privatePem) }
}
const options = { RawPrivateKeyToStaticPublicKey: between, PublicKeyDiscovery: ofRecipient }

/** Counts the shared secrets that were derived. */
const counting = () => {
  let count = 0
  const layer = Layer.effect(
    KeyAgreement.KeyAgreement,
    Effect.map(KeyAgreement.KeyAgreement, (service) => ({
      ...service,
      deriveSharedSecret: ((privateKey, publicKey) => {
        count++
        return service.deriveSharedSecret(privateKey, publicKey)
      }) as typeof service.deriveSharedSecret
    }))
  ).pipe(Layer.provide(ecdh.keyAgreementLayer))
  return { layer, count: () => count }
}

const make = (options: RawEcdhKeyring.Options, layer = ecdh.keyAgreementLayer) =>
  Effect.provide(RawEcdhKeyring.make(options), [TestPrimitives.layer, layer])

const { notUnwrapped } = errorsOf("RawEcdhKeyring")
const invalid = (code: string) => ({ failure: "InvalidCiphertext", code, isRetryable: false } as const)

const good = await Effect.runPromise(ecdh.wrapByHand(sender, recipient, keyBytes(32)))
const info = good.keyProviderInfo
const withInfo = (keyProviderInfo: Uint8Array): Edk => ({ ...good, keyProviderInfo })
const withCiphertext = (ciphertext: Uint8Array): Edk => ({ ...good, ciphertext })

const noPoint = new Uint8Array(33)
noPoint[0] = 2
noPoint[32] = 1

/** Compressed bytes that are no point of P-256, found by trying. */
const offCurve = await (async () => {
  for (let i = 0;; i++) {
    const bytes = patch(noPoint, 32, [i])
    const spki = concat(ecdh.compressedSpkiPrefix, bytes)
    const algorithm = { name: "ECDH", namedCurve: "P-256" }
    const isPoint = await globalThis.crypto.subtle.importKey("spki", new Uint8Array(spki), algorithm, true, []).then(
      () => true,
      () => false
    )
    if (!isPoint) return bytes
  }
})()

const notTheTwo = "its public keys are not the two of this keyring"
const notTheRecipient = "its recipient's public key is not this keyring's"
const wrongLength = (length: number) =>
  `its key provider information is ${length} bytes, two public keys on P-256 take 75`

const rowsOfAll = [
  ["another provider", { ...good, keyProviderId: "raw-ecdh2" }, "its key provider is not raw-ecdh, nor aws-kms-ecdh"],
  ["AWS KMS", { ...good, keyProviderId: "aws-kms" }, "its key provider is not raw-ecdh, nor aws-kms-ecdh"],
  ["keys on another curve", withInfo(ecdh.infoOf(elsewhere[0].compressed, elsewhere[1].compressed)), wrongLength(107)],
  ["no key provider information", withInfo(new Uint8Array(0)), wrongLength(0)],
  ["a byte less of it", withInfo(info.subarray(0, 74)), wrongLength(74)],
  ["a byte more of it", withInfo(concat(info, Uint8Array.of(0))), wrongLength(76)],
  ["another version", withInfo(patch(info, 0, [2])), "its key provider information is of version 2, not 1"],
  ["keys of other lengths", withInfo(patch(info, 4, [32])), "its public keys are not of 33 bytes each"],
  ["no ciphertext", withCiphertext(new Uint8Array(0)), "its ciphertext is 0 bytes, salt, commitment and tag take 80"],
  [
    "a ciphertext without a whole tag",
    withCiphertext(good.ciphertext.subarray(0, 79)),
    "its ciphertext is 79 bytes, salt, commitment and tag take 80"
  ]
] as const

describe("#ondecrypt with RawPrivateKeyToStaticPublicKey", () => {
  passesOver("RawEcdhKeyring", make(between), [
    ...rowsOfAll,
    ["another sender", withInfo(ecdh.infoOf(stranger.compressed, recipient.compressed)), notTheTwo],
    ["another recipient", withInfo(ecdh.infoOf(sender.compressed, stranger.compressed)), notTheTwo],
    ["the sender for itself", withInfo(ecdh.infoOf(sender.compressed, sender.compressed)), notTheTwo],
    ["the recipient for itself", withInfo(ecdh.infoOf(recipient.compressed, recipient.compressed)), notTheTwo],
    ["another parity", withInfo(flip(info, 5, 1)), notTheTwo],
    ["infinity for the sender", withInfo(ecdh.infoOf(new Uint8Array(33), recipient.compressed)), notTheTwo]
  ])

  it.effect("the pair may be swapped, under the names that were authenticated alone", () =>
    Effect.gen(function*() {
      const keyring = yield* make(between)
      const swapped = yield* ecdh.wrapByHand(recipient, sender, keyBytes(32))
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [swapped]))
      const lie = withInfo(swapped.keyProviderInfo)
      assert.deepStrictEqual(
        yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [lie])),
        notUnwrapped(attempts("RawEcdhKeyring", [lie], invalid("CommitmentMismatch")))
      )
    }))
})

describe("#ondecrypt with PublicKeyDiscovery", () => {
  passesOver("RawEcdhKeyring", make(ofRecipient), [
    ...rowsOfAll,
    ["another recipient", withInfo(ecdh.infoOf(sender.compressed, stranger.compressed)), notTheRecipient],
    ["the sender for itself", withInfo(ecdh.infoOf(sender.compressed, sender.compressed)), notTheRecipient],
    ["the two in the other order", withInfo(ecdh.infoOf(recipient.compressed, sender.compressed)), notTheRecipient],
    ["another parity", withInfo(flip(info, 5, 1)), notTheRecipient]
  ])

  it.effect("a sender that is no point is an attempt that failed, without a shared secret", () =>
    Effect.gen(function*() {
      const { count, layer } = counting()
      const keyring = yield* make(ofRecipient, layer)
      const senders = [
        offCurve,
        new Uint8Array(33),
        patch(new Uint8Array(33).fill(0xff), 0, [2]),
        patch(sender.compressed, 0, [4])
      ]
      const edks = senders.map((sender) => withInfo(ecdh.infoOf(sender, recipient.compressed)))
      const refusal = {
        ...invalid("PublicKeyNotOnCurve"),
        description: "its sender's public key is no point of P-256"
      }
      assert.deepStrictEqual(
        yield* failureOf(keyring.onDecrypt(decryptionMaterials(), edks)),
        notUnwrapped(attempts("RawEcdhKeyring", edks, refusal))
      )
      assert.strictEqual(count(), 0)
      unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [...edks, good]))
    }))

  it.effect("another sender's public key is an attempt that failed", () =>
    Effect.gen(function*() {
      const keyring = yield* make(ofRecipient)
      const edks = [
        withInfo(ecdh.infoOf(stranger.compressed, recipient.compressed)),
        withInfo(ecdh.infoOf(flip(sender.compressed, 0, 1), recipient.compressed))
      ]
      assert.deepStrictEqual(
        yield* failureOf(keyring.onDecrypt(decryptionMaterials(), edks)),
        notUnwrapped(attempts("RawEcdhKeyring", edks, invalid("CommitmentMismatch")))
      )
    }))
})

describe.each(Object.entries(options))("#ondecrypt with %s: attempts that fail", (_, options) => {
  it.effect("salt and commitment by the commitment, wrapped key and tag by the tag", () =>
    Effect.gen(function*() {
      const keyring = yield* make(options)
      const failed = (index: number, code: string) =>
        Effect.gen(function*() {
          const edk = withCiphertext(flip(good.ciphertext, index, 1))
          assert.deepStrictEqual(
            yield* failureOf(keyring.onDecrypt(decryptionMaterials(), [edk])),
            notUnwrapped(attempts("RawEcdhKeyring", [edk], invalid(code)))
          )
        })
      for (const index of [0, 31, 32, 63]) yield* failed(index, "CommitmentMismatch")
      for (const index of [64, 95, 96, 111]) yield* failed(index, "AuthenticationFailed")
    }))

  it.effect("nothing is opened whose commitment is another, and no data key is left of what is not authentic", () =>
    Effect.gen(function*() {
      const recording = recordingPrimitives()
      const keyring = yield* Effect.provide(RawEcdhKeyring.make(options), [recording.layer, ecdh.keyAgreementLayer])
      const open = (index: number) =>
        failureOf(keyring.onDecrypt(decryptionMaterials(), [withCiphertext(flip(good.ciphertext, index, 1))]))
      yield* open(40)
      assert.lengthOf(recording.arrays("open"), 0)
      yield* open(70)
      assert.deepStrictEqual(recording.arrays("open").map(isZero), [true])
    }))

  it.effect("#data-key-wrapping: other fixed information, part by part", () =>
    Effect.gen(function*() {
      const keyring = yield* make(options)
      const byHand = (changes: ecdh.Changes) => ecdh.wrapByHand(sender, recipient, keyBytes(32), changes)
      const edks = [
        yield* byHand({ label: "ECDH-KEY-DERIVATION" }),
        yield* byHand({ curveName: "P-256" }),
        yield* byHand({ order: [recipient.compressed, sender.compressed] }),
        yield* byHand({ order: [sender.point, recipient.point] }),
        yield* byHand({ context: { ...exampleContext, more: "" } }),
        yield* byHand({ secret: yield* Effect.promise(() => ecdh.shared(sender, stranger)) })
      ]
      assert.deepStrictEqual(
        yield* failureOf(keyring.onDecrypt(decryptionMaterials(), edks)),
        notUnwrapped(attempts("RawEcdhKeyring", edks, invalid("CommitmentMismatch")))
      )
      const { plaintextDataKey } = unwrapped(yield* keyring.onDecrypt(decryptionMaterials(), [...edks, good]))
      assert.deepStrictEqual(DataKey.value(plaintextDataKey), keyBytes(32))
    }))
})
