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

/** What is taken from a client of the AWS SDK. */
export type Client = Pick<KMSClient, "send">

/**
 * Answers the client for a Region, or, for a key that is named without one, for the Region that the AWS SDK chooses by
 * itself. `undefined` refuses the Region: calls for it fail with code `NoClientForRegion`. Called for every call, so
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
export const make = (supplier: ClientSupplier): Kms => {
  const call = <Output, A>(
    operation: KmsError["operation"],
    { keyId }: KmsRequest,
    send: (client: Client, options: { readonly abortSignal: AbortSignal }) => Promise<Output>,
    read: (output: Output) => A | undefined,
    discard: (output: Output) => void
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
          const answer = read(output)
          if (answer !== undefined) return resume(Effect.succeed(answer))
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

  const common = ({ encryptionContext, grantTokens, keyId }: KmsRequest) => ({
    KeyId: keyId,
    EncryptionContext: encryptionContext,
    GrantTokens: [...grantTokens]
  })

  return Kms.of({
    generateDataKey: (request) =>
      call(
        "GenerateDataKey",
        request,
        (client, options) =>
          client.send(
            new GenerateDataKeyCommand({ ...common(request), NumberOfBytes: request.numberOfBytes }),
            options
          ),
        ({ CiphertextBlob, KeyId, Plaintext }) =>
          KeyId === undefined || CiphertextBlob === undefined || Plaintext === undefined
            ? undefined
            : { keyId: KeyId, plaintext: takeOver(Plaintext), ciphertextBlob: CiphertextBlob },
        ({ Plaintext }) => Plaintext?.fill(0)
      ),
    encrypt: (request) =>
      call(
        "Encrypt",
        request,
        (client, options) =>
          client.send(new EncryptCommand({ ...common(request), Plaintext: DataKey.value(request.plaintext) }), options),
        ({ CiphertextBlob, KeyId }) =>
          KeyId === undefined || CiphertextBlob === undefined
            ? undefined
            : { keyId: KeyId, ciphertextBlob: CiphertextBlob },
        () => undefined
      ),
    decrypt: (request) =>
      call(
        "Decrypt",
        request,
        (client, options) =>
          client.send(new DecryptCommand({ ...common(request), CiphertextBlob: request.ciphertextBlob }), options),
        ({ KeyId, Plaintext }) =>
          KeyId === undefined || Plaintext === undefined
            ? undefined
            : { keyId: KeyId, plaintext: takeOver(Plaintext) },
        ({ Plaintext }) => Plaintext?.fill(0)
      )
  })
}

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

/**
 * The plaintext that the AWS SDK answered. Node decodes short base64 texts into a slice of a pool that it shares with
 * everything else; only such a slice is copied, and zeroed at once.
 */
const takeOver = (plaintext: Uint8Array): DataKey.DataKey => {
  if (plaintext.byteLength === plaintext.buffer.byteLength) return DataKey.make(plaintext)
  const key = DataKey.make(Uint8Array.from(plaintext))
  plaintext.fill(0)
  return key
}
