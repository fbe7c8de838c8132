/**
 * A Worker over the library, with a key provider that takes its time: one client for all requests, as Workers have it. Responds with
 * the receipt of a message for the tenant that the path names.
 */
import { Effect, Layer, ManagedRuntime, Redacted, Scheduler } from "effect"
import { DefaultCmm, EncryptionSdk, Keyring } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { WebPrimitives } from "effect-encryption-sdk/web"

declare const Response: { readonly json: (value: unknown) => unknown }

const Slow = Layer.effect(
  Keyring.Keyring,
  Effect.map(
    RawAesKeyring.make({ keyNamespace: "a", keyName: "b", wrappingKey: Redacted.make(new Uint8Array(32).fill(7)) }),
    (raw) =>
      Keyring.make({
        name: "Slow",
        onEncrypt: (materials) => Effect.andThen(Effect.sleep(200), raw.onEncrypt(materials)),
        onDecrypt: raw.onDecrypt
      })
  )
)

const make = () =>
  ManagedRuntime.make(
    EncryptionSdk.layer().pipe(
      Layer.provide(CachingCmm.layer({ policy: { maxAge: "1 minute", maxMessagesEncrypted: 100 } })),
      Layer.provide(DefaultCmm.layer),
      Layer.provide(LocalCache.layer({ capacity: 10 })),
      Layer.provide(Slow),
      Layer.provide(WebPrimitives.layer),
      // Timers of a Worker belong to the request that sets them: a fiber that yields must not wait for another request's.
      Layer.provideMerge(Layer.succeed(Scheduler.Scheduler, new Scheduler.MixedScheduler("sync")))
    )
  )

/** Made by the first request: outside of one there is no randomness. */
let runtime: ReturnType<typeof make> | undefined

const serve = (url: string) =>
  EncryptionSdk.EncryptionSdk.use((sdk) =>
    Effect.gen(function*() {
      const encryptionContext = { path: url.replace(/^https?:\/\/[^/]*/u, "") }
      const { message, receipt } = yield* sdk.encrypt("secret", { encryptionContext })
      const { plaintext } = yield* sdk.decrypt(message)
      return { receipt: receipt._tag, plaintext: new TextDecoder().decode(plaintext) }
    })
  )

export default {
  fetch: async (request: { readonly url: string }): Promise<unknown> => {
    runtime ??= make()
    return Response.json(await runtime.runPromise(serve(request.url)))
  }
}
