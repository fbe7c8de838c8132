/** The AWS SDK for JavaScript as a client of the KMS server: what holds for every Kms holds for the two together. */
import { Effect, Layer, References } from "effect"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { KmsServer } from "effect-encryption-sdk/kms/development-only/server"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { createKey } from "../support/embeddedKms.ts"
import { kmsContract } from "../support/kmsContract.ts"

const quiet = Layer.succeed(References.MinimumLogLevel, "Error")

/** The control is that of the server; the ports are those of the AWS SDK alone. */
const layer = Layer.unwrap(
  Effect.map(KmsServer.make(), ({ control, url }) =>
    Layer.merge(
      AwsKms.layer({
        endpoint: url,
        region: "us-east-1",
        credentials: { accessKeyId: "test", secretAccessKey: "test" },
        maxAttempts: 1
      }),
      Layer.succeed(EmbeddedKms.EmbeddedKms, control)
    ))
).pipe(Layer.provide(NodePrimitives.layer), Layer.provide(quiet), Layer.orDie)

kmsContract<EmbeddedKms.EmbeddedKms>({
  title: "AwsKms over the KMS server",
  layer,
  createKey,
  incorrectKey: ["IncorrectKeyException", "InvalidCiphertext"],
  live: true
})
