/** Annotations for bundlers stand where all bundlers read them: right before the call that they are about. */
import { assert, describe, it } from "@effect/vitest"
import { children, filesBelow, lineOf, type Module, type Node, parse, readText } from "./syntax.ts"

const isCall = ({ type }: Node): boolean => type === "CallExpression" || type === "NewExpression"

const startsOfCalls = (node: Node, found = new Set<number>()): ReadonlySet<number> => {
  if (isCall(node)) found.add(node.start)
  for (const child of children(node)) startsOfCalls(child, found)
  return found
}

/** The lines of annotations that are before no call. */
const misplaced = ({ comments, program, text }: Module): ReadonlyArray<number> => {
  const calls = startsOfCalls(program)
  return comments.filter(({ value }) => value.includes("#__PURE__"))
    .filter(({ end }) => !calls.has(end + text.slice(end).search(/\S/u)))
    .map(({ start }) => lineOf(text, start))
}

describe("annotations for bundlers", () => {
  it("are misplaced before a text, an object, a property or a value", () => {
    const text = [
      "export const a = /*#__PURE__*/ f()",
      "export const b = /*#__PURE__*/ `${f()}`",
      "export const c = /*#__PURE__*/ { d: f() }",
      "export const e = /*#__PURE__*/ (() => 1)()",
      "export const g = /*#__PURE__*/ h.i",
      "export const j = /*#__PURE__*/ new K()"
    ].join("\n")
    assert.deepStrictEqual(misplaced(parse("a.ts", text)), [2, 3, 5])
  })

  for (const path of filesBelow("src", ".ts")) {
    it(path, () => assert.deepStrictEqual(misplaced(parse(path, readText(path))), []))
  }
})
