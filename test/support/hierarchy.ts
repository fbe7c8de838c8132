/** Encrypted data keys under branch keys as WebCrypto alone makes and opens them. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { EncryptedDataKey, EncryptionContext } from "effect-encryption-sdk"
import { EncryptionContextCodec } from "effect-encryption-sdk/message"
import { concat, hex, uint32 } from "./bytes.ts"
import { counterMode } from "./ecdh.ts"
import { exampleContext } from "./materials.ts"

const { subtle } = globalThis.crypto
const utf8 = (text: string) => new TextEncoder().encode(text)

export interface Branch {
  readonly branchKeyId: string
  readonly version: string
  readonly key: Uint8Array
}

/** Parts that a test makes otherwise than the specification says. */
export interface Changes {
  readonly context?: EncryptionContext.EncryptionContext
  readonly label?: string
  readonly aadPrefix?: string
  readonly info?: Uint8Array
}

const uuidBytes = (version: string) => hex(version.replaceAll("-", ""))

const derive = async ({ branchKeyId, key, version }: Branch, salt: Uint8Array, iv: Uint8Array, changes: Changes) => {
  const { aadPrefix = "aws-kms-hierarchy", context = exampleContext, label = "aws-kms-hierarchy" } = changes
  const derived = await counterMode("SHA-256", key, concat(utf8(label), Uint8Array.of(0), salt, uint32(256)), 32)
  return {
    algorithm: {
      name: "AES-GCM",
      iv: new Uint8Array(iv),
      additionalData: new Uint8Array(
        concat(utf8(aadPrefix), utf8(branchKeyId), uuidBytes(version), EncryptionContextCodec.encode(context))
      )
    },
    key: await subtle.importKey("raw", new Uint8Array(derived), "AES-GCM", false, ["encrypt", "decrypt"])
  }
}

/** An encrypted data key that the keyring under test had no part in. */
export const wrapByHand = (
  branch: Branch,
  dataKey: Uint8Array,
  changes: Changes = {}
): Effect.Effect<EncryptedDataKey.EncryptedDataKey> =>
  Effect.promise(async () => {
    const salt = globalThis.crypto.getRandomValues(new Uint8Array(16))
    const iv = globalThis.crypto.getRandomValues(new Uint8Array(12))
    const { algorithm, key } = await derive(branch, salt, iv, changes)
    const wrapped = new Uint8Array(await subtle.encrypt(algorithm, key, new Uint8Array(dataKey)))
    return {
      keyProviderId: "aws-kms-hierarchy",
      keyProviderInfo: changes.info ?? utf8(branch.branchKeyId),
      ciphertext: concat(salt, iv, uuidBytes(branch.version), wrapped)
    }
  })

/** The data key of an encrypted data key. */
export const unwrapByHand = (
  branch: Branch,
  { ciphertext }: EncryptedDataKey.EncryptedDataKey,
  changes: Changes = {}
): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => {
    const { algorithm, key } = await derive(branch, ciphertext.subarray(0, 16), ciphertext.subarray(16, 28), changes)
    const wrapped = new Uint8Array(ciphertext.subarray(44))
    return new Uint8Array(await subtle.decrypt(algorithm, key, wrapped).catch(() => assert.fail("it does not open")))
  })
