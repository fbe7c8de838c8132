/** Lengths of modules and functions, in lines of code: those that hold anything but comments and white space. */
import { children, isNode, type Module, type Node, withoutComments } from "./syntax.ts"

export interface MeasuredFunction {
  /** Names from the outermost declaration to the function's own, such as `make.resolve`. */
  readonly name: string
  readonly line: number
  /** Lines of code from the function's first character to its last, those of functions inside it included. */
  readonly lines: number
  /**
   * True for the callback of `describe` and `layer`, and for a function that calls `it`, `describe` or `layer` itself, such as a
   * contract suite: it holds tests, and is as long as they are many.
   */
  readonly isSuite: boolean
}

export interface Measured {
  readonly path: string
  readonly lines: number
  readonly functions: ReadonlyArray<MeasuredFunction>
}

const functionTypes = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"])

const nameOf = (key: unknown): string | undefined => {
  if (!isNode(key)) return undefined
  if (key.type === "Identifier" || key.type === "PrivateIdentifier") return String(key["name"])
  if (key.type === "Literal") return JSON.stringify(key["value"])
  return key.type === "MemberExpression" ? nameOf(key["property"]) : undefined
}

/** The name that a node gives to the functions inside it, if it declares something. */
const declaredName = (node: Node): string | undefined => {
  switch (node.type) {
    case "VariableDeclarator":
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ClassDeclaration":
      return nameOf(node["id"])
    case "Property":
    case "MethodDefinition":
    case "PropertyDefinition":
    case "AccessorProperty":
      return nameOf(node["key"])
    case "AssignmentExpression":
      return nameOf(node["left"])
    case "ExportDefaultDeclaration":
      return "default"
    default:
      return undefined
  }
}

/** The first identifier of a callee: `describe` of `describe.each(rows)`, `layer` of `layer(live)`. */
const calleeName = (callee: unknown): string | undefined => {
  if (!isNode(callee)) return undefined
  if (callee.type === "Identifier") return String(callee["name"])
  if (callee.type === "MemberExpression") return calleeName(callee["object"])
  return callee.type === "CallExpression" ? calleeName(callee["callee"]) : undefined
}

/** The title of a call such as `it("returns nothing", () => …)`, which names its callbacks. */
const titleOf = (call: Node): string | undefined => {
  const [title] = call["arguments"] as ReadonlyArray<Node>
  if (title?.type === "Literal" && typeof title["value"] === "string") return JSON.stringify(title["value"])
  if (title?.type !== "TemplateLiteral") return undefined
  return JSON.stringify(
    (title["quasis"] as ReadonlyArray<Node>)
      .map((part) => (part["value"] as { readonly raw: string }).raw).join("…")
  )
}

const suites = new Set(["describe", "layer"])
const tests = new Set(["it", "test"])

/** The name that a call of a test framework gives to its callbacks. */
const testName = (node: Node): { readonly name: string; readonly isSuite: boolean } | undefined => {
  if (node.type !== "CallExpression") return undefined
  const callee = calleeName(node["callee"])
  if (callee === undefined || !(suites.has(callee) || tests.has(callee))) return undefined
  return { name: `${callee} ${titleOf(node) ?? "(…)"}`, isSuite: suites.has(callee) }
}

const frameworks = new Set(["vitest", "@effect/vitest"])

/** The names under which a module imports what registers tests. */
const registrars = ({ program }: Module): ReadonlySet<string> =>
  new Set(
    (program["body"] as ReadonlyArray<Node>)
      .filter((node) => node.type === "ImportDeclaration" && frameworks.has(String((node["source"] as Node)["value"])))
      .flatMap((node) => node["specifiers"] as ReadonlyArray<Node>)
      .map((specifier) => String(nameOf(specifier["local"])))
      .filter((name) => suites.has(name) || tests.has(name))
  )

/** Measures a module and its functions, except functions without a name of their own inside of functions. */
export const measure = (module: Module): Measured => {
  const isCode = withoutComments(module).split("\n").map((line) => line.trim() !== "")
  const starts = [0]
  for (const { index } of module.text.matchAll(/\n/g)) starts.push(index + 1)
  const lineAt = (offset: number): number => {
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle
    }
    return low
  }
  const count = (start: number, end: number): number =>
    isCode.slice(lineAt(start), lineAt(end) + 1).filter(Boolean).length

  const functions: Array<MeasuredFunction> = []
  const registering = registrars(module)
  // A function whose names were all reported already is a part of the one that has been. Returns whether the node registers tests,
  // other than inside of functions that are reported.
  const visit = (node: Node, names: ReadonlyArray<string>, reported: number, suite: boolean): boolean => {
    const call = testName(node)
    const name = call?.name ?? declaredName(node)
    const inner = name === undefined || names.at(-1) === name ? names : [...names, name]
    const isSuite = call?.isSuite ?? suite
    const isFunction = functionTypes.has(node.type)
    const isReported = isFunction && (inner.length > reported || inner.length === 0)
    const own = functions.length
    if (isReported) {
      functions.push({
        name: inner.length === 0 ? "a function without a name" : inner.join("."),
        line: lineAt(node.start) + 1,
        lines: count(node.start, node.end),
        isSuite
      })
    }
    let registers = node.type === "CallExpression" && registering.has(calleeName(node["callee"]) ?? "")
    for (const child of children(node)) {
      if (visit(child, inner, isFunction ? inner.length : reported, !isFunction && isSuite)) registers = true
    }
    if (!isReported) return registers
    if (registers) functions[own] = { ...functions[own]!, isSuite: true }
    return false
  }
  visit(module.program, [], 0, false)
  return { path: module.path, lines: isCode.filter(Boolean).length, functions }
}
