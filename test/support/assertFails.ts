import { assert } from "@effect/vitest"
import { Result } from "effect"

/** Asserts that a result is a failure of this class that carries these fields, and returns the failure. */
export const assertFails = <E extends object>(
  result: Result.Result<unknown, unknown>,
  type: new(...args: Array<any>) => E,
  fields: { readonly [Field in keyof E]?: E[Field] | undefined } = {}
): E => {
  if (Result.isSuccess(result)) return assert.fail("accepted")
  const { failure } = result
  if (!(failure instanceof type)) return assert.fail(`not the error: ${String(failure)}`)
  const carried = new Map<string, unknown>(Object.entries(failure))
  assert.deepStrictEqual(Object.fromEntries(Object.keys(fields).map((name) => [name, carried.get(name)])), {
    ...fields
  })
  return failure
}
