/**
 * Bytes in use, in V8's heap and outside of it, once what is not needed is gone. Collects twice: the first collection frees
 * arrays in another thread, the second waits for that.
 */
export const bytesInUse = (collect: () => void): number => {
  collect()
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
