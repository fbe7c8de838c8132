import { assert, it } from "@effect/vitest"

it("a stale Node on PATH breaks vitest in odd ways: this Node is 22.19 or newer", () => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  assert.isTrue(major > 22 || (major === 22 && minor >= 19), `Node ${process.versions.node} runs the tests`)
})
