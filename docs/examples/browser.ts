import { Effect, Layer, Redacted } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { WebPrimitives } from "effect-encryption-sdk/web"

const wrappingKey = Redacted.make(crypto.getRandomValues(new Uint8Array(32)))

const Client = EncryptionSdk.layer().pipe(
  Layer.provide(CachingCmm.layer({ policy: { maxAge: "5 minutes" } })),
  Layer.provide(LocalCache.layer({ capacity: 100 })),
  Layer.provide(RawAesKeyring.layer({ keyNamespace: "page", keyName: "session", wrappingKey })),
  Layer.provide(WebPrimitives.layer)
)

const program = Effect.gen(function*() {
  const sdk = yield* EncryptionSdk.EncryptionSdk
  const encryptionContext = { purpose: "draft" }
  for (const text of ["first draft", "second draft"]) {
    const { message, receipt } = yield* sdk.encrypt(text, { encryptionContext })
    const { plaintext } = yield* sdk.decrypt(message, { expectedEncryptionContext: encryptionContext })
    console.log(`${receipt._tag}: ${new TextDecoder().decode(plaintext)}`)
  }
})

await Effect.runPromise(Effect.provide(program, Client))

// Miss: first draft
// Hit: second draft
