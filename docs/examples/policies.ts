import { Console, DateTime, Duration, Effect, Layer } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CachePolicy, CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const kmsKeyArn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

const company = CachePolicy.make({ maxAge: "1 hour", maxMessagesEncrypted: 1000 })
const team = CachePolicy.make({ maxAge: "5 minutes", maxBytesEncrypted: 10_000_000 })

// A rule sees each request before the cache is looked at. It can only be stricter than the thresholds.
const byTenant = CachePolicy.rule(({ encryptionContext }) => {
  switch (encryptionContext["tenant"]) {
    case "bank":
      return "bypass"
    case "clinic":
      return { maxMessagesEncrypted: 2 }
    default:
      return undefined
  }
})
const largeMessages = CachePolicy.rule(({ plaintextLength = 0 }) => plaintextLength > 100_000 ? "bypass" : undefined)

const policy = Effect.gen(function*() {
  return [yield* team, byTenant, largeMessages].reduce(CachePolicy.tightest, yield* company)
})

const layer = EncryptionSdk.layer().pipe(
  Layer.provide(Layer.unwrap(Effect.map(policy, (policy) => CachingCmm.layer({ policy })))),
  Layer.provide([KmsKeyring.layer({ generatorKeyId: kmsKeyArn }), LocalCache.layer({ capacity: 100 })]),
  Layer.provide(EmbeddedKms.layer({ keys: [{ arn: kmsKeyArn }] })),
  Layer.provide(NodePrimitives.layer)
)

const program = Effect.gen(function*() {
  const { maxAge, maxBytesEncrypted, maxMessagesEncrypted } = (yield* policy).thresholds
  yield* Console.log(maxAge && Duration.format(maxAge), maxMessagesEncrypted, maxBytesEncrypted)

  // Without a cache, a key or a message: what the policy decides of a request.
  const decision = CachePolicy.decide(yield* policy, {
    operation: "encrypt",
    encryptionContext: { tenant: "shop" },
    algorithmSuite: undefined,
    plaintextLength: 200_000,
    time: yield* DateTime.now
  })
  yield* Console.log(decision._tag)

  const sdk = yield* EncryptionSdk.EncryptionSdk
  for (const tenant of ["shop", "clinic", "bank"]) {
    const receipts: Array<string> = []
    for (let message = 1; message <= 4; message++) {
      const { receipt } = yield* sdk.encrypt("a record", { encryptionContext: { tenant } })
      receipts.push(receipt._tag)
    }
    yield* Console.log(`${tenant}: ${receipts.join(" ")}`)
  }
})

await Effect.runPromise(Effect.provide(program, layer))

// 5m 1000 10000000n
// Bypass
// shop: Miss Hit Hit Hit
// clinic: Miss Hit Miss Hit
// bank: Bypassed Bypassed Bypassed Bypassed
