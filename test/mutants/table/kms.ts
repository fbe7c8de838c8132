/** Defects of keyrings of AWS KMS, and of what stands for AWS KMS: the AWS SDK, and the embedded one. */
import type { Mutant } from "../Mutant.ts"
import * as places from "./places.ts"

const awsErrors = "src/kms/aws/internal/awsErrors.ts"
const awsKms = "src/kms/aws/AwsKms.ts"
const calls = "src/kms/development-only/internal/calls.ts"
const ciphertextBlob = "src/kms/development-only/internal/ciphertextBlob.ts"
const keyArn = "src/kms/KeyArn.ts"
const keyStore = "src/kms/development-only/internal/keyStore.ts"
const discovery = "src/kms/internal/discovery.ts"
const keySelection = "src/kms/internal/keySelection.ts"
const kmsCalls = "src/kms/calls.ts"
const kmsResponses = "src/kms/internal/kmsResponses.ts"
const mrkDiscovery = "src/kms/KmsMrkDiscoveryKeyring.ts"
const strictKeyring = "src/kms/internal/strictKeyring.ts"
const unwrap = "src/kms/internal/unwrap.ts"

const by = places.byFolder("kms")
const byAnswers = by("AwsKms.answers", "AwsKms, where the answer is not of its form > ")
const byErrors = by("AwsKms.errors")
const byClients = by("AwsKms.clients", "AwsKms and key material > ")
const byDiscovery = by("KmsDiscoveryKeyring", "KmsDiscoveryKeyring.onDecrypt > ")
const byEmbedded = by("EmbeddedKms", "EmbeddedKms > ")
const byEveryKms = by("EmbeddedKms", "EmbeddedKms, as every Kms > ")
const byEveryKeyring = by("KmsKeyring", "KmsKeyring, as every keyring > ")
const byKeyMaterial = by("KmsKeyring", "KmsKeyring and key material > ")
const byMrk = by("KmsMrkKeyring", "KmsMrkKeyring.onDecrypt > ")
const byMrkDiscovery = by("KmsMrkDiscoveryKeyring", "KmsMrkDiscoveryKeyring.onDecrypt > ")
const byOnDecrypt = by("KmsKeyring.onDecrypt", "KmsKeyring.onDecrypt > ")
const byOnEncrypt = by("KmsKeyring.onEncrypt", "KmsKeyring.onEncrypt > ")
const byResponses = by("kmsResponses", "a response of a Kms of the user's own > ")
const aliases = by("KmsKeyring.aliases")(
  "whatever a Kms does with its requests and its responses, the keyring's own stay as they are"
)
const goesOn = byOnDecrypt("goes on to the next where one fails, and zeroes what it does not hand out")

export const kms: ReadonlyArray<Mutant> = [
  {
    name: "the embedded KMS takes contexts of any length",
    file: calls,
    find: "return length > maxContextLength\n",
    replace: "return length > 8 * maxContextLength\n",
    killedBy: byEmbedded(
      "sizes and contexts that AWS KMS refuses are a ValidationException"
    )
  },
  {
    name: "an unreadable error of the AWS SDK is quoted",
    file: awsErrors,
    find: "    description: unreadable\n",
    replace: "    description: unreadable && typeof thrown.message !== \"string\"\n",
    killedBy: byAnswers("an error about an answer ends the call, and is not quoted")
  },
  {
    name: "an error about an answer that is no JSON is quoted",
    file: awsErrors,
    find: "error instanceof SyntaxError || name === \"SyntaxError\" ||",
    replace: "error instanceof EvalError ||",
    killedBy: byErrors("AwsKms, where an error is about bytes of an answer > a SyntaxError is not quoted")
  },
  {
    name: "an error of the AWS SDK's reading of base64 is quoted",
    file: awsErrors,
    find: "error instanceof TypeError || name === \"TypeError\" ||",
    replace: "error instanceof EvalError ||",
    killedBy: byErrors("AwsKms, where an error is about bytes of an answer > a TypeError is not quoted")
  },
  {
    name: "an error that cannot be read is quoted as far as it can",
    file: awsErrors,
    find: "code: \"UnreadableError\", description: notReadable,",
    replace: "code: \"UnreadableError\", description: Object.prototype.toString.call(error),",
    killedBy: byAnswers("an error whose message throws ends the call, and is not quoted")
  },
  {
    name: "an HTTP status of too many requests is a rejection",
    file: awsErrors,
    find: "status === 429 || ",
    replace: "",
    killedBy: byErrors(
      "AwsKms over the protocol, where it fails > status 429, SomethingElse is Throttled, retryable: true"
    )
  },
  {
    name: "an error's name is looked up among what objects inherit",
    file: awsErrors,
    find: "Object.hasOwn(failures, name) ? failures[name] : undefined",
    replace: "failures[name]",
    killedBy: byErrors(
      "AwsKms and the user's own clients, where they fail > an error may be named like what objects inherit"
    )
  },
  {
    name: "a plaintext in an answer that lacks a field is not zeroed",
    file: awsKms,
    find: "        discard(output)\n",
    replace: "        if (aborted) discard(output)\n",
    killedBy: byClients("a plaintext in an answer that lacks a field is zeroed")
  },
  {
    name: "a plaintext that arrives after the interruption is not zeroed",
    file: awsKms,
    find: "const response = aborted || fields === undefined ? undefined : read(fields)",
    replace:
      "const response = fields === undefined || (aborted && fields.plaintext === undefined) ? undefined : read(fields)",
    killedBy: byClients("a plaintext that arrives after the interruption is zeroed")
  },
  {
    name: "a slice of the AWS SDK's pool is not zeroed",
    file: awsKms,
    find: "  secret.fill(0)\n",
    replace: "",
    killedBy: byClients("copies a slice of a pool, and zeroes the slice and nothing else")
  },
  {
    name: "a data key stays in the AWS SDK's pool",
    file: awsKms,
    find: "if (secret.byteLength === secret.buffer.byteLength) return",
    replace: "if (secret.byteLength <= secret.buffer.byteLength) return",
    also: {
      find: "  const taken = Uint8Array.from(secret)\n  secret.fill(0)\n  return taken\n",
      replace: "  return Uint8Array.from(secret)\n"
    },
    killedBy: byClients("copies a slice of a pool, and zeroes the slice and nothing else")
  },
  {
    name: "an encrypted data key has the ciphertext of the response",
    file: kmsResponses,
    find: "ciphertext: new Uint8Array(ciphertextBlob)",
    replace: "ciphertext: ciphertextBlob",
    killedBy: aliases
  },
  {
    name: "a Kms is given the ciphertext of the encrypted data key",
    file: unwrap,
    find: "ciphertextBlob: new Uint8Array(ciphertext)",
    replace: "ciphertextBlob: ciphertext",
    killedBy: aliases
  },
  {
    name: "a Kms is given the list of grant tokens of all requests",
    file: kmsCalls,
    find: "grantTokens: Object.freeze([...grantTokens])",
    replace: "grantTokens: [...grantTokens]",
    killedBy: aliases
  },
  {
    name: "the key that a Kms says it used does not matter",
    file: kmsCalls,
    find: "= keyId === requested ?",
    replace: "= keyId.length > 0 && requested.length > 0 ?",
    killedBy: goesOn
  },
  {
    name: "a plaintext of another key is not zeroed at once",
    file: kmsCalls,
    find: "    DataKey.zero(plaintext)\n",
    replace: "    DataKey.value(plaintext)\n",
    killedBy: goesOn
  },
  {
    name: "a discovery keyring calls keys of every account",
    file: discovery,
    find: "filter.accountIds.includes(arn.account)",
    replace: "filter.accountIds.length > 0",
    killedBy: byDiscovery(
      "#ondecrypt: other key providers, partitions, accounts and Regions are not its own, each with its reason"
    )
  },
  {
    name: "a discovery keyring calls keys of every partition",
    file: discovery,
    find: "arn.partition !== filter.partition",
    replace: "arn.partition === \"\"",
    killedBy: byDiscovery(
      "#ondecrypt: other key providers, partitions, accounts and Regions are not its own, each with its reason"
    )
  },
  {
    name: "a discovery filter may be without accounts",
    file: discovery,
    find: "{12}$/))).check(Schema.isMinLength(1))",
    replace: "{12}$/))).check(Schema.isMinLength(0))",
    killedBy: by(
      "KmsDiscoveryKeyring",
      "KmsDiscoveryKeyring.make > "
    )("is not made of a filter without accounts")
  },
  {
    name: "a name that is no key ARN is skipped, and the others are tried",
    file: keySelection,
    find: "if (!malformed.includes(true)) return",
    replace: "if (malformed.includes(false)) return",
    killedBy: byDiscovery("#ondecrypt: an alias ARN instead of a key ARN fails onDecrypt, and nothing is called")
  },
  {
    name: "a discovery keyring tries Regions in the order of the message",
    file: "src/kms/KmsDiscoveryKeyring.ts",
    find: "regions === undefined ? [itself] : regions.map(itselfIn)",
    replace: "regions === undefined || regions.length > 2 ? [itself] : regions.map(itselfIn)",
    killedBy: byDiscovery(
      "multi #aws-kms-discovery-multi-keyring: Regions are tried in their order, keys in their own Region alone"
    )
  },
  {
    name: "multi-Region keys of two accounts are replicas",
    file: keyArn,
    find: "first.account === second.account && ",
    replace: "",
    killedBy: by("KeyArn.multiRegion", "KeyArn.mrkMatchForDecrypt > ")(
      "arn:aws:kms:us-east-1:111122223333:key/mrk-4321abcd and arn:aws:kms:us-east-1:444455556666:key/mrk-4321abcd: false"
    )
  },
  {
    name: "single-Region keys of two Regions match",
    file: keyArn,
    find: "second !== undefined && isMultiRegion(first) &&",
    replace: "second !== undefined &&",
    killedBy: by("KeyArn.multiRegion", "KeyArn.mrkMatchForDecrypt > ")(
      "arn:aws:kms:us-east-1:111122223333:key/1234abcd and arn:aws:kms:eu-central-1:111122223333:key/1234abcd: false"
    )
  },
  {
    name: "the first of duplicate multi-Region keys is left out",
    file: keyArn,
    find: "ids.indexOf(ids[index]) !== ids.lastIndexOf(ids[index])",
    replace: "ids.indexOf(ids[index]) !== index",
    killedBy: by("KeyArn.multiRegion", "KeyArn.duplicateMultiRegionKeys > ")("all, not only the first pair")
  },
  {
    name: "a multi-Region keyring calls the key that the message names",
    file: strictKeyring,
    find: "Result.map(selectKey(configured, matches, encryptedDataKey), (keyId) => ({\n        keyId,",
    replace:
      "Result.map(selectKey(configured, matches, encryptedDataKey), () => ({\n        keyId: new TextDecoder().decode(encryptedDataKey.keyProviderInfo),",
    killedBy: byMrk("#ondecrypt: keys are called by their configured names, whatever the message names")
  },
  {
    name: "replicas of the embedded KMS do not unwrap what another one wrapped",
    file: calls,
    find: "!KeyArn.mrkMatchForDecrypt(key.arn, blob.arn)",
    replace: "key.arn !== blob.arn || !KeyArn.isKeyArn(blob.arn)",
    killedBy: by("EmbeddedKms.replicas", "EmbeddedKms and replicas of multi-Region keys > ")(
      "a replica unwraps what its primary wrapped, and a single-Region key does not"
    )
  },
  {
    name: "a multi-Region discovery keyring calls the replica that the message names",
    file: mrkDiscovery,
    find: "KeyArn.format({ ...arn, region })",
    replace: "KeyArn.format(arn)",
    killedBy: byMrkDiscovery(
      "#ondecrypt: calls the replica in its Region, other keys by the ARN of the message, with context and grant tokens"
    )
  },
  {
    name: "a multi-Region discovery keyring calls single-Region keys in its own Region",
    file: mrkDiscovery,
    find: "KeyArn.isMultiRegion(arn) || arn.region === region",
    replace: "arn.region !== \"\"",
    killedBy: byMrkDiscovery(
      "#ondecrypt: other key providers, partitions, accounts, and single-Region keys of other Regions are skipped"
    )
  },
  {
    name: "a discovery keyring unwraps again what materials have already",
    file: discovery,
    find: "  yield* checkLocked(name, materials)\n",
    replace: "  if (encryptedDataKeys.length === 0) yield* checkLocked(name, materials)\n",
    killedBy: byMrkDiscovery("#ondecrypt: materials that have a data key fail, and stay as they are")
  },
  {
    name: "a discovery keyring takes a Region twice",
    file: discovery,
    find: "regions.indexOf(region) !== index)",
    replace: "regions.indexOf(region) > index)",
    killedBy: by("KmsMrkDiscoveryKeyring", "KmsMrkDiscoveryKeyring.make > ")("is not made of a Region twice")
  },
  {
    name: "no more than two additional keys wrap at a time",
    file: strictKeyring,
    find: "{ concurrency: \"unbounded\" }",
    replace: "{ concurrency: 2 }",
    killedBy: byOnEncrypt("wraps under the additional keys in parallel, and keeps their order")
  },
  {
    name: "a key may be named twice",
    file: strictKeyring,
    find: "    seen.set(keyId, field)\n",
    replace: "    if (before === undefined && keyId === field) seen.set(keyId, field)\n",
    killedBy: by("KmsKeyring", "KmsKeyring.make > ")("is not made of an additional key twice")
  },
  {
    name: "the secret in a response of a Kms that lacks a field is left behind",
    file: kmsCalls,
    find: "if (DataKey.isDataKey(field)) DataKey.zero(field)",
    replace: "if (field === null) DataKey.zero(field as never)",
    killedBy: byResponses("decrypt: the secret in one that lacks a field is zeroed")
  },
  {
    name: "the fields of a response of a Kms are those that it has of its own",
    file: kmsCalls,
    find: "fields[name] = (response as Fields)[name]",
    replace: "fields[name] = ({ ...response } as Fields)[name]",
    killedBy: byResponses("may be an instance of a class, and each field is read once")
  },
  {
    name: "a key of the embedded KMS may have any state",
    file: "src/kms/development-only/internal/keyStore.ts",
    find: "KeyState.literals.includes(state)",
    replace: "(KeyState.literals.includes(state) || key.arn !== \"\")",
    killedBy: by("EmbeddedKms", "EmbeddedKms > ")(
      "control that cannot be is an EmbeddedKmsError that names the field"
    )
  },
  {
    name: "a plaintext of a Kms may be too long",
    file: kmsResponses,
    find: "DataKey.value(plaintext).length !== algorithmSuite.dataKeyLength",
    replace: "DataKey.value(plaintext).length < algorithmSuite.dataKeyLength",
    killedBy: byEveryKeyring("a data key of another length, or of zeroes, is rejected and zeroed at once")
  },
  {
    name: "a wrapped data key may name its key by an alias",
    file: kmsResponses,
    find: "!KeyArn.isKeyArn(keyId)",
    replace: "KeyArn.region(keyId) === undefined",
    killedBy: byOnEncrypt(
      "GenerateDataKey that answers {\"keyId\":\"arn:aws:kms:us-east-1:111122223333:alias/orders\"} is refused"
    )
  },
  {
    name: "a wrapped data key may have no ciphertext",
    file: kmsResponses,
    find: "ciphertextBlob.length === 0",
    replace: "ciphertextBlob.length < 0",
    killedBy: byOnEncrypt("Encrypt that answers {\"ciphertextBlob\":{}} is refused")
  },
  {
    name: "between a plaintext's arrival and its scope other fibers have their turn",
    file: kmsCalls,
    find: "References.PreventSchedulerYield, true",
    replace: "References.PreventSchedulerYield, false",
    killedBy: byKeyMaterial("wherever an interruption falls, nothing that was handed out is left behind")
  },
  {
    name: "the plaintext of a response is not zeroed with its scope",
    file: kmsCalls,
    find: "Effect.sync(() => DataKey.zero(secretOf(response))),",
    replace: "Effect.sync(() => DataKey.isDataKey(secretOf(response))),",
    killedBy: byEveryKeyring(
      "data keys that it made and unwrapped are there until the scope closes, and zero afterwards"
    )
  },
  {
    name: "an alias that may mean the key is not named",
    file: keySelection,
    find: "parsed.region === arn.region &&",
    replace: "parsed.region !== arn.region &&",
    killedBy: byOnDecrypt(
      "a name that is no key ARN does not decrypt, and is named: {\"keyIds\":[\"arn:aws:kms:us-east-1:111122223333:alias/orders\"]}"
    )
  },
  {
    name: "a name of a key may have control characters",
    file: keyArn,
    find: "/[\\s\\p{C}]/u.test(identifier)",
    replace: "/\\s/u.test(identifier)",
    killedBy: by("KeyArn", "KeyArn > ")("refuses \"alias/\\u0000\"")
  },
  {
    name: "an ARN of another service names a key",
    file: keyArn,
    find: "if (service !== \"kms\") return",
    replace: "if (service === \"\") return",
    killedBy: by("KeyArn", "KeyArn > ")("refuses \"arn:aws:s3:us-east-1:222222222222:key/a\"")
  },
  {
    name: "the embedded KMS does not bind the context",
    file: ciphertextBlob,
    find: "      aad: bytes.concat([header, context]),\n",
    replace: "      aad: bytes.concat([header, context.subarray(0, 0)]),\n",
    also: {
      find: "[{ iv, aad: bytes.concat([header, context]), ciphertext",
      replace: "[{ iv, aad: bytes.concat([header, context.subarray(0, 0)]), ciphertext"
    },
    killedBy: byEveryKms("another context is an InvalidCiphertextException, and so is a changed ciphertext")
  },
  {
    name: "the embedded KMS does not say that another key wrapped",
    file: calls,
    find: "!KeyArn.mrkMatchForDecrypt(key.arn, blob.arn)",
    replace: "!KeyArn.mrkMatchForDecrypt(key.arn, key.arn)",
    killedBy: byEveryKms("a key that did not wrap it is IncorrectKeyException")
  },
  {
    name: "a data key that the embedded KMS could not wrap is not zeroed",
    file: calls,
    find: "Effect.sync(() => plaintext.fill(0))",
    replace: "Effect.sync(() => plaintext.length)",
    killedBy: byEmbedded("a data key that is interrupted before it is wrapped is zeroed")
  },
  {
    name: "a data key of the embedded KMS may be longer than one of AWS KMS",
    file: calls,
    find: "numberOfBytes > 1024",
    replace: "numberOfBytes > 4096",
    killedBy: byEveryKms("a size that AWS KMS does not take is a ValidationException")
  },
  {
    name: "keys of the embedded KMS are not zeroed when it ends",
    file: keyStore,
    find: "  DataKey.zero(key.secret)\n",
    replace: "",
    killedBy: byEmbedded("key material is zeroed when the layer is released")
  },
  {
    name: "a disabled key of the embedded KMS works",
    file: keyStore,
    find: "return refuse(\"KeyUnavailable\", \"DisabledException\", `${arn} is disabled.`)",
    replace: "return Result.succeed(undefined)",
    killedBy: byEveryKms("a key that is disabled is a DisabledException")
  }
]
