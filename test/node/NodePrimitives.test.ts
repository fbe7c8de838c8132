/** Both layers on node:crypto. The contract over `make` is that of test/crypto in this project. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Primitives } from "effect-encryption-sdk/crypto"
import { NodePrimitives } from "effect-encryption-sdk/node"
import type { KeyObject } from "node:crypto"
import { agreesWithNode } from "../support/primitives/nodeOracle.ts"
import { primitivesContract } from "../support/primitivesContract.ts"

describe("NodePrimitives.layer", () => {
  it.effect("is make", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Primitives.Primitives, NodePrimitives.make)
    }).pipe(Effect.provide(NodePrimitives.layer)))

  it.effect("an AES key holds a KeyObject with a copy of the bytes", () =>
    Effect.gen(function*() {
      const bytes = new Uint8Array(32).fill(1)
      const key = yield* NodePrimitives.make.importAesKey(Redacted.make(bytes))
      bytes.fill(2)
      const exported = (Redacted.value(key) as unknown as { readonly key: KeyObject }).key.export()
      assert.deepStrictEqual(new Uint8Array(exported), new Uint8Array(32).fill(1))
    }))

  agreesWithNode(NodePrimitives.make)
})

describe("NodePrimitives.layerSynchronous", () => {
  it.effect("is makeSynchronous", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Primitives.Primitives, NodePrimitives.makeSynchronous)
    }).pipe(Effect.provide(NodePrimitives.layerSynchronous)))

  primitivesContract(NodePrimitives.makeSynchronous, { maxInFlight: 1, hasPkcs1: true })
  agreesWithNode(NodePrimitives.makeSynchronous)
})
