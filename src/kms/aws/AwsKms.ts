/**
 * `Kms` on the AWS SDK for JavaScript.
 */
import type { KMSClientConfig } from "@aws-sdk/client-kms"
import { DecryptCommand, EncryptCommand, GenerateDataKeyCommand, KMSClient } from "@aws-sdk/client-kms"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as DataKey from "../../model/DataKey.ts"
import * as KeyArn from "../KeyArn.ts"
import type { KmsRequest } from "../Kms.ts"
import { Kms } from "../Kms.ts"
import { KmsError } from "../KmsError.ts"
import { explain } from "./internal/awsErrors.ts"

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
        read: ({ CiphertextBlob, KeyId, Plaintext }) =>
          KeyId === undefined || CiphertextBlob === undefined || Plaintext === undefined
            ? undefined
            : { keyId: KeyId, plaintext: takeOver(Plaintext), ciphertextBlob: CiphertextBlob },
        discard: zeroPlaintext
      }),
    encrypt: (request) =>
      call(supplier, "Encrypt", request, {
        send: (client, options) =>
          client.send(
            new EncryptCommand({ ...inputOf(request), Plaintext: DataKey.value(request.plaintext) }),
            options
          ),
        read: ({ CiphertextBlob, KeyId }) =>
          KeyId === undefined || CiphertextBlob === undefined
            ? undefined
            : { keyId: KeyId, ciphertextBlob: CiphertextBlob },
        discard: () => undefined
      }),
    decrypt: (request) =>
      call(supplier, "Decrypt", request, {
        send: (client, options) =>
          client.send(new DecryptCommand({ ...inputOf(request), CiphertextBlob: request.ciphertextBlob }), options),
        read: ({ KeyId, Plaintext }) =>
          KeyId === undefined || Plaintext === undefined
            ? undefined
            : { keyId: KeyId, plaintext: takeOver(Plaintext) },
        discard: zeroPlaintext
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
interface Command<Output, A> {
  readonly send: (client: Client, options: { readonly abortSignal: AbortSignal }) => Promise<Output>
  /** Returns the response; undefined where a field is missing. */
  readonly read: (output: Output) => A | undefined
  /** Zeroes an output that is not returned. */
  readonly discard: (output: Output) => void
}

const call = <Output, A>(
  supplier: ClientSupplier,
  operation: KmsError["operation"],
  { keyId }: KmsRequest,
  { discard, read, send }: Command<Output, A>
): Effect.Effect<A, KmsError> =>
  Effect.callback<A, KmsError>((resume, signal) => {
    const fail = (fields: Pick<KmsError, "failure" | "code" | "description" | "isRetryable">) =>
      resume(Effect.fail(new KmsError({ operation, keyId, ...fields })))
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
    send(client, { abortSignal: signal }).then(
      (output) => {
        if (signal.aborted) return discard(output)
        const response = read(output)
        if (response !== undefined) return resume(Effect.succeed(response))
        discard(output)
        fail({
          failure: "InvalidAnswer",
          code: "IncompleteAnswer",
          description: "the answer lacks a field",
          isRetryable: false
        })
      },
      (error: unknown) => fail(explain(error))
    )
  })

const inputOf = ({ encryptionContext, grantTokens, keyId }: KmsRequest) => ({
  KeyId: keyId,
  EncryptionContext: encryptionContext,
  GrantTokens: [...grantTokens]
})

const zeroPlaintext = ({ Plaintext }: { readonly Plaintext?: Uint8Array | undefined }): void => {
  Plaintext?.fill(0)
}

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
