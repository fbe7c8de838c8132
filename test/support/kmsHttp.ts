/** Requests to a KMS server by Node's own client, and what came back. */
import { Effect } from "effect"
import * as http from "node:http"

export interface HttpResponse {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

interface HttpRequest {
  readonly method?: string
  readonly headers?: http.OutgoingHttpHeaders
  readonly body?: string | Uint8Array
  readonly agent?: http.Agent
}

/** Sends a request. A broken connection is the error's code. */
export const send = (url: string, { agent, body = "", headers = {}, method = "POST" }: HttpRequest) =>
  Effect.callback<HttpResponse, string>((resume) => {
    const request = http.request(url, { method, headers, ...agent === undefined ? {} : { agent } }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.once("end", () =>
        resume(Effect.succeed({
          status: response.statusCode!,
          headers: response.headers,
          text: Buffer.concat(chunks).toString()
        })))
    })
    request.on("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(error.code ?? error.message)))
    request.end(body)
    return Effect.sync(() => request.destroy())
  })

/** The header of a signature in a Region. */
export const signedIn = (region: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/${region}/kms/aws4_request, ` +
    "SignedHeaders=host;x-amz-date, Signature=0"
})

/** Calls an operation. */
export const call = (url: string, operation: string, body: object, headers: http.OutgoingHttpHeaders = {}) =>
  send(url, {
    headers: { "x-amz-target": `TrentService.${operation}`, ...headers },
    body: JSON.stringify(body)
  })
