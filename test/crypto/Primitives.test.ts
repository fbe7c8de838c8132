/** The contract of `Primitives` over the layer of this project, and where runtimes differ in what they have. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Ecdsa } from "effect-encryption-sdk/crypto"
import { WebPrimitives } from "effect-encryption-sdk/web"
import { hasPkcs1, inBrowser, maxInFlight, TestPrimitives } from "../support/TestPrimitives.ts"
import { hex } from "../support/bytes.ts"
import { ecdsa } from "../support/primitives/vectors.ts"
import { primitivesContract } from "../support/primitivesContract.ts"
import { rsaPublicKey } from "../support/rsaKeys.ts"
import { uncompressedOnly } from "../support/withoutAes192.ts"

const { subtle } = globalThis.crypto

describe("Primitives", () => {
  primitivesContract(TestPrimitives.make, { maxInFlight, hasPkcs1 })

  it("Chromium's own WebCrypto refuses AES-192, and Node's does not: both ways were met", async () => {
    const asked = subtle.importKey("raw", new Uint8Array(24), "AES-GCM", false, ["encrypt"])
    assert.strictEqual(
      await asked.then(() => "imported", ({ name }: Error) => name),
      inBrowser ? "OperationError" : "imported"
    )
  })

  it.effect.each(ecdsa)(
    "a WebCrypto that takes no compressed points of $curve gets them uncompressed",
    (vector) =>
      Effect.gen(function*() {
        const { counts, primitives: web } = uncompressedOnly()
        const odd = yield* web.importVerificationKey(vector.curve, hex(`03${vector.x}`))
        const even = yield* web.importVerificationKey(vector.curve, hex(`02${vector.x}`))
        assert.strictEqual(counts.imported, 2)
        const signature = Ecdsa.derFromRaw(vector.curve, hex(vector.r + vector.s))!
        const message = new TextEncoder().encode("sample")
        const isOdd = Number(`0x${vector.y.at(-1)}`) % 2 === 1
        assert.strictEqual(yield* web.verify(odd, message, signature), isOdd)
        assert.strictEqual(yield* web.verify(even, message, signature), !isOdd)
      })
  )

  it.effect("RSA PKCS1 is unsupported over WebCrypto", () =>
    Effect.gen(function*() {
      const web = WebPrimitives.make(globalThis.crypto)
      assert.deepInclude(yield* Effect.flip(web.importRsaPublicKey(rsaPublicKey, "PKCS1")), { reason: "Unsupported" })
    }))
})
