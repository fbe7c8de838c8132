import { Layer } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"

const kmsKeyArn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

/** A client with a cache of data keys, over a KMS inside this process. */
export const client = EncryptionSdk.layer().pipe(
  Layer.provide(CachingCmm.layer({ policy: { maxAge: "5 minutes" } })),
  Layer.provide(LocalCache.layer({ capacity: 1000 })),
  Layer.provide(KmsKeyring.layer({ generatorKeyId: kmsKeyArn })),
  Layer.provide(EmbeddedKms.layer({ keys: [{ arn: kmsKeyArn }] })),
  Layer.provide(NodePrimitives.layer)
)
