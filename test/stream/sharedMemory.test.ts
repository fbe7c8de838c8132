/** Chunks of memory that is shared with other threads, or that can be resized, are taken as any other. */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Stream } from "effect"
import { DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { RawAesKeyring } from "effect-encryption-sdk/raw"
import { concat } from "../support/bytes.ts"
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

/** A page has shared memory by WebAssembly alone, unless it is isolated from other origins. */
declare const WebAssembly: {
  readonly Memory: new(
    options: { readonly initial: number; readonly maximum: number; readonly shared: true }
  ) => { readonly buffer: SharedArrayBuffer }
}

const memories = {
  shared: () => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer,
  resizable: () => new ArrayBuffer(65_536, { maxByteLength: 131_072 })
}

it.effect.each(["shared", "resizable"] as const)("chunks of %s memory", (kind) =>
  Effect.gen(function*() {
    const sdk = Context.get(yield* Layer.build(layer), EncryptionSdk.EncryptionSdk)
    const viewOf = (bytes: Uint8Array) => {
      const view = new Uint8Array(memories[kind](), 7, bytes.length)
      view.set(bytes)
      return view
    }
    const plaintext = Uint8Array.from({ length: 20_000 }, (_, index) => index % 251)
    for (const algorithmSuite of [unsigned, signed]) {
      const message = concat(
        ...yield* Stream.runCollect(sdk.encryptStream(Stream.make(viewOf(plaintext)), { algorithmSuite }))
      )
      assert.deepStrictEqual(
        concat(...yield* Stream.runCollect(sdk.decryptStream(Stream.make(viewOf(message))))),
        plaintext
      )
      assert.deepStrictEqual((yield* sdk.decrypt(viewOf(message))).plaintext, plaintext)
    }
  }))
