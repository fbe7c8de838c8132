/** Fake timers of a test runner, which leave alone what fibers and clocks need. */
import { afterEach, assert, it, vi } from "vitest"
import { Effect, Exit, Layer, ManagedRuntime } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const arn = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-1111-1111-111111111111"

const make = () =>
  ManagedRuntime.make(
    EncryptionSdk.layer().pipe(
      Layer.provide(CachingCmm.layer({ policy: { maxAge: "1 minute" } })),
      Layer.provide(LocalCache.layer({ capacity: 10 })),
      Layer.provide(KmsKeyring.layer({ generatorKeyId: arn })),
      Layer.provide(EmbeddedKms.layer({ keys: [{ arn }] })),
      Layer.provide(NodePrimitives.layer)
    )
  )

/** Encrypts a signed message, whose signature another thread makes, and decrypts it; returns how the first was served. */
const roundTrip = EncryptionSdk.EncryptionSdk.use((sdk) =>
  Effect.gen(function*() {
    const { message, receipt } = yield* sdk.encrypt("secret")
    yield* Effect.yieldNow
    yield* sdk.decrypt(message)
    return receipt._tag
  })
)

afterEach(() => void vi.useRealTimers())

it("timeouts and dates can be faked, and entries age by the faked date", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] })
  const runtime = make()
  assert.strictEqual(await runtime.runPromise(roundTrip), "Miss")
  assert.strictEqual(await runtime.runPromise(roundTrip), "Hit")
  vi.setSystemTime(Date.now() + 60_000)
  assert.strictEqual(await runtime.runPromise(roundTrip), "Miss")
  await runtime.dispose()
})

it("setImmediate cannot: fibers go on with it", async () => {
  vi.useFakeTimers({ toFake: ["setImmediate", "clearImmediate"] })
  const runtime = make()
  const fiber = runtime.runFork(roundTrip)
  const moment = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))
  await moment(100)
  assert.isUndefined(fiber.pollUnsafe())
  while (fiber.pollUnsafe() === undefined) {
    vi.runAllTimers()
    await moment(1)
  }
  assert.isTrue(Exit.isSuccess(fiber.pollUnsafe()!))
  await runtime.dispose()
})
