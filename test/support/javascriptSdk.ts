/**
 * The AWS Encryption SDK for JavaScript as the peer of interop tests, and keyrings in pairs: ours and its own over the
 * same keys.
 */
import {
  buildClient,
  CommitmentPolicy as TheirPolicy,
  getLocalCryptographicMaterialsCache,
  type KeyringNode,
  KmsKeyringNode,
  MultiKeyringNode,
  NodeCachingMaterialsManager,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
  RawRsaKeyringNode
} from "@aws-crypto/client-node"
import { Effect, Layer, Redacted, type Scope } from "effect"
import {
  AlgorithmSuite,
  type CommitmentPolicy,
  CryptographicMaterialsManager,
  DataKey,
  DefaultCmm,
  EncryptionSdk,
  type Keyring,
  type KeyringError,
  MultiKeyring
} from "effect-encryption-sdk"
import type { Primitives } from "effect-encryption-sdk/crypto"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { RawAesKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import * as crypto from "node:crypto"
import type { Duplex } from "node:stream"
import { hasPkcs1, TestPrimitives } from "./TestPrimitives.ts"
import { nonFramedMessage } from "./nonFramedMessage.ts"

type Context = Readonly<Record<string, string>>

/** A client of theirs under the policy that lets it use the suite, both ways. */
const clientFor = (suite: AlgorithmSuite.AlgorithmSuite) =>
  buildClient(
    AlgorithmSuite.isCommitting(suite)
      ? TheirPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
      : TheirPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT
  )

/** A caching manager of theirs, with a cache of its own and thresholds that no test meets. */
export const caching = (keyring: KeyringNode): NodeCachingMaterialsManager =>
  new NodeCachingMaterialsManager({
    backingMaterials: keyring,
    cache: getLocalCryptographicMaterialsCache(100),
    maxAge: 3_600_000
  })

interface EncryptOptions {
  readonly algorithmSuite: AlgorithmSuite.AlgorithmSuite
  readonly encryptionContext: Context
  readonly frameLength: number
}

export const encrypt = (
  keyring: KeyringNode | NodeCachingMaterialsManager,
  plaintext: Uint8Array,
  options: EncryptOptions
): Effect.Effect<Uint8Array> =>
  Effect.promise(() =>
    clientFor(options.algorithmSuite).encrypt(keyring, plaintext, {
      suiteId: options.algorithmSuite.id,
      encryptionContext: { ...options.encryptionContext },
      frameLength: options.frameLength
    })
  ).pipe(Effect.map(({ result }) => new Uint8Array(result)))

export const decrypt = (
  keyring: KeyringNode | NodeCachingMaterialsManager,
  message: Uint8Array,
  algorithmSuite: AlgorithmSuite.AlgorithmSuite
): Effect.Effect<{ readonly plaintext: Uint8Array; readonly encryptionContext: Context }> =>
  Effect.promise(() => clientFor(algorithmSuite).decrypt(keyring, message)).pipe(
    Effect.map(({ messageHeader, plaintext }) => ({
      plaintext: new Uint8Array(plaintext),
      encryptionContext: { ...messageHeader.encryptionContext }
    }))
  )

/** Output of a stream of theirs for these chunks. It waits for no consumer, so the tests keep messages small. */
const through = (stream: Duplex, chunks: ReadonlyArray<Uint8Array>): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const parts: Array<Uint8Array> = []
    stream.on("data", (part: Uint8Array) => parts.push(part))
      .once("end", () => resolve(new Uint8Array(Buffer.concat(parts))))
      .once("error", reject)
    for (const chunk of chunks) stream.write(chunk)
    stream.end()
  })

export const encryptStream = (
  keyring: KeyringNode,
  chunks: ReadonlyArray<Uint8Array>,
  options: EncryptOptions
): Effect.Effect<Uint8Array> =>
  Effect.promise(() =>
    through(
      clientFor(options.algorithmSuite).encryptStream(keyring, {
        suiteId: options.algorithmSuite.id,
        encryptionContext: { ...options.encryptionContext },
        frameLength: options.frameLength
      }),
      chunks
    )
  )

export const decryptStream = (
  keyring: KeyringNode,
  chunks: ReadonlyArray<Uint8Array>,
  algorithmSuite: AlgorithmSuite.AlgorithmSuite
): Effect.Effect<Uint8Array> => Effect.promise(() => through(clientFor(algorithmSuite).decryptStream(keyring), chunks))

/** The suite that a client of theirs chooses under a policy. */
export const defaultSuiteId = (
  keyring: KeyringNode,
  commitmentPolicy: CommitmentPolicy.CommitmentPolicy
): Effect.Effect<number> =>
  Effect.promise(() =>
    buildClient(
      {
        ForbidEncryptAllowDecrypt: TheirPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT,
        RequireEncryptAllowDecrypt: TheirPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT,
        RequireEncryptRequireDecrypt: TheirPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
      }[commitmentPolicy]
    ).encrypt(keyring, "text")
  ).pipe(Effect.map(({ messageHeader }) => messageHeader.suiteId))

/** The embedded KMS behind the client interface that their KMS keyring calls. */
export const kmsClient = (kms: Kms.Kms) => {
  const requestOf = (
    { EncryptionContext = {}, GrantTokens = [], KeyId = "" }: {
      readonly KeyId?: string
      readonly EncryptionContext?: Context
      readonly GrantTokens?: ReadonlyArray<string>
    }
  ) => ({ keyId: KeyId, encryptionContext: EncryptionContext, grantTokens: GrantTokens })
  return {
    generateDataKey: (input: Parameters<typeof requestOf>[0] & { readonly NumberOfBytes?: number }) =>
      Effect.runPromise(Effect.map(
        kms.generateDataKey({ ...requestOf(input), numberOfBytes: input.NumberOfBytes! }),
        ({ ciphertextBlob, keyId, plaintext }) => ({
          KeyId: keyId,
          CiphertextBlob: ciphertextBlob,
          Plaintext: DataKey.value(plaintext)
        })
      )),
    encrypt: (input: Parameters<typeof requestOf>[0] & { readonly Plaintext: Uint8Array }) =>
      Effect.runPromise(Effect.map(
        kms.encrypt({ ...requestOf(input), plaintext: DataKey.make(new Uint8Array(input.Plaintext)) }),
        ({ ciphertextBlob, keyId }) => ({ KeyId: keyId, CiphertextBlob: ciphertextBlob })
      )),
    decrypt: (input: Parameters<typeof requestOf>[0] & { readonly CiphertextBlob: Uint8Array }) =>
      Effect.runPromise(Effect.map(
        kms.decrypt({ ...requestOf(input), ciphertextBlob: input.CiphertextBlob }),
        ({ keyId, plaintext }) => ({ KeyId: keyId, Plaintext: DataKey.value(plaintext) })
      ))
  }
}

/** A keyring of ours and the one of theirs that has the same keys. */
export interface KeyringPair {
  readonly name: string
  readonly ours: Effect.Effect<
    Keyring.Keyring,
    KeyringError.KeyringError,
    Primitives.Primitives | Kms.Kms | Scope.Scope
  >
  readonly theirs: Effect.Effect<KeyringNode, never, Kms.Kms>
}

/** Keys of the embedded KMS, in two Regions. */
export const kmsKeys = [
  "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-1111-1111-111111111111",
  "arn:aws:kms:eu-central-1:111122223333:key/22222222-2222-2222-2222-222222222222"
] as const

export const Services = EmbeddedKms.layer({ keys: kmsKeys.map((arn) => ({ arn })) }).pipe(
  Layer.provideMerge(TestPrimitives.layer)
)

/** A client of ours over a keyring of a pair, or over the manager that is made of it, which lives as long as the test. */
export const clientOf = Effect.fnUntraced(function*<E = never, R = never>(
  pair: KeyringPair,
  commitmentPolicy: CommitmentPolicy.CommitmentPolicy,
  managerOf: (
    materialsManager: CryptographicMaterialsManager.CryptographicMaterialsManager
  ) => Effect.Effect<CryptographicMaterialsManager.CryptographicMaterialsManager, E, R> = Effect.succeed
) {
  return yield* Effect.provideService(
    EncryptionSdk.make({ commitmentPolicy }),
    CryptographicMaterialsManager.CryptographicMaterialsManager,
    yield* managerOf(yield* DefaultCmm.make(yield* pair.ours))
  )
})

export const wrappingKey = (length: number) => Uint8Array.from({ length }, (_, i) => (7 * i + length) & 0xff)

const rsaKeys = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 })
const publicKey = rsaKeys.publicKey.export({ format: "pem", type: "spki" }) as string
const privateKey = rsaKeys.privateKey.export({ format: "pem", type: "pkcs8" }) as string

export const rawAes = (bits: 128 | 192 | 256): KeyringPair => {
  // Not ASCII, because the name is compared and stored in bytes.
  const names = { keyNamespace: "interop é", keyName: `aes ${bits} ⅰ` }
  return {
    name: `raw AES ${bits}`,
    ours: RawAesKeyring.make({ ...names, wrappingKey: Redacted.make(wrappingKey(bits / 8)) }),
    theirs: Effect.sync(() =>
      new RawAesKeyringNode({
        ...names,
        unencryptedMasterKey: wrappingKey(bits / 8),
        wrappingSuite: {
          128: RawAesWrappingSuiteIdentifier.AES128_GCM_IV12_TAG16_NO_PADDING,
          192: RawAesWrappingSuiteIdentifier.AES192_GCM_IV12_TAG16_NO_PADDING,
          256: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING
        }[bits],
        // By default it orders the context by its own rule, not by the specification's.
        utf8Sorting: true
      })
    )
  }
}

/** A message without frames, which no AWS Encryption SDK writes, under the key of `rawAes(256)`. */
export const nonFramed = (
  algorithmSuite: AlgorithmSuite.AlgorithmSuite,
  plaintext: Uint8Array,
  encryptionContext: Context
): Uint8Array =>
  nonFramedMessage({
    algorithmSuite,
    plaintext,
    encryptionContext,
    wrappingKey: wrappingKey(32),
    keyNamespace: "interop é",
    keyName: "aes 256 ⅰ"
  })

const oaepHashes = {
  "PKCS1": undefined,
  "OAEP-SHA1": "sha1",
  "OAEP-SHA256": "sha256",
  "OAEP-SHA384": "sha384",
  "OAEP-SHA512": "sha512"
} as const

export const rawRsa = (padding: Primitives.RsaPadding): KeyringPair => {
  const names = { keyNamespace: "interop é", keyName: `rsa ${padding} ⅰ` }
  const oaepHash = oaepHashes[padding]
  return {
    name: `raw RSA ${padding}`,
    ours: RawRsaKeyring.make({ ...names, padding, publicKey, privateKey: Redacted.make(privateKey) }),
    theirs: Effect.sync(() =>
      new RawRsaKeyringNode({
        ...names,
        rsaKey: { publicKey, privateKey },
        ...oaepHash === undefined
          ? { padding: crypto.constants.RSA_PKCS1_PADDING }
          : { padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash }
      })
    )
  }
}

export const kms = (generatorKeyId: string, ...keyIds: ReadonlyArray<string>): KeyringPair => ({
  name: keyIds.length === 0 ? "KMS" : "KMS with additional keys",
  ours: KmsKeyring.make({ generatorKeyId, keyIds }),
  theirs: Effect.map(Kms.Kms, (service) => {
    const client = kmsClient(service)
    return new KmsKeyringNode({ clientProvider: () => client, generatorKeyId, keyIds: [...keyIds] })
  })
})

export const multi = (generator: KeyringPair, ...children: ReadonlyArray<KeyringPair>): KeyringPair => ({
  name: `multi-keyring of ${[generator, ...children].map(({ name }) => name).join(", ")}`,
  ours: Effect.gen(function*() {
    return yield* MultiKeyring.make({
      generator: yield* generator.ours,
      children: yield* Effect.forEach(children, ({ ours }) => ours)
    })
  }),
  theirs: Effect.gen(function*() {
    return new MultiKeyringNode({
      generator: yield* generator.theirs,
      children: yield* Effect.forEach(children, ({ theirs }) => theirs)
    })
  })
})

/** Every kind of keyring that both sides have. */
export const keyringPairs: ReadonlyArray<KeyringPair> = [
  rawAes(128),
  rawAes(192),
  rawAes(256),
  ...hasPkcs1 ? [rawRsa("PKCS1")] : [],
  rawRsa("OAEP-SHA1"),
  rawRsa("OAEP-SHA256"),
  rawRsa("OAEP-SHA384"),
  rawRsa("OAEP-SHA512"),
  kms(kmsKeys[0]),
  kms(kmsKeys[0], kmsKeys[1]),
  multi(kms(kmsKeys[1]), rawAes(256), rawRsa("OAEP-SHA256"))
]
