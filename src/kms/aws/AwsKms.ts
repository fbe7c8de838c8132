/**
 * `Kms` on the AWS SDK for JavaScript.
 */
import type { KMSClientConfig } from "@aws-sdk/client-kms"
import { DecryptCommand, EncryptCommand, GenerateDataKeyCommand, KMSClient } from "@aws-sdk/client-kms"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as bytes from "../../internal/bytes.ts"
import { settle } from "../../internal/settle.ts"
import * as DataKey from "../../model/DataKey.ts"
import * as KeyArn from "../KeyArn.ts"
import type { KmsRequest } from "../Kms.ts"
import { Kms } from "../Kms.ts"
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
export const make = (supplier: ClientSupplier): Kms =>
  Kms.of({
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
            : { keyId, plaintext: takeOver(plaintext), ciphertextBlob }
      }),
    encrypt: (request) =>
      Effect.suspend(() => {
        const Plaintext = DataKey.value(request.plaintext)
        return call(supplier, "Encrypt", request, {
          send: (client, options) => client.send(new EncryptCommand({ ...inputOf(request), Plaintext }), options),
          read: ({ ciphertextBlob, keyId }) =>
            keyId === undefined || ciphertextBlob === undefined ? undefined : { keyId, ciphertextBlob }
        })
      }),
    decrypt: (request) =>
      call(supplier, "Decrypt", request, {
        send: (client, options) =>
          client.send(new DecryptCommand({ ...inputOf(request), CiphertextBlob: request.ciphertextBlob }), options),
        read: ({ keyId, plaintext }) =>
          keyId === undefined || plaintext === undefined ? undefined : { keyId, plaintext: takeOver(plaintext) }
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
export const layer = (config: KMSClientConfig = {}): Layer.Layer<Kms> =>
  Layer.effect(
    Kms,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new Map<string | undefined, KMSClient>()),
        (clients) => Effect.sync(() => clients.forEach((client) => client.destroy()))
      ),
      (clients) =>
        make((region) => {
          let client = clients.get(region)
          if (client === undefined) {
            client = new KMSClient(region === undefined ? config : { ...config, region })
            clients.set(region, client)
          }
          return client
        })
    )
  )

/**
 * One client of the user's own for every key, which stays the user's to destroy.
 *
 * **Gotchas**
 *
 * It calls the Region that it is configured for, whatever Region a key ARN names; AWS KMS then finds no such key.
 */
export const layerClient = (client: Client): Layer.Layer<Kms> => layerSupplier(() => client)

/** The clients of a supplier of the user's own, who keeps and destroys them. */
export const layerSupplier = (supplier: ClientSupplier): Layer.Layer<Kms> => Layer.succeed(Kms, make(supplier))

/** The parts in which calls differ. */
interface Command<A> {
  readonly send: (client: Client, options: { readonly abortSignal: AbortSignal }) => Promise<object>
  /** Returns the response; undefined where a field is missing. */
  readonly read: (fields: Fields) => A | undefined
}

/** The fields of the AWS SDK's outputs, each read once. */
interface Fields {
  readonly keyId: string | undefined
  readonly ciphertextBlob: Uint8Array | undefined
  readonly plaintext: Uint8Array | undefined
}

const call = <A>(
  supplier: ClientSupplier,
  operation: KmsError["operation"],
  { keyId }: KmsRequest,
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
    const { CiphertextBlob: ciphertextBlob, KeyId: keyId, Plaintext: plaintext } = output as Record<string, unknown>
    return (keyId === undefined || typeof keyId === "string") && isBytesOrMissing(ciphertextBlob) &&
        isBytesOrMissing(plaintext)
      ? { keyId, ciphertextBlob, plaintext }
      : undefined
  } catch {
    return undefined
  }
}

const isBytesOrMissing = (value: unknown): value is Uint8Array | undefined =>
  value === undefined || bytes.isBytes(value)

/** Zeroes the plaintext of an output that is not returned, as far as it can be read. */
const discard = (output: object): void => {
  try {
    const { Plaintext } = output as { readonly Plaintext?: unknown }
    if (bytes.isBytes(Plaintext)) Plaintext.fill(0)
  } catch {
    // There is nothing to zero in what cannot be read.
  }
}

const inputOf = ({ encryptionContext, grantTokens, keyId }: KmsRequest) => ({
  KeyId: keyId,
  EncryptionContext: encryptionContext,
  GrantTokens: [...grantTokens]
})

/**
 * Takes over the plaintext of a response. Node decodes short base64 texts into a slice of a pool that it shares with
 * everything else; only such a slice is copied, and zeroed at once.
 */
const takeOver = (plaintext: Uint8Array): DataKey.DataKey => {
  if (plaintext.byteLength === plaintext.buffer.byteLength) return DataKey.make(plaintext)
  const key = DataKey.make(Uint8Array.from(plaintext))
  plaintext.fill(0)
  return key
}
