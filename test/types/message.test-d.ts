/** Types of the wire format: values in, results out, no effects. */
import type { Result } from "effect"
import type { AlgorithmSuite, EncryptedDataKey, InvalidEncryptionContext, InvalidOption } from "effect-encryption-sdk"
import type { TooManyEncryptedDataKeys } from "effect-encryption-sdk"
import { type MalformedMessage, MessageFooter, MessageHeader, MessageLength } from "effect-encryption-sdk/message"
import { expectTypeOf } from "vitest"

declare const bytes: Uint8Array
declare const suite: AlgorithmSuite.AlgorithmSuite
declare const encryptedDataKeys: ReadonlyArray<EncryptedDataKey.EncryptedDataKey>

expectTypeOf(MessageHeader.decode(bytes)).toEqualTypeOf<
  Result.Result<MessageHeader.DecodedHeader, MalformedMessage | TooManyEncryptedDataKeys | InvalidOption>
>()
expectTypeOf<MessageHeader.DecodedHeader["header"]>().toEqualTypeOf<MessageHeader.MessageHeader>()
expectTypeOf<MessageHeader.MessageHeader["contentType"]>().toEqualTypeOf<"framed" | "nonFramed">()
expectTypeOf(MessageHeader.encode).returns.toEqualTypeOf<Uint8Array<ArrayBuffer>>()
MessageHeader.decode(bytes, { maxEncryptedDataKeys: 1 })
// @ts-expect-error: no such option
MessageHeader.decode(bytes, { commitmentPolicy: "RequireEncryptRequireDecrypt" })
// @ts-expect-error: a message is bytes
MessageHeader.decode("AgV4")

expectTypeOf(MessageFooter.decode(suite, bytes, 0)).toEqualTypeOf<
  Result.Result<Uint8Array | undefined, MalformedMessage>
>()
expectTypeOf(MessageLength.ciphertextLength(1, { algorithmSuite: suite, encryptedDataKeys })).toEqualTypeOf<
  Result.Result<number, InvalidOption | InvalidEncryptionContext>
>()
// @ts-expect-error: lengths of the encrypted data keys are part of it
MessageLength.ciphertextLength(1, { algorithmSuite: suite })
