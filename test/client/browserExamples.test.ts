/** The programs of the guide to browsers, as they stand. In the browser they run in a page, which is what the guide says. */
import { assert, it } from "@effect/vitest"
import { vi } from "vitest"

const run = async (example: () => Promise<unknown>): Promise<ReadonlyArray<string>> => {
  const lines: Array<string> = []
  const spy = vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line))
  try {
    await example()
  } finally {
    spy.mockRestore()
  }
  return lines
}

it("docs/examples/browser.ts", async () => {
  const lines = await run(() => import("../../docs/examples/browser.ts"))
  assert.deepStrictEqual(lines, ["Miss: first draft", "Hit: second draft"])
})

it("docs/examples/browser-file.ts", async () => {
  const [encrypted, decrypted, ...rest] = await run(() => import("../../docs/examples/browser-file.ts"))
  assert.match(encrypted!, /^1500000 bytes, a message of 15\d{5}$/)
  assert.strictEqual(decrypted, "decrypted 1500000 bytes: a line of text …")
  assert.deepStrictEqual(rest, [])
})
