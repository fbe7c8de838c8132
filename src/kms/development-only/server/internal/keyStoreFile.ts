/**
 * A file with an exported key store.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs/promises"
import { quoted } from "../../../../internal/printable.ts"
import { EmbeddedKmsError } from "../../EmbeddedKmsError.ts"

/** Error of the option. The system's own code says what is wrong. */
const failure = (path: string, what: string, cause: unknown): EmbeddedKmsError => {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? `: ${String(cause.code)}` : ""
  return new EmbeddedKmsError({ field: "keyStoreFile", description: `${quoted(path)} cannot be ${what}${code}` })
}

/** Reads the file. Undefined if there is none. */
export const load = (path: string): Effect.Effect<Redacted.Redacted | undefined, EmbeddedKmsError> =>
  Effect.tryPromise({
    try: () => fs.readFile(path, "utf8"),
    catch: (cause) => cause
  }).pipe(
    Effect.map((text) => Redacted.make(text, { label: "key-store" })),
    Effect.catch((cause) =>
      (cause as { readonly code?: unknown }).code === "ENOENT"
        ? Effect.undefined
        : Effect.fail(failure(path, "read", cause))
    )
  )

/**
 * Writes the file, for its owner alone. It has the old key store until it has all of the new one: that is written beside it,
 * and renamed.
 */
export const save = (path: string, keyStore: Redacted.Redacted): Effect.Effect<void, EmbeddedKmsError> =>
  Effect.flatMap(behindLinks(path), (file) => replace(path, file, keyStore))

/** The file that a path leads to: it is replaced, and symbolic links on the way stay. */
const behindLinks = (path: string): Effect.Effect<string> => Effect.promise(() => fs.realpath(path).catch(() => path))

const replace = (path: string, target: string, keyStore: Redacted.Redacted): Effect.Effect<void, EmbeddedKmsError> => {
  const beside = `${target}.new`
  const step = <A>(run: () => Promise<A>) =>
    Effect.tryPromise({ try: run, catch: (cause) => failure(path, "written", cause) })
  const remove = step(() => fs.rm(beside, { force: true }))
  const write = Effect.acquireUseRelease(
    step(() => fs.open(beside, "wx", 0o600)),
    (file) => Effect.andThen(step(() => file.writeFile(Redacted.value(keyStore))), step(() => file.sync())),
    (file) => step(() => file.close())
  )
  return remove.pipe(
    Effect.andThen(write),
    Effect.andThen(step(() => fs.rename(beside, target))),
    Effect.onError(() => Effect.ignore(remove)),
    Effect.uninterruptible
  )
}
