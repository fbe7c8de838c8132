/** A server on this machine that speaks the protocol of AWS KMS, and clients of the AWS SDK that are no more than a `send`. */
import { Effect } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Kms, type KmsError } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { createServer } from "node:http"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export const keyId = "1234abcd-12ab-34cd-56ef-1234567890ab"
export const arn = `arn:aws:kms:us-east-1:111122223333:key/${keyId}`
export const secret = Uint8Array.from({ length: 32 }, (_, index) => index + 1)
export const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")
export const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "example" }

export interface Request {
  readonly target: string
  readonly region: string
  readonly body: Record<string, unknown>
  readonly raw: IncomingMessage
}

export interface Reply {
  readonly status?: number
  readonly body: object | string
}

/** A server that sends what `reply` returns, and nothing where that is undefined. */
export const serve = (reply: (request: Request) => Reply | undefined) =>
  Effect.acquireRelease(
    Effect.callback<{ server: Server; endpoint: string; requests: Array<Request> }>((resume) => {
      const requests: Array<Request> = []
      const server = createServer((raw: IncomingMessage, response: ServerResponse) => {
        const chunks: Array<Buffer> = []
        raw.on("data", (chunk: Buffer) => chunks.push(chunk))
        raw.on("end", () => {
          const request = {
            target: String(raw.headers["x-amz-target"]),
            region: String(raw.headers.authorization).split("/")[2]!,
            body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
            raw
          }
          requests.push(request)
          const answer = reply(request)
          if (answer === undefined) return
          response.writeHead(answer.status ?? 200, { "content-type": "application/x-amz-json-1.1" })
          response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body))
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ server, endpoint: `http://127.0.0.1:${port}`, requests }))
      })
    }),
    ({ server }) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

/** Fields of the responses besides `KeyId`. */
const fields: Readonly<Record<string, (body: Request["body"]) => object>> = {
  GenerateDataKey: (body) => ({ ...ciphertext, Plaintext: base64(secret.subarray(0, Number(body["NumberOfBytes"]))) }),
  Encrypt: () => ciphertext,
  Decrypt: () => ({ Plaintext: base64(secret) }),
  GetPublicKey: () => ({ PublicKey: base64(Uint8Array.of(6, 5)), KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" }),
  DeriveSharedSecret: () => ({ SharedSecret: base64(secret) }),
  GenerateDataKeyWithoutPlaintext: () => ciphertext,
  ReEncrypt: () => ({ ...ciphertext, SourceKeyId: `${arn}-source` })
}

const ciphertext = { CiphertextBlob: base64(Uint8Array.of(9, 8, 7)) }

export const good = ({ body, target }: Request): Reply => ({
  body: { KeyId: arn, ...fields[target.slice("TrentService.".length)]!(body) }
})

export const request = (name = arn) => ({
  keyId: name,
  encryptionContext: { tenant: "a", "😀": "é" },
  grantTokens: ["token"]
})

export const generate = (name?: string) =>
  Effect.flatMap(Kms.Kms, (kms) => kms.generateDataKey({ ...request(name), numberOfBytes: 32 }))
export const encrypt = (name?: string) =>
  Effect.flatMap(Kms.Kms, (kms) => kms.encrypt({ ...request(name), plaintext: DataKey.make(secret.slice()) }))
export const decrypt = (name?: string) =>
  Effect.flatMap(Kms.Kms, (kms) => kms.decrypt({ ...request(name), ciphertextBlob: Uint8Array.of(1, 2, 3) }))
export const getPublicKey = (name = arn) =>
  Effect.flatMap(Kms.KmsKeyAgreement, (kms) => kms.getPublicKey({ keyId: name, grantTokens: ["token"] }))
export const deriveSharedSecret = (name = arn) =>
  Effect.flatMap(
    Kms.KmsKeyAgreement,
    (kms) => kms.deriveSharedSecret({ keyId: name, grantTokens: ["token"], publicKey: Uint8Array.of(1, 2, 3) })
  )
export const generateWithoutPlaintext = (name?: string) =>
  Effect.flatMap(
    Kms.KmsWithoutPlaintext,
    (kms) => kms.generateDataKeyWithoutPlaintext({ ...request(name), numberOfBytes: 24 })
  )
export const reEncrypt = (name?: string) =>
  Effect.flatMap(Kms.KmsWithoutPlaintext, (kms) =>
    kms.reEncrypt({
      ...request(name),
      ciphertextBlob: Uint8Array.of(1, 2, 3),
      sourceKeyId: `${arn}-source`,
      sourceEncryptionContext: { tenant: "b" }
    }))

/** Each call of each port, for the key of a name. */
export const each: ReadonlyArray<
  readonly [
    KmsError["operation"],
    (name?: string) => Effect.Effect<{ readonly keyId: string }, KmsError, Kms.Ports>
  ]
> = [
  ["GenerateDataKey", generate],
  ["Encrypt", encrypt],
  ["Decrypt", decrypt],
  ["GetPublicKey", getPublicKey],
  ["DeriveSharedSecret", deriveSharedSecret],
  ["GenerateDataKeyWithoutPlaintext", generateWithoutPlaintext],
  ["ReEncrypt", reEncrypt]
]

/** A client of the AWS SDK that has this method alone. */
export const clientOf = (
  send: (command: { input: unknown }, options: { abortSignal: AbortSignal }) => Promise<unknown>
) => ({ send }) as unknown as AwsKms.Client

export const throwing = (thrown: unknown) => AwsKms.layerClient(clientOf(() => Promise.reject(thrown)))
