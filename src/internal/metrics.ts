/** Families of metrics: one name, and a series for each set of attributes. */
import * as Metric from "effect/Metric"

type Attributes = Readonly<Record<string, string>>

// One Metric for each series, made at its first use: attributes that are added at each update would cost more.
const family = <M>(make: (attributes: Attributes) => M) => {
  const series = new Map<string, M>()
  return (attributes: Attributes): M => {
    const key = Object.values(attributes).join(" ")
    let metric = series.get(key)
    if (metric === undefined) series.set(key, metric = make(attributes))
    return metric
  }
}

/** Makes families of metrics whose names have this prefix. */
export const familiesOf = (prefix: string) => ({
  counter: (name: string, description: string) =>
    family((attributes) => Metric.counter(prefix + name, { description, attributes, incremental: true })),
  gauge: (name: string, description: string) =>
    family((attributes) => Metric.gauge(prefix + name, { description, attributes })),
  histogram: (name: string, description: string, boundaries: ReadonlyArray<number>) =>
    family((attributes) => Metric.histogram(prefix + name, { description, attributes, boundaries }))
})

/** Boundaries of a histogram. */
export const powers = (start: number, factor: number, count: number): ReadonlyArray<number> =>
  Metric.exponentialBoundaries({ start, factor, count })
