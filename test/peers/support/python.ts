/**
 * The AWS Encryption SDK for Python, as a process of its own that lives as long as the layer.
 */
import { Context, Data, Effect, Layer } from "effect"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { inject } from "vitest"
import { fromBase64, toBase64 } from "../../support/bytes.ts"

/** A wrapping key as the Python process takes it. An RSA key is private or public as its PEM says. */
export type PythonKey =
  | { readonly type: "aes"; readonly namespace: string; readonly name: string; readonly key: Uint8Array }
  | {
    readonly type: "rsa"
    readonly namespace: string
    readonly name: string
    readonly padding: string
    readonly pem: string
  }
  | { readonly type: "kms"; readonly keyIds: ReadonlyArray<string> }
  | Mpl
  /** Any key within the filter. It only decrypts. */
  | { readonly type: "kms-discovery"; readonly partition: string; readonly accountIds: ReadonlyArray<string> }

/** A keyring of the AWS Cryptographic Material Providers Library, which stands alone, with the pairs that its manager requires. */
export interface Mpl {
  readonly type: "mpl"
  readonly kind:
    | "raw-aes"
    | "raw-ecdh"
    | "kms"
    | "kms-discovery"
    | "kms-mrk"
    | "kms-mrk-discovery"
    | "kms-rsa"
    | "kms-ecdh"
    | "hierarchical"
  readonly requiredEncryptionContextKeys?: ReadonlyArray<string>
  /** What the constructor of that kind takes, by the names of test/peers/mpl.py. */
  readonly [option: string]: unknown
}

/** A branch key store, by the names of test/peers/keystore.py. */
export interface KeyStore {
  readonly tableName: string
  readonly logicalKeyStoreName: string
  readonly keyArn: string
  readonly dynamoDbEndpoint: string
  readonly kmsEndpoint: string
}

/** Python raised an exception. */
export class PythonError extends Data.TaggedError("PythonError")<{
  readonly error: string
  readonly description: string
}> {
  override get message(): string {
    return `${this.error}: ${this.description}`
  }
}

export interface Encrypted {
  readonly message: Uint8Array
  readonly encryptionContext: Record<string, string>
}

export interface Decrypted {
  readonly plaintext: Uint8Array
  readonly encryptionContext: Record<string, string>
  /** The identifier of the algorithm suite. */
  readonly suite: number
  /** How many encrypted data keys the message has. */
  readonly encryptedDataKeys: number
}

/** Output of boto3, or the error that the server sent. */
export interface KmsResponse {
  readonly output?: Record<string, unknown>
  readonly requestId?: string
  readonly code?: string
  readonly status?: number
}

export class Python extends Context.Service<Python, {
  readonly encrypt: (request: {
    readonly suite: number
    readonly plaintext: Uint8Array
    readonly keys: ReadonlyArray<PythonKey>
    readonly encryptionContext?: Record<string, string>
    /** 0 writes a message that is not framed. */
    readonly frameLength?: number
  }) => Effect.Effect<Encrypted, PythonError>
  /** Encrypts under one data key, which Python caches. */
  readonly encryptCached: (request: {
    readonly suite: number
    readonly plaintexts: ReadonlyArray<Uint8Array>
    readonly keys: ReadonlyArray<PythonKey>
    readonly encryptionContext: Record<string, string>
  }) => Effect.Effect<ReadonlyArray<Uint8Array>, PythonError>
  readonly decrypt: (request: {
    readonly message: Uint8Array
    readonly keys: ReadonlyArray<PythonKey>
    /** The pairs that are expected, or reproduced. */
    readonly encryptionContext?: Record<string, string>
  }) => Effect.Effect<Decrypted, PythonError>
  /** What Python's `stream` writes, read in pieces of `size` bytes. */
  readonly encryptStream: (request: {
    readonly suite: number
    readonly plaintext: Uint8Array
    readonly keys: ReadonlyArray<PythonKey>
    readonly encryptionContext: Record<string, string>
    readonly frameLength: number
    readonly size: number
    readonly knownLength: boolean
  }) => Effect.Effect<Uint8Array, PythonError>
  /** What Python's `stream` reads, in pieces of `size` bytes. */
  readonly decryptStream: (request: {
    readonly message: Uint8Array
    readonly keys: ReadonlyArray<PythonKey>
    readonly size: number
  }) => Effect.Effect<Uint8Array, PythonError>
  /** A call of boto3 to a KMS server, by the name that boto3 gives it. Bytes are `{ $bytes }`, dates milliseconds. */
  readonly kms: (request: {
    readonly endpoint: string
    readonly region: string
    readonly call: string
    readonly input: object
  }) => Effect.Effect<KmsResponse, PythonError>
  /** A call of the branch key store, and what it returns. Keys are base64. */
  readonly keyStore: (request: {
    readonly store: KeyStore
    readonly call: "createTable" | "createKey" | "versionKey" | "getActive" | "getVersion" | "getBeaconKey"
    readonly branchKeyId?: string
    readonly version?: string
    readonly encryptionContext?: Readonly<Record<string, string>>
  }) => Effect.Effect<Record<string, unknown>, PythonError>
}>()("test/peers/Python") {}

const worker = fileURLToPath(new URL("../worker.py", import.meta.url))
const bytes = (text: unknown) => fromBase64(String(text))
const json = (keys: ReadonlyArray<PythonKey>) => keys.map(encoded)

/** With base64 in the place of bytes, wherever they are. */
const encoded = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? toBase64(value)
    : typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).map(([key, part]) => [key, encoded(part)]))
    : value

type Ask = (request: object) => Effect.Effect<Record<string, unknown>, PythonError>

/** The operations, as requests of the process. */
const interfaceOf = (ask: Ask) =>
  Python.of({
    encrypt: ({ encryptionContext = {}, frameLength = 4096, keys, plaintext, suite }) =>
      Effect.map(
        ask({
          operation: "encrypt",
          suite,
          plaintext: toBase64(plaintext),
          keys: json(keys),
          encryptionContext,
          frameLength
        }),
        (answer) => ({
          message: bytes(answer["message"]),
          encryptionContext: answer["encryptionContext"] as Record<string, string>
        })
      ),
    encryptCached: ({ keys, plaintexts, ...request }) =>
      Effect.map(
        ask({ operation: "encryptCached", ...request, plaintexts: plaintexts.map(toBase64), keys: json(keys) }),
        (answer) => (answer["messages"] as ReadonlyArray<string>).map(bytes)
      ),
    decrypt: ({ keys, message, ...request }) =>
      Effect.map(ask({ operation: "decrypt", ...request, message: toBase64(message), keys: json(keys) }), (answer) => ({
        plaintext: bytes(answer["plaintext"]),
        encryptionContext: answer["encryptionContext"] as Record<string, string>,
        suite: Number(answer["suite"]),
        encryptedDataKeys: Number(answer["encryptedDataKeys"])
      })),
    encryptStream: ({ keys, plaintext, ...request }) =>
      Effect.map(
        ask({ operation: "encryptStream", ...request, plaintext: toBase64(plaintext), keys: json(keys) }),
        (answer) => bytes(answer["message"])
      ),
    kms: (request) => ask({ operation: "kms", ...request }),
    keyStore: (request) => ask({ operation: "keyStore", ...request }),
    decryptStream: ({ keys, message, size }) =>
      Effect.map(
        ask({ operation: "decryptStream", message: toBase64(message), keys: json(keys), size }),
        (answer) => bytes(answer["plaintext"])
      )
  })

/** A Python whose calls to AWS KMS go to a server of this URL. */
export const layerFor = (kmsEndpoint: string): Layer.Layer<Python> =>
  Layer.effect(
    Python,
    Effect.gen(function*() {
      const { child, ended } = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const child = spawn(inject("python"), ["-u", worker], {
            stdio: ["pipe", "pipe", "inherit"],
            env: {
              ...process.env,
              AWS_ACCESS_KEY_ID: "testing",
              AWS_SECRET_ACCESS_KEY: "testing",
              AWS_DEFAULT_REGION: "us-east-1",
              AWS_ENDPOINT_URL_KMS: kmsEndpoint,
              NO_PROXY: "127.0.0.1"
            }
          })
          return { child, ended: new Promise<void>((resolve) => child.once("close", () => resolve())) }
        }),
        ({ child, ended }) =>
          Effect.promise(() => {
            child.stdin.end()
            return ended
          })
      )
      const waiting = new Map<number, (answer: Record<string, unknown>) => void>()
      createInterface(child.stdout).on("line", (line) => {
        const { id, ...answer } = JSON.parse(line) as { readonly id: number }
        waiting.get(id)?.(answer)
        waiting.delete(id)
      })
      void ended.then(() => {
        for (const resume of waiting.values()) resume({ error: "Ended", description: "the Python process has ended" })
        waiting.clear()
      })
      let requests = 0
      const ask: Ask = (request) =>
        Effect.callback<Record<string, unknown>, PythonError>((resume) => {
          const id = ++requests
          waiting.set(id, (answer) => {
            const { description, error } = answer
            resume(
              typeof error === "string"
                ? Effect.fail(new PythonError({ error, description: String(description) }))
                : Effect.succeed(answer)
            )
          })
          child.stdin.write(`${JSON.stringify({ id, ...request })}\n`)
        })
      return interfaceOf(ask)
    })
  )

/** A Python whose calls to AWS KMS go to the KMS server of the run. */
export const layer: Layer.Layer<Python> = Layer.unwrap(Effect.sync(() => layerFor(inject("kmsEndpoint"))))
