/**
 * One message, from Python to us or from us to Python, with everything compared that both sides tell of it.
 */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Keyring } from "effect-encryption-sdk"
import { AlgorithmSuite, CryptographicMaterialsManager, DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { count } from "./counts.ts"
import type { PythonKey } from "./python.ts"
import { Python } from "./python.ts"
import { policyFor } from "../../support/client.ts"
import { pattern } from "../../support/streams.ts"
import { unsigned } from "../../support/suites.ts"

export interface Crossing {
  readonly keyring: Keyring.Keyring
  readonly keys: ReadonlyArray<PythonKey>
  readonly suite?: AlgorithmSuite.AlgorithmSuite
  readonly plaintext?: Uint8Array
  readonly encryptionContext?: Record<string, string>
  /** 0 is for messages of Python that are not framed. */
  readonly frameLength?: number
  readonly encryptedDataKeys?: number
  /** Name of the keyring that the message counts for. Default: that of `keyring`. */
  readonly countAs?: string
}

export const encryptionContext = {
  Purpose: "interop",
  purpose: "lower case",
  "ключ": "значение",
  "\u{1f600}": "\uff21"
}

const defaults = {
  suite: unsigned,
  plaintext: pattern(300),
  encryptionContext,
  frameLength: 128,
  encryptedDataKeys: 1
}

/** A client under the policy that lets it use the suite. */
export const clientFor = Effect.fnUntraced(function*(suite: AlgorithmSuite.AlgorithmSuite, keyring: Keyring.Keyring) {
  return yield* Effect.provideService(
    EncryptionSdk.make({ commitmentPolicy: policyFor(suite) }),
    CryptographicMaterialsManager.CryptographicMaterialsManager,
    yield* DefaultCmm.make(keyring)
  )
})

/** The context without what a suite that signs adds to it. */
const own = (context: Readonly<Record<string, string>>, suite: AlgorithmSuite.AlgorithmSuite) => {
  const { "aws-crypto-public-key": publicKey, ...rest } = context
  assert.strictEqual(publicKey !== undefined, suite.signature !== undefined)
  return rest
}

/** Both sides of a crossing, and what crosses. */
const sides = Effect.fnUntraced(function*(crossing: Crossing) {
  const { suite = defaults.suite } = crossing
  return { ...defaults, ...crossing, suite, python: yield* Python, sdk: yield* clientFor(suite, crossing.keyring) }
})

/** Python encrypts, we decrypt. */
export const fromPython = (crossing: Crossing) =>
  Effect.gen(function*() {
    const { encryptedDataKeys, encryptionContext, frameLength, keys, plaintext, python, sdk, suite } = yield* sides(
      crossing
    )
    const { message } = yield* python.encrypt({ suite: suite.id, plaintext, keys, encryptionContext, frameLength })
    const decrypted = yield* sdk.decrypt(message, { expectedEncryptionContext: encryptionContext })
    assert.deepStrictEqual(decrypted.plaintext, plaintext)
    assert.deepStrictEqual(own(decrypted.encryptionContext, suite), encryptionContext)
    assert.strictEqual(decrypted.algorithmSuite, suite)
    assert.strictEqual(decrypted.header.frameLength, frameLength)
    assert.strictEqual(decrypted.header.contentType, frameLength === 0 ? "nonFramed" : "framed")
    assert.lengthOf(decrypted.header.encryptedDataKeys, encryptedDataKeys)
    count(crossing.countAs ?? crossing.keyring.name, "read")
    return message
  })

/** We encrypt, Python decrypts. */
export const toPython = (crossing: Crossing) =>
  Effect.gen(function*() {
    const { encryptedDataKeys, encryptionContext, frameLength, keys, plaintext, python, sdk, suite } = yield* sides(
      crossing
    )
    const { message } = yield* sdk.encrypt(plaintext, { algorithmSuite: suite, encryptionContext, frameLength })
    const decrypted = yield* python.decrypt({ message, keys })
    assert.deepStrictEqual(decrypted.plaintext, plaintext)
    assert.deepStrictEqual(own(decrypted.encryptionContext, suite), encryptionContext)
    assert.strictEqual(decrypted.suite, suite.id)
    assert.strictEqual(decrypted.encryptedDataKeys, encryptedDataKeys)
    count(crossing.countAs ?? crossing.keyring.name, "written")
    return message
  })

export const directions = [
  ["Python encrypts, we decrypt", fromPython],
  ["we encrypt, Python decrypts", toPython]
] as const
