/** Bytes of chunks, in pieces: every copy that the queue made is used again, or zeroed, and no piece changes while it is in use. */
import { assert, describe, it } from "@effect/vitest"
import { ByteQueue } from "../../src/stream/ByteQueue.ts"
import { concat, isZero } from "../support/bytes.ts"
import { pattern } from "../support/streams.ts"

/** A chunk without a zero. */
const chunkOf = (length: number) => pattern(length).map((byte) => byte | 1)

/** The array of the queue's own that a piece is a view of. */
const arrayOf = ({ buffer }: Uint8Array) => new Uint8Array(buffer)

/** Takes a piece that two chunks make. */
const straddling = (queue: ByteQueue, length: number) => {
  queue.push(chunkOf(length - 1))
  queue.push(chunkOf(1))
  return queue.take(length)
}

describe("a queue of bytes", () => {
  it("keeps the two longest of its arrays once their pieces are released, and zeroes the others", () => {
    const queue = new ByteQueue()
    const arrays = [10, 40, 20, 30].map((length) => arrayOf(straddling(queue, length)))
    assert.isFalse(arrays.some(isZero))
    queue.release()
    assert.deepStrictEqual(arrays.map(isZero), [true, false, true, false])
    // What is kept is written again, the shortest that is long enough first.
    const again = [35, 25, 5].map((length) => straddling(queue, length).buffer)
    assert.deepStrictEqual(again.map((buffer) => arrays.findIndex((array) => array.buffer === buffer)), [3, 1, -1])
  })

  it("changes no piece before it is released, however the array grows that it stands in", () => {
    const queue = new ByteQueue()
    const all = chunkOf(400)
    const pieces: Array<Uint8Array> = []
    let position = 0
    for (const [chunk, taken] of [[7, 5], [9, 3], [40, 20], [3, 30], [200, 100], [141, 242]] as const) {
      queue.push(all.slice(position, position += chunk))
      queue.own()
      pieces.push(queue.take(taken))
    }
    assert.deepStrictEqual(concat(...pieces), all)
  })

  it("zeroes an array that it grew out of, of which nothing was taken", () => {
    const queue = new ByteQueue()
    queue.push(chunkOf(10))
    queue.own()
    const before = arrayOf(queue.view(10)!)
    queue.push(chunkOf(30))
    assert.strictEqual(queue.view(40)!.length, 40)
    assert.isTrue(isZero(before))
  })

  it("zeroes all of its arrays at the end: what is in it, what is in use and what is kept", () => {
    const queue = new ByteQueue()
    const spare = arrayOf(straddling(queue, 10))
    queue.release()
    const used = arrayOf(straddling(queue, 20))
    queue.push(chunkOf(30))
    queue.own()
    const carried = arrayOf(queue.view(30)!)
    const arrays = [spare, used, carried]
    assert.strictEqual(new Set(arrays.map(({ buffer }) => buffer)).size, 3)
    assert.isFalse(arrays.some(isZero))
    queue.zero()
    assert.deepStrictEqual(arrays.map(isZero), [true, true, true])
    assert.strictEqual(queue.available, 0)
  })
})
