/**
 * The one printer of texts that others chose: names of keys, providers and options, keys of contexts, a provider's own
 * words. What it returns forges no line of a log, moves no cursor, turns no text around, and has a bounded length.
 */

/** Greatest length of a printed text in UTF-16 units. */
export const maxPrinted = 1024

/** Control, format (bidirectional ones among them), private, unassigned, lone surrogates; line and paragraph separators. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu

const escape = (character: string): string => `\\u{${character.codePointAt(0)!.toString(16)}}`

/** A text with what is not printable as `\u{1b}`, cut behind `max` UTF-16 units. A text that was printed stays as it is. */
export const printable = (text: string, max = maxPrinted): string => {
  const start = text.slice(0, max)
  const escaped = start.replace(unprintable, escape)
  return start.length < text.length || escaped.length > max
    ? `${escaped.slice(0, max - 1).replace(/\p{Surrogate}$/u, "")}…`
    : escaped
}

/** A text in quotation marks, printed. */
export const quoted = (text: string, max = maxPrinted): string => printable(JSON.stringify(text.slice(0, max)), max)

/** A value as an error shows it: bounded, and whatever it is. */
export const shown = (value: unknown): string => {
  try {
    return typeof value === "string" ? quoted(value, maxShown) : printable(String(value), maxShown)
  } catch {
    return typeof value
  }
}

const maxShown = 101

/** The tag of templates whose values are printed: one line of text, whatever they hold. */
export const line = (parts: TemplateStringsArray, ...values: ReadonlyArray<string | number>): string =>
  parts.map((part, index) => index === 0 ? part : printable(String(values[index - 1])) + part).join("")
