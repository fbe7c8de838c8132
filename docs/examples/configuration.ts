import { Config, ConfigProvider, Console, Duration, Effect, Layer } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CachePolicy, CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { RawAesKeyring, WrappingKey } from "effect-encryption-sdk/raw"

// What no configuration can loosen. It has a maximum age, so that the variables may all be left out.
const bounds = CachePolicy.make({ maxAge: "10 minutes", maxMessagesEncrypted: 1000 })

// ORDERS_CACHE_MAX_AGE, ORDERS_CACHE_MAX_MESSAGES_ENCRYPTED, ORDERS_CACHE_MAX_BYTES_ENCRYPTED
const policy = Effect.gen(function*() {
  return CachePolicy.tightest(yield* bounds, yield* CachePolicy.config(["orders", "cache"]))
})

const cachingCmm = Layer.unwrap(Effect.map(policy, (policy) => CachingCmm.layer({ policy })))

// ORDERS_WRAPPING_KEY, in base64
const keyring = RawAesKeyring.layerConfig({
  keyNamespace: Config.succeed("orders"),
  keyName: Config.succeed("2026"),
  wrappingKey: WrappingKey.config("ordersWrappingKey")
})

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(cachingCmm),
  Layer.provide([keyring, LocalCache.layer({ capacity: 100 })]),
  Layer.provide(NodePrimitives.layer)
)

const program = Effect.gen(function*() {
  const { maxAge, maxMessagesEncrypted } = (yield* policy).thresholds
  yield* Console.log(`${maxAge && Duration.format(maxAge)}, ${maxMessagesEncrypted} messages`)
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const { receipt } = yield* sdk.encrypt("order 1")
  yield* Console.log(receipt)
})

// A program reads its own environment: leave `env` out.
const environment = (env: Record<string, string>) =>
  ConfigProvider.layer(ConfigProvider.constantCase(ConfigProvider.fromEnv({ env })))

const variables = {
  ORDERS_WRAPPING_KEY: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
  ORDERS_CACHE_MAX_AGE: "5 minutes",
  ORDERS_CACHE_MAX_MESSAGES_ENCRYPTED: "5000"
}

await Effect.runPromise(Effect.provide(Effect.provide(program, layer), environment(variables)))

const tooVague = environment({ ...variables, ORDERS_CACHE_MAX_AGE: "300" })
const error = await Effect.runPromise(Effect.flip(Effect.provide(Effect.provide(program, layer), tooVague)))
console.log(error.message)

// 5m, 1000 messages
// { _tag: 'Miss', usage: { messages: 1, bytes: 7n } }
// SchemaError(must be a positive, finite Duration or a text with a unit such as "5 minutes" (a bare number is refused), got 300
//   at ["orders"]["cache"]["maxAge"])
