/** A stream of the Web platform over these parts. Not every browser has `ReadableStream.from`. */
export const readableFrom = <A>(parts: Iterable<A>): ReadableStream<A> => {
  const iterator = parts[Symbol.iterator]()
  return new ReadableStream({
    pull: (controller) => {
      const step = iterator.next()
      if (step.done === true) controller.close()
      else controller.enqueue(step.value)
    }
  }, { highWaterMark: 0 })
}
