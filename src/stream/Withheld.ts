import type { Chunks } from "./Upstream.ts"

/** Decrypted plaintext that may not be released yet. */
export class Withheld {
  private parts: Array<Uint8Array> = []

  push(plaintext: Uint8Array): void {
    this.parts.push(plaintext)
  }

  /** Releases all parts that are not empty; undefined where there are none. */
  take(): Chunks | undefined {
    const [first, ...others] = this.parts.filter((part) => part.length > 0)
    this.parts = []
    return first && [first, ...others]
  }

  zero(): void {
    for (const part of this.parts) part.fill(0)
  }
}
