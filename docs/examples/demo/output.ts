/**
 * The files of `--output`: the messages, one a line in base64, and, where the wrapping key is in the embedded KMS and so
 * lost with the process, a raw AES key that unwraps their data keys as well.
 */
import { Effect, FileSystem, Path, Redacted } from "effect"
import * as Base64 from "effect/encoding/Base64"
import { WrongOption } from "./wrong-option.ts"

/** A raw AES wrapping key of 32 bytes, and the names that messages know it by. */
export interface RawKey {
  readonly keyNamespace: string
  readonly keyName: string
  readonly wrappingKey: Redacted.Redacted<Uint8Array>
}

/** Path of the file that gets the key of the messages in `file`. */
export const keyFile = (file: string): string => `${file}.key`

/**
 * Rejects, before there is anything to lose: a directory that is not there, files that are there already unless they may be
 * replaced, and an output that would replace the input.
 */
export const check = Effect.fnUntraced(function*(options: {
  readonly output: string
  readonly withKey: boolean
  readonly input: string | undefined
  readonly force: boolean
}) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const wrong = (description: string) => new WrongOption({ option: "output", description })
  const directory = path.dirname(path.resolve(options.output))
  yield* Effect.mapError(
    fs.access(directory, { writable: true }),
    () => wrong(`must be a file in a directory that can be written to, and ${directory} is none`)
  )
  const files = options.withKey ? [options.output, keyFile(options.output)] : [options.output]
  for (const file of files) {
    if (!(yield* fs.exists(file))) continue
    if (!options.force) return yield* wrong(`would replace ${file}, which exists already: --force lets it`)
    if ((yield* fs.stat(file)).type !== "File") return yield* wrong(`would replace ${file}, which is no regular file`)
    if (options.input !== undefined && (yield* fs.realPath(file)) === (yield* fs.realPath(options.input))) {
      return yield* wrong(`would replace ${file}, which is the --input`)
    }
  }
})

/**
 * Writes the key, readable for its owner alone, and then the messages, so that there are no messages without it. Files that
 * have come into being since `check` are not replaced unless they may be.
 */
export const write = Effect.fnUntraced(function*(options: {
  readonly output: string
  readonly messages: string
  readonly rawKey: RawKey | undefined
  readonly force: boolean
}) {
  const fs = yield* FileSystem.FileSystem
  const { force, messages, output, rawKey } = options
  const put = (file: string, text: string, mode: number) =>
    Effect.andThen(
      force ? fs.remove(file, { force: true }) : Effect.void,
      fs.writeFileString(file, text, { flag: "wx", mode })
    )
  if (rawKey !== undefined) yield* put(keyFile(output), describe(rawKey), 0o600)
  yield* put(output, messages, 0o644)
}, Effect.uninterruptible)

/** The key in the clear, with what any AWS Encryption SDK needs to know to make a raw AES keyring of it. */
const describe = ({ keyName, keyNamespace, wrappingKey }: RawKey): string =>
  `${
    JSON.stringify(
      {
        keyNamespace,
        keyName,
        wrappingKey: Base64.encode(Redacted.value(wrappingKey)),
        wrappingSuite: "AES256_GCM_IV12_TAG16_NO_PADDING"
      },
      null,
      2
    )
  }\n`
