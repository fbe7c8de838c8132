import { EncryptedDataKeyCodec } from "effect-encryption-sdk/message"
import { assert, describe, it } from "@effect/vitest"
import { EncryptedDataKey } from "effect-encryption-sdk"
import { Arbitraries } from "effect-encryption-sdk/testing"
import { hex, toHex } from "../support/bytes.ts"

const info = (text: string) => EncryptedDataKey.printableInfo(Buffer.from(text, "latin1"))

describe("EncryptedDataKey", () => {
  it("encodes three fields, each behind its length", () => {
    assert.strictEqual(
      toHex(EncryptedDataKeyCodec.encode({
        keyProviderId: "aws-kms",
        keyProviderInfo: hex("0102"),
        ciphertext: hex("ff")
      })),
      toHex(hex("0007 6177732d6b6d73 0002 0102 0001 ff"))
    )
  })

  it("counts the bytes of the key provider ID, not its characters", () => {
    assert.strictEqual(
      toHex(EncryptedDataKeyCodec.encode({ keyProviderId: "é😀", keyProviderInfo: hex(""), ciphertext: hex("") })),
      toHex(hex("0006 c3a9f09f9880 0000 0000"))
    )
  })

  it.prop("knows its encoded length", [Arbitraries.encryptedDataKey], ([edk]) => {
    assert.strictEqual(EncryptedDataKeyCodec.encode(edk).length, EncryptedDataKeyCodec.encodedLength(edk))
  }, { arbitrary: { seed: "edk", runs: 100 } })

  it("encodes fields of the greatest length", () => {
    const most = new Uint8Array(EncryptedDataKey.maxFieldLength).fill(1)
    const encoded = EncryptedDataKeyCodec.encode({
      keyProviderId: "a".repeat(most.length),
      keyProviderInfo: most,
      ciphertext: most
    })
    assert.strictEqual(encoded.length, 6 + 3 * 65_535)
    assert.strictEqual(toHex(encoded.subarray(0, 3)), "ffff61")
  })

  describe("printableInfo", () => {
    it("shows text", () => {
      const arn = "arn:aws:kms:us-west-2:111122223333:key/715c0818-5825-4245-a755-138a6d9a11e6"
      assert.strictEqual(info(arn), arn)
      assert.strictEqual(EncryptedDataKey.printableInfo(Buffer.from("schlüssel")), "schlüssel")
      assert.strictEqual(info(""), "")
    })

    it("shows the printable start of a raw AES keyring's info: key name, lengths, IV", () => {
      assert.strictEqual(info("my-key\x00\x00\x00\x80\x00\x00\x00\x0c\x8f\x01"), "my-key…")
      assert.strictEqual(info("\xff\xfe"), "…")
    })

    it("shows the start of a long text, however long", () => {
      assert.strictEqual(info("a".repeat(1024)), "a".repeat(1024))
      for (const length of [1025, 65_535]) assert.strictEqual(info("a".repeat(length)), `${"a".repeat(1024)}…`)
    })

    it("shows no control characters, which could forge a line of a log", () => {
      assert.strictEqual(info("key\nforged line"), "key…")
      assert.strictEqual(EncryptedDataKey.printableInfo(Buffer.from("a\u{202e}b")), "a…")
    })
  })
})
