/** Texts that people read: comments of modules, and guides in Markdown. Each keeps the offsets of the file that it is from. */
import { type Comment, isNode, type Module, type Node } from "./syntax.ts"

const blank = (text: string): string => text.replaceAll(/[^\n]/g, " ")

/** Code in prose: names stand there as they are. */
const withoutCode = (text: string): string => text.replaceAll(/`[^`]*`/g, (code) => code.replaceAll(/[^\n]/g, "`"))

/** A comment's text, where its marks and stars are blanks. */
const textOf = (comment: Comment): string => {
  if (comment.type === "Line") return `  ${withoutCode(comment.value)}`
  const text = comment.value.replaceAll(/^[^\S\n]*\*/gm, blank)
  return `  ${withoutCode(text)}  `
}

/** The text of all comments of a module, at their offsets; everything else is blank. */
export const commentsOf = ({ comments, text }: Module): string => {
  const parts: Array<string> = []
  let end = 0
  for (const comment of comments) {
    parts.push(blank(text.slice(end, comment.start)), textOf(comment))
    end = comment.end
  }
  return [...parts, blank(text.slice(end))].join("")
}

/** The text of a guide, without code, comments and the targets of links. */
export const guideOf = (text: string): string =>
  withoutCode(
    text
      .replaceAll(/^```.*\n[\s\S]*?^```$/gm, blank)
      .replaceAll(/<!--[\s\S]*?-->/g, blank)
      .replaceAll(/\]\([^)\s]*\)/g, blank)
  )

export interface Docstring {
  /** Its text, with stars and marks, as blanks. */
  readonly text: string
  /** Offset of the first character of the text in the file. */
  readonly start: number
  /** The declaration that it stands before, if it does. */
  readonly declaration: Node | undefined
}

export const isDocstring = ({ type, value }: Comment): boolean => type === "Block" && value.startsWith("*")

/** Outermost nodes of a tree by their first offsets, from the ones that are looked for. */
const nodesAt = (program: Node, offsets: ReadonlySet<number>): ReadonlyMap<number, Node> => {
  const found = new Map<number, Node>()
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (!isNode(value)) return
    if (value !== program && offsets.has(value.start) && !found.has(value.start)) found.set(value.start, value)
    for (const child of Object.values(value)) visit(child)
  }
  visit(program)
  return found
}

/** All docstrings of a module, with what they are about. */
export const docstringsOf = (module: Module): ReadonlyArray<Docstring> => {
  const { comments, program, text } = module
  const nextToken = (offset: number): number => {
    let at = offset
    for (;;) {
      while (at < text.length && /\s/.test(text[at]!)) at++
      const comment = comments.find(({ start }) => start === at)
      if (comment === undefined) return at
      at = comment.end
    }
  }
  const docstrings = comments.filter(isDocstring)
  const nodes = nodesAt(program, new Set(docstrings.map(({ end }) => nextToken(end))))
  return docstrings.map((comment) => {
    const content = textOf(comment)
    const indent = content.length - content.trimStart().length
    return {
      text: content.trim(),
      start: comment.start + indent,
      declaration: nodes.get(nextToken(comment.end))
    }
  })
}
