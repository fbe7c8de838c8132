import { Layer } from "effect"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { KmsGovernor } from "effect-encryption-sdk/kms/governor"
import { createKey } from "../../support/embeddedKms.ts"
import { kmsContract } from "../../support/kmsContract.ts"
import { TestPrimitives } from "../../support/TestPrimitives.ts"

kmsContract({
  title: "EmbeddedKms under a governor",
  layer: KmsGovernor.layer({ rate: 100, circuit: {} }).pipe(
    Layer.provideMerge(EmbeddedKms.layer()),
    Layer.orDie,
    Layer.provide(TestPrimitives.layer)
  ),
  createKey,
  incorrectKey: ["IncorrectKeyException", "InvalidCiphertext"]
})
