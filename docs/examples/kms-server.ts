import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from "@aws-sdk/client-kms"
import { Console, Effect, Layer, References } from "effect"
import { KmsServer } from "effect-encryption-sdk/kms/development-only/server"
import { NodePrimitives } from "effect-encryption-sdk/node"

const keyArn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// By itself, on a port of its own, with its keys in a file, it is two lines:
// const server = KmsServer.layer({ port: 4566, keyStoreFile: "kms.json" }).pipe(Layer.provide(NodePrimitives.layer))
// Effect.runFork(Layer.launch(server))

const program = Effect.gen(function*() {
  const { url } = yield* KmsServer.make({ keys: [{ arn: keyArn }] })
  const client = new KMSClient({
    endpoint: url,
    region: "us-east-1",
    credentials: { accessKeyId: "any", secretAccessKey: "any" }
  })
  const generate = new GenerateDataKeyCommand({ KeyId: keyArn, KeySpec: "AES_256" })
  const { CiphertextBlob, Plaintext } = yield* Effect.promise(() => client.send(generate))
  const decrypted = yield* Effect.promise(() => client.send(new DecryptCommand({ CiphertextBlob })))
  yield* Console.log(decrypted.KeyId)
  yield* Console.log(Buffer.from(Plaintext!).equals(decrypted.Plaintext!))
}).pipe(Effect.scoped)

const quiet = Layer.succeed(References.MinimumLogLevel, "Error")
await Effect.runPromise(Effect.provide(program, [NodePrimitives.layer, quiet]))

// arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
// true
