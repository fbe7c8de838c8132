/** Sources whose functions log that they are entered. */
import { children, type Node, parse } from "../../structure/syntax.ts"

/** Name of the global function that instrumented functions call, with their number. */
export const hook = "__entered"

/** One function of an instrumented source. */
export interface Instrumented {
  /** Its path from the folder of sources. */
  readonly file: string
  readonly name: string
}

const functionTypes = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"])

const nameOf = (node: Node, inherited: string): string => {
  const key = node["id"] ?? node["key"] ?? node["left"]
  const name = (key as Node | null | undefined)?.["name"]
  return typeof name === "string" ? name : inherited
}

/**
 * Inserts a call at the start of every function's body. The number that it passes is the function's index in `functions`,
 * to which those of this text are added. Generators log when their first step runs.
 */
export const instrument = (file: string, text: string, functions: Array<Instrumented>): string => {
  const inserts: Array<readonly [offset: number, text: string]> = []
  const visit = (node: Node, name: string): void => {
    const own = nameOf(node, name)
    const body = node["body"] as Node | null | undefined
    if (functionTypes.has(node.type) && body !== null && body !== undefined) {
      const call = `${hook}(${functions.length})`
      functions.push({ file, name: own })
      if (body.type === "BlockStatement") inserts.push([body.start + 1, `${call};`])
      else inserts.push([body.start, `(${call},`], [body.end, ")"])
    }
    for (const child of children(node)) visit(child, own)
  }
  visit(parse(file, text).program, "module")
  let result = ""
  let at = 0

  for (const [offset, insert] of order(inserts)) {
    result += text.slice(at, offset) + insert
    at = offset
  }
  return result + text.slice(at)
}

/** By offset; of several at one offset those that close come first, inner ones before outer ones. */
const order = (inserts: ReadonlyArray<readonly [number, string]>): ReadonlyArray<readonly [number, string]> => {
  const closes = (text: string) => text === ")" ? 0 : 1
  return inserts.toSorted(([a, textA], [b, textB]) => a - b || closes(textA) - closes(textB))
}
