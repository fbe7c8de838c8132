/**
 * Our own KMS server in the process of a test: for what the KMS server of the run (moto) lacks, such as real RSA, shared secrets
 * and replicas.
 *
 * ```ts
 * const { control, url } = yield* DevelopmentServer.start({ keys: [{ arn, keySpec: "RSA_2048" }] })
 * const python = yield* Layer.build(Python.layerFor(url))
 * ```
 */
import type { KMSClientConfig } from "@aws-sdk/client-kms"
import { Effect, Layer, References } from "effect"
import type { EmbeddedKmsError } from "effect-encryption-sdk/kms/development-only"
import { KmsServer } from "effect-encryption-sdk/kms/development-only/server"
import { NodePrimitives } from "effect-encryption-sdk/node"
import type { Scope } from "effect"

const environment = Layer.merge(NodePrimitives.layer, Layer.succeed(References.MinimumLogLevel, "Error"))

/** Starts a server with keys on a free port, until the scope closes. `control` makes more keys, and changes their state. */
export const start = (
  options: KmsServer.Options = {}
): Effect.Effect<KmsServer.Running, EmbeddedKmsError, Scope.Scope> =>
  Effect.provide(KmsServer.make(options), environment)

/** What a client of the AWS SDK for JavaScript needs to reach it. */
export const configOf = (url: string): KMSClientConfig => ({
  endpoint: url,
  credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
  maxAttempts: 1
})
