/**
 * `Kms` on the AWS SDK for JavaScript.
 */
import type { KMSClientConfig } from "@aws-sdk/client-kms"
import {
  DecryptCommand,
  DeriveSharedSecretCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GetPublicKeyCommand,
  KMSClient,
  ReEncryptCommand
} from "@aws-sdk/client-kms"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as bytes from "../../internal/bytes.ts"
import { settle } from "../../internal/settle.ts"
import * as DataKey from "../../model/DataKey.ts"
import * as KeyArn from "../KeyArn.ts"
import type { AlgorithmRequest, KeyRequest, KmsRequest, Operations } from "../Kms.ts"
import * as Kms from "../Kms.ts"
import { KmsError } from "../KmsError.ts"
import { explain, type Explanation } from "./internal/awsErrors.ts"

/** The part of an AWS SDK client that is used. */
export type Client = Pick<KMSClient, "send">

/**
 * Returns the client for a Region, or, for a key that is named without one, for the Region that the AWS SDK chooses by
 * itself. `undefined` rejects the Region: calls for it fail with code `NoClientForRegion`. Called for every call, so
 * it should keep its clients; it may throw, which fails the call too.
 */
export type ClientSupplier = (region: string | undefined) => Client | undefined

/**
 * The calls, over the clients of a supplier. Retries are left to the clients. Interrupting a call aborts its request, and
 * a plaintext that arrives all the same is zeroed.
 *
 * **Gotchas**
 *
 * Bytes that go through the AWS SDK stand in its request and response texts too, which JavaScript cannot zero.
 */
export const make = (supplier: ClientSupplier): Operations => ({
  ...symmetric(supplier),
  getPublicKey: (request) =>
    call(supplier, "GetPublicKey", request, {
      send: (client, options) => client.send(new GetPublicKeyCommand(keyOf(request)), options),
      read: ({ keyId, keySpec, keyUsage, publicKey }) =>
        keyId === undefined || publicKey === undefined || keySpec === undefined || keyUsage === undefined
          ? undefined
          : { keyId, publicKey, keySpec, keyUsage }
    }),
  deriveSharedSecret: (request) =>
    call(supplier, "DeriveSharedSecret", request, {
      send: (client, options) =>
        client.send(
          new DeriveSharedSecretCommand({
            ...keyOf(request),
            KeyAgreementAlgorithm: "ECDH",
            PublicKey: request.publicKey
          }),
          options
        ),
      read: ({ keyId, sharedSecret }) =>
        keyId === undefined || sharedSecret === undefined
          ? undefined
          : { keyId, sharedSecret: Redacted.make(takeOver(sharedSecret), { label: "shared-secret" }) }
    }),
  generateDataKeyWithoutPlaintext: (request) =>
    call(supplier, "GenerateDataKeyWithoutPlaintext", request, {
      send: (client, options) =>
        client.send(
          new GenerateDataKeyWithoutPlaintextCommand({ ...inputOf(request), NumberOfBytes: request.numberOfBytes }),
          options
        ),
      read: readCiphertext
    }),
  reEncrypt: (request) =>
    call(supplier, "ReEncrypt", request, {
      send: (client, options) =>
        client.send(
          new ReEncryptCommand({
            SourceKeyId: request.sourceKeyId,
            SourceEncryptionContext: request.sourceEncryptionContext,
            DestinationKeyId: request.keyId,
            DestinationEncryptionContext: request.encryptionContext,
            CiphertextBlob: request.ciphertextBlob,
            GrantTokens: [...request.grantTokens]
          }),
          options
        ),
      read: ({ sourceKeyId, ...fields }) => {
        const encrypted = readCiphertext(fields)
        return encrypted === undefined || sourceKeyId === undefined ? undefined : { ...encrypted, sourceKeyId }
      }
    })
})

const symmetric = (supplier: ClientSupplier): Kms.Kms => ({
  generateDataKey: (request) =>
    call(supplier, "GenerateDataKey", request, {
      send: (client, options) =>
        client.send(
          new GenerateDataKeyCommand({ ...inputOf(request), NumberOfBytes: request.numberOfBytes }),
          options
        ),
      read: ({ ciphertextBlob, keyId, plaintext }) =>
        keyId === undefined || ciphertextBlob === undefined || plaintext === undefined
          ? undefined
          : { keyId, plaintext: DataKey.make(takeOver(plaintext)), ciphertextBlob }
    }),
  encrypt: (request) =>
    Effect.suspend(() => {
      const Plaintext = DataKey.value(request.plaintext)
      return call(supplier, "Encrypt", request, {
        send: (client, options) =>
          client.send(new EncryptCommand({ ...inputWithAlgorithm(request), Plaintext }), options),
        read: readCiphertext
      })
    }),
  decrypt: (request) =>
    call(supplier, "Decrypt", request, {
      send: (client, options) =>
        client.send(
          new DecryptCommand({ ...inputWithAlgorithm(request), CiphertextBlob: request.ciphertextBlob }),
          options
        ),
      read: ({ keyId, plaintext }) =>
        keyId === undefined || plaintext === undefined
          ? undefined
          : { keyId, plaintext: DataKey.make(takeOver(plaintext)) }
    })
})

/**
 * One client for each Region that a key ARN or alias ARN names, made when it is first needed, and one for keys that are
 * named without a Region. All are destroyed with the layer.
 *
 * `config` is that of the AWS SDK's client: `endpoint`, `credentials`, `maxAttempts` and so on. Its `region` is for keys
 * that are named without one; where it is missing too, the AWS SDK chooses (`AWS_REGION`, the shared configuration). An
 * object given as `requestHandler` is shared by the clients.
 *
 * Specification: framework/aws-kms/aws-kms-multi-keyrings.md#aws-kms-multi-keyring
 */
export const layer = (config: KMSClientConfig = {}): Layer.Layer<Kms.Ports> =>
  Layer.effectContext(
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new Map<string | undefined, KMSClient>()),
        (clients) => Effect.sync(() => clients.forEach((client) => client.destroy()))
      ),
      (clients) =>
        Kms.contextOf(make((region) => {
          let client = clients.get(region)
          if (client === undefined) {
            client = new KMSClient(region === undefined ? config : { ...config, region })
            clients.set(region, client)
          }
          return client
        }))
    )
  )

/**
 * One client of the user's own for every key, which stays the user's to destroy.
 *
 * **Gotchas**
 *
 * It calls the Region that it is configured for, whatever Region a key ARN names; AWS KMS then finds no such key.
 */
export const layerClient = (client: Client): Layer.Layer<Kms.Ports> => layerSupplier(() => client)

/** The clients of a supplier of the user's own, who keeps and destroys them. */
export const layerSupplier = (supplier: ClientSupplier): Layer.Layer<Kms.Ports> => Kms.layer(make(supplier))

/** The parts in which calls differ. */
interface Command<A> {
  readonly send: (client: Client, options: { readonly abortSignal: AbortSignal }) => Promise<object>
  /** Returns the response; undefined where a field is missing. */
  readonly read: (fields: Fields) => A | undefined
}

/** The fields of the AWS SDK's outputs, each read once. */
interface Fields {
  readonly keyId: string | undefined
  readonly sourceKeyId: string | undefined
  readonly keySpec: string | undefined
  readonly keyUsage: string | undefined
  readonly ciphertextBlob: Uint8Array | undefined
  readonly publicKey: Uint8Array | undefined
  readonly plaintext: Uint8Array | undefined
  readonly sharedSecret: Uint8Array | undefined
}

const readCiphertext = ({ ciphertextBlob, keyId }: Pick<Fields, "ciphertextBlob" | "keyId">) =>
  keyId === undefined || ciphertextBlob === undefined ? undefined : { keyId, ciphertextBlob }

const call = <A>(
  supplier: ClientSupplier,
  operation: KmsError["operation"],
  { keyId }: KeyRequest,
  { read, send }: Command<A>
): Effect.Effect<A, KmsError> =>
  Effect.suspend(() => {
    const fail = (fields: Explanation) => Effect.fail(new KmsError({ operation, keyId, ...fields }))
    const region = KeyArn.region(keyId)
    let client: Client | undefined
    try {
      client = supplier(region)
    } catch (error) {
      return fail(explain(error))
    }
    if (client === undefined) {
      return fail({
        failure: "Rejected",
        code: "NoClientForRegion",
        description: `the client supplier has no client for ${region ?? "the default Region"}`,
        isRetryable: false
      })
    }
    const called = client
    return settle(
      (abortSignal) => send(called, { abortSignal }),
      (output, { aborted }) => {
        const fields = fieldsOf(output)
        const response = aborted || fields === undefined ? undefined : read(fields)
        if (response !== undefined) return Effect.succeed(response)
        discard(output)
        return fail(
          fields === undefined
            ? invalidAnswer("UnreadableAnswer", "the answer is not of the form that AWS KMS gives it")
            : invalidAnswer("IncompleteAnswer", "the answer lacks a field")
        )
      },
      (error) => fail(explain(error))
    )
  })

const invalidAnswer = (code: string, description: string): Explanation => ({
  failure: "InvalidAnswer",
  code,
  description,
  isRetryable: false
})

/** The fields of an output; undefined where one is of another type, or cannot be read. */
const fieldsOf = (output: object): Fields | undefined => {
  try {
    const { KeyId, KeySpec, KeyUsage, SourceKeyId, ...others } = output as Record<string, unknown>
    const texts = { keyId: KeyId, keySpec: KeySpec, keyUsage: KeyUsage, sourceKeyId: SourceKeyId }
    const { CiphertextBlob, Plaintext, PublicKey, SharedSecret } = others
    const values = {
      ciphertextBlob: CiphertextBlob,
      plaintext: Plaintext,
      publicKey: PublicKey,
      sharedSecret: SharedSecret
    }
    return Object.values(texts).every(isTextOrMissing) && Object.values(values).every(isBytesOrMissing)
      ? { ...texts, ...values } as Fields
      : undefined
  } catch {
    return undefined
  }
}

const isTextOrMissing = (value: unknown): boolean => value === undefined || typeof value === "string"

const isBytesOrMissing = (value: unknown): boolean => value === undefined || bytes.isBytes(value)

/** Zeroes the secret of an output that is not returned, as far as it can be read. */
const discard = (output: object): void => {
  try {
    const { Plaintext, SharedSecret } = output as { readonly Plaintext?: unknown; readonly SharedSecret?: unknown }
    for (const secret of [Plaintext, SharedSecret]) if (bytes.isBytes(secret)) secret.fill(0)
  } catch {
    // There is nothing to zero in what cannot be read.
  }
}

const keyOf = ({ grantTokens, keyId }: KeyRequest) => ({ KeyId: keyId, GrantTokens: [...grantTokens] })

const inputOf = (request: KmsRequest) => ({ ...keyOf(request), EncryptionContext: request.encryptionContext })

/** RSA keys take no encryption context, not even an empty one. */
const inputWithAlgorithm = (request: AlgorithmRequest) =>
  request.encryptionAlgorithm === undefined || request.encryptionAlgorithm === "SYMMETRIC_DEFAULT"
    ? inputOf(request)
    : { ...keyOf(request), EncryptionAlgorithm: request.encryptionAlgorithm }

/**
 * Takes over the secret of a response. Node decodes short base64 texts into a slice of a pool that it shares with
 * everything else; only such a slice is copied, and zeroed at once.
 */
const takeOver = (secret: Uint8Array): Uint8Array => {
  if (secret.byteLength === secret.buffer.byteLength) return secret
  const taken = Uint8Array.from(secret)
  secret.fill(0)
  return taken
}
