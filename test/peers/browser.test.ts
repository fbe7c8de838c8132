/**
 * Messages between a page in Chromium and everyone else: the layer for Node, the JavaScript SDK and Python; and KMS called from
 * the page, with credentials that the page was given.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { AlgorithmSuite } from "effect-encryption-sdk"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import { inject } from "vitest"
import * as javascriptSdk from "../support/javascriptSdk.ts"
import { rsaPrivateKey, rsaPublicKey } from "../support/rsaKeys.ts"
import type { PageKey } from "./browser/library.ts"
import { clientFor, encryptionContext } from "./support/crossing.ts"
import { createKey, layer as KmsServer } from "./support/kmsServer.ts"
import { layer as PageLayer, Page } from "./support/page.ts"
import * as Python from "./support/python.ts"
import { signed, unsigned } from "../support/suites.ts"
import { pattern } from "../support/streams.ts"
import { fromBase64, toBase64 } from "../support/bytes.ts"

const Peers = Layer.mergeAll(Python.layer, NodePrimitives.layer, KmsServer, PageLayer)

const plaintext = pattern(300)

const aes = (length: 16 | 24 | 32) => {
  const names = { keyNamespace: "raw é", keyName: `aes ${length}` }
  const key = pattern(length)
  return {
    keyring: RawAesKeyring.make({ ...names, wrappingKey: Redacted.make(key) }),
    page: { type: "aes", namespace: names.keyNamespace, name: names.keyName, key: toBase64(key) } as PageKey,
    python: [{ type: "aes", namespace: names.keyNamespace, name: names.keyName, key } as const]
  }
}

const rsa = (padding: "OAEP-SHA1" | "OAEP-SHA256" | "OAEP-SHA384" | "OAEP-SHA512") => {
  const names = { namespace: "raw", name: padding }
  return {
    keyring: RawRsaKeyring.make({
      keyNamespace: names.namespace,
      keyName: names.name,
      padding,
      publicKey: rsaPublicKey,
      privateKey: Redacted.make(rsaPrivateKey)
    }),
    page: { type: "rsa", ...names, padding, publicKey: rsaPublicKey, privateKey: rsaPrivateKey } as PageKey,
    python: [{ type: "rsa", ...names, padding, pem: rsaPrivateKey } as const]
  }
}

/** The page encrypts, and Node and Python decrypt; Node and Python encrypt, and the page decrypts. */
const cross = Effect.fnUntraced(function*(
  keys: ReturnType<typeof aes> | ReturnType<typeof rsa>,
  suite: AlgorithmSuite.AlgorithmSuite
) {
  const page = yield* Page
  const python = yield* Python.Python
  const sdk = yield* clientFor(suite, yield* keys.keyring)
  const { outputs: [text] } = yield* page.run({
    key: keys.page,
    suite: suite.id,
    encrypt: { plaintexts: [toBase64(plaintext)], encryptionContext }
  })
  const message = fromBase64(text!)
  const ours = yield* sdk.decrypt(message, { expectedEncryptionContext: encryptionContext })
  assert.deepStrictEqual(ours.plaintext, plaintext)
  assert.strictEqual(ours.algorithmSuite, suite)
  const theirs = yield* python.decrypt({ message, keys: keys.python })
  assert.deepStrictEqual(theirs.plaintext, plaintext)
  assert.strictEqual(theirs.suite, suite.id)

  const messages = [
    (yield* sdk.encrypt(plaintext, { algorithmSuite: suite, encryptionContext })).message,
    (yield* python.encrypt({ suite: suite.id, plaintext, keys: keys.python, encryptionContext })).message
  ]
  const { outputs } = yield* page.run({
    key: keys.page,
    suite: suite.id,
    decrypt: { messages: messages.map(toBase64), encryptionContext }
  })
  assert.deepStrictEqual(outputs.map(fromBase64), [plaintext, plaintext])
})

layer(Peers, { timeout: 120_000 })("a page in Chromium", (it) => {
  it.effect("has nothing of Node", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* Page).runtime, { hasBuffer: false, hasProcess: false })
    }))

  it.effect.each(AlgorithmSuite.all)("to and from Node and Python: $name", (suite) => cross(aes(32), suite))

  it.effect.each([16, 24] as const)(
    "to and from Node and Python: a raw AES key of %s bytes",
    (length) => cross(aes(length), signed)
  )

  it.effect.each(["OAEP-SHA1", "OAEP-SHA256", "OAEP-SHA384", "OAEP-SHA512"] as const)(
    "to and from Node and Python: raw RSA with %s",
    (padding) => cross(rsa(padding), unsigned)
  )

  it.effect("raw RSA with PKCS1 is refused, and says why", () =>
    Effect.gen(function*() {
      const page = yield* Page
      const { page: key } = rsa("OAEP-SHA256")
      const error = yield* Effect.flip(page.run({ key: { ...key, padding: "PKCS1" } as PageKey, suite: 0x0578 }))
      assert.match(error.message, /WebCrypto has no RSA PKCS #1 v1\.5 encryption: use an OAEP padding/)
    }))

  it.effect.each(AlgorithmSuite.all)("to and from the JavaScript SDK: $name", (suite) =>
    Effect.gen(function*() {
      const page = yield* Page
      const theirs = yield* Effect.provide(javascriptSdk.rawAes(256).theirs, javascriptSdk.Services)
      const key: PageKey = {
        type: "aes",
        namespace: "interop é",
        name: "aes 256 ⅰ",
        key: toBase64(javascriptSdk.wrappingKey(32))
      }
      const options = { algorithmSuite: suite, encryptionContext, frameLength: 128 }
      const message = yield* javascriptSdk.encrypt(theirs, plaintext, options)
      const { outputs } = yield* page.run({
        key,
        suite: suite.id,
        decrypt: { messages: [toBase64(message)], encryptionContext }
      })
      assert.deepStrictEqual(outputs.map(fromBase64), [plaintext])
      const encrypted = yield* page.run({
        key,
        suite: suite.id,
        encrypt: { plaintexts: [toBase64(plaintext)], encryptionContext }
      })
      const decrypted = yield* javascriptSdk.decrypt(theirs, fromBase64(encrypted.outputs[0]!), suite)
      assert.deepStrictEqual(decrypted.plaintext, plaintext)
    }).pipe(Effect.orDie))

  it.effect("a KMS server, with credentials of the page: two encrypts make one call, and Node and Python decrypt", () =>
    Effect.gen(function*() {
      const page = yield* Page
      const python = yield* Python.Python
      for (const region of ["us-east-1", "eu-central-1"] as const) {
        const keyId = yield* createKey(region)
        const suite = signed
        const key: PageKey = { type: "kms", keyId, endpoint: inject("kmsEndpoint") }
        const { outputs, receipts } = yield* page.run({
          key,
          suite: suite.id,
          encrypt: { plaintexts: [toBase64(plaintext), toBase64(plaintext)], encryptionContext }
        })
        assert.deepStrictEqual(receipts, ["Miss", "Hit", "Miss", "Hit"])
        const sdk = yield* clientFor(suite, yield* KmsKeyring.make({ generatorKeyId: keyId }))
        for (const message of outputs.map(fromBase64)) {
          assert.deepStrictEqual((yield* sdk.decrypt(message)).plaintext, plaintext)
          const { plaintext: theirs } = yield* python.decrypt({ message, keys: [{ type: "kms", keyIds: [keyId] }] })
          assert.deepStrictEqual(theirs, plaintext)
        }
        const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite: suite, encryptionContext })
        const back = yield* page.run({
          key,
          suite: suite.id,
          decrypt: { messages: [toBase64(message)], encryptionContext }
        })
        assert.deepStrictEqual(back.outputs.map(fromBase64), [plaintext])
      }
    }))

  it.effect("a KMS server that cannot be reached is said to be so", () =>
    Effect.gen(function*() {
      const page = yield* Page
      const keyId = yield* createKey()
      const error = yield* Effect.flip(page.run({
        key: { type: "kms", keyId, endpoint: "http://127.0.0.1:9" },
        suite: 0x0578,
        encrypt: { plaintexts: [""], encryptionContext: {} }
      }))
      assert.match(error.message, /Unreachable|could not be reached|request failed|TypeError/)
    }))

  it.effect("in a Web Worker: every suite, over the embedded KMS, and with the data key cached", () =>
    Effect.gen(function*() {
      const page = yield* Page
      for (const { id } of AlgorithmSuite.all) {
        const { outputs, receipts } = yield* page.runInWorker({
          key: {
            type: "embedded",
            keyId: "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-1111-1111-111111111111"
          },
          suite: id,
          encrypt: { plaintexts: [toBase64(plaintext), toBase64(plaintext)], encryptionContext }
        })
        assert.lengthOf(outputs, 2)
        assert.include(receipts.join(), id < 0x0100 ? "Bypassed" : "Miss,Hit")
      }
      const { outputs } = yield* page.runInWorker({
        key: aes(24).page,
        suite: 0x0346,
        encrypt: { plaintexts: [toBase64(plaintext)], encryptionContext }
      })
      const sdk = yield* clientFor(
        AlgorithmSuite.ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384,
        yield* aes(24).keyring
      )
      assert.deepStrictEqual((yield* sdk.decrypt(fromBase64(outputs[0]!))).plaintext, plaintext)
    }))

  it.effect("the page reported nothing but the server that was not there", () =>
    Effect.gen(function*() {
      const { errors } = yield* Page
      assert.deepStrictEqual(errors.filter((error) => !/ERR_CONNECTION_REFUSED|ERR_UNSAFE_PORT/.test(error)), [])
    }))
})
