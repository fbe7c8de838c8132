/** Two clients of a KMS server, the AWS SDK for JavaScript and boto3, with one interface. */
import { KMS } from "@aws-sdk/client-kms"
import { Effect } from "effect"
import { fromBase64, toBase64 } from "../../support/bytes.ts"
import { configOf } from "./developmentServer.ts"
import * as Python from "./python.ts"

/** An output with bytes as such and dates in milliseconds, or the error that the server sent. */
export interface Response {
  readonly output?: Record<string, any>
  readonly code?: string
  readonly status?: number
}

/** Calls an operation by the name that AWS KMS gives it. */
export type Client = (operation: string, input?: object, region?: string) => Effect.Effect<Response>

const mapDeep = (value: unknown, leaf: (value: unknown) => unknown): unknown => {
  const mapped = leaf(value)
  if (mapped !== value || typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return mapped
  return Array.isArray(value)
    ? value.map((item) => mapDeep(item, leaf))
    : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapDeep(item, leaf)]))
}

export const javascript = (url: string): Client => (operation, input = {}, region = "us-east-1") =>
  Effect.promise(async () => {
    const client = new KMS({ ...configOf(url), region })
    const method = `${operation[0]!.toLowerCase()}${operation.slice(1)}`
    try {
      const { $metadata: _, ...output } = await (client as any)[method](input)
      const read = mapDeep(
        output,
        (value) => value instanceof Date ? value.getTime() : value instanceof Uint8Array ? new Uint8Array(value) : value
      )
      return { output: read as Record<string, any> }
    } catch (error) {
      const { $metadata, name } = error as { name: string; $metadata?: { httpStatusCode?: number } }
      if ($metadata?.httpStatusCode === undefined) throw error
      return { code: name, status: $metadata.httpStatusCode }
    } finally {
      client.destroy()
    }
  })

export const boto3 =
  (python: Python.Python["Service"], endpoint: string): Client => (operation, input = {}, region = "us-east-1") =>
    python.kms({
      endpoint,
      region,
      call: operation.replaceAll(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toLowerCase(),
      input: mapDeep(input, (value) => value instanceof Uint8Array ? { $bytes: toBase64(value) } : value) as object
    }).pipe(
      Effect.orDie,
      Effect.map(({ code, output, status }) =>
        output === undefined
          ? { code: code!, status: status! }
          : {
            output: mapDeep(output, (value) =>
              typeof value === "object" && value !== null && "$bytes" in value
                ? fromBase64(String(value.$bytes))
                : value) as Record<string, any>
          }
      )
    )
