/** A server on this machine that speaks the protocol of AWS KMS, and clients of the AWS SDK that are no more than a `send`. */
import { Effect } from "effect"
import { DataKey } from "effect-encryption-sdk"
import { Kms } from "effect-encryption-sdk/kms"
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

export const good = ({ body, target }: Request): Reply => ({
  body: {
    KeyId: arn,
    ...target === "TrentService.Encrypt" || target === "TrentService.GenerateDataKey"
      ? { CiphertextBlob: base64(Uint8Array.of(9, 8, 7)) }
      : {},
    ...target === "TrentService.Decrypt" || target === "TrentService.GenerateDataKey"
      ? { Plaintext: base64(secret.subarray(0, (body["NumberOfBytes"] as number | undefined) ?? 32)) }
      : {}
  }
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
export const each = [["GenerateDataKey", generate], ["Encrypt", encrypt], ["Decrypt", decrypt]] as const

/** A client of the AWS SDK that has this method alone. */
export const clientOf = (
  send: (command: { input: unknown }, options: { abortSignal: AbortSignal }) => Promise<unknown>
) => ({ send }) as unknown as AwsKms.Client

export const throwing = (thrown: unknown) => AwsKms.layerClient(clientOf(() => Promise.reject(thrown)))
