/**
 * `npm run check:words`: fails on docstrings that begin with a noun clause ("What …", "How …"), on words that the house does
 * without (`vocabulary.ts`), and on tables of guides whose lines are too long. There are no exceptions. Code in backticks,
 * fenced blocks and targets of links are not read.
 *
 * `npm run check:words -- --list` prints counts by file and by word instead of the places; other arguments are parts of
 * the paths to look at.
 */
import { pages } from "../docs/pages.ts"
import { isBoolean } from "./booleans.ts"
import { commentsOf, docstringsOf, guideOf, isDocstring } from "./prose.ts"
import { filesBelow, lineOf, type Module, parse, readText } from "./syntax.ts"
import { maxTableColumns, openings, whether, type Word, words } from "./vocabulary.ts"

export interface Finding {
  readonly path: string
  readonly line: number
  readonly found: string
  readonly instead: string
}

/** White space within a sentence: no paragraph ends there. */
const gap = String.raw`[^\S\n]*\n?[^\S\n]*(?<=\s)`

const compiled = new Map<Word, RegExp>()
const expression = (word: Word): RegExp => {
  let found = compiled.get(word)
  if (found === undefined) {
    found = new RegExp(String.raw`(?<![\w-])(?:${word.pattern.replaceAll(" ", gap)})(?![\w-])`, "gi")
    compiled.set(word, found)
  }
  return found
}

const shown = (text: string): string => text.replaceAll(/\s+/g, " ")

/** Words of a text that are used nowhere. */
const wordsIn = (path: string, text: string, kind: "comments" | "guides"): ReadonlyArray<Finding> =>
  words.filter(({ only }) => only === undefined || only === kind).flatMap((word) =>
    [...text.matchAll(expression(word))].map((match) => ({
      path,
      line: lineOf(text, match.index),
      found: shown(match[0]),
      instead: word.instead
    }))
  )

/** Docstrings that begin as none should. */
export const openingsIn = (module: Module): ReadonlyArray<Finding> =>
  docstringsOf(module).flatMap(({ declaration, start, text }) => {
    const begins = (word: Word) => [...text.matchAll(expression(word))].find(({ index }) => index === 0)?.[0]
    const rules = isBoolean(declaration) === "no" ? [...openings, whether] : openings
    for (const word of rules) {
      const found = begins(word)
      if (found !== undefined) {
        return [{
          path: module.path,
          line: lineOf(module.text, start),
          found: `${shown(found)} …`,
          instead: word.instead
        }]
      }
    }
    return []
  })

/** Everything wrong in the docstrings and comments of a source. */
export const inSource = (module: Module): ReadonlyArray<Finding> => [
  ...openingsIn(module),
  ...wordsIn(module.path, commentsOf(module), "comments")
]

/** Everything wrong in the docstrings of an example. Its other comments show what it prints. */
export const inExample = (module: Module): ReadonlyArray<Finding> =>
  inSource({ ...module, comments: module.comments.filter(isDocstring) })

/** Tables of a guide whose lines are too long, by their first lines. */
export const tablesIn = (path: string, text: string): ReadonlyArray<Finding> => {
  const found: Array<Finding> = []
  const lines = text.replaceAll(/^```.*\n[\s\S]*?^```$/gm, (block) => block.replaceAll(/[^\n]/g, "")).split("\n")
  let first = -1
  let columns = 0
  for (const [index, line] of [...lines, ""].entries()) {
    if (line.trimStart().startsWith("|")) {
      if (first < 0) first = index
      columns = Math.max(columns, Array.from(line).length)
    } else if (first >= 0) {
      if (columns > maxTableColumns) {
        const instead = `${maxTableColumns} at most: shorter cells, a list, or notes below the table`
        found.push({ path, line: first + 1, found: `table of ${columns} columns`, instead })
      }
      first = -1
      columns = 0
    }
  }
  return found
}

/** Everything wrong in a guide. */
export const inGuide = (path: string, text: string): ReadonlyArray<Finding> => [
  ...wordsIn(path, guideOf(text), "guides"),
  ...tablesIn(path, text)
]

const counted = (keys: ReadonlyArray<string>): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([key, count]) => `${String(count).padStart(5)}  ${key}`)
}

const main = (args: ReadonlyArray<string>): void => {
  const parts = args.filter((arg) => arg !== "--list")
  const wanted = (path: string) => parts.length === 0 || parts.some((part) => path.includes(part))
  const modules = (folder: string) =>
    filesBelow(folder, ".ts").filter(wanted).map((path) => parse(path, readText(path)))
  const found = [
    ...modules("src").flatMap(inSource),
    ...modules("docs/examples").flatMap(inExample),
    // The changelog quotes names and sentences of the past.
    ...pages.filter((path) => wanted(path) && path !== "docs/changelog.md")
      .flatMap((path) => inGuide(path, readText(path)))
  ].toSorted((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line)
  if (args.includes("--list")) {
    console.log(counted(found.map(({ path }) => path)).join("\n"))
    console.log(`\n${counted(found.map(({ found }) => found.toLowerCase())).join("\n")}`)
  } else {
    for (const { found: text, instead, line, path } of found) console.log(`${path}:${line}: ${text}: ${instead}`)
  }
  console.log(found.length === 0 ? "no words that the house does without" : `\n${found.length} to rewrite`)
  process.exitCode = found.length === 0 ? 0 : 1
}

if (import.meta.main) main(process.argv.slice(2))
