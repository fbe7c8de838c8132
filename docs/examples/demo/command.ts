/**
 * The command line of the demo.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { CliConfig, CliError, Command, GlobalFlag } from "effect/cli"
import * as CountingKms from "./counting-kms.ts"
import { demo, embeddedKeyArn, Unsuccessful } from "./demo.ts"
import { flags, type Provider, settings } from "./options.ts"

const kms = (provider: Provider) =>
  provider._tag === "Embedded"
    ? EmbeddedKms.layer({ keys: [{ arn: embeddedKeyArn }], latency: provider.latency })
    : AwsKms.layer(provider.endpoint === undefined ? {} : { endpoint: provider.endpoint })

const command = Command.make(
  "npm run demo --",
  flags,
  Effect.fnUntraced(
    function*(given) {
      const chosen = yield* settings(given)
      yield* Effect.provide(demo(chosen), Layer.provide(CountingKms.layer, kms(chosen.provider)))
    },
    Effect.provide(NodePrimitives.layer),
    // One line that says what is wrong, instead of a stack trace.
    Effect.mapError((error) => error instanceof Unsuccessful ? error : new CliError.UserError({ cause: error }))
  )
).pipe(
  Command.withDescription(
    "Encrypts records one by one under a handful of cached data keys, decrypts them from the serialised text alone, " +
      "and compares records and KMS calls with what they should be."
  ),
  Command.withExamples([
    {
      command: "npm run demo -- --max-messages 50 --parallel 8",
      description: "More data keys, eight records at a time"
    },
    { command: "npm run demo -- --output messages.txt", description: "Keep the messages, and a key that decrypts them" }
  ])
)

/** Runs the demo with arguments such as `--records 100`. Says what is wrong on standard error. */
export const run = (args: ReadonlyArray<string>) =>
  Command.runWith(command, { version: "0" })(args).pipe(
    Effect.provide(Layer.mergeAll(NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help] })))
  )
