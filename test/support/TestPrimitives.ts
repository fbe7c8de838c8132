/**
 * The layer of `Primitives` that a run of the shared tests is about: that of the project they run in. In a browser there is
 * but one; in Node the environment says which.
 */
import { Effect, Layer, Semaphore } from "effect"
import { Primitives } from "effect-encryption-sdk/crypto"

/** Whether this runs in a page or a worker of a browser. */
export const inBrowser = typeof navigator !== "undefined" && /chrome|firefox|safari/i.test(navigator.userAgent)

const isWeb = inBrowser || process.env["TEST_PRIMITIVES"] === "web"

/** RSA with PKCS #1 v1.5 padding is no part of WebCrypto: that it is refused is tested with the layer. */
export const hasPkcs1 = !isWeb

/** Most frames that `seal` and `open` have in hand at a time. */
export const maxInFlight = isWeb ? 16 : 1

let running = 0

/** WebCrypto may answer digests in another order than they were asked for. With one at a time a test knows who comes first. */
const inTurn = Semaphore.makeUnsafe(1).withPermits(1)

/** Counts the operations that have not ended, so that `idle` can wait for them. */
const counted = (service: Primitives.Primitives): Primitives.Primitives => {
  const count =
    <Args extends ReadonlyArray<unknown>, A, E>(method: (...args: Args) => Effect.Effect<A, E>) => (...args: Args) =>
      Effect.suspend(() => {
        running++
        return Effect.ensuring(method(...args), Effect.sync(() => void running--))
      })
  return {
    randomBytes: count(service.randomBytes),
    sha384: count((data) => inTurn(service.sha384(data))),
    timingSafeEqual: service.timingSafeEqual,
    deriveKeys: count(service.deriveKeys),
    importAesKey: count(service.importAesKey),
    seal: count(service.seal),
    open: count(service.open),
    generateSigningKey: count(service.generateSigningKey),
    importVerificationKey: count(service.importVerificationKey),
    sign: count(service.sign),
    verify: count(service.verify),
    signer: service.signer,
    verifier: service.verifier,
    importRsaPublicKey: count(service.importRsaPublicKey),
    importRsaPrivateKey: count(service.importRsaPrivateKey),
    rsaEncrypt: count(service.rsaEncrypt),
    rsaDecrypt: count(service.rsaDecrypt)
  }
}

/**
 * Lets the operations of WebCrypto that have begun come to their end, with whatever follows on them. The test clock knows
 * nothing of promises: under this layer a test has to wait before it moves the clock or looks. Under the layer for Node
 * that is so for signatures and their keys alone, which the thread pool makes.
 */
export const idle: Effect.Effect<void> = Effect.gen(function*() {
  if (!isWeb && running === 0) return
  for (let quiet = 0; quiet < 3; quiet = running === 0 ? quiet + 1 : 0) {
    yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 0)))
  }
})

const load = async (): Promise<{
  readonly make: Primitives.Primitives
  readonly layer: Layer.Layer<Primitives.Primitives>
}> => {
  if (!isWeb) {
    const { NodePrimitives } = await import("effect-encryption-sdk/node")
    const { generateSigningKey, sign, verify } = counted(NodePrimitives.make)
    const make = { ...NodePrimitives.make, generateSigningKey, sign, verify }
    return { make, layer: Layer.succeed(Primitives.Primitives, make) }
  }
  const { WebPrimitives } = await import("effect-encryption-sdk/web")
  const make = counted(WebPrimitives.make(globalThis.crypto))
  return { make, layer: Layer.succeed(Primitives.Primitives, make) }
}

export const TestPrimitives = await load()
