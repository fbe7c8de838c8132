/** Syntax trees of TypeScript, by oxc, for the checks of this folder. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseSync } from "vite"

/** The repository's root, with a slash at its end. */
export const root = fileURLToPath(new URL("../../", import.meta.url))

/** One node of a tree, in the form of ESTree. Offsets count UTF-16 units of the text. */
export type Node =
  & { readonly type: string; readonly start: number; readonly end: number }
  & Readonly<Record<string, unknown>>

export interface Comment {
  readonly type: "Block" | "Line"
  /** Text between the marks of the comment. */
  readonly value: string
  readonly start: number
  readonly end: number
}

export interface Module {
  readonly path: string
  readonly text: string
  readonly program: Node
  readonly comments: ReadonlyArray<Comment>
}

export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

/** Parses the text of a module. Throws where it has an error of syntax. */
export const parse = (path: string, text: string): Module => {
  const { comments, errors, program } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]!.message}`)
  return { path, text, program: program as unknown as Node, comments }
}

/** Child nodes of a node, in the order of the text. */
export const children = (node: Node): ReadonlyArray<Node> => {
  const found: Array<Node> = []
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit)
    else if (isNode(value)) found.push(value)
  }
  for (const value of Object.values(node)) visit(value)
  return found.toSorted((a, b) => a.start - b.start)
}

/** Text with its comments blanked out; every other character keeps its offset. */
export const withoutComments = ({ comments, text }: Pick<Module, "comments" | "text">): string => {
  const parts: Array<string> = []
  let end = 0
  for (const comment of comments) {
    parts.push(text.slice(end, comment.start), text.slice(comment.start, comment.end).replaceAll(/[^\n]/g, " "))
    end = comment.end
  }
  return [...parts, text.slice(end)].join("")
}

/** Number of the line of an offset, from 1. */
export const lineOf = (text: string, offset: number): number => text.slice(0, offset).split("\n").length

/** Paths of the files below a folder that end so, from the root, sorted. */
export const filesBelow = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(ending))
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
    .toSorted()

export const readText = (path: string): string => readFileSync(join(root, path), "utf8")
