/** Chunks of memory that is shared with other threads, or that can be resized, are taken as any other. */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Stream } from "effect"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { concat } from "../support/bytes.ts"
import { kinds, viewOf } from "../support/memories.ts"
import { TestPrimitives } from "../support/TestPrimitives.ts"
import { signed, unsigned } from "../support/suites.ts"

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(DefaultCmm.layer),
  Layer.provide(RawAesKeyring.layer({
    keyNamespace: "a",
    keyName: "b",
    wrappingKey: Redacted.make(new Uint8Array(32).fill(1))
  })),
  Layer.provide(TestPrimitives.layer)
)

it.effect.each(kinds)("chunks of %s memory", (kind) =>
  Effect.gen(function*() {
    const sdk = Context.get(yield* Layer.build(layer), EncryptionSdk.EncryptionSdk)
    const plaintext = Uint8Array.from({ length: 20_000 }, (_, index) => index % 251)
    for (const algorithmSuite of [unsigned, signed]) {
      const message = concat(
        ...yield* Stream.runCollect(sdk.encryptStream(Stream.make(viewOf(kind, plaintext)), { algorithmSuite }))
      )
      assert.deepStrictEqual(
        concat(...yield* Stream.runCollect(sdk.decryptStream(Stream.make(viewOf(kind, message))))),
        plaintext
      )
      assert.deepStrictEqual((yield* sdk.decrypt(viewOf(kind, message))).plaintext, plaintext)
    }
  }))
