/** The programs that `npm run size` measures, and what they may weigh in bytes, minified and gzipped. */
export interface Entry {
  readonly title: string
  readonly text: string
  /** With Effect and everything else that is loaded at once. */
  readonly budget: number
  /**
   * Without Effect and other packages. More under esbuild: it keeps whole modules of a barrel (`export * as`), of which
   * rolldown, Vite's bundler, keeps what is used; and puts what is shared with later parts in files of their own, which
   * compress less well.
   *
   * 1.3 KiB more than before there were rooms: constructors reject options that do not exist, and names that cross a module are
   * not shortened where objects carry them. With Effect, programs grew by less than 1 KiB, and some shrank.
   *
   * 2.8 KiB more for operations at once, which take half of the time that they took beside bare cryptography: the steps, the forms
   * at once of managers and primitives, and what is remembered of headers. The aim was 27 KiB with rolldown.
   *
   * 4.5 KiB more for what outsiders found: steps and what control remembers, one printer of texts that others chose, bounded
   * rows of errors, calls of a user's own parts that are guarded, names of options with the one that was meant, keys in results, and the portability of a client.
   *
   * 1.5 KiB more for what people hit in the field: a deadline for each request, data keys in reserve, words for bytes in another
   * form, suites and errors of a second copy, errors with a message of their own.
   *
   * 0.7 KiB more of programs with KMS: keyrings of KMS share their parts with those that discover keys, and a strict one names the
   * keyring that would take a replica.
   *
   * 0.6 KiB more for materials that lack a wrapping, and 0.6 more of programs with KMS for the ports that have its other calls.
   * Under esbuild a further 1.5, though nothing more is loaded: keyrings of ECDH load their code later, and what that shares with the
   * others is in files of its own, whether a program has such a keyring or not.
   *
   * 0.4 KiB more, under esbuild 0.8, for what loads rotation, and for materials that must not store what is required.
   */
  readonly ownBudget: { readonly rolldown: number; readonly esbuild: number }
}

const kib = 1024

const program = (imports: string, keyring: string) => `
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { CryptographicMaterialsManager, DefaultCmm, EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { WebPrimitives } from "effect-encryption-sdk/web"
${imports}

const program = Effect.gen(function*() {
  const keyring = yield* ${keyring}
  const cache = yield* LocalCache.make({ capacity: 100 })
  const manager = yield* CachingCmm.make({
    cache,
    materialsManager: yield* DefaultCmm.make(keyring),
    policy: { maxAge: "5 minutes" }
  })
  const sdk = yield* EncryptionSdk.make().pipe(
    Effect.provideService(CryptographicMaterialsManager.CryptographicMaterialsManager, manager)
  )
  const { message } = yield* sdk.encrypt("hello", { encryptionContext: { purpose: "size" } })
  return yield* sdk.decrypt(message)
})

globalThis.run = () => Effect.runPromise(program.pipe(Effect.scoped, LAYERS))
`

const raw = program(
  `import { RawAesKeyring } from "effect-encryption-sdk/raw"`,
  `RawAesKeyring.make({ keyNamespace: "a", keyName: "b", wrappingKey: Redacted.make(new Uint8Array(32).fill(1)) })`
).replace("LAYERS", "Effect.provide(WebPrimitives.layer)")

const keyArn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
const kmsKeyring = `KmsKeyring.make({ generatorKeyId: "${keyArn}" })`

export const entries: ReadonlyArray<Entry> = [
  {
    title: "raw AES keyring + caching CMM + encrypt + decrypt",
    text: raw,
    budget: 87 * kib,
    ownBudget: { rolldown: 37.25 * kib, esbuild: 45.25 * kib }
  },
  {
    title: "KMS keyring + caching CMM + encrypt + decrypt",
    text: program(
      `import { Kms, KmsKeyring } from "effect-encryption-sdk/kms"`,
      kmsKeyring
    ).replace("LAYERS", "Effect.provideService(Kms.Kms, globalThis.kms), Effect.provide(WebPrimitives.layer)"),
    budget: 89 * kib,
    ownBudget: { rolldown: 39 * kib, esbuild: 47.25 * kib }
  },
  {
    title: "the same with the AWS SDK's client",
    text: program(
      `import { KmsKeyring } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"`,
      kmsKeyring
    ).replace("LAYERS", "Effect.provide(AwsKms.layer()), Effect.provide(WebPrimitives.layer)"),
    budget: 137 * kib,
    ownBudget: { rolldown: 41 * kib, esbuild: 49.25 * kib }
  }
]
