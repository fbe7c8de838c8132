/** What a client remembers of headers, by itself. */
import { assert, describe, it } from "@effect/vitest"
import { EncryptionContextCodec } from "effect-encryption-sdk/message"
import * as keySections from "../../src/client/keySections.ts"
import * as KeySection from "../../src/message/KeySection.ts"
import { arbitraryInt } from "../support/arbitraryBytes.ts"
import { arbitraryHeader } from "../support/arbitraryMessage.ts"
import { concat } from "../support/bytes.ts"

const make = () => keySections.make(EncryptionContextCodec.encode)

const section: KeySection.KeySection = {
  encryptionContext: Object.freeze({ tenant: "a" }),
  encryptedDataKeys: [
    { keyProviderId: "p", keyProviderInfo: Uint8Array.of(1, 2), ciphertext: new Uint8Array(40).fill(3) },
    { keyProviderId: "q", keyProviderInfo: new Uint8Array(0), ciphertext: Uint8Array.of(4) }
  ]
}

/** A section somewhere in a message. */
const placed = (encoded: Uint8Array, start: number) =>
  concat(new Uint8Array(start).fill(9), encoded, Uint8Array.of(7, 7))

describe("the memory of key sections", () => {
  it.prop("finds what it was told, wherever that stands, and nothing that differs in a byte or in length", [
    arbitraryHeader,
    arbitraryInt(0, 60),
    arbitraryInt(0, 1_000_000),
    arbitraryInt(1, 255)
  ], ([header, start, place, mask]) => {
    const memory = make()
    const encoded = KeySection.encode(header)
    memory.remember(placed(encoded, start), start, header.encryptionContext)
    const isKept = encoded.length <= 4096
    const found = memory.find(placed(encoded, start + 1), start + 1)
    assert.strictEqual(found !== undefined, isKept)
    if (found !== undefined) {
      assert.deepStrictEqual(found.encoded, encoded)
      assert.deepStrictEqual(found.encryptedDataKeys, header.encryptedDataKeys)
      assert.strictEqual(found.encryptionContext, header.encryptionContext)
    }
    const changed = new Uint8Array(encoded)
    changed[place % encoded.length]! ^= mask
    assert.strictEqual(memory.find(placed(changed, start), start), undefined, "another byte")
    assert.strictEqual(
      memory.find(placed(encoded, start).subarray(0, start + encoded.length - 1), start),
      undefined,
      "cut"
    )
    assert.strictEqual(memory.find(placed(encoded, start), start + 1), undefined, "another place")
    assert.strictEqual(make().find(placed(encoded, start), start), undefined, "another client's")
  }, { arbitrary: { seed: "key-sections", runs: 300 } })

  it("finds no section of which one byte differs, whichever it is", () => {
    const memory = make()
    const encoded = KeySection.encode(section)
    memory.remember(encoded, 0, section.encryptionContext)
    assert.isDefined(memory.find(new Uint8Array(encoded), 0))
    for (let i = 0; i < encoded.length; i++) {
      const changed = new Uint8Array(encoded)
      changed[i]! ^= 1
      assert.isUndefined(memory.find(changed, 0), `byte ${i}`)
    }
  })

  it("takes nothing for a section that runs past the end, whatever its lengths say", () => {
    const memory = make()
    for (const bytes of [[], [0], [0, 0], [0, 0, 0], [0xff, 0xff, 0, 1], [0, 0, 0xff, 0xff], [0, 0, 0, 1, 0, 5, 1]]) {
      const message = Uint8Array.from(bytes)
      assert.strictEqual(KeySection.endOf(message, 0), undefined)
      memory.remember(message, 0, section.encryptionContext)
      assert.strictEqual(memory.find(message, 0), undefined)
    }
  })

  it("keeps bytes of its own: what becomes of the message does not change it", () => {
    const memory = make()
    const encoded = KeySection.encode(section)
    const message = placed(encoded, 3)
    memory.remember(message, 3, section.encryptionContext)
    message.fill(0)
    const found = memory.find(placed(encoded, 3), 3)
    assert.isDefined(found)
    assert.deepStrictEqual(found.encryptedDataKeys, section.encryptedDataKeys)
    assert.deepStrictEqual(found.encoded, encoded)
    assert.isTrue(Object.isFrozen(found.encryptedDataKeys))
    assert.isTrue(found.encryptedDataKeys.every((edk) => Object.isFrozen(edk)))
  })

  it("holds 256 sections of at most 4096 bytes, and forgets the first of them for one more", () => {
    const memory = make()
    const of = (i: number, length = 40): KeySection.KeySection => {
      const ciphertext = new Uint8Array(length)
      new DataView(ciphertext.buffer).setUint32(length - 4, i)
      return {
        encryptionContext: {},
        encryptedDataKeys: [{ keyProviderId: "p", keyProviderInfo: ciphertext, ciphertext }]
      }
    }
    const isKnown = (section: KeySection.KeySection) => memory.find(KeySection.encode(section), 0) !== undefined
    const remember = (section: KeySection.KeySection) =>
      memory.remember(KeySection.encode(section), 0, section.encryptionContext)
    for (let i = 0; i < 256; i++) remember(of(i))
    for (let i = 0; i < 256; i++) assert.isTrue(isKnown(of(i)), `${i}`)
    remember(of(256))
    assert.deepStrictEqual([isKnown(of(0)), isKnown(of(1)), isKnown(of(256))], [false, true, true])
    // Four bytes of counts, six of lengths, one of the provider's name: twice the length of the fields besides.
    const longest = of(300, 2042)
    assert.strictEqual(KeySection.encode(longest).length, 4095)
    remember(longest)
    remember(of(301, 2043))
    assert.deepStrictEqual([isKnown(longest), isKnown(of(301, 2043))], [true, false])
  })

  it.prop("encodes as the header does, once for a list that stays the same", [arbitraryHeader], ([header]) => {
    const memory = make()
    const encoded = KeySection.encode(header)
    assert.deepStrictEqual(memory.encode(header), encoded)
    assert.deepStrictEqual(memory.encode({ ...header }), encoded)
    assert.deepStrictEqual(memory.encode({ ...header, encryptedDataKeys: [...header.encryptedDataKeys] }), encoded)
    assert.strictEqual(memory.encode(header) === memory.encode(header), encoded.length <= 4096)
  }, { arbitrary: { seed: "key-sections-encode", runs: 100 } })
})
