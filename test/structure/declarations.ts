/** What emitted declarations export: names followed through `export *`, `export { … } from`, namespaces and imports. */
import { posix } from "node:path"
import { isNode, type Module, type Node, parse } from "./syntax.ts"

/** Declarations of one name in one module: a type, a value, or both. */
export interface Declared {
  readonly path: string
  readonly name: string
}

/** One declaration. A variable's node is its declarator. */
export interface Declaration {
  readonly module: Module
  readonly node: Node
  /** True for a statement that exports by itself, as `export declare` does. */
  readonly exports: boolean
}

/** What an exported name stands for. */
export type Target =
  | ({ readonly _tag: "Declared" } & Declared)
  | { readonly _tag: "Namespace"; readonly path: string }
  | { readonly _tag: "Outside"; readonly specifier: string; readonly name: string }

export type Exports = ReadonlyMap<string, Target>

/** Modules of declarations, by their paths. */
export interface Declarations {
  readonly exportsOf: (path: string) => Exports
  /** Declarations of a name in a module, in their order; empty where there are none. */
  readonly declarationsOf: (declared: Declared) => ReadonlyArray<Declaration>
  /** Everything of the same package that the declarations of a name refer to. */
  readonly referencesOf: (declared: Declared) => ReadonlyArray<Declared>
}

interface Scope {
  readonly module: Module
  readonly declared: ReadonlyMap<string, ReadonlyArray<Declaration>>
  readonly imported: ReadonlyMap<string, { readonly specifier: string; readonly name: string }>
}

const nodes = (value: unknown): ReadonlyArray<Node> => Array.isArray(value) ? value.filter(isNode) : []
const nameOf = (node: unknown): string => isNode(node) ? String(node["name"] ?? node["value"]) : ""
const specifierOf = (node: unknown): string | undefined => isNode(node) ? String(node["value"]) : undefined

/** Nodes that a statement declares, by name. */
const declares = (statement: Node): ReadonlyArray<readonly [string, Node]> => {
  const declaration = statement.type === "ExportNamedDeclaration" ? statement["declaration"] : statement
  if (!isNode(declaration)) return []
  if (declaration.type === "VariableDeclaration") {
    return nodes(declaration["declarations"]).map((node) => [nameOf(node["id"]), node])
  }
  const isDeclaration = /Declaration$|^TSDeclareFunction$/.test(declaration.type) && isNode(declaration["id"])
  return isDeclaration ? [[nameOf(declaration["id"]), declaration]] : []
}

const scopeOf = (module: Module): Scope => {
  const declared = new Map<string, Array<Declaration>>()
  const imported = new Map<string, { readonly specifier: string; readonly name: string }>()
  for (const statement of nodes(module.program["body"])) {
    const exports = statement.type === "ExportNamedDeclaration"
    for (const [name, node] of declares(statement)) {
      declared.set(name, [...declared.get(name) ?? [], { module, node, exports }])
    }
    if (statement.type === "ImportDeclaration") {
      const specifier = specifierOf(statement["source"])!
      for (const node of nodes(statement["specifiers"])) {
        const name = node.type === "ImportNamespaceSpecifier"
          ? "*"
          : node.type === "ImportDefaultSpecifier"
          ? "default"
          : nameOf(node["imported"])
        imported.set(nameOf(node["local"]), { specifier, name })
      }
    }
  }
  return { module, declared, imported }
}

/** Names that a type refers to, with the member that is taken of each: `["Effect", "Effect"]` of `Effect.Effect<A>`. */
const references = (node: Node): ReadonlyArray<readonly [string, string | undefined]> => {
  const found: Array<readonly [string, string | undefined]> = []
  const refer = (name: Node, member?: string): void => {
    if (name.type === "Identifier") found.push([nameOf(name), member])
    else if (name.type === "TSQualifiedName") refer(name["left"] as Node, nameOf(name["right"]))
    else if (name.type === "MemberExpression") refer(name["object"] as Node, nameOf(name["property"]))
  }
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (!isNode(value)) return
    for (const key of ["typeName", "exprName", "superClass", "expression"]) {
      if (isNode(value[key])) refer(value[key])
    }
    if (value["computed"] === true && isNode(value["key"])) refer(value["key"])
    Object.values(value).forEach(visit)
  }
  visit(node)
  return found
}

/** Reads declarations by `read`, which returns the text of a path. */
export const make = (read: (path: string) => string): Declarations => {
  const scopes = new Map<string, Scope>()
  const scope = (path: string): Scope => {
    let found = scopes.get(path)
    if (found === undefined) {
      found = scopeOf(parse(path, read(path)))
      scopes.set(path, found)
    }
    return found
  }

  const resolve = (path: string, specifier: string): string | undefined =>
    specifier.startsWith(".")
      ? posix.join(posix.dirname(path), specifier.replace(/(\.d)?\.[jt]s$/, ".d.ts"))
      : undefined

  const from = (path: string, specifier: string, name: string): Target => {
    const file = resolve(path, specifier)
    if (file === undefined) return { _tag: "Outside", specifier, name }
    if (name === "*") return { _tag: "Namespace", path: file }
    return exportsOf(file).get(name) ?? missing(file, name)
  }

  const missing = (path: string, name: string): never => {
    throw new Error(`${path} exports no ${name}`)
  }

  /** What a name means within a module. */
  const local = (path: string, name: string): Target | undefined => {
    const { declared, imported } = scope(path)
    if (declared.has(name)) return { _tag: "Declared", path, name }
    const binding = imported.get(name)
    return binding === undefined ? undefined : from(path, binding.specifier, binding.name)
  }

  const exported = new Map<string, Exports>()
  const exportsOf = (path: string): Exports => {
    const known = exported.get(path)
    if (known !== undefined) return known
    const own = new Map<string, Target>()
    const all = new Map<string, Target>()
    // Known from here on: modules may export each other's names.
    exported.set(path, own)
    for (const statement of nodes(scope(path).module.program["body"])) {
      const specifier = specifierOf(statement["source"])
      if (statement.type === "ExportAllDeclaration") {
        if (isNode(statement["exported"])) own.set(nameOf(statement["exported"]), from(path, specifier!, "*"))
        else {
          const file = resolve(path, specifier!)
          if (file === undefined) throw new Error(`${path} exports everything of ${specifier}`)
          for (const [name, target] of exportsOf(file)) if (name !== "default") all.set(name, target)
        }
      }
      if (statement.type !== "ExportNamedDeclaration") continue
      for (const [name] of declares(statement)) own.set(name, { _tag: "Declared", path, name })
      for (const node of nodes(statement["specifiers"])) {
        const name = nameOf(node["local"])
        const target = specifier === undefined ? local(path, name) : from(path, specifier, name)
        own.set(nameOf(node["exported"]), target ?? missing(path, name))
      }
    }
    // A module's own names go before those of `export *`.
    for (const [name, target] of all) if (!own.has(name)) own.set(name, target)
    return own
  }

  const declarationsOf: Declarations["declarationsOf"] = ({ name, path }) => scope(path).declared.get(name) ?? []

  return {
    exportsOf,
    declarationsOf,
    referencesOf: (of) => {
      const found: Array<Declared> = []
      for (const { node } of declarationsOf(of)) {
        for (const [name, member] of references(node)) {
          const target = local(of.path, name)
          if (target?._tag === "Declared") found.push(target)
          else if (target?._tag === "Namespace" && member !== undefined) {
            const inside = exportsOf(target.path).get(member)
            if (inside?._tag === "Declared") found.push(inside)
          }
        }
      }
      return found
    }
  }
}
