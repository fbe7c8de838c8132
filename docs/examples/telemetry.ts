/** Metrics of caching in the format of Prometheus, and an OTLP trace, which a collector on this machine prints. */
import { Effect, Layer } from "effect"
import { EncryptionSdk } from "effect-encryption-sdk"
import { CachingCmm, LocalCache } from "effect-encryption-sdk/caching"
import { KmsKeyring } from "effect-encryption-sdk/kms"
import { EmbeddedKms } from "effect-encryption-sdk/kms/development-only"
import { NodePrimitives } from "effect-encryption-sdk/node"
import { FetchHttpClient } from "effect/http"
import { OtlpExporter, OtlpSerialization, OtlpTracer, PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const arn = "arn:aws:kms:us-east-1:111122223333:key/0123abcd-0000-1111-2222-333344445555"

const Program = EncryptionSdk.layer().pipe(
  Layer.provide(CachingCmm.layer({ policy: { maxAge: "5 minutes", maxMessagesEncrypted: 3 } })),
  Layer.provide(LocalCache.layer({ capacity: 100 })),
  Layer.provide(KmsKeyring.layer({ generatorKeyId: arn })),
  Layer.provide(EmbeddedKms.layer({ keys: [{ arn }], latency: "20 millis" })),
  Layer.provide(NodePrimitives.layer)
)

interface OtlpSpan {
  readonly name: string
  readonly links?: ReadonlyArray<unknown>
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Record<string, unknown> }>
}

/** An OTLP collector that keeps the spans it is sent. */
const collector = Effect.acquireRelease(
  Effect.promise(async () => {
    const spans: Array<OtlpSpan> = []
    const server = createServer((request, response) => {
      let body = ""
      request.setEncoding("utf8").on("data", (text: string) => body += text).on("end", () => {
        const { resourceSpans } = JSON.parse(body)
        spans.push(...resourceSpans[0].scopeSpans.flatMap((scope: { spans: Array<OtlpSpan> }) => scope.spans))
        response.end("{}")
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    return { spans, server, url: `http://127.0.0.1:${port}/v1/traces` }
  }),
  ({ server }) =>
    Effect.promise(() =>
      new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    )
)

const main = Effect.gen(function*() {
  const { spans, url } = yield* collector
  const Tracing = OtlpTracer.layer({ url, resource: { serviceName: "telemetry-example" } }).pipe(
    Layer.provideMerge(OtlpExporter.layerFlusher),
    Layer.provide(OtlpSerialization.layerJson),
    Layer.provide(FetchHttpClient.layer)
  )
  yield* Effect.gen(function*() {
    const sdk = yield* EncryptionSdk.EncryptionSdk
    const encrypt = sdk.encrypt("hello", { encryptionContext: { tenant: "acme" } })
    yield* Effect.all([encrypt, encrypt, encrypt], { concurrency: "unbounded" })
    yield* encrypt
  }).pipe(Effect.provide(Program.pipe(Layer.provideMerge(Tracing))))

  const prometheus = yield* PrometheusMetrics.format()
  const counters = prometheus.split("\n").filter((line) => /^effect_encryption_sdk_cache_(requests|fetches)/.test(line))
  console.log(counters.toSorted().join("\n"))

  const lines = spans.map(({ attributes, links = [], name }) => {
    const shown = attributes.filter(({ key }) => ["outcome", "trigger", "algorithm_suite"].includes(key))
    return [name, `links=${links.length}`, ...shown.map(({ key, value }) => `${key}=${Object.values(value).join()}`)]
      .join(" ")
  })
  console.log(lines.toSorted().join("\n"))
})

await Effect.runPromise(Effect.scoped(main))

// effect_encryption_sdk_cache_fetches{operation="encrypt",trigger="request",outcome="succeeded"} 2
// effect_encryption_sdk_cache_requests{operation="encrypt",outcome="joined"} 2
// effect_encryption_sdk_cache_requests{operation="encrypt",outcome="miss"} 2
// CachingCmm.fetch links=0 trigger=request
// CachingCmm.fetch links=0 trigger=request
// EncryptionSdk.encrypt links=1 algorithm_suite=0x0578 outcome=joined
// EncryptionSdk.encrypt links=1 algorithm_suite=0x0578 outcome=joined
// EncryptionSdk.encrypt links=1 algorithm_suite=0x0578 outcome=miss
// EncryptionSdk.encrypt links=1 algorithm_suite=0x0578 outcome=unoffered
