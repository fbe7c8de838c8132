/**
 * Decrypts the demo's `--output` with the AWS Encryption SDK for JavaScript, knowing nothing but the two files:
 * `decryptWithJavascriptSdk.ts FILE` reads FILE and FILE.key, and writes one line of JSON for each message.
 */
import {
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier
} from "@aws-crypto/client-node"
import { readFileSync } from "node:fs"

const file = process.argv[2]!
const key = JSON.parse(readFileSync(`${file}.key`, "utf8")) as {
  readonly keyNamespace: string
  readonly keyName: string
  readonly wrappingKey: string
  readonly wrappingSuite: keyof typeof RawAesWrappingSuiteIdentifier
}

// It refuses a key that is a slice of a larger array, as short Buffers are.
const unencryptedMasterKey = Uint8Array.from(Buffer.from(key.wrappingKey, "base64"))

const keyring = new RawAesKeyringNode({
  keyNamespace: key.keyNamespace,
  keyName: key.keyName,
  unencryptedMasterKey,
  wrappingSuite: RawAesWrappingSuiteIdentifier[key.wrappingSuite],
  utf8Sorting: true
})

const { decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)

for (const line of readFileSync(file, "utf8").trimEnd().split("\n")) {
  const { messageHeader, plaintext } = await decrypt(keyring, Buffer.from(line, "base64"))
  process.stdout.write(
    `${JSON.stringify({ plaintext: plaintext.toString("utf8"), encryptionContext: messageHeader.encryptionContext })}\n`
  )
}
