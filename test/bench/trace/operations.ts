/** The operations whose routes are traced, over entry points that are loaded from any folder of sources. */
import { Effect, Layer, ManagedRuntime, Redacted, Stream } from "effect"
import type * as Sdk from "effect-encryption-sdk"
import type * as Caching from "effect-encryption-sdk/caching"
import type * as Node from "effect-encryption-sdk/node"
import type * as Raw from "effect-encryption-sdk/raw"

export interface EntryPoints {
  readonly sdk: typeof Sdk
  readonly caching: typeof Caching
  readonly node: typeof Node
  readonly raw: typeof Raw
}

export interface Operation {
  readonly name: string
  readonly run: () => Promise<unknown>
}

const plaintext = new Uint8Array(100).fill(0x61)

/** As a backend makes it: a new one for every request. */
const encryptionContext = (): Record<string, string> => ({ purpose: "trace" })

const operationsOf = async (
  kind: string,
  layer: Layer.Layer<Sdk.EncryptionSdk.EncryptionSdk, unknown>,
  { sdk }: EntryPoints
): Promise<ReadonlyArray<Operation>> => {
  const client = await ManagedRuntime.make(layer).runPromise(sdk.EncryptionSdk.EncryptionSdk)
  const algorithmSuite = sdk.AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
  const options = () => ({ algorithmSuite, encryptionContext: encryptionContext() })
  const { message } = await Effect.runPromise(client.encrypt(plaintext, options()))
  const operation = (name: string, run: () => Effect.Effect<unknown, unknown>): Operation => ({
    name: `${name}, ${kind}`,
    run: () => Effect.runPromise(run())
  })
  return [
    operation("encrypt", () => client.encrypt(plaintext, options())),
    operation("decrypt", () => client.decrypt(message)),
    operation("encryptStream", () =>
      Stream.runDrain(
        client.encryptStream(Stream.make(plaintext), { ...options(), plaintextLength: plaintext.length })
      )),
    operation("decryptStream", () => Stream.runDrain(client.decryptStream(Stream.make(message))))
  ]
}

/** All operations, with the default manager and with a caching one, which hits from the second repetition on. */
export const make = async (entryPoints: EntryPoints): Promise<ReadonlyArray<Operation>> => {
  const { caching, node, raw, sdk } = entryPoints
  const keyring = raw.RawAesKeyring.layer({
    keyNamespace: "trace",
    keyName: "key",
    wrappingKey: Redacted.make(new Uint8Array(32).fill(1))
  })
  const base = Layer.provideMerge(keyring, node.NodePrimitives.layer)
  const uncached = sdk.EncryptionSdk.layer().pipe(Layer.provide(sdk.DefaultCmm.layer), Layer.provide(base))
  const cached = sdk.EncryptionSdk.layer().pipe(
    Layer.provide(caching.CachingCmm.layer({ policy: { maxAge: "1 hour" } })),
    Layer.provide(caching.LocalCache.layer({ capacity: 10 })),
    Layer.provide(base)
  )
  return [
    ...await operationsOf("default CMM", uncached, entryPoints),
    ...await operationsOf("cache hit", cached, entryPoints)
  ]
}
