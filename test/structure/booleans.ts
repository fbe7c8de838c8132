/** Whether declarations are of something boolean, as far as their syntax says so. */
import { isNode, type Node } from "./syntax.ts"

export type Answer = "yes" | "no" | "unknown"

const any = (parts: ReadonlyArray<Answer>): Answer =>
  parts.includes("yes") ? "yes" : parts.includes("unknown") ? "unknown" : "no"

const notBoolean = new Set([
  "TSStringKeyword",
  "TSNumberKeyword",
  "TSBigIntKeyword",
  "TSVoidKeyword",
  "TSNullKeyword",
  "TSUndefinedKeyword",
  "TSNeverKeyword",
  "TSSymbolKeyword",
  "TSArrayType",
  "TSTupleType",
  "TSTypeLiteral",
  "TSTemplateLiteralType"
])

/** Of a type: booleans, functions that return one, effects and the like of one. */
const ofType = (type: unknown): Answer => {
  if (!isNode(type)) return "unknown"
  if (notBoolean.has(type.type)) return "no"
  switch (type.type) {
    case "TSTypeAnnotation":
      return ofType(type["typeAnnotation"])
    case "TSBooleanKeyword":
    case "TSTypePredicate":
      return "yes"
    case "TSLiteralType": {
      const literal = type["literal"]
      return isNode(literal) && typeof literal["value"] === "boolean" ? "yes" : "no"
    }
    case "TSUnionType":
      return any((type["types"] as ReadonlyArray<unknown>).map(ofType))
    case "TSParenthesizedType":
      return ofType(type["typeAnnotation"])
    case "TSFunctionType":
      return ofType(type["returnType"])
    default:
      return "unknown"
  }
}

const comparisons = new Set(["===", "!==", "==", "!=", "<", ">", "<=", ">=", "in", "instanceof"])

/** Of a value: literals, comparisons, and functions that return one. */
const ofValue = (value: unknown): Answer => {
  if (!isNode(value)) return "unknown"
  switch (value.type) {
    case "ParenthesizedExpression":
    case "TSAsExpression":
    case "TSSatisfiesExpression":
      return ofValue(value["expression"])
    case "Literal":
      return typeof value["value"] === "boolean" ? "yes" : "no"
    case "TemplateLiteral":
    case "ArrayExpression":
    case "ObjectExpression":
      return "no"
    case "UnaryExpression":
      return value["operator"] === "!" ? "yes" : "no"
    case "BinaryExpression":
      return comparisons.has(String(value["operator"])) ? "yes" : "no"
    case "ArrowFunctionExpression":
    case "FunctionExpression":
      if (isNode(value["returnType"])) return ofType(value["returnType"])
      return value["expression"] === true ? ofValue(value["body"]) : "unknown"
    default:
      return "unknown"
  }
}

/** Of a declaration: its type where it has one, else its value. */
export const isBoolean = (node: Node | undefined): Answer => {
  switch (node?.type) {
    case "ExportNamedDeclaration":
      return isBoolean(isNode(node["declaration"]) ? node["declaration"] : undefined)
    case "VariableDeclaration": {
      const [{ id, init }] = node["declarations"] as readonly [{ readonly id: Node; readonly init: Node | null }]
      return isNode(id["typeAnnotation"]) ? ofType(id["typeAnnotation"]) : ofValue(init)
    }
    case "FunctionDeclaration":
    case "TSDeclareFunction":
    case "TSMethodSignature":
      return ofType(node["returnType"])
    case "MethodDefinition":
    case "Property":
      return ofValue(node["value"])
    case "PropertyDefinition":
      return isNode(node["typeAnnotation"]) ? ofType(node["typeAnnotation"]) : ofValue(node["value"])
    case "TSPropertySignature":
    case "Identifier":
      return ofType(node["typeAnnotation"])
    case "TSTypeAliasDeclaration":
      return ofType(node["typeAnnotation"])
    case "ImportDeclaration":
    case "TSInterfaceDeclaration":
    case "ClassDeclaration":
    case undefined:
      return "no"
    default:
      return "unknown"
  }
}
