/** Replicas of a multi-Region key, and keys found by discovery, both ways, with the Material Providers Library in Python, over our KMS server. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { KmsDiscoveryKeyring, KmsKeyring, KmsMrkDiscoveryKeyring, KmsMrkKeyring } from "effect-encryption-sdk/kms"
import { AwsKms } from "effect-encryption-sdk/kms/aws"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { signed, unsigned } from "../support/suites.ts"
import { fromPython, toPython } from "./support/crossing.ts"
import * as DevelopmentServer from "./support/developmentServer.ts"
import * as Python from "./support/python.ts"

const [virginia, frankfurt] = ["us-east-1", "eu-central-1"] as const
const arnIn = (region: string) => `arn:aws:kms:${region}:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab`
const single = "arn:aws:kms:us-east-1:111122223333:key/2345bcde-12ab-34cd-56ef-1234567890ab"
const discoveryFilter = { partition: "aws", accountIds: ["111122223333"] }

class Server extends Context.Service<Server, { readonly url: string }>()("test/Server") {}

const server = Layer.effect(
  Server,
  Effect.orDie(
    DevelopmentServer.start({ keys: [{ arn: arnIn(virginia), replicaRegions: [frankfurt] }, { arn: single }] })
  )
)

const Peers = Layer.mergeAll(
  Python.layer,
  NodePrimitives.layer,
  Layer.unwrap(Effect.map(Server, ({ url }) => AwsKms.layer(DevelopmentServer.configOf(url))))
).pipe(Layer.provideMerge(server))

/** A keyring of Python in a Region. */
const python = (endpoint: string, region: string, kind: Python.Mpl["kind"], options: object = discoveryFilter) =>
  ({ type: "mpl", kind, endpoint, region, ...options }) as const

layer(Peers, { excludeTestServices: true })("Python over replicas and discovery", (it) => {
  for (const suite of [unsigned, signed]) {
    it.effect(`a key of its own, strict and by discovery: ${suite.name}`, () =>
      Effect.gen(function*() {
        const { url } = yield* Server
        const strict = python(url, virginia, "kms", { keyId: single })
        const ours = yield* KmsKeyring.make({ generatorKeyId: single })
        yield* fromPython({ suite, keyring: ours, keys: [strict] })
        yield* toPython({ suite, keyring: ours, keys: [strict] })
        const countAs = "KmsDiscoveryKeyring"
        yield* fromPython({ suite, keyring: yield* KmsDiscoveryKeyring.make({ discoveryFilter }), keys: [strict] })
        yield* toPython({ suite, keyring: ours, keys: [python(url, virginia, "kms-discovery")], countAs })
      }))

    it.effect(`what one replica wrapped, the other unwraps: ${suite.name}`, () =>
      Effect.gen(function*() {
        const { url } = yield* Server
        for (const [writes, reads] of [[virginia, frankfurt], [frankfurt, virginia]] as const) {
          const theirs = (region: string) => python(url, region, "kms-mrk", { keyId: arnIn(region) })
          const ours = (region: string) => KmsMrkKeyring.make({ generatorKeyId: arnIn(region) })
          yield* fromPython({ suite, keyring: yield* ours(reads), keys: [theirs(writes)] })
          yield* toPython({ suite, keyring: yield* ours(writes), keys: [theirs(reads)] })
          const countAs = "KmsMrkDiscoveryKeyring"
          const discovering = yield* KmsMrkDiscoveryKeyring.make({ regions: [reads], discoveryFilter })
          yield* fromPython({ suite, keyring: discovering, keys: [theirs(writes)] })
          const keys = [python(url, reads, "kms-mrk-discovery")]
          yield* toPython({ suite, keyring: yield* ours(writes), keys, countAs })
        }
      }))
  }

  it.effect("neither reads another replica's message with the strict keyring that is not for multi-Region keys", () =>
    Effect.gen(function*() {
      const { url } = yield* Server
      const ours = yield* KmsKeyring.make({ generatorKeyId: arnIn(frankfurt) })
      const theirs = python(url, frankfurt, "kms", { keyId: arnIn(frankfurt) })
      const writer = python(url, virginia, "kms", { keyId: arnIn(virginia) })
      assert.strictEqual((yield* Effect.exit(fromPython({ keyring: ours, keys: [writer] })))._tag, "Failure")
      const virginian = yield* KmsKeyring.make({ generatorKeyId: arnIn(virginia) })
      assert.strictEqual((yield* Effect.exit(toPython({ keyring: virginian, keys: [theirs] })))._tag, "Failure")
    }))
})
