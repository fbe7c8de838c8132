/** The library as a program in a browser uses it: what crosses to the page, or to its worker, and back. Bytes are base64. */
import { Effect, Layer, Redacted } from "effect"
import { AlgorithmSuite, CryptographicMaterialsManager, DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { RawAesKeyring, RawRsaKeyring } from "effect-encryption-sdk/raw"
import { WebPrimitives } from "effect-encryption-sdk/web"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"

export type PageKey =
  | { readonly type: "aes"; readonly namespace: string; readonly name: string; readonly key: string }
  | {
    readonly type: "rsa"
    readonly namespace: string
    readonly name: string
    readonly padding: RawRsaKeyring.Options["padding"]
    readonly publicKey: string
    readonly privateKey: string
  }
  /** A key of the server at the endpoint. */
  | { readonly type: "kms"; readonly keyId: string; readonly endpoint: string }
  /** A key of a KMS inside the page. */
  | { readonly type: "embedded"; readonly keyId: string }

export interface PageRequest {
  readonly key: PageKey
  readonly suite: number
  readonly encrypt?: { readonly plaintexts: ReadonlyArray<string>; readonly encryptionContext: Record<string, string> }
  readonly decrypt?: { readonly messages: ReadonlyArray<string>; readonly encryptionContext: Record<string, string> }
}

export interface PageAnswer {
  readonly outputs: ReadonlyArray<string>
  readonly receipts: ReadonlyArray<string>
}

const bytes = (text: string) => Result.getOrThrow(Base64.decode(text))

const keyringOf = (key: PageKey) => {
  switch (key.type) {
    case "aes":
      return RawAesKeyring.make({
        keyNamespace: key.namespace,
        keyName: key.name,
        wrappingKey: Redacted.make(bytes(key.key))
      })
    case "rsa":
      return RawRsaKeyring.make({
        keyNamespace: key.namespace,
        keyName: key.name,
        padding: key.padding,
        publicKey: key.publicKey,
        privateKey: Redacted.make(key.privateKey)
      })
    case "kms":
    case "embedded":
      return KmsKeyring.make({ generatorKeyId: key.keyId })
  }
}

const kmsOf = (key: PageKey): Layer.Layer<Kms.Kms> =>
  key.type === "kms"
    // As in AWS's example for browsers: credentials that the page was given, such as those of an identity pool.
    ? AwsKms.layer({
      endpoint: key.endpoint,
      credentials: { accessKeyId: "from-the-page", secretAccessKey: "secret", sessionToken: "token" },
      maxAttempts: 1
    })
    : EmbeddedKms.layer({ keys: key.type === "embedded" ? [{ arn: key.keyId }] : [] }).pipe(
      Layer.provide(WebPrimitives.layer),
      Layer.orDie
    )

const program = Effect.fn(function*({ decrypt, encrypt, key, suite }: PageRequest) {
  const algorithmSuite = AlgorithmSuite.all.find(({ id }) => id === suite)!
  const manager = yield* CachingCmm.make({
    policy: { maxAge: "1 minute" },
    cache: yield* LocalCache.make({ capacity: 10 }),
    materialsManager: yield* DefaultCmm.make(yield* keyringOf(key))
  })
  const sdk = yield* EncryptionSdk.make({
    commitmentPolicy: AlgorithmSuite.isCommitting(algorithmSuite)
      ? "RequireEncryptRequireDecrypt"
      : "ForbidEncryptAllowDecrypt"
  }).pipe(Effect.provideService(CryptographicMaterialsManager.CryptographicMaterialsManager, manager))
  const encrypted = yield* Effect.forEach(
    encrypt?.plaintexts ?? [],
    (plaintext) =>
      sdk.encrypt(bytes(plaintext), { algorithmSuite, encryptionContext: encrypt!.encryptionContext, frameLength: 100 })
  )
  const messages = [...encrypted.map(({ message }) => message), ...(decrypt?.messages ?? []).map(bytes)]
  const expectedEncryptionContext = encrypt?.encryptionContext ?? decrypt?.encryptionContext
  const decrypted = yield* Effect.forEach(messages, (message) => sdk.decrypt(message, { expectedEncryptionContext }))
  const answer: PageAnswer = {
    outputs: encrypt === undefined
      ? decrypted.map(({ plaintext }) => Base64.encode(plaintext))
      : encrypted.map(({ message }) => Base64.encode(message)),
    receipts: [...encrypted, ...decrypted].map(({ receipt }) => receipt._tag)
  }
  return answer
})

export const handle = (request: PageRequest): Promise<PageAnswer> =>
  Effect.runPromise(
    program(request).pipe(Effect.scoped, Effect.provide(kmsOf(request.key)), Effect.provide(WebPrimitives.layer))
  )
