/** The public names of the package with their declarations, as blocks of text by entry point and namespace. */
import { posix } from "node:path"
import type { Declarations, Declared, Target } from "./declarations.ts"
import { isNode, type Module, type Node, withoutComments } from "./syntax.ts"

/** Names of one entry point, or of one namespace there. */
export interface Section {
  readonly title: string
  /** Names that it exports, those of namespaces included. */
  readonly names: ReadonlyArray<string>
  /** Their declarations, one text each. */
  readonly declarations: ReadonlyArray<string>
}

export interface EntryPoint {
  readonly specifier: string
  /** Number of names that a program can write: flat ones, namespaces, and the names in namespaces. */
  readonly count: number
  readonly sections: ReadonlyArray<Section>
}

export interface Report {
  readonly entryPoints: ReadonlyArray<EntryPoint>
  /** Declarations that signatures refer to, and that no entry point exports, by their modules. */
  readonly unnamed: ReadonlyArray<{ readonly module: string; readonly declarations: ReadonlyArray<string> }>
}

const key = ({ name, path }: Declared): string => `${path} ${name}`

/** Types in other files by the name of their file: the folders are not part of a promise. */
const withoutFolders = (text: string): string =>
  text.replaceAll(/import\("(?:[^"]*\/)?([^"/]+?)(?:\.d)?(?:\.[jt]s)?"\)/g, "$1")

const slice = (module: Module, node: Node): string =>
  withoutFolders(withoutComments(module).slice(node.start, node.end))
    .split("\n").filter((line) => line.trim() !== "").map((line) => line.trimEnd()).join("\n")

/** The type of the constant that the compiler writes for the base of a class, where it can stand in its place. */
const inlined = (declarations: Declarations, constant: Declared): string | undefined => {
  if (!constant.name.endsWith("_base")) return undefined
  const [base] = declarations.declarationsOf(constant)
  const id = base?.node["id"]
  const annotation = isNode(id) && isNode(id["typeAnnotation"]) ? id["typeAnnotation"]["typeAnnotation"] : undefined
  return base !== undefined && isNode(annotation) && annotation.type === "TSTypeReference"
    ? slice(base.module, annotation)
    : undefined
}

/** The declarations of a name, each as a declaration of its own. */
const texts = (declarations: Declarations, declared: Declared): ReadonlyArray<string> => {
  const all = declarations.declarationsOf(declared)
  const isExported = all.some(({ exports }) => exports)
  return all.map(({ exports, module, node }) => {
    // Such as the schema of a type that is exported without it.
    const note = isExported && !exports ? "// Not exported:\n" : ""
    if (node.type === "VariableDeclarator") return `${note}declare const ${slice(module, node)}`
    const text = slice(module, node).replace(/^declare /, "")
    const base = isNode(node["superClass"]) ? String(node["superClass"]["name"]) : ""
    const type = inlined(declarations, { path: declared.path, name: base })
    const whole = type === undefined ? text : text.replace(` extends ${base}`, () => ` extends ${type}`)
    return `${note}${/^(type|interface)\b/.test(whole) ? "" : "declare "}${whole}`
  })
}

/** Makes the report of entry points, given by the paths of their declarations. */
export const make = (declarations: Declarations, entries: Readonly<Record<string, string>>): Report => {
  const named = new Set<string>()
  const roots: Array<Declared> = []

  const section = (title: string, targets: ReadonlyArray<readonly [string, Target]>): Section => {
    const lines: Array<string> = []
    const own = new Map<string, Declared>()
    for (const [name, target] of targets) {
      if (target._tag === "Declared") {
        named.add(key(target))
        own.set(key(target), target)
        lines.push(...texts(declarations, target))
        if (target.name !== name) lines.push(`export { ${target.name} as ${name} }`)
      } else if (target._tag === "Outside") {
        lines.push(`export { ${target.name}${target.name === name ? "" : ` as ${name}`} } from "${target.specifier}"`)
      }
    }
    roots.push(...own.values())
    return { title, names: targets.map(([name]) => name), declarations: lines }
  }

  const sorted = (exports: Iterable<readonly [string, Target]>) =>
    [...exports].toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)

  /** The section of a module's own names, and those of its namespaces. */
  const sectionsOf = (title: string, path: string): ReadonlyArray<Section> => {
    const exports = sorted(declarations.exportsOf(path))
    const inside = exports.flatMap(([name, target]) =>
      target._tag === "Namespace" ? sectionsOf(title === "" ? name : `${title}.${name}`, target.path) : []
    )
    return [section(title, exports), ...inside]
  }

  const entryPoints = Object.entries(entries).map(([specifier, path]): EntryPoint => {
    const sections = sectionsOf("", path)
    return { specifier, count: sections.reduce((sum, { names }) => sum + names.length, 0), sections }
  })

  // What signatures refer to is a part of them, exported or not.
  const unnamed: Array<Declared> = []
  const seen = new Set(named)
  for (let declared = roots.pop(); declared !== undefined; declared = roots.pop()) {
    for (const reference of declarations.referencesOf(declared)) {
      if (seen.has(key(reference))) continue
      seen.add(key(reference))
      roots.push(reference)
      if (inlined(declarations, reference) === undefined) unnamed.push(reference)
    }
  }
  const modules = Map.groupBy(
    unnamed.toSorted((a, b) => a.name < b.name ? -1 : 1),
    ({ path }) => posix.basename(path, ".d.ts")
  )
  return {
    entryPoints,
    unnamed: [...modules].toSorted(([a], [b]) => a < b ? -1 : 1).map(([module, names]) => ({
      module,
      declarations: names.flatMap((declared) => texts(declarations, declared))
    }))
  }
}
