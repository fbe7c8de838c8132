/** Pairs that are authenticated and not stored, both ways, with the Material Providers Library in the AWS Encryption SDK for Python. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import {
  CryptographicMaterialsManager,
  DefaultCmm,
  EncryptionSdk,
  RequiredEncryptionContextCmm
} from "effect-encryption-sdk"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { failureOf } from "../support/client.ts"
import { pattern } from "../support/streams.ts"
import { signed, unsigned } from "../support/suites.ts"
import { count } from "./support/counts.ts"
import * as Python from "./support/python.ts"

const key = { namespace: "interop", name: "required", key: pattern(32) }
const python = { type: "mpl", kind: "raw-aes", ...key } as const
const stored = { purpose: "interop", "ключ": "значение" }
const required = { tenant: "a", "\u{1f600}": "\uff21" }
const encryptionContext = { ...stored, ...required }
const requiredEncryptionContextKeys = Object.keys(required)

const makeSdk = Effect.gen(function*() {
  const keyring = yield* RawAesKeyring.make({
    keyNamespace: key.namespace,
    keyName: key.name,
    wrappingKey: Redacted.make(key.key)
  })
  const manager = yield* RequiredEncryptionContextCmm.make({
    requiredEncryptionContextKeys,
    materialsManager: yield* DefaultCmm.make(keyring)
  })
  return yield* Effect.provideService(
    EncryptionSdk.make(),
    CryptographicMaterialsManager.CryptographicMaterialsManager,
    manager
  )
})

const Peers = Layer.mergeAll(Python.layer, NodePrimitives.layer)

layer(Peers)("Python and required pairs", (it) => {
  for (const suite of [unsigned, signed]) {
    it.effect(`both ways: ${suite.name}`, () =>
      Effect.gen(function*() {
        const peer = yield* Python.Python
        const sdk = yield* makeSdk
        const plaintext = pattern(300)
        const keys = [{ ...python, requiredEncryptionContextKeys }]
        const theirs = yield* peer.encrypt({ suite: suite.id, plaintext, keys, encryptionContext })
        const read = yield* sdk.decrypt(theirs.message, { expectedEncryptionContext: required })
        assert.deepStrictEqual(read.plaintext, plaintext)
        assert.deepInclude(read.encryptionContext, encryptionContext)
        for (const name of requiredEncryptionContextKeys) assert.notProperty(read.header.encryptionContext, name)
        count("RequiredEncryptionContextCmm", "read")

        const { header, message } = yield* sdk.encrypt(plaintext, { algorithmSuite: suite, encryptionContext })
        for (const name of requiredEncryptionContextKeys) assert.notProperty(header.encryptionContext, name)
        const decrypted = yield* peer.decrypt({ message, keys, encryptionContext: required })
        assert.deepStrictEqual(decrypted.plaintext, plaintext)
        count("RequiredEncryptionContextCmm", "written")
        // One that requires nothing reads it too, where it is given the pairs.
        assert.deepStrictEqual(
          (yield* peer.decrypt({ message, keys: [python], encryptionContext: required })).plaintext,
          plaintext
        )
      }).pipe(Effect.scoped))
  }

  it.effect("neither opens a message without the pairs, or with others", () =>
    Effect.gen(function*() {
      const peer = yield* Python.Python
      const sdk = yield* makeSdk
      const keys = [{ ...python, requiredEncryptionContextKeys }]
      const theirs = yield* peer.encrypt({ suite: unsigned.id, plaintext: pattern(10), keys, encryptionContext })
      const { message } = yield* sdk.encrypt(pattern(10), { algorithmSuite: unsigned, encryptionContext })
      for (const given of [{}, { tenant: "a" }, { ...required, tenant: "b" }]) {
        yield* failureOf(sdk.decrypt(theirs.message, { expectedEncryptionContext: given }))
        yield* failureOf(peer.decrypt({ message, keys, encryptionContext: given }))
        yield* failureOf(peer.decrypt({ message, keys: [python], encryptionContext: given }))
      }
    }).pipe(Effect.scoped))
})
